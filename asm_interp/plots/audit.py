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


def _rows(table: pd.DataFrame, data: str, part: str) -> pd.DataFrame:
    """Rows of one part on one kind of data, of worlds without a corner preference."""
    if data not in set(table["data"]):
        raise ValueError(f"no grades on {data!r}; there are {', '.join(table['data'].unique())}")
    return table[(table["data"] == data) & (table["part"] == part) & ~(table["beta"] > 0)]


def _n(rows: pd.DataFrame) -> tuple[str, str]:
    return number_text(rows["n_photos"]), number_text(rows["n_seeds"], "models a λ").removeprefix("n = ")


def draw_localisation(
    table: pd.DataFrame, data: str = "shapes", *, rule: str = "thirds", measure: str = "auc", ax: Axes | None = None
) -> Axes:
    """How well each explanation marks the subject, a series per λ, with chance and the bar it is held to.

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
        A bar is an upright stroke across its row.

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
    names = own["explanation"].unique().tolist()
    named = looks(sorted(own["lambda"].unique()))
    for i, (lam, look) in enumerate(named.items()):
        rows = own[own["lambda"] == lam]
        aside = 0.26 * (i - (len(named) - 1) / 2)
        places = np.array([names.index(name) for name in rows["explanation"]]) + aside
        draw_forest([], rows, ax=ax, look=look, places=places, reference=None, label=f"λ = {lam:g}")
        barred = [(float(bar.split()[-1]), y) for bar, y in zip(rows["bar"], places, strict=True) if _is_bar(bar)]
        for level, y in barred:
            ax.plot([level, level], [y - 0.3, y + 0.3], color=INK, linewidth=1.4, label="_bar")
    if any(map(_is_bar, own["bar"])):
        ax.plot([], [], color=INK, linestyle="none", marker="|", markersize=6, label="bar")
    if measure in _CHANCE:
        ax.axvline(_CHANCE[measure], color=MUTED, linestyle=(0, (3, 2)), linewidth=0.8, label="chance", zorder=0)
    ax.set_yticks(range(len(names)), [readable(name) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(-0.02, 1.02)
    ax.set_xlabel(joined(f"{measure.upper() if measure == 'auc' else measure} of the subject, {data}", *_n(own)))
    legend_above(ax)
    return ax


def _is_bar(bar: object) -> bool:
    return isinstance(bar, str) and bool(bar)


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
        partitions, which the preference itself, being smooth, may pass.

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
    named = looks(sorted(found["lambda"].unique()))
    for i, (lam, look) in enumerate(named.items()):
        rows = found[found["lambda"] == lam]
        places = np.array([rules.index(rule) for rule in rows["rule"]]) + 0.26 * (i - (len(named) - 1) / 2)
        draw_forest([], rows, ax=ax, look=look, places=places, reference=None, label=f"λ = {lam:g}")
    ceilings = own[own["truth"] == "ceiling"].drop_duplicates("rule")
    for rule, level in zip(ceilings["rule"], ceilings["estimate"], strict=True):
        y = rules.index(rule)
        ax.plot([level, level], [y - 0.35, y + 0.35], color=INK, linewidth=1.4, label="_ceiling")
    ax.plot([], [], color=INK, linestyle="none", marker="|", markersize=6, label="ceiling of the pattern")
    ax.set_yticks(range(len(rules)), rules)
    ax.set_ylim(len(rules) - 0.4, -0.6)
    ax.set_xlim(min(0.0, float(np.nanmin([found["ci_low"].min(), found["estimate"].min(), 0.0]))), 1.02)
    ax.set_xlabel(joined(f"correlation with the planted rule, {data}", *_n(found)))
    legend_above(ax)
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
        Without an axis; from its top, a mark and a text per claim.

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
    texts = [
        re.sub(r"\[[^]]*\]", lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"), each) for each in own["text"]
    ]
    return [(fill(text, letters), str(verdict)) for text, verdict in zip(texts, own["verdict"], strict=True)]


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
    figure = plt.figure(figsize=(width, above + below))
    parts: Any = figure.subfigures(2, 1, height_ratios=(above, below))
    upper, lower = parts
    axes = upper.subplots(1, 2, width_ratios=(3, 2)) if wide else upper.subplots(2, 1, height_ratios=(2, 1))
    draw_localisation(table, data, rule=rule, ax=axes[0])
    draw_rule_recovery(table, data, ax=axes[1])
    draw_verdicts(verdicts, data, ax=lower.subplots(), width=width - 0.1)
    return figure
