"""PartitionExplorer: what each partition says of a photo, and what would change without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, ClassVar

import ipywidgets as widgets
import numpy as np
import pandas as pd
import traitlets as t
from PIL import Image

from asm_interp.analysis.partitions import partition_matrix
from asm_interp.geometry.boxes import FloatArray, iou
from asm_interp.model.checkpoint import DEFAULT_CHECKPOINT
from asm_interp.model.pooling import cell_means
from asm_interp.model.score_map import ScoreMap
from asm_interp.search import search_crops
from asm_interp.widgets import charts, painter
from asm_interp.widgets.canvas import MapCanvas, outline
from asm_interp.widgets.charts import number
from asm_interp.widgets.controls import checkpoint_menu, opacity_slider
from asm_interp.widgets.crop_reader import CropReader
from asm_interp.widgets.guard import between, checks
from asm_interp.widgets.partition_change import ACTIONS, PartitionChange
from asm_interp.widgets.partition_tiles import partition_tiles
from asm_interp.widgets.photos import Given
from asm_interp.widgets.readers import Readers
from asm_interp.widgets.rows import flow
from asm_interp.widgets.score_maps import ScoreMaps
from asm_interp.widgets.svg_image import svg_image
from asm_interp.widgets.view import View, guarded, plain
from asm_interp.widgets.wording import CORNERS, box_text, signed

BEST = "#ffe14d"
"""Colour of best crops on a photo, told from the white borders of partitions."""

_SHOWN = 3  # best crops on the photo
_NOISE = 1e-6  # of the largest contribution: less is rounding of single precision
_KEPT = 64  # answers of the search
_FARTHEST = 0.5  # move of content, in units of the photo's sides


class PartitionExplorer(View):
    """The channels of a score map, each where its partition stands, and what happens to the crops if one is changed.

    All channels are shown and changed with their means over the photo taken off, which moves the scores of all crops
    by the same.

    Parameters
    ----------
    photo : array, path, name of a sample, or None
    checkpoint : str or path, optional
    maps : ScoreMaps, optional

    Attributes
    ----------
    checkpoint : str
    crop : [x1, y1, x2, y2]
        In photo pixels; starts as the best one.
    partition : int
        The one that is shown large, and changed.
    action : {"none", "content", "mean", "swap", "move"}
        What is done to it: nothing; its channel becomes θavg, or its own mean; it reads the channel of `other`, which
        reads its; the scores of the part of the photo that the crop has in it are moved.
    other : int
        Partition to swap with.
    dx, dy : float
        How far to move, to the right and down, in units of the photo's sides; a half at most.
    opacity : float
    """

    sweep_name: ClassVar[str] = "Partition"

    checkpoint = t.Unicode()
    crop: t.List[float] = t.List()
    partition = t.Int(0)
    action = t.Enum(list(ACTIONS.values()), "none")
    other = t.Int(0)
    dx = t.Float(0.15)
    dy = t.Float(0.0)
    opacity = t.Float(0.7)

    def __init__(self, photo: Given = None, checkpoint: object | None = None, *, maps: ScoreMaps | None = None) -> None:
        super().__init__(photo, maps=maps)
        self.checkpoint = str(checkpoint or DEFAULT_CHECKPOINT)
        self._readers = Readers(self.maps)
        self._found: dict[tuple[object, ...], pd.DataFrame] = {}
        self._opening, self._hinted = True, False
        self.tiles_canvas = MapCanvas(width=400, height=340, grey=False)
        self.before = MapCanvas(editable=True, width=400, height=320)
        self.after = MapCanvas(width=400, height=320)
        self.bars, self.crops_table = widgets.HTML(), widgets.HTML()
        self._build()
        self.picker.observe(self._open, "photo")
        self.observe(self._open, "checkpoint")
        self.observe(self._follow_crop, "crop")
        self.observe(self._follow_choice, ["partition", "action", "other", "dx", "dy"])
        self._open(None)

    # ---- building

    def _build(self) -> None:
        def slider(kind: Any, **options: Any) -> Any:
            return kind(layout=widgets.Layout(width="300px"), **options)

        self.partition_slider = slider(
            widgets.IntSlider, min=0, max=0, description="Partition", tooltip="Or click a small map"
        )
        self.action_menu = widgets.Dropdown(
            options=ACTIONS, description="Change", tooltip="What is done to the partition", layout={"width": "330px"}
        )
        self.other_slider = slider(
            widgets.IntSlider, min=0, max=0, description="with", tooltip="Partition whose channel it reads instead"
        )
        self.dx_slider, self.dy_slider = (
            slider(
                widgets.FloatSlider,
                min=-_FARTHEST,
                max=_FARTHEST,
                step=0.05,
                description=name,
                continuous_update=False,
                tooltip=f"How far the content is moved {name}, in units of the photo's side",
            )
            for name in ("right", "down")
        )
        links = {
            "partition": self.partition_slider,
            "action": self.action_menu,
            "other": self.other_slider,
            "dx": self.dx_slider,
            "dy": self.dy_slider,
        }
        for name, control in links.items():
            self.link(name, control)
        self.menu = checkpoint_menu(self)
        self.opacity_slider = opacity_slider(self, self.tiles_canvas, self.before, self.after)
        self.before.observe(self._follow_canvas, "crop")
        self.before.observe(self._stay_rectangle, "shape")
        self.tiles_canvas.observe(self._pick, "clicked")
        self.children = [
            self.picker,
            flow(self.menu, self.opacity_slider),
            flow(self.partition_slider, self.action_menu, self.other_slider, self.dx_slider, self.dy_slider),
            self.status,
            flow(self.tiles_canvas, self.before, self.after, self.bars),
            self.readout,
            self.crops_table,
            self.saver,
        ]

    # ---- state to pictures

    @checks("partition", "other")
    def _check_partition(self, value: int) -> float:
        return between(value, 0, self.pattern.n_partitions - 1, "a partition")

    @checks("dx", "dy")
    def _check_move(self, value: float) -> float:
        return between(value, -_FARTHEST, _FARTHEST, "a move")

    @guarded
    def _open(self, change: object) -> None:
        """A photo, or a checkpoint, that was not on view before."""
        self.say()
        photo = self.photo
        reader = self._readers.opened(self, photo, self.checkpoint, CropReader.best)
        self.reader, self.pattern = reader, reader.score_map.pattern
        self._found.clear()
        last = self.pattern.n_partitions - 1
        height, width = photo.shape[:2]
        stays = (
            isinstance(change, dict)
            and change.get("name") == "checkpoint"
            and bool(self.crop)
            and self.crop[2] <= width
            and self.crop[3] <= height
        )
        crop = list(self.crop) if stays else reader.best()[CORNERS].iloc[0].tolist()
        self._opening = True  # what follows is shown once, when all of it is there
        try:
            for canvas in (self.before, self.after):
                canvas.set_photo(photo)
                canvas.set_pattern(self.pattern)
                canvas.crop = crop
            for name, control in (("partition", self.partition_slider), ("other", self.other_slider)):
                setattr(self, name, min(getattr(self, name), last))
                control.max = last
            self.crop = crop
        finally:
            self._opening = False
        self._show()

    @guarded
    def _follow_canvas(self, change: dict[str, Any]) -> None:
        if change["new"] and not self._opening:
            self.take("crop", self.before, "crop")

    @guarded
    def _stay_rectangle(self, change: dict[str, Any]) -> None:
        if change["new"] != "rectangle":
            self.before.shape, self._hinted = "rectangle", True  # a crop made square follows
            self.say("Partitions of circles are in CropCanvas; here crops are rectangles.")

    @guarded
    def _pick(self, change: dict[str, Any]) -> None:
        found = self._tiles.at(*change["new"][:2])
        if found is not None:
            self.partition = found

    @guarded
    def _follow_crop(self, change: object) -> None:
        if self._opening or not self.reader.fits(self.photo):
            return
        if not self._hinted:
            self.say()
        self._hinted = False
        for canvas in (self.before, self.after):
            canvas.crop = list(self.crop)
        self._show()

    @guarded
    def _follow_choice(self, change: object) -> None:
        if not self._opening:
            self.say()
            self._show_choice()

    def _show(self) -> None:
        self.reading = self.reader.read(list(self.crop))
        own = self.reading.partitions["own"].to_numpy()
        titles = [f"{partition}: {signed(value)}" for partition, value in enumerate(own)]
        self._tiles = partition_tiles(self.photo, self.reader.channels, self.crop, self.pattern, titles)
        with self.tiles_canvas.hold_sync():
            self.tiles_canvas.set_photo(self._tiles.base, grey=False)
            label = "each channel over the crop, its mean over the photo taken off; the crop reads what is framed"
            self.tiles_canvas.set_indices(self._tiles.layer, self.reader.norm, "diverging", label)
        self._show_choice()

    def _show_choice(self) -> None:
        """The update path of the controls: the maps and numbers at once, the search for crops after them."""
        change = PartitionChange(self.action, self.partition, self.other, self.dx, self.dy)
        self.changed, self.change = change.apply(self.reader.centred, self.crop), change
        marked = [outline(self._tiles.boxes[self.partition].tolist(), color=painter.ACCENT, width=3)]
        if self.action == "swap" and self.other != self.partition:
            marked.append(outline(self._tiles.boxes[self.other].tolist(), color=painter.INK, dash=True, width=2))
        self.tiles_canvas.outlines = marked
        self.own = self.reading.partitions["own"].to_numpy()
        self.own_after = self.own if self.action == "none" else _contributions(self.changed, self.crop)
        label = f"channel {self.partition}, its mean over the photo taken off"
        self._show_on(self.before, self.reader.channels[self.partition], label)
        self.before.title = (
            f"Channel {self.partition}" if self.action == "none" else f"Before: channel {self.partition}"
        )
        told = self.tiles_canvas.title = f"{self.pattern.name}: what each partition adds"
        self.tiles_canvas.alt = f"{told}. {plain(self._told())}"
        self._show_bars()
        self.readout.value = self._told()
        for control, when in (
            (self.other_slider, self.action == "swap"),
            (self.dx_slider, self.action == "move"),
            (self.dy_slider, self.action == "move"),
            (self.after, self.action != "none"),
        ):
            control.layout.display = "" if when else "none"
        if self.action != "none":
            changed = painter.indices(self.changed.values[self.partition].numpy(), self.reader.norm)
            self._show_on(self.after, changed, label)
            self.after.title = f"After: {self.change.title}"
        self._show_crops()

    def _show_on(self, canvas: MapCanvas, image: painter.Indices, label: str) -> None:
        canvas.set_indices(image, self.reader.norm, "diverging", label)
        canvas.alt = f"{canvas.title}, over {self.picker.name}"

    def _show_bars(self) -> None:
        labels = [str(each) for each in range(self.pattern.n_partitions)]
        title, selected = "Added to the score, beyond the photo's mean", self.partition
        if self.action == "none":
            self.bars.value = charts.bars(labels, self.own, title=title, selected=selected)
        else:
            before = ("before", self.own)
            self.bars.value = charts.bars(
                labels, self.own_after, title=title, beside=before, name="after", selected=selected
            )

    def _show_crops(self) -> None:
        """Best crops before and after; the search takes longer than the rest."""
        self.best, self.best_after = self.reader.best(), self._search()
        for canvas, crops in ((self.before, self.best), (self.after, self.best_after)):
            corners = crops[CORNERS].head(_SHOWN).to_numpy(float).tolist()
            canvas.outlines = [
                outline(box, str(rank), color=BEST, dash=True) for rank, box in enumerate(corners, start=1)
            ]
        self.crops_table.value = charts.table(
            self._crops(), "Best crops" + (self.action != "none") * ", before and after"
        )
        self.readout.value = self._told() + self._told_crops()

    def _search(self) -> pd.DataFrame:
        if self.action == "none":
            return self.reader.best()
        what = self.change.depends_on(self.crop)
        if what not in self._found:
            if len(self._found) >= _KEPT:
                self._found.pop(next(iter(self._found)))
            self._found[what] = search_crops(self.changed, top=5)
        return self._found[what]

    # ---- telling

    def _told(self) -> str:
        own, k = self.own, self.partition
        size = np.abs(own).sum()
        share = f"{100 * abs(own[k]) / size:.0f} %" if size > 0 else "none"
        text = (
            f"Crop {box_text(self.crop)}: <b>{signed(own.sum())}</b> beyond what any crop of this "
            f"photo has ({number(self.reading.score - own.sum())}). Partition {k} covers "
            f"{100 * self.pattern.areas[k]:.1f} % of it and adds <b>{signed(own[k])}</b>, {share} of all that "
            f"partitions add or take away."
        )
        if self.action != "none":
            text += (
                f"<br>{self.change}: this crop goes from {signed(own.sum())} to "
                f"{signed(self.own_after.sum())}, <b>{signed(self.own_after.sum() - own.sum())}</b>."
            )
        return f"<div>{text}</div>"

    def _told_crops(self) -> str:
        scale = f"<div style='color:#555'>{escape(self.checkpoint)}; {self.reader.norm}</div>"
        if self.action == "none":
            return scale
        first, second = (crops[CORNERS].iloc[0].to_numpy(float) for crops in (self.best, self.best_after))
        overlap = float(iou(first, second))
        what = "stays where it is" if overlap == 1 else f"moves: IoU of old and new {overlap:.2f}"
        return f"<div>The best crop {what}.</div>{scale}"

    def _crops(self) -> pd.DataFrame:
        """Best crops side by side; scores beyond what any crop of the photo has."""
        offset = float(self.reading.partitions["offset"].sum())
        both = [(self.best, offset, "before")] + [(self.best_after, 0.0, "after")] * (self.action != "none")
        columns: dict[str, Any] = {"rank": np.arange(1, 1 + max(len(crops) for crops, _, _ in both))}
        for crops, off, name in both:
            boxes = [box_text(box) for box in crops[CORNERS].to_numpy()]
            columns[f"crop {name}"] = pd.Series(boxes)
            columns[f"score {name}"] = crops["score"] - off
        return pd.DataFrame(columns)

    def scales(self) -> Mapping[str, str]:
        """See `View.scales`."""
        return {"channels": str(self.reader.norm)}

    def numbers(self) -> pd.DataFrame:
        """One row per partition: area, what it adds to the crop's score (own) beyond any crop's (offset), and after."""
        return self.reading.partitions.assign(own_after=self.own_after, action=self.action)

    def picture(self) -> Image.Image:
        """The small maps, the chosen channel before and after, and the bars."""
        panels = [("", canvas.image()) for canvas in (self.tiles_canvas, self.before)]
        panels += [("", self.after.image())] if self.action != "none" else []
        return painter.compose([*panels, ("", svg_image(self.bars.value))], self.description())

    def sweep(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """See `View.sweep`: every partition."""
        for partition in range(self.pattern.n_partitions):
            yield f"partition {partition}", {"partition": partition}


def _contributions(score_map: ScoreMap, crop: list[float]) -> FloatArray:
    """What each partition adds to a crop's score, [L]."""
    mapped = score_map.to_map(np.asarray(crop, np.float64)[None])[0]
    matrix = partition_matrix(cell_means(score_map.values, mapped, score_map.pattern).numpy(), score_map.pattern)
    found = np.asarray(score_map.pattern.areas * np.diagonal(matrix))
    return np.where(np.abs(found) < _NOISE * np.abs(found).max(), 0.0, found)
