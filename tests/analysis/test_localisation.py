"""Maps of known grades, and a gradient of closed form."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import asm_interp as asm
from asm_interp.analysis.localisation import (
    EXPLANATIONS,
    explanation_maps,
    gradient_map,
    localisation,
    random_heads,
    relevance_mass,
)
from asm_interp.analysis.null_maps import random_head
from asm_interp.data.planted import shapes_world

MASK = np.zeros((20, 30), bool)
MASK[4:10, 5:15] = True
SHARE = MASK.mean()


def test_a_perfect_map() -> None:
    assert localisation(MASK * 3.0, MASK) == {"auc": 1, "pointing": 1, "mass": 1}


def test_an_inverted_map() -> None:
    assert localisation(-1.0 * MASK, MASK, tolerance=0) == {"auc": 0, "pointing": 0, "mass": 0}


def test_a_constant_map_is_chance() -> None:
    found = localisation(np.full(MASK.shape, -7.0), MASK, tolerance=0)
    assert found == {"auc": 0.5, "pointing": pytest.approx(SHARE), "mass": pytest.approx(SHARE)}


def test_maps_with_nan_have_no_grade() -> None:
    assert all(np.isnan(value) for value in localisation(np.full((20, 30), np.nan), MASK).values())
    some = MASK * 1.0
    some[0, 0] = np.nan
    found = localisation(some, MASK)
    assert np.isnan([found["auc"], found["mass"]]).all()
    assert found["pointing"] == 1  # among the pixels that have a value
    assert np.isnan(relevance_mass([[np.inf, 1.0]], [[True, False]]))


def test_a_photo_without_subject_has_no_grade() -> None:
    assert all(np.isnan(value) for value in localisation(np.eye(20, 30), np.zeros((20, 30), bool)).values())


def test_half_of_the_subject_marked() -> None:
    """30 of 60 pixels beat all others, 30 tie with them: (1 + 1/2) / 2."""
    half = MASK.copy()
    half[:, 10:] = False
    found = localisation(half * 1.0, MASK)
    assert (found["auc"], found["mass"]) == (0.75, 1)


def test_a_map_of_another_size_is_resized() -> None:
    small = np.zeros((10, 15))
    small[2:5, 3:7] = 1
    assert localisation(small, MASK)["auc"] > 0.97


def test_a_peak_near_the_subject_counts_within_the_tolerance() -> None:
    peak = np.zeros(MASK.shape)
    peak[4, 16] = 1  # two pixels beside it, 0.1 of the shorter side
    assert [localisation(peak, MASK, tolerance)["pointing"] for tolerance in (0.05, 0.1)] == [0, 1]


@given(arrays(np.float64, (4, 5), elements=st.floats(-5, 5)), st.floats(-3, 3), st.floats(0.1, 9))
def test_relevance_mass_knows_no_offset_or_unit(values: np.ndarray, offset: float, unit: float) -> None:
    values = values.round(3)
    mask = np.zeros((4, 5), bool)
    mask[1, 2:4] = True
    mass = relevance_mass(values, mask)
    assert 0 <= mass <= 1
    assert relevance_mass(unit * values + offset, mask) == pytest.approx(mass, abs=1e-6)


class PixelNet(asm.ASMNet):
    """Every channel is the input's first colour: a crop's score is its mean, whose gradient is 1 over the area."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, :1].expand(-1, self.pattern.n_partitions, -1, -1)


def test_gradient_of_closed_form() -> None:
    model = PixelNet("tiny", "grid:2x2", input_size=32)
    photo = np.random.default_rng(0).integers(0, 255, (64, 128, 3), dtype=np.uint8)
    found = gradient_map(model, photo, [[0, 0, 32, 32], [32, 16, 128, 64]])
    expected = np.zeros((32, 64))
    expected[:16, :16] += 1 / (2 * 16 * 16)
    expected[8:, 16:] += 1 / (2 * 24 * 48)
    np.testing.assert_allclose(found, expected, atol=1e-7)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_all_maps_of_a_photo() -> None:
    model = asm.load("shapes-lambda-0")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    sample = next(one for one in shapes_world("test", n_photos=4) if one.mask.any())
    maps = explanation_maps(model, model.score_map(sample.photo), sample.photo, sample.boxes)
    assert list(maps) == list(EXPLANATIONS)
    assert all(np.isfinite(values).all() and np.ptp(values) > 0 for values in maps.values())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert localisation(maps["theta_std"], sample.mask)["auc"] > 0.9


def test_random_heads_are_those_of_one_at_a_time() -> None:
    model = asm.load("shapes-lambda-0")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    photo = np.random.default_rng(2).integers(0, 255, (72, 100, 3), dtype=np.uint8)
    found = random_heads(model, [3, 0])(photo)
    for score_map, seed in zip(found, (3, 0), strict=True):
        alone = random_head(model, seed).score_map(photo)
        torch.testing.assert_close(score_map.values, alone.values)
        assert (score_map.pattern, score_map.photo_size) == (model.pattern, (72, 100))
        assert not score_map.values.is_inference()
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
