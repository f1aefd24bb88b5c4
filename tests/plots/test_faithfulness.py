"""Insertion and deletion curves with their areas, and the pointing game."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.layout_engine import ConstrainedLayoutEngine

from asm_interp.analysis.pointing_game import pointing_game
from asm_interp.plots.faithfulness import draw_perturbation_curves, draw_pointing_game, faithfulness_figure

SHARE = [0.0, 0.5, 1.0]


def a_curve(mode: str, order: str, scores: list[float], draw: int = 0) -> pd.DataFrame:
    return pd.DataFrame({"mode": mode, "order": order, "draw": draw, "fill": "mean", "share": SHARE, "score": scores})


@pytest.fixture
def curves() -> pd.DataFrame:
    return pd.concat(
        [
            a_curve("deletion", "theta_std", [1.0, 0.0, 0.0]),
            a_curve("insertion", "theta_std", [0.0, 1.0, 1.0]),
            *(a_curve("deletion", "random", [1.0, middle, 0.0], i) for i, middle in enumerate((0.4, 0.6))),
            *(a_curve("insertion", "random", [0.0, middle, 1.0], i) for i, middle in enumerate((0.4, 0.6))),
        ]
    )


def test_curves(curves: pd.DataFrame) -> None:
    ax = draw_perturbation_curves(curves, "deletion", ax=plt.figure().add_subplot())
    *each, mean, own = ax.lines
    np.testing.assert_allclose(mean.get_xydata(), [[0, 1], [0.5, 0.5], [1, 0]])
    np.testing.assert_array_equal(own.get_xydata(), [[0, 1], [0.5, 0], [1, 0]])
    np.testing.assert_array_equal([line.get_ydata() for line in each], [[1, 0.4, 0], [1, 0.6, 0]])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["random, n = 2: 0.500", "θstd: 0.250"]


def test_figure_and_faults(curves: pd.DataFrame) -> None:
    figure = faithfulness_figure(curves)
    first, second = figure.axes
    assert first.get_ylim() == second.get_ylim()
    figure.canvas.draw()
    assert isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine)
    with pytest.raises(ValueError, match="found 0 rows"):
        draw_perturbation_curves(curves, "both", ax=first)
    with pytest.raises(ValueError, match="one fill"):
        draw_perturbation_curves(pd.concat([curves, curves.assign(fill="grey")]), "deletion", ax=first)


def test_curves_without_random_orders_or_maps(curves: pd.DataFrame) -> None:
    ax = draw_perturbation_curves(curves[curves["order"] != "random"], "insertion", ax=plt.figure().add_subplot())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["θstd: 0.750"]
    ax = draw_perturbation_curves(curves[curves["order"] == "random"], "insertion", ax=plt.figure().add_subplot())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["random, n = 2"]


def test_pointing_game() -> None:
    rng = np.random.default_rng(0)
    masks = [rng.random((16, 16)) < 0.2 for _ in range(5)]
    table = pointing_game({"theta_avg": [rng.random((16, 16)) for _ in masks]}, masks)
    ax = draw_pointing_game(table, ax=plt.figure().add_subplot())
    points = [each for each in ax.collections if not hasattr(each, "get_segments")]
    np.testing.assert_array_equal(np.concatenate([each.get_offsets()[:, 0] for each in points]), table["hit_rate"])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["θavg", "centre", "chance"]
    assert "n = 5 photos" in ax.get_xlabel()
