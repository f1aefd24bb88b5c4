"""Drawing the figures: each for itself, so that one that fails leaves the others alone."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from asm_interp.paper.drawing import Drawing, Entry, Table, annotate
from asm_interp.paper.index import FOLDER, index_page, write_index
from asm_interp.paper.inputs import Inputs
from asm_interp.paper.typesetting import to_latex, to_markdown
from asm_interp.plots.provenance import FORMATS, Provenance, check_formats, git_commit, save_figure, save_texts
from asm_interp.plots.style import column_width, paper_style


@dataclass
class Outcome:
    """What a run wrote, how long each figure took, and which failed and why."""

    written: list[Path] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def draw_paper(
    entries: Sequence[Entry],
    inputs: Inputs,
    out: Path,
    *,
    venue: str = "aaai",
    formats: Sequence[str] = FORMATS,
    command: str = "",
    advance: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Draw figures and tables into a folder, each with its numbers and provenance, and write the index of all there.

    The network runs on one thread meanwhile: how many there are decides in which order it adds, and so the last digits.

    Parameters
    ----------
    entries : sequence of Entry
    inputs : Inputs
        Models and score maps are kept from one figure to the next.
    out : path
        Gets ``paper/NAME.*`` for each entry, and ``README.md``.
    venue : str
        Whose column widths hold; see `asm_interp.plots.style.COLUMN_WIDTHS`.
    formats : sequence of {"pdf", "png", "svg"}
        Of figures. Tables come as CSV, Markdown and LaTeX.
    command : str
        Noted in the provenance; each figure's name is added to it.
    advance : callable
        Called with each name when it is done.

    Returns
    -------
    Outcome

    Raises
    ------
    ValueError
        If there is no such venue or format, or the folder has a ``README.md`` that is no index of figures.
    """
    check_formats(formats)
    column_width(venue)
    index_page(out)
    commit, outcome = git_commit(), Outcome()
    for entry in entries:
        start = time.monotonic()
        try:
            outcome.written += _draw(
                entry, inputs.fresh(), out, venue, formats, f"{command} --only {entry.name}", commit
            )
        except Exception as error:  # whatever it is, the other figures are wanted
            outcome.failed[entry.name] = f"{type(error).__name__}: {error}"
        finally:
            plt.close("all")
            gc.collect(0)
        outcome.seconds[entry.name] = time.monotonic() - start
        advance(entry.name)
    if outcome.written:
        outcome.written.append(write_index(out))
    return outcome


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@_one_thread()
def _draw(
    entry: Entry, inputs: Inputs, out: Path, venue: str, formats: Sequence[str], command: str, commit: str | None
) -> list[Path]:
    stem = out / FOLDER / entry.name
    with paper_style(venue, entry.columns):
        made = entry.make(inputs)
        provenance = Provenance(
            command,
            caption=f"{entry.title}. {made.caption}",
            checkpoints=inputs.used.checkpoints,
            data=inputs.used.data,
            seed=inputs.seed,
            scale=made.scale if isinstance(made, Drawing) else "",
            commit=commit,
        )
        if isinstance(made, Drawing):
            annotate(made)
            return save_figure(made.figure, stem, provenance, numbers=made.numbers, formats=formats)
    return _write_table(made, stem, provenance)


def _write_table(table: Table, stem: Path, provenance: Provenance) -> list[Path]:
    texts = {"md": to_markdown(table), "tex": to_latex(table, stem.name)}
    return save_texts(stem, texts, provenance, numbers=table.rows)
