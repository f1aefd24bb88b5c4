"""Estimates with their intervals, as series over an axis and as forests of rows; how series are told apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.transforms import ScaledTranslation

from asm_interp.plots.style import INK, MUTED

ALPHA = 0.05
"""Adjusted p below which an estimate counts as significant; the others are drawn hollow."""

_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", INK)  # Okabe & Ito 2008
_MARKERS = "osD^vPX"
_LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (8, 2)), (0, (3, 1)), "-")


@dataclass(frozen=True)
class Look:
    """What tells a series from the others: colour, marker, and line, each enough by itself."""

    color: str
    marker: str = "o"
    line: Any = "-"


PLAIN = Look(INK)
REFERENCE = Look(MUTED, "s", (0, (2, 1)))
"""Of what an estimate is measured against: baselines, raw values, chance."""


def looks(names: Iterable[object]) -> dict[object, Look]:
    """A look for each name, in order: seven that differ in everything, then other pairings of colour and marker."""
    return {
        name: Look(_COLORS[i % 7], _MARKERS[(i + i // 7) % 7], _LINES[i % 7])
        for i, name in enumerate(dict.fromkeys(names))
    }


def readable(name: object) -> str:
    """Name of a map or measure as a figure shows it.

    Examples
    --------
    >>> readable("theta_std_centred"), readable("random head theta_avg"), readable("gauge_share")
    ('θstd without offsets', 'random head θavg', 'gauge share')
    """
    text = str(name).replace("theta_std_centred", "θstd without offsets").replace("theta_", "θ")
    return text.replace("_", " ")


def number_text(counts: Iterable[float], unit: str = "photos") -> str:
    """How many photos, worlds, ... stand behind numbers; empty where that is not known.

    Examples
    --------
    >>> number_text([12, 12]), number_text([0, 9, 12], "crops"), number_text([1], "seeds"), number_text([0])
    ('n = 12 photos', 'n = 9–12 crops', 'n = 1 seed', '')
    """
    known = [int(count) for count in counts if count > 0]
    if not known:
        return ""
    low, high = min(known), max(known)
    if high == 1:
        unit = re.sub(r"s\b", "", unit, count=1)
    return f"n = {low} {unit}" if low == high else f"n = {low}–{high} {unit}"


def joined(*parts: str, width: int = 42) -> str:
    r"""Parts of an axis label that say something, in lines of about `width` letters, broken between parts if possible.

    Examples
    --------
    >>> joined("rate", "", "n = 12 photos", width=20), joined("a long name", width=8)
    ('rate, n = 12 photos', 'a long\nname')
    """
    lines: list[str] = []
    for part in filter(None, parts):
        if lines and len(lines[-1]) + 2 + len(part) <= width:
            lines[-1] += f", {part}"
        else:
            lines.append(part)
    return "\n".join(fill(line, width, break_on_hyphens=False) for line in lines)


def figure_width() -> float:
    """Width that figures have in the style at hand, in inches."""
    return float(plt.rcParams["figure.figsize"][0])


def label_size() -> float:
    """Size of the labels of rows in the style at hand, in points."""
    return float(FontProperties(size=plt.rcParams["ytick.labelsize"]).get_size_in_points())


def long_summary(summary: pd.DataFrame, by: str) -> pd.DataFrame:
    """Bring a sweep's summary, one row per setting, to one row per setting and measure.

    Parameters
    ----------
    summary : DataFrame
        As in ``<name>-summary.csv`` of a sweep: each measure comes with ``_low``, ``_high`` and ``_n``.
    by : {"lambda", "pattern"}
        What becomes `setting`.

    Returns
    -------
    DataFrame
        setting, statistic, estimate, ci_low, ci_high, n_photos, n_seeds: of the columns of
        `asm_interp.analysis.paired_estimates.setting_means` those that can be known. n_photos is NaN without ``_n``.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    if by not in summary:
        raise ValueError(f"a summary by {by!r} has that column, found {', '.join(map(str, summary.columns))}")
    measures = [name for name in summary if f"{name}_low" in summary and f"{name}_high" in summary]
    tables = [
        pd.DataFrame(
            {
                "setting": summary[by],
                "statistic": name,
                "estimate": summary[name],
                "ci_low": summary[f"{name}_low"],
                "ci_high": summary[f"{name}_high"],
                "n_photos": summary.get(f"{name}_n", np.nan),
                "n_seeds": summary["n_seeds"],
            }
        )
        for name in measures
    ]
    return pd.concat(tables, ignore_index=True)


def rows_of(table: pd.DataFrame, statistic: str) -> pd.DataFrame:
    """Rows of a table of estimates on one statistic.

    Raises
    ------
    ValueError
        If there is none.
    """
    own = table[table["statistic"] == statistic]
    if own.empty:
        raise ValueError(f"no statistic {statistic!r}; there are {', '.join(table['statistic'].unique())}")
    return own


