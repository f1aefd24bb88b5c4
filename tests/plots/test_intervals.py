"""Numbers drawn are the numbers given: series, forests, and how a sweep's summary is read."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from asm_interp.plots.intervals import (
    PLAIN,
    asides,
    draw_forest,
    draw_series,
    long_summary,
    looks,
    not_significant,
    rows_of,
)

TABLE = pd.DataFrame(
    {
        "estimate": [0.3, np.nan, -0.2, 0.1],
        "ci_low": [0.1, np.nan, -0.1, np.nan],  # the third interval does not hold its estimate
        "ci_high": [0.4, np.nan, 0.3, np.nan],
    }
)


@pytest.fixture
def ax() -> Axes:
    return plt.figure().add_subplot()


def test_series(ax: Axes) -> None:
    draw_series([0, 1, 2, 5], TABLE, ax=ax, label="a")
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xydata(), [[0, 0.3], [1, np.nan], [2, -0.2], [5, 0.1]])
    (bars,) = ax.collections
    np.testing.assert_array_equal(bars.get_segments(), [[[0, 0.1], [0, 0.4]], [[2, -0.1], [2, 0.3]]])
    ax.figure.canvas.draw()


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_series_stand_beside_one_another_at_their_very_places(ax: Axes, scale: str) -> None:
    places = np.array([1, 2, 5, 9])
    for aside in asides(2):
        draw_series(places, TABLE, ax=ax, aside=aside)
    ax.set_xscale(scale)
    ax.figure.canvas.draw()
    shown = [line.get_transform().transform(np.column_stack([places, np.zeros(4)]))[:, 0] for line in ax.lines]
    np.testing.assert_allclose(shown[1] - shown[0], 3 * ax.figure.dpi / 72)
    np.testing.assert_allclose(np.mean(shown, axis=0), ax.transData.transform([(x, 0) for x in places])[:, 0])
    assert {tuple(line.get_xdata()) for line in ax.lines} == {tuple(places)}
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    assert left < places.min()
    assert places.max() < right
    assert low < TABLE["ci_low"].min()
    assert TABLE["ci_high"].max() < high


def test_forest(ax: Axes) -> None:
    draw_forest([*"abcd"], TABLE, ax=ax, hollow=[False, False, True, False], reference=0.0)
    bars, points = ax.collections
    np.testing.assert_array_equal(points.get_offsets(), [[0.3, 0], [-0.2, 2], [0.1, 3]])  # the second row stays empty
    np.testing.assert_array_equal(bars.get_segments(), [[[0.1, 0], [0.4, 0]], [[-0.1, 2], [0.3, 2]]])
    assert [(face == 1).all() for face in points.get_facecolors()] == [False, True, False]
    assert [text.get_text() for text in ax.get_yticklabels()] == [*"abcd"]
    assert ax.yaxis_inverted()


def test_looks_are_told_apart_without_colour() -> None:
    named = looks([*range(49)])
    assert len({(look.color, look.marker) for look in named.values()}) == 49
    first = [*looks([*range(7)]).values()]
    assert len({look.marker for look in first}) == len({look.color for look in first}) == 7
    assert PLAIN.line == "-"


def test_not_significant() -> None:
    assert not_significant(pd.DataFrame({"p_adj": [0.01, 0.05, np.nan]})).tolist() == [False, True, False]


def test_long_summary() -> None:
    summary = pd.DataFrame({"lambda": [0.0, 1.0], "n_seeds": [3, 2], "n_test": [9, 9], "seconds": [1.0, 2.0]})
    for name, values in (("SRCC", [0.5, 0.4]), ("PCC", [0.7, np.nan])):
        summary = summary.assign(**{name: values, f"{name}_sd": 0.1, f"{name}_low": 0.3, f"{name}_high": 0.9})
    summary["SRCC_n"] = [8, 7]
    means = long_summary(summary, "lambda")
    assert means["statistic"].tolist() == ["SRCC", "SRCC", "PCC", "PCC"]
    own = rows_of(means, "SRCC")
    assert own[["setting", "estimate", "ci_low", "ci_high", "n_photos", "n_seeds"]].to_numpy().tolist() == [
        [0.0, 0.5, 0.3, 0.9, 8, 3],
        [1.0, 0.4, 0.3, 0.9, 7, 2],
    ]
    assert rows_of(means, "PCC")["n_photos"].isna().all()  # not all 9 photos need define it
    with pytest.raises(ValueError, match="no statistic 'Acc'; there are SRCC, PCC"):
        rows_of(means, "Acc")
    with pytest.raises(ValueError, match="by 'pattern'"):
        long_summary(summary, "pattern")
