"""Figures on composition: crops with guides (Fig. 1), patterns (Fig. 3), best crops in many formats (Fig. 8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, PathPatch, Rectangle
from matplotlib.path import Path

from asm_interp.data.photo import Photo
from asm_interp.geometry import patterns
from asm_interp.paper.drawing import Drawing, chosen, fitted, map_rows, quoted, text_width
from asm_interp.paper.inputs import Inputs
from asm_interp.paper.maps import PLANTED_MODEL
from asm_interp.plots.guides import Guide, draw_guides
from asm_interp.plots.maps import draw_photo
from asm_interp.plots.patterns import patterns_figure
from asm_interp.plots.style import ACCENT, INK
from asm_interp.search import search_crops

PATTERNS = ("grid:3x3", "multi-rectangle", "multi-direction", "cross-rectangle")
FORMATS = ("9:16", "3:4", "1:1", "4:3", "16:9", "circle")
SUBJECTS = {"flower": "one main\nsubject", "astronaut": "portrait\nwith objects", "china": "no main\nsubject"}
"""What the sample photographs of Fig. 8 hold, by eye; of china, the part that is `LAKE`."""

LAKE = (384, 142, 640, 320)
"""x1, y1, x2, y2 in pixels of china: the water beside the pagoda."""

_GUIDES: dict[Guide, Literal["-", "--", ":"]] = {"thirds": "-", "centre": "--", "diagonals": ":"}


def guides(inputs: Inputs) -> Drawing:
    """Fig. 1: best crops, and composition guides over each photo's best one."""
    photos = chosen(inputs.photographs(), ("flower", "coffee"))
    shapes = [photo.shape[0] / photo.shape[1] for photo in photos.values()]
    figure, axes = plt.subplots(
        1, len(photos), figsize=(text_width(), max(shapes) * text_width() / len(photos) + 0.25), squeeze=False
    )
    tables = []
    for (name, photo), ax in zip(photos.items(), axes[0], strict=True):
        crops = search_crops(inputs.score_map(inputs.checkpoint, name, photo), aspect="4:3", top=3)
        tables.append(crops.assign(photo=name, rank=np.arange(1, len(crops) + 1)))
        _draw_kept(photo, crops.iloc[0], ax=ax)
        for kind in _GUIDES:
            draw_guides(crops[["x1", "y1", "x2", "y2"]].to_numpy()[0], kind, ax=ax)
    lines = [Line2D([], [], color=INK, linestyle=stroke, linewidth=0.8) for stroke in _GUIDES.values()]
    figure.legend(lines, list(_GUIDES), loc="outside upper center", ncols=3, frameon=False)
    numbers = pd.concat(tables)[["photo", "rank", "x1", "y1", "x2", "y2", "score"]]
    caption = (
        f"Best crop at 4:3 of {quoted(photos)} by the checkpoint {quoted([inputs.checkpoint])}, with composition "
        "guides; the next best two are in the CSV."
    )
    return Drawing(figure, numbers, caption, "each photo as wide as its panel; boxes in the CSV in pixels of the photo")


def pattern_types(inputs: Inputs) -> Drawing:  # noqa: ARG001 (patterns rest on nothing)
    """Fig. 3: the four types of composition pattern, with their cells."""
    found = [patterns.get(spec) for spec in PATTERNS]
    numbers = [map_rows({"partition": each.labels}, pattern=each.name) for each in found]
    figure = patterns_figure(found, columns=4, width=text_width())
    figure.set_figheight(figure.get_figheight() + 0.1)  # of titles in two lines
    caption = "Composition patterns over the crop plane. Numbers are partitions; thin lines are cells of the raster."
    return Drawing(figure, pd.concat(numbers), caption, "one unit is one cell")


@dataclass(frozen=True, eq=False)
class _Shown:
    """What a row of Fig. 8 shows: pixels that stand at x, y of a photo, and the model that crops them."""

    photo: str
    pixels: Photo
    label: str
    checkpoint: str
    at: tuple[int, int] = (0, 0)


