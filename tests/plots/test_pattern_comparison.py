"""Patterns ranked, their differences and what they can express, as the tables say."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from asm_interp.analysis.expressivity import pattern_expressivity
from asm_interp.plots.intervals import long_summary
from asm_interp.plots.pattern_comparison import draw_differences, draw_expressivity, draw_ranking

FOLDER = Path(__file__).resolve().parents[2] / "figures" / "sweeps" / "subjects"

DIFFERENCES = pd.DataFrame(
    {
        "setting": ["a", "a", "b"],
        "reference": ["b", "c", "c"],
        "statistic": "SRCC",
        "estimate": [0.1, -0.2, 0.3],
        "ci_low": [0.05, -0.4, 0.2],
        "ci_high": [0.2, 0.1, 0.5],
        "p_adj": [0.01, 0.3, 0.01],
        "n_photos": 12,
    }
)


def test_ranking() -> None:
    summary = pd.read_csv(FOLDER / "table1-summary.csv").assign(gauge_share_n=139)
    ax = draw_ranking(long_summary(summary, "pattern"), "gauge_share", ax=plt.figure().add_subplot())
    ordered = summary.sort_values("gauge_share", ascending=False)
    known = ordered["gauge_share"].dropna()
    np.testing.assert_array_equal(ax.collections[1].get_offsets(), [*zip(known, range(len(known)), strict=True)])
    assert [text.get_text() for text in ax.get_yticklabels()] == ordered["pattern"].tolist()
    assert ordered["pattern"].iloc[-1] == "grid:1x1"  # one partition has no gauge share
    assert ax.get_xlabel() == "gauge share, n = 139 photos, 1 seed"


def test_differences() -> None:
    ax = draw_differences(DIFFERENCES, "SRCC", ax=plt.figure().add_subplot())
    bars, points = ax.collections
    np.testing.assert_array_equal(points.get_offsets()[:, 0], [0.1, -0.2, 0.3])
    np.testing.assert_array_equal([s[:, 0] for s in bars.get_segments()], [[0.05, 0.2], [-0.4, 0.1], [0.2, 0.5]])
    assert [(face == 1).all() for face in points.get_facecolors()] == [False, True, False]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a − b", "a − c", "b − c"]


def test_differences_from_one_change_sign_where_it_stands_first() -> None:
    ax = draw_differences(DIFFERENCES, "SRCC", reference="b", ax=plt.figure().add_subplot())
    bars, points = ax.collections
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "c"]
    np.testing.assert_array_equal(points.get_offsets()[:, 0], [0.1, -0.3])
    np.testing.assert_array_equal([s[:, 0] for s in bars.get_segments()], [[0.05, 0.2], [-0.5, -0.2]])
    with pytest.raises(ValueError, match="no setting 'd'; there are a, b, c"):
        draw_differences(DIFFERENCES, "SRCC", reference="d", ax=ax)


def test_settings_that_are_numbers() -> None:
    table = DIFFERENCES.assign(setting=[0.01, 0.1, 3.0], reference=0.0)
    ax = draw_differences(table, "SRCC", reference=0.0, ax=plt.figure().add_subplot())
    assert [text.get_text() for text in ax.get_yticklabels()] == ["0.01", "0.1", "3"]
    assert ax.get_xlabel().startswith("SRCC less that of 0")


def test_expressivity() -> None:
    table = pattern_expressivity(["grid:3x3", "cross-rectangle"], ["centre", "thirds"])
    ax = draw_expressivity(table, ax=plt.figure().add_subplot())
    np.testing.assert_array_equal(ax.images[0].get_array(), table[["centre", "thirds"]])
    assert [text.get_text() for text in ax.texts] == [".88", ".40", ".91", ".84"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["grid:3x3 (9)", "cross-rectangle (12)"]
    assert ax.images[0].get_clim() == (0, 1)
