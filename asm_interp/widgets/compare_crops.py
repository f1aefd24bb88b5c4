"""CompareCrops: why one crop scores higher than another, as sums that are exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, ClassVar

import ipywidgets as widgets
import numpy as np
import pandas as pd
import traitlets as t
from PIL import Image

from asm_interp.analysis.explanation import CropComparison, IntArray, compare_crops
from asm_interp.geometry.boxes import FloatArray
from asm_interp.model.checkpoint import DEFAULT_CHECKPOINT
from asm_interp.model.score_map import ScoreMap
from asm_interp.widgets import charts, painter
from asm_interp.widgets.canvas import MapCanvas, outline
from asm_interp.widgets.charts import number
from asm_interp.widgets.controls import checkpoint_menu, opacity_slider
from asm_interp.widgets.crop_reader import CropReader
from asm_interp.widgets.photos import Given
from asm_interp.widgets.readers import Readers
from asm_interp.widgets.rows import flow
from asm_interp.widgets.score_maps import ScoreMaps
from asm_interp.widgets.svg_image import svg_image
from asm_interp.widgets.view import View, guarded
from asm_interp.widgets.wording import CORNERS, signed

_MEANING = {"gained": "gained: in A alone", "lost": "lost: in B alone", "moved": "moved: in both"}
_B_COLOUR = "#56b4e9"


class CompareCrops(View):
    """Two crops of a photo, A and B, and their difference in score by region and by partition.

    Parameters
    ----------
    photo : array, path, name of a sample, or None
    checkpoint : str or path, optional
    maps : ScoreMaps, optional

    Attributes
    ----------
    checkpoint : str
    crop_a, crop_b : [x1, y1, x2, y2]
        In photo pixels; they start as the best crop and the whole photo.
    opacity : float
    difference : float
        Score of A less that of B; cannot be set.
    """

    sweep_name: ClassVar[str] = "B"

    checkpoint = t.Unicode()
    crop_a: t.List[float] = t.List()
    crop_b: t.List[float] = t.List()
    opacity = t.Float(0.7)
    difference = t.Float(float("nan"), read_only=True)

    def __init__(self, photo: Given = None, checkpoint: object | None = None, *, maps: ScoreMaps | None = None) -> None:
        super().__init__(photo, maps=maps)
        self.checkpoint = str(checkpoint or DEFAULT_CHECKPOINT)
        self._readers = Readers(self.maps)
        self._opening, self._hinted = True, ""
        self.canvases = {name: MapCanvas(editable=True, width=400, height=300) for name in ("a", "b")}
        self.map = MapCanvas(width=400, height=300)
        self.by_region, self.by_partition = widgets.HTML(), widgets.HTML()
        self._build()
        self.picker.observe(self._open, "photo")
        self.observe(self._open, "checkpoint")
        self.observe(self._follow_crops, ["crop_a", "crop_b"])
        self._open(None)

    # ---- building

    def _build(self) -> None:
        self.menu = checkpoint_menu(self)
        self.opacity_slider = opacity_slider(self, self.map, *self.canvases.values())
        self.presets = {
            name: widgets.Dropdown(
                options=[("drawn by hand", "")],
                description=name.upper(),
                tooltip=f"Take a crop for {name.upper()}, or drag it on its photo",
                layout=widgets.Layout(width="300px"),
            )
            for name in self.canvases
        }
        self.swap_button = widgets.Button(
            description="Swap A and B", tooltip="A becomes B and B becomes A", layout=widgets.Layout(width="120px")
        )
        self.swap_button.on_click(self._swap)
        for name, canvas in self.canvases.items():
            canvas.observe(self._follow_canvas, "crop")
            canvas.observe(self._stay_rectangle, "shape")
            self.presets[name].observe(self._take_preset, "value")
        self.children = [
            self.picker,
            flow(self.menu, self.opacity_slider),
            flow(*self.presets.values(), self.swap_button),
            self.status,
            flow(*self.canvases.values(), self.map, widgets.VBox([self.by_region, self.by_partition])),
            self.readout,
            self.saver,
        ]

    # ---- state to pictures

    @guarded
    def _open(self, change: object) -> None:
        """A photo, or a checkpoint, that was not on view before."""
        self.say()
        photo = self.photo
        self.reader = self._readers.opened(self, photo, self.checkpoint, CropReader.best)
        height, width = photo.shape[:2]
        best = {f"best crop {rank}": row for rank, row in enumerate(self.reader.best()[CORNERS].to_numpy(float), 1)}
        centre = [width / 6, height / 6, 5 * width / 6, 5 * height / 6]
        self.ready = {name: list(map(float, box)) for name, box in best.items()} | {
            "whole photo": [0.0, 0.0, float(width), float(height)],
            "centre, two thirds of each side": centre,
        }
        only_checkpoint = isinstance(change, dict) and change.get("name") == "checkpoint"
        self._opening = True  # what follows is shown once, when all of it is there
        try:
            for menu in self.presets.values():
                menu.options = [("drawn by hand", ""), *((name, name) for name in self.ready)]
            if not (only_checkpoint and self.crop_a and self.crop_b):
                self.crop_a = self.ready["best crop 1"]
                # Where the whole photo is the best crop, the second best makes a comparison.
                self.crop_b = next(
                    box
                    for name in ("whole photo", "best crop 2", "centre, two thirds of each side")
                    if (box := self.ready.get(name)) not in (None, self.crop_a)
                )
            for canvas in (*self.canvases.values(), self.map):
                canvas.set_photo(photo)
        finally:
            self._opening = False
        for canvas in self.canvases.values():
            canvas.set_pattern(self.reader.score_map.pattern)
        self._show()

    @guarded
    def _follow_canvas(self, change: dict[str, Any]) -> None:
        if change["new"] and not self._opening:
            name = "a" if change["owner"] is self.canvases["a"] else "b"
            self.take(f"crop_{name}", change["owner"], "crop")

    @guarded
    def _stay_rectangle(self, change: dict[str, Any]) -> None:
        if change["new"] != "rectangle":
            change["owner"].shape = "rectangle"
            self._hinted = (
                "crop_a" if change["owner"] is self.canvases["a"] else "crop_b"
            )  # it made the crop square too
            self.say("The exact split is of rectangles; circles are in CropCanvas.")

    @guarded
    def _take_preset(self, change: dict[str, Any]) -> None:
        if change["new"] and not self._opening:
            name = "a" if change["owner"] is self.presets["a"] else "b"
            setattr(self, f"crop_{name}", self.ready[change["new"]])

    @guarded
    def _swap(self, button: object) -> None:
        a, b = list(self.crop_a), list(self.crop_b)
        with self.hold_trait_notifications():
            self.crop_a, self.crop_b = b, a

    @guarded
    def _follow_crops(self, change: dict[str, Any]) -> None:
        if not self._opening and self.reader.fits(self.photo):
            if change["name"] != self._hinted:
                self.say()
            self._hinted = ""
            self._show()

    def _show(self) -> None:
        """The update path: two crops to the split, the map and the read-out."""
        crops = {"a": list(self.crop_a), "b": list(self.crop_b)}
        self.comparison = compare_crops(self.reader.score_map, crops["a"], crops["b"])
        self.set_trait("difference", self.comparison.difference)
        scores = {"a": self.comparison.score_a, "b": self.comparison.score_b}
        for name, canvas in self.canvases.items():
            reading, other = self.reader.read(crops[name]), "b" if name == "a" else "a"
            with canvas.hold_sync():
                canvas.crop = crops[name]
                canvas.outlines = [outline(crops[other], other.upper(), color=_B_COLOUR, dash=True)]
                label = "what it reads: φ beyond the photo's mean"
                canvas.set_indices(reading.phi, self.reader.norm, "diverging", label, reading.box)
                canvas.title = f"{name.upper()}: score {number(scores[name], 4)}"
                canvas.alt = f"Crop {name.upper()} of {self.picker.name}, score {number(scores[name], 4)}"
        self._follow_presets()
        self._show_map()
        self._show_bars()
        self.readout.value = self._told()

    def _follow_presets(self) -> None:
        """The menus name the crops, where these are ready ones."""
        self._opening = True
        try:
            for name, menu in self.presets.items():
                now = list(getattr(self, f"crop_{name}"))
                menu.value = next((each for each, box in self.ready.items() if box == now), "")
        finally:
            self._opening = False

    def _show_map(self) -> None:
        values = difference_map(self.reader.centred, self.comparison)
        label = "what each pixel adds to A − B, times how many pixels the crops touch: its mean is A − B"
        with self.map.hold_sync():
            self.map.set_map(values, self.reader.norm, "diverging", label)
            self.map.outlines = [
                outline(self.crop_a, "A", color=painter.ACCENT, width=2.5),
                outline(self.crop_b, "B", color=_B_COLOUR, dash=True, width=2.5),
            ]
            self.map.title = f"A − B = {signed(self.difference)}: where it comes from"
            self.map.alt = f"{self.map.title}. {self._told_regions()}"

    def _show_bars(self) -> None:
        total = self.difference
        for html, table, title, labels in (
            (self.by_region, self.regions, "By region", [_MEANING[each] for each in self.regions["region"]]),
            (
                self.by_partition,
                self.comparison.partitions,
                "By partition",
                [str(each) for each in self.comparison.partitions["partition"]],
            ),
        ):
            values = [*table["difference"], total]
            html.value = charts.bars([*labels, "A − B"], values, title=f"{title}: bars sum to A − B", width=400)

    @property
    def regions(self) -> pd.DataFrame:
        """All three regions: region, area (photo pixels), difference; zero where a region is empty."""
        table = self.comparison.regions.set_index("region").reindex(list(_MEANING)).fillna(0.0)
        return table.rename_axis("region").reset_index()

    # ---- telling

    def _told_regions(self) -> str:
        parts = zip(self.regions["region"], self.regions["difference"].astype(float), strict=True)
        return "; ".join(f"{_MEANING[region]} {signed(difference)}" for region, difference in parts)

    def _told(self) -> str:
        found = self.comparison
        if list(found.box_a) == list(found.box_b):
            text = f"A and B are the same crop, score {number(found.score_a, 4)}."
        else:
            table = found.partitions.set_index("partition")["difference"]
            most = int(table.abs().to_numpy().argmax())
            text = (
                f"A {number(found.score_a, 4)} − B {number(found.score_b, 4)} = <b>{signed(found.difference)}</b>: "
                f"{self._told_regions()}. Of the partitions, {most} counts most ({signed(float(table[most]))})."
            )
        why = (
            "Gained and lost count beyond the photo's average; moved is the same content at another place of the crop, "
            "or with another weight."
        )
        return f"<div>{text}</div><div style='color:#555'>{why} {escape(self.checkpoint)}; {self.reader.norm}</div>"

    def scales(self) -> Mapping[str, str]:
        """See `View.scales`."""
        return {"φ and difference": str(self.reader.norm)}

    def numbers(self) -> pd.DataFrame:
        """Both splits, and the sum: split, part, a and b (what partitions add to the scores), difference."""
        found = self.comparison
        regions = self.regions.rename(columns={"region": "part"})[["part", "difference"]].assign(split="region")
        partitions = found.partitions.rename(columns={"partition": "part"}).assign(split="partition")
        total = {
            "split": "sum",
            "part": "A − B",
            "a": found.score_a,
            "b": found.score_b,
            "difference": found.difference,
        }
        table = pd.concat([regions, partitions, pd.DataFrame([total])], ignore_index=True)
        return table[["split", "part", "a", "b", "difference"]]

    def picture(self) -> Image.Image:
        """Both crops, the map of their difference and the bars."""
        panels = [("", canvas.image()) for canvas in (*self.canvases.values(), self.map)]
        bars = painter.stack([svg_image(each.value) for each in (self.by_region, self.by_partition)])
        panels.append(("", bars))
        return painter.compose(panels, self.description(), columns=2)

    def sweep(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """See `View.sweep`: A against B as it is, and against each ready crop."""
        yield "as drawn", {"crop_b": list(self.crop_b)}
        for name, box in self.ready.items():
            if box != list(self.crop_a):
                yield name, {"crop_b": box}


def difference_map(score_map: ScoreMap, comparison: CropComparison) -> FloatArray:
    """What each map pixel adds to the difference of two crops' scores, times how many pixels they touch, [h, w].

    The mean is the difference: a pixel that a border crosses counts with what of it lies inside, and one that two
    partitions share with both, by area. NaN outside both crops.

    Parameters
    ----------
    score_map : ScoreMap
        Channel means taken off.
    comparison : CropComparison
        Of two crops of it.
    """
    values, labels = score_map.values.numpy(), score_map.pattern.labels
    height, width = values.shape[1:]
    found, touched = np.zeros((height, width)), np.zeros((height, width), bool)
    for box, sign in ((comparison.box_a, 1), (comparison.box_b, -1)):
        x1, y1, x2, y2 = score_map.to_map(box[None])[0].tolist()
        rows, v, tall = _steps(y1, y2, labels.shape[0], height)
        columns, u, wide = _steps(x1, x2, labels.shape[1], width)
        own = values[labels[np.ix_(v, u)], rows[:, None], columns[None, :]] * np.outer(tall, wide)
        np.add.at(found, np.ix_(rows, columns), sign * own)  # steps of one pixel add up
        touched[np.ix_(rows, columns)] = True
    return np.where(touched, found * touched.sum(), np.nan)


def _steps(start: float, stop: float, cells: int, pixels: int) -> tuple[IntArray, IntArray, FloatArray]:
    """A side cut at the borders of pixels and of a pattern's cells: each step's pixel, cell, and share of the side."""
    borders = np.arange(np.floor(start) + 1, np.ceil(stop))
    cuts = np.union1d(np.linspace(start, stop, cells + 1), borders)
    middle = (cuts[:-1] + cuts[1:]) / 2
    cell = ((middle - start) / (stop - start) * cells).astype(np.int64).clip(max=cells - 1)
    return middle.astype(np.int64).clip(max=pixels - 1), cell, np.diff(cuts) / (stop - start)
