"""Whether a map tells what a score rests on: insertion and deletion curves, and the pointing game."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from asm_interp.analysis.faithfulness import MODES, RANDOM, curve_areas
from asm_interp.analysis.pointing_game import CENTRE
from asm_interp.plots.intervals import (
    REFERENCE,
    Look,
    draw_forest,
    figure_width,
    joined,
    legend_above,
    looks,
    number_text,
    readable,
)
from asm_interp.plots.style import ACCENT, MUTED


def draw_perturbation_curves(curves: pd.DataFrame, mode: str, *, ax: Axes | None = None) -> Axes:
    """A crop's score while its cells are removed or brought back: each map's order, and all random ones in grey.

    Parameters
    ----------
    curves : DataFrame
        As `asm_interp.analysis.faithfulness.perturbation_curves` gives it, with one `fill`.
    mode : {"deletion", "insertion"}
    ax : Axes, optional
        The current axes if left out.

    Returns
    -------
    Axes
        The legend has the area under each curve, and the mean area of the random orders.

    Raises
    ------
    ValueError
        If the table has several fills, or no such mode.
    """
    ax = ax or plt.gca()
    own = curves[curves["mode"] == mode]
    fills = own["fill"].unique()
    if len(fills) != 1:
        raise ValueError(f"curves of mode {mode!r} and one fill are drawn, found {len(own)} rows and fills {[*fills]}")
    random = own[own["order"] == RANDOM]
    areas = curve_areas(own)
    under = dict(zip(areas["order"], areas["auc"], strict=True)) if len(areas) else {}
    if len(random):
        thin = {"color": MUTED, "linewidth": 0.4, "alpha": 0.6}
        sns.lineplot(random, x="share", y="score", units="draw", estimator=None, ax=ax, **thin)
        mean = random.groupby("share")["score"].mean()
        null = f": {areas['random_mean'].iloc[0]:.3f}" if len(areas) else ""
        label = f"random, n = {random['draw'].nunique()}{null}"
        ax.plot(mean.index, mean, color="#555555", linestyle=REFERENCE.line, label=label)
    maps = own[own["order"] != RANDOM]
    for name, look in looks(maps["order"]).items():
        curve = maps[maps["order"] == name]
        ax.plot(
            curve["share"],
            curve["score"],
            color=look.color,
            linestyle=look.line,
            marker=look.marker,
            markevery=max(1, len(curve) // 6),
            label=f"{readable(name)}: {under[name]:.3f}",
        )
    ax.set_xlim(0, 1)
    done = "removed" if mode == "deletion" else "brought back"
    ax.set_xlabel(f"{mode}: share of cells {done}, fill: {fills[0]}")
    ax.set_ylabel("score of the crop")
    better = "lower" if mode == "deletion" else "higher"
    legend_above(ax, title=f"area under the curve ({better} is better)")
    return ax


def faithfulness_figure(curves: pd.DataFrame) -> Figure:
    """Deletion and insertion on one scale of scores: side by side, or above one another in a narrow column.

    Parameters
    ----------
    curves : DataFrame
        As for `draw_perturbation_curves`.

    Returns
    -------
    Figure
        As wide as the style says.
    """
    width = figure_width()
    wide = width > 5
    shape = (1, 2) if wide else (2, 1)
    figure, axes = plt.subplots(
        *shape, sharey=True, squeeze=False, figsize=(width, 2.3 if wide else 4.2), layout="constrained"
    )
    for ax, mode in zip(axes.flat, MODES, strict=True):
        draw_perturbation_curves(curves, mode, ax=ax)
    if wide:
        axes.flat[1].set_ylabel("")
    return figure


def draw_pointing_game(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Hit rates of maps with their intervals; a peak at the centre, and chance, as grey squares.

    Parameters
    ----------
    table : DataFrame
        As `asm_interp.analysis.pointing_game.pointing_game` gives it.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = ax or plt.gca()
    rows = table.rename(columns={"hit_rate": "estimate"})
    reference = rows["map"].isin([CENTRE, "chance"]).to_numpy()
    places = np.arange(len(rows), dtype=float)
    for chosen, look in ((~reference, Look(ACCENT)), (reference, REFERENCE)):
        draw_forest([], rows[chosen], ax=ax, look=look, places=places[chosen], reference=None)
    ax.set_yticks(places, [readable(name) for name in rows["map"]])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlim(-0.02, 1.02)
    ax.set_xlabel(joined("share of photos whose peak hits", number_text(rows["n_photos"])))
    return ax
