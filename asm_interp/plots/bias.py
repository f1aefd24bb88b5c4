"""Spatial bias: inclusion lift over the photo, the corner table as a forest, and the reading of "covers a corner"."""

from __future__ import annotations

from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize

from asm_interp.analysis.lift_map import LiftMap
from asm_interp.analysis.scored_crops import BoolArray
from asm_interp.plots.intervals import (
    ALPHA,
    REFERENCE,
    Look,
    draw_forest,
    draw_series,
    joined,
    legend_above,
    looks,
    not_significant,
    number_text,
)
from asm_interp.plots.maps import color_bar
from asm_interp.plots.style import ACCENT, DIVERGING, INK, MUTED, shared_norm

_COUNT = "score and corner count, "
_GROUPS = ("corner coverage, best less worst", "corner count, best against worst", _COUNT.rstrip(", "))
_HELD = " held fixed"
_EFFECTS = {"difference of proportions": "Δ share", "Cliff's δ": "δ", "Spearman's ρ": "ρ"}
_RAW, _ADJUSTED = "raw", "area taken into account"


def outline(mask: BoolArray) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Edges between marked cells [h, w] and others, in units of the map's sides: ((x, y), (x, y)), y from the top.

    Examples
    --------
    >>> sorted(outline(np.array([[True, False]])))  # of the left half
    [((0.0, 0.0), (0.0, 1.0)), ((0.0, 0.0), (0.5, 0.0)), ((0.0, 1.0), (0.5, 1.0)), ((0.5, 0.0), (0.5, 1.0))]
    """
    height, width = mask.shape
    padded = np.pad(mask, 1)
    across = np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1])
    down = np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1])
    upright = [((j / width, i / height), (j / width, (i + 1) / height)) for i, j in across.tolist()]
    level = [((j / width, i / height), ((j + 1) / width, i / height)) for i, j in down.tolist()]
    return upright + level


def draw_lift(
    lift: LiftMap | pd.DataFrame, *, ax: Axes | None = None, norm: Normalize | None = None, alpha: float = ALPHA
) -> Axes:
    """Inclusion lift over the photo, centred at 0; a line surrounds the cells that are significant over the map.

    Parameters
    ----------
    lift : LiftMap or DataFrame
        The map, or its `to_frame`, as in the rows of lift.csv on one `held`. Cells that too few crops hold, or leave
        out, stay grey.
    ax : Axes, optional
        The current axes if left out, here and in all functions that draw.
    norm : Normalize, optional
        To be shared by maps that are compared.
    alpha : float
        Level of the max-T test.

    Returns
    -------
    Axes
        In units of the photo's sides.

    Raises
    ------
    ValueError
        If the table does not have one row per cell.
    """
    ax = ax or plt.gca()
    cells = lift.to_frame() if isinstance(lift, LiftMap) else lift
    if cells.duplicated(["u", "v"]).any():
        raise ValueError("a lift map has one row per cell, found several: choose the rows on one `held`")
    values = cells.pivot(index="v", columns="u", values="lift").to_numpy(float)
    p_adj = cells.pivot(index="v", columns="u", values="p_adj").to_numpy(float)
    norm = norm or shared_norm([values], center=0)
    ax.set_facecolor("#e2e2e2")
    ax.imshow(values, extent=(0, 1, 1, 0), cmap=DIVERGING, norm=norm, interpolation="nearest", aspect="auto")
    ax.add_collection(LineCollection(outline(p_adj < alpha), colors=INK, linewidths=0.9, capstyle="projecting"))
    ax.set(xlim=(0, 1), ylim=(1, 0), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], ylabel="down the photo")
    number = number_text([lift.n_photos]) if isinstance(lift, LiftMap) else ""
    ax.set_xlabel(
        "\n".join(
            filter(None, ["across the photo", joined(f"outlined: p adj. < {alpha:g}", "grey: too few crops", number)])
        )
    )
    color_bar(ax, norm, DIVERGING, "lift, SD of a photo's scores", maps=[values])
    return ax


def draw_corners(estimates: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The corner rows of a bias table as a forest: raw in grey squares, with area taken into account in colour.

    Parameters
    ----------
    estimates : DataFrame
        As `asm_interp.analysis.spatial_bias.bias_report` gives it. Rows on other things than corners, and the
        equivalence tests, which repeat an estimate, are left out.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the table has no row on corners.
    """
    ax = ax or plt.gca()
    groups = [(name, own) for name in _GROUPS if len(own := estimates[estimates["statistic"].str.startswith(name)])]
    if not groups:
        raise ValueError(f"a bias table has rows on corners, found {', '.join(estimates['statistic'])}")
    rows, places, labels, row = [], [], [], 0
    size = plt.rcParams["ytick.labelsize"]
    for name, own in groups:
        effect = str(own["effect"].iloc[0]).split(" (")[0]
        heading = f"{name}: {_EFFECTS.get(effect, effect)}"
        text = ax.text(0, row, heading, transform=ax.get_yaxis_transform(), va="center", fontsize=size, zorder=4)
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})
        text.set_in_layout(False)  # else long headings would squeeze the axes
        labels += [_row_label(name, str(statistic)) for statistic in own["statistic"]]
        places += [row + 1 + i for i in range(len(own))]
        rows.append(own)
        row += len(own) + 1
    shown, at = pd.concat(rows), np.array(places, dtype=float)
    raw = np.array([label == _RAW for label in labels])
    for chosen, look, label in ((raw, REFERENCE, _RAW), (~raw, Look(ACCENT), _ADJUSTED)):
        if chosen.any():
            own = shown[chosen]
            draw_forest([], own, ax=ax, look=look, hollow=not_significant(own), places=at[chosen], label=label)
    ax.set_yticks(at, labels)
    ax.set_ylim(row - 0.4, -0.7)
    hollow = f"hollow: p adj. ≥ {ALPHA:g}" if not_significant(shown).any() else ""
    ax.set_xlabel(joined("effect with interval", hollow, number_text(shown["n_photos"])))
    legend_above(ax)
    return ax


