"""PartitionExplorer, PatternExplorer, CompareCrops and RankedCrops, by mouse and by keyboard, in JupyterLab."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .notebook_page import NotebookPage

pytestmark = pytest.mark.slow


def test_partitions(notebook: NotebookPage, lab_folder: Path) -> None:
    notebook.run_view(lab_folder, "partition_explorer", "PartitionExplorer", '"coffee", "photos-lambda-0.1"')
    tiles, before = notebook.canvas(0), notebook.canvas(1)
    assert notebook.page.locator("canvas[data-frame]:visible").count() == 2
    with notebook.changes(before):
        notebook.press(notebook.slider("Partition"), "ArrowRight")
    notebook.expect("Partition 1 covers")
    box = tiles.bounding_box()
    assert box
    with notebook.changes(before):  # the tile at the bottom right is that of the last partition
        notebook.page.mouse.click(box["x"] + 0.93 * box["width"], box["y"] + 0.7 * box["height"])
    notebook.expect("Partition 11 covers")
    notebook.menu("Change").select_option(label="silence: say nothing")
    notebook.expect("Partition 11 says nothing: this crop goes from")
    notebook.expect("The best crop")
    assert notebook.page.locator("canvas[data-frame]:visible").count() == 3
    notebook.screenshot("silenced")
    with notebook.changes(before), notebook.changes(tiles):
        notebook.press(before, "Shift+ArrowLeft")
    notebook.expect("Crop 144, 0 – 590, 400")


def test_comparison(notebook: NotebookPage, lab_folder: Path) -> None:
    notebook.run_view(lab_folder, "compare_crops", "CompareCrops", '"coffee", "photos-lambda-0.1"')
    notebook.photo_width = 600
    b, difference = notebook.canvas(1), notebook.canvas(2)
    notebook.menu("B").select_option(label="centre, two thirds of each side")
    with notebook.changes(b), notebook.changes(difference):
        notebook.press(b, "Shift+ArrowRight")
    with notebook.changes(difference):
        notebook.drag(b, (310, 200), (260, 180))
    notebook.expect("gained: in A alone")
    assert notebook.menu("B").evaluate("menu => menu.selectedIndex") == 0, "drawn by hand"
    notebook.press(notebook.canvas(0), "c")
    notebook.expect("The exact split is of rectangles")
    notebook.screenshot("dragged")


def test_orders(notebook: NotebookPage, lab_folder: Path) -> None:
    notebook.run_view(lab_folder, "ranked_crops", "RankedCrops")
    scatter = notebook.page.locator("[data-selected]")
    point = scatter.locator("[data-index='20']")
    with notebook.changes(notebook.canvas(0)):
        point.click()
    notebook.expect("Crop 20 (")
    assert scatter.get_attribute("data-selected") == "20"
    lists = notebook.page.locator(".widget-select select")
    assert [lists.nth(place).evaluate("list => list.selectedOptions.length") for place in (0, 1)] == [1, 1]
    notebook.screenshot("chosen")
    scatter.focus()
    notebook.press(scatter, "End")
    notebook.expect("rank 1;")
    lists.nth(1).select_option(index=0)
    notebook.expect("rank 1.")
    assert scatter.get_attribute("data-selected") != "20"
    with notebook.changes(notebook.canvas(0)):
        notebook.page.get_by_title("Next photo").click()
    notebook.expect("(2 of 60 in")


def test_patterns(notebook: NotebookPage, lab_folder: Path) -> None:
    notebook.run_view(lab_folder, "pattern_explorer", "PatternExplorer", '"coffee"')
    notebook.expect("Scored with multi-rectangle")
    drawing = notebook.page.locator("canvas[data-frame][aria-label^='Your pattern, row by row']")
    notebook.photo_width = 480
    notebook.press(notebook.slider("Paint"), "ArrowRight")
    notebook.press(notebook.slider("Paint"), "ArrowRight")
    notebook.click(drawing, (10, 10))  # the first cell is a partition of its own
    notebook.expect("Not scored.")
    typed = notebook.page.locator(".widget-textarea textarea")
    assert typed.input_value().startswith("2")
    typed.fill("01\n23")
    typed.blur()
    notebook.expect("Scored with multi-direction")
    notebook.page.locator(".widget-select-multiple select").select_option(index=[0, 7])
    notebook.expect(re.compile("Best crops on coffee: grid:1x1: .*; grid:5x5: "))
    notebook.screenshot("drawn")
