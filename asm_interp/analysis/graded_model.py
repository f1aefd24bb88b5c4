"""One model of a planted world, measured photo by photo against the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asm_interp.analysis.dose_response import HELD, corner_response, split_content
from asm_interp.analysis.localisation import explanation_maps, localisation
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
from asm_interp.model.score_map import crop_scores

Key = tuple[str, str]
"""Explanation and truth that a measure compares."""

OUTSIDE, INSIDE = "distractor outside the crop removed", "distractor inside the crop removed"

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


@dataclass(frozen=True, eq=False)
class GradedModel:
    """What was measured of one model.

    Attributes
    ----------
    name, rule : str
        Of the checkpoint, and of the world it was trained on.
    lam, beta : float
        λ, and the world's corner preference.
    seed : int
    pattern : CompositionPattern
    measures : dict of (explanation, truth) to array, [N]
        One value per photo, NaN where a photo does not define it.
    preferences : array of float64, [M, n, n]
        Placement preference, less its mean, of each photo with one subject.
    """

    name: str
    rule: str
    lam: float
    beta: float
    seed: int
    pattern: CompositionPattern
    measures: dict[Key, FloatArray]
    preferences: FloatArray

    @property
    def setting(self) -> tuple[str, float, float]:
        """Rule, λ and β: all that tells groups apart."""
        return self.rule, self.lam, self.beta


def grade_model(
    model: ASMNet,
    world: PlantedWorld,
    *,
    name: str,
    lam: float,
    seed: int,
    explain: bool = True,
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
        Of the model's training.
    explain : bool
        Grade localisation too, which takes most of the time.
    removed : sequence of Removal
        Of the world's scenes.
    advance : callable, optional
        Called with each photo's id when it is done.
    """
    rows: list[dict[Key, float]] = []
    preferences, samples, contents = [], [], []
    for index in range(len(world)):
        sample = world[index]
        score_map = model.score_map(sample.photo)
        scores = crop_scores(score_map, sample.boxes)
        paper, centred = theta_maps(score_map), theta_maps(score_map, center="channel")
        row: dict[Key, float] = {
            ("scores", "ranking accuracy"): ranking_accuracy(scores, sample.scores, delta=_PAIR),
            ("theta_avg", "corner z"): region_z(centred.avg),
            ("theta_std", "corner concentration"): concentration(paper.std),
            ("theta_std", "gauge share"): paper.gauge_share,
        }
        if explain:
            maps = explanation_maps(model, score_map, sample.photo, sample.boxes)
            row |= {
                (explanation, measure): value
                for explanation, values in maps.items()
                for measure, value in localisation(values, sample.mask).items()
            }
        changes = [_change(model, sample, scores, one) for one in removed if one.index == index]
        for truth, values in zip((OUTSIDE, INSIDE), np.reshape(changes, (-1, 2)).T, strict=True):
            known = values[~np.isnan(values)]
            row["scores", truth] = float(known.mean()) if len(known) else float("nan")
        if sample.subjects.max() == 1:
            preference = placement_preference(score_map, sample.mask)
            preferences.append(preference - preference.mean())
        rows.append(row)
        samples.append(CropSample(id=str(index), boxes=sample.boxes, scores=scores, photo_size=sample.size()))
        contents.append(split_content(sample.truth.terms)[0])
        if advance is not None:
            advance(sample.id)
    measures = {key: np.array([row[key] for row in rows]) for key in rows[0]} | _corners(samples, np.array(contents))
    plane = np.array(preferences).reshape(-1, PLACES, PLACES)
    return GradedModel(name, world.rule, lam, world.weights.corners, seed, model.pattern, measures, plane)


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
