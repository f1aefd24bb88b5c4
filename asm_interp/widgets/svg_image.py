"""Charts as pictures: paints the few SVG elements that `asm_interp.widgets.charts` is made of."""

from __future__ import annotations

from math import hypot
from xml.etree import ElementTree

from PIL import Image, ImageColor, ImageDraw

from asm_interp.widgets import painter

_FINE = 2  # painted this many times as large, for smooth edges
_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}
_SVG = "{http://www.w3.org/2000/svg}"


def svg_image(svg: str) -> Image.Image:
    """Paint a chart.

    Parameters
    ----------
    svg : str
        With rect, line, circle, polygon and text elements, which may be in groups without attributes of their own.

    Returns
    -------
    PIL.Image.Image
        RGB, of the chart's width and height.

    Raises
    ------
    ValueError
        If there is an element of another kind, which would be missing from the picture.

    Examples
    --------
    >>> from asm_interp.widgets.charts import bars
    >>> svg_image(bars(["a", "b"], [1, -2], title="two bars")).size
    (340, 58)
    """
    root = ElementTree.fromstring(svg)
    width, height = (round(float(root.attrib[side])) for side in ("width", "height"))
    image = Image.new("RGB", (width * _FINE, height * _FINE), "white")
    draw = ImageDraw.Draw(image, "RGBA")
    size = float(root.get("font-size", "11"))
    for element in root.iter():
        _paint(draw, element, size, root.get("fill", painter.INK))
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _paint(draw: ImageDraw.ImageDraw, element: ElementTree.Element, size: float, ink: str) -> None:
    kind = element.tag.removeprefix(_SVG)

    def at(*names: str) -> list[float]:
        return [float(element.get(name, 0)) * _FINE for name in names]

    fill, stroke = (_colour(element, name, default) for name, default in (("fill", ink), ("stroke", "none")))
    thick = max(1, round(float(element.get("stroke-width", 1)) * _FINE))
    if kind == "rect":
        x, y, w, h = at("x", "y", "width", "height")
        if w > 0 and h > 0:
            draw.rectangle((x, y, max(x, x + w - 1), max(y, y + h - 1)), fill=fill, outline=stroke)
    elif kind == "circle":
        x, y, r = at("cx", "cy", "r")
        draw.ellipse((x - r, y - r, x + r, y + r), fill=fill, outline=stroke, width=thick)
    elif kind == "polygon":
        points = [tuple(float(each) * _FINE for each in pair.split(",")) for pair in element.attrib["points"].split()]
        draw.polygon(points, fill=fill, outline=stroke)
    elif kind == "line":
        x1, y1, x2, y2 = at("x1", "y1", "x2", "y2")
        dashes = element.get("stroke-dasharray", "none")
        on, off = (float(each) * _FINE for each in dashes.split()) if dashes != "none" else (float("inf"), 0.0)
        length, start = hypot(x2 - x1, y2 - y1), 0.0
        while start < length:
            a, b = start / length, min(start + on, length) / length
            ends = (x1 + a * (x2 - x1), y1 + a * (y2 - y1), x1 + b * (x2 - x1), y1 + b * (y2 - y1))
            draw.line(ends, fill=stroke, width=thick)
            start += on + off
    elif kind == "text":
        face = painter.font(round(float(element.get("font-size", size)) * _FINE), element.get("font-weight") == "bold")
        anchor = _ANCHORS[element.get("text-anchor", "start")]
        x, y = at("x", "y")
        draw.text((x, y), element.text or "", fill=fill, font=face, anchor=anchor)
    elif kind not in ("svg", "title", "desc", "g"):
        raise ValueError(f"a chart is made of rect, line, circle, polygon and text, found {kind}")


def _colour(element: ElementTree.Element, name: str, default: str) -> tuple[int, ...] | None:
    colour = element.get(name, default)
    if colour == "none":
        return None
    return (*ImageColor.getrgb(colour)[:3], round(255 * float(element.get("opacity", 1))))
