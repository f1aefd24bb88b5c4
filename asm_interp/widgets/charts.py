"""Small charts as SVG, and tables as HTML, for views: they draw the numbers they are given, and tell them as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from asm_interp.widgets.painter import ACCENT, INK, MUTED

SERIES_COLOURS = ("#0072B2", ACCENT, "#009E73", "#CC79A7")
"""Of Okabe & Ito, told apart under every colour vision."""

_ROW = 17


def number(value: float, digits: int = 3) -> str:
    """A number for people: significant digits, a true minus sign; "–" for NaN.

    Examples
    --------
    >>> number(-0.01234), number(float("nan")), number(1234.5)
    ('−0.0123', '–', '1.23e+03')
    """
    return "–" if np.isnan(value) else f"{value:.{digits}g}".replace("-", "\N{MINUS SIGN}")


def svg_document(width: float, height: float, title: str, description: str, body: Iterable[str]) -> str:
    """A picture of elements, with a title and a description for those who cannot see it; sizes in CSS pixels."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" style="max-width:100%;background:#fff" font-family="sans-serif" font-size="11" '
        f'fill="{INK}" role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>'
        f"<desc>{escape(description)}</desc>{''.join(body)}</svg>"
    )


def svg_text(x: float, y: float, text: str, anchor: str = "start", **look: Any) -> str:
    """A line of text whose baseline starts, or has its middle or end, at a point."""
    extra = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in look.items())
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{escape(text)}</text>'


def svg_line(x1: float, y1: float, x2: float, y2: float, colour: str = INK, **look: Any) -> str:
    """A straight line; further attributes of SVG with _ for -."""
    extra = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in look.items())
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{extra}/>'


def bars(
    labels: Sequence[str],
    values: npt.ArrayLike,
    *,
    title: str,
    beside: tuple[str, npt.ArrayLike] | None = None,
    name: str = "",
    selected: int | None = None,
    limits: tuple[float, float] | None = None,
    width: int = 340,
) -> str:
    """Horizontal bars from zero, each with its number.

    Parameters
    ----------
    labels : sequence of str
    values : array_like, [N]
        NaN draws no bar.
    title : str
    beside : (str, array_like [N]), optional
        A second, grey series and its name, for comparison.
    name : str
        Of the first series; needed with `beside`.
    selected : int, optional
        Bar that is drawn strong; the others fade.
    limits : (float, float), optional
        Ends of the axis, so that it stands still while values change; those of the values and 0 by default.
    width : int
        Pixels.
    """
    own = np.asarray(values, dtype=np.float64)
    other = None if beside is None else np.asarray(beside[1], dtype=np.float64)
    every = np.concatenate([own, [0.0], [] if other is None else other, [] if limits is None else limits])
    low, high = float(np.nanmin(every)), float(np.nanmax(every))
    left = 14 + 6.5 * max((len(label) for label in labels), default=0)
    right, top = width - 62.0, 34.0 if other is not None else 20.0
    per = (right - left) / ((high - low) or 1.0)
    zero = left - low * per
    height = top + _ROW * len(own) + 4
    body = [svg_text(0, 12, title, font_weight="bold")]
    if other is not None and beside is not None:
        for x, colour, text in ((0, ACCENT, name), (width / 2, MUTED, beside[0])):
            body += [f'<rect x="{x:g}" y="19" width="9" height="9" fill="{colour}"/>', svg_text(x + 13, 27, text)]
    for row, label in enumerate(labels):
        y = top + _ROW * row
        strength = 1.0 if selected in (None, row) else 0.4
        thick = 7 if other is not None else 12
        series = [(own, ACCENT, y + 1)] + ([] if other is None else [(other, MUTED, y + 9)])
        for numbers, colour, at in series:
            if np.isfinite(numbers[row]):
                x = zero + min(numbers[row], 0) * per
                body.append(
                    f'<rect x="{x:.1f}" y="{at:g}" width="{abs(numbers[row]) * per:.1f}" '
                    f'height="{thick if colour == ACCENT else 5}" fill="{colour}" opacity="{strength:g}"/>'
                )
        body.append(svg_text(left - 5, y + 12, label, "end"))
        body.append(svg_text(width, y + 12, number(own[row]), "end"))
    body.append(svg_line(zero, top - 2, zero, height - 2))
    told = ", ".join(f"{label}: {number(value)}" for label, value in zip(labels, own, strict=True))
    return svg_document(width, height, title, told, body)


