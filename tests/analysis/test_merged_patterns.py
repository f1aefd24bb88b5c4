"""Score maps read with a coarser pattern than their own."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asm_interp.analysis.merged_patterns import (
    cut_partitions,
    merge_partitions,
    nearest_pattern,
    pattern_distance,
    shared_areas,
)
from asm_interp.geometry import patterns
from asm_interp.geometry.patterns import CompositionPattern, from_labels
from asm_interp.model.score_map import ScoreMap, crop_scores

TRAINED = {name: patterns.get(name) for name in ("grid:1x1", "grid:3x3", "grid:5x5", "cross-rectangle")}
BOXES = [[0, 0, 60, 40], [5, 3, 31, 30], [17.5, 8, 44, 36]]


def random_map(pattern: CompositionPattern, seed: int = 0) -> ScoreMap:
    values = np.random.default_rng(seed).normal(size=(pattern.n_partitions, 20, 30))
    return ScoreMap(torch.tensor(values), pattern, (40, 60))


@st.composite
def coarsenings(draw: st.DrawFn) -> tuple[CompositionPattern, CompositionPattern]:
    trained = TRAINED[draw(st.sampled_from(["grid:3x3", "cross-rectangle"]))]
    groups = draw(st.lists(st.integers(0, 3), min_size=trained.n_partitions, max_size=trained.n_partitions))
    merged = np.unique(groups, return_inverse=True)[1]
    return from_labels(merged[trained.labels], "own"), trained


@settings(deadline=None, max_examples=40)
@given(coarsenings())
def test_a_coarser_pattern_cuts_nothing_and_keeps_what_all_partitions_say_together(pair):
    own, trained = pair
    assert cut_partitions(own, trained) == []
    score_map = random_map(trained)
    merged = merge_partitions(score_map, own)
    whole = torch.einsum("l,lhw->hw", torch.tensor(trained.areas).float(), score_map.values)
    torch.testing.assert_close(torch.einsum("l,lhw->hw", torch.tensor(own.areas).float(), merged.values), whole)


@settings(deadline=None, max_examples=40)
@given(coarsenings(), st.integers(0, 9))
def test_channels_that_were_alike_lose_nothing(pair, seed):
    own, trained = pair
    score_map = random_map(own, seed)
    member = (shared_areas(own, trained) > 0).argmax(axis=0)  # which of your partitions holds each trained one
    finer = ScoreMap(score_map.values[member], trained, (40, 60))
    np.testing.assert_allclose(
        crop_scores(merge_partitions(finer, own), BOXES), crop_scores(finer, BOXES), rtol=1e-5, atol=1e-6
    )


def test_no_map_is_nearer_to_what_the_model_reads():
    own, trained = from_labels([[0, 0, 1], [0, 0, 1], [1, 1, 1]], "own"), patterns.get("grid:3x3")
    score_map = random_map(trained)
    merged = merge_partitions(score_map, own).values
    weights = torch.tensor(shared_areas(own, trained)).float()

    def loss(channels: torch.Tensor) -> float:
        return float(torch.einsum("dl,dlhw->", weights, (score_map.values[None] - channels[:, None]).square()))

    noise = 0.01 * torch.randn(merged.shape, generator=torch.Generator().manual_seed(0))
    assert loss(merged) < loss(merged + noise)
    gradient = torch.einsum("dl,dlhw->dhw", weights, score_map.values[None] - merged[:, None])
    assert float(gradient.abs().max()) < 1e-6


def test_the_same_pattern_in_other_numbers_gives_the_same_scores():
    trained = patterns.get("multi-rectangle")
    turned = from_labels(trained.n_partitions - 1 - trained.labels, "turned")
    score_map = random_map(trained)
    assert pattern_distance(turned, trained) == 0
    np.testing.assert_allclose(
        crop_scores(merge_partitions(score_map, turned), BOXES), crop_scores(score_map, BOXES), rtol=1e-6
    )


def test_a_cut_partition_is_named():
    with pytest.raises(ValueError, match=r"halves cuts partitions \[1, 4, 7\] of grid:3x3"):
        merge_partitions(random_map(patterns.get("grid:3x3")), from_labels([[0, 1]], "halves"))


def test_distance_is_symmetric_and_obeys_the_triangle():
    shapes = [patterns.get(name) for name in patterns.names()]
    between = np.array([[pattern_distance(a, b) for b in shapes] for a in shapes])
    np.testing.assert_allclose(between, between.T, atol=1e-12)
    assert np.all(between[:, None, :] <= between[:, :, None] + between[None] + 1e-9)


def test_nearest_prefers_a_pattern_that_is_not_cut():
    nine = nearest_pattern(from_labels(patterns.get("grid:3x3").labels[::-1], "upside down"), TRAINED)
    assert (nine.name, nine.distance, nine.cut) == ("grid:3x3", 0, [])
    quarters = nearest_pattern(from_labels([[0, 1, 0, 1]], "strips"), TRAINED)
    assert quarters.cut, "strips of quarters are unions of no trained pattern's partitions"
    with pytest.raises(ValueError, match="no trained pattern"):
        nearest_pattern(patterns.get("grid:1x2"), {})
