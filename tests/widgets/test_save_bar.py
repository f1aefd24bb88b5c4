"""SaveBar: what a view shows, saved by buttons; nothing is overwritten."""

import ast
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image

from asm_interp.widgets import view as view_module
from asm_interp.widgets.crop_canvas import CropCanvas
from asm_interp.widgets.score_maps import ScoreMaps


@pytest.fixture
def view(photo: npt.NDArray[np.uint8], maps: ScoreMaps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CropCanvas:
    monkeypatch.chdir(tmp_path)
    return CropCanvas(photo, "hand", maps=maps)


def test_it_saves_picture_numbers_and_provenance(view: CropCanvas, tmp_path: Path) -> None:
    view.saver.figure_button.click()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"crop-canvas.{kind}" for kind in ("csv", "json", "png")
    ]
    with Image.open(tmp_path / "crop-canvas.png") as saved:
        assert np.array_equal(np.asarray(saved), np.asarray(view.picture()))
    told = view.numbers()
    assert list(pd.read_csv(tmp_path / "crop-canvas.csv").columns) == list(told.columns)
    assert json.loads((tmp_path / "crop-canvas.json").read_text()) == view.provenance()
    assert f"crop-canvas.png, crop-canvas.csv, crop-canvas.json in {tmp_path}" in view.saver.status.value


def test_files_that_are_there_stay(view: CropCanvas, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("kept")
    view.saver.stem.value = "mine"
    view.saver.figure_button.click()
    view.saver.page_button.click()
    view.saver.page_button.click()
    names = {"mine.csv", "mine-2.csv", "mine-2.json", "mine-2.png", "mine.html", "mine-2.html"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert (tmp_path / "mine.csv").read_text() == "kept"
    assert (tmp_path / "mine.html").read_text().startswith("<!doctype html>")


def test_a_name_may_have_a_folder_and_dots(view: CropCanvas, tmp_path: Path) -> None:
    view.saver.stem.value = "new/lambda-0.1"
    view.saver.page_button.click()
    assert (tmp_path / "new" / "lambda-0.1.html").is_file()


@pytest.mark.parametrize("name", ["", "  ", "results/"])
def test_without_a_name_it_says_so(view: CropCanvas, name: str) -> None:
    view.saver.stem.value = name
    view.saver.figure_button.click()  # ipywidgets logs what a click raises
    assert 'role="alert"' in view.saver.status.value
    assert "expected a name for the files" in view.saver.status.value


def test_a_file_in_the_way_is_told(view: CropCanvas, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    view.saver.stem.value = "taken/crop"
    view.saver.figure_button.click()
    assert 'role="alert"' in view.saver.status.value
    assert "taken" in view.saver.status.value


def test_every_view_ends_with_it() -> None:
    ends = {}
    for path in Path(view_module.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "View" for base in node.bases):
                (rows,) = (
                    each.value
                    for each in ast.walk(node)
                    if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "self.children"
                )
                assert isinstance(rows, ast.List)
                ends[node.name] = ast.unparse(rows.elts[-1])
    assert len(ends) == 10
    assert set(ends.values()) == {"self.saver"}
