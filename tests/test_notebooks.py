"""Every notebook runs from top to bottom as a user would run it, and is stored without outputs."""

from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from asm_interp.data.photo import PhotoError, sample_photos
from asm_interp.notebooks import copy_notebooks, execute, faults, means_over_photos, photos_from, shipped_notebooks

NOTEBOOKS = shipped_notebooks()
OF_PHOTOS = [path for path in NOTEBOOKS if "photos = None" in nbformat.read(path, as_version=4).cells[1].source]
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
@pytest.mark.parametrize("path", OF_PHOTOS, ids=lambda path: path.stem)
def test_notebook_takes_a_folder_of_photos(path: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for name in ("chelsea", "rocket"):
        Image.fromarray(sample_photos()[name][::2, ::2]).save(tmp_path / "mine" / f"{name}.png")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].source += '\nphotos = "mine"'
    nbformat.write(notebook, tmp_path / path.name)
    assert faults(execute(tmp_path / path.name, tmp_path)) == []


def test_photos_are_the_samples_unless_a_folder_is_named() -> None:
    assert photos_from().keys() == sample_photos().keys()


@pytest.mark.parametrize(
    ("most", "names"), [(9, "0123456"), (7, "0123456"), (6, "012345"), (3, "024"), (2, "03"), (1, "0")]
)
def test_photos_of_a_folder_are_spread_over_it(tmp_path: Path, most: int, names: str) -> None:
    for level in range(7):
        (tmp_path / f"day {level // 4}").mkdir(exist_ok=True)
        Image.new("L", (32, 24), level).save(tmp_path / f"day {level // 4}" / f"{level}.png")
    found = photos_from(tmp_path, most)
    assert list(found) == [f"day {int(name) // 4}/{name}.png" for name in names]
    assert [np.unique(photo).tolist() for photo in found.values()] == [[int(name)] for name in names]
    assert {photo.shape for photo in found.values()} == {(24, 32, 3)}


def test_photos_that_cannot_be_read_are_left_out_by_name(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"not a photo")
    with pytest.warns(UserWarning, match=r"broken\.jpg: expected an image"), pytest.raises(PhotoError, match="none"):
        photos_from(tmp_path)
    Image.new("L", (32, 24)).save(tmp_path / "sound.png")
    with pytest.warns(UserWarning, match=r"broken\.jpg"):
        assert list(photos_from(tmp_path)) == ["sound.png"]


def test_no_photos_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="nowhere"):
        photos_from(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="at least 1, got 0"):
        photos_from(tmp_path, 0)


def test_means_over_photos_leave_out_what_has_no_value() -> None:
    measured = {"same": [2.0, 2.0, 2.0], "two": [0.0, np.nan, 1.0], "one": [np.nan, 3.0, np.nan]}
    found = means_over_photos(measured)
    assert found["estimate"].to_dict() == {"same": 2.0, "two": 0.5, "one": 3.0}
    assert found["n_photos"].tolist() == [3, 2, 1]
    assert found.loc["same", ["ci_low", "ci_high"]].tolist() == [2.0, 2.0]
    assert found.loc["two", ["ci_low", "ci_high"]].tolist() == [0.0, 1.0]
    assert found.loc["one", ["ci_low", "ci_high"]].isna().all()
    pd.testing.assert_frame_equal(means_over_photos(pd.DataFrame(measured)), found)


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
