"""A photo under a map, drawn by the browser: the one picture that all views are made of."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from math import hypot
from pathlib import Path
from typing import Any, Literal

import anywidget
import numpy as np
import numpy.typing as npt
import traitlets as t
from PIL import Image, ImageDraw

from asm_interp.analysis.normalisation import Normalisation
from asm_interp.geometry.patterns import CompositionPattern
from asm_interp.widgets import painter
from asm_interp.widgets.charts import number
from asm_interp.widgets.painter import Colors, Indices, Photo

_FINE = 2  # the static picture is drawn this many times as large, for smooth lines
_MARKED = 90  # shortest side of a crop on the screen that leaves room for the marks

GUIDES: dict[str, list[tuple[float, float, float, float]]] = {
    "": [],
    "thirds": [(i / 3, 0, i / 3, 1) for i in (1, 2)] + [(0, i / 3, 1, i / 3) for i in (1, 2)],
    "centre": [(0.5, 0, 0.5, 1), (0, 0.5, 1, 0.5)],
    "diagonals": [(0, 0, 1, 1), (0, 1, 1, 0)],
}


class MapCanvas(anywidget.AnyWidget):
    """A photo, a map over it, a crop that can be dragged, and outlines.

    Boxes are x1, y1, x2, y2 in photo pixels. The map is an index image (see `asm_interp.widgets.painter`) with its
    colour table; opacity is applied in the browser.

    Attributes
    ----------
    photo : bytes
        JPEG.
    photo_size : [H, W]
    grey : bool
        Whether the photo is drawn in luminance while a map lies over it.
    layer : bytes, [h × w]
    layer_size : [h, w]
    layer_box : [x1, y1, x2, y2] or []
        What the map covers; empty for the whole photo.
    lut : bytes, [256 × 3]
    opacity : float
    contour : int
        Index from which on the map is outlined; 0 for no outline.
    scale : dict
        Of the colour bar: label, low, high, and mid if there is one, all text. Empty for no bar.
    title, alt : str
    outlines : list of dict
        ``box``, ``circle`` (cx, cy, r) or ``lines`` (a list of x1, y1, x2, y2), and optionally color, label, dash
        (bool), width.
    crop : [x1, y1, x2, y2] or []
    shape : {"rectangle", "circle"}
        A circle stands in the crop's square.
    aspect : float
        Width over height that the crop is kept to; 0 if it is free.
    editable : bool
        Whether mouse and keys move the crop.
    pointed : bool
        Whether `pointer` is told; where it is not editable, arrow keys move it too.
    borders : list of [x1, y1, x2, y2]
        Lines inside the crop, in units of its sides.
    marks : list of [x, y, text]
        Texts inside the crop, at places in units of its sides.
    guides : {"", "thirds", "centre", "diagonals"}
    width, height : int
        Most that the photo takes on the screen.
    pointer : [x, y] or []
        Place on the photo, in its pixels, under the mouse or chosen by keys.
    clicked : [x, y, count]
    frame : int
        Pictures drawn so far, told when drawing pauses; the canvas element carries it as ``data-frame`` at once.
    """

    _esm = Path(__file__).with_name("canvas.js")

    photo = t.Bytes().tag(sync=True)
    photo_size = t.List([1, 1]).tag(sync=True)
    grey = t.Bool(True).tag(sync=True)
    layer = t.Bytes().tag(sync=True)
    layer_size = t.List([0, 0]).tag(sync=True)
    layer_box: t.List[Any] = t.List().tag(sync=True)
    lut = t.Bytes().tag(sync=True)
    opacity = t.Float(0.6).tag(sync=True)
    contour = t.Int(0).tag(sync=True)
    scale = t.Dict().tag(sync=True)
    title = t.Unicode().tag(sync=True)
    alt = t.Unicode().tag(sync=True)
    outlines: t.List[Any] = t.List().tag(sync=True)
    crop: t.List[Any] = t.List().tag(sync=True)
    shape = t.Enum(["rectangle", "circle"], "rectangle").tag(sync=True)
    aspect = t.Float(0.0).tag(sync=True)
    editable = t.Bool(False).tag(sync=True)
    pointed = t.Bool(False).tag(sync=True)
    borders: t.List[Any] = t.List().tag(sync=True)
    marks: t.List[Any] = t.List().tag(sync=True)
    guides = t.Enum(list(GUIDES), "").tag(sync=True)
    width = t.Int(420).tag(sync=True)
    height = t.Int(340).tag(sync=True)
    pointer: t.List[Any] = t.List().tag(sync=True)
    clicked: t.List[Any] = t.List().tag(sync=True)
    frame = t.Int(0).tag(sync=True)

    @t.validate("crop")
    def _check_crop(self, proposal: dict[str, Any]) -> list[float]:
        crop = [float(each) for each in proposal["value"]]
        if not crop:
            return crop
        height, width = self.photo_size
        if len(crop) != 4 or not (0 <= crop[0] < crop[2] <= width and 0 <= crop[1] < crop[3] <= height):
            raise t.TraitError(f"a crop is x1, y1, x2, y2 inside the photo of {width} × {height} pixels, got {crop}")
        return crop

    def set_photo(self, photo: Photo, *, grey: bool = True) -> None:
        """Show a photo, [H, W, 3] uint8. Map, crop and outlines of the photo before are taken away."""
        buffer = BytesIO()
        painter.shown(photo).save(buffer, "JPEG", quality=88)
        height, width = photo.shape[:2]
        with self.hold_sync():
            self.crop, self.outlines, self.pointer = [], [], []
            self.clear_map()
            self.photo_size = [int(height), int(width)]
            self.photo, self.grey = buffer.getvalue(), grey

    def set_map(
        self,
        values: npt.ArrayLike,
        norm: Normalisation,
        colors: Colors,
        label: str,
        box: Sequence[float] | None = None,
        *,
        contour: float | None = None,
    ) -> None:
        """Show a map [h, w] over the photo, or over a box of it.

        Parameters
        ----------
        values : array_like, [h, w]
            NaN is transparent.
        norm, colors
            Scale and colours.
        label : str
            Of the colour bar.
        box : sequence of float, [4], optional
        contour : float, optional
            Share of the pixels that lie below an outline; none without it.
        """
        self.set_indices(painter.indices(values, norm), norm, colors, label, box, contour=contour, values=values)

    def set_indices(
        self,
        image: Indices,
        norm: Normalisation,
        colors: Colors,
        label: str,
        box: Sequence[float] | None = None,
        *,
        contour: float | None = None,
        values: npt.ArrayLike | None = None,
    ) -> None:
        """Show a map that is an index image already. `values` are needed where the scale is the map's own."""
        with self.hold_sync():
            self.layer_size = list(image.shape)
            self.layer_box = [] if box is None else [float(each) for each in box]
            self.layer = image.tobytes()
            self.lut = painter.lut(colors).tobytes()
            self.contour = 0 if contour is None else min(painter.quantile_index(image, contour) + 1, painter.LEVELS)
            self.scale = ticks(norm, values) | {"label": label}

    def clear_map(self) -> None:
        """Show the photo alone."""
        with self.hold_sync():
            self.layer, self.layer_size, self.layer_box, self.scale, self.contour = b"", [0, 0], [], {}, 0

    def set_pattern(self, pattern: CompositionPattern | None) -> None:
        """Draw the borders of a pattern's partitions, and their numbers, into the crop, or none."""
        if pattern is None:
            self.borders, self.marks = [], []
            return
        rows, columns = pattern.shape
        inner = [
            [x1 / columns, y1 / rows, x2 / columns, y2 / rows]
            for x1, y1, x2, y2 in pattern.borders()
            if not ((x1 == x2 and x1 in (0, columns)) or (y1 == y2 and y1 in (0, rows)))
        ]
        marks = []
        for partition in range(pattern.n_partitions):
            cells = np.argwhere(pattern.labels == partition) + 0.5
            y, x = cells[np.argmin(np.square(cells - cells.mean(0)).sum(1))]
            marks.append([float(x) / columns, float(y) / rows, str(partition)])
        with self.hold_sync():
            self.borders, self.marks = inner, marks

    @property
    def circle(self) -> list[float]:
        """The crop as a circle, cx, cy, r; empty without a crop."""
        if not self.crop:
            return []
        x1, y1, x2, y2 = self.crop
        return [(x1 + x2) / 2, (y1 + y2) / 2, min(x2 - x1, y2 - y1) / 2]

    def shown_size(self) -> tuple[int, int]:
        """Width and height that the photo takes on the screen, in CSS pixels."""
        height, width = self.photo_size
        per = min(self.width / width, self.height / height)
        return max(1, round(width * per)), max(1, round(height * per))

    def image(self) -> Image.Image:
        """What the canvas shows, painted here: the picture where no browser can draw it."""
        width, height = self.shown_size()
        per = _FINE * width / self.photo_size[1]
        size = (width * _FINE, height * _FINE)
        if self.photo:
            base = Image.open(BytesIO(self.photo)).convert("RGB").resize(size, Image.Resampling.LANCZOS)
        else:
            base = Image.new("RGB", size, "white")
        has_layer = bool(self.layer) and self.opacity > 0
        if has_layer:
            if self.grey:
                base = painter.luminance(base)
            image = np.frombuffer(self.layer, np.uint8).reshape(self.layer_size)
            table = np.frombuffer(self.lut, np.uint8).reshape(-1, 3)
            box = self.layer_box or (0, 0, self.photo_size[1], self.photo_size[0])
            base = painter.lay_over(base, image, table, self.opacity, [each * per for each in box])
            if self.contour:
                _draw_contour(base, image >= self.contour, [each * per for each in box])
        draw = ImageDraw.Draw(base)
        for outline in self.outlines:
            _draw_outline(draw, outline, per)
        if self.crop:
            self._draw_crop(draw, per)
        parts = [base.resize((width, height), Image.Resampling.LANCZOS)]
        if self.scale and self.layer:
            table = np.frombuffer(self.lut, np.uint8).reshape(-1, 3)
            ends = [self.scale["low"], self.scale["high"], *([self.scale["mid"]] if "mid" in self.scale else [])]
            parts.append(painter.color_bar(table, ends, self.scale["label"], width))
        if self.title:
            parts.insert(0, painter.text_image(self.title, width, 12, bold=True))
        return painter.stack(parts)

    def _draw_crop(self, draw: ImageDraw.ImageDraw, per: float) -> None:
        x1, y1, x2, y2 = (each * per for each in self.crop)
        for kind, lines in (("borders", self.borders), ("guides", GUIDES[self.guides])):
            for u1, v1, u2, v2 in lines:
                ends = (x1 + u1 * (x2 - x1), y1 + v1 * (y2 - y1), x1 + u2 * (x2 - x1), y1 + v2 * (y2 - y1))
                draw.line(ends, fill="white" if kind == "borders" else "#ffe600", width=_FINE)
        if min(x2 - x1, y2 - y1) >= _MARKED * _FINE:
            face = painter.font(10 * _FINE, bold=True)
            for u, v, text in self.marks:
                at = (x1 + u * (x2 - x1), y1 + v * (y2 - y1))
                draw.text(at, text, "white", face, "mm", stroke_width=_FINE, stroke_fill=painter.INK)
        if self.shape == "circle":
            cx, cy, r = (each * per for each in self.circle)
            draw.ellipse((cx - r, cy - r, cx + r, cy + r), outline=painter.ACCENT, width=2 * _FINE)
        else:
            draw.rectangle((x1, y1, x2 - 1, y2 - 1), outline=painter.ACCENT, width=2 * _FINE)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The live picture, and the static one where that cannot run."""
        found = super()._repr_mimebundle_(**options)
        bundle, metadata = found if isinstance(found, tuple) else (found or {}, {})
        buffer = BytesIO()
        self.image().save(buffer, "PNG")
        return bundle | {
            "image/png": b64encode(buffer.getvalue()).decode(),
            "text/plain": self.alt or self.title,
        }, metadata


def ticks(norm: Normalisation, values: npt.ArrayLike | None = None) -> dict[str, str]:
    """Texts at the ends of a colour bar, and in its middle where the scale has a centre."""
    if norm.limits is not None:
        low, high = norm.limits
    elif values is not None and np.isfinite(units := norm.units(values)).any():
        low, high = float(np.nanmin(units)), float(np.nanmax(units))
    else:
        return {"low": "lowest", "high": "highest"}
    found = {"low": number(low), "high": number(high)}
    return found if norm.center is None else found | {"mid": number(norm.center)}


def outline(
    place: Sequence[float],
    label: str = "",
    *,
    color: str = "#ffffff",
    dash: bool = False,
    width: float = 1.5,
) -> dict[str, Any]:
    """An entry of `MapCanvas.outlines`: a box of four numbers, or a circle of three."""
    kind: Literal["box", "circle"] = "circle" if len(place) == 3 else "box"
    return {kind: [float(each) for each in place], "label": label, "color": color, "dash": dash, "width": width}


def _draw_outline(draw: ImageDraw.ImageDraw, each: dict[str, Any], per: float) -> None:
    color, thick = each.get("color", "#ffffff"), max(1, round(each.get("width", 1.5) * _FINE))
    if "circle" in each:
        cx, cy, r = (value * per for value in each["circle"])
        for start in range(0, 360, 15):
            draw.arc((cx - r, cy - r, cx + r, cy + r), start, start + (9 if each.get("dash") else 15), color, thick)
        x1, y1 = cx - r, cy - r
    elif "lines" in each:
        for line in each["lines"]:
            draw.line([value * per for value in line], fill=color, width=thick)
        x1 = y1 = 0.0
    else:
        x1, y1, x2, y2 = (value * per for value in each["box"])
        if each.get("dash"):
            for ends in ((x1, y1, x2, y1), (x2, y1, x2, y2), (x2, y2, x1, y2), (x1, y2, x1, y1)):
                _draw_dashes(draw, ends, color, thick)
        else:
            draw.rectangle((x1, y1, x2 - 1, y2 - 1), outline=color, width=thick)
    if each.get("label"):
        face = painter.font(11 * _FINE)
        at = (x1 + 4 * _FINE, y1 + 3 * _FINE)
        left, top, right, bottom = draw.textbbox(at, each["label"], font=face)
        draw.rectangle((left - 4, top - 4, right + 4, bottom + 4), fill=painter.INK)
        draw.text(at, each["label"], fill=color, font=face)


def _draw_dashes(draw: ImageDraw.ImageDraw, ends: Sequence[float], color: str, thick: int) -> None:
    x1, y1, x2, y2 = ends
    n = max(1, int(hypot(x2 - x1, y2 - y1) / (10 * _FINE)))
    for i in range(n):
        a, b = i / n, (i + 0.6) / n
        draw.line(
            (x1 + a * (x2 - x1), y1 + a * (y2 - y1), x1 + b * (x2 - x1), y1 + b * (y2 - y1)), fill=color, width=thick
        )


def _draw_contour(base: Image.Image, inside: npt.NDArray[np.bool_], box: Sequence[float]) -> None:
    """Outline of a region of the map that covers `box`, white on black so that it shows on any colour."""
    draw = ImageDraw.Draw(base)
    x1, y1, x2, y2 = box
    framed = np.pad(inside, 1)
    across, down = (x2 - x1) / inside.shape[1], (y2 - y1) / inside.shape[0]
    upright = np.argwhere(framed[1:-1, 1:] != framed[1:-1, :-1])
    level = np.argwhere(framed[1:, 1:-1] != framed[:-1, 1:-1])
    lines = [(x, y, x, y + 1) for y, x in upright] + [(x, y, x + 1, y) for y, x in level]
    for color, thick in (("black", 2 * _FINE), ("white", _FINE)):
        for u1, v1, u2, v2 in lines:
            draw.line((x1 + u1 * across, y1 + v1 * down, x1 + u2 * across, y1 + v2 * down), fill=color, width=thick)
