"""BiasExplorer, AttributionExplorer and AuditExplorer, by mouse and by keyboard, in JupyterLab."""

from __future__ import annotations

from pathlib import Path

import pytest
from nbformat import write
from nbformat.v4 import new_code_cell, new_notebook

from .notebook_page import NotebookPage

pytestmark = pytest.mark.slow

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
CODE = "from asm_interp.widgets.{module} import {view}\nview = {view}({arguments})\nview"


def opened(notebook: NotebookPage, folder: Path, module: str, view: str, arguments: str = "") -> NotebookPage:
    cell = new_code_cell(CODE.format(module=module, view=view, arguments=arguments))
    write(new_notebook(cells=[cell], metadata=KERNEL), folder / f"{module}.ipynb")
    notebook.page.set_viewport_size({"width": 1280, "height": 1300})  # so that screenshots hold all of it
    notebook.run(module)
    notebook.canvas()
    notebook.page.wait_for_timeout(500)
    notebook.screenshot("open")
    return notebook


def settle(lab: NotebookPage, text: str) -> None:
    """Wait for a text, and for pictures that come with it."""
    lab.expect(text)
    lab.page.wait_for_timeout(400)


def test_bias(notebook: NotebookPage, lab_folder: Path) -> None:
    lab = opened(notebook, lab_folder, "bias_explorer", "BiasExplorer", "resamples=200")
    assert lab.page.locator("canvas[data-frame]:visible").count() == 4
    lift, crops = lab.canvas(0), lab.canvas(1)
    with lab.changes(crops):
        lab.press(lab.slider("τ"), "ArrowRight")
    lab.expect("τ = 1/6")
    with lab.changes(crops):
        lab.press(lab.slider("Photo"), "ArrowRight")
    with lab.changes(crops):
        lab.slide("Crops", 30)
    with lab.changes(lift):
        lab.choose("Lift", "at fixed size")
    lab.photo_width = 128
    lab.point(lift, (10, 48))
    lab.expect("% of crops hold it")
    lab.push("Run tests")
    lab.expect("over the map")
    lab.expect("12 of 12")
    with lab.changes(lift):
        lab.page.get_by_text("only p < 0.05").click()
    lab.screenshot("tested")
    lab.choose("Data", "gaicd")
    lab.expect("Type the data set's folder")
    assert len(lab.alerts()) == 1
    with lab.changes(lift):
        lab.choose("Data", "planted shapes, corner preference 0.4")
    lab.expect("weight 0.4 for corners")
    assert lab.alerts() == []


def test_attribution(notebook: NotebookPage, lab_folder: Path) -> None:
    lab = opened(notebook, lab_folder, "attribution_explorer", "AttributionExplorer", '"coffee"')
    lab.photo_width = 600
    attributed, exact = lab.canvas(0), lab.canvas(1)
    with lab.changes(attributed), lab.changes(exact):
        lab.press(attributed, "Shift+ArrowRight")
    with lab.changes(exact):
        lab.drag(attributed, (300, 200), (340, 220))
    lab.choose("Method", "grad-cam")
    settle(lab, "Not computed for this crop: grad-cam")
    with lab.changes(attributed):
        lab.push("Run")
    lab.expect("has no baseline")
    lab.choose("Method", "shapley values")
    settle(lab, "Not computed for this crop: shapley values")
    with lab.changes(attributed):
        lab.push("Run")
    lab.expect("complete but for less than 0.01 %")
    with lab.changes(attributed):
        lab.press(lab.slider("Cells"), "ArrowLeft")
    lab.screenshot("shapley")
    lab.choose("Method", "occlusion")
    lab.choose("Effort", "thorough")
    lab.push("Run")
    lab.expect("working")
    lab.push("Cancel")
    lab.expect("Cancelled; nothing was kept.")
    lab.expect("Not computed for this crop: occlusion")
    assert lab.alerts() == []


def test_audit(notebook: NotebookPage, lab_folder: Path) -> None:
    lab = opened(notebook, lab_folder, "audit_explorer", "AuditExplorer")
    assert lab.page.locator("canvas[data-frame]:visible").count() == 4
    truth, map_, learned = (lab.canvas(index) for index in (0, 1, 3))
    with lab.changes(map_):
        lab.choose("Map", "θavg")
    lab.expect("θavg on shapes")
    with lab.changes(truth), lab.changes(map_):
        lab.press(lab.slider("Scene"), "ArrowRight")
    with lab.changes(map_):
        lab.press(lab.slider("Opacity"), "ArrowLeft")
    with lab.changes(learned):
        lab.choose("Model", "shapes-300-grid-3x3")
    lab.expect("grid:3x3 can reach")
    lab.screenshot("grid")
    assert lab.alerts() == []
