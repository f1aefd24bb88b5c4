"""PartitionExplorer, PatternExplorer, CompareCrops and RankedCrops, by mouse and by keyboard, in JupyterLab."""

from __future__ import annotations

import re
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
    notebook.page.set_viewport_size({"width": 1280, "height": 1400})  # so that screenshots hold all of it
    notebook.run(module)
    notebook.canvas()
    notebook.page.wait_for_timeout(500)
    notebook.screenshot("open")
    return notebook


def test_partitions(notebook: NotebookPage, lab_folder: Path) -> None:
    lab = opened(notebook, lab_folder, "partition_explorer", "PartitionExplorer", '"coffee", "photos-lambda-0.1"')
    tiles, before = lab.canvas(0), lab.canvas(1)
    assert lab.page.locator("canvas[data-frame]:visible").count() == 2
    with lab.changes(before):
        lab.press(lab.slider("Partition"), "ArrowRight")
    lab.expect("Partition 1 covers")
    box = tiles.bounding_box()
    assert box
    with lab.changes(before):  # the tile at the bottom right is that of the last partition
        lab.page.mouse.click(box["x"] + 0.93 * box["width"], box["y"] + 0.7 * box["height"])
    lab.expect("Partition 11 covers")
    lab.menu("Change").select_option(label="silence: say nothing")
    lab.expect("Partition 11 says nothing: this crop goes from")
    lab.expect("The best crop")
    assert lab.page.locator("canvas[data-frame]:visible").count() == 3
    lab.screenshot("silenced")
    with lab.changes(before), lab.changes(tiles):
        lab.press(before, "Shift+ArrowLeft")
    lab.expect("Crop 144, 0 – 590, 400")


def test_comparison(notebook: NotebookPage, lab_folder: Path) -> None:
    lab = opened(notebook, lab_folder, "compare_crops", "CompareCrops", '"coffee", "photos-lambda-0.1"')
    lab.photo_width = 600
    b, difference = lab.canvas(1), lab.canvas(2)
    lab.menu("B").select_option(label="centre, two thirds of each side")
    with lab.changes(b), lab.changes(difference):
        lab.press(b, "Shift+ArrowRight")
    with lab.changes(difference):
        lab.drag(b, (310, 200), (260, 180))
    lab.expect("gained: in A alone")
    assert lab.menu("B").evaluate("menu => menu.selectedIndex") == 0, "drawn by hand"
    lab.press(lab.canvas(0), "c")
    lab.expect("The exact split is of rectangles")
    lab.screenshot("dragged")


def test_orders(notebook: NotebookPage, lab_folder: Path) -> None:
    lab = opened(notebook, lab_folder, "ranked_crops", "RankedCrops")
    scatter = lab.page.locator("[data-selected]")
    point = scatter.locator("[data-index='20']")
    with lab.changes(lab.canvas(0)):
        point.click()
    lab.expect("Crop 20 (")
    assert scatter.get_attribute("data-selected") == "20"
    lists = lab.page.locator(".widget-select select")
    assert [lists.nth(place).evaluate("list => list.selectedOptions.length") for place in (0, 1)] == [1, 1]
    lab.screenshot("chosen")
    scatter.focus()
    lab.press(scatter, "End")
    lab.expect("rank 1;")
    lists.nth(1).select_option(index=0)
    lab.expect("rank 1.")
    assert scatter.get_attribute("data-selected") != "20"
    with lab.changes(lab.canvas(0)):
        lab.page.get_by_title("Next photo").click()
    lab.expect("(2 of 60 in")


def test_patterns(notebook: NotebookPage, lab_folder: Path) -> None:
    lab = opened(notebook, lab_folder, "pattern_explorer", "PatternExplorer", '"coffee"')
    lab.expect("Scored with multi-rectangle")
    drawing = lab.page.locator("canvas[data-frame][aria-label^='Your pattern, row by row']")
    lab.photo_width = 480
    lab.press(lab.slider("Paint"), "ArrowRight")
    lab.press(lab.slider("Paint"), "ArrowRight")
    lab.click(drawing, (10, 10))  # the first cell is a partition of its own
    lab.expect("Not scored.")
    typed = lab.page.locator(".widget-textarea textarea")
    assert typed.input_value().startswith("2")
    typed.fill("01\n23")
    typed.blur()
    lab.expect("Scored with multi-direction")
    lab.page.locator(".widget-select-multiple select").select_option(index=[0, 7])
    lab.expect(re.compile("Best crops on coffee: grid:1x1: .*; grid:5x5: "))
    lab.screenshot("drawn")
