"""What λ does: measures over λ, and accuracy against corner mass along it."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullLocator

from asm_interp.geometry.boxes import FloatArray
from asm_interp.plots.intervals import (
    Look,
    asides,
    draw_series,
    figure_width,
    joined,
    looks,
    number_text,
    readable,
    rows_of,
)
from asm_interp.plots.style import ACCENT, INK, MUTED


def lambda_axis(ax: Axes, lambdas: Sequence[float]) -> None:
    """Lay λ along x, logarithmic above its least positive value and with 0 in its place.

    Parameters
    ----------
    ax : Axes
    lambdas : sequence of float
        Not negative; each gets a tick.
    """
    values = sorted(set(lambdas))
    positive = [value for value in values if value > 0]
    if positive:
        ax.set_xscale("symlog", linthresh=positive[0], linscale=0.5)
        ax.set_xlim(-0.25 * positive[0] if values[0] == 0 else positive[0] / 1.6, positive[-1] * 1.6)
    ax.set_xticks(values, [f"{value:g}".replace("0.", ".") for value in values])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("λ")


def draw_lambda_curve(
    means: pd.DataFrame, statistics: str | Sequence[str] = "ranking_accuracy", *, ax: Axes | None = None
) -> Axes:
    """One or more measures over λ, with their intervals.

    Parameters
    ----------
    means : DataFrame
        setting (λ), statistic, estimate, ci_low, ci_high, n_photos, n_seeds: `means` of
        `asm_interp.analysis.lambda_comparison.LambdaComparison`, or a sweep's summary through
        `asm_interp.plots.intervals.long_summary`.
    statistics : str or sequence of str
        Which are drawn; several share one scale, and stand beside one another at each λ.
    ax : Axes, optional
        The current axes if left out.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If there is no such statistic.
    """
    ax = ax or plt.gca()
    names = [statistics] if isinstance(statistics, str) else list(statistics)
    tables = [rows_of(means, name).sort_values("setting") for name in names]
    for (name, look), own, aside in zip(looks(names).items(), tables, asides(len(names)), strict=True):
        draw_series(own["setting"].astype(float), own, ax=ax, look=look, label=readable(name), aside=aside)
    shown = pd.concat(tables)
    lambda_axis(ax, shown["setting"].astype(float).tolist())
    numbers = [number_text(shown["n_photos"]), number_text(shown["n_seeds"], "seeds").removeprefix("n = ")]
    ax.set_xlabel(f"λ ({', '.join(filter(None, numbers))})")
    if len(names) > 1:
        ax.legend(frameon=False)
    else:
        ax.set_ylabel(readable(names[0]))
    return ax


def lambda_figure(
    means: pd.DataFrame, statistics: Sequence[str] = ("ranking_accuracy", "gauge_share", "corner_std")
) -> Figure:
    """Measures over λ, a panel each on a scale of its own, above one another.

    Parameters
    ----------
    means : DataFrame
        As for `draw_lambda_curve`.
    statistics : sequence of str

    Returns
    -------
    Figure
        As wide as the style says.
    """
    figure, axes = plt.subplots(
        len(statistics),
        1,
        sharex=True,
        squeeze=False,
        figsize=(figure_width(), 1.15 * len(statistics) + 0.4),
        layout="constrained",
    )
    for ax, name, look in zip(axes.flat, statistics, looks(statistics).values(), strict=True):
        draw_lambda_curve(means, name, ax=ax)
        for line in (*ax.lines, *ax.collections):
            line.set_color(look.color)
        ax.label_outer()
    return figure


def draw_trade_off(trade_off: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Accuracy against θstd's corner mass, along λ: a labelled point per λ with both intervals, a dot per seed.

    Parameters
    ----------
    trade_off : DataFrame
        As `asm_interp.analysis.lambda_comparison.trade_off` gives it.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = ax or plt.gca()
    overall = trade_off[trade_off["seed"].isna()].sort_values("lambda")
    seeds = trade_off[trade_off["seed"].notna()]
    x, y = overall["corner_mass"].to_numpy(float), overall["accuracy"].to_numpy(float)
    ax.axvline(0, color=MUTED, linewidth=0.7, zorder=0)
    if seeds["seed"].nunique() > 1:
        dots = {"s": 6, "color": MUTED, "linewidth": 0, "label": "one seed"}
        sns.scatterplot(seeds, x="corner_mass", y="accuracy", ax=ax, **dots)
    ends = {name: overall[name].to_numpy(float) for name in overall if str(name).endswith(("_low", "_high"))}
    ax.hlines(y, ends["corner_mass_low"], ends["corner_mass_high"], color=MUTED, linewidth=0.7)
    ax.vlines(x, ends["accuracy_low"], ends["accuracy_high"], color=MUTED, linewidth=0.7)
    look = Look(ACCENT)
    ax.plot(x, y, color=look.color, marker=look.marker, label="mean with intervals, by λ")
    ax.margins(0.1)
    for place, (members, point) in enumerate(_together(overall["lambda"].to_numpy(float), x, y)):
        above = place % 2 == 0
        ax.annotate(
            ", ".join(f"{lam:g}" for lam in members),
            point,
            (3 if above else -3, 3 if above else -3),
            textcoords="offset points",
            ha="left" if above else "right",
            va="bottom" if above else "top",
            color=INK,
            fontsize=plt.rcParams["xtick.labelsize"],
            path_effects=[withStroke(linewidth=2, foreground="white")],
        )
    ax.set_xlabel(joined("corner mass of θstd, log₂ density", "0: even", number_text(overall["n_photos"])))
    ax.set_ylabel("ranking accuracy")
    ax.legend(frameon=False, loc="best")
    return ax


def _together(
    lambdas: FloatArray, x: FloatArray, y: FloatArray, near: float = 0.05
) -> list[tuple[list[float], tuple[float, float]]]:
    """Points that share a label since they nearly coincide, in shares of what all span: their λ, and the first."""
    known = np.isfinite(x) & np.isfinite(y)
    groups: list[tuple[list[float], tuple[float, float]]] = []
    for lam, *point in zip(lambdas[known], x[known], y[known], strict=True):
        for members, first in groups:
            apart = [abs(a - b) / (np.ptp(v[known]) or 1.0) for a, b, v in zip(point, first, (x, y), strict=True)]
            if max(apart) < near:
                members.append(float(lam))
                break
        else:
            groups.append(([float(lam)], (float(point[0]), float(point[1]))))
    return groups
