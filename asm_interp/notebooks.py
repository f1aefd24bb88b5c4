"""The notebooks that come with the package: where they are, what they measure, how they run, and what went wrong."""

from __future__ import annotations

import html
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from nbformat import NotebookNode
    from numpy.typing import ArrayLike

    from asm_interp.data.photo import Photo

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


def photos_from(folder: str | os.PathLike[str] | None = None, most: int = 12) -> dict[str, Photo]:
    """Photos that a notebook's statistics are over, all in memory.

    Parameters
    ----------
    folder : path, optional
        With photos, at any depth; the sample photographs if left out.
    most : int
        Of a folder that holds more, so many are read, evenly spread over it in order of their paths.

    Returns
    -------
    dict of str to array of uint8, [H, W, 3]
        By name. A photo that cannot be read is left out, with a warning that says why.

    Raises
    ------
    PhotoError
        If the folder is missing, or holds no photo that can be read.
    ValueError
        If `most` is below one.
    """
    from asm_interp.analysis.dataset import find_photos
    from asm_interp.data.photo import PhotoError, read_photo, sample_photos

    if folder is None:
        return sample_photos()
    if most < 1:
        raise ValueError(f"most is at least 1, got {most}")
    paths, found = list(find_photos(folder).items()), {}
    count = min(most, len(paths))
    for name, path in (paths[i * len(paths) // count] for i in range(count)):
        try:
            found[name] = read_photo(path)
        except PhotoError as error:
            warnings.warn(str(error), stacklevel=2)
    if not found:
        raise PhotoError(f"{folder}: expected photos, found none that can be read")
    return found


def means_over_photos(measured: Mapping[str, ArrayLike] | pd.DataFrame) -> pd.DataFrame:
    """Mean of each measure over photos, with a 95 % interval that resamples photos.

    Parameters
    ----------
    measured : mapping of str to array_like [N], or DataFrame
        One value for each of N photos, NaN where it has none.

    Returns
    -------
    DataFrame
        One row per measure, whose name is the index: estimate, ci_low, ci_high, n_photos with a value. Intervals of few
        photos are too narrow: see `asm_interp.analysis.statistics.bootstrap_interval`.
    """
    from asm_interp.analysis.estimates import mean_estimate, table
    from asm_interp.analysis.statistics import Resampling

    rows = table(mean_estimate(str(name), each, Resampling(), alternative=None) for name, each in measured.items())
    return rows.set_index("statistic")[["estimate", "ci_low", "ci_high", "n_photos"]]


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