@dataclass(frozen=True, eq=False)
class Series:
    """One line of `curve`: values [n] and, if known, the ends of their intervals, [n] each. NaN breaks the line."""

    name: str
    values: npt.ArrayLike
    low: npt.ArrayLike | None = None
    high: npt.ArrayLike | None = None


def curve(
    x_labels: Sequence[str],
    series: Sequence[Series],
    *,
    title: str,
    marker: int | None = None,
    pinned: int | None = None,
    reference: float | None = None,
    x_name: str = "",
    width: int = 340,
    height: int = 190,
) -> str:
    """Lines over evenly spaced places, with bands for their intervals and a marker at one place.

    Parameters
    ----------
    x_labels : sequence of str, [n]
    series : sequence of Series
        One to four.
    title : str
    marker, pinned : int, optional
        Places that a full and a dashed upright line mark; the numbers at the marker stand in the legend.
    reference : float, optional
        Value that a thin level line marks.
    x_name : str
    width, height : int
        Pixels.
    """
    rows = [[np.asarray(part, np.float64) for part in (s.values, s.low, s.high) if part is not None] for s in series]
    every = np.concatenate([*(part for row in rows for part in row), [] if reference is None else [reference]])
    every = every[np.isfinite(every)]
    low, high = (float(every.min()), float(every.max())) if every.size else (0.0, 1.0)
    low, high = (low - 0.5, high + 0.5) if high == low else (low - 0.04 * (high - low), high + 0.04 * (high - low))
    left, right = 46.0, width - 8.0
    top, bottom = 18.0 + 15 * len(series), height - (32.0 if x_name else 20.0)

    def at(place: float | np.intp) -> float:
        return left + (right - left) * (place + 0.5) / len(x_labels)

    def y(value: float) -> float:
        return bottom - (bottom - top) * (value - low) / (high - low)

    body = [svg_text(0, 12, title, font_weight="bold")]
    for value in np.linspace(low, high, 3):
        body += [
            svg_line(left, y(value), right, y(value), "#dddddd"),
            svg_text(left - 4, y(value) + 4, number(value), "end"),
        ]
    if reference is not None:
        body.append(svg_line(left, y(reference), right, y(reference), INK, stroke_dasharray="1 2"))
    for place, dash in ((pinned, "4 3"), (marker, "none")):
        if place is not None:
            body.append(svg_line(at(place), top, at(place), bottom, INK, stroke_dasharray=dash, opacity=0.6))
    for place, label in enumerate(x_labels):
        body.append(
            svg_text(at(place), bottom + 13, label, "middle", font_weight="bold" if place == marker else "normal")
        )
    if x_name:
        body.append(svg_text((left + right) / 2, height - 3, x_name, "middle"))
    for row, (one, parts, colour) in enumerate(zip(series, rows, SERIES_COLOURS, strict=False)):
        values = parts[0]
        if len(parts) == 3:
            known = np.flatnonzero(np.isfinite(parts[1]) & np.isfinite(parts[2]))
            if known.size > 1:
                edge = [(at(i), y(parts[2][i])) for i in known] + [(at(i), y(parts[1][i])) for i in known[::-1]]
                points = " ".join(f"{px:.1f},{py:.1f}" for px, py in edge)
                body.append(f'<polygon points="{points}" fill="{colour}" opacity="0.18"/>')
        for a, b in pairwise(range(len(values))):
            if np.isfinite(values[[a, b]]).all():
                body.append(svg_line(at(a), y(values[a]), at(b), y(values[b]), colour, stroke_width=1.6))
        for i in np.flatnonzero(np.isfinite(values)):
            radius = 5 if i == marker else 2.5
            body.append(f'<circle cx="{at(i):.1f}" cy="{y(values[i]):.1f}" r="{radius}" fill="{colour}"/>')
        legend = one.name if marker is None else f"{one.name}: {_told(parts, marker)}"
        line = 27.0 + 15 * row
        body += [f'<rect x="0" y="{line - 8:g}" width="9" height="9" fill="{colour}"/>', svg_text(13, line, legend)]
    told = "; ".join(
        f"{one.name}: " + ", ".join(f"{x} {_told(parts, i)}" for i, x in enumerate(x_labels))
        for one, parts in zip(series, rows, strict=True)
    )
    return svg_document(width, height, title, told, body)


