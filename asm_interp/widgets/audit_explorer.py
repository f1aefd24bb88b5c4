"""AuditExplorer: what was planted, or a photo's subject as somebody boxed it, beside what explanations make of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
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
from asm_interp.geometry.candidates import anchor_boxes
from asm_interp.model.score_map import crop_scores
from asm_interp.widgets import charts, painter
from asm_interp.widgets.canvas import MapCanvas, outline
from asm_interp.widgets.charts import number
from asm_interp.widgets.controls import checkpoint_menu, opacity_slider
from asm_interp.widgets.graded_photo import GradedPhoto, middle
from asm_interp.widgets.guard import Refused, between, checks
from asm_interp.widgets.planted_scenes import PlantedScenes, mask_lines
from asm_interp.widgets.rows import flow
from asm_interp.widgets.score_maps import ScoreMaps
from asm_interp.widgets.stepper import Stepper
from asm_interp.widgets.svg_image import svg_image
from asm_interp.widgets.view import View, guarded
from asm_interp.widgets.wording import box_text

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

    A photo that is chosen, uploaded or typed takes the scene's place, and explanations are graded against the box
    that is drawn around its subject; no more of its truth is known. Stepping on returns to the scenes.

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
    subject : [x1, y1, x2, y2]
        Box around the subject of the photo that was chosen, in its pixels; starts as `graded_photo.middle`. Empty for
        a planted scene; emptying it returns to one.
    """

    sweep_name: ClassVar[str] = "Explanation"

    checkpoint = t.Unicode()
    index = t.Int(0)
    explanation: t.Enum[Any] = t.Enum(list(EXPLANATIONS), "theta_std")
    opacity = t.Float(0.75)
    subject: t.List[float] = t.List()

    def __init__(
        self, checkpoint: object | None = None, *, bench: Bench | None = None, maps: ScoreMaps | None = None
    ) -> None:
        super().__init__(maps=maps)
        self.graded: GradedPhoto | None = None
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
        self.observe(self._follow_subject, "subject")
        self.picker.observe(self._take_photo, "photo")
        self.truth.observe(self._follow_canvas, "crop")
        self.truth.observe(lambda _: self.truth.set_trait("shape", "rectangle"), "shape")  # a subject has a box, here
        self._open_model(None)

    # ---- building

    def _build(self) -> None:
        self.menu = checkpoint_menu(self, self.scenes.checkpoints)
        self.menu.tooltip = "Models of planted scenes: what they should have learned is known"
        self.explanation_menu = widgets.Dropdown(
            options={told: name for name, told in EXPLANATIONS.items()},
            description="Map",
            tooltip="Explanations; from saliency on they know nothing of how crops were scored",
            layout=widgets.Layout(width="330px"),
        )
        self.stepper = Stepper("Scene")
        self.stepper.count = len(self.scenes)
        self.opacity_slider = opacity_slider(self, self.canvas)
        self.link("explanation", self.explanation_menu)
        self.link("index", self.stepper)
        for canvas in (self.planted, self.learned):
            canvas.set_photo(np.full((_PLANE, _PLANE, 3), 255, np.uint8), grey=False)
            canvas.crop = [0, 0, _PLANE, _PLANE]
        self.children = [
            self.picker,
            flow(self.menu, self.explanation_menu),
            flow(self.stepper, self.opacity_slider),
            self.status,
            flow(self.truth, self.canvas, self.bars),
            self.readout,
            flow(self.planted, self.learned, self.forest),
            self.saver,
        ]

    # ---- state to pictures

    @guarded
    def _open_model(self, _: object) -> None:
        """Everything that depends on the model: all scenes are explained once."""
        with self.working("explaining the scenes…"):
            self.means = self.scenes.mean_marks(self.checkpoint)
            self.rule = self.scenes.learned(self.checkpoint)
        self._show_rule()
        if self.graded is None:
            self._open_scene(None)
        else:
            self._open_photo(self.subject)

    @guarded
    def _open_scene(self, _: object) -> None:
        self.graded, self.subject, self.truth.editable = None, [], False
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
        self.picker.show(self.sample.id, self.sample.photo)
        self._show(None)

    @guarded
    def _take_photo(self, change: dict[str, Any]) -> None:
        if self.picker.chosen:
            self._open_photo(middle(change["new"].shape[:2]))

    def _open_photo(self, subject: list[float]) -> None:
        """A photo, or a model, that was not on view before; its explanations are computed once."""
        photo = self.photo
        with self.working("explaining the photo…"):
            self.graded = self.scenes.graded(photo, self.checkpoint)
        self.found = self.graded.maps
        boxes = anchor_boxes(self.graded.photo_size)
        chosen = boxes[crop_scores(self.maps.get(photo, self.checkpoint), boxes).argmax()]
        with self.truth.hold_sync(), self.canvas.hold_sync():
            for canvas in (self.truth, self.canvas):
                canvas.set_photo(photo)
            self.truth.editable = True
            self.truth.outlines = [outline(chosen.tolist(), color="#56B4E9", dash=True, width=2)]
            self.truth.title = "Drag the box; model's best crop blue"
            self.subject = subject
            self._grade()
            self._show(None)

    @checks("checkpoint")
    def _check_checkpoint(self, value: str) -> str:
        self.scenes.world(value)
        self.maps.require(value)
        return value

    @checks("index")
    def _check_index(self, value: int) -> float:
        return between(value, 0, len(self.scenes) - 1, "the index of a scene")

    @checks("subject")
    def _check_subject(self, value: list[float]) -> list[float]:
        if not value:
            return []
        if self.graded is None:
            raise Refused("a planted scene's subject is known; one is boxed on a photo that was chosen")
        return self._on_photo(value)

    @guarded
    def _follow_canvas(self, change: dict[str, Any]) -> None:
        if change["new"] and self.graded is not None:
            self.take("subject", self.truth, "crop")

    @guarded
    def _follow_subject(self, _: object) -> None:
        if self.graded is None:
            return  # it went with its photo
        if not self.subject:
            self._open_scene(None)
            return
        self.say()
        self._grade()
        self._tell()

    def _grade(self) -> None:
        """Grade the explanations of the photo against its subject's box, as fast as that is dragged."""
        assert self.graded is not None
        self.marks = self.graded.marks(self.subject)
        self.truth.crop = list(self.subject)
        self.truth.alt = f"{self.picker.name} with a box around its subject, {box_text(self.subject)}; drag it"
        self.canvas.outlines = [outline(self.subject)]

    @guarded
    def _show(self, _: object) -> None:
        """The update path: which explanation lies over the scene or the photo."""
        values = self.found[self.explanation]
        mean = float(values.mean())
        diverging = self.explanation == "theta_avg"
        self.norm = Normalisation.fit(values, mode="percentile", center=mean if diverging else None)
        label = f"{EXPLANATIONS[self.explanation]}{'; light: its mean' if diverging else ''}"
        with self.canvas.hold_sync():
            self.canvas.set_map(values, self.norm, "diverging" if diverging else "sequential", label)
            self._tell()

    def _tell(self) -> None:
        """Grades in numbers, words and bars."""
        with self.canvas.hold_sync():
            self.canvas.title = f"{SHORT[self.explanation]}: AUC {number(self.marks.loc[self.explanation, 'auc'])}"
            self.readout.value = (
                f"<div style='line-height:1.4'>{self._told()}<br>{self._told_rule()}"
                f"<div style='color:#555'>{escape(self.checkpoint)}; {SHORT[self.explanation]}: {self.norm}</div></div>"
            )
            self.canvas.alt = self.description()
        self.bars.value = charts.bars(
            list(SHORT.values()),
            self.marks["auc"],
            title=f"AUC: {self._drawn if self.graded else 'subject against the rest'}",
            name="your photo" if self.graded else "this scene",
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
        what, note = f"<b>{EXPLANATIONS[self.explanation]}</b>", ""
        where, share = escape(self.sample.id), float(self.sample.mask.mean())
        if self.graded is not None:
            named = ", ".join(dict.fromkeys(("your photo", escape(self.picker.name))))
            where = f"{named}, {self._drawn} ({box_text(self.subject)})"
            share = self.graded.covered(self.subject)
            note = (
                " A box is a rough mask, and no truth of a photo's composition is known: "
                "the rules shown stay those of the planted scenes."
            )
        if not share:
            return f"{where} has no subject, so {what} has nothing to mark; mean AUC {number(mean['auc'])}."
        return (
            f"{what} on {where}: a pixel of the subject has more than another with chance "
            f"{number(mark['auc'])} (AUC; 0.5 for a map that knows nothing, below it the subject has less; mean of the "
            f"scenes {number(mean['auc'])}); "
            f"its peak is {'on the subject' if mark['pointing'] else 'elsewhere'}; {number(100 * mark['mass'])} % of "
            f"its mass is on the subject, which covers {number(100 * share)} %.{note}"
        )

    @property
    def _drawn(self) -> str:
        """What the subject of a photo is taken to be."""
        assert self.graded is not None
        untouched = self.subject == middle(self.graded.photo_size)
        return "subject not drawn: its middle" if untouched else "subject as you drew it"

    def _told_rule(self) -> str:
        if not self.rule.best:
            return f"No placement preference over {self.rule.n_photos} scenes: the model scores all places alike."
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
        """Rows "scene", or "photo", and "mean" for each explanation, then "rule" for each named rule."""
        tables = [
            table.rename_axis("explanation").reset_index().assign(what=what)
            for what, table in (("photo" if self.graded else "scene", self.marks), ("mean", self.means))
        ]
        rules = self.rule.correlations.assign(what="rule", planted=self.scenes.world(self.checkpoint).rule)
        return pd.concat([*tables, rules], ignore_index=True)

    def picture(self) -> Image.Image:
        """Scene or photo, explanation and bars; the planted and the learned rule below."""
        above = [("", canvas.image()) for canvas in (self.truth, self.canvas)] + [("", svg_image(self.bars.value))]
        below = [("", canvas.image()) for canvas in (self.planted, self.learned)] + [("", svg_image(self.forest.value))]
        return painter.compose([*above, *below], self.description(), columns=3)

    def sweep(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """See `View.sweep`: over the explanations."""
        for name, told in EXPLANATIONS.items():
            yield told, {"explanation": name}
