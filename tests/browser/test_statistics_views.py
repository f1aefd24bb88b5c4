"""BiasExplorer, AttributionExplorer and AuditExplorer, by mouse and by keyboard, in JupyterLab."""

from __future__ import annotations

from pathlib import Path

import pytest

from .notebook_page import NotebookPage

pytestmark = pytest.mark.slow


def settle(notebook: NotebookPage, text: str) -> None:
    """Wait for a text, and for pictures that come with it."""
    notebook.expect(text)
    notebook.page.wait_for_timeout(400)


def test_bias(notebook: NotebookPage, lab_folder: Path) -> None:
    notebook.run_view(lab_folder, "bias_explorer", "BiasExplorer", "resamples=200")
    assert notebook.page.locator("canvas[data-frame]:visible").count() == 4
    lift, crops = notebook.canvas(0), notebook.canvas(1)
    with notebook.changes(crops):
        notebook.press(notebook.slider("τ"), "ArrowRight")
    notebook.expect("τ = 1/6")
    with notebook.changes(crops):
        notebook.press(notebook.slider("Photo"), "ArrowRight")
    with notebook.changes(crops):
        notebook.slide("Crops", 30)
    with notebook.changes(lift):
        notebook.choose("Lift", "at fixed size")
    notebook.photo_width = 128
    notebook.point(lift, (10, 48))
    notebook.expect("% of crops hold it")
    notebook.push("Run tests")
    notebook.expect("over the map")
    notebook.expect("12 of 12")
    with notebook.changes(lift):
        notebook.page.get_by_text("only p < 0.05").click()
    notebook.screenshot("tested")
    notebook.choose("Data", "gaicd")
    notebook.expect("Type the data set's folder")
    assert len(notebook.alerts()) == 1
    with notebook.changes(lift):
        notebook.choose("Data", "planted shapes, corner preference 0.4")
    notebook.expect("weight 0.4 for corners")
    assert notebook.alerts() == []


def test_attribution(notebook: NotebookPage, lab_folder: Path) -> None:
    notebook.run_view(lab_folder, "attribution_explorer", "AttributionExplorer", '"coffee"')
    notebook.photo_width = 600
    attributed, exact = notebook.canvas(0), notebook.canvas(1)
    with notebook.changes(attributed), notebook.changes(exact):
        notebook.press(attributed, "Shift+ArrowRight")
    with notebook.changes(exact):
        notebook.drag(attributed, (300, 200), (340, 220))
    notebook.choose("Method", "grad-cam")
    settle(notebook, "Not computed for this crop: grad-cam")
    with notebook.changes(attributed):
        notebook.push("Run")
    notebook.expect("has no baseline")
    notebook.choose("Method", "shapley values")
    settle(notebook, "Not computed for this crop: shapley values")
    with notebook.changes(attributed):
        notebook.push("Run")
    notebook.expect("complete but for less than 0.01 %")
    with notebook.changes(attributed):
        notebook.press(notebook.slider("Cells"), "ArrowLeft")
    notebook.screenshot("shapley")
    notebook.choose("Method", "occlusion")
    notebook.choose("Effort", "thorough")
    notebook.push("Run")
    notebook.expect("working")
    notebook.push("Cancel")
    notebook.expect("Cancelled; nothing was kept.")
    notebook.expect("Not computed for this crop: occlusion")
    assert notebook.alerts() == []


def test_audit(notebook: NotebookPage, lab_folder: Path) -> None:
    notebook.run_view(lab_folder, "audit_explorer", "AuditExplorer")
    assert notebook.page.locator("canvas[data-frame]:visible").count() == 4
    truth, map_, learned = (notebook.canvas(index) for index in (0, 1, 3))
    with notebook.changes(map_):
        notebook.choose("Map", "θavg")
    notebook.expect("θavg on shapes")
    with notebook.changes(truth), notebook.changes(map_):
        notebook.press(notebook.slider("Scene"), "ArrowRight")
    with notebook.changes(map_):
        notebook.press(notebook.slider("Opacity"), "ArrowLeft")
    with notebook.changes(learned):
        notebook.choose("Model", "shapes-300-grid-3x3")
    notebook.expect("grid:3x3 can reach")
    notebook.screenshot("grid")
    assert notebook.alerts() == []
