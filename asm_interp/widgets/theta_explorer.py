"""ThetaExplorer: θ maps and null maps of a photo, beside a pinned one, on one stated scale."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import ipywidgets as widgets
import numpy as np
import pandas as pd
import traitlets as t
from PIL import Image

from asm_interp.analysis.mean_maps import to_grid
from asm_interp.analysis.normalisation import Mode, Normalisation
from asm_interp.analysis.null_maps import edge_magnitude, feature_norm
from asm_interp.model.checkpoint import DEFAULT_CHECKPOINT
from asm_interp.widgets import charts, painter
from asm_interp.widgets.canvas import MapCanvas
from asm_interp.widgets.charts import number
from asm_interp.widgets.controls import checkpoint_menu, opacity_slider
from asm_interp.widgets.guard import checks, one_of
from asm_interp.widgets.kept import fresh
from asm_interp.widgets.photos import Given
from asm_interp.widgets.score_maps import ScoreMaps, Weights, digest
from asm_interp.widgets.theta_layers import MODES, Layer, theta_layer
from asm_interp.widgets.view import View, guarded, plain

KINDS = {
    "θavg: mean over places": "avg",
    "θstd: spread over places": "std",
    "this − pinned": "difference",
    "null: θavg, random head": "head_avg",
    "null: θstd, random head": "head_std",
    "null: θavg, untrained": "untrained_avg",
    "null: θstd, untrained": "untrained_std",
    "null: norm of features": "features",
    "null: edges of the photo": "edges",
}
CENTRINGS = {"channel means taken off": "channel", "as in the paper": "none"}
OUTLINES = {"none": 0.0, "top 50 %": 0.5, "top 25 %": 0.75, "top 10 %": 0.9, "top 5 %": 0.95}
_NULLS: dict[str, Weights] = {"head": "random head", "untrained": "random weights"}
_UNCENTRED = {
    "features": (feature_norm, "norm of the trunk's features about their mean; no head"),
    "edges": (edge_magnitude, "gradient of luminance; no network"),
}
_KEPT = 60  # layers and index images that are shown again without work

Pin = tuple[str, str, str]
"""Checkpoint, kind and centring of a map."""


class ThetaExplorer(View):
    """Any map of one photo beside a pinned reference.

    Two maps of one kind share a scale; maps of different kinds have no common unit and keep their own. The scale is
    printed under each. A map without a scale of the chosen mode is shown by percentiles of its values, and the
    read-out says why: a difference, whose colours part at 0, or multiples of a mean that is not positive.

    Parameters
    ----------
    photo : array, path, name of a sample, or None
    checkpoint : str or path, optional
    maps : ScoreMaps, optional

    Attributes
    ----------
    checkpoint : str
    kind : str
        A value of `KINDS`.
    center : {"none", "channel"}
    mode : str
        Of `asm_interp.analysis.normalisation.Normalisation`.
    opacity : float
    contour : float
        Share of the pixels below an outline, 0 for none.
    pinned : (str, str, str)
        Checkpoint, kind and centring of the reference, which is a map of its own, not a difference.
    """

    sweep_name: ClassVar[str] = "Map"

    checkpoint = t.Unicode()
    kind = t.Enum(list(KINDS.values()), "std")
    center = t.Enum(list(CENTRINGS.values()), "channel")
    mode = t.Enum(list(MODES.values()), "percentile")
    opacity = t.Float(0.6)
    contour = t.Enum(list(OUTLINES.values()), 0.0)
    pinned = t.Tuple(t.Unicode(), t.Unicode(), t.Unicode())

    def __init__(self, photo: Given = None, checkpoint: object | None = None, *, maps: ScoreMaps | None = None) -> None:
        super().__init__(photo, maps=maps)
        self.checkpoint = str(checkpoint or DEFAULT_CHECKPOINT)
        self.pinned = (self.checkpoint, "avg", "channel")
        self._layers: OrderedDict[tuple[str, Pin], Layer] = OrderedDict()
        self._images: OrderedDict[tuple[tuple[str, Pin], Normalisation], painter.Indices] = OrderedDict()
        self._norms: OrderedDict[object, tuple[Normalisation, Normalisation]] = OrderedDict()
        self.canvas, self.reference = (MapCanvas(width=410, height=320, pointed=True) for _ in range(2))
        self._build()
        self.picker.observe(self._open, "photo")
        self.observe(self._show, ["checkpoint", "kind", "center", "mode", "contour", "pinned"])
        self._open(None)

    def _build(self) -> None:
        kind = widgets.Dropdown(
            options=KINDS, description="Map", tooltip="θ maps, or what a map shows that knows nothing of cropping"
        )
        center = widgets.Dropdown(
            options=CENTRINGS,
            description="Centring",
            tooltip="Whether each channel's mean over the photo, which ranking does not identify, is taken off",
            layout=widgets.Layout(width="270px"),
        )
        mode = widgets.Dropdown(options=MODES, description="Scale", tooltip="How values become colours")
        contour = widgets.SelectionSlider(
            options=list(OUTLINES.items()),
            description="Outline",
            tooltip="Outline of the highest pixels",
            layout=widgets.Layout(width="230px"),
        )
        self.controls = {"kind": kind, "center": center, "mode": mode, "contour": contour}
        for name, control in self.controls.items():
            self.link(name, control)
        self.pin_button = widgets.Button(
            description="Pin this map",
            icon="thumb-tack",
            tooltip="Make the map on the left the reference",
            layout=widgets.Layout(width="130px"),
        )
        self.pin_button.on_click(self._pin)
        self.pointed = widgets.HTML(layout=widgets.Layout(min_height="1.4em"))
        for canvas in (self.canvas, self.reference):
            canvas.observe(self._point, "pointer")
        self.children = [
            self.picker,
            widgets.HBox([checkpoint_menu(self), kind, mode]),
            widgets.HBox([center, opacity_slider(self, self.canvas, self.reference), contour, self.pin_button]),
            self.status,
            widgets.HBox([self.canvas, self.reference], layout=widgets.Layout(grid_gap="16px")),
            self.pointed,
            self.readout,
            self.saver,
        ]

    # ---- maps

    def _layer(self, pin: Pin) -> Layer:
        key = (self._digest, pin)
        if key not in self._layers:
            self._layers[key] = self._computed(*pin)
        return fresh(self._layers, key, _KEPT)

    def _computed(self, checkpoint: str, kind: str, center: str) -> Layer:
        if kind == "difference":
            return self._difference(checkpoint, center)
        if kind in _UNCENTRED:
            if center:  # without channels there are no means to take off
                return self._layer((checkpoint, kind, ""))
            make, label = _UNCENTRED[kind]
            with self.working():
                return Layer(make(self.maps.model(checkpoint), self.photo), "sequential", label, None)
        weights = _weights(kind)
        if not self.maps.has(self.photo, checkpoint, weights):
            with self.working():
                self.maps.get(self.photo, checkpoint, weights)
        theta = self.maps.theta(self.photo, checkpoint, center, weights)  # type: ignore[arg-type]
        layer = theta_layer(theta, _family(kind))  # type: ignore[arg-type]
        return layer if weights == "trained" else replace(layer, label=f"{layer.label}; {weights}")

    def _difference(self, checkpoint: str, center: str) -> Layer:
        """The pinned kind of map under this checkpoint and centring, less the pinned map."""
        _, kind, _ = self.pinned
        there = self._layer(self._pair()[1])
        here = self._layer((checkpoint, kind, center))
        shape = here.values.shape
        values = there.values if there.values.shape == shape else to_grid(there.values, (shape[0], shape[1]))
        found = (here.values - values).astype(np.float32)
        return Layer(found, "diverging", f"this − pinned, {_kind_name(kind)}", 0.0)

    def _pair(self) -> tuple[Pin, Pin]:
        return (self.checkpoint, self.kind, self.center), (self.pinned[0], self.pinned[1], self.pinned[2])

    def _scales_of(self, here: Pin, there: Pin) -> tuple[Normalisation, Normalisation]:
        """One scale for two maps of a kind, else one each."""
        key = (self._digest, here, there, self.mode)
        if key not in self._norms:
            first, second = self._layer(here), self._layer(there)
            modes: list[Mode] = ["percentile" if self._unscaled(pin) else self.mode for pin in (here, there)]
            if _family(here[1]) == _family(there[1]):
                both = first.norm(second, mode=modes[0] if modes[0] == modes[1] else "percentile")
                self._norms[key] = (both, both)
            else:
                self._norms[key] = (first.norm(mode=modes[0]), second.norm(mode=modes[1]))
        return fresh(self._norms, key, _KEPT)

    def _unscaled(self, pin: Pin) -> str:
        """Why a map has no scale of the chosen mode; empty if it has one."""
        if pin[1] == "difference":
            return "" if self.mode in ("percentile", "raw") else "a difference, whose colours part at 0"
        flag = Normalisation(self.mode, None, 1).flag(self._layer(pin).values)
        return flag if flag == "mean not positive" else ""

    @checks("pinned")
    def _check_pinned(self, value: Pin) -> Pin:
        checkpoint, kind, center = value
        self.maps.require(checkpoint)
        one_of(kind, (each for each in KINDS.values() if each != "difference"), "the pinned kind")
        one_of(center, CENTRINGS.values(), "the pinned centring")
        return value

    # ---- showing

    @guarded
    def _open(self, change: object) -> None:
        self._digest = digest(self.photo)
        with self.canvas.hold_sync(), self.reference.hold_sync():
            self.canvas.set_photo(self.photo)
            self.reference.set_photo(self.photo)
            self._show(None)

    @guarded
    def _pin(self, button: object) -> None:
        self.pinned = self._pair()[0]

    @guarded
    def _show(self, change: Any) -> None:
        """The update path: choices to two layers and their read-out."""
        self.say()
        self.pin_button.disabled = self.kind == "difference"
        if change is not None and change["name"] == "pinned":
            for stale in [each for each in self._layers if each[1][1] == "difference"]:
                del self._layers[stale]
            self._images.clear()
            self._norms.clear()
        pins = self._pair()
        norms = self._scales_of(*pins)
        notes = []
        for canvas, pin, norm, role in zip((self.canvas, self.reference), pins, norms, ("This", "Pinned"), strict=True):
            layer, key = self._layer(pin), ((self._digest, pin), norm)
            if key not in self._images:
                self._images[key] = painter.indices(layer.values, norm)
            with canvas.hold_sync():
                canvas.set_indices(
                    fresh(self._images, key, _KEPT),
                    norm,
                    layer.colors,
                    f"{layer.label}. {norm}",
                    contour=self.contour or None,
                    values=layer.values,
                )
                canvas.title = f"{role}: {_kind_name(pin[1])} · {pin[0]}"
                canvas.alt = f"{self.picker.name}: {layer.label}, {pin[0]}; {norm}"
            if why := self._unscaled(pin):
                notes.append(f"{role} map: {why}; by percentiles instead.")
            if flag := norm.flag(layer.values):
                notes.append(f"{role} map: {flag}; this scale says nothing of it.")
        same = norms[0] is norms[1]
        scale = f"One scale for both: {norms[0]}." if same else f"This: {norms[0]}. Pinned: {norms[1]}."
        shares = ", ".join(
            f"{role} {number(share)}"
            for role, pin in zip(("this", "pinned"), pins, strict=True)
            if np.isfinite(share := self._gauge_share(pin))
        )
        told = [
            f"<b>{scale}</b>",
            *([f"Gauge share (offset between channels in mean θstd²): {shares}."] if shares else []),
        ]
        lines = "<br>".join([*told, *notes, charts.table(self.numbers())])
        self.readout.value = f"<div style='line-height:1.45'>{lines}</div>"

    def _gauge_share(self, pin: Pin) -> float:
        kind = pin[1]
        if kind == "difference" or kind in _UNCENTRED:
            return float("nan")
        return self.maps.theta(self.photo, pin[0], pin[2], _weights(kind)).gauge_share  # type: ignore[arg-type]

    @guarded
    def _point(self, change: dict[str, Any]) -> None:
        if not change["new"]:
            self.pointed.value = ""
            return
        x, y = change["new"]
        height, width = self.photo.shape[:2]
        found = []
        for role, pin, norm in zip(("this", "pinned"), self._pair(), self._scales_of(*self._pair()), strict=True):
            values = self._layer(pin).values
            row, column = (
                min(int(at / n * side), side - 1)
                for at, n, side in zip((y, x), (height, width), values.shape, strict=True)
            )
            text = number(float(values[row, column]), 4)
            if norm.mode == "ratio":
                text += f" ({number(float(values[row, column]) / float(values.mean(dtype=np.float64)))} × its mean)"
            found.append(f"{role} {text}")
        self.pointed.value = f"At {x:.0f}, {y:.0f} px: {'; '.join(found)}"

    # ---- telling

    def scales(self) -> Mapping[str, str]:
        """See `View.scales`."""
        norms = self._scales_of(*self._pair())
        return {"this": str(norms[0]), "pinned": str(norms[1])}

    def used_checkpoints(self) -> list[str]:
        """See `View.used_checkpoints`."""
        return list(dict.fromkeys([self.checkpoint, self.pinned[0]]))

    def numbers(self) -> pd.DataFrame:
        """Both maps: what they are, gauge share, spread, and how each region stands out, in standard deviations."""
        rows: list[dict[str, str | float]] = []
        for role, pin in zip(("this", "pinned"), self._pair(), strict=True):
            rows.append(
                {
                    "map": role,
                    "checkpoint": pin[0],
                    "kind": pin[1],
                    "centring": pin[2],
                    "gauge_share": self._gauge_share(pin),
                    **self._layer(pin).spread,
                }
            )
        return pd.DataFrame(rows)

    def picture(self) -> Image.Image:
        """Both maps side by side, over the scale and the gauge share."""
        text = self.readout.value.split("<table")[0]
        return painter.compose([("", self.canvas.image()), ("", self.reference.image())], plain(text))

    def sweep(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """See `View.sweep`: every kind of map but the difference."""
        for label, kind in KINDS.items():
            if kind != "difference":
                yield label, {"kind": kind}


def _weights(kind: str) -> Weights:
    return _NULLS.get(kind.partition("_")[0], "trained")


def _family(kind: str) -> str:
    return kind.rsplit("_", maxsplit=1)[-1]


def _kind_name(kind: str) -> str:
    return next(label for label, value in KINDS.items() if value == kind).split(": mean")[0].split(": spread")[0]
