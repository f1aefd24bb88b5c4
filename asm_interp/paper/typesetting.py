"""Tables as Markdown and as LaTeX with booktabs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from asm_interp.paper.drawing import Table

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "λ": r"$\lambda$",
    "θ": r"$\theta$",
    "δ": r"$\delta$",
    "×": r"$\times$",
    "≥": r"$\ge$",
    "–": "--",
}


def to_markdown(table: Table) -> str:
    """The table in Markdown, its caption below it."""
    columns = _columns(table)
    lines = ["| " + " | ".join(columns) + " |", "|" + "|".join("---" for _ in columns) + "|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for _, cells in _cells(table)]
    return "\n".join([*lines, "", table.caption]) + "\n"


def to_latex(table: Table, label: str) -> str:
    """The table in LaTeX; it needs the package booktabs."""
    columns = _columns(table)
    aligned = "".join("r" if name in table.digits else "l" for name in columns)
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{latex(table.caption)}}}", rf"\label{{tab:{label}}}"]
    lines += [rf"\begin{{tabular}}{{{aligned}}}", r"\toprule", _row(columns), r"\midrule"]
    before: object = None
    for group, cells in _cells(table):
        lines += [r"\midrule"] if before not in (None, group) else []
        lines.append(_row(cells))
        before = group
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]) + "\n"


def latex(text: str) -> str:
    r"""Text with LaTeX's special characters escaped.

    Examples
    --------
    >>> latex("Acc_5 at λ = 0.1, 95 %")
    'Acc\\_5 at $\\lambda$ = 0.1, 95 \\%'
    """
    return re.sub("|".join(map(re.escape, _LATEX)), lambda found: _LATEX[found[0]], text)


def _columns(table: Table) -> list[str]:
    ends = {f"{name} {end}" for name in table.rows.columns for end in ("low", "high")}
    return [str(name) for name in table.rows.columns if name != table.group and name not in ends]


def _cells(table: Table) -> Iterator[tuple[object, list[str]]]:
    """Group and printed cells of each row."""
    for row in table.rows.to_dict("records"):
        yield row.get(table.group), [_cell(row, name, table.digits.get(name)) for name in _columns(table)]


def _cell(row: Mapping[Any, Any], name: str, digits: int | None) -> str:
    if digits is None:
        return str(row[name])
    low, high = row.get(f"{name} low", math.nan), row.get(f"{name} high", math.nan)
    ends = "" if math.isnan(low) or math.isnan(high) else f" [{low:.{digits}f}, {high:.{digits}f}]"
    return "–" if math.isnan(row[name]) else f"{row[name]:.{digits}f}{ends}"


def _row(cells: list[str]) -> str:
    return " & ".join(map(latex, cells)) + r" \\"
