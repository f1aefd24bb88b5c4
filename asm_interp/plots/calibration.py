"""How often tests of a corner effect reject: where there is no effect, and over its size and the number of photos."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from asm_interp.analysis.planted_audit import share_interval
from asm_interp.plots.intervals import (
    Look,
    draw_forest,
    draw_series,
    figure_width,
    joined,
    label_size,
    legend_above,
    looks,
)
from asm_interp.plots.style import ACCENT, SEQUENTIAL

LEVEL = 0.05
"""At which the tests of `benchmarks/bias_calibration.py` reject."""

_ABOUT = ("n_photos", "n_simulations", "seed")


def _rates(rates: npt.ArrayLike, n: npt.ArrayLike) -> pd.DataFrame:
    """Rates with their exact binomial intervals."""
    own, counts = np.asarray(rates, np.float64), np.asarray(n)
    ends = [
        share_interval(round(rate * count), int(count)) if np.isfinite(rate) else (np.nan, np.nan)
        for rate, count in zip(own, counts, strict=True)
    ]
    low, high = np.array(ends).reshape(-1, 2).T
    return pd.DataFrame({"estimate": own, "ci_low": low, "ci_high": high})


def draw_calibration(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Rejection rates of each test under each null, with exact binomial intervals, beside the level they promise.

    Parameters
    ----------
    table : DataFrame
        As `benchmarks/calibration.csv`: test, a column of rates per null, n_photos, n_simulations, seed.
    ax : Axes, optional
        The current axes if left out.

    Returns
    -------
    Axes
        The axis of rates is a square root, on which small rates are told apart.
    """
    ax = ax or plt.gca()
    nulls = [name for name in table if name not in ("test", *_ABOUT)]
    rows = np.arange(len(table), dtype=float)
    step = 0.8 / len(nulls)
    for i, (null, look) in enumerate(looks(nulls).items()):
        places = rows + step * (i - (len(nulls) - 1) / 2)
        own = _rates(table[null], table["n_simulations"])
        draw_forest([], own, ax=ax, look=look, places=places, reference=None, label=str(null))
    ax.axvline(LEVEL, color=ACCENT, linewidth=0.9, linestyle=(0, (3, 1)), zorder=0)
    for row in rows[1:]:
        ax.axhline(row - 0.5, color="#e4e4e4", linewidth=0.6, zorder=0)
    ax.set_yticks(rows, [joined(each, width=24) for each in table["test"]])
    ax.set_ylim(len(table) - 0.5, -0.5)
    _rate_axis(ax)
    about = table.iloc[0]
    number = f"n = {about['n_simulations']} simulations of {about['n_photos']} photos"
    ax.set_xlabel(joined("share of simulations rejected", f"line: {100 * LEVEL:g} %", number))
    legend_above(ax)
    return ax


def calibration_figure(table: pd.DataFrame) -> Figure:
    """Rejection rates of each test, as high as its rows need.

    Parameters
    ----------
    table : DataFrame
        As for `draw_calibration`.

    Returns
    -------
    Figure
        As wide as the style says.
    """
    rows = 3.6 * label_size() / 72 * len(table)  # two lines of label each
    figure, ax = plt.subplots(figsize=(figure_width(), rows + 0.8), layout="constrained")
    draw_calibration(table, ax=ax)
    return figure


def _rate_axis(ax: Axes) -> None:
    ax.set_xscale("function", functions=(lambda x: np.sqrt(np.maximum(x, 0)), np.square))
    ax.set_xlim(0, 1.1)
    ticks = (0, 0.05, 0.25, 0.5, 1)
    ax.set_xticks(ticks, [f"{100 * tick:g} %" for tick in ticks])


def draw_power(table: pd.DataFrame, test: str, *, ax: Axes | None = None) -> Axes:
    """Power of one test over β, a line per number of photos, with exact binomial intervals.

    Parameters
    ----------
    table : DataFrame
        As `benchmarks/power.csv`: n_photos, beta, a column of rates per test, n_simulations, seed.
    test : str
        One of the columns.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If there is no such test.
    """
    ax = ax or plt.gca()
    if test not in power_tests(table):
        raise ValueError(f"no test {test!r}; there are {'; '.join(power_tests(table))}")
    numbers = sorted(table["n_photos"].unique())
    shades = sns.color_palette(f"{SEQUENTIAL.name}_r", len(numbers)).as_hex()
    for (number, look), shade in zip(looks(numbers).items(), shades, strict=True):
        own = table[table["n_photos"] == number].sort_values("beta")
        rates = _rates(own[test], own["n_simulations"])
        draw_series(own["beta"], rates, ax=ax, look=Look(shade, look.marker), label=f"{number} photos")
    ax.axhline(LEVEL, color=ACCENT, linewidth=0.9, linestyle=(0, (3, 1)), zorder=0)
    ax.set_ylim(-0.02, 1.04)
    ax.set_xlabel("β, SD of the noise")
    ax.set_ylabel("share rejected")
    return ax


def power_tests(table: pd.DataFrame) -> list[str]:
    """Tests that a table of power has columns of."""
    return [str(name) for name in table if name not in ("beta", *_ABOUT)]


def power_figure(table: pd.DataFrame, tests: Sequence[str] | None = None) -> Figure:
    """Power of several tests, a panel each.

    Parameters
    ----------
    table : DataFrame
        As for `draw_power`.
    tests : sequence of str, optional
        All of the table's by default.

    Returns
    -------
    Figure
        As wide as the style says; one legend for all panels.
    """
    chosen = power_tests(table) if tests is None else list(tests)
    width = figure_width()
    panel = 0.27 * label_size()  # inches that a title in the style at hand needs
    columns = max(1, min(len(chosen), int(width / panel)))
    lines = -(-len(chosen) // columns)
    figure, axes = plt.subplots(
        lines,
        columns,
        sharex=True,
        sharey=True,
        squeeze=False,
        figsize=(width, 0.9 * panel * lines + 0.5),
        layout="constrained",
    )
    for place, ax in enumerate(axes.flat):
        if place >= len(chosen):
            ax.set_axis_off()
            continue
        draw_power(table, chosen[place], ax=ax).set_title(joined(chosen[place], width=24))
        ax.label_outer() if place + columns < len(chosen) else None
        ax.tick_params(labelbottom=True)
        if place % columns:
            ax.set_ylabel("")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    simulations = int(table["n_simulations"].max())
    title = f"n = {simulations} simulations each; dashed: {100 * LEVEL:g} %"
    figure.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=columns + 1,
        frameon=False,
        title=title,
        alignment="left",
    )
    return figure
