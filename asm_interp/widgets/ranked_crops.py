"""RankedCrops: the order that people, or a planted rule, give a photo's crops against the order of a model."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, ClassVar

import ipywidgets as widgets
import numpy as np
import pandas as pd
import traitlets as t
from PIL import Image

from asm_interp.data.crops import CropDataset
from asm_interp.data.registry import KINDS
from asm_interp.evaluation.metrics import ranking_accuracy, srcc
from asm_interp.model.checkpoint import DEFAULT_CHECKPOINT
from asm_interp.model.score_map import crop_scores
from asm_interp.widgets import painter
from asm_interp.widgets.bias_reading import PLANTED, open_data
from asm_interp.widgets.canvas import MapCanvas, outline
from asm_interp.widgets.charts import number
from asm_interp.widgets.controls import checkpoint_menu, data_set_controls, opacity_slider
from asm_interp.widgets.guard import between, checks, one_of
from asm_interp.widgets.readers import Readers
from asm_interp.widgets.rows import flow
from asm_interp.widgets.scatter import Scatter
from asm_interp.widgets.score_maps import ScoreMaps
from asm_interp.widgets.stepper import Stepper
from asm_interp.widgets.view import View, guarded, plain
from asm_interp.widgets.wording import box_text

_PLANTED_MODEL = "shapes-lambda-0.1"
_TOP = 3  # of each order that are drawn
_ANNOTATED, _PREDICTED = "#56b4e9", "#ffe14d"
_LISTS = {"annotated": "By annotation (model’s rank)", "predicted": "By the model (annotated rank)"}
_PAGES = 8  # photos of the offline page


class RankedCrops(View):
    """A photo's crops in the order of their annotated scores and in that of a model; choose one and see it everywhere.

    Parameters
    ----------
    data : CropDataset or str, optional
        A data set with scores, or the name of one: gaicd, cpc, ... (with `root`), or a planted world that needs no
        files, which is the default.
    checkpoint : str or path, optional
        Default: a model of drawn scenes for a planted world, else the default model.
    root : path
        Folder of a published data set.
    split : {"all", "train", "val", "test"}
    maps : ScoreMaps, optional

    Attributes
    ----------
    data, root, split, checkpoint : str
    index : int
        Which photo of the data set.
    selected : int
        Chosen crop, numbered as in the annotations; -1 for none.
    opacity : float
        Of the map that the chosen crop reads.
    """

    sweep_name: ClassVar[str] = "Photo"

    data = t.Unicode()
    root = t.Unicode()
    split = t.Enum(["all", "train", "val", "test"], "all")
    checkpoint = t.Unicode()
    index = t.Int(0)
    selected = t.Int(-1)
    opacity = t.Float(0.6)

    def __init__(
        self,
        data: CropDataset | str | None = None,
        checkpoint: object | None = None,
        *,
        root: str | os.PathLike[str] = "",
        split: str = "all",
        maps: ScoreMaps | None = None,
    ) -> None:
        super().__init__(maps=maps)
        self._given = data if isinstance(data, CropDataset) else None
        self._offered = [*([self._given.name] if self._given else []), *PLANTED, *KINDS]
        name = data.name if isinstance(data, CropDataset) else data or next(iter(PLANTED))
        planted = self._given is None and name in PLANTED
        self.data, self.root, self.split = name, os.fspath(root), split
        self.checkpoint = str(checkpoint or (_PLANTED_MODEL if planted else DEFAULT_CHECKPOINT))
        self._readers = Readers(self.maps)
        self._opening = True
        self.canvas = MapCanvas(width=400, height=320)
        self.scatter = Scatter("annotated score", "model's score", width=400, height=320)
        self._build()
        self._read()
        self.observe(self._open, ["data", "root", "split"])
        self.observe(self._follow_photo, ["index", "checkpoint"])
        self.observe(self._follow_selected, "selected")

    # ---- building

    def _build(self) -> None:
        data_set = data_set_controls(self, self._offered)
        self.stepper = Stepper("Photo")
        self.lists = {
            name: widgets.Select(
                options=[],
                rows=9,
                tooltip=f"Crops, best first {title}; choose one",
                layout=widgets.Layout(width="400px"),
            )
            for name, title in (("annotated", "by annotation"), ("predicted", "by the model"))
        }
        self.link("index", self.stepper)
        self.menu = checkpoint_menu(self)
        self.opacity_slider = opacity_slider(self, self.canvas)
        self.scatter.observe(self._take_point, "selected")
        self.canvas.observe(self._take_place, "clicked")
        for each in self.lists.values():
            each.observe(self._take_row, "value")
        titled = [widgets.VBox([widgets.HTML(f"<b>{title}</b>"), self.lists[name]]) for name, title in _LISTS.items()]
        self.children = [
            flow(*data_set),
            flow(self.menu, self.stepper, self.opacity_slider),
            self.status,
            flow(self.canvas, self.scatter),
            self.readout,
            flow(*titled),
            self.saver,
        ]

    # ---- data

    @checks("data")
    def _check_data(self, value: str) -> Any:
        return one_of(value, self._offered, "a data set")

    @checks("index")
    def _check_index(self, value: int) -> float:
        return between(value, 0, len(self.dataset) - 1, f"the index of a photo of {self.dataset.name}")

    @checks("selected")
    def _check_selected(self, value: int) -> float:
        return between(value, -1, len(self.crops) - 1, f"a crop of {self.sample.id}, or -1 for none,")

    @guarded
    def _open(self, change: object) -> None:
        self._read()

    def _read(self) -> None:
        """A data set that was not on view before; what is on view stays if it cannot be read."""
        with self.working("reading the crops…"):
            if self._given is not None and self.data == self._given.name:
                dataset = self._given if self.split == "all" else self._given.split(self.split)
            else:
                dataset = open_data(self.data, self.root, self.split)
            usable = dataset.where(lambda sample: sample.scores is not None and sample.has_photo)
            if not len(usable):
                raise ValueError(
                    f"{dataset.name}: an order needs scores and photos, and none of {len(dataset)} samples has both"
                )
        self.dataset = usable
        self._opened = {"data": self.data, "root": self.root, "split": self.split}
        self._opening = True
        try:
            self.index = 0  # before the count shrinks
            self.stepper.count = len(usable)
        finally:
            self._opening = False
        self._show_photo()

    @guarded
    def _follow_photo(self, change: object) -> None:
        if not self._opening:
            self.say()
            self._show_photo()

    def _show_photo(self) -> None:
        sample = self.dataset[self.index]
        photo = sample.photo
        reader = self._readers.opened(self, photo, self.checkpoint)
        assert sample.scores is not None  # `_open` keeps no others
        self.sample, self.reader = sample, reader
        self.picker.show(sample.id, photo)
        self.crops = _ranked(sample.boxes, sample.scores, crop_scores(reader.score_map, sample.boxes))
        paired = sample.pairs is not None  # scores can then be compared within pairs only
        annotated, predicted = self.crops["annotated"], self.crops["predicted"]
        self.srcc = float("nan") if paired else srcc(predicted, annotated)
        self.accuracy = ranking_accuracy(predicted, annotated, pairs=sample.pairs)
        with self.canvas.hold_sync():
            self.canvas.set_photo(photo)
            self.canvas.set_pattern(reader.score_map.pattern)
        self._opening = True  # the lists and the chart follow each other only when all is there
        try:
            self.selected = -1
            self.scatter.show(annotated, predicted, title=f"SRCC {number(self.srcc)}", alt=plain(self._told_order()))
            for name, each in self.lists.items():
                each.options = [(self._row(crop, name), crop) for crop in self.crops.sort_values(f"rank_{name}").index]
                each.value = None
        finally:
            self._opening = False
        self._show_selected()

    def _row(self, crop: int, name: str) -> str:
        other = "predicted" if name == "annotated" else "annotated"
        score, rank, theirs = (float(self.crops[key].iloc[crop]) for key in (name, f"rank_{name}", f"rank_{other}"))
        return f"{rank:.0f}.  {number(score)}   ({theirs:.0f}.)"

    # ---- choosing

    @guarded
    def _take_point(self, change: dict[str, Any]) -> None:
        if not self._opening:
            self.selected = change["new"]

    @guarded
    def _take_row(self, change: dict[str, Any]) -> None:
        if not self._opening and change["new"] is not None:
            self.selected = int(change["new"])

    @guarded
    def _take_place(self, change: dict[str, Any]) -> None:
        """Of the crops around a click, the one whose border lies nearest; none where there is no crop."""
        x, y = change["new"][:2]
        x1, y1, x2, y2 = self.sample.boxes.T
        inside = (x1 <= x) & (x <= x2) & (y1 <= y) & (y <= y2)
        away = np.min([abs(x - x1), abs(x - x2), abs(y - y1), abs(y - y2)], axis=0)
        self.selected = int(np.argmin(np.where(inside, away, np.inf))) if inside.any() else -1

    @guarded
    def _follow_selected(self, change: object) -> None:
        if not self._opening:
            self.say()
            self._show_selected()

    def _show_selected(self) -> None:
        chosen = self.selected if self.selected >= 0 else None
        self._opening = True
        try:
            self.scatter.selected = self.selected
            for each in self.lists.values():
                each.value = chosen
        finally:
            self._opening = False
        boxes = self.sample.boxes
        with self.canvas.hold_sync():
            self.canvas.outlines = self._best_outlines() if chosen is None else []
            if chosen is None:
                self.canvas.crop = []
                self.canvas.clear_map()
                self.canvas.title = f"Best {_TOP} by annotation (A) and by the model (M)"
            else:
                self.canvas.crop = [float(each) for each in boxes[chosen]]
                reading = self.reader.read(self.canvas.crop)
                label = "what the crop reads: φ beyond the photo's mean"
                self.canvas.set_indices(reading.phi, self.reader.norm, "diverging", label, reading.box)
                self.canvas.title = f"Crop {chosen}"
            self.canvas.alt = f"{self.canvas.title} on {self.sample.id}"
        self.readout.value = f"<div>{self._told_order()}</div><div>{self._told_crop()}</div>"

    def _best_outlines(self) -> list[dict[str, Any]]:
        """The best of both orders; crops that start at one corner share one label, so that none is hidden."""
        found: dict[tuple[float, float], list[str]] = {}
        outlines = []
        for name, letter, color, dash in (("annotated", "A", _ANNOTATED, False), ("predicted", "M", _PREDICTED, True)):
            for rank, crop in enumerate(self.crops.sort_values(f"rank_{name}").index[:_TOP], start=1):
                box = self.sample.boxes[crop]
                corner = (float(box[0]), float(box[1]))
                found.setdefault(corner, []).append(f"{letter}{rank}")
                outlines.append((corner, outline(box, color=color, dash=dash)))
        last = {corner: place for place, (corner, _) in enumerate(outlines)}
        for corner, place in last.items():
            outlines[place][1]["label"] = " ".join(found[corner])
        return [each for _, each in outlines]

    # ---- telling

    def _told_order(self) -> str:
        n = len(self.crops)
        pairs = "judged pairs" if self.sample.pairs is not None else "pairs with different annotation"
        sample, dataset, checkpoint = map(escape, (self.sample.id, self.dataset.name, self.checkpoint))
        text = (
            f"{sample} ({self.index + 1} of {len(self.dataset)} in {dataset}), {n} crops, "
            f"{checkpoint}: <b>SRCC {number(self.srcc)}</b>, <b>{100 * self.accuracy:.1f} %</b> of the {pairs} in "
            "order (chance: 50 %)."
        )
        return text + (" Scores of this data set compare within pairs only." if self.sample.pairs is not None else "")

    def _told_crop(self) -> str:
        ranks = {name: self.crops[f"rank_{name}"].to_numpy() for name in _LISTS}
        if self.selected < 0:
            crop = int(np.abs(ranks["annotated"] - ranks["predicted"]).argmax())
            start = "No crop is chosen; farthest out of place is crop"
        else:
            crop, start = self.selected, "Crop"
        scores = {name: float(self.crops[name].iloc[crop]) for name in _LISTS}
        return (
            f"{start} {crop} ({box_text(self.sample.boxes[crop])}): annotated {number(scores['annotated'])}, rank "
            f"{ranks['annotated'][crop]:.0f}; model {number(scores['predicted'])}, rank {ranks['predicted'][crop]:.0f}."
        )

    def settings(self) -> dict[str, Any]:
        """See `View.settings`; with the data on view, also where other data could not be read."""
        return super().settings() | self._opened

    def provenance(self) -> dict[str, Any]:
        """See `View.provenance`; with the name of the data set."""
        return super().provenance() | {"data": self.dataset.name}

    def scales(self) -> Mapping[str, str]:
        """See `View.scales`."""
        return {"φ": str(self.reader.norm)}

    def numbers(self) -> pd.DataFrame:
        """One row per crop: number, box, annotated and predicted score, and the ranks in both orders."""
        return self.crops.rename_axis("crop").reset_index()

    def picture(self) -> Image.Image:
        """Photo with crops, scatter, and both orders."""
        lists = [
            painter.text_image("\n".join(label for label, _ in self.lists[name].options[:16]), 190)
            for name in ("annotated", "predicted")
        ]
        panels = [("", self.canvas.image()), ("", self.scatter.image())]
        panels += list(zip(_LISTS.values(), lists, strict=True))
        return painter.compose(panels, self.description())

    def sweep(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """See `View.sweep`: the first few photos, and the one on view."""
        for index in sorted({*range(min(_PAGES, len(self.dataset))), self.index}):
            yield f"{index + 1}: {self.dataset[index].id}", {"index": index}


def _ranked(boxes: np.ndarray, annotated: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """Crops with both scores and their ranks, 1 the best; equal scores share the better rank."""
    table = pd.DataFrame(boxes, columns=["x1", "y1", "x2", "y2"])
    table["annotated"], table["predicted"] = annotated, predicted
    for name in ("annotated", "predicted"):
        table[f"rank_{name}"] = table[name].rank(ascending=False, method="min")
    return table
