"""Calibration and power show the rates they are given, with exact intervals."""

from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.layout_engine import ConstrainedLayoutEngine
from scipy.stats import binomtest

from asm_interp.plots.calibration import calibration_figure, draw_calibration, draw_power, power_figure, power_tests
from asm_interp.plots.style import paper_style

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def test_calibration() -> None:
    table = pd.read_csv(FOLDER / "calibration.csv")
    ax = draw_calibration(table, ax=plt.figure().add_subplot())
    nulls = ["pure null", "heterogeneity", "area", "area, curved"]
    points = [each for each in ax.collections if not hasattr(each, "get_segments") and each.get_offsets().size > 2]
    for null, drawn in zip(nulls, points, strict=True):
        np.testing.assert_array_equal(drawn.get_offsets()[:, 0], table[null].dropna())  # not asked of every null
    bars = next(each for each in ax.collections if hasattr(each, "get_segments")).get_segments()
    exact = binomtest(51, 1000).proportion_ci(0.95, "exact")
    np.testing.assert_allclose(bars[0][:, 0], [exact.low, exact.high])
    assert 0.05 in ax.lines[0].get_xdata()
    assert "n = 1000 simulations of 60 photos" in ax.get_xlabel()


@pytest.mark.parametrize("repeats", [1, 3])
@pytest.mark.parametrize("venue", [None, "aaai", "neurips"])
def test_labels_of_tests_do_not_touch(venue: str | None, repeats: int) -> None:
    table = pd.concat([pd.read_csv(FOLDER / "calibration.csv")] * repeats, ignore_index=True)
    with paper_style(venue) if venue else nullcontext():
        figure = calibration_figure(table)
        figure.canvas.draw()
    assert isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine)
    boxes = [text.get_window_extent() for text in figure.axes[0].get_yticklabels()]
    assert len(boxes) == len(table)
    assert all(upper.y0 > lower.y1 for upper, lower in pairwise(boxes))
    assert min(box.x0 for box in boxes) >= 0


def test_power() -> None:
    table = pd.read_csv(FOLDER / "power.csv")
    test = "partial ρ, width and height held"
    ax = draw_power(table, test, ax=plt.figure().add_subplot())
    for line, (number, own) in zip(ax.lines, table.groupby("n_photos"), strict=False):
        assert line.get_label() == f"{number} photos"
        np.testing.assert_array_equal(line.get_xydata(), own[["beta", test]])
    with pytest.raises(ValueError, match="no test 'beta'"):
        draw_power(table, "beta", ax=ax)
    with paper_style("aaai") as width:
        figure = power_figure(table)
        figure.canvas.draw()
    assert figure.get_figwidth() == width
    assert isinstance(power_figure(table).get_layout_engine(), ConstrainedLayoutEngine)
    assert len([each for each in figure.axes if each.axison]) == len(power_tests(table)) == 8


def test_rates_that_are_missing() -> None:
    table = pd.read_csv(FOLDER / "calibration.csv").assign(area=np.nan)
    draw_calibration(table, ax=plt.figure().add_subplot()).figure.canvas.draw()
