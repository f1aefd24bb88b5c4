"""The index page of a folder of figures, and which of them are stale."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from asm_interp import __version__
from asm_interp.files import write_atomically
from asm_interp.model.checkpoint import find
from asm_interp.paper.inputs import current_digest, file_digest
from asm_interp.plots.provenance import Provenance, read_provenance

FOLDER = "paper"
"""Where in a folder of figures those of the paper stand."""

_DRAWN = (".png", ".pdf", ".svg", ".md", ".tex")


def figures_in(out: Path) -> Iterator[tuple[Path, Provenance]]:
    """Figures and tables at any depth of a folder: the JSON beside each, and what it says."""
    for path in sorted(out.rglob("*.json")):
        try:
            yield path, read_provenance(path)
        except ValueError:
            continue  # other results


def write_index(out: Path) -> Path:
    """Write ``README.md``: every figure and table with its caption, its files and the command that made it."""
    lines = [
        "# Figures",
        "",
        "Written by `asm-interp figures`; `asm-interp figures --check` tells which are stale.",
        "",
    ]
    for path, provenance in figures_in(out):
        title, _, caption = provenance.caption.partition(". ")
        there = [
            path.with_suffix(suffix) for suffix in (*_DRAWN, ".csv", ".json") if path.with_suffix(suffix).is_file()
        ]
        links = ", ".join(f"[{each.suffix[1:]}]({_relative(each, out)})" for each in there)
        lines += [f"## {path.stem}: {title}", ""]
        if (picture := path.with_suffix(".png")) in there:
            lines += [f"![{title}]({_relative(picture, out)})", ""]
        elif (table := path.with_suffix(".md")) in there:
            lines += [table.read_text("utf-8"), ""]
            caption = ""  # it stands below the table
        lines += [caption, ""] if caption else []
        lines += [f"Files: {links}. Made by `{provenance.command}`.", ""]
    page = out / "README.md"
    write_atomically(page, "\n".join(lines))
    return page


def stale(out: Path) -> dict[Path, list[str]]:
    """What has changed since each figure of a folder was drawn; nothing of a figure that is up to date.

    Compared are the checkpoints' files, the data, the library's version, and whether something drawn is there.
    The commit is not: most change nothing about a figure.

    Raises
    ------
    ValueError
        If the folder holds no figure.
    """
    found = {path: list(_changes(path, provenance)) for path, provenance in figures_in(out)}
    if not found:
        raise ValueError(f"{out}: expected figures with their provenance (JSON), found none")
    return found


def _changes(path: Path, provenance: Provenance) -> Iterator[str]:
    before = provenance.versions.get("asm_interp")
    if before != __version__:
        yield f"drawn by asm_interp {before}, this is {__version__}"
    if not any(path.with_suffix(suffix).is_file() for suffix in _DRAWN):
        yield "only the JSON is there"
    for name, digest in provenance.checkpoints.items():
        try:
            if file_digest(find(name)) != digest:
                yield f"checkpoint {name} has changed"
        except (ValueError, OSError) as error:
            yield f"checkpoint {name}: {error}"
    for name, digest in provenance.data.items():
        try:
            now = current_digest(name)
        except (ValueError, OSError) as error:
            yield f"data {name}: {error}"
            continue
        if now not in (None, digest):
            yield f"data {name} have changed"


def _relative(path: Path, out: Path) -> str:
    return path.relative_to(out).as_posix().replace(os.sep, "/")
