"""Lift maps, the corner table and the tolerance sweep show the tables they are given."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from asm_interp.analysis.lift_map import LiftMap
from asm_interp.plots.bias import draw_corners, draw_lift, draw_tolerances, outline

FOLDER = Path(__file__).resolve().parents[2] / "figures" / "gaicd_bias"


@pytest.fixture
def ax() -> Axes:
    return plt.figure().add_subplot()


def a_map(lift: np.ndarray, p_adj: np.ndarray) -> LiftMap:
    same = np.zeros(lift.shape)
    return LiftMap(lift, same, same, p_adj, same, n_photos=7, n_crops=70, resamples=9, seed=0, held="nothing")


def test_lift(ax: Axes) -> None:
    lift, p_adj = np.array([[0.5, -0.1, np.nan], [0.2, 0.0, 0.1]]), np.array([[0.01, 0.9, np.nan], [0.01, 0.5, 0.5]])
    draw_lift(a_map(lift, p_adj), ax=ax)
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array().filled(np.nan), lift)
    assert image.norm.vmin == -image.norm.vmax
    assert list(image.get_extent()) == [0, 1, 1, 0]
    (line,) = ax.collections
    edges = {tuple(map(tuple, segment)) for segment in np.round(line.get_segments(), 9)}
    third = round(1 / 3, 9)
    assert ((third, 0.0), (third, 0.5)) in edges
    assert ((0.0, 0.5), (third, 0.5)) not in edges  # both cells of the first column are significant
    assert len(edges) == 6
    assert "n = 7 photos" in ax.get_xlabel()


def test_lift_of_a_table_and_of_nothing(ax: Axes) -> None:
    found = a_map(np.array([[0.5, -0.1]]), np.ones((1, 2)))
    draw_lift(found.to_frame(), ax=ax, norm=Normalize(-1, 1))
    assert ax.images[0].get_array().tolist() == [[0.5, -0.1]]
    assert len(ax.collections[0].get_segments()) == 0
    empty = np.full((2, 2), np.nan)
    draw_lift(a_map(empty, empty), ax=plt.figure().add_subplot()).figure.canvas.draw()
    with pytest.raises(ValueError, match="choose the rows on one `held`"):
        draw_lift(pd.concat([found.to_frame()] * 2), ax=ax)


def test_outline_is_closed() -> None:
    mask = np.random.default_rng(0).random((6, 5)) < 0.5
    ends = [point for segment in outline(mask) for point in segment]
    assert all(ends.count(point) % 2 == 0 for point in set(ends))
    assert outline(np.zeros((2, 2), bool)) == []


def test_corners(ax: Axes) -> None:
    table = pd.read_csv(FOLDER / "bias.csv")
    draw_corners(table, ax=ax)
    shown = table[table["statistic"].str.startswith(("corner", "score and"))]
    drawn = [xy for points in ax.collections if hasattr(points, "get_offsets") and len(points.get_offsets()) > 0
             for xy in points.get_offsets()[:, 0].tolist() if len(points.get_facecolors())]  # fmt: skip
    assert sorted(drawn) == sorted(shown["estimate"])
    segments = [s for lines in ax.collections if hasattr(lines, "get_segments") for s in lines.get_segments()]
    assert sorted((s[0][0], s[1][0]) for s in segments) == sorted(zip(shown["ci_low"], shown["ci_high"], strict=True))
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels[:3] == ["raw", "within thirds by area", "within width and height"]
    assert labels.count("raw") == 3
    assert "n = 1236 photos" in ax.get_xlabel()
    with pytest.raises(ValueError, match="rows on corners"):
        draw_corners(table[table["statistic"].str.startswith("position")], ax=ax)


def test_corners_that_are_not_significant_are_hollow(ax: Axes) -> None:
    table = pd.read_csv(FOLDER / "bias.csv")[:4].assign(p_adj=[0.5, 0.5, 0.5, 0.01])
    draw_corners(table, ax=ax)
    faces = [points.get_facecolors().tolist() for points in ax.collections if points.get_offsets().size > 2]
    white = [[face == [1.0, 1.0, 1.0, 1.0] for face in each] for each in faces]
    assert white == [[True, True], [True, False]]  # raw; with area
    assert "hollow" in ax.get_xlabel()


def test_tolerances(ax: Axes) -> None:
    table = pd.read_csv(FOLDER / "tolerances.csv")
    draw_tolerances(table, ax=ax)
    for line in ax.lines[1:]:
        own = table[table["statistic"] == f"score and corner count, {line.get_label()}"]
        np.testing.assert_array_equal(line.get_ydata(), own["estimate"])
    assert len(ax.lines) == 6
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1/32\n0 %", "1/16\n51 %", "1/6\n99 %", "1/4\n100 %"]
