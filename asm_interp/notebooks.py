"""The notebooks that come with the package: where they are, how they run, and whether anything in them went wrong."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

TIMEOUT = 300  # seconds a cell

_STATE = "application/vnd.jupyter.widget-state+json"


def shipped_notebooks() -> list[Path]:
    """Notebooks that came with the package, in a wheel or in the repository, in order.

    Raises
    ------
    FileNotFoundError
        If there are none.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "_shipped" / "notebooks", package.parent / "notebooks"):
        if found := sorted(folder.glob("[!.]*.ipynb")):
            return found
    raise FileNotFoundError(f"{package}: no notebooks came with this installation")


def copy_notebooks(folder: Path) -> tuple[list[str], list[str]]:
    """Copy the notebooks that came with the package to a folder; none that is there is overwritten.

    Returns
    -------
    (list of str, list of str)
        Names of those copied, and of those that were there and differ from what would have been copied.
    """
    from asm_interp.files import write_atomically

    copied, kept = [], []
    for source in shipped_notebooks():
        target, content = folder / source.name, source.read_bytes()
        if not target.exists():
            write_atomically(target, content)
            copied.append(source.name)
        elif target.read_bytes() != content:
            kept.append(source.name)
    return copied, kept


def execute(path: Path, folder: Path) -> NotebookNode:
    """Run a notebook from top to bottom, working in `folder`; the file stays as it is.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails. What fails inside a view does not reach its cell: see `faults`.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook: NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    quiet = ["--IPKernelApp.log_level=40"]  # errors only, not what a kernel says of its transport
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=TIMEOUT, resources=where, extra_arguments=quiet).execute()
    return notebook


def faults(notebook: NotebookNode) -> list[str]:
    """Whatever went wrong in an executed notebook without stopping it.

    Errors and warnings that cells or captured outputs of widgets hold, and messages that a view shows in red.
    """
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    models = notebook.metadata.get("widgets", {}).get(_STATE, {}).get("state", {}).values()
    states = [model["state"] for model in models]
    captured = [output for state in states for output in state.get("outputs", [])]
    shown = [str(state.get("value", "")) for state in states]
    return [*_said(outputs + captured), *(_text(value) for value in shown if 'role="alert"' in value)]


def _said(outputs: list[NotebookNode]) -> Iterator[str]:
    for output in outputs:
        if output["output_type"] == "error":
            yield f"{output['ename']}: {output['evalue']}"
        elif output.get("name") == "stderr":
            yield output["text"]


def _text(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", markup)).strip()
