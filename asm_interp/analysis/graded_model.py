"""One model of a planted world, measured photo by photo against the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from asm_interp.analysis.dose_response import HELD, corner_response, split_content
from asm_interp.analysis.localisation import MEASURES, explanation_maps, localisation, random_heads
from asm_interp.analysis.placement import PLACES, placement_preference
from asm_interp.analysis.regions import concentration, region_z
from asm_interp.analysis.scored_crops import ScoredCrops
from asm_interp.analysis.theta import theta_maps
from asm_interp.data.crops import CropDataset, CropSample
from asm_interp.data.planted import PlantedSample, PlantedWorld
from asm_interp.data.scenes import MAX_DISTRACTORS, ShapeScenes
from asm_interp.evaluation.metrics import ranking_accuracy
from asm_interp.geometry.boxes import FloatArray
from asm_interp.geometry.patterns import CompositionPattern
from asm_interp.model.asmnet import ASMNet
from asm_interp.model.score_map import ScoreMap, crop_scores

Key = tuple[str, str]
"""Explanation and truth that a measure compares."""

OUTSIDE, INSIDE = "distractor outside the crop removed", "distractor inside the crop removed"

HEADS = 5
"""Random heads that a model is set against, each model's own: they differ more from one another than models do."""

_PAIR = 0.1  # least difference of planted scores in the ranking accuracy


@dataclass(frozen=True, eq=False)
class Removal:
    """A scene from which one distractor is taken away.

    Attributes
    ----------
    index : int
        Number of the scene.
    photo : array of uint8, [H, W, 3]
    changed : array of bool, [H, W]
        Pixels where the distractor could be seen.
    """

    index: int
    photo: npt.NDArray[np.uint8]
    changed: npt.NDArray[np.bool_]


def removals(scenes: ShapeScenes, indices: Iterable[int]) -> Iterator[Removal]:
    """Take each distractor that can be seen away from its scene, one at a time."""
    for index in indices:
        photo = scenes[index].photo
        for number in range(MAX_DISTRACTORS):
            without = ShapeScenes(scenes.n, scenes.size, scenes.seed, (*scenes.without, number))[index].photo
            changed = (photo != without).any(axis=2)
            if changed.any():
                yield Removal(index, without, changed)


class Setting(NamedTuple):
    """All that tells groups of models apart; models that share it are seeds of one another."""

    rule: str
    pattern: str
    backbone: str
    lam: float
    beta: float


def check_seeds(models: Iterable[tuple[str, Setting, int]]) -> None:
    """Refuse models that cannot be told apart.

    Parameters
    ----------
    models : iterable of (name, Setting, seed)

    Raises
    ------
    ValueError
        If two have one setting and seed: they would pass for two draws of the training, which they are not.
    """
    known: dict[tuple[Setting, int], str] = {}
    for name, setting, seed in models:
        if (setting, seed) in known:
            told = f"rule {setting.rule}, {setting.pattern}, {setting.backbone}, λ {setting.lam:g}, β {setting.beta:g}"
            other = known[setting, seed]
            raise ValueError(f"{other} and {name} have one setting ({told}) and one seed, {seed}: grade either of them")
        known[setting, seed] = name


@dataclass(frozen=True, eq=False)
class GradedModel:
    """What was measured of one model.

    Attributes
    ----------
    name, rule, backbone : str
        Of the checkpoint, of the world it was trained on, and of the network's trunk.
    lam, beta : float
        λ, and the world's corner preference.
    seed : int
    pattern : CompositionPattern
    measures : dict of (explanation, truth) to array, [N]
        One value per photo, NaN where a photo does not define it.
    preferences : array of float64, [M, n, n]
        Placement preference, less its mean, of each photo with one subject.
    head_aucs : array of float64, [H, N]
        AUC of θstd without channel offsets under each random head, of which ``measures["random_head", "auc"]`` is the
        mean; [H, 0] where localisation was not graded.
    head_preferences : array of float64, [H, n, n]
        Mean of the placement preferences under each random head.
    """

    name: str
    rule: str
    backbone: str
    lam: float
    beta: float
    seed: int
    pattern: CompositionPattern
    measures: dict[Key, FloatArray]
    preferences: FloatArray
    head_aucs: FloatArray
    head_preferences: FloatArray

    @property
    def setting(self) -> Setting:
        """What tells its group from others."""
        return Setting(self.rule, self.pattern.name, self.backbone, self.lam, self.beta)


