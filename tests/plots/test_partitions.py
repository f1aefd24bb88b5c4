"""Contributions, gains and the pooled matrix: the numbers drawn are those of the explanation."""

import numpy as np
import pandas as pd
import pytest
import torch

import asm_interp as asm
from asm_interp.plots.partitions import draw_contributions, draw_pattern_gain, draw_pooled

PATTERN = asm.patterns.get("cross-rectangle")
VALUES = torch.randn(12, 30, 40, generator=torch.Generator().manual_seed(0))
WHY = asm.explain_crop(asm.ScoreMap(VALUES, PATTERN, (60, 80)), [4, 6, 70, 50])


def test_bars_sum_to_the_score() -> None:
    ax = draw_contributions(WHY.partitions)
    widths = np.array([bar.get_width() for bar in ax.patches]).reshape(2, 12)
    np.testing.assert_allclose(widths[0], WHY.partitions["offset"])
    np.testing.assert_allclose(widths.sum(axis=0), WHY.partitions["contribution"])
    assert widths.sum() == pytest.approx(WHY.score)
    assert f"= {WHY.score:.3f}".replace("-", "\N{MINUS SIGN}") in ax.get_xlabel()


def test_gain_lies_as_the_pattern_stands() -> None:
    ax = draw_pattern_gain(WHY.partitions, PATTERN)
    gain = (WHY.partitions["contribution"] - WHY.partitions["offset"]) / WHY.partitions["area"]
    np.testing.assert_allclose(ax.images[0].get_array(), gain.to_numpy()[PATTERN.labels])
    assert ax.images[0].norm.vmax == -ax.images[0].norm.vmin == pytest.approx(gain.abs().max())


def test_outlined_entries_of_the_pooled_matrix_are_those_the_crop_reads() -> None:
    ax = draw_pooled(WHY.pooled, PATTERN)
    drawn = np.asarray(ax.images[0].get_array())
    assert sorted(map(tuple, drawn)) == sorted(map(tuple, WHY.pooled))
    outlined = [
        drawn[int(block.get_y()) : int(block.get_y() + block.get_height()), int(block.get_x())] for block in ax.patches
    ]
    assert np.concatenate(outlined).mean() == pytest.approx(WHY.score)
    means = [block.mean() for block in outlined]
    np.testing.assert_allclose(means, WHY.partitions["mean"])


def test_degenerate_numbers_are_drawn() -> None:
    table = pd.DataFrame({"partition": range(12), "area": 1 / 12, "contribution": np.nan, "offset": 0.0})
    draw_pattern_gain(table, PATTERN).figure.canvas.draw()
    draw_pooled(np.full((36, 12), np.nan), PATTERN).figure.canvas.draw()
    draw_pooled(np.zeros((1, 1)), asm.patterns.get("grid:1x1")).figure.canvas.draw()


def test_a_matrix_of_another_pattern_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[cells, L\] = \[36, 12\], got \[9, 9\]"):
        draw_pooled(np.zeros((9, 9)), PATTERN)
