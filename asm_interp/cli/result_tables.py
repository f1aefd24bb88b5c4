"""How results of an evaluation are printed: what was measured, then beside what papers report."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from asm_interp.evaluation import EvaluationResult, compare

_FEW = 10  # photos
_READING = {
    "gaicd": "Acc is that of Zeng et al., in percent; Acc of free boxes matched by IoU is another quantity",
    "fcdb": "Disp: less is better",
    "flms": "Disp: less is better; each photo counts with the annotator whom the crop overlaps most",
}


def print_results(results: Sequence[EvaluationResult]) -> None:
    """Print results of one protocol to stdout, within 80 columns."""
    console = Console()
    first = results[0]
    choices = f"ties {first.settings.ties}, δ {first.settings.delta:g}, seed {first.settings.seed}"
    console.print(f"[bold]{escape(first.data)}[/]  ({choices})", highlight=False)
    console.print(_measured(results))
    comparison = compare(results)
    if len(comparison) > len(results):
        sources = list(dict.fromkeys(comparison["source"]))
        console.print(_beside_published(comparison, sources, len(results)))
        _print_lines(console, [f"[{number}] {source}" for number, source in enumerate(sources, 1)])
    _print_lines(console, _notes(results))


def _print_lines(console: Console, lines: Sequence[str]) -> None:
    for line in lines:
        console.print(Padding(Text(line), (0, 0, 0, 2)))


def _measured(results: Sequence[EvaluationResult]) -> Table:
    """Means and intervals, metric by metric; those for each K of Acc are left to the files."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("metric", no_wrap=True)
    table.add_column("scorer", overflow="fold")
    for column in ("value", "95 % interval", "n"):
        table.add_column(column, justify="right", no_wrap=True)
    rows = [list(result.table.itertuples(index=False, name=None)) for result in results]
    for of_metric in zip(*rows, strict=True):  # all results are of one protocol
        for result, (metric, value, low, high, n) in zip(results, of_metric, strict=True):
            if "/" not in metric:
                interval = f"{_number(metric, low)} to {_number(metric, high)}"
                shown = metric if result is results[0] else ""
                table.add_row(shown, escape(result.scorer), _number(metric, value), interval, str(n))
    return table


def _beside_published(comparison: pd.DataFrame, sources: Sequence[str], n_own: int) -> Table:
    """Own rows, then those of papers, with numbers for the sources."""
    texts = [name for name in ("trained on",) if name in comparison]
    metrics = [
        name
        for name in map(str, comparison.columns)
        if name not in ("method", "n", "source", *texts) and "/" not in name
    ]
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("method", overflow="fold")
    for name in [*metrics, "N"]:
        table.add_column(name, justify="right", no_wrap=True)
    for name in [*texts, "source"]:
        table.add_column(name, overflow="fold")
    for i, row in enumerate(comparison.to_dict("records")):
        own = i < n_own
        numbers = [_number(metric, row[metric], as_given=not own) for metric in metrics]
        n = "" if pd.isna(row["n"]) else str(row["n"])
        others = [*(row[name] for name in texts), f"[{sources.index(row['source']) + 1}]"]
        table.add_row(escape(row["method"]), *numbers, n, *map(escape, others), end_section=i == n_own - 1)
    return table


def _number(metric: str, value: float, *, as_given: bool = False) -> str:
    """As the field writes it: shares in percent with one digit, everything else with four, or three if given so."""
    if math.isnan(value):
        return ""
    if metric.startswith(("Acc", "wAcc", "recall", "best_crop_recall")):
        return f"{value:.1f}"
    text = f"{value:.4f}"
    return f"{text[:-1]} " if as_given and text.endswith("0") else text


def _notes(results: Sequence[EvaluationResult]) -> list[str]:
    notes = [_READING[results[0].kind]] if results[0].kind in _READING else []
    for note in dict.fromkeys(note for result in results for note in result.notes):
        members = [result.scorer for result in results if note in result.notes]
        notes.append(note if len(members) == len(results) else f"{', '.join(members)}: {note}")
    if len({len(result.per_photo) for result in results}) > 1:
        notes.append("the scorers were measured on different photos; --with-photos takes the same for all")
    if min(len(result.per_photo) for result in results) < _FEW:
        notes.append(f"over fewer than {_FEW} photos, bootstrap intervals are too narrow")
    return notes
