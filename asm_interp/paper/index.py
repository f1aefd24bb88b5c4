"""The index page of a folder of figures, and which of them are stale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asm_interp import __version__
from asm_interp.files import file_digest, write_atomically
from asm_interp.model.checkpoint import find
from asm_interp.paper.inputs import current_digest, located
from asm_interp.plots.provenance import FORMATS, Provenance, read_provenance

FOLDER = "paper"
"""Where in a folder of figures those of the paper stand."""

_DRAWN = (".png", ".pdf", ".svg", ".md", ".tex")
_OPENING = "# Figures\n\nWritten by `asm-interp figures`"


def figures_in(out: Path) -> Iterator[tuple[Path, Provenance]]:
    """Figures and tables at any depth of a folder: the JSON beside each, and what it says."""
    for path in sorted(out.rglob("*.json")):
        try:
            yield path, read_provenance(path)
        except ValueError:
            continue  # other results


def index_page(out: Path) -> Path:
    """Where the index of a folder of figures stands.

    Raises
    ------
    ValueError
        If something else stands there, which is never overwritten.
    """
    page = out / "README.md"
    if page.exists() and not page.read_bytes().startswith(_OPENING.encode()):
        raise ValueError(f"{page}: not an index of figures, and is not overwritten; choose another folder (--out)")
    return page


def write_index(out: Path) -> Path:
    """Write ``README.md``: every figure and table with its caption, its files and the command that made it.

    Raises
    ------
    ValueError
        As `index_page`.
    """
    page = index_page(out)
    lines = [f"{_OPENING}; `asm-interp figures --check` tells which are stale.", ""]
    for path, provenance in figures_in(out):
        title, _, caption = provenance.caption.partition(". ")
        there = [
            path.with_suffix(suffix) for suffix in (*_DRAWN, ".csv", ".json") if path.with_suffix(suffix).is_file()
        ]
        links = ", ".join(f"[{each.suffix[1:]}]({each.relative_to(out).as_posix()})" for each in there)
        lines += [f"## {path.stem}: {title}", ""]
        if (picture := path.with_suffix(".png")) in there:
            lines += [f"![{title}]({picture.relative_to(out).as_posix()})", ""]
        elif (table := path.with_suffix(".md")) in there:
            lines += [table.read_text("utf-8"), ""]
            caption = ""  # it stands below the table
        lines += [caption, ""] if caption else []
        lines += [f"Files: {links}. Made by `{provenance.command}`.", ""]
    write_atomically(page, "\n".join(lines))
    return page


def stale(out: Path) -> dict[Path, list[str]]:
    """What has changed since each figure of a folder was drawn; nothing of a figure that is up to date.

    Compared are the files of checkpoints, which of a drawn family are there, the data, the library's version, and the
    files of the figure with what was noted when it was drawn. The commit is not: most change nothing about a figure.

    Raises
    ------
    ValueError
        If the folder holds no figure.
    """
    found = {path: [*_damage(path, each), *_changes(each, out)] for path, each in figures_in(out)}
    if not found:
        raise ValueError(f"{out}: expected figures with their provenance (JSON), found none")
    return found


def _damage(path: Path, provenance: Provenance) -> Iterator[str]:
    """What is wrong with the files beside the JSON."""
    if not any(path.with_suffix(suffix).is_file() for suffix in _DRAWN):
        yield "the drawing is missing"
    for drawn in (path.with_suffix(f".{suffix}") for suffix in FORMATS):
        try:
            if drawn.is_file() and read_provenance(drawn) != provenance:
                yield f"{drawn.name} is of another run than its JSON"
        except (ValueError, OSError) as error:
            yield str(error)
    if provenance.files is None:
        yield "drawn by an earlier version, which did not note its files"
    for suffix, digest in (provenance.files or {}).items():
        beside = path.with_suffix(f".{suffix}")
        if not beside.is_file():
            yield f"{beside.name} is missing"
        elif file_digest(beside) != digest:
            yield f"{beside.name} was altered"


def _changes(provenance: Provenance, out: Path) -> Iterator[str]:
    """What it was drawn from, and is another now."""
    before = provenance.versions.get("asm_interp")
    if before != __version__:
        yield f"drawn by asm_interp {before}, this is {__version__}"
    for name, digest in provenance.checkpoints.items():
        try:
            if file_digest(find(located(name, out) if name.endswith(".safetensors") else name)) != digest:
                yield f"checkpoint {name} has changed"
        except (ValueError, OSError) as error:
            yield f"checkpoint {name}: {error}"
    for name, digest in provenance.data.items():
        try:
            if current_digest(name, out) not in (None, digest):
                yield f"data {name} have changed"
        except (ValueError, OSError) as error:
            yield f"data {name}: {error}"
