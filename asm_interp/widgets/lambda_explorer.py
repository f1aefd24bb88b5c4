"""LambdaExplorer: what λ, the weight of the saliency-aware loss, does to one photo's maps and crops."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import ipywidgets as widgets
import numpy as np
import pandas as pd
import traitlets as t
from PIL import Image

from asm_interp.analysis.map_similarity import map_spearman
from asm_interp.analysis.mean_maps import to_grid
from asm_interp.analysis.normalisation import Mode, Normalisation
from asm_interp.data.photo import sample_photos
from asm_interp.geometry.boxes import FloatArray, iou
from asm_interp.search import search_crops
from asm_interp.widgets import charts, painter
from asm_interp.widgets.canvas import MapCanvas, outline
from asm_interp.widgets.charts import number
from asm_interp.widgets.controls import opacity_slider
from asm_interp.widgets.guard import checks, one_of
from asm_interp.widgets.kept import fresh
from asm_interp.widgets.lambda_family import BiasOverPhotos, Family, bias_over_photos, corner_mass, families
from asm_interp.widgets.photos import Given
from asm_interp.widgets.score_maps import Photo, ScoreMaps, digest
from asm_interp.widgets.theta_layers import MODES, NAMES, Layer, theta_layer
from asm_interp.widgets.view import View, guarded, plain

CLAIM = "the saliency-aware loss removes spatial bias"  # Tu et al., AAAI 2020, Sec. 4.4 and Fig. 6
CELLS = (64, 64)  # on which maps are compared, as in `asm_interp.analysis.paired_maps`
_PREPARED = 6  # choices of photo, family, map and scale that are shown again without work


@dataclass(frozen=True, eq=False)
class Prepared:
    """Everything that the slider shows, ready: a move of it only looks up; `prepared` makes it."""

    layers: dict[float, Layer]
    norm: Normalisation
    images: dict[float, painter.Indices]
    gaps: dict[float, tuple[Normalisation, dict[float, painter.Indices]]] = field(default_factory=dict)

    def differences(self, pinned: float) -> tuple[Normalisation, dict[float, painter.Indices]]:
        """Each map less the pinned one, on one scale for all λ."""
        if pinned not in self.gaps:
            found = {lam: layer.values - self.layers[pinned].values for lam, layer in self.layers.items()}
            norm = Normalisation.fit(*found.values(), mode="percentile", center=0.0)
            self.gaps[pinned] = norm, {lam: painter.indices(values, norm) for lam, values in found.items()}
        return self.gaps[pinned]


def prepared(layers: dict[float, Layer], mode: Mode) -> Prepared:
    """Maps of all λ in the units of a mode, and their colours on one scale.

    Multiples of the mean are cut at percentiles: one bright pixel at one λ would darken the maps of all others.
    """
    if mode in ("ratio", "rank"):
        units = Normalisation.fit(*(layer.values for layer in layers.values()), mode=mode)
        what, middle = ("θ/θ̄", None) if mode == "ratio" else ("rank within the map", 0.5)
        layers = {
            lam: Layer(units.units(layer.values).astype(np.float32), layer.colors, f"{layer.label}: {what}", middle)
            for lam, layer in layers.items()
        }
    first, *others = layers.values()
    norm = first.norm(*others, mode="raw" if mode == "raw" else "percentile")
    return Prepared(layers, norm, {lam: painter.indices(layer.values, norm) for lam, layer in layers.items()})


class LambdaExplorer(View):
    """A slider over λ: maps at this λ and at a pinned one, their difference, best crops, and what became of the bias.

    Parameters
    ----------
    photo : array, path, name of a sample, or None
    checkpoint : str, optional
        A family of checkpoints (``photos`` for photos-lambda-0, photos-lambda-0.1 and so on), or a member of one.
    maps : ScoreMaps, optional
    photos : mapping of str to array, optional
        What the statistic "over photos" is taken over; the sample photographs by default.

    Attributes
    ----------
    family : str
    lam, pinned : float
    kind : {"std", "avg"}
    center : {"none", "channel"}
    mode : str
        Of `asm_interp.analysis.normalisation.Normalisation`; multiples of the mean are cut at percentiles. Centred
        θavg has the mean 0 and no such multiples: it is then shown by percentiles of its values.
    opacity : float
    """

    sweep_name: ClassVar[str] = "λ"

    family = t.Unicode()
    lam = t.Float()
    pinned = t.Float()
    kind: t.Enum[Any] = t.Enum(list(NAMES), "std")
    center: t.Enum[Any] = t.Enum(["channel", "none"], "channel")
    mode: t.Enum[Any] = t.Enum([mode for mode in MODES.values() if mode != "per-map"], "ratio")
    opacity = t.Float(0.6)

    def __init__(
        self,
        photo: Given = None,
        checkpoint: str | None = None,
        *,
        maps: ScoreMaps | None = None,
        photos: Mapping[str, Photo] | None = None,
    ) -> None:
        super().__init__(photo, maps=maps)
        self.families = families()
        if not self.families:
            raise ValueError("no family of checkpoints that differ in λ alone; they are named NAME-lambda-λ")
        self._photos = photos
        self._prepared: OrderedDict[object, Prepared] = OrderedDict()
        self._best: dict[object, pd.DataFrame] = {}
        self._over_photos: dict[str, BiasOverPhotos] = {}
        self._masses: dict[tuple[str, str], FloatArray] = {}
        self._alike: dict[object, float] = {}
        self.family, self.lam, self.pinned = self._start(checkpoint)
        self.canvases = tuple(MapCanvas(width=270, height=260) for _ in range(3))
        self._on_canvases, self._changing = "", False
        self._build()
        self.picker.observe(self._prepare, "photo")
        self.observe(self._change_family, "family")
        self.observe(self._prepare, ["kind", "center", "mode"])
        self.observe(self._pin, "pinned")
        self.observe(self._show, "lam")
        self._prepare(None)

    def _start(self, checkpoint: str | None) -> tuple[str, float, float]:
        """Family, λ and pinned λ to begin with: λ = 0.1 and 0 where there are such."""
        name, lam = checkpoint or ("photos" if "photos" in self.families else next(iter(self.families))), None
        for family in self.families.values():
            for each, member in family.checkpoints.items():
                if member == name:
                    name, lam = family.name, each
        if name not in self.families:
            raise ValueError(f"no family {name!r} of checkpoints; there are {', '.join(self.families)}")
        lambdas = self.families[name].lambdas
        return name, lam if lam is not None else 0.1 if 0.1 in lambdas else lambdas[-1], lambdas[0]

    @property
    def _family(self) -> Family:
        return self.families[self.family]

    def _build(self) -> None:
        options = [(f"{lam:g}", lam) for lam in self._family.lambdas]
        self.slider = widgets.SelectionSlider(
            options=options,
            description="λ",
            tooltip="Weight of the saliency-aware loss in training",
            layout=widgets.Layout(width="420px"),
        )
        self.pin_menu = widgets.Dropdown(
            options=options,
            description="Pinned λ",
            tooltip="What this λ is compared with",
            layout=widgets.Layout(width="180px"),
        )
        family = widgets.Dropdown(
            options=list(self.families),
            description="Family",
            tooltip="Checkpoints that differ in λ alone",
            layout=widgets.Layout(width="230px"),
        )
        kind = widgets.Dropdown(
            options={label: name for name, label in NAMES.items()},
            description="Map",
            tooltip="Mean, or spread, of a pixel's scores over the places it may take in a crop",
            layout=widgets.Layout(width="180px"),
        )
        center = widgets.Dropdown(
            options={"taken off": "channel", "left in": "none"},
            description="Channel means",
            tooltip="Each channel's mean over the photo is not identified by ranking",
            style={"description_width": "initial"},
            layout=widgets.Layout(width="200px"),
        )
        mode = widgets.Dropdown(
            options={label: each for label, each in MODES.items() if each != "per-map"},
            description="Scale",
            tooltip="One for all λ",
        )
        for name, control in (
            ("family", family),
            ("lam", self.slider),
            ("pinned", self.pin_menu),
            ("kind", kind),
            ("center", center),
            ("mode", mode),
        ):
            self.link(name, control)
        self.curves = widgets.HTML()
        self.children = [
            self.picker,
            widgets.HBox([family, kind, center, mode]),
            widgets.HBox([self.slider, self.pin_menu, opacity_slider(self, *self.canvases)]),
            self.status,
            widgets.HBox(list(self.canvases), layout=widgets.Layout(grid_gap="12px")),
            widgets.HBox([self.curves, self.readout], layout=widgets.Layout(grid_gap="16px")),
            self.saver,
        ]

    @checks("family")
    def _check_family(self, value: str) -> Any:
        return one_of(value, self.families, "a family")

    @checks("lam", "pinned")
    def _check_lambda(self, value: float) -> Any:
        return one_of(value, self._family.lambdas, f"λ of {self.family}")

    # ---- preparing

    @guarded
    def _change_family(self, change: object) -> None:
        lambdas = self._family.lambdas
        options = [(f"{lam:g}", lam) for lam in lambdas]
        lam, pinned = (now if now in lambdas else lambdas[0] for now in (self.lam, self.pinned))
        self._changing = True  # new options reset the menus on the way
        try:
            for control, value in ((self.slider, lam), (self.pin_menu, pinned)):
                control.options = options
                control.value = value
        finally:
            self._changing = False
        self._prepare(None)

    @property
    def effective_mode(self) -> Mode:
        """The scale that is used: `mode`, but percentiles for θavg in place of its ratio."""
        return "percentile" if self.kind == "avg" and self.mode == "ratio" else self.mode

    @guarded
    def _prepare(self, change: object) -> None:
        """Whatever the slider will need: maps of all λ, their colours, best crops and statistics."""
        photo = self.photo
        self._digest = digest(photo)
        key = (self._digest, self.family, self.kind, self.center, self.effective_mode)
        if key not in self._prepared:
            with self.working():
                layers = {
                    lam: theta_layer(self.maps.theta(photo, name, self.center), self.kind)
                    for lam, name in self._family.checkpoints.items()
                }
                self._prepared[key] = prepared(layers, self.effective_mode)
                self._search()
                if self.family not in self._over_photos:
                    photos = sample_photos() if self._photos is None else self._photos
                    self._over_photos[self.family] = bias_over_photos(self.maps, self._family, photos)
        self.say()
        self.now = fresh(self._prepared, key, _PREPARED)
        if (self._digest, self.family) not in self._masses:
            self._masses[self._digest, self.family] = corner_mass(self.maps, self._family, photo)
        self.masses = self._masses[self._digest, self.family]
        self._pin(None)

    def _search(self) -> None:
        """Best crops at every λ, so that the slider need not wait for them."""
        for name in self._family.checkpoints.values():
            if (self._digest, name) not in self._best:
                self._best[self._digest, name] = search_crops(self.maps.get(self.photo, name), top=1)

    def _best_box(self, lam: float) -> list[float]:
        row = self._best[self._digest, self._family.checkpoints[lam]].iloc[0]
        return [float(row[name]) for name in ("x1", "y1", "x2", "y2")]

    # ---- showing

    @guarded
    def _pin(self, change: object) -> None:
        """The pinned map and the scale of differences; then all the rest."""
        if self._changing:
            return
        self.gaps = self.now.differences(self.pinned)
        here, there, gap = self.canvases
        with here.hold_sync(), there.hold_sync(), gap.hold_sync():
            if self._on_canvases != self._digest:
                for canvas in self.canvases:
                    canvas.set_photo(self.photo)
                self._on_canvases = self._digest
            self._lay(there, self.pinned)
            there.title = f"pinned: λ = {self.pinned:g}"
            there.outlines = [outline(self._best_box(self.pinned), "best", color="#ffffff", dash=True)]
            self._show(None)

    def _lay(self, canvas: MapCanvas, lam: float) -> None:
        layer = self.now.layers[lam]
        label = f"{layer.label}. {self.now.norm}"
        canvas.set_indices(self.now.images[lam], self.now.norm, layer.colors, label)
        canvas.alt = f"{self.picker.name}, λ = {lam:g}: {label}"

    @guarded
    def _show(self, change: object) -> None:
        """The update path of the slider."""
        if self._changing:
            return
        here, _, gap = self.canvases
        norm, gaps = self.gaps
        mine, theirs = self._best_box(self.lam), self._best_box(self.pinned)
        with here.hold_sync():  # sent before all the rest, for this is where one looks
            self._lay(here, self.lam)
            here.title = f"λ = {self.lam:g}"
            here.outlines = [outline(theirs, dash=True), outline(mine, "best", color=painter.ACCENT, width=2.5)]
        with gap.hold_sync():
            label = f"{NAMES[self.kind]}: λ = {self.lam:g} − λ = {self.pinned:g}. {norm}"
            gap.set_indices(gaps[self.lam], norm, "diverging", label)
            gap.title, gap.alt = "difference: this − pinned", f"{self.picker.name}, {label}"
        self.curves.value = "".join(self._charts())
        self.readout.value = f"<div style='line-height:1.45'>{self._told()}</div>"

    def _charts(self) -> list[str]:
        lambdas = self._family.lambdas
        names = [f"{lam:g}" for lam in lambdas]
        places = {"marker": lambdas.index(self.lam), "pinned": lambdas.index(self.pinned)}
        accuracy, over = self._family.accuracy, self._over_photos[self.family].mass()
        mean = charts.Series(
            f"mean of {int(over['n_photos'].max())} photos", *(over[each] for each in ("estimate", "ci_low", "ci_high"))
        )
        return [
            charts.curve(
                names,
                [charts.Series("held-out photos", *(accuracy[name] for name in ("accuracy", "low", "high")))],
                title="Ranking accuracy",
                x_name="λ",
                height=150,
                **places,
            ),
            charts.curve(
                names,
                [charts.Series("this photo", self.masses), mean],
                title="Corner mass of θstd, log2; 0 is even",
                reference=0.0,
                x_name="λ",
                height=185,
                **places,
            ),
        ]

    # ---- telling

    def _told(self) -> str:
        index = self._family.lambdas.index
        mass, base = float(self.masses[index(self.lam)]), float(self.masses[0])
        least = self._family.lambdas[0]
        nearer = abs(mass) < abs(base)
        change = "the least λ" if self.lam == least else "nearer to even" if nearer else "farther from even"
        over = self._over_photos[self.family]
        word, why = over.verdict(self.lam)
        lines = [
            f"<b>Claim of the paper: “{CLAIM}”.</b>",
            f"<b>This photo</b>: θstd is {number(2**mass)} times as dense in the corners as over the whole photo at "
            f"λ = {self.lam:g} ({number(2**base)} times at λ = {least:g}): {change}. One photo is an example, no test.",
            f"<b>Over photos: {word}</b>; {why}.",
        ]
        if len(over.trend):
            row = over.trend.iloc[0]
            lines.append(
                f"Along all λ: Spearman's ρ of the distance from even with λ {number(row['estimate'])} "
                f"[{number(row['ci_low'])}, {number(row['ci_high'])}], Page's p {number(row['p'])}."
            )
        accuracy = self._family.accuracy.set_index("lambda").loc[[self.lam, self.pinned], "accuracy"]
        lines.append(
            f"Ranking accuracy {number(accuracy.iloc[0])} (pinned {number(accuracy.iloc[1])}). Best crops overlap by "
            f"IoU {number(self._overlap())}; maps agree by Spearman's ρ {number(self._likeness())}."
        )
        if self.effective_mode != self.mode:
            lines.append("θavg by percentiles: its mean may be 0, and then it has no ratio.")
        return "<br>".join(lines)

    def _overlap(self) -> float:
        return float(iou(np.array(self._best_box(self.lam)), np.array(self._best_box(self.pinned))))

    def _likeness(self) -> float:
        key = (self._digest, self.family, self.kind, self.center, self.lam, self.pinned)
        if key not in self._alike:
            first, second = (to_grid(self.now.layers[lam].values, CELLS) for lam in (self.lam, self.pinned))
            self._alike[key] = map_spearman(first, second)
        return self._alike[key]

    def used_checkpoints(self) -> list[str]:
        """See `View.used_checkpoints`."""
        return list(self._family.checkpoints.values())

    def scales(self) -> Mapping[str, str]:
        """See `View.scales`."""
        return {"maps": str(self.now.norm), "difference": str(self.gaps[0])}

    def numbers(self) -> pd.DataFrame:
        """One row per λ: accuracy, corner mass of this photo and over photos with intervals, and the best crop."""
        over = self._over_photos[self.family].mass()
        table = self._family.accuracy.rename(columns={"low": "accuracy_low", "high": "accuracy_high"})
        table["corner_mass"] = self.masses
        for name in ("estimate", "ci_low", "ci_high"):
            table[f"corner_mass_over_photos_{name}"] = over[name].to_numpy()
        boxes = np.array([self._best_box(lam) for lam in self._family.lambdas])
        return table.assign(**{f"best_{name}": boxes[:, i] for i, name in enumerate(("x1", "y1", "x2", "y2"))})

    def picture(self) -> Image.Image:
        """The three maps over the verdict."""
        return painter.compose([("", canvas.image()) for canvas in self.canvases], plain(self.readout.value))

    def sweep(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """See `View.sweep`: every λ of the family."""
        for lam in self._family.lambdas:
            yield f"λ = {lam:g}", {"lam": lam}