def grade_model(
    model: ASMNet,
    world: PlantedWorld,
    *,
    name: str,
    lam: float,
    seed: int,
    explain: bool = True,
    heads: int = HEADS,
    removed: Sequence[Removal] = (),
    advance: Callable[[str], None] | None = None,
) -> GradedModel:
    """Measure a model on photos of the world it was trained on.

    Parameters
    ----------
    model : ASMNet
    world : PlantedWorld
    name : str
    lam : float
    seed : int
        Of the model's training, and with it of its random heads.
    explain : bool
        Grade localisation too, which takes most of the time.
    heads : int
        Random heads that localisation and placement preference are set against.
    removed : sequence of Removal
        Of the world's scenes.
    advance : callable, optional
        Called with each photo's id when it is done.
    """
    rows: list[dict[Key, float]] = []
    preferences, samples, contents, aucs = [], [], [], []
    head_preferences: list[list[FloatArray]] = []
    under_heads = random_heads(model, range(seed * heads, (seed + 1) * heads)) if heads else lambda _: []
    for index in range(len(world)):
        sample = world[index]
        score_map = model.score_map(sample.photo)
        scores = crop_scores(score_map, sample.boxes)
        paper, centred = theta_maps(score_map), theta_maps(score_map, center="channel")
        row: dict[Key, float] = {
            ("scores", "ranking accuracy"): ranking_accuracy(scores, sample.scores, delta=_PAIR),
            ("theta_avg", "corner z"): region_z(centred.avg),
            ("theta_std_centred", "corner concentration"): concentration(centred.std),
            ("theta_std", "corner concentration"): concentration(paper.std),
            ("theta_std", "gauge share"): paper.gauge_share,
        }
        nulls = under_heads(sample.photo)
        if explain:
            maps = explanation_maps(model, score_map, sample.photo, sample.boxes)
            row |= {
                (explanation, measure): value
                for explanation, values in maps.items()
                for measure, value in localisation(values, sample.mask).items()
            }
            marks = [localisation(theta_maps(null, center="channel").std, sample.mask) for null in nulls]
            aucs.append([mark["auc"] for mark in marks])
            if marks:
                row |= {("random_head", each): float(np.mean([mark[each] for mark in marks])) for each in MEASURES}
        changes = [_change(model, sample, scores, one) for one in removed if one.index == index]
        for truth, values in zip((OUTSIDE, INSIDE), np.reshape(changes, (-1, 2)).T, strict=True):
            known = values[~np.isnan(values)]
            row["scores", truth] = float(known.mean()) if len(known) else float("nan")
        if sample.subjects.max() == 1:
            preferences.append(_preference(score_map, sample))
            head_preferences.append([_preference(null, sample) for null in nulls])
        rows.append(row)
        samples.append(CropSample(id=str(index), boxes=sample.boxes, scores=scores, photo_size=sample.size()))
        contents.append(split_content(sample.truth.terms)[0])
        if advance is not None:
            advance(sample.id)
    measures = {key: np.array([row[key] for row in rows]) for key in rows[0]} | _corners(samples, np.array(contents))
    n_single = len(preferences)
    plane = np.array(preferences).reshape(n_single, PLACES, PLACES)
    planes_of_heads = np.array(head_preferences).reshape(n_single, heads, PLACES, PLACES)
    return GradedModel(
        name,
        world.rule,
        model.backbone_name,
        lam,
        world.weights.corners,
        seed,
        model.pattern,
        measures,
        plane,
        np.array(aucs).reshape(len(aucs), heads).T,
        planes_of_heads.sum(axis=0) / max(n_single, 1),
    )


def _preference(score_map: ScoreMap, sample: PlantedSample) -> FloatArray:
    preference = placement_preference(score_map, sample.mask)
    return np.asarray(preference - preference.mean())


def _change(model: ASMNet, sample: PlantedSample, scores: FloatArray, removal: Removal) -> tuple[float, float]:
    """Mean change of scores of crops that hold nothing, and all, of a distractor, in standard deviations of scores."""
    spread = float(scores.std())
    if spread == 0:
        return float("nan"), float("nan")
    change = np.abs(crop_scores(model.score_map(removal.photo), sample.boxes) - scores) / spread
    table = np.pad(removal.changed, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    x1, y1, x2, y2 = sample.boxes.astype(np.int64).T
    held = table[y2, x2] - table[y1, x2] - table[y2, x1] + table[y1, x1]
    outside, inside = (change[held == amount] for amount in (0, table[-1, -1]))
    return tuple(float(part.mean()) if len(part) else float("nan") for part in (outside, inside))  # type: ignore[return-value]


def _corners(samples: list[CropSample], contents: FloatArray) -> dict[Key, FloatArray]:
    """Corner statistics of the model's scores, [N] each; NaN for photos whose crops it scores all alike."""
    told = np.array([sample.scores is not None and np.ptp(sample.scores) > 0 for sample in samples])
    found = {("scores", f"corners, {held} held"): np.full(len(samples), np.nan) for held in HELD}
    if told.any():
        crops = ScoredCrops.read(CropDataset("scored", [s for s, one in zip(samples, told, strict=True) if one]))
        for held, values in zip(HELD, found.values(), strict=True):
            values[told] = corner_response(crops, contents[told], held)
    return found
