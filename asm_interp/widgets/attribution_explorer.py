"""AttributionExplorer: what Captum's methods say of a crop's score, beside what the crop reads exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, ClassVar, get_args

import ipywidgets as widgets
import numpy as np
import pandas as pd
import traitlets as t
from PIL import Image

from asm_interp.analysis.attribution import SURROUNDINGS, Attribution, part_means
from asm_interp.analysis.crop_input import Baseline, Progress
from asm_interp.analysis.normalisation import Normalisation
from asm_interp.geometry.boxes import FloatArray
from asm_interp.model.checkpoint import DEFAULT_CHECKPOINT
from asm_interp.widgets import charts, painter
from asm_interp.widgets.attribution_runs import EFFORTS, METHODS, AttributionRuns, Wish
from asm_interp.widgets.background import Background
from asm_interp.widgets.canvas import MapCanvas
from asm_interp.widgets.charts import number
from asm_interp.widgets.controls import checkpoint_menu, opacity_slider
from asm_interp.widgets.photos import Given
from asm_interp.widgets.readers import Readers
from asm_interp.widgets.rows import flow
from asm_interp.widgets.score_maps import ScoreMaps
from asm_interp.widgets.svg_image import svg_image
from asm_interp.widgets.view import View, guarded
from asm_interp.widgets.wording import box_text

CELLS = (1, 4, 8, 16)
_WIDTH = 405
_COLUMNS = [
    "method", "baseline", "effort", "cell", "score", "baseline_score", "sum", "delta", "leak_share", "spearman",
    "top_iou", "reference",
]  # fmt: skip
_START = (0.15, 0.85)  # of the photo's sides
_PROMISE = ("integrated gradients", "shapley values")


class AttributionExplorer(View):
    """Attributions of one crop's score by Captum, computed behind a button, and the exact pixel scores φ beside them.

    Parameters
    ----------
    photo : array, path, name of a sample, or None
    checkpoint : str or path, optional
    maps : ScoreMaps, optional

    Attributes
    ----------
    checkpoint : str
    crop : [x1, y1, x2, y2]
        In photo pixels; starts in the middle, so that there is something around it.
    method : str
        One of `asm_interp.widgets.attribution_runs.METHODS`.
    baseline : {"mean", "blur", "grey"}
        What the score is compared with; Grad-CAM knows none.
    effort : {"quick", "thorough"}
        Steps, windows or permutations; see `asm_interp.widgets.attribution_runs.EFFORTS`.
    cell : int
        Side, in pixels of the network's input, of the squares that attributions are averaged over, for the picture and
        for their agreement with φ: gradients are noisy from pixel to pixel.
    opacity : float
    """

    sweep_name: ClassVar[str] = "Method"

    checkpoint = t.Unicode()
    crop: t.List[Any] = t.List()
    method: t.Enum[Any] = t.Enum(list(METHODS), "integrated gradients")
    baseline: t.Enum[Any] = t.Enum(get_args(Baseline), "mean")
    effort: t.Enum[Any] = t.Enum(list(EFFORTS), "quick")
    cell: t.Enum[Any] = t.Enum(CELLS, 8)
    opacity = t.Float(0.7)

    def __init__(self, photo: Given = None, checkpoint: object | None = None, *, maps: ScoreMaps | None = None) -> None:
        super().__init__(photo, maps=maps)
        self.checkpoint = str(checkpoint or DEFAULT_CHECKPOINT)
        self.runs, self._readers = AttributionRuns(), Readers(self.maps)
        self.canvas = MapCanvas(editable=True, width=_WIDTH, height=310)
        self.exact = MapCanvas(width=_WIDTH, height=310)
        self.table, self.bars = widgets.HTML(), widgets.HTML()
        self._build()
        self.picker.observe(self._open, "photo")
        self.observe(self._open, "checkpoint")
        self.observe(self._follow_crop, "crop")
        self.observe(self._show, ["method", "baseline", "effort", "cell"])
        self._open(None)

    # ---- building

    def _build(self) -> None:
        self.menu = checkpoint_menu(self)
        self.method_menu = widgets.Dropdown(
            options=list(METHODS),
            description="Method",
            tooltip="How the score is shared out among pixels; press Run to compute it",
            layout=widgets.Layout(width="250px"),
        )
        self.baseline_menu = widgets.Dropdown(
            options={"mean colour of the photo": "mean", "photo blurred": "blur", "ImageNet's mean colour": "grey"},
            description="Baseline",
            tooltip="What stands in place of a pixel that is taken away",
            layout=widgets.Layout(width="260px"),
        )
        self.effort_menu = widgets.Dropdown(
            options=list(EFFORTS),
            description="Effort",
            tooltip="How many steps, windows or permutations",
            layout=widgets.Layout(width="200px"),
        )
        self.cell_slider = widgets.SelectionSlider(
            options=[(f"{each} px", each) for each in CELLS],
            value=self.cell,
            description="Cells",
            continuous_update=False,
            tooltip="Squares of the network's input that attributions are averaged over",
            layout=widgets.Layout(width="240px"),
        )
        self.opacity_slider = opacity_slider(self, self.canvas, self.exact)
        self.task = Background(self, self._compute, "Run", "Compute this method for this crop")
        for control, name in (
            (self.method_menu, "method"),
            (self.baseline_menu, "baseline"),
            (self.effort_menu, "effort"),
            (self.cell_slider, "cell"),
        ):
            self.link(name, control)
        self.canvas.observe(self._follow_canvas, "crop")
        self.canvas.observe(lambda _: self.canvas.set_trait("shape", "rectangle"), "shape")  # boxes only, here
        self.children = [
            self.picker,
            flow(self.menu, self.method_menu, self.baseline_menu),
            flow(self.effort_menu, self.cell_slider, self.opacity_slider),
            self.task,
            self.status,
            flow(self.canvas, self.exact),
            self.readout,
            flow(self.table, self.bars),
            self.saver,
        ]

    # ---- computing

    def run(self, *methods: str) -> None:
        """Compute methods now, the chosen one by default, as the button does in the background.

        Raises
        ------
        ValueError
            If there is no such method.
        """
        if unknown := [each for each in methods if each not in METHODS]:
            raise ValueError(f"methods are {', '.join(METHODS)}, got {', '.join(map(repr, unknown))}")
        now = self.method
        for method in methods or (now,):
            self.method = method
            self.task.run()
        self.method = now

    def _compute(self, progress: Progress) -> None:
        wish, photo = self.wish(self.method), self.photo
        if self.runs.get(wish) is None:
            self.runs.compute(wish, self._model, photo, progress)
        progress(1, 1)
        self._show(None)

    def wish(self, method: str) -> Wish:
        """What a method would be asked for now."""
        return Wish.of(self._source, self.crop, method, self.baseline, self.effort)

    @property
    def result(self) -> Attribution | None:
        """The attribution on view, if it was computed."""
        return self.runs.get(self.wish(self.method))

    @property
    def results(self) -> dict[str, Attribution]:
        """What was computed for this crop, with these settings, by method."""
        found = {method: self.runs.get(self.wish(method)) for method in METHODS}
        return {method: each for method, each in found.items() if each is not None}

    # ---- state to pictures

    @guarded
    def _open(self, change: object) -> None:
        """A photo, or a checkpoint, that was not on view before."""
        with self.working():
            self.reader = self._readers.get(self.photo, self.checkpoint)
            self._model, self._source = self.maps.model(self.checkpoint), self.maps.key(self.photo, self.checkpoint)
        height, width = self.photo.shape[:2]
        start = [side * share for share in _START for side in (width, height)]
        stays = isinstance(change, dict) and change.get("name") == "checkpoint" and self.crop
        crop = list(self.crop) if stays else start
        for canvas in (self.canvas, self.exact):
            canvas.set_photo(self.photo)
        self.exact.set_pattern(self.reader.score_map.pattern)
        if crop == self.crop:
            self._follow_crop(None)
        else:
            self.crop = crop

    @guarded
    def _follow_canvas(self, change: dict[str, Any]) -> None:
        if change["new"]:
            self.take("crop", self.canvas, "crop")

    @guarded
    def _follow_crop(self, _: object) -> None:
        if not self.reader.fits(self.photo):
            return
        with self.canvas.hold_sync(), self.exact.hold_sync():
            self.canvas.crop = self.exact.crop = list(self.crop)
            self.reading = self.reader.read(self.crop)
            label = "φ: the pixel's score in its partition, beyond the photo's mean"
            self.exact.set_indices(self.reading.phi, self.reader.norm, "diverging", label, self.reading.box)
            self.exact.title = "Exact: what the crop reads"
            self._show(None)

    @guarded
    def _show(self, _: object) -> None:
        result = self.result
        with self.canvas.hold_sync():
            missing = "" if result else ": not computed for this crop, press Run"
            self.canvas.title = f"{self.method.capitalize()}{missing}"
            if result is None:
                self.canvas.clear_map()
            else:
                values = self.averaged(result)
                self.norm = Normalisation.fit(values, mode="percentile", center=0.0)
                self.canvas.set_map(values, self.norm, "diverging", f"{self.method}, score per input pixel")
            self.readout.value = (
                f"<div style='line-height:1.4'>{self._told(result)}"
                f"<div style='color:#555'>{self._told_scale()}</div></div>"
            )
            self.canvas.alt = f"{self.picker.name} with a crop. {self.description()}"
        self._show_tables(result)

    def averaged(self, result: Attribution) -> FloatArray:
        """Attributions averaged over cells."""
        height, width = result.values.shape
        rows, columns = (max(1, round(side / self.cell)) for side in (height, width))
        return part_means(result.values, (0.0, float(height)), (0.0, float(width)), rows, columns)

    def _show_tables(self, result: Attribution | None) -> None:
        numbers = self.numbers()
        shown = numbers[["method", "score", "baseline_score", "delta", "leak_share", "spearman", "top_iou"]]
        names = {
            "baseline_score": "baseline's",
            "delta": "sum − difference",
            "leak_share": "outside",
            "spearman": "ρ with φ",
            "top_iou": "top-tenth IoU",
        }
        caption = "Computed for this crop"
        self.table.value = charts.table(shown.rename(columns=names), caption) if len(shown) else ""
        self.bars.value = "" if result is None or result.partitions is None else self._bars(result.partitions)

    def _bars(self, table: pd.DataFrame) -> str:
        own = self.reading.partitions["own"].to_numpy()
        exact = [own[each] if each != SURROUNDINGS else np.nan for each in table["partition"]]
        labels = ["around" if each == SURROUNDINGS else str(each) for each in table["partition"]]
        return charts.bars(
            labels,
            table["attribution"],
            title="Share of each partition's pixels",
            name=self.method,
            beside=("φ, beyond the photo's mean", exact),
            width=360,
        )

    # ---- telling

    def _told(self, result: Attribution | None) -> str:
        where = f"Crop {box_text(self.crop)}, score {number(self.reading.score, 4)}."
        if result is None:
            return f"{where} Not computed for this crop: {self.method}. Press Run."
        agreed = self.runs.agreement(self.wish(self.method), self._model, self.photo, self.cell)
        exact = "φ less the baseline's" if result.baseline else "φ"
        return (
            f"{where} <b>{self.method.capitalize()}</b>: {self._told_sum(result)} {self._told_leak(result)} "
            f"Agreement with {exact} over the crop, in cells of {self.cell} px: rank correlation "
            f"{number(agreed['spearman'], 2)}, overlap of the highest tenths {number(agreed['top_iou'], 2)} "
            f"(0.053 by chance)."
        )

    def _told_sum(self, result: Attribution) -> str:
        """Completeness in words."""
        total, difference = float(result.values.sum()), result.score - result.baseline_score
        if self.method == "grad-cam":
            return "It has no baseline, and its values add up to nothing in particular."
        if self.method == "occlusion":
            return "A pixel has the mean loss of the windows that cover it; these add up to nothing in particular."
        told = f"Values add up to {number(total)}; the score is {number(difference)} above the baseline's"
        if self.method not in _PROMISE:
            return f"{told}. The method does not promise that they agree: partitions are taken away one at a time."
        off = 100 * abs(result.delta) / abs(difference) if difference else float("nan")
        return f"{told}: complete but for {number(off, 2) if off >= 0.01 else 'less than 0.01'} %."

    def _told_leak(self, result: Attribution) -> str:
        share = f"{number(100 * result.leak_share, 2)} % of the absolute values lie outside the crop"
        if self.method == "grad-cam":
            return f"{share}, which says nothing here: its gradients are means over the whole photo."
        return f"{share}: the network sees past the border."

    def _told_scale(self) -> str:
        return f"{escape(self.checkpoint)}; {'; '.join(f'{name}: {norm}' for name, norm in self.scales().items())}"

    def scales(self) -> Mapping[str, str]:
        """See `View.scales`."""
        own = {} if self.result is None else {self.method: str(self.norm)}
        return own | {"φ": str(self.reader.norm)}

    def numbers(self) -> pd.DataFrame:
        """One row per method that was computed for this crop and these settings; the last columns compare with φ."""
        rows = []
        for method, result in self.results.items():
            wish = self.wish(method)
            agreed = self.runs.agreement(wish, self._model, self.photo, self.cell)
            rows.append(
                [
                    method, result.baseline, wish.effort, self.cell, result.score, result.baseline_score,
                    float(result.values.sum()), result.delta, result.leak_share, agreed["spearman"], agreed["top_iou"],
                    agreed["reference"],
                ]
            )  # fmt: skip
        return pd.DataFrame(rows, columns=_COLUMNS)

    def picture(self) -> Image.Image:
        """Attribution, φ, and the partitions' share where the method has one."""
        panels = [(f"{self.picker.name}, {self.checkpoint}", self.canvas.image()), (" ", self.exact.image())]
        if self.bars.value:
            panels.append((" ", svg_image(self.bars.value)))
        return painter.compose(panels, self.description())

    def sweep(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """See `View.sweep`: over the methods that were computed for this crop."""
        for method in self.results or [self.method]:
            yield method, {"method": method}
