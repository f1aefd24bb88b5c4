"""Figures on composition: crops with guides (Fig. 1), patterns (Fig. 3), best crops in many formats (Fig. 8)."""

from __future__ import annotations

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
from asm_interp.paper.drawing import Drawing, chosen, fitted, map_rows, text_width
from asm_interp.paper.inputs import Inputs
from asm_interp.plots.guides import Guide, draw_guides
from asm_interp.plots.maps import draw_photo
from asm_interp.plots.patterns import patterns_figure
from asm_interp.plots.style import ACCENT, INK
from asm_interp.search import search_crops

PATTERNS = ("grid:3x3", "multi-rectangle", "multi-direction", "cross-rectangle")
FORMATS = ("9:16", "3:4", "1:1", "4:3", "16:9", "circle")
SUBJECTS = {"flower": "one subject", "astronaut": "several subjects", "china": "no subject"}
"""What the sample photographs of Fig. 8 hold, by eye; of china, the lake beside the pagoda."""

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
        f"Best crop at 4:3 of {len(photos)} photos by the checkpoint {inputs.checkpoint}, with composition guides; the "
        "next best two are in the numbers beside the figure."
    )
    return Drawing(figure, numbers, caption, "crops in photo pixels")


def pattern_types(inputs: Inputs) -> Drawing:  # noqa: ARG001 (patterns rest on nothing)
    """Fig. 3: the four types of composition pattern, with their cells."""
    found = [patterns.get(spec) for spec in PATTERNS]
    numbers = [map_rows({"partition": each.labels}, pattern=each.name) for each in found]
    figure = patterns_figure(found, columns=4, width=text_width())
    figure.set_figheight(figure.get_figheight() + 0.1)  # of titles in two lines
    caption = "Composition patterns over the crop plane. Numbers are partitions; thin lines are cells of the raster."
    return Drawing(figure, pd.concat(numbers), caption, "one unit is one cell")


def formats(inputs: Inputs) -> Drawing:
    """Fig. 8: the best crop in each format, on photos with one, several and no subject."""
    photos = chosen(inputs.photographs(), SUBJECTS)
    labels = {name: name for name in photos}
    if inputs.photos is None:
        height, width = photos["china"].shape[:2]
        photos["china"] = photos["china"][height // 3 : 3 * height // 4, 3 * width // 5 :]
        labels = SUBJECTS
    figure, axes = plt.subplots(
        len(photos),
        len(FORMATS),
        figsize=(text_width(), sum(_height(photo) for photo in photos.values()) * text_width() / len(FORMATS) + 0.3),
        squeeze=False,
        height_ratios=[_height(photo) for photo in photos.values()],
    )
    rows = []
    for (name, photo), line in zip(photos.items(), axes, strict=True):
        score_map = inputs.score_map(inputs.checkpoint, f"{name} of {photo.shape}", photo)
        for wanted, ax in zip(FORMATS, line, strict=True):
            if wanted == "circle":
                best = search_crops(score_map, shape="circle", top=1).iloc[0]
            else:
                best = search_crops(score_map, aspect=wanted, top=1).iloc[0]
            _draw_kept(photo, best, ax=ax)
            rows.append({"photo": name, "format": wanted} | best.drop("stage").to_dict())
        room = _height(photo) * text_width() / len(FORMATS) + 0.1
        line[0].set_ylabel(fitted(labels[name], room), labelpad=3)
    for wanted, ax in zip(FORMATS, axes[0], strict=True):
        ax.set_title(wanted)
    who = f"the checkpoint {inputs.checkpoint}"
    caption = f"Best crop of each format by {who}; {len(photos)} photos; what is cut off is dark."
    return Drawing(figure, pd.DataFrame(rows), caption, "crops in photo pixels, searched in two stages")


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
