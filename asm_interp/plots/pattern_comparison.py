"""Composition patterns beside one another: ranked, differences photo by photo, and what they can express at all."""

from __future__ import annotations

from collections.abc import Hashable

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from asm_interp.plots.intervals import (
    ALPHA,
    draw_forest,
    joined,
    not_significant,
    number_text,
    readable,
    rows_of,
)
from asm_interp.plots.maps import color_bar
from asm_interp.plots.style import INK, SEQUENTIAL


def draw_ranking(means: pd.DataFrame, statistic: str = "ranking_accuracy", *, ax: Axes | None = None) -> Axes:
    """Settings by one measure, the highest on top, with their intervals.

    Parameters
    ----------
    means : DataFrame
        setting, statistic, estimate, ci_low, ci_high, n_photos, n_seeds: `means` of
        `asm_interp.analysis.pattern_comparison.PatternComparison`, or a sweep's summary through
        `asm_interp.plots.intervals.long_summary`.
    statistic : str
    ax : Axes, optional
        The current axes if left out, here and in all functions that draw.

    Returns
    -------
    Axes
        Settings without an estimate come last and stay empty.

    Raises
    ------
    ValueError
        If there is no such statistic.
    """
    ax = ax or plt.gca()
    own = rows_of(means, statistic).sort_values("estimate", ascending=False, na_position="last", kind="stable")
    draw_forest([_named(each) for each in own["setting"]], own, ax=ax, reference=None)
    ax.grid(axis="x", color="#e4e4e4", linewidth=0.6)
    ax.set_axisbelow(True)
    seeds = number_text(own["n_seeds"], "seeds").removeprefix("n = ")
    ax.set_xlabel(joined(readable(statistic), number_text(own["n_photos"]), seeds))
    return ax


def draw_differences(
    differences: pd.DataFrame, statistic: str, *, reference: Hashable | None = None, ax: Axes | None = None
) -> Axes:
    """Differences between settings, photo by photo, as a forest; hollow where they are not significant.

    Parameters
    ----------
    differences : DataFrame
        As `asm_interp.analysis.paired_estimates.paired_differences` gives it, of patterns or of λ.
    statistic : str
    reference : str or float, optional
        Only differences from this setting, which is the one taken off: where the table has it first, the difference
        and its interval change sign. All rows as they are if left out.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If there is no such statistic or reference.
    """
    ax = ax or plt.gca()
    own = rows_of(differences, statistic)
    if reference is not None:
        own = _against(own, reference)
        labels = [_named(each) for each in own["setting"]]
    else:
        labels = [f"{_named(row.setting)} − {_named(row.reference)}" for row in own.itertuples()]
    draw_forest(labels, own, ax=ax, hollow=not_significant(own), wrap=40)
    beyond = "difference" if reference is None else f"less that of {_named(reference)}"
    hollow = f"hollow: p adj. ≥ {ALPHA:g}" if not_significant(own).any() else ""
    ax.set_xlabel(joined(f"{readable(statistic)} {beyond}", hollow, number_text(own["n_photos"]), width=34))
    return ax


def _named(setting: object) -> str:
    return f"{setting:g}" if isinstance(setting, float) else str(setting)


def _against(rows: pd.DataFrame, reference: Hashable) -> pd.DataFrame:
    """Rows on one setting, all with it as the reference."""
    first, second = rows["setting"] == reference, rows["reference"] == reference
    if not (first | second).any():
        known = dict.fromkeys([*rows["setting"], *rows["reference"]])
        raise ValueError(f"no setting {reference!r}; there are {', '.join(map(str, known))}")
    turned = rows[first].rename(columns={"setting": "reference", "reference": "setting"})
    ends = {"estimate": -turned["estimate"], "ci_low": -turned["ci_high"], "ci_high": -turned["ci_low"]}
    return pd.concat([turned.assign(**ends), rows[second]]).sort_index()


def draw_expressivity(table: pd.DataFrame, *, ax: Axes | None = None, norm: Normalize | None = None) -> Axes:
    """Best correlation that each pattern can reach with each composition rule, as a heat map with its numbers.

    Parameters
    ----------
    table : DataFrame
        As `asm_interp.analysis.expressivity.pattern_expressivity` gives it.
    ax : Axes, optional
    norm : Normalize, optional
        From 0 to 1 if left out.

    Returns
    -------
    Axes
    """
    ax = ax or plt.gca()
    norm = norm or Normalize(0, 1)
    rules = [str(name) for name in table if name != "n_partitions"]
    values = table[rules].to_numpy(float)
    ax.imshow(values, cmap=SEQUENTIAL, norm=norm, aspect="auto")
    size = plt.rcParams["xtick.labelsize"]
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            dark = norm(value) < 0.6
            text = f"{value:.2f}".replace("0.", ".")
            ax.text(column, row, text, ha="center", va="center", fontsize=size, color="white" if dark else INK)
    ax.set_xticks(range(len(rules)), rules, rotation=45, ha="right", rotation_mode="anchor")
    numbers = table["n_partitions"] if "n_partitions" in table else [""] * len(table)
    names = [f"{name} ({number})" if number != "" else name for name, number in zip(table.index, numbers, strict=True)]
    ax.set_yticks(range(len(table)), names)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    color_bar(ax, norm, SEQUENTIAL, "best correlation", maps=[values])
    return ax
