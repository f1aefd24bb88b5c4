"""The landscape lies over its centres, and the mark at its maximum."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

import asm_interp as asm
from asm_interp.analysis.landscape import score_landscape
from asm_interp.plots.landscape import draw_landscape

PHOTO = np.zeros((60, 80, 3), np.uint8)
MAP = asm.ScoreMap(
    torch.randn(1, 30, 40, generator=torch.Generator().manual_seed(4)), asm.patterns.get("grid:1x1"), (60, 80)
)


def test_scores_lie_over_their_centres_and_the_highest_is_marked() -> None:
    landscape = score_landscape(MAP, 40, n=9)
    ax = draw_landscape(landscape, PHOTO)
    image = ax.images[1]
    np.testing.assert_array_equal(image.get_array(), landscape.scores)
    left, right, bottom, top = image.get_extent()
    columns, rows = len(landscape.x), len(landscape.y)
    np.testing.assert_allclose(left + (np.arange(columns) + 0.5) * (right - left) / columns, landscape.x)
    np.testing.assert_allclose(top + (np.arange(rows) + 0.5) * (bottom - top) / rows, landscape.y)
    x1, y1, x2, y2 = landscape.best_box
    assert ax.lines[0].get_xydata().tolist() == [[(x1 + x2) / 2, (y1 + y2) / 2]]
    assert ax.patches[0].get_bbox().extents.tolist() == [x1, y1, x2, y2]
    scale = image.norm
    assert (scale.vmin + scale.vmax) / 2 == pytest.approx(landscape.scores.mean())
    assert scale.vmin <= landscape.scores.min() <= landscape.scores.max() <= scale.vmax
    assert (ax.get_xlim(), ax.get_ylim()) == ((0, 80), (60, 0))


def test_one_place_is_a_band() -> None:
    landscape = score_landscape(MAP, 40, aspect=40 / 60, n=9)
    assert landscape.scores.shape[0] == 1
    _, _, bottom, top = draw_landscape(landscape, PHOTO).images[1].get_extent()
    assert (top, bottom) == pytest.approx((27, 33))


@pytest.mark.parametrize("value", [np.nan, 2.5])
def test_constant_and_missing_scores_are_drawn(value: float) -> None:
    landscape = score_landscape(MAP, 40, n=5)
    flat = replace(landscape, scores=np.full_like(landscape.scores, value))
    draw_landscape(flat, PHOTO, ax=plt.gca()).figure.canvas.draw()
