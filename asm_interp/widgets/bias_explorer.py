"""BiasExplorer: whether high-score crops cover the photo's corners for where they lie, or because they are large."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from html import escape
from typing import Any, ClassVar

import ipywidgets as widgets
import numpy as np
import pandas as pd
import traitlets as t
from PIL import Image

from asm_interp.analysis.corner_coverage import TOLERANCES
from asm_interp.analysis.crop_input import Progress
from asm_interp.analysis.normalisation import Normalisation
from asm_interp.analysis.statistics import Resampling
from asm_interp.data.crops import CropDataset, CropSample
from asm_interp.data.planted import CORNER_TOLERANCE
from asm_interp.data.registry import KINDS
from asm_interp.evaluation.baselines import ModelScorer
from asm_interp.model.checkpoint import DEFAULT_CHECKPOINT
from asm_interp.widgets import painter
from asm_interp.widgets.background import Background
from asm_interp.widgets.bias_panel import BiasPanel
from asm_interp.widgets.bias_reading import (
    CENTRAL,
    MATCHED,
    PLANTED,
    RAW,
    STEPS,
    BiasReading,
    fraction,
    open_data,
    with_photos,
)
from asm_interp.widgets.charts import number
from asm_interp.widgets.controls import checkpoint_menu, data_set_controls
from asm_interp.widgets.guard import between, checks, one_of
from asm_interp.widgets.rows import flow
from asm_interp.widgets.score_maps import ScoreMaps
from asm_interp.widgets.stepper import Stepper
from asm_interp.widgets.view import View, guarded

_GREY = 200  # of the plane that stands for a photo that is not there
_PLANTED_MODEL = "shapes-lambda-0.1"
_MOST_CROPS = 10


class BiasExplorer(View):
    """Spatial bias of annotations and of a model's scores, side by side.

    Parameters
    ----------
    data : CropDataset or str, optional
        A data set, or the name of one: gaicd, cpc, ... (with `root`), or a planted world that needs no files, which
        is the default.
    checkpoint : str or path, optional
        Default: a model of drawn scenes for a planted world, else the default model.
    root : path
        Folder of a published data set.
    split : {"all", "train", "val", "test"}
    n_photos : int
        The model scores the first so many photos that are there.
    resamples : int
    maps : ScoreMaps, optional

    Attributes
    ----------
    data, root, split, checkpoint : str
    tolerance : float
        One of `asm_interp.analysis.corner_coverage.TOLERANCES`: how near a corner counts as covered (τ).
    size_held : bool
        Whether the lift map is that at fixed size.
    only_significant : bool
        Whether the lift map leaves out, once tests were run, what does not stand out over the whole map.
    index : int
        Which of the examined photos is shown.
    n_crops : int
        Best crops, and worst, that are drawn; ten at most.
    """

    sweep_name: ClassVar[str] = "Corner tolerance τ"

    data = t.Unicode()
    root = t.Unicode()
    split = t.Enum(["all", "train", "val", "test"], "all")
    checkpoint = t.Unicode()
    tolerance = t.Enum(TOLERANCES, CORNER_TOLERANCE)
    size_held = t.Bool(False)
    only_significant = t.Bool(False)
    index = t.Int(0)
    n_crops = t.Int(3, min=1, max=_MOST_CROPS)

    def __init__(
        self,
        data: CropDataset | str | None = None,
        checkpoint: object | None = None,
        *,
        root: str | os.PathLike[str] = "",
        split: str = "all",
        n_photos: int = 200,
        resamples: int = 1000,
        maps: ScoreMaps | None = None,
    ) -> None:
        super().__init__(maps=maps)
        self.n_photos, self.how = n_photos, Resampling(resamples)
        self._given = data if isinstance(data, CropDataset) else None
        self._offered = [*([self._given.name] if self._given else []), *PLANTED, *KINDS]
        name = data.name if isinstance(data, CropDataset) else data or next(iter(PLANTED))
        planted = name in PLANTED and self._given is None
        self.set_trait("data", name)
        self.root, self.split = os.fspath(root), split
        self.checkpoint = str(checkpoint or (_PLANTED_MODEL if planted else DEFAULT_CHECKPOINT))
        self.panels = (BiasPanel("Annotations"), BiasPanel("Model"))
        self.annotated, self.scored = self.panels
        self._build()
        self.observe(self._show_photo, "index")
        self._read()
        self.observe(self._open, ["data", "root", "split"])
        self.observe(self._score, "checkpoint")
        self.observe(self._show_rows, "tolerance")
        self.observe(self._show_lift, ["size_held", "only_significant"])
        self.observe(self._show_crops, ["n_crops", "tolerance"])

    # ---- building

    def _build(self) -> None:
        data_set = data_set_controls(self, self._offered)
        self.menu = checkpoint_menu(self)
        self.tolerance_slider = widgets.SelectionSlider(
            options=[(fraction(each), each) for each in TOLERANCES],
            value=self.tolerance,
            description="τ",
            tooltip="How near a corner of the photo counts as covered, in units of its sides",
            layout=widgets.Layout(width="220px"),
        )
        self.lift_menu = widgets.Dropdown(
            options={"raw": False, "at fixed size": True},
            description="Lift",
            tooltip="Inclusion lift as it is, or with area and aspect ratio taken out of the scores",
            layout=widgets.Layout(width="200px"),
        )
        self.significance_box = widgets.Checkbox(
            description="only p < 0.05",
            indent=False,
            disabled=True,
            tooltip="Leave out places whose lift does not stand out over the whole map; needs the tests",
            layout=widgets.Layout(width="120px"),
        )
        self.count_slider = widgets.IntSlider(
            self.n_crops,
            1,
            _MOST_CROPS,
            description="Crops",
            tooltip="Best crops, and worst, drawn on the photo",
            layout=widgets.Layout(width="240px"),
        )
        self.stepper = Stepper("Photo")
        self.tests = Background(self, self._test, "Run tests", "Permutation tests and intervals of the maps")
        for control, name in (
            (self.tolerance_slider, "tolerance"),
            (self.lift_menu, "size_held"),
            (self.significance_box, "only_significant"),
            (self.count_slider, "n_crops"),
            (self.stepper, "index"),
        ):
            self.link(name, control)
        for panel in self.panels:
            panel.lift.observe(self._point, "pointer")
        self.children = [
            flow(*data_set),
            flow(self.menu, self.lift_menu, self.significance_box),
            flow(self.tolerance_slider, self.stepper, self.count_slider),
            self.tests,
            self.status,
            self.readout,
            flow(*self.panels, space=8),
            self.saver,
        ]

    # ---- data

    @checks("data")
    def _check_data(self, value: str) -> Any:
        return one_of(value, self._offered, "a data set")

    @checks("index")
    def _check_index(self, value: int) -> float:
        return between(value, 0, len(self.reading.crops) - 1, "the index of an examined photo")

    @guarded
    def _open(self, _: object) -> None:
        self._read()

    def _read(self) -> None:
        """Annotations that were not on view before; what is on view stays if they cannot be read."""
        with self.working("reading the crops…"):
            if self._given is not None and self.data == self._given.name:
                dataset = self._given if self.split == "all" else self._given.split(self.split)
            else:
                dataset = open_data(self.data, self.root, self.split)
            reading = BiasReading.read(dataset.name, dataset, self.how, progress=self._tell)
        self.dataset, self.reading = dataset, reading
        self._opened = {"data": self.data, "root": self.root, "split": self.split}
        self.annotated.show(reading)
        self.significance_box.disabled = True
        self._score(None)
        there = (place for place, photo in enumerate(reading.crops.ids) if self._sample(photo).has_photo)
        self.unobserve(self._show_photo, "index")
        self.index = 0  # before the count shrinks
        self.stepper.count = len(reading.crops)
        self.index = next(there, 0)
        self.observe(self._show_photo, "index")
        self._show_photo(None)

    @guarded
    def _score(self, change: object) -> None:
        """The same crops under the model, where photos are there."""
        with self.working():
            there = with_photos(self.dataset, self.n_photos)
            if not len(there):
                self.scored.clear(f"{self.checkpoint} needs photos, and none of {self.dataset.name} is there.")
            else:
                scorer = ModelScorer(self.maps.model(self.checkpoint), self.checkpoint)
                self.scored.show(BiasReading.read(self.checkpoint, there, self.how, scorer, self._tell))
        self._show_lift(None)
        self._show_rows(None)
        if change is not None:
            self._show_crops(None)

    def _sample(self, photo: str) -> CropSample:
        return self.dataset[self.reading.places[photo]]

    def _tell(self, done: int, total: int) -> None:
        if done % 10 == 0 or done == total:
            self.say(f"working… {done} of {total} photos")

    @property
    def readings(self) -> list[BiasReading]:
        """What is on view: annotations, and the model's scores if there are any."""
        return [panel.reading for panel in self.panels if panel.reading is not None]

    def run(self) -> None:
        """Run the permutation tests now, as the button does in the background."""
        self.tests.run()

    def _test(self, progress: Progress) -> None:
        readings = self.readings
        for place, reading in enumerate(readings):
            reading.test(progress, place * STEPS, len(readings) * STEPS)
        for panel in self.panels:
            panel.draw_charts()
        self.significance_box.disabled = False
        self._show_lift(None)
        self._show_rows(None)

    # ---- state to pictures

    @guarded
    def _show_lift(self, _: object) -> None:
        self.norm = Normalisation.fit(*(lift.lift for one in self.readings for lift in one.lifts.values()), center=0.0)
        for panel in self.panels:
            panel.show_lift(self.size_held, self.norm, self.only_significant)

    @guarded
    def _show_rows(self, _: object) -> None:
        for panel in self.panels:
            panel.show_rows(self.tolerance)
        told = "<br>".join(self._told(one) for one in self.readings)
        self.readout.value = f"<div style='line-height:1.4'>{told}</div>"

    @guarded
    def _show_photo(self, _: object) -> None:
        photo = self.reading.crops.ids[self.index]
        self.sample = self._sample(photo)
        blank = (*self.sample.size(), 3)
        pixels = self.sample.photo if self.sample.has_photo else np.full(blank, _GREY, np.uint8)
        for panel in self.panels:
            panel.show_photo(self.sample, pixels)
        self.picker.show(photo, pixels)
        self._show_crops(None)

    @guarded
    def _show_crops(self, _: object) -> None:
        for panel in self.panels:
            panel.show_crops(self.sample, self.n_crops, self.tolerance)

    @guarded
    def _point(self, _: object) -> None:
        for panel in self.panels:
            panel.point(self.size_held)

    # ---- telling

    def _told(self, reading: BiasReading) -> str:
        raw, matched, central = (reading.row(each, self.tolerance) for each in (RAW, MATCHED, CENTRAL))
        told = (
            f"<b>{escape(reading.name)}</b> ({len(reading.crops)} photos): "
            f"{100 * reading.coverage(self.tolerance):.0f} % of crops cover a corner at τ = "
            f"{fraction(self.tolerance)}. ρ of score and corners covered: raw {_interval(raw)}, at equal width and "
            f"height {_interval(matched)}, with size and centrality held {_interval(central)}. {_verdict(raw, matched)}"
        )
        if reading is self.reading and reading.name in PLANTED:
            told += (
                f" The truth planted here: weight {PLANTED[reading.name]:g} for corners, covered to within "
                f"{fraction(CORNER_TOLERANCE)}."
            )
        return told

    def used_checkpoints(self) -> list[str]:
        """The model, if it scored any photo."""
        return [self.scored.reading.name] if self.scored.reading is not None else []

    def settings(self) -> dict[str, Any]:
        """See `View.settings`; with the data on view, also where other data could not be read."""
        return super().settings() | self._opened

    def scales(self) -> Mapping[str, str]:
        """See `View.scales`."""
        return {"lift": f"{self.norm}, in standard deviations of a photo's scores"}

    def provenance(self) -> dict[str, Any]:
        """See `View.provenance`; `data` is what is on view, also where other data could not be read."""
        return super().provenance() | {"data": self.dataset.name, "resampling": asdict(self.how)}

    def numbers(self) -> pd.DataFrame:
        """Rows of the corner tables ("corners"), and one row per cell of the lift maps on view ("lift")."""
        parts = []
        for one in self.readings:
            whose = {"scores": one.name}
            parts.append(one.rows[self.tolerance].assign(what="corners", tolerance=self.tolerance, **whose))
            lift = one.lifts[self.size_held]
            cells = lift.to_frame().assign(what="lift", statistic=f"lift, {lift.held} held", **whose)
            if not one.tested:
                cells = cells.drop(columns=["ci_low", "ci_high", "p_adj"])
            parts.append(cells)
        return pd.concat(parts, ignore_index=True)

    def picture(self) -> Image.Image:
        """The columns side by side."""
        shown = [panel.image() for panel in self.panels if panel.reading is not None]
        return painter.compose([("", image) for image in shown], self.description())

    def sweep(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """See `View.sweep`: over the tolerances."""
        for tolerance in TOLERANCES:
            yield fraction(tolerance), {"tolerance": tolerance}


def _interval(row: pd.Series) -> str:
    return f"{number(row['estimate'])} [{number(row['ci_low'])}, {number(row['ci_high'])}]"


def _sign(row: pd.Series) -> int:
    """Side of zero that an interval lies on; 0 if it holds zero."""
    return int(row["ci_low"] > 0) - int(row["ci_high"] < 0)


def _verdict(raw: pd.Series, matched: pd.Series) -> str:
    if pd.isna(raw["estimate"]) or pd.isna(matched["estimate"]):
        return "No photo has crops of one size that differ in corners: this tolerance says nothing."
    before, after = _sign(raw), _sign(matched)
    if not after:
        return "Size explains the raw number." if before else "No sign of corners either way."
    told = f"Of crops of one size, those with {'more' if after > 0 else 'fewer'} corners score higher"
    content = "Content may do that too" if after > 0 else "Content may do that too: subjects stand off the border"
    contrast = ", though the raw number says otherwise" if before == -after else ""
    contrast = contrast or ("" if before else ", which the raw number does not show")
    return f"{told}{contrast}. {content}."
