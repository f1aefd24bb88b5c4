"""AuditExplorer: what was planted, beside what an explanation makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import ipywidgets as widgets
import numpy as np
import pandas as pd
import traitlets as t
from PIL import Image

from asm_interp.analysis.localisation import EXPLANATIONS, MEASURES
from asm_interp.analysis.normalisation import Normalisation
from asm_interp.audit.bench import Bench
from asm_interp.data.planted import rule_grid
from asm_interp.model.score_map import crop_scores
from asm_interp.widgets import charts, painter
from asm_interp.widgets.canvas import MapCanvas, outline
from asm_interp.widgets.charts import number
from asm_interp.widgets.controls import opacity_slider
from asm_interp.widgets.planted_scenes import PlantedScenes, mask_lines
from asm_interp.widgets.rows import flow
from asm_interp.widgets.score_maps import ScoreMaps
from asm_interp.widgets.stepper import Stepper
from asm_interp.widgets.svg_image import svg_image
from asm_interp.widgets.view import View, guarded

SHORT = {
    "theta_std": "θstd",
    "theta_std_centred": "θstd, centred",
    "theta_avg": "θavg",
    "gradient": "gradient",
    "saliency": "saliency",
    "random_head": "random head",
    "random_weights": "untrained",
    "feature_norm": "feature norm",
    "edges": "edges",
    "centre": "centre",
}
"""What explanations are called beside their bars."""

_SCENES = 12
_PLANE = 120  # side of the blank square under a map of the crop plane
_MODEL = "shapes-lambda-0.1"


class AuditExplorer(View):
    """A scene with its planted truth, an explanation over it, and the composition rule that the model has learned.

    Parameters
    ----------
    checkpoint : str or path, optional
        A model of planted scenes.
    bench : Bench, optional
        Held-out scenes; drawn ones by default, which need no files.
    maps : ScoreMaps, optional

    Attributes
    ----------
    checkpoint : str
    index : int
        Which scene.
    explanation : str
        One of `asm_interp.analysis.localisation.EXPLANATIONS`.
    opacity : float
    """

    sweep_name: ClassVar[str] = "Explanation"

    checkpoint = t.Unicode()
    index = t.Int(0)
    explanation: t.Enum[Any] = t.Enum(list(EXPLANATIONS), "theta_std")
    opacity = t.Float(0.75)

    def __init__(
        self, checkpoint: object | None = None, *, bench: Bench | None = None, maps: ScoreMaps | None = None
    ) -> None:
        super().__init__(maps=maps)
        self.scenes = PlantedScenes(bench or Bench.make("shapes", _SCENES), self.maps)
        known = self.scenes.checkpoints
        self.checkpoint = str(checkpoint or (_MODEL if _MODEL in known else known[0]))
        self.truth, self.canvas = MapCanvas(width=268, height=220), MapCanvas(width=268, height=220)
        self.planted, self.learned = (MapCanvas(width=190, height=190, opacity=1.0, guides="thirds") for _ in range(2))
        self.bars, self.forest = widgets.HTML(), widgets.HTML()
        self._build()
        self.observe(self._open_model, "checkpoint")
        self.observe(self._open_scene, "index")
        self.observe(self._show, "explanation")
        self._open_model(None)

    # ---- building

    def _build(self) -> None:
        known = self.scenes.checkpoints
        self.menu = widgets.Dropdown(
            options=known if self.checkpoint in known else [self.checkpoint, *known],
            description="Model",
            tooltip="Models of planted scenes: what they should have learned is known",
            layout=widgets.Layout(width="300px"),
        )
        self.explanation_menu = widgets.Dropdown(
            options={told: name for name, told in EXPLANATIONS.items()},
            description="Map",
            tooltip="Explanations; from saliency on they know nothing of how crops were scored",
            layout=widgets.Layout(width="330px"),
        )
        self.stepper = Stepper("Scene")
        self.stepper.count = len(self.scenes)
        self.opacity_slider = opacity_slider(self, self.canvas)
        for control, name in (
            (self.menu, "checkpoint"),
            (self.explanation_menu, "explanation"),
            (self.stepper, "index"),
        ):
            t.link((self, name), (control, "value"))
        for canvas in (self.planted, self.learned):
            canvas.set_photo(np.full((_PLANE, _PLANE, 3), 255, np.uint8), grey=False)
            canvas.crop = [0, 0, _PLANE, _PLANE]
        self.children = [
            flow(self.menu, self.explanation_menu),
            flow(self.stepper, self.opacity_slider),
            self.status,
            flow(self.truth, self.canvas, self.bars),
            self.readout,
            flow(self.planted, self.learned, self.forest),
        ]

    # ---- state to pictures

    @guarded
    def _open_model(self, _: object) -> None:
        """Everything that depends on the model: all scenes are explained once."""
        with self.working("explaining the scenes…"):
            self.means = self.scenes.mean_marks(self.checkpoint)
            self.rule = self.scenes.learned(self.checkpoint)
        self._show_rule()
        self._open_scene(None)

    @guarded
    def _open_scene(self, _: object) -> None:
        self.sample = self.scenes.sample(self.checkpoint, self.index)
        self.found, self.marks = self.scenes.explained(self.checkpoint, self.index)
        subject = {"lines": mask_lines(self.sample.mask), "color": "#ffffff", "width": 1.5}
        for canvas in (self.truth, self.canvas):
            with canvas.hold_sync():
                canvas.set_photo(self.sample.photo)
                canvas.outlines = [subject]
        boxes, scores = self.sample.boxes, self.maps.get(self.sample.photo, self.checkpoint)
        best, chosen = self.sample.scores.argmax(), crop_scores(scores, self.sample.boxes).argmax()
        same = chosen == best
        self.truth.outlines = [
            subject,
            outline(boxes[best].tolist(), color="#ffe600", width=2),
            outline(boxes[chosen].tolist(), color="#56B4E9", dash=True, width=2),
        ]
        self.truth.title = "Best crop: rule yellow, model blue"
        told = "are the same" if same else "differ"
        self.truth.alt = f"{self.sample.id}; the best crop by the planted rule and that by the model {told}"
        self.picker.photo = self.sample.photo
        self.picker.name = self.sample.id
        self._show(None)

    @guarded
    def _show(self, _: object) -> None:
        """The update path: which explanation lies over the scene."""
        values = self.found[self.explanation]
        mean = float(values.mean())
        diverging = self.explanation == "theta_avg"
        self.norm = Normalisation.fit(values, mode="percentile", center=mean if diverging else None)
        label = f"{EXPLANATIONS[self.explanation]}{'; light: its mean' if diverging else ''}"
        with self.canvas.hold_sync():
            self.canvas.set_map(values, self.norm, "diverging" if diverging else "sequential", label)
            self.canvas.title = f"{SHORT[self.explanation]}: AUC {number(self.marks.loc[self.explanation, 'auc'])}"
            self.readout.value = (
                f"<div style='line-height:1.4'>{self._told()}<br>{self._told_rule()}"
                f"<div style='color:#555'>{self.checkpoint}; {SHORT[self.explanation]}: {self.norm}</div></div>"
            )
            self.canvas.alt = self.description()
        self.bars.value = charts.bars(
            list(SHORT.values()),
            self.marks["auc"],
            title="AUC: subject against the rest",
            name="this scene",
            beside=(f"mean of {len(self.scenes)} scenes", self.means["auc"]),
            selected=list(SHORT).index(self.explanation),
            limits=(0.0, 1.0),
            width=262,
        )

    def _show_rule(self) -> None:
        world, rule = self.scenes.world(self.checkpoint), self.rule
        g = rule_grid(world.rule, len(rule.map))
        planted, learned = (Normalisation.fit(g - g.mean(), center=0.0), Normalisation.fit(rule.map, center=0.0))
        self.planted.set_map(g - g.mean(), planted, "diverging", "less its mean")
        self.planted.title = f"Planted: {world.rule}"
        self.learned.set_map(rule.map, learned, "diverging", "score, less its mean")
        self.learned.title = f"Learned, {rule.n_photos} scenes"
        self.planted.alt = f"Where the planted rule {world.rule} wants a subject to stand in the crop"
        self.learned.alt = self._told_rule()
        named = rule.correlations.rename(columns={"rule": "statistic", "correlation": "estimate"})
        self.forest.value = charts.forest(named.round(3), title="Correlation with each rule", width=390)

    # ---- telling

    def _told(self) -> str:
        mark, mean = (
            {measure: float(table[measure].to_dict()[self.explanation]) for measure in MEASURES}
            for table in (self.marks, self.means)
        )
        share = float(self.sample.mask.mean())
        what = f"<b>{EXPLANATIONS[self.explanation]}</b>"
        if not share:
            return f"{self.sample.id} has no subject, so {what} has nothing to mark; mean AUC {number(mean['auc'])}."
        return (
            f"{what} on {self.sample.id}: a pixel of the subject has more than another with chance "
            f"{number(mark['auc'])} (AUC; 0.5 for a map that knows nothing, below it the subject has less; mean of the "
            f"scenes {number(mean['auc'])}); "
            f"its peak is {'on the subject' if mark['pointing'] else 'elsewhere'}; {number(100 * mark['mass'])} % of "
            f"its mass is on the subject, which covers {number(100 * share)} %."
        )

    def _told_rule(self) -> str:
        world, table = self.scenes.world(self.checkpoint), self.rule.correlations.set_index("rule")
        own = {name: float(column.to_dict()[world.rule]) for name, column in table.items()}
        right = "the planted one" if self.rule.best == world.rule else f"not the planted one, {world.rule}"
        return (
            f"Placement preference over {self.rule.n_photos} scenes: correlation with the planted rule "
            f"{number(own['correlation'])} [{number(own['ci_low'])}, {number(own['ci_high'])}]; by partition "
            f"{number(own['partition_correlation'])}, where {self.rule.pattern.name} can reach "
            f"{number(own['ceiling'])}. Nearest rule: {self.rule.best}, {right}."
        )

    def scales(self) -> Mapping[str, str]:
        """See `View.scales`."""
        return {self.explanation: str(self.norm)}

    def numbers(self) -> pd.DataFrame:
        """Rows "scene" and "mean" for each explanation, then "rule" for each named rule."""
        tables = [
            table.rename_axis("explanation").reset_index().assign(what=what)
            for what, table in (("scene", self.marks), ("mean", self.means))
        ]
        rules = self.rule.correlations.assign(what="rule", planted=self.scenes.world(self.checkpoint).rule)
        return pd.concat([*tables, rules], ignore_index=True)

    def picture(self) -> Image.Image:
        """Scene, explanation and bars; the planted and the learned rule below."""
        above = [("", canvas.image()) for canvas in (self.truth, self.canvas)] + [("", svg_image(self.bars.value))]
        below = [("", canvas.image()) for canvas in (self.planted, self.learned)] + [("", svg_image(self.forest.value))]
        return painter.compose([*above, *below], self.description(), columns=3)

    def sweep(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """See `View.sweep`: over the explanations."""
        for name, told in EXPLANATIONS.items():
            yield told, {"explanation": name}