def formats(inputs: Inputs) -> Drawing:
    """Fig. 8: the best crop in each format, on photos with one, several and no subject."""
    shown, held = _samples(inputs) if inputs.photos is None else (_own(inputs), "")
    panel = text_width() / len(FORMATS)
    heights = [_height(each.pixels) for each in shown]
    figure, axes = plt.subplots(
        len(shown),
        len(FORMATS),
        figsize=(text_width(), sum(heights) * panel + 0.3),
        squeeze=False,
        height_ratios=heights,
    )
    rows = []
    for each, line in zip(shown, axes, strict=True):
        score_map = inputs.score_map(each.checkpoint, f"{each.photo} of {each.pixels.shape}", each.pixels)
        (x, y), (height, width) = each.at, each.pixels.shape[:2]
        seen = {"seen_x1": x, "seen_y1": y, "seen_x2": x + width, "seen_y2": y + height}
        for wanted, ax in zip(FORMATS, line, strict=True):
            if wanted == "circle":
                best = search_crops(score_map, shape="circle", top=1).iloc[0]
            else:
                best = search_crops(score_map, aspect=wanted, top=1).iloc[0]
            _draw_kept(each.pixels, best, ax=ax)
            told = {"photo": each.photo, "checkpoint": each.checkpoint, "format": wanted}
            rows.append(told | best.drop("stage").to_dict() | seen)
        room = _height(each.pixels) * panel + 0.1
        line[0].set_ylabel("\n".join(fitted(part, room) for part in each.label.split("\n")), labelpad=3)
    for wanted, ax in zip(FORMATS, axes[0], strict=True):
        ax.set_title(wanted)
    numbers = pd.DataFrame(rows)
    for axis in ("x", "y"):  # from the pixels that are seen to those of the photo
        numbers[[f"{axis}1", f"{axis}2", f"c{axis}"]] += numbers[[f"seen_{axis}1"]].to_numpy()
    caption = f"Best crop of each format by {quoted([inputs.checkpoint])}; what is cut off is dark. {held}".rstrip()
    scale = "each photo as wide as its panel; boxes in the CSV in pixels of the photo"
    return Drawing(figure, numbers, caption, scale)


def _own(inputs: Inputs) -> list[_Shown]:
    photos = chosen(inputs.photographs(), SUBJECTS)
    return [_Shown(name, photo, name, inputs.checkpoint) for name, photo in photos.items()]


def _samples(inputs: Inputs) -> tuple[list[_Shown], str]:
    """Sample photographs, beside them a drawn scene of several subjects, and what is to be said of these rows."""
    photos, (x1, y1, x2, y2) = inputs.photographs(), LAKE
    scenes = inputs.scenes(PLANTED_MODEL).scenes
    counts = [len(np.unique(scenes[i].subjects)) - 1 for i in range(len(scenes))]
    number, scene = max(counts), scenes[int(np.argmax(counts))]
    shown = [
        *(_Shown(name, photos[name], SUBJECTS[name], inputs.checkpoint) for name in ("flower", "astronaut")),
        _Shown(scene.id, scene.photo, f"{number} subjects\n(drawn)", PLANTED_MODEL),
        _Shown("china", photos["china"][y1:y2, x1:x2], SUBJECTS["china"], inputs.checkpoint, (x1, y1)),
    ]
    held = (
        f"No sample photo holds several subjects: in their row is the planted scene {scene.id}, cropped by "
        f"{quoted([PLANTED_MODEL])}, which was taught on such scenes; its {number} subjects are the shapes in warm "
        f"colours. No main subject: of ‘china’ the part x {x1} to {x2}, y {y1} to {y2}, which is all that the model "
        "sees. What photos hold is judged by eye."
    )
    return shown, held


def _height(photo: Photo) -> float:
    return float(photo.shape[0] / photo.shape[1])


def _draw_kept(photo: Photo, crop: pd.Series, *, ax: Axes) -> Axes:
    """A photo whose parts outside a crop are darkened."""
    draw_photo(photo, ax=ax)
    height, width = photo.shape[:2]
    if "r" in crop and np.isfinite(crop["r"]):
        outline: Rectangle | Circle = Circle((crop["cx"], crop["cy"]), crop["r"])
    else:
        outline = Rectangle((crop["x1"], crop["y1"]), crop["x2"] - crop["x1"], crop["y2"] - crop["y1"])
    kept = outline.get_path().transformed(outline.get_patch_transform())
    whole = Path([(0, 0), (0, height), (width, height), (width, 0), (0, 0)], closed=True)
    # The hole runs against the whole, so that it stays open.
    ax.add_patch(PathPatch(Path.make_compound_path(whole, _reversed(kept)), facecolor="black", alpha=0.65, linewidth=0))
    outline.set(fill=False, edgecolor=ACCENT, linewidth=1.0)
    ax.add_patch(outline)
    return ax


def _reversed(path: Path) -> Path:
    """The outline of a path as a polygon in the other direction to the photo's."""
    polygon = np.asarray(path.to_polygons()[0])
    x, y = polygon.T
    clockwise = np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) > 0
    return Path(polygon if clockwise else polygon[::-1], closed=True)
