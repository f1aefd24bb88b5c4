"""How long the views take in JupyterLab in headless Chromium, from a key press to a changed picture.

``python benchmarks/browser.py`` prints medians of `MOVES` moves on a photo with 12-channel 512 × 512 score maps, beside
the same slider with ``interactive_output`` and pyplot; in ``asm-interp lab``, and for the slider in a plain ``jupyter
lab``. What is timed starts with the browser's own key event and ends with the first frame whose pixels differ.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import TYPE_CHECKING, Any

from nbformat import write
from nbformat.v4 import new_code_cell, new_notebook

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))
from lab_server import VIEWPORT, chromium, jupyter_lab
from notebook_page import NotebookPage

if TYPE_CHECKING:
    from playwright.sync_api import Locator

MOVES, NEW_PHOTOS, DRAG_SECONDS = 30, 30, 4
REST = 150  # milliseconds between moves
PATIENCE = 15  # seconds for a change
BACK_AND_FORTH = ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft")

SETUP = """
import numpy as np
import torch
from PIL import Image

import asm_interp as asm
from asm_interp.geometry import patterns
from asm_interp import widgets as views

samples = asm.sample_photos()
for number in range(NEW_PHOTOS):
    name = list(samples)[number % len(samples)]
    Image.fromarray(np.roll(samples[name], 7 * number + 3, axis=1)).save(f"new-{number}.jpg", quality=90)

def waves(seed, size=(512, 512), n=12):
    draw = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, n, 24, 24, generator=draw)
    values = torch.nn.functional.interpolate(coarse, size, mode="bicubic")[0]
    return asm.ScoreMap(values, patterns.get("cross-rectangle"), (512, 512))

maps, photo = views.ScoreMaps(), samples["astronaut"]
for seed, name in enumerate(asm.list_checkpoints()["name"]):
    if name == "photos" or name.startswith("photos-lambda-"):
        maps.put(photo, name, waves(seed))
"""

PYPLOT = """
import ipywidgets as widgets
import matplotlib.pyplot as plt

names = [name for name in asm.list_checkpoints()["name"] if name.startswith("photos-lambda-")]
thetas = [maps.theta(photo, name, "channel") for name in names]

def draw(step):
    figure, axes = plt.subplots(1, 2, figsize=(9, 4))
    for ax, values in zip(axes, (thetas[step].avg, thetas[step].std)):
        figure.colorbar(ax.imshow(values), ax=ax)
    plt.show()

