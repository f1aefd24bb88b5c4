"""Score landscapes: every value is a crop score, and the crops are those that fit."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import asm_interp as asm
from asm_interp.analysis.landscape import score_landscape

PHOTO = (50, 90)


def random_map() -> asm.ScoreMap:
    values = torch.randn(12, 32, 64, generator=torch.Generator().manual_seed(4))
    return asm.ScoreMap(values, asm.patterns.get("cross-rectangle"), PHOTO)


@settings(deadline=None, max_examples=20)
@given(share=st.floats(0.06, 1), aspect=st.one_of(st.none(), st.floats(0.7, 1.8)))
def test_values_are_crop_scores(share: float, aspect: float | None) -> None:
    score_map, width = random_map(), share * 50 * 0.7
    seen = score_landscape(score_map, width, aspect, n=9)
    assert seen.scores.shape == (len(seen.y), len(seen.x))
    assert max(seen.scores.shape) == 9
    assert seen.width / seen.height == pytest.approx(aspect or 90 / 50)
    assert (seen.x[0], seen.x[-1]) == pytest.approx((seen.width / 2, 90 - seen.width / 2))
    assert (seen.y[0], seen.y[-1]) == pytest.approx((seen.height / 2, 50 - seen.height / 2))
    row, column = len(seen.y) // 2, len(seen.x) - 1
    centre = np.array([seen.x[column], seen.y[row]])
    half = np.array([seen.width, seen.height]) / 2
    score = asm.crop_scores(score_map, [np.concatenate([centre - half, centre + half])])[0]
    assert seen.scores[row, column] == pytest.approx(score, abs=1e-9)
    assert asm.crop_scores(score_map, [seen.best_box])[0] == pytest.approx(seen.scores.max(), abs=1e-9)


def test_no_room() -> None:
    whole = score_landscape(random_map(), 90)
    assert whole.scores.shape == (1, 1)
    np.testing.assert_allclose(whole.best_box, [0, 0, 90, 50])
    strip = score_landscape(random_map(), 45, 0.9, n=5)  # as high as the photo
    assert (strip.scores.shape, strip.height) == ((1, 5), 50)


def test_a_bright_spot_is_found() -> None:
    values = torch.zeros(1, 50, 90)
    values[0, 30:40, 60:70] = 1
    seen = score_landscape(asm.ScoreMap(values, asm.patterns.get("grid:1x1"), PHOTO), 10, 1.0, n=81)
    np.testing.assert_allclose(seen.best_box, [60, 30, 70, 40])
    assert seen.scores.max() == pytest.approx(1)


def test_faults() -> None:
    for width, aspect, message in (
        (91, None, "does not fit a photo of 50×90"),
        (60, 1.0, "does not fit"),
        (0.5, None, "thinner than 1 px"),
        (20, 0.0, "aspect is above 0, got 0"),
        (float("nan"), 1.0, "does not fit"),
        (20, float("nan"), "aspect is above 0, got nan"),
    ):
        with pytest.raises(ValueError, match=message):
            score_landscape(random_map(), width, aspect)
    with pytest.raises(ValueError, match="n is at least 2"):
        score_landscape(random_map(), 20, n=1)
