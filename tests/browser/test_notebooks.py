"""Every notebook, run in JupyterLab in Chromium; its main controls moved by mouse and by keyboard."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import asm_interp as asm

from .notebook_page import NotebookPage

pytestmark = pytest.mark.slow

NUMBER = r"([−-]?[\d.]+)"


def test_quickstart(notebook: NotebookPage, lab_folder: Path) -> None:
    notebook.run("01_quickstart")
    canvas = notebook.canvas()
    notebook.screenshot("as-opened")
    score_map = asm.load().score_map(asm.sample_photos()["flower"])

    def score_is_right() -> None:
        box = notebook.read(r"Crop (\d+, \d+) –") + notebook.read(r"Crop \d+, \d+ – (\d+, \d+)")
        expected = asm.crop_scores(score_map, [box])
        assert np.allclose(notebook.read(rf"px\): score {NUMBER}"), expected, rtol=6e-4)  # four digits

    score_is_right()
    (left,) = notebook.read(r"Crop (\d+),")
    with notebook.changes(canvas):
        notebook.press(canvas, "ArrowRight")
    assert notebook.read(r"Crop (\d+),") == [left + 1]
    score_is_right()
    notebook.press(canvas, *["Shift+-"] * 3)
    with notebook.changes(canvas):
        notebook.drag(canvas, (300, 210), (340, 230))
    score_is_right()
    with notebook.changes(canvas):
        notebook.press(notebook.slider("Opacity"), "ArrowLeft")
    with notebook.changes(canvas):
        notebook.slide("Opacity", -25)
    for option in ("thirds", "diagonals"):
        with notebook.changes(canvas):
            notebook.choose("Guides", option)
    for name, option in (("Map", "θstd"), ("Map", "photo alone"), ("Shape", "circle")):
        with notebook.changes(canvas):
            notebook.choose(name, option)
    notebook.expect("Circle in")
    notebook.screenshot("circle")
    notebook.push("Picture and numbers")
    notebook.expect("Wrote crop-canvas.png, crop-canvas.csv, crop-canvas.json in")
    notebook.push("Offline page")
    notebook.expect(re.compile(r"Wrote .*crop-canvas\.html"))
    notebook.screenshot("saved")
    assert all((lab_folder / f"crop-canvas.{kind}").stat().st_size for kind in ("png", "csv", "json", "html"))
    assert notebook.alerts() == []


def test_photos_of_ones_own(notebook: NotebookPage, tmp_path: Path, lab_folder: Path) -> None:
    notebook.run("01_quickstart")
    canvas = notebook.canvas()
    with notebook.changes(canvas):
        notebook.choose("Photo", "coffee")
    photo = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    Image.fromarray(photo).save(tmp_path / "mine.png")
    with notebook.changes(canvas):
        notebook.upload(tmp_path / "mine.png")
    assert notebook.menu("Photo").evaluate("menu => menu.selectedOptions[0].text") == "mine.png"

    (tmp_path / "broken.jpg").write_bytes(b"not a photo")
    frame = canvas.get_attribute("data-frame")
    notebook.upload(tmp_path / "broken.jpg")
    notebook.page.locator("[role=alert]").wait_for()
    (told,) = notebook.alerts()
    assert "broken.jpg" in told
    assert "expected an image" in told
    assert canvas.get_attribute("data-frame") == frame, "the photo before stays"
    notebook.screenshot("broken")

    path = notebook.page.get_by_placeholder("or a path").first
    path.fill("nowhere.jpg")
    notebook.press(path, "Enter")
    notebook.expect("no photo 'nowhere.jpg'; there are")
    Image.fromarray(photo[:, ::-1]).save(lab_folder / "mirrored.png")
    path.fill("mirrored.png")
    with notebook.changes(canvas):
        notebook.press(path, "Enter")
    assert notebook.alerts() == []


def test_train_and_load(notebook: NotebookPage) -> None:
    notebook.run("02_train_and_load")
    notebook.photo_width = 128
    canvas = notebook.canvas()
    with notebook.changes(canvas):
        notebook.press(canvas, "+")
    with notebook.changes(canvas):
        notebook.choose("Model", "shapes-lambda-0.1")
    notebook.screenshot("view")
    assert notebook.alerts() == []


def test_theta_maps(notebook: NotebookPage) -> None:
    notebook.run("03_theta_maps")
    canvas, pinned = notebook.canvas(), notebook.canvas(1)
    notebook.screenshot("as-opened")
    with notebook.changes(canvas):
        notebook.choose("Map", "null: θstd, random head")
    notebook.expect("null: θstd, random head · photos")
    with notebook.changes(canvas):
        notebook.choose("Centring", "as in the paper")
    with notebook.changes(canvas):
        notebook.press(notebook.menu("Map"), "ArrowDown")
    with notebook.changes(canvas):
        notebook.press(notebook.menu("Scale"), "ArrowDown")
    with notebook.changes(pinned):
        notebook.push("Pin this map")
    for name in ("Opacity", "Outline"):
        with notebook.changes(canvas):
            notebook.press(notebook.slider(name), "ArrowRight")
    with notebook.changes(pinned):
        notebook.slide("Opacity", 20)
    notebook.photo_width = 600
    notebook.point(canvas, (300, 100))
    x, y = notebook.read(r"At (\d+, \d+) px")
    assert (x, y) == pytest.approx((300, 100), abs=2)
    notebook.press(canvas, "ArrowRight", "Shift+ArrowDown")
    assert notebook.read(r"At (\d+, \d+) px") == [x + 1, y + 10]
    notebook.screenshot("moved")
    assert notebook.alerts() == []


def test_partitions(notebook: NotebookPage) -> None:
    notebook.run("04_partitions")
    tiles, before = notebook.canvas(), notebook.canvas(1)
    notebook.screenshot("as-opened")
    with notebook.changes(before):
        notebook.press(notebook.slider("Partition"), "ArrowRight")
    notebook.expect("Partition 1 covers")
    with notebook.changes(before):
        notebook.slide("Partition", 60)
    notebook.choose("Change", "silence: say nothing")
    notebook.expect("says nothing: this crop goes from")
    notebook.expect("The best crop")
    after = notebook.canvas(2)
    notebook.screenshot("silenced")
    with notebook.changes(after):
        notebook.choose("Change", "swap with another")
    with notebook.changes(tiles):
        notebook.press(before, "Shift+-", "Shift+ArrowRight")
    assert notebook.alerts() == []


def test_spatial_bias(notebook: NotebookPage) -> None:
    notebook.run("05_spatial_bias")
    lift = notebook.canvas()
    notebook.screenshot("as-opened")
    notebook.press(notebook.slider("τ"), "ArrowRight")
    with notebook.changes(lift):
        notebook.choose("Lift", "at fixed size")
    photo = notebook.canvas(1)
    with notebook.changes(photo):
        notebook.press(notebook.slider("Photo"), "ArrowRight")
    with notebook.changes(photo):
        notebook.slide("Crops", 40)
    notebook.screenshot("moved")
    assert notebook.alerts() == []


def test_patterns(notebook: NotebookPage) -> None:
    notebook.run("06_patterns")
    canvas = notebook.canvas()
    notebook.screenshot("as-opened")
    with notebook.changes(canvas):
        notebook.press(notebook.slider("Opacity"), "ArrowLeft")
    with notebook.changes(canvas):
        notebook.push("θavg")
    with notebook.changes(canvas):
        notebook.page.locator(".widget-select-multiple select").first.select_option(index=[0, 1])
    notebook.screenshot("two")
    assert notebook.alerts() == []


def test_lambda(notebook: NotebookPage) -> None:
    notebook.run("07_lambda")
    canvas, pinned = notebook.canvas(), notebook.canvas(1)
    notebook.screenshot("as-opened")
    with notebook.changes(canvas):
        notebook.press(notebook.slider("λ"), "ArrowRight")
    notebook.expect("at λ = 0.3")
    with notebook.changes(canvas):
        notebook.slide("λ", 60)
    with notebook.changes(pinned):
        notebook.choose("Pinned λ", "100")
    with notebook.changes(canvas):
        notebook.press(notebook.menu("Scale"), "ArrowDown")
    with notebook.changes(canvas):
        notebook.choose("Map", "θavg")
    notebook.screenshot("moved")
    assert notebook.alerts() == []


def test_why_this_crop(notebook: NotebookPage) -> None:
    notebook.run("08_why_this_crop")
    notebook.photo_width = 512
    a, difference = notebook.canvas(), notebook.canvas(2)
    notebook.screenshot("as-opened")
    with notebook.changes(a):
        notebook.press(a, "Shift+-", "Shift+ArrowRight")
    with notebook.changes(difference):
        notebook.push("Swap A and B")
    with notebook.changes(notebook.canvas(1)):
        notebook.choose("B", "best crop 2")
    ranked = notebook.canvas(3)
    notebook.screenshot("ranked")
    with notebook.changes(ranked):
        notebook.press(notebook.slider("Photo"), "ArrowRight")
    with notebook.changes(ranked):
        notebook.page.locator(".widget-select select").last.select_option(index=4)
    notebook.screenshot("selected")
    assert notebook.alerts() == []


def test_attribution(notebook: NotebookPage) -> None:
    notebook.run("09_attribution")
    canvas = notebook.canvas()
    notebook.screenshot("as-opened")
    notebook.choose("Method", "grad-cam")
    notebook.expect("Not computed for this crop: grad-cam")
    with notebook.changes(canvas):
        notebook.push("Run")
    notebook.screenshot("grad-cam")
    with notebook.changes(canvas):
        notebook.press(canvas, "Shift+ArrowRight")
    notebook.choose("Method", "occlusion")
    notebook.push("Run")
    notebook.expect("working…")
    notebook.push("Cancel")
    notebook.expect("Cancelled")
    assert notebook.alerts() == []


def test_planted_audit(notebook: NotebookPage) -> None:
    notebook.run("10_planted_audit")
    truth, canvas = notebook.canvas(), notebook.canvas(1)
    notebook.screenshot("as-opened")
    with notebook.changes(canvas):
        notebook.choose("Map", "spectral-residual saliency")
    with notebook.changes(truth):
        notebook.press(notebook.slider("Scene"), "ArrowRight")
    with notebook.changes(canvas):
        notebook.slide("Opacity", -20)
    notebook.screenshot("moved")
    assert notebook.alerts() == []


def test_paper_figures(notebook: NotebookPage) -> None:
    notebook.run("11_paper_figures")
    picture = notebook.page.locator(".jp-OutputArea-output img").first
    picture.scroll_into_view_if_needed()
    before = picture.get_attribute("src")
    notebook.screenshot("as-opened")
    notebook.press(notebook.slider("Figure"), "ArrowRight")
    notebook.page.wait_for_function(
        "before => document.querySelector('.jp-OutputArea-output img')?.src !== before", arg=before
    )
    notebook.screenshot("next")
