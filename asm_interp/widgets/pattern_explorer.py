"""PatternExplorer: composition patterns side by side on one photo, and one of your own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from io import BytesIO
from typing import Any, ClassVar

import ipywidgets as widgets
import pandas as pd
import traitlets as t
from PIL import Image

from asm_interp.analysis.expressivity import pattern_expressivity
from asm_interp.analysis.merged_patterns import merge_partitions, nearest_pattern
from asm_interp.analysis.theta import theta_maps
from asm_interp.evaluation.metrics import srcc
from asm_interp.geometry.candidates import anchor_boxes
from asm_interp.geometry.patterns import CompositionPattern
from asm_interp.model.score_map import crop_scores
from asm_interp.widgets import charts, painter
from asm_interp.widgets.canvas import MapCanvas, outline
from asm_interp.widgets.charts import number
from asm_interp.widgets.controls import checkpoint_menu, opacity_slider
from asm_interp.widgets.crop_reader import CropReader
from asm_interp.widgets.guard import checks, one_of
from asm_interp.widgets.pattern_canvas import PatternCanvas, checked, pattern_image
from asm_interp.widgets.pattern_family import PatternFamily
from asm_interp.widgets.photos import Given
from asm_interp.widgets.readers import Readers
from asm_interp.widgets.rows import flow
from asm_interp.widgets.score_maps import ScoreMaps
from asm_interp.widgets.svg_image import svg_image
from asm_interp.widgets.theta_layers import theta_layer
from asm_interp.widgets.view import View, guarded, plain
from asm_interp.widgets.wording import CORNERS, box_text

LAYERS = {"φ: what the best crop reads": "phi", "θavg": "avg", "photo alone": "none"}
_DEFAULT = "photos-lambda-0.1"
_FIRST = ("grid:3x3", "multi-rectangle", "multi-direction", "cross-rectangle")
_SHOWN = 3  # best crops
_BEST = "#ffe14d"
_THUMB = 84
_START = [[1] * 6, *[[1, 0, 0, 0, 0, 1]] * 4, [1] * 6]


class _Card(widgets.VBox):  # type: ignore[misc]
    """One pattern's picture, geometry and text. Kept, since the browser draws a new widget from nothing."""

    def __init__(self) -> None:
        self.canvas = MapCanvas(width=260, height=220)
        self.thumbnail = widgets.Image(width=_THUMB, height=_THUMB, layout={"flex": "0 0 auto"})
        self.text = widgets.HTML()
        below = widgets.HBox([self.thumbnail, self.text], layout={"width": "262px"})
        super().__init__([self.canvas, below])