slider = widgets.IntSlider(0, 0, len(names) - 1, description="λ")
widgets.VBox([slider, widgets.interactive_output(draw, {"step": slider})])
"""

VIEWS = {
    "lambda": "views.LambdaExplorer('astronaut', 'photos', maps=maps, photos={'astronaut': photo})",
    "theta": "views.ThetaExplorer('astronaut', maps=maps)",
    "partition": "views.PartitionExplorer('astronaut', maps=maps)",
    "crop": "views.CropCanvas('astronaut', maps=maps)",
}

# Resolves with the milliseconds from the next key event to the first frame of the canvas in which its middle differs.
CANVAS_CHANGE = """canvas => {
    const look = () => {
        const side = Math.min(canvas.width, canvas.height) >> 1, pen = canvas.getContext("2d");
        return pen.getImageData(side >> 1, side >> 1, side, side).data;
    };
    const differ = (a, b) => a.some((value, index) => value !== b[index]);
    const before = look();
    window.took = new Promise(resolve => addEventListener("keydown", event => {
        const start = event.timeStamp;
        const watch = new MutationObserver(() => {
            const now = performance.now();
            if (!differ(look(), before)) return;
            watch.disconnect();
            resolve(now - start);
        });
        watch.observe(canvas, { attributes: true, attributeFilter: ["data-frame"] });
    }, { capture: true, once: true }));
}"""

# The same for an output that draws an image anew; it counts when it is decoded.
IMAGE_CHANGE = """output => {
    const source = () => output.querySelector("img")?.src;
    const before = source();
    window.took = new Promise(resolve => addEventListener("keydown", event => {
        const start = event.timeStamp;
        const watch = new MutationObserver(async () => {
            const image = output.querySelector("img");
            if (!image || image.src === before) return;
            watch.disconnect();
            await image.decode();
            resolve(performance.now() - start);
        });
        watch.observe(output, { childList: true, subtree: true, attributes: true });
    }, { capture: true, once: true }));
}"""

# Milliseconds from the next key event to a status that says that work is under way.
SIGN = """output => {
    window.sign = new Promise(resolve => addEventListener("keydown", event => {
        const watch = new MutationObserver(() => {
            if (!/working/.test(output.textContent)) return;
            watch.disconnect();
            resolve(performance.now() - event.timeStamp);
        });
        watch.observe(output, { childList: true, subtree: true, characterData: true });
    }, { capture: true, once: true }));
}"""

# Counts changes of the read-out and of the bars while the crop is dragged.
COUNT = """output => {
    const parts = [...output.querySelectorAll(".widget-html-content")];
    const readout = parts.find(part => /score/.test(part.textContent) && !part.querySelector("svg"));
    const bars = parts.find(part => part.querySelector("svg"));
    window.counts = [readout, bars].map(part => {
        const times = [];
        new MutationObserver(() => times.push(performance.now())).observe(part, { childList: true, subtree: true });
        return times;
    });
}"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        root = Path(folder)
        (root / "lab").mkdir()
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
        for name, code in {**VIEWS, "pyplot": PYPLOT}.items():
            cells = [new_code_cell(SETUP.replace("NEW_PHOTOS", str(NEW_PHOTOS))), new_code_cell(code)]
            write(new_notebook(cells=cells, metadata=kernel), root / "lab" / f"{name}.ipynb")
        page = browser.new_context(viewport=VIEWPORT).new_page()  # type: ignore[arg-type]
        page.set_default_timeout(1000 * PATIENCE)
        for program, kinds in ((("asm-interp", "lab"), measure), (("jupyter", "lab"), sliders)):
            print(f"{' '.join(program):42}{'n':>4}{'median':>10}{'90 %':>10}{'first / this':>15}")
            with jupyter_lab(root / "lab", root / program[0], program) as url:
                report(kinds(NotebookPage(page, url, root)))


def sliders(lab: NotebookPage) -> Iterator[tuple[str, list[float]]]:
    """Milliseconds of a move of λ, the pyplot way and in the view."""
    keys = cycle(BACK_AND_FORTH)
    lab.run("pyplot")
    output, slider = lab.page.locator(".jp-Cell-outputArea").last, lab.slider("λ")
    yield "λ, interactive_output and pyplot", moves(lab, output, IMAGE_CHANGE, lambda: lab.press(slider, next(keys)))
    lab.shut_down()

    lab.run("lambda")
    canvas, handle = lab.canvas(), lab.slider("λ")
    yield "λ", moves(lab, canvas, CANVAS_CHANGE, lambda: lab.press(handle, next(keys)))
    lab.shut_down()


def measure(lab: NotebookPage) -> Iterator[tuple[str, list[float]]]:
    """Milliseconds of each kind of move; of the drag, changes a second."""
    yield from sliders(lab)
    page, keys = lab.page, cycle(BACK_AND_FORTH)
    lab.run("theta")
    canvas, slider = lab.canvas(), lab.slider("Opacity")
    yield "opacity", moves(lab, canvas, CANVAS_CHANGE, lambda: lab.press(slider, next(keys)))
    menu, steps = lab.menu("Scale"), cycle(("ArrowDown", "ArrowUp"))
    yield "normalisation", moves(lab, canvas, CANVAS_CHANGE, lambda: lab.press(menu, next(steps)))
    lab.shut_down()

    lab.run("partition")
    canvas, slider = lab.canvas(1), lab.slider("Partition")
    yield "partition", moves(lab, canvas, CANVAS_CHANGE, lambda: lab.press(slider, next(keys)))
    lab.shut_down()

    lab.run("crop")
    yield from dragging(lab)
    canvas, menu = lab.canvas(), lab.menu("Photo")
    lab.press(menu, "ArrowDown")  # the neighbour's map is computed; then both are kept
    page.wait_for_timeout(3000)
    steps = cycle(("ArrowUp", "ArrowDown"))
    yield "a photo seen before", moves(lab, canvas, CANVAS_CHANGE, lambda: lab.press(menu, next(steps)))
    yield from new_photos(lab, canvas)
    lab.shut_down()


