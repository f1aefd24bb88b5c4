"""Placement preference: where in a crop a model wants a region to stand, and which named rule that is most like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from asm_interp.analysis.placement import LearnedRule
from asm_interp.plots.guides import Guide, draw_guides
from asm_interp.plots.maps import color_bar, own_norm
from asm_interp.plots.style import ACCENT, DIVERGING, INK, footnote

_SHADE = "#e2e2e2"
_TICKS = ([0, 1 / 3, 2 / 3, 1], ["0", "1/3", "2/3", "1"])


def draw_placement(
    preference: npt.ArrayLike,
    *,
    ax: Axes | None = None,
    norm: Normalize | None = None,
    open_cells: npt.ArrayLike | None = None,
    guides: Iterable[Guide] = ("thirds", "centre"),
    label: str = "placement preference",
    bar: bool = True,
) -> Axes:
    """What a region adds to the score by where in the crop it stands.

    Parameters
    ----------
    preference : array_like, [n, n]
        As from `asm_interp.analysis.placement.placement_preference`, or `LearnedRule.map`; row 0 at the top.
    ax : Axes, optional
        Gets the crop plane, 0 to 1 across and down.
    norm : Normalize, optional
        Scale, centred at 0; the map's own if left out.
    open_cells : array_like of bool, [n, n], optional
        Cells to be dotted, as those whose sign the data leave open.
    guides : iterable of str
        As for `draw_guides`.
    label : str
        Of the colour bar.
    bar : bool
        Whether the axes get a colour bar of their own; without one, the figure is to state the scale.

    Returns
    -------
    Axes
    """
    ax = ax or plt.gca()
    plane = np.asarray(preference, dtype=np.float64)
    norm = norm or own_norm([plane], DIVERGING, clip=0)
    ax.imshow(plane, extent=(0, 1, 1, 0), cmap=DIVERGING, norm=norm, interpolation="nearest")
    for guide in guides:
        draw_guides([0, 0, 1, 1], guide, ax=ax, color=INK)
    if open_cells is not None:
        row, column = np.nonzero(np.asarray(open_cells, dtype=np.bool_))
        x, y = (column + 0.5) / plane.shape[1], (row + 0.5) / plane.shape[0]
        ax.plot(x, y, ".", color=INK, markersize=1.2, linestyle="none")
    ax.set_xticks(*_TICKS)
    ax.set_yticks(*_TICKS)
    ax.set(xlim=(0, 1), ylim=(1, 0), aspect="equal", xlabel="across the crop", ylabel="down the crop")
    ax.spines[:].set_visible(False)
    if bar:
        color_bar(ax, norm, DIVERGING, label, maps=[plane])
    return ax


def undecided_cells(rule: LearnedRule) -> npt.NDArray[np.bool_]:
    """Cells [n, n] whose interval over photos holds 0; all of them where one photo makes no interval."""
    return np.asarray(((rule.ci_low <= 0) & (rule.ci_high >= 0)) | (rule.n_photos < 2))


def draw_rule_correlations(
    rule: LearnedRule, *, ax: Axes | None = None, order: Sequence[str] | None = None, planted: str | None = None
) -> Axes:
    """Correlation of a learned rule with named rules, beside the most that its pattern can reach.

    Parameters
    ----------
    rule : LearnedRule
    ax : Axes, optional
    order : sequence of str, optional
        Rules from the top, to be shared by models that are compared; the best fit first if left out.
    planted : str, optional
        Rule that the model was taught: its row is shaded.

    Returns
    -------
    Axes
        From the least that is drawn, or 0, to 1. The legend is above.

    Raises
    ------
    KeyError
        If the learned rule was not compared with one in `order`.
    """
    ax = ax or plt.gca()
    table = rule.correlations
    if order is not None:
        table = table.set_index("rule").loc[list(order)].reset_index()
    places = np.arange(len(table))
    ax.axvline(0, color=INK, linewidth=0.6)
    for row in places[table["rule"] == planted]:
        ax.axhspan(row - 0.5, row + 0.5, color=_SHADE, linewidth=0, zorder=0, label="planted rule")
    ax.hlines(places - 0.14, table["ci_low"], table["ci_high"], colors=ACCENT, linewidth=1.4)
    ax.plot(table["correlation"], places - 0.14, "o", color=ACCENT, markersize=4, label="map, with interval")
    look: dict[str, Any] = {"markerfacecolor": "white", "color": INK, "markersize": 4}
    ax.plot(table["partition_correlation"], places + 0.14, "D", label="its means over partitions", **look)
    ax.plot(
        table["ceiling"], places + 0.14, "|", color=INK, markersize=9, markeredgewidth=1.4, label="ceiling of these"
    )
    ax.set_yticks(places, [str(name) for name in table["rule"]])
    ax.tick_params(axis="y", length=0)
    least = min(0.0, *table[["ci_low", "correlation", "partition_correlation", "ceiling"]].min().dropna())
    ax.set(xlim=(least - 0.05, 1.05), ylim=(len(table) - 0.5, -0.5), xlabel="correlation with the rule")
    ax.legend(frameon=False, fontsize=6.5, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=1, borderpad=0.2)
    return ax


def placement_figure(
    rule: LearnedRule,
    *,
    norm: Normalize | None = None,
    guides: Iterable[Guide] = ("thirds", "centre"),
    note: str = "",
    width: float | None = None,
) -> Figure:
    """A learned rule over the crop plane, and its correlations with named rules.

    Parameters
    ----------
    rule : LearnedRule
    norm, guides
        As for `draw_placement`.
    note : str
        Begins the note under the figure: the checkpoint, for one.
    width : float, optional
        Of the figure in inches; the style's if left out.

    Returns
    -------
    Figure
    """
    width = width or rcParams["figure.figsize"][0]
    layout, height = ((1, 2), 0.45 * width) if width >= 5 else ((2, 1), 1.5 * width)
    figure, axes = plt.subplots(*layout, figsize=(width, height), layout="constrained")
    label = "placement preference − its mean"
    draw_placement(rule.map, ax=axes[0], norm=norm, open_cells=undecided_cells(rule), guides=guides, label=label)
    axes[0].set_title(f"{rule.pattern.name}, n = {rule.n_photos} photos")
    draw_rule_correlations(rule, ax=axes[1])
    footnote(
        figure,
        f"{note} In units of the score, mean over photos. Dots: the cell's interval over photos holds 0. Ceiling: the "
        "most that a map constant on the pattern's partitions reaches.".strip(),
    )
    return figure
