"""canvas.js by itself, in Chromium, with a model of a few lines: what needs two fingers, or two things at once."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from asm_interp.widgets import canvas as canvas_module

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow

MODEL = """async ([source, state]) => {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const { default: canvas } = await import(url);
    const heard = {};
    for (const name of ["photo", "layer", "lut"]) state[name] = new Uint8Array();
    const tell = (name) => (heard[name] || []).forEach((listener) => listener());
    window.sent = [];
    window.model = {
        get: (name) => state[name],
        set: (name, value) => { state[name] = value; window.sent.push(name); tell(name); },
        save_changes: () => {},
        on: (event, listener) => (heard[event.slice(7)] ||= []).push(listener), // events are change:name
        off: (event, listener) => {
            heard[event.slice(7)] = heard[event.slice(7)].filter((each) => each !== listener);
        },
    };
    window.fromPython = (name, value) => { state[name] = value; tell(name); };
    window.listeners = () => Object.values(heard).flat().length;
    window.dispose = canvas.render({ model: window.model, el: document.body });
    window.canvas = document.querySelector("canvas");
    document.body.style.margin = 0;
}"""
FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
STATE: dict[str, Any] = {
    "photo_size": [300, 400],
    "grey": True,
    "layer_size": [0, 0],
    "layer_box": [],
    "opacity": 0.6,
    "contour": 0,
    "scale": {},
    "title": "",
    "alt": "a photo",
    "outlines": [],
    "crop": [100, 100, 300, 200],
    "shape": "rectangle",
    "aspect": 0,
    "editable": True,
    "pointed": True,
    "borders": [],
    "marks": [],
    "guides": "",
    "width": 400,
    "height": 300,
    "pointer": [],
    "clicked": [],
}


class Canvas:
    """The picture, one CSS pixel for each of the photo's."""

    def __init__(self, page: Page, **state: Any) -> None:
        self.page = page
        page.set_content("<!doctype html><title>canvas</title><body></body>")
        source = Path(canvas_module.__file__).with_name("canvas.js").read_text()
        page.evaluate(MODEL, [source, STATE | state])
        self.settle()
        self.top = float(page.evaluate("() => window.canvas.getBoundingClientRect().top"))

    def settle(self) -> None:
        self.page.evaluate(FRAME)

    def python(self, name: str, value: Any) -> None:
        self.page.evaluate("([name, value]) => window.fromPython(name, value)", [name, value])

    def get(self, name: str) -> Any:
        self.settle()
        return self.page.evaluate("(name) => window.model.get(name)", name)

    def pointer(self, kind: str, x: float, y: float, **options: Any) -> None:
        event = {"clientX": x, "clientY": y + self.top, "isPrimary": True, "pointerId": 1, "buttons": 1, "button": 0}
        self.page.evaluate(
            "([kind, event]) => window.canvas.dispatchEvent(new PointerEvent(kind, event))", [kind, event | options]
        )

    def press(self, *keys: str) -> None:
        self.page.locator("canvas").focus()
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()


def test_a_second_finger_does_nothing(page: Page) -> None:
    canvas = Canvas(page)
    canvas.page.evaluate("() => { window.canvas.setPointerCapture = () => {}; }")  # no such finger is really there
    canvas.pointer("pointerdown", 200, 150)
    canvas.pointer("pointermove", 220, 150)
    assert canvas.get("crop") == [120, 100, 320, 200]
    canvas.pointer("pointerdown", 50, 50, isPrimary=False, pointerId=2)
    canvas.pointer("pointermove", 60, 60, isPrimary=False, pointerId=2)
    canvas.pointer("pointerup", 60, 60, isPrimary=False, pointerId=2)
    canvas.pointer("pointermove", 221, 150)
    assert canvas.get("crop") == [121, 100, 321, 200]


def test_a_drag_ends_where_its_end_was_lost(page: Page) -> None:
    canvas = Canvas(page)
    canvas.page.evaluate("() => { window.canvas.setPointerCapture = () => {}; }")
    canvas.pointer("pointerdown", 200, 150)
    canvas.pointer("pointermove", 220, 150)
    canvas.pointer("pointermove", 260, 150, buttons=0)
    canvas.pointer("pointermove", 280, 150, buttons=0)
    assert canvas.get("crop") == [120, 100, 320, 200]
    assert canvas.get("pointer") == [280, 150]