def _row_label(group: str, statistic: str) -> str:
    rest = statistic.removeprefix(group).removeprefix(", ")
    rest = rest.removesuffix(_HELD) + " held" if rest.endswith(_HELD) else rest
    return _RAW if rest in ("", "nothing held") else rest


def draw_tolerances(sweep: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Corner correlations over how near a corner counts as covered; under each, the share of crops that cover one.

    Parameters
    ----------
    sweep : DataFrame
        As `asm_interp.analysis.corner_coverage.tolerance_sweep` gives it.
    ax : Axes, optional

    Returns
    -------
    Axes
        x is the place of the tolerance in the sweep; series stand beside one another.
    """
    ax = ax or plt.gca()
    tolerances = sorted(sweep["tolerance"].unique())
    shares = sweep.groupby("tolerance")["coverage"].first()
    named = looks(sweep["statistic"])
    ax.axhline(0, color=MUTED, linewidth=0.7, zorder=0)
    for i, (statistic, look) in enumerate(named.items()):
        own = sweep[sweep["statistic"] == statistic].sort_values("tolerance")
        aside = 0.06 * (i - (len(named) - 1) / 2)
        label = str(statistic).removeprefix(_COUNT)
        draw_series(np.searchsorted(tolerances, own["tolerance"]) + aside, own, ax=ax, look=look, label=label)
    ticks = [f"{Fraction(each).limit_denominator(96)}\n{100 * shares[each]:.0f} %" for each in tolerances]
    ax.set_xticks(range(len(tolerances)), ticks)
    ax.set_xlim(-0.5, len(tolerances) - 0.5)
    number = number_text(sweep["n_photos"])
    ax.set_xlabel(joined("tolerance, in photo sides", "crops that cover a corner", number))
    ax.set_ylabel("Spearman's ρ")
    legend_above(ax, columns=1)
    return ax
