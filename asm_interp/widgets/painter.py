"""Maps to pixels without a plotting library: index images and colour tables for browsers, pictures for everything else.

An index image holds one byte a pixel: 0 where the map has no value, which is drawn transparent, and 1 to 255 from the
low end of the scale to its high end.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from asm_interp.analysis.normalisation import Normalisation

Photo = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.uint8]
Colors = Literal["sequential", "diverging"]

LEVELS = 255
INK, MUTED, ACCENT = "#222222", "#9a9a9a", "#D55E00"
SHOWN = 1120
"""Longest side of a photo as browsers get it: twice the widest that it is shown, for dense screens."""

_GAP = 12
_BAR = 12  # height of a colour bar


@lru_cache(maxsize=4)
def lut(name: Colors) -> npt.NDArray[np.uint8]:
    """Colours of index images, [256, 3]: those of the figures; row 0 stands for no value and is black.

    Parameters
    ----------
    name : {"sequential", "diverging"}
        viridis, or vlag with its light middle at index 128.

    Raises
    ------
    ValueError
        If there is no such table.
    """
    from asm_interp.plots import style

    if name not in ("sequential", "diverging"):
        raise ValueError(f"colours are 'sequential' or 'diverging', got {name!r}")
    colours = style.SEQUENTIAL if name == "sequential" else style.DIVERGING
    table = np.zeros((LEVELS + 1, 3), np.uint8)
    table[1:] = np.rint(colours(np.linspace(0, 1, LEVELS))[:, :3] * 255)
    table.setflags(write=False)
    return table


def indices(values: npt.ArrayLike, norm: Normalisation) -> Indices:
    """Index image of a map [h, w]: 0 for NaN, else ``1 + round(254 norm(values))``.

    Examples
    --------
    >>> indices([[0.0, 1.0, np.nan, 2.0]], Normalisation.fit([0.0, 2.0]))
    array([[  1, 128,   0, 255]], dtype=uint8)
    """
    scaled = norm(values)
    found = np.rint(np.nan_to_num(scaled, nan=-1 / (LEVELS - 1)) * (LEVELS - 1)) + 1
    return found.astype(np.uint8)


def quantile_index(image: Indices, share: float) -> int:
    """Least index of an index image at or below which at least `share` of its valued pixels lie; 0 if none has a value.

    Examples
    --------
    >>> quantile_index(np.array([[0, 1, 2, 3, 4]], np.uint8), 0.5)
    2
    """
    counts = np.bincount(image.ravel(), minlength=LEVELS + 1)
    counts[0] = 0
    total = int(counts.sum())
    return int(np.searchsorted(counts.cumsum(), share * total)) if total else 0


def palette_png(values: npt.ArrayLike, norm: Normalisation, colors: Colors) -> bytes:
    """A map as a PNG of its own size with a colour table; what has no value is transparent."""
    image = Image.fromarray(indices(values, norm))
    image.putpalette(lut(colors).tobytes())  # makes it one of mode P
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=1, transparency=0)
    return buffer.getvalue()


def shown(photo: Photo, longest: int = SHOWN) -> Image.Image:
    """A photo as an image, made smaller if its longer side exceeds `longest`."""
    image = Image.fromarray(photo)
    image.thumbnail((longest, longest), Image.Resampling.BOX, reducing_gap=2.0)
    return image


def luminance(image: Image.Image) -> Image.Image:
    """An RGB image in its luminance (ITU-R BT.709), still RGB."""
    return image.convert("L", (0.2126, 0.7152, 0.0722, 0)).convert("RGB")


def overlay(
    photo: Photo,
    values: npt.ArrayLike,
    norm: Normalisation,
    colors: Colors,
    opacity: float,
    box: Sequence[float] | None = None,
) -> Image.Image:
    """A map over a photo in luminance, of the photo's size.

    Parameters
    ----------
    photo : array of uint8, [H, W, 3]
    values : array_like, [h, w]
        Map of the whole photo, or of `box`.
    norm, colors
        Scale and colours.
    opacity : float
        In [0, 1].
    box : sequence of float, [4], optional
        x1, y1, x2, y2 in photo pixels that the map covers.
    """
    height, width = photo.shape[:2]
    base = luminance(Image.fromarray(photo))
    return lay_over(base, indices(values, norm), lut(colors), opacity, box or (0, 0, width, height))


def lay_over(
    base: Image.Image,
    image: Indices,
    table: npt.NDArray[np.uint8],
    opacity: float,
    box: Sequence[float],
) -> Image.Image:
    """`base` under an index image that covers `box`, in pixels of `base`; sharp-edged, as the browser draws it."""
    x1, y1, x2, y2 = box
    left, top = int(np.floor(x1)), int(np.floor(y1))
    right, bottom = max(int(np.ceil(x2)), left + 1), max(int(np.ceil(y2)), top + 1)
    height, width = image.shape
    columns = np.clip(((np.arange(left, right) + 0.5 - x1) / (x2 - x1) * width).astype(int), 0, width - 1)
    rows = np.clip(((np.arange(top, bottom) + 0.5 - y1) / (y2 - y1) * height).astype(int), 0, height - 1)
    placed = image[np.ix_(rows, columns)]
    alpha = np.where(placed > 0, round(255 * opacity), 0).astype(np.uint8)
    out = base.copy()
    out.paste(Image.fromarray(table[placed]), (left, top), Image.fromarray(alpha))
    return out


@lru_cache(maxsize=16)
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """DejaVu Sans, which comes with matplotlib; the package is looked up, not imported."""
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        return ImageFont.load_default(size)
    name = f"DejaVuSans{'-Bold' if bold else ''}.ttf"
    return ImageFont.truetype(Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / name, size)


def color_bar(table: npt.NDArray[np.uint8], ticks: Sequence[str], label: str, width: int) -> Image.Image:
    """Horizontal colour bar with two or three tick labels, and what it measures below; `width` pixels wide."""
    lines = wrapped(label, width, 11)
    image = Image.new("RGB", (width, _BAR + 18 + 15 * len(lines)), "white")
    draw = ImageDraw.Draw(image)
    ramp = table[1 + (np.arange(width) * LEVELS // width)]
    image.paste(Image.fromarray(np.ascontiguousarray(np.broadcast_to(ramp, (_BAR, width, 3)))), (0, 2))
    for text, x, anchor in zip(
        ticks,
        (0, width, width // 2) if len(ticks) == 3 else (0, width),
        ("lt", "rt", "mt"),
        strict=False,
    ):
        draw.text((x, _BAR + 5), text, fill=INK, font=font(11), anchor=anchor)
    for row, line in enumerate(lines):
        draw.text((0, _BAR + 19 + 15 * row), line, fill=INK, font=font(11), anchor="lt")
    return image


def wrapped(text: str, width: int, size: int) -> list[str]:
    """Lines of a text in a type of `size`, each at most `width` pixels wide; none for an empty text."""
    letters = max(8, int(width / (0.56 * size)))
    return [line for part in text.splitlines() for line in (wrap(part, letters) or [""])] if text else []


def stack(images: Sequence[Image.Image], gap: int = 4) -> Image.Image:
    """Images below one another on white, left-aligned."""
    width, height = max(each.width for each in images), sum(each.height + gap for each in images) - gap
    out, top = Image.new("RGB", (width, height), "white"), 0
    for each in images:
        out.paste(each, (0, top))
        top += each.height + gap
    return out


def text_image(text: str, width: int, size: int = 12, bold: bool = False) -> Image.Image:
    """Text in lines of at most `width` pixels, on white."""
    lines = wrapped(text, width, size) or [""]
    image = Image.new("RGB", (width, round(1.35 * size) * len(lines) + 4), "white")
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        draw.text((0, 2 + round(1.35 * size) * row), line, fill=INK, font=font(size, bold), anchor="lt")
    return image


def compose(panels: Sequence[tuple[str, Image.Image]], caption: str, *, columns: int | None = None) -> Image.Image:
    """Panels side by side, each under its title, in rows of at most `columns`, over a caption.

    Parameters
    ----------
    panels : sequence of (str, PIL.Image.Image)
        At least one. An empty title takes no room.
    caption : str
        Broken into lines as wide as the panels.
    columns : int, optional
        As many as panels by default.
    """
    titled = [stack([text_image(title, each.width, 13, bold=True), each]) if title else each for title, each in panels]
    per_row = columns or len(titled)
    rows = []
    for start in range(0, len(titled), per_row):
        part = titled[start : start + per_row]
        row = Image.new(
            "RGB", (sum(each.width + _GAP for each in part) - _GAP, max(each.height for each in part)), "white"
        )
        left = 0
        for each in part:
            row.paste(each, (left, 0))
            left += each.width + _GAP
        rows.append(row)
    width = max(row.width for row in rows)
    body = stack([*rows, text_image(caption, width)] if caption else rows, _GAP)
    page = Image.new("RGB", (body.width + 2 * _GAP, body.height + 2 * _GAP), "white")
    page.paste(body, (_GAP, _GAP))
    return page


def bar_image(labels: Sequence[str], values: npt.ArrayLike, width: int) -> Image.Image:
    """Horizontal bars from zero, each between its label and its number, for static pictures."""
    own = np.nan_to_num(np.asarray(values, np.float64))
    low, high = min(0.0, float(own.min())), max(0.0, float(own.max()))
    left, right, tall = 30, width - 60, 18
    per = (right - left) / ((high - low) or 1.0)
    zero = left - low * per
    image = Image.new("RGB", (width, tall * len(own) + 6), "white")
    draw = ImageDraw.Draw(image)
    for row, (label, value) in enumerate(zip(labels, own, strict=True)):
        y = tall * row + 3
        ends = sorted((zero, zero + value * per))
        draw.rectangle((ends[0], y + 2, ends[1], y + 14), fill=ACCENT)
        draw.text((left - 6, y + 3), label, fill=INK, font=font(11), anchor="rt")
        draw.text((width - 2, y + 3), f"{value:.3g}", fill=INK, font=font(11), anchor="rt")
    draw.line((zero, 0, zero, image.height), fill=INK)
    return image