class PatternExplorer(View):
    """Models that differ in their pattern on one photo: geometry, best crops, accuracy, and what each can express.

    A pattern of your own is scored with the nearest trained one where each of its partitions is a union of trained
    partitions (see `asm_interp.analysis.merged_patterns`); where it is not, the view says why it cannot be.

    Parameters
    ----------
    photo : array, path, name of a sample, or None
    checkpoint : str or path, optional
        One of the family that is compared: all checkpoints that were trained as it was, but for the pattern.
    maps : ScoreMaps, optional

    Attributes
    ----------
    checkpoint : str
    checkpoints : list of str
        Those of the family that are shown.
    layer : {"phi", "avg", "none"}
    opacity : float
    labels : list of list of int, [Y, X]
        Your own pattern, at least two partitions.
    """

    sweep_name: ClassVar[str] = "Pattern"

    checkpoint = t.Unicode()
    checkpoints: t.List[str] = t.List()
    layer = t.Enum(list(LAYERS.values()), "phi")
    opacity = t.Float(0.7)
    labels: t.List[Any] = t.List()

    def __init__(self, photo: Given = None, checkpoint: object | None = None, *, maps: ScoreMaps | None = None) -> None:
        super().__init__(photo, maps=maps)
        self.checkpoint = str(checkpoint or _DEFAULT)
        self._readers = Readers(self.maps, keep=24)
        self._cards: list[_Card] = []
        self.own_canvas = MapCanvas(width=300, height=240)
        self.drawing = PatternCanvas(_START)
        self.own: CropReader | None = None
        self._build()
        self.picker.observe(self._open, "photo")
        self.observe(self._open_family, "checkpoint")
        self.observe(self._open, "checkpoints")
        self.observe(self._show, "layer")
        self.observe(self._show_own, "labels")
        self._open_family(None)

    # ---- building

    def _build(self) -> None:
        self.menu = checkpoint_menu(self)
        self.menu.description = "Family of"
        self.menu.tooltip = "Models that were trained as this one, but for the pattern, are compared"
        self.chosen = widgets.SelectMultiple(
            options=[], rows=8, description="Patterns", tooltip="Ctrl or Shift for several", layout={"width": "330px"}
        )
        self.layer_menu = widgets.ToggleButtons(
            options=LAYERS, description="Map", tooltip="What lies over the photo", style={"button_width": "auto"}
        )
        self.link("layer", self.layer_menu)
        t.link((self.drawing, "labels"), (self, "labels"))
        self.chosen.observe(self._take_chosen, "value")
        self.opacity_slider = opacity_slider(self, self.own_canvas)
        self.row = flow()
        self.accuracy, self.ceilings, self.verdict = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.children = [
            self.picker,
            flow(self.chosen, widgets.VBox([self.menu, self.opacity_slider]), self.layer_menu),
            self.status,
            self.row,
            self.readout,
            flow(self.drawing, self.own_canvas),
            self.verdict,
            flow(self.accuracy, self.ceilings),
            self.saver,
        ]

    def _card(self, place: int) -> _Card:
        while len(self._cards) <= place:
            card = _Card()
            t.dlink((self, "opacity"), (card.canvas, "opacity"))
            widgets.jsdlink((self.opacity_slider, "value"), (card.canvas, "opacity"))
            self._cards.append(card)
        return self._cards[place]

    # ---- state to pictures

    @checks("labels")
    def _check_labels(self, value: Any) -> Any:
        return checked(value).labels.tolist()

    @checks("checkpoints")
    def _check_checkpoints(self, value: list[str]) -> list[str]:
        if not value:
            raise ValueError("expected one or more checkpoints of the family, got none")
        return [one_of(each, self.family.patterns, "a checkpoint of the family") for each in value]

    @guarded
    def _open_family(self, change: object) -> None:
        self.family = PatternFamily.of(self.checkpoint)
        names = list(self.family.patterns)
        self.chosen.unobserve(self._take_chosen, "value")
        self.chosen.options = [(f"{pattern.name}  ({name})", name) for name, pattern in self.family.patterns.items()]
        self.chosen.observe(self._take_chosen, "value")
        kept = [name for name in self.checkpoints if name in names]
        first = [name for name in names if self.family.patterns[name].name in _FIRST] or names[:4]
        before = list(self.checkpoints)
        self.checkpoints = kept or first
        if self.checkpoints == before:
            self._open(None)

    @guarded
    def _take_chosen(self, change: object) -> None:
        self.take("checkpoints", self.chosen)

    @guarded
    def _open(self, change: object) -> None:
        """A photo, or patterns, that were not on view before."""
        self.chosen.value = tuple(self.checkpoints)
        self.say()
        if not all(self._readers.has(self.photo, name) for name in self.checkpoints):
            with self.working():
                for place, name in enumerate(self.checkpoints, start=1):
                    self.say(f"working… {place} of {len(self.checkpoints)}: {self.family.patterns[name].name}")
                    self._readers.get(self.photo, name).best()
        self._show(None)
        self._show_own(None)

    def _reader(self, name: str) -> CropReader:
        return self._readers.get(self.photo, name)

    @guarded
    def _show(self, change: object) -> None:
        cards = []
        for place, name in enumerate(self.checkpoints):
            card, pattern = self._card(place), self.family.patterns[name]
            card.canvas.set_photo(self.photo)
            self._show_best(card.canvas, self._reader(name), pattern)
            card.thumbnail.value = _png(pattern_image(pattern, 2 * _THUMB))
            card.thumbnail.alt = f"Pattern {pattern.name}"
            card.text.value = self._told_card(name)
            cards.append(card)
        self.row.children = flow(*cards).children
        self.readout.value = self._told()
        self._show_tables()
        if self.own is not None:
            self._show_best(self.own_canvas, self.own, self.drawing.pattern)

    def _show_best(self, canvas: MapCanvas, reader: CropReader, pattern: CompositionPattern) -> None:
        """The best crop with the pattern in it, the next ones, and the map."""
        best = reader.best()[CORNERS].head(_SHOWN).to_numpy(float)
        with canvas.hold_sync():
            canvas.set_pattern(pattern)
            canvas.crop = best[0].tolist()
            canvas.outlines = [outline(box, str(rank), color=_BEST, dash=True) for rank, box in enumerate(best[1:], 2)]
            canvas.title = pattern.name
            canvas.alt = f"{pattern.name}: best crop {box_text(best[0])} of {self.picker.name}"
            if self.layer == "none":
                canvas.clear_map()
            elif self.layer == "avg":
                layer = theta_layer(theta_maps(reader.score_map, "channel"), "avg")
                canvas.set_map(layer.values, layer.norm(), layer.colors, layer.label)
            else:
                reading = reader.read(best[0].tolist())
                label = "φ beyond the photo's mean, this model's scale"
                canvas.set_indices(reading.phi, reader.norm, "diverging", label, reading.box)

    def _show_tables(self) -> None:
        table = self.family.accuracies()
        rows = table.assign(statistic=table["pattern"])
        photos = f" ({table['n_photos'].max()} test photos)" if table["n_photos"].max() else ""
        title = f"Ranking accuracy with 95 % interval{photos}"
        self.accuracy.value = charts.forest(rows, title=title, reference=None, width=480)
        ceilings = self.expressivity().round(2).reset_index(drop=True)
        self.ceilings.value = charts.table(
            ceilings, "What each pattern can express: best correlation with each rule", digits=2
        )

    def expressivity(self) -> pd.DataFrame:
        """Best correlation with each composition rule: pattern and a column per rule; yours is the last row."""
        own = pattern_expressivity([self.drawing.pattern]).reset_index().set_index(pd.Index([""]))
        return pd.concat([self.family.ceilings, own]).drop(columns="n_partitions")

    # ---- your own pattern

    @guarded
    def _show_own(self, change: object) -> None:
        pattern = self.drawing.pattern
        # A pattern of one partition reads no composition: to be near it would say nothing.
        several = {name: each for name, each in self.family.patterns.items() if each.n_partitions > 1}
        self.nearest = nearest_pattern(pattern, several)
        trained = self.family.patterns[self.nearest.name]
        named = escape(f"{trained.name} ({self.nearest.name}")
        what = f"{named}; variation of information {number(self.nearest.distance)} bit)"
        self.own_canvas.set_photo(self.photo)
        if self.nearest.cut:
            self.own, self.own_srcc = None, float("nan")
            cut = ", ".join(map(str, self.nearest.cut))
            self.own_canvas.title = "Your pattern: not scored"
            self.own_canvas.alt = f"{self.picker.name} without a map: your pattern cannot be scored"
            self.verdict.value = (
                f"<b>Not scored.</b> Your pattern cuts partitions of every trained one, so no trained channel could "
                f"tell its parts apart, and scores would be made up. Nearest is {what}: yours cuts its partition"
                f"{'s' * (len(self.nearest.cut) > 1)} {cut}. Give each of them whole to one of yours, or train a "
                "model on your pattern."
            )
        else:
            with self.working():
                score_map = self._reader(self.nearest.name).score_map
                self.own = CropReader(merge_partitions(score_map, pattern))
                anchors = anchor_boxes(score_map.photo_size)
                merged, full = (crop_scores(each, anchors) for each in (self.own.score_map, score_map))
                self.own_srcc = srcc(merged, full)
            self._show_best(self.own_canvas, self.own, pattern)
            self.own_canvas.title = f"Your pattern, on {trained.name}"
            self.verdict.value = (
                f"<b>Scored with {what}.</b> Each of your partitions is a union of its partitions; their channels are "
                "averaged by area. This is what that model says if it cannot tell them apart, the nearest to it in "
                "least squares, not what a model trained on your pattern would say. It orders the 895 anchor crops "
                f"like the whole model with SRCC <b>{number(self.own_srcc)}</b>. Best crop "
                f"{box_text(self.own.best()[CORNERS].iloc[0])}."
            )
        self._show_tables()

    # ---- telling

    def _told_card(self, name: str) -> str:
        pattern, row = self.family.patterns[name], self._accuracy(name)
        rows, columns = pattern.shape
        return (
            f"<div style='line-height:1.3;font-size:12px'>{pattern.n_partitions} partition"
            f"{'s' * (pattern.n_partitions > 1)} on {rows}×{columns} cells<br>accuracy {number(row['estimate'])} "
            f"[{number(row['ci_low'])}, {number(row['ci_high'])}]<br>best crop "
            f"{box_text(self._reader(name).best()[CORNERS].iloc[0])}</div>"
        )

    def _accuracy(self, name: str) -> dict[str, Any]:
        table = self.family.accuracies()
        return {str(key): value for key, value in table[table["checkpoint"] == name].iloc[0].items()}

    def _told(self) -> str:
        table = self.family.accuracies().dropna(subset="estimate")
        told = "; ".join(
            f"{escape(self.family.patterns[name].name)}: {box_text(self._reader(name).best()[CORNERS].iloc[0])}"
            for name in self.checkpoints
        )
        text = f"Best crops on {escape(self.picker.name)}: {told}."
        if len(table):
            top = table.iloc[int(table["estimate"].to_numpy().argmax())]
            inside = table[(table["ci_high"] >= top["ci_low"]) & (table["checkpoint"] != top["checkpoint"])]
            others = escape(", ".join(inside["pattern"])) or "no other"
            text += (
                f" Highest accuracy: <b>{escape(str(top['pattern']))}</b> {number(top['estimate'])} "
                f"[{number(top['ci_low'])}, {number(top['ci_high'])}]; intervals that overlap it: {others}."
            )
        return f"<div>{text}</div>"

    def used_checkpoints(self) -> list[str]:
        """See `View.used_checkpoints`."""
        return list(dict.fromkeys([*self.checkpoints, *([self.nearest.name] if self.own is not None else [])]))

    def scales(self) -> Mapping[str, str]:
        """See `View.scales`."""
        return {name: str(self._reader(name).norm) for name in self.checkpoints}

    def numbers(self) -> pd.DataFrame:
        """One row per pattern on view, and yours: geometry, accuracy, best crop with its score, and ceilings."""
        rows = []
        ceilings = self.expressivity().drop(columns="pattern")
        shown = [(name, self.family.patterns[name], self._reader(name)) for name in self.checkpoints]
        for name, pattern, reader in [*shown, ("", self.drawing.pattern, self.own)]:
            row: dict[str, Any] = {"checkpoint": name, "pattern": pattern.name, "n_partitions": pattern.n_partitions}
            row["raster"] = "x".join(map(str, pattern.shape))
            if name:
                row |= {key: self._accuracy(name)[key] for key in ("estimate", "ci_low", "ci_high", "n_photos")}
            if reader is not None:
                row |= {key: reader.best()[key].iloc[0] for key in (*CORNERS, "score")}
            rows.append(row | {f"ceiling_{rule}": value for rule, value in ceilings.loc[name].items()})
        return pd.DataFrame(rows)

    def picture(self) -> Image.Image:
        """Each pattern with its best crops, yours, and the accuracies."""
        panels = []
        for place, name in enumerate(self.checkpoints):
            panels.append(("", _with_pattern(self._cards[place].canvas, self.family.patterns[name])))
        panels.append(("", _with_pattern(self.own_canvas, self.drawing.pattern)))
        panels.append(("", svg_image(self.accuracy.value)))
        return painter.compose(panels, f"{self.description()} {plain(self.verdict.value)}", columns=3)

    def sweep(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """See `View.sweep`: what is on view, then each pattern alone."""
        yield "as on view", {"checkpoints": list(self.checkpoints)}
        for name, pattern in self.family.patterns.items():
            yield pattern.name, {"checkpoints": [name]}


def _with_pattern(canvas: MapCanvas, pattern: CompositionPattern) -> Image.Image:
    small = pattern_image(pattern, 2 * _THUMB).resize((_THUMB, _THUMB), Image.Resampling.LANCZOS)
    return painter.stack([canvas.image(), small])


def _png(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