def timed(lab: NotebookPage, target: Locator, change: str, move: Callable[[], Any]) -> float:
    """Milliseconds that one move takes."""
    target.evaluate(change)
    move()
    took = awaited(lab, "took")
    lab.page.wait_for_timeout(REST)
    return took


def awaited(lab: NotebookPage, promise: str) -> float:
    """What a promise of the window resolves with."""
    late = f"new Promise((_, reject) => setTimeout(() => reject('no change in {PATIENCE} s'), {1000 * PATIENCE}))"
    return float(lab.page.evaluate(f"() => Promise.race([window.{promise}, {late}])"))


def moves(lab: NotebookPage, target: Locator, change: str, move: Callable[[], Any]) -> list[float]:
    """Milliseconds that each of `MOVES` moves takes, after two that do not count."""
    return [timed(lab, target, change, move) for _ in range(MOVES + 2)][2:]


def dragging(lab: NotebookPage) -> Iterator[tuple[str, list[float]]]:
    page, canvas = lab.page, lab.canvas()
    bounds = canvas.bounding_box()
    assert bounds
    x, y = bounds["x"] + bounds["width"] / 2, bounds["y"] + bounds["width"] / 2
    canvas.evaluate("canvas => { window.area = canvas.closest('.jp-Cell-outputArea'); }")
    for _ in range(4):  # room to move in: the best crop may be all of the photo
        lab.press(canvas, "Shift+-")
    page.evaluate(f"() => ({COUNT})(window.area)")
    page.mouse.move(x, y)
    page.mouse.down()
    step, end = 0, perf_counter() + DRAG_SECONDS
    while perf_counter() < end:
        step += 1
        page.mouse.move(x + 40 * ((step % 50) / 25 - 1), y + 30 * ((step % 34) / 17 - 1))
        page.wait_for_timeout(12)
    page.mouse.up()
    counts = page.evaluate("() => window.counts.map(times => times.length)")
    for name, count in zip(("read-out", "bars"), counts, strict=True):
        yield f"dragging the crop: {name}, changes/s", [count / DRAG_SECONDS]


def new_photos(lab: NotebookPage, canvas: Locator) -> Iterator[tuple[str, list[float]]]:
    """Photos by their paths, each of them new to the view."""
    page, box = lab.page, lab.page.get_by_placeholder("or a path, then Enter")
    signs = []

    def choose() -> None:
        page.evaluate(f"() => ({SIGN})(window.area)")
        lab.press(box, "Enter")
        signs.append(awaited(lab, "sign"))

    times = []
    for number in range(NEW_PHOTOS):
        box.fill(f"new-{number}.jpg")
        times.append(timed(lab, canvas, CANVAS_CHANGE, choose))
    yield "a new photo, SqueezeNet", times
    yield "a new photo: sign that it works", signs


def report(measured: Iterable[tuple[str, list[float]]]) -> None:
    """Print median, nine in ten, and for moves the ratio to the first kind of move, line by line."""
    usual = 0.0
    for name, values in measured:
        if len(values) == 1:
            print(f"{name:42}{'':4}{values[0]:8.1f}/s", flush=True)
            continue
        usual, tail = usual or median(values), quantiles(values, n=10)[-1]
        ratio = usual / median(values)
        print(f"{name:42}{len(values):4}{median(values):7.1f} ms{tail:7.1f} ms{ratio:15.1f}", flush=True)


if __name__ == "__main__":
    main()
