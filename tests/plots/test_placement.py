"""Placement: the plane, its dots and its correlations are those of the learned rule."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import Normalize

import asm_interp as asm
from asm_interp.analysis.placement import LearnedRule, learned_rule
from asm_interp.analysis.statistics import Resampling
from asm_interp.plots.placement import draw_placement, draw_rule_correlations, placement_figure

RNG = np.random.default_rng(3)


@pytest.fixture(scope="module")
def rule() -> LearnedRule:
    pattern = asm.patterns.get("grid:3x3")
    photos = [(asm.ScoreMap(RNG.normal(size=(9, 12, 16)), pattern, (48, 64)), [10, 10, 30, 30]) for _ in range(3)]
    return learned_rule(photos, n=6, how=Resampling(resamples=50))


def test_plane_and_dots(rule: LearnedRule) -> None:
    norm = Normalize(-1, 1)
    dotted = np.zeros((6, 6), dtype=bool)
    dotted[1, 4] = True
    ax = draw_placement(rule.map, norm=norm, open_cells=dotted, guides=["thirds"])
    np.testing.assert_array_equal(ax.images[0].get_array(), rule.map)
    assert ax.images[0].norm is norm
    (dots,) = ax.lines
    np.testing.assert_allclose(dots.get_xydata(), [[4.5 / 6, 1.5 / 6]])
    assert [lines.get_label() for lines in ax.collections] == ["thirds"]


def test_correlations_beside_ceilings(rule: LearnedRule) -> None:
    ax = draw_rule_correlations(rule)
    drawn = {line.get_label(): line.get_xdata() for line in ax.lines}
    table = rule.correlations
    np.testing.assert_array_equal(drawn["map, with interval"], table["correlation"])
    np.testing.assert_array_equal(drawn["its means over partitions"], table["partition_correlation"])
    np.testing.assert_array_equal(drawn["ceiling of these"], table["ceiling"])
    intervals = np.array([segment[:, 0] for segment in ax.collections[0].get_segments()])
    np.testing.assert_allclose(intervals, table[["ci_low", "ci_high"]])
    assert not ax.patches
    least = min(0, table[["ci_low", "partition_correlation", "ceiling"]].min(axis=None))
    assert ax.get_xlim() == pytest.approx((least - 0.05, 1.05))
    assert [label.get_text() for label in ax.get_yticklabels()] == table["rule"].tolist()


def test_rows_in_a_given_order_with_the_planted_one_shaded(rule: LearnedRule) -> None:
    order = ["thirds", "right", "centre"]
    ax = draw_rule_correlations(rule, ax=plt.figure().subplots(), order=order, planted="right")
    table = rule.correlations.set_index("rule").loc[order]
    drawn = {line.get_label(): line.get_xdata() for line in ax.lines}
    np.testing.assert_array_equal(drawn["map, with interval"], table["correlation"])
    assert [label.get_text() for label in ax.get_yticklabels()] == order
    (shade,) = ax.patches
    assert (shade.get_y(), shade.get_height()) == (0.5, 1)
    assert "planted rule" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert not draw_rule_correlations(rule, ax=plt.figure().subplots(), planted="none").patches
    with pytest.raises(KeyError, match="lines"):
        draw_rule_correlations(rule, ax=plt.figure().subplots(), order=["lines"])


def test_maps_that_share_a_scale_have_no_bar_of_their_own(rule: LearnedRule) -> None:
    figure, ax = plt.subplots()
    draw_placement(rule.map, ax=ax, norm=Normalize(-1, 1), bar=False)
    assert figure.axes == [ax]


@pytest.mark.parametrize("width", [3.3, 6.9])
def test_figure(rule: LearnedRule, width: float) -> None:
    figure = placement_figure(rule, width=width)
    figure.canvas.draw()
    assert figure.get_figwidth() == width
    assert figure.axes[0].get_title() == "grid:3x3, n = 3 photos"
    n_open = int(((rule.ci_low <= 0) & (rule.ci_high >= 0)).sum())
    assert len(figure.axes[0].lines[0].get_xdata()) == n_open


def test_a_model_without_preference_is_drawn() -> None:
    pattern = asm.patterns.get("grid:3x3")
    flat = learned_rule([(asm.ScoreMap(np.ones((9, 12, 16)), pattern, (48, 64)), [10, 10, 30, 30])], n=6)
    figure = placement_figure(flat, width=3.3)
    figure.canvas.draw()
    assert len(figure.axes[0].lines[0].get_xdata()) == 36  # one photo decides nothing
    draw_placement(np.full((6, 6), np.nan)).figure.canvas.draw()
