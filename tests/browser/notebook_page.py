"""A notebook in JupyterLab, driven as a user drives it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Locator, Page

    Place = tuple[float, float]

# What JupyterLab itself complains of with nothing wrong; each is a pattern of the whole message.
NOISE: tuple[str, ...] = ()

PATIENCE = 300  # seconds for a notebook; on two quiet cores none takes 40

READY = """() => {
    const panel = window.jupyterapp?.shell?.currentWidget;
    return panel?.context?.isReady && panel?.sessionContext?.isReady && panel.sessionContext.session?.kernel;
}"""
RUN = """async (seconds) => {
    const late = new Promise((_, reject) => setTimeout(() => reject("the cells take too long"), 1000 * seconds));
    await Promise.race([late, jupyterapp.commands.execute("notebook:run-all-cells")]);
}"""
CELLS = "() => jupyterapp.shell.currentWidget.context.model.toJSON().cells"
SHUT_DOWN = "() => jupyterapp.shell.currentWidget?.sessionContext?.shutdown()"
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}  # without, JupyterLab would ask for one


class NotebookPage:
    """One notebook at a time in a page of JupyterLab."""

    def __init__(self, page: Page, url: str, artifacts: Path) -> None:
        self.page, self.url, self.artifacts = page, url, artifacts
        self.name = ""
        self.photo_width = 640  # photo pixels that the pictures are wide
        self.complaints: list[str] = []
        self.actions = 0
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(re.fullmatch(noise, message.text, re.DOTALL) for noise in NOISE):
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def run(self, name: str) -> None:
        """Open a notebook of the lab's folder and run all its cells; a cell that fails fails the test."""
        self.name = name
        self.page.goto(f"{self.url}/lab/tree/{name}.ipynb?reset")
        self.page.wait_for_function(READY)
        self.page.evaluate(RUN, PATIENCE)
        cells: list[dict[str, Any]] = self.page.evaluate(CELLS)
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        assert outputs, "no cell said anything"
        wrong = [f"{each['ename']}: {each['evalue']}" for each in outputs if each["output_type"] == "error"]
        wrong += [each["text"] for each in outputs if each.get("name") == "stderr"]
        assert not wrong, wrong

    def run_code(self, folder: Path, name: str, code: str) -> None:
        """Run a cell of one's own, as a notebook in the lab's folder."""
        import nbformat

        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)], metadata=KERNEL)
        nbformat.write(notebook, folder / f"{name}.ipynb")
        self.run(name)

    def run_view(self, folder: Path, module: str, view: str, arguments: str = "") -> None:
        """Open a view by itself in a window that is tall enough for all of it."""
        self.page.set_viewport_size({"width": 1280, "height": 1400})
        self.run_code(
            folder, module, f"from asm_interp.widgets.{module} import {view}\nview = {view}({arguments})\nview"
        )
        self.canvas()
        self.page.wait_for_timeout(500)
        self.screenshot("open")

    def shut_down(self) -> None:
        """End the notebook's kernel."""
        if self.name:
            self.page.evaluate(SHUT_DOWN)

    def screenshot(self, name: str) -> None:
        """Keep what the window shows."""
        self.page.screenshot(path=self.artifacts / f"{self.name}-{name}.png")

    # --- looking ------------------------------------------------------------------------------

    def canvas(self, index: int = 0) -> Locator:
        """Picture number `index`, scrolled into view, once it has been drawn."""
        canvas = self.page.locator("canvas[data-frame]").nth(index)
        canvas.scroll_into_view_if_needed()
        self._wait(canvas, "canvas => Number(canvas.dataset.frame) > 0")
        return canvas

    @contextmanager
    def changes(self, canvas: Locator) -> Iterator[None]:
        """Do something inside the block after which the canvas must come to show other pixels."""
        before = canvas.evaluate("canvas => canvas.toDataURL()")
        kept = canvas.element_handle()
        yield
        changed = "([canvas, before]) => !canvas.isConnected || canvas.toDataURL() !== before"
        self.page.wait_for_function(changed, arg=[kept, before])
        assert kept.evaluate("canvas => canvas.isConnected"), "the picture was taken away instead of drawn anew"

    def expect(self, text: str | re.Pattern[str]) -> Locator:
        """Wait until something shows a text."""
        found = self.page.locator(".jp-OutputArea-output").get_by_text(text).last
        found.wait_for()
        return found

    def alerts(self) -> list[str]:
        """Messages that views show in red."""
        return self.page.locator("[role=alert]").all_inner_texts()

    def read(self, pattern: str) -> list[float]:
        """Numbers, separated by commas, in the first group of a pattern of what is shown, once it has come to rest."""
        self.page.wait_for_timeout(250)
        text = self.expect(re.compile(pattern)).inner_text()
        found = re.search(pattern, text)
        assert found, text
        return [float(number.replace("\N{MINUS SIGN}", "-")) for number in found[1].split(",")]

    def _wait(self, locator: Locator, condition: str) -> None:
        self.page.wait_for_function(condition, arg=locator.element_handle())

    # --- doing --------------------------------------------------------------------------------

    def slider(self, description: str) -> Locator:
        """Handle of the slider with this description."""
        slider = self.page.locator(".widget-slider", has=self.page.get_by_text(description, exact=True))
        return slider.locator(".noUi-handle").first

    def menu(self, description: str) -> Locator:
        """Menu with this description."""
        box = self.page.locator(".widget-dropdown", has=self.page.get_by_text(description, exact=True))
        return box.locator("select").first

    def press(self, target: Locator, *keys: str) -> None:
        """Press keys on something that takes keys."""
        target.focus()
        for key in keys:
            self.page.keyboard.press(key)
            self.actions += 1

    def choose(self, description: str, option: str) -> None:
        """Choose from the menu with this description."""
        self.menu(description).select_option(label=option)
        self.actions += 1

    def push(self, name: str) -> None:
        """Click the button of this name with the mouse."""
        self.page.locator(".jp-OutputArea-output button").get_by_text(name, exact=True).first.click()
        self.actions += 1

    def slide(self, description: str, by: float) -> None:
        """Drag a slider's handle to the right, by a number of screen pixels."""
        bounds = self.slider(description).bounding_box()
        assert bounds
        x, y = bounds["x"] + bounds["width"] / 2, bounds["y"] + bounds["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + by, y, steps=5)
        self.page.mouse.up()
        self.actions += 1

    def upload(self, path: Path) -> None:
        """Give a file to the first upload button."""
        with self.page.expect_file_chooser() as chooser:
            self.page.locator(".widget-upload").first.click()
        chooser.value.set_files(path)
        self.actions += 1

    def point(self, canvas: Locator, place: Place) -> None:
        """Move the mouse over a photo pixel."""
        self.page.mouse.move(*self._on_screen(canvas, place), steps=3)
        self.actions += 1

    def click(self, canvas: Locator, place: Place) -> None:
        """Click on a photo pixel."""
        self.page.mouse.click(*self._on_screen(canvas, place))
        self.actions += 1

    def drag(self, canvas: Locator, start: Place, end: Place) -> None:
        """Drag from one photo pixel to another."""
        self.page.mouse.move(*self._on_screen(canvas, start))
        self.page.mouse.down()
        self.page.mouse.move(*self._on_screen(canvas, end), steps=8)
        self.page.mouse.up()
        self.actions += 1

    def _on_screen(self, canvas: Locator, place: Place) -> Place:
        bounds = canvas.bounding_box()
        assert bounds
        per = bounds["width"] / self.photo_width
        return bounds["x"] + place[0] * per, bounds["y"] + place[1] * per
