"""CropCanvas: drag a crop over a photo and watch what its score is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, ClassVar

import ipywidgets as widgets
import pandas as pd
import traitlets as t
from PIL import Image

from asm_interp.data.photo import MIN_SIDE
from asm_interp.geometry.boxes import check_circles
from asm_interp.geometry.candidates import parse_aspect
from asm_interp.model.checkpoint import DEFAULT_CHECKPOINT
from asm_interp.widgets import charts, painter
from asm_interp.widgets.canvas import GUIDES, MapCanvas, outline
from asm_interp.widgets.charts import number
from asm_interp.widgets.controls import checkpoint_menu, opacity_slider
from asm_interp.widgets.crop_reader import CropReading
from asm_interp.widgets.guard import between, checks
from asm_interp.widgets.photos import Given
from asm_interp.widgets.readers import Readers
from asm_interp.widgets.score_maps import ScoreMaps
from asm_interp.widgets.theta_layers import theta_layer
from asm_interp.widgets.view import View, guarded, plain

LAYERS = {"φ: what the crop reads": "phi", "θavg": "avg", "θstd": "std", "photo alone": "none"}
_READERS = 4  # photos and checkpoints whose crops are read again without preparation
_LISTED = 5


class CropCanvas(View):
    """A photo with a crop that mouse and keys move, the map that it reads, and the partitions its score is made of.

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
    shape : {"rectangle", "circle"}
        A circle stands in the crop's square.
    aspect : str
        Ratio that the crop is kept to, as "3:2" or "1.5", between 1:16 and 16:1, which every photo can hold; empty
        if it is free.
    layer : {"phi", "avg", "std", "none"}
    opacity : float
    guides : {"", "thirds", "centre", "diagonals"}
    score : float
        Of the crop; cannot be set.
    """

    sweep_name: ClassVar[str] = "Best crops"

    checkpoint = t.Unicode()
    crop: t.List[float] = t.List()
    shape: t.Enum[Any] = t.Enum(["rectangle", "circle"], "rectangle")
    aspect = t.Unicode("")
    layer: t.Enum[Any] = t.Enum(list(LAYERS.values()), "phi")
    opacity = t.Float(0.7)
    guides = t.Enum(list(GUIDES), "")
    score = t.Float(float("nan"), read_only=True)

    def __init__(self, photo: Given = None, checkpoint: object | None = None, *, maps: ScoreMaps | None = None) -> None:
        super().__init__(photo, maps=maps)
        self.checkpoint = str(checkpoint or DEFAULT_CHECKPOINT)
        self._readers = Readers(self.maps, keep=_READERS)
        self.canvas = MapCanvas(editable=True, width=460, height=360)
        self.bars = widgets.HTML()
        self._build()
        self.picker.observe(self._open, "photo")
        self.observe(self._open, "checkpoint")
        self.observe(self._follow_crop, "crop")
        self.observe(self._fit, ["shape", "aspect"])
        self.observe(self._paint_layer, "layer")
        self._open(None)

    # ---- building

    def _build(self) -> None:
        self.menu = checkpoint_menu(self)
        self.layer_menu = widgets.Dropdown(
            options=LAYERS,
            description="Map",
            tooltip="What lies over the photo",
            layout=widgets.Layout(width="280px"),
        )
        self.shape_menu = widgets.Dropdown(
            options=["rectangle", "circle"],
            description="Shape",
            tooltip="Key C on the picture",
            layout=widgets.Layout(width="190px"),
        )
        self.aspect_box = widgets.Combobox(
            options=["1:1", "4:3", "3:2", "16:9", "3:4", "2:3", "9:16"],
            placeholder="free, or e.g. 3:2",
            description="Aspect",
            tooltip="Width over height that the crop keeps; empty for free",
            continuous_update=False,
            layout=widgets.Layout(width="200px"),
        )
        self.guide_menu = widgets.Dropdown(
            options={"none": "", "thirds": "thirds", "centre cross": "centre", "diagonals": "diagonals"},
            description="Guides",
            tooltip="Lines drawn into the crop",
            layout=widgets.Layout(width="190px"),
        )
        self.opacity_slider = opacity_slider(self, self.canvas)
        self.show_best = widgets.Checkbox(
            value=False, description="outline them all", indent=False, tooltip="Draw the best crops on the photo"
        )
        self.best_list = widgets.Select(
            options=[],
            rows=_LISTED,
            description="Best",
            tooltip="Click a crop to take it",
            layout=widgets.Layout(width="350px"),
            style={"description_width": "34px"},
        )
        for control, name in (
            (self.layer_menu, "layer"),
            (self.shape_menu, "shape"),
            (self.aspect_box, "aspect"),
            (self.guide_menu, "guides"),
        ):
            self.link(name, control)
        for name in ("shape", "guides"):
            t.link((self, name), (self.canvas, name))
        self.canvas.observe(self._follow_canvas, "crop")
        self.best_list.observe(self._take_best, "value")
        self.show_best.observe(self._outline_best, "value")
        side = widgets.VBox(
            [self.bars, self.best_list, self.show_best], layout=widgets.Layout(width="370px", margin="0 0 0 12px")
        )
        self.children = [
            self.picker,
            widgets.HBox([self.menu, self.layer_menu, self.opacity_slider]),
            widgets.HBox([self.shape_menu, self.aspect_box, self.guide_menu]),
            self.status,
            widgets.HBox([self.canvas, side]),
            self.readout,
            self.saver,
        ]

    # ---- state to pictures

    @checks("crop")
    def _check_crop(self, value: Any) -> list[float]:
        crop = self._on_photo(value)
        if self.shape == "circle":
            x1, y1, x2, y2 = crop
            check_circles([[(x1 + x2) / 2, (y1 + y2) / 2, min(x2 - x1, y2 - y1) / 2]], self.photo.shape[:2])
        return crop

    @checks("aspect")
    def _check_aspect(self, value: str) -> str:
        if value.strip():
            between(parse_aspect(value), 1 / MIN_SIDE, MIN_SIDE, "an aspect ratio")
        return value.strip()

    @guarded
    def _open(self, change: object) -> None:
        """A photo, or a checkpoint, that was not on view before."""
        photo = self.photo
        self.reader = self._readers.opened(
            self, photo, self.checkpoint, lambda reader: reader.best(self._ratio, self.shape, _LISTED)
        )
        height, width = photo.shape[:2]
        fits = bool(self.crop) and self.crop[2] <= width and self.crop[3] <= height
        stays = fits and isinstance(change, dict) and change.get("name") == "checkpoint"
        kept = list(self.crop)
        with self.canvas.hold_sync():
            self.canvas.set_photo(photo)
            self.canvas.set_pattern(self.reader.score_map.pattern)
            self.canvas.aspect = parse_aspect(self._ratio) if self._ratio else 0.0
            self._list_best()
            self.crop = kept if stays else self._best_crop(0)
            self._show()
            self._paint_layer(None)

    @property
    def _ratio(self) -> str:
        return self.aspect if self.shape == "rectangle" else ""

    @property
    def best(self) -> pd.DataFrame:
        """The crops that are listed, best first."""
        return self.reader.best(self._ratio, self.shape, _LISTED)

    def _best_crop(self, rank: int) -> list[float]:
        row = self.best.iloc[min(rank, len(self.best) - 1)]
        return [float(row[name]) for name in ("x1", "y1", "x2", "y2")]

    def _list_best(self) -> None:
        options = [
            (f"{rank}.  {number(row['score'])}   {row['x1']}, {row['y1']} – {row['x2']}, {row['y2']}", rank - 1)
            for rank, row in enumerate(self.best.to_dict("records"), start=1)
        ]
        self.best_list.unobserve(self._take_best, "value")
        self.best_list.options = options
        self.best_list.value = None
        self.best_list.observe(self._take_best, "value")
        self._outline_best(None)

    @guarded
    def _outline_best(self, change: object) -> None:
        corners = ["cx", "cy", "r"] if self.shape == "circle" else ["x1", "y1", "x2", "y2"]
        places = self.best[corners].to_numpy(float).tolist()
        shown = places if self.show_best.value else []
        self.canvas.outlines = [outline(place, str(rank)) for rank, place in enumerate(shown, start=1)]

    @guarded
    def _take_best(self, change: dict[str, Any]) -> None:
        if change["new"] is not None:
            self.crop = self._best_crop(change["new"])

    @guarded
    def _follow_canvas(self, change: dict[str, Any]) -> None:
        if change["new"]:
            self.take("crop", self.canvas, "crop")

    @guarded
    def _fit(self, change: object) -> None:
        """The crop gets the shape and the ratio that are wanted, about its centre, in it if that is not too thin."""
        ratio = 1.0 if self.shape == "circle" else parse_aspect(self._ratio) if self._ratio else 0.0
        with self.canvas.hold_sync():
            self.canvas.aspect = ratio if self.shape == "rectangle" else 0.0
            self.say()
            self._list_best()
            if ratio:
                x1, y1, x2, y2 = self.crop
                thin = 2.0 if self.shape == "circle" else 1.0  # pixels
                width = max(min(x2 - x1, (y2 - y1) * ratio), thin * max(1.0, ratio))
                height = width / ratio
                down, across = self.photo.shape[:2]
                left = min(max((x1 + x2 - width) / 2, 0.0), across - width)
                top = min(max((y1 + y2 - height) / 2, 0.0), down - height)
                self.crop = [left, top, left + width, top + height]
            self._show()
            self._paint_layer(None)

    @guarded
    def _follow_crop(self, change: object) -> None:
        if self.reader.fits(self.photo):
            self.say()
            self._show()

    def _show(self) -> None:
        """The update path: crop to score, φ, bars and read-out."""
        self.reading = self.reader.read(self.crop, self.shape)
        self.set_trait("score", self.reading.score)
        told = self._told(self.reading)
        with self.canvas.hold_sync():
            self.canvas.crop = list(self.crop)
            self.canvas.alt = f"{self.picker.name} with a crop. {plain(told)}"
            if self.layer == "phi":
                self._paint_phi()
        own = self.reading.partitions["own"].to_numpy()
        labels = [str(each) for each in range(len(own))]
        low, high = self.reader.limits
        limits = (min(low, own.min()), max(high, own.max()))
        self.bars.value = charts.bars(
            labels, own, title="What each partition adds to the score", limits=limits, width=350
        )
        self.readout.value = (
            f"<div style='line-height:1.45'>{told}<div style='color:#555'>{self._told_scale()}</div></div>"
        )

    def _paint_phi(self) -> None:
        label = "φ: the pixel's score in its partition, beyond the photo's mean"
        self.canvas.set_indices(self.reading.phi, self.reader.norm, "diverging", label, self.reading.box)

    @guarded
    def _paint_layer(self, change: object) -> None:
        if self.layer == "none":
            self.canvas.clear_map()
        elif self.layer == "phi":
            self._paint_phi()
        else:
            layer = theta_layer(self.maps.theta(self.photo, self.checkpoint, "channel"), self.layer)
            norm = layer.norm()
            self.canvas.set_map(layer.values, norm, layer.colors, f"{layer.label}. {norm}")

    # ---- telling

    def _told(self, reading: CropReading) -> str:
        x1, y1, x2, y2 = self.crop
        own, offset = (float(reading.partitions[name].sum()) for name in ("own", "offset"))
        beyond = reading.partitions["own"]
        what = "Circle in" if self.shape == "circle" else "Crop"
        return (
            f"{what} {x1:.0f}, {y1:.0f} – {x2:.0f}, {y2:.0f} ({x2 - x1:.0f} × {y2 - y1:.0f} px): "
            f"<b>score {number(reading.score, 4)}</b> = {number(offset, 4)} (any crop of this photo) "
            f"{number(own, 4) if own < 0 else '+' + number(own, 4)} (this crop); higher than "
            f"{100 * self.reader.beaten(reading.score):.0f} % of the 895 anchor crops. Partition {beyond.idxmax()} "
            f"adds most ({number(beyond.max())}), partition {beyond.idxmin()} least ({number(beyond.min())})."
        )

    def _told_scale(self) -> str:
        return f"{escape(self.checkpoint)}; φ: {self.reader.norm}"

    def scales(self) -> Mapping[str, str]:
        """See `View.scales`."""
        return {"φ": str(self.reader.norm)}

    def numbers(self) -> pd.DataFrame:
        """One row per partition: area, own and offset, which add up to its contribution; the score in every row."""
        table = self.reading.partitions
        return table.assign(contribution=table["own"] + table["offset"], score=self.reading.score)

    def picture(self) -> Image.Image:
        """Photo, map and crop, and the partitions' share of the score as text."""
        own = self.reading.partitions["own"].to_numpy()
        bars = painter.bar_image([str(each) for each in range(len(own))], own, 300)
        panels = [(f"{self.picker.name}, {self.checkpoint}", self.canvas.image()), ("Added by each partition", bars)]
        return painter.compose(panels, self.description())

    def sweep(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """See `View.sweep`: the crop on view, then the best ones."""
        yield "this crop", {"crop": list(self.crop)}
        for rank in range(len(self.best)):
            yield f"best crop {rank + 1}", {"crop": self._best_crop(rank)}