def asides(n: int) -> list[float]:
    """How far to the right each of `n` series stands that share their places, in points.

    Examples
    --------
    >>> asides(1), asides(2), asides(7)
    ([0.0], [-1.5, 1.5], [-4.5, -3.0, -1.5, 0.0, 1.5, 3.0, 4.5])
    """
    gap = min(3.0, 9.0 / max(n - 1, 1))
    return [gap * (i - (n - 1) / 2) for i in range(n)]


def draw_series(
    places: npt.ArrayLike,
    table: pd.DataFrame,
    *,
    ax: Axes,
    look: Look = PLAIN,
    label: str | None = None,
    aside: float = 0.0,
) -> None:
    """Estimates over an axis, joined by a line, with their intervals as given.

    Parameters
    ----------
    places : array_like, [n]
        Along x.
    table : DataFrame
        estimate, ci_low, ci_high. Rows without an estimate break the line; those without an interval have no bar.
    ax : Axes
    look : Look
    label : str, optional
    aside : float
        Points to the right of `places` that all is drawn at, whatever the axis's scale; see `asides`.
    """
    beside = ax.transData + ScaledTranslation(aside / 72, 0, ax.figure.dpi_scale_trans)
    x = np.asarray(places, np.float64)
    estimate, low, high = (table[name].to_numpy(float) for name in ("estimate", "ci_low", "ci_high"))
    known = np.isfinite(low) & np.isfinite(high)
    ax.vlines(x[known], low[known], high[known], color=look.color, linewidth=0.9, alpha=0.7, transform=beside)
    line = {"color": look.color, "marker": look.marker, "linestyle": look.line}
    ax.plot(x, estimate, **line, label=label, transform=beside)
    # Axes find their limits only from what is drawn at its very data.
    ax.update_datalim(np.column_stack([np.tile(x, 3), np.concatenate([estimate, low, high])]))


def draw_forest(
    labels: Sequence[str],
    table: pd.DataFrame,
    *,
    ax: Axes,
    look: Look = PLAIN,
    hollow: npt.ArrayLike | None = None,
    places: npt.ArrayLike | None = None,
    reference: float | None = 0.0,
    label: str | None = None,
    wrap: int = 30,
) -> None:
    """Estimates as rows, the first on top, with their intervals as given.

    Parameters
    ----------
    labels : sequence of str, [n]
    table : DataFrame, n rows
        estimate, ci_low, ci_high. Rows without an estimate stay empty.
    ax : Axes
    look : Look
    hollow : array_like of bool, [n], optional
        Rows whose mark is not filled.
    places : array_like, [n], optional
        Of the rows from the top; 0, 1, 2, ... if left out. Where several series share rows, those of the first
        label them.
    reference : float, optional
        Value at which a line stands.
    label : str, optional
        Of the series.
    wrap : int
        Letters in a line of a label.
    """
    y = np.arange(len(table), dtype=np.float64) if places is None else np.asarray(places, np.float64)
    estimate, low, high = (table[name].to_numpy(float) for name in ("estimate", "ci_low", "ci_high"))
    known = np.isfinite(low) & np.isfinite(high)
    if reference is not None:
        ax.axvline(reference, color=MUTED, linewidth=0.7, zorder=0)
    ax.hlines(y[known], low[known], high[known], color=look.color, linewidth=1.1)
    empty = np.zeros(len(y), bool) if hollow is None else np.asarray(hollow, bool)
    size = 1.6 * float(plt.rcParams["lines.markersize"]) ** 2
    sns.scatterplot(
        x=estimate, y=y, hue=empty, palette={False: look.color, True: "white"}, edgecolor=look.color, linewidth=0.9,
        marker=look.marker, s=size, zorder=3, legend=False, ax=ax,
    )  # fmt: skip
    if label is not None:  # a mark of its own, which is filled whatever the first row is
        ax.scatter([], [], s=size, color=look.color, marker=look.marker, label=label)
    if len(labels):
        ax.set_yticks(y, [fill(each, wrap, break_on_hyphens=False) for each in labels])
        ax.set_ylim(len(table) - 0.4, -0.6) if places is None else None
    ax.tick_params(axis="y", length=0)
    sns.despine(ax=ax, left=True)
    ax.locator_params(axis="x", nbins=5)


def not_significant(table: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Rows that were tested and are not significant, [n]."""
    return np.asarray(table["p_adj"].to_numpy(float) >= ALPHA)


def legend_above(ax: Axes, columns: int = 2, title: str | None = None) -> None:
    """A legend over the axes, where it covers nothing."""
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1.01), ncols=columns, frameon=False, borderaxespad=0, handlelength=2.4,
        title=title, alignment="left", title_fontsize=plt.rcParams["legend.fontsize"],
    )  # fmt: skip