def test_what_python_sets_during_a_drag_holds(page: Page) -> None:
    canvas = Canvas(page)
    canvas.page.evaluate("() => { window.canvas.setPointerCapture = () => {}; }")
    canvas.pointer("pointerdown", 200, 150)
    canvas.pointer("pointermove", 220, 150)
    canvas.settle()
    canvas.python("crop", [0, 0, 50, 50])
    canvas.pointer("pointerup", 220, 150)
    canvas.press("ArrowRight")
    assert canvas.get("crop") == [1, 0, 51, 50]


def test_keys_that_grow_and_shrink_undo_each_other(page: Page) -> None:
    canvas = Canvas(page)
    canvas.press("-")
    assert canvas.get("crop") == [105, 102, 295, 198]
    canvas.press("Shift+=")  # a plus, on many keyboards
    assert canvas.get("crop") == [100, 100, 300, 200]
    canvas.python("crop", [100, 100, 118, 118])
    canvas.press(*["="] * 3)
    assert canvas.get("crop") == [97, 97, 121, 121], "a small crop grows by a pixel a side"
    canvas.press(*["-"] * 40)
    assert canvas.get("crop") == [105, 105, 113, 113], "and shrinks to the least"


def test_the_last_photo_stays_however_long_the_ones_before_take(page: Page) -> None:
    Canvas(page, crop=[], editable=False)
    photos = []
    for color in ("red", "blue"):
        buffer = io.BytesIO()
        Image.new("RGB", (400, 300), color).save(buffer, "JPEG")
        photos.append(base64.b64encode(buffer.getvalue()).decode())
    pixel = page.evaluate(
        """async ([first, last]) => {
            const decode = window.createImageBitmap, waiting = [];
            window.createImageBitmap = (blob) => new Promise((done) => waiting.push(() => done(decode(blob))));
            const bytes = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
            window.fromPython("photo", bytes(first));
            window.fromPython("photo", bytes(last));
            for (const each of waiting.reverse()) { each(); await new Promise((done) => setTimeout(done, 100)); }
            return [...window.canvas.getContext("2d").getImageData(200, 150, 1, 1).data];
        }""",
        photos,
    )
    assert pixel[2] > 200, f"blue is the last, {pixel} is shown"
    assert pixel[0] < 60


def test_values_are_read_by_keys(page: Page) -> None:
    canvas = Canvas(page, editable=False, crop=[])
    assert page.locator("canvas").get_attribute("tabindex") == "0"
    blank = page.evaluate("() => window.canvas.toDataURL()")
    canvas.press("ArrowRight")
    assert canvas.get("pointer") == [201, 150]
    assert page.evaluate("() => window.canvas.toDataURL()") != blank, "a cross shows where"
    canvas.press("Shift+ArrowUp", "ArrowLeft")
    assert canvas.get("pointer") == [200, 140]
    canvas.press(*["Shift+ArrowLeft"] * 30)
    assert canvas.get("pointer") == [0, 140], "not beyond the border"
    canvas.press("Escape")
    assert canvas.get("pointer") == []
    assert page.evaluate("() => window.canvas.toDataURL()") == blank


def test_a_still_picture_is_in_nobodys_way(page: Page) -> None:
    canvas = Canvas(page, editable=False, pointed=False, crop=[])
    assert page.locator("canvas").get_attribute("tabindex") == "-1"
    assert page.evaluate("() => window.canvas.style.touchAction") == "auto"
    canvas.pointer("pointermove", 20, 30, buttons=0)
    assert page.evaluate("() => window.sent.includes('pointer')") is False
    canvas.pointer("pointerdown", 20, 30)
    canvas.pointer("pointercancel", 20, 30)  # the browser scrolls
    assert canvas.get("clicked") == []
    canvas.pointer("pointerdown", 20, 30)
    canvas.pointer("pointerup", 20, 30)
    assert canvas.get("clicked") == [20, 30, 1]


def test_it_leaves_nothing_behind(page: Page) -> None:
    canvas = Canvas(page)
    assert page.evaluate("() => window.listeners()") > 0
    canvas.press("ArrowRight")
    page.evaluate("() => { window.dispose(); window.sent.length = 0; }")
    canvas.python("crop", [0, 0, 50, 50])
    page.wait_for_timeout(200)
    assert page.evaluate("() => [window.listeners(), window.sent.length]") == [0, 0]