def _told(parts: Sequence[npt.NDArray[np.float64]], place: int) -> str:
    text = number(parts[0][place])
    return f"{text} [{number(parts[1][place])}, {number(parts[2][place])}]" if len(parts) == 3 else text


def forest(rows: pd.DataFrame, *, title: str, reference: float | None = 0.0, width: int = 420) -> str:
    """Estimates with their intervals, one a line.

    Parameters
    ----------
    rows : DataFrame
        With columns statistic, estimate, ci_low, ci_high, as `asm_interp.analysis.estimates.table` makes them.
    title : str
    reference : float, optional
        Value that an upright line marks.
    width : int
        Pixels.
    """
    ends = rows[["estimate", "ci_low", "ci_high"]].to_numpy(np.float64)
    every = np.append(ends[np.isfinite(ends)], [] if reference is None else [reference])
    low, high = (float(every.min()), float(every.max())) if every.size else (0.0, 1.0)
    left, right = 12 + 7 * max((len(str(name)) for name in rows["statistic"]), default=0), width - 160.0
    right = max(right, left + 80)
    per = (right - left) / ((high - low) or 1.0)
    height = 26 + _ROW * len(rows)
    body = [svg_text(0, 12, title, font_weight="bold")]
    if reference is not None:
        x = left + (reference - low) * per
        body.append(svg_line(x, 18, x, height - 2, MUTED))
    told = []
    for row, (name, (estimate, start, stop)) in enumerate(zip(rows["statistic"], ends, strict=True)):
        y = 28.0 + _ROW * row
        if np.isfinite([start, stop]).all():
            body.append(svg_line(left + (start - low) * per, y, left + (stop - low) * per, y, ACCENT, stroke_width=2))
        if np.isfinite(estimate):
            body.append(f'<circle cx="{left + (estimate - low) * per:.1f}" cy="{y:g}" r="4" fill="{ACCENT}"/>')
        text = f"{number(estimate)} [{number(start)}, {number(stop)}]"
        body += [svg_text(left - 8, y + 4, str(name), "end"), svg_text(right + 8, y + 4, text)]
        told.append(f"{name}: {text}")
    return svg_document(max(width, right + 160), height, title, "; ".join(told), body)


def table(frame: pd.DataFrame, caption: str = "", digits: int = 3) -> str:
    """A DataFrame as an HTML table, without its index; floats in significant digits."""
    heads = "".join(f'<th scope="col" style="text-align:left;padding:1px 8px">{escape(str(c))}</th>' for c in frame)
    lines = []
    for record in frame.itertuples(index=False):
        cells = (number(cell, digits) if isinstance(cell, float) else escape(str(cell)) for cell in record)
        lines.append("<tr>" + "".join(f'<td style="padding:1px 8px">{cell}</td>' for cell in cells) + "</tr>")
    title = f'<caption style="text-align:left;font-weight:bold">{escape(caption)}</caption>' if caption else ""
    return (
        '<table style="border-collapse:collapse;font-size:12px;font-variant-numeric:tabular-nums">'
        f"{title}<thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    )
