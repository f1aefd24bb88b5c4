"""Circular crops split as exactly as rectangular ones."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import asm_interp as asm


def random_map(pattern: str, photo_size: tuple[int, int] = (200, 300), seed: int = 0) -> asm.ScoreMap:
    shape = asm.patterns.get(pattern)
    values = torch.randn(shape.n_partitions, 64, 96, generator=torch.Generator().manual_seed(seed))
    return asm.ScoreMap(values + torch.arange(shape.n_partitions).view(-1, 1, 1), shape, photo_size)


@pytest.mark.parametrize("pattern", ["cross-rectangle", "multi-direction", "grid:1x1", "grid:5x5"])
@settings(deadline=None, max_examples=15)
@given(r=st.floats(1, 100), u=st.floats(0, 1), v=st.floats(0, 1))
def test_everything_sums_to_the_score(pattern: str, r: float, u: float, v: float) -> None:
    score_map = random_map(pattern)
    circle = [r + u * (300 - 2 * r), r + v * (200 - 2 * r), r]
    why = asm.explain_circle(score_map, circle)
    score = asm.circle_scores(score_map, [circle])[0]
    assert why.score == pytest.approx(score, rel=1e-9, abs=1e-12)
    assert why.partitions["contribution"].sum() == pytest.approx(score, rel=1e-9, abs=1e-12)
    assert np.nanmean(why.pixel_scores) == pytest.approx(score, rel=1e-9, abs=1e-12)
    assert why.partitions["area"].sum() == pytest.approx(1)
    np.testing.assert_allclose(
        why.partitions["content"] + why.partitions["composition"], why.partitions["contribution"]
    )


def test_pixels_outside_the_circle_do_not_count() -> None:
    score_map = random_map("grid:2x2", photo_size=(64, 96))
    why = asm.explain_circle(score_map, [40, 30, 20])
    y, x = np.mgrid[10:50, 20:60] + 0.5
    inside = (x - 40) ** 2 + (y - 30) ** 2 <= 400
    np.testing.assert_array_equal(np.isfinite(why.pixel_scores), inside)
    lower_right = score_map.values[3, 30:50, 40:60].numpy()
    np.testing.assert_allclose(why.pixel_scores[20:, 20:][inside[20:, 20:]], lower_right[inside[20:, 20:]])


def test_a_circle_that_leaves_the_photo_is_an_error() -> None:
    with pytest.raises(ValueError, match="inside the photo"):
        asm.explain_circle(random_map("grid:1x1"), [10, 100, 20])
