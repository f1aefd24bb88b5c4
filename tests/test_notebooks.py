"""Every notebook runs from top to bottom as a user would run it, and is stored without outputs."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from asm_interp.notebooks import copy_notebooks, execute, faults, shipped_notebooks

NOTEBOOKS = shipped_notebooks()
LONGEST_FUNCTION = 5  # lines; what is longer belongs into the library


@pytest.fixture(autouse=True)
def _as_jupyter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels with Jupyter's own settings, not with those of the tests or the user."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.delenv("ASM_INTERP_STRICT", raising=False)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_stored_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)
    assert "parameters" in cells[0].metadata.get("tags", [])
    assert notebook.metadata.keys() <= {"kernelspec", "language_info"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_asks_a_question_and_says_what_to_conclude(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    assert cells[0].source.startswith("# ")
    assert "**Question.**" in cells[0].source
    assert cells[-1].cell_type == "markdown"
    assert "**Conclude**" in cells[-1].source
    assert "**Do not conclude**" in cells[-1].source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_only_calls(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            lines = cell.source.splitlines()
            for number, line in enumerate(lines):
                assert not line.startswith("class "), line
                if line.startswith("def "):
                    body = [follows for follows in lines[number + 1 :] if follows]
                    length = next((n for n, follows in enumerate(body) if follows[0] != " "), len(body))
                    assert length <= LONGEST_FUNCTION, line


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path: Path, tmp_path: Path) -> None:
    notebook = execute(path, tmp_path)
    assert faults(notebook) == []
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.slow
def test_faults_that_do_not_stop_a_notebook_are_found(tmp_path: Path) -> None:
    source = """
import sys
import ipywidgets as widgets

hidden = widgets.Output()
with hidden:
    1 / 0
print("whispered", file=sys.stderr)
widgets.VBox([hidden, widgets.HTML('<span role="alert">no such photo &amp; no map</span>')])
"""
    path = tmp_path / "planted.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(source)]), path)
    assert faults(execute(path, tmp_path)) == [
        "whispered\n",
        "ZeroDivisionError: division by zero",
        "no such photo & no map",
    ]


def test_copies_keep_what_is_there(tmp_path: Path) -> None:
    names = [path.name for path in NOTEBOOKS]
    folder = tmp_path / "mine"
    assert copy_notebooks(folder) == (names, [])
    assert copy_notebooks(folder) == ([], [])
    (folder / names[0]).write_text("my own")
    assert copy_notebooks(folder) == ([], [names[0]])
    assert (folder / names[0]).read_text() == "my own"
    (folder / names[0]).unlink()
    assert copy_notebooks(folder) == ([names[0]], [])
    assert (folder / names[0]).read_bytes() == NOTEBOOKS[0].read_bytes()
