"""The picture that all views are made of, by mouse and by keyboard, in JupyterLab."""

from __future__ import annotations

from pathlib import Path

import pytest

from .notebook_page import NotebookPage

pytestmark = pytest.mark.slow

CODE = """
import ipywidgets as widgets
import numpy as np

from asm_interp.analysis.normalisation import Normalisation
from asm_interp.widgets import MapCanvas

ramp = np.linspace(0, 1, 64 * 96).reshape(64, 96)
canvas = MapCanvas(editable=True, pointed=True, alt="a ramp", width=384, height=256)
canvas.set_photo(np.full((128, 192, 3), 200, np.uint8))
canvas.set_map(ramp, Normalisation.fit(ramp), "sequential", "ramp")
canvas.crop = [40, 30, 100, 90]
opacity = widgets.FloatSlider(0.6, min=0, max=1, step=0.05, description="Opacity")
widgets.link((opacity, "value"), (canvas, "opacity"))
told = widgets.HTML()
tell = lambda _=None: setattr(told, "value", f"crop {canvas.crop} {canvas.shape} {canvas.pointer} {canvas.clicked}")
canvas.observe(tell, ["crop", "shape", "pointer", "clicked"])
tell()
widgets.VBox([opacity, canvas, told])
"""


@pytest.fixture
def lab(notebook: NotebookPage, lab_folder: Path) -> NotebookPage:
    notebook.run_code(lab_folder, "canvas", CODE)
    notebook.photo_width = 192
    return notebook


def test_canvas(lab: NotebookPage) -> None:
    canvas = lab.canvas()
    assert canvas.get_attribute("aria-label") == "a ramp"
    lab.expect("crop [40.0, 30.0, 100.0, 90.0] rectangle")

    with lab.changes(canvas):  # a slider, by keyboard
        lab.press(lab.slider("Opacity"), "ArrowRight")
    for key, crop in (
        ("ArrowRight", (41, 30, 101, 90)),
        ("Shift+ArrowDown", (41, 40, 101, 100)),
        ("ArrowLeft", (40, 40, 100, 100)),
    ):
        with lab.changes(canvas):
            lab.press(canvas, key)
        lab.expect(f"crop {[float(each) for each in crop]}")
    lab.press(canvas, "+")
    lab.expect("crop [39.0, 39.0, 102.0, 102.0]")  # 5 % more, from 60 pixels
    lab.press(canvas, "c")
    lab.expect("circle")
    lab.press(canvas, "c")
    lab.expect("rectangle")

    before = lab.read(r"crop \[([^\]]+)\]")
    with lab.changes(canvas):
        lab.drag(canvas, (70, 65), (90, 55))  # inside the crop: it moves
    after = lab.read(r"crop \[([^\]]+)\]")
    assert [b - a for a, b in zip(before, after, strict=True)] == pytest.approx([20, -10, 20, -10], abs=1)
    with lab.changes(canvas):
        lab.drag(canvas, (after[2], after[3]), (170, 120))  # its corner: it grows, the opposite corner stays
    assert lab.read(r"crop \[([^\]]+)\]") == pytest.approx([after[0], after[1], 170, 120], abs=1)
    lab.drag(canvas, (170, 120), (400, 300))  # beyond the photo
    assert lab.read(r"crop \[([^\]]+)\]")[2:] == [192, 128]

    lab.point(canvas, (10, 20))
    assert lab.read(r"(?:rectangle|circle) \[([^\]]+)\]") == pytest.approx([10, 20], abs=1)
    lab.click(canvas, (12, 24))
    assert lab.read(r"\] \[([^\]]+)\]$") == pytest.approx([12, 24, 1], abs=1)
    lab.screenshot("done")
