"""The planted audit as a figure: what marks the subject, whether rules are recovered, and the verdicts."""

from __future__ import annotations

import re
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from asm_interp.geometry.boxes import FloatArray
from asm_interp.plots.intervals import (
    draw_forest,
    figure_width,
    joined,
    label_size,
    legend_above,
    looks,
    number_text,
    readable,
)
from asm_interp.plots.style import ACCENT, INK, MUTED

_MARKS = {
    "supported": ("✓", "#0072B2"),
    "not supported": ("✗", ACCENT),
    "undecided": ("?", INK),
    "not measured": ("–", MUTED),
}
_CHANCE = {"auc": 0.5}
_THRESHOLD = "preset threshold"


def _rows(table: pd.DataFrame, data: str, part: str) -> pd.DataFrame:
    """Rows of one part on one kind of data, of worlds without a corner preference."""
    if data not in set(table["data"]):
        raise ValueError(f"no grades on {data!r}; there are {', '.join(table['data'].unique())}")
    return table[(table["data"] == data) & (table["part"] == part) & ~(table["beta"] > 0)]


def _draw_by_lambda(rows: pd.DataFrame, names: list[str], column: str, ax: Axes) -> pd.Series:
    """Estimates in rows by what a column holds, a series per λ with its number of models; where each row stands."""
    places = rows[column].map(names.index).astype(float)
    named = looks(sorted(rows["lambda"].unique()))
    for i, (lam, look) in enumerate(named.items()):
        own = rows[rows["lambda"] == lam]
        places[own.index] += 0.3 * (i - (len(named) - 1) / 2)
        label = joined(f"λ = {lam:g}", number_text(own["n_seeds"], "models"))
        draw_forest([], own, ax=ax, look=look, places=places[own.index], reference=None, label=label)
    ax.set_yticks(range(len(names)), [readable(name) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    return places


def _draw_level(level: float, y: float, reach: float, ax: Axes, label: str) -> None:
    """An upright stroke across a row, over the marks, which it is not to hide."""
    ax.plot([level, level], [y - reach, y + reach], color=INK, linewidth=1.2, zorder=4, label=f"_{label}")


def draw_localisation(
    table: pd.DataFrame, data: str = "shapes", *, rule: str = "thirds", measure: str = "auc", ax: Axes | None = None
) -> Axes:
    """How well each explanation marks the subject, a series per λ, with chance and the threshold it is held to.

    Parameters
    ----------
    table : DataFrame
        As `asm_interp.analysis.audit_verdicts.grade_table` gives it, or grades.csv. Of worlds without a corner
        preference.
    data : str
    rule : str
        Of the models' world.
    measure : {"auc", "pointing", "mass"}
    ax : Axes, optional
        The current axes if left out, here and in all functions that draw.

    Returns
    -------
    Axes
        A threshold (the grades' bar) is an upright stroke across its row. The axis of AUC, log(1.02 − AUC), stretches
        the end where good maps crowd.

    Raises
    ------
    ValueError
        If there is no such grade.
    """
    ax = ax or plt.gca()
    own = _rows(table, data, "localisation")
    own = own[(own["truth"] == measure) & (own["rule"] == rule)]
    if own.empty:
        raise ValueError(f"no grades of localisation on {data!r} by {measure!r} under the rule {rule!r}")
    places = _draw_by_lambda(own, own["explanation"].unique().tolist(), "explanation", ax)
    held = own["bar"].map(lambda bar: isinstance(bar, str) and bool(bar))  # CSV has NaN where there is none
    for bar, y in zip(own["bar"][held].astype(str).str.split().str[-1].astype(float), places[held], strict=True):
        _draw_level(bar, y, 0.3, ax, _THRESHOLD)
    if held.any():
        ax.plot([], [], color=INK, linestyle="none", marker="|", markersize=6, label=_THRESHOLD)
    least = float(np.nanmin(own[["ci_low", "estimate"]].to_numpy(float)))
    if measure in _CHANCE:
        ax.axvline(_CHANCE[measure], color=MUTED, linestyle=(0, (3, 2)), linewidth=0.8, label="chance", zorder=0)
        ax.set_xscale("function", functions=(_stretched, _unstretched))
        ax.set_xticks([tick for tick in (0, 0.25, 0.5, 0.75, 0.9, 0.95, 1) if tick == 0.5 or tick > least - 0.1])
        ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlim(min(least - 0.05, _CHANCE.get(measure, 1.0) - 0.1), 1.003 if measure in _CHANCE else 1.02)
    what = measure.upper() if measure == "auc" else measure
    ax.set_xlabel(joined(f"{what} of the subject", f"{data}, {number_text(own['n_photos'])}", width=28))
    legend_above(ax)
    return ax


def _stretched(auc: FloatArray) -> FloatArray:
    return -np.log(np.maximum(1.02 - np.asarray(auc), 1e-6))


def _unstretched(place: FloatArray) -> FloatArray:
    return 1.02 - np.exp(-np.asarray(place))


def draw_rule_recovery(table: pd.DataFrame, data: str = "shapes", *, ax: Axes | None = None) -> Axes:
    """Correlation of the placement preference with the planted rule, beside what the pattern can express.

    Parameters
    ----------
    table : DataFrame
        As for `draw_localisation`.
    data : str
    ax : Axes, optional

    Returns
    -------
    Axes
        Rows are rules, series λ; an upright stroke is the pattern's ceiling for a map that is constant on its
        partitions, which the preference itself, being smooth, may pass. The axis begins below the least of these.

    Raises
    ------
    ValueError
        If there is no such grade.
    """
    ax = ax or plt.gca()
    own = _rows(table, data, "rule")
    found = own[own["truth"] == "correlation with g"]
    if found.empty:
        raise ValueError(f"no grades of rule recovery on {data!r}")
    rules = found["rule"].unique().tolist()
    _draw_by_lambda(found, rules, "rule", ax)
    ceilings = own[own["truth"] == "ceiling"].drop_duplicates("rule")
    for rule, level in zip(ceilings["rule"], ceilings["estimate"], strict=True):
        _draw_level(level, rules.index(rule), 0.35, ax, "ceiling")
    ax.plot([], [], color=INK, linestyle="none", marker="|", markersize=6, label="ceiling of the pattern")
    drawn = pd.concat([found["ci_low"], found["estimate"], ceilings["estimate"]])
    ax.set_xlim(np.floor(10 * drawn.min() - 0.5) / 10, 1.01)
    ax.set_xlabel(joined("correlation with the rule", f"{data}, {number_text(found['n_photos'])}", width=28))
    legend_above(ax, columns=1)
    return ax


def draw_verdicts(
    verdicts: pd.DataFrame, data: str = "shapes", *, ax: Axes | None = None, width: float | None = None
) -> Axes:
    """Each claim with its verdict and the numbers behind it, as text.

    Parameters
    ----------
    verdicts : DataFrame
        As `asm_interp.analysis.audit_verdicts.verdicts` gives it, or verdicts.csv.
    data : str
    ax : Axes, optional
    width : float, optional
        Inches that lines may be long; the axes' width if left out.

    Returns
    -------
    Axes
        Without an axis; from its top, a mark and a text per claim, whose numbers have as many digits as it takes for
        no end of the interval to be rounded to 0.

    Raises
    ------
    ValueError
        If there is no verdict on this data.
    """
    ax = ax or plt.gca()
    width = ax.get_window_extent().width / ax.figure.dpi if width is None else width
    size = label_size()
    ax.set_axis_off()
    row = 0.0
    for text, verdict in _wrapped(verdicts, data, width):
        mark, color = _MARKS[verdict]
        place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "top"}
        down = -_LINE * size * row
        ax.annotate(mark, (0, 1), (1, down), color=color, fontsize=size + 1, fontweight="bold", **place)
        told = INK if verdict != "not measured" else "#777777"
        ax.annotate(text, (0, 1), (2 * size, down), color=told, fontsize=size, **place)
        row += text.count("\n") + 1 + _GAP
    return ax


_LINE, _GAP = 1.25, 0.25  # of a line of text, and between two claims, in font sizes and lines


def _wrapped(verdicts: pd.DataFrame, data: str, width: float) -> list[tuple[str, str]]:
    """Texts in lines of at most `width` inches, and their verdicts; an interval is not torn apart."""
    own = verdicts[verdicts["data"] == data]
    if own.empty:
        raise ValueError(f"no verdicts on {data!r}; there are {', '.join(verdicts['data'].unique())}")
    size = label_size()
    letters = int((72 * width - 2 * size) / (0.53 * size))
    return [(fill(_retold(str(row.text)), letters), str(row.verdict)) for row in own.itertuples()]


def _retold(text: str) -> str:
    """Text of a verdict with its interval in one piece."""
    return re.sub(r"\[(\S+), (\S+)\]$", "[\\1,\N{NO-BREAK SPACE}\\2]", text)


def audit_figure(table: pd.DataFrame, verdicts: pd.DataFrame, data: str = "shapes", *, rule: str = "thirds") -> Figure:
    """The audit on one page: localisation, rule recovery and the verdicts.

    Parameters
    ----------
    table, verdicts, data, rule
        As for `draw_localisation` and `draw_verdicts`.

    Returns
    -------
    Figure
        As wide as the style says, and as high as the claims need.
    """
    width = figure_width()
    wide = width > 5
    texts = _wrapped(verdicts, data, width - 0.1)
    lines = sum(text.count("\n") + 1 + _GAP for text, _ in texts)
    above, below = 2.7 if wide else 4.3, lines * _LINE * label_size() / 72 + 0.1
    figure = plt.figure(figsize=(width, above + below), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=(above, below))
    upper, lower = parts
    axes = upper.subplots(1, 2, width_ratios=(3, 2)) if wide else upper.subplots(2, 1, height_ratios=(2, 1))
    draw_localisation(table, data, rule=rule, ax=axes[0])
    draw_rule_recovery(table, data, ax=axes[1])
    draw_verdicts(verdicts, data, ax=lower.subplots(), width=width - 0.1)
    return figure
