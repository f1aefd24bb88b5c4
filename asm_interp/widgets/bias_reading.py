"""What the bias view shows of one kind of scores: corners for each tolerance, inclusion lift, best and worst crops."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from asm_interp.analysis.corner_coverage import (
    TOLERANCES,
    corner_estimates,
    extreme_weights,
    risk_difference,
    tolerance_sweep,
)
from asm_interp.analysis.crop_input import Progress
from asm_interp.analysis.dose_response import NOISE
from asm_interp.analysis.estimates import mean_estimate, table
from asm_interp.analysis.lift_map import LiftMap, lift_map
from asm_interp.analysis.scored_crops import ScoredCrops
from asm_interp.analysis.statistics import Resampling
from asm_interp.data.crops import CropDataset, CropSample
from asm_interp.data.planted import Weights, shapes_world
from asm_interp.data.registry import read_dataset, where
from asm_interp.evaluation.baselines import Scorer
from asm_interp.geometry.boxes import FloatArray
from asm_interp.geometry.candidates import gaic_grid

PLANTED = {
    "planted shapes, no corner preference": 0.0,
    "planted shapes, corner preference 0.4": 0.4,
}
"""Data that need no files, and the weight of corners in their scores."""

RAW = "score and corner count, nothing held fixed"
ADJUSTED = "score and corner count, area and aspect held fixed"
CENTRAL = "score and corner count, size and centrality held fixed"
MATCHED = "score and corner count, width and height held fixed"

ROWS = {
    "corner coverage, best less worst": "coverage, best − worst: raw",
    "corner coverage, best less worst, within thirds by area": "… within thirds by area",
    "corner coverage, best less worst, within width and height": "… at equal width and height",
    RAW: "ρ(score, corners): raw",
    ADJUSTED: "… area, aspect held",
    "score and corner count, size, curved held fixed": "… size, curved, held",
    CENTRAL: "… size, centrality held",
    MATCHED: "… at equal width and height",
}
"""Rows of the corner table that are drawn, and what they are called beside their lines."""

_COVERAGE = next(iter(ROWS))
_SCENES = 60
_DRAFT = Resampling(1)  # a lift map without its tests
STEPS = 2 + len(TOLERANCES)
"""Steps that `BiasReading.test` tells its progress in."""


def open_data(data: str, root: str | os.PathLike[str] = "", split: str = "all") -> CropDataset:
    """A planted world of `PLANTED`, or a published data set from its folder.

    Raises
    ------
    ValueError
        If a published data set comes without a folder (the message says what to put there), or there is no such
        split; as `asm_interp.data.registry.read_dataset`.
    """
    if data in PLANTED:
        if split != "all":
            raise ValueError(f"{data}: drawn scenes have no split {split!r}; choose all")
        return CropDataset(data, list(_planted(PLANTED[data])))
    if not os.fspath(root):
        raise ValueError(f"Type the data set's folder, then Enter.\n{where(data)}")
    dataset = read_dataset(data, os.path.expanduser(root))  # noqa: PTH111 (stays a str)
    return dataset if split == "all" else dataset.split(split)


def _planted(corners: float) -> Iterator[CropSample]:
    """Drawn scenes whose grid crops, those that people are asked about, are scored by content, corners and chance."""
    world = shapes_world("test", n_photos=_SCENES, weights=Weights(corners=corners))
    for i, scene in enumerate(world.scenes[index] for index in range(len(world))):
        size = (scene.photo.shape[0], scene.photo.shape[1])
        boxes = np.rint(gaic_grid(size))
        noise = NOISE * np.random.default_rng([world.seed, i]).standard_normal(len(boxes))
        scores = np.sum(list(world.terms(scene.subjects, boxes).values()), axis=0) + noise
        yield CropSample(id=scene.id, boxes=boxes, scores=scores, photo_size=size, pixels=scene.photo)


@dataclass(eq=False)
class BiasReading:
    """Scores of one kind, people's or a model's, as far as they were examined.

    Attributes
    ----------
    name : str
    crops : ScoredCrops
    how : Resampling
    sweep : DataFrame
        As `asm_interp.analysis.corner_coverage.tolerance_sweep` gives it.
    rows : dict of float to DataFrame
        Corner table for each tolerance: what needs no permutations, and after `test` all of `corner_estimates`.
    lifts : dict of bool to LiftMap
        Whether size is held fixed, and the map; without p values before `test`.
    places : dict of str to int
        Place of each examined photo in the data set.
    tested : bool
    """

    name: str
    crops: ScoredCrops
    how: Resampling
    sweep: pd.DataFrame
    rows: dict[float, pd.DataFrame]
    lifts: dict[bool, LiftMap]
    places: dict[str, int]
    tested: bool = False

    @classmethod
    def read(
        cls,
        name: str,
        dataset: CropDataset,
        how: Resampling,
        scorer: Scorer | None = None,
        progress: Progress | None = None,
    ) -> BiasReading:
        """Examine scores as far as takes no permutations.

        Raises
        ------
        ValueError
            As `ScoredCrops.read`.
        """
        seen: list[str] = []

        def advance(photo: str) -> None:
            seen.append(photo)
            if progress is not None:
                progress(len(seen), len(dataset))

        crops = ScoredCrops.read(dataset, scorer, advance)
        place = {photo: index for index, photo in enumerate(seen)}
        sweep = tolerance_sweep(crops, how)
        rows = {tolerance: _draft(crops, how, sweep, tolerance) for tolerance in TOLERANCES}
        lifts = {held: lift_map(crops, _DRAFT, size_held=held) for held in (False, True)}
        return cls(name, crops, how, sweep, rows, lifts, {photo: place[photo] for photo in crops.ids})

    def test(self, progress: Progress, start: int = 0, total: int = STEPS) -> None:
        """Add intervals and permutation tests; kept when all are there.

        Parameters
        ----------
        progress : callable
        start, total : int
            Where this stands among the steps of several readings; one takes `STEPS`.
        """
        lifts: dict[bool, LiftMap] = {}
        rows: dict[float, pd.DataFrame] = {}
        for held in (False, True):
            progress(start + len(lifts), total)
            lifts[held] = lift_map(self.crops, self.how, size_held=held)
        for tolerance in TOLERANCES:
            progress(start + len(lifts) + len(rows), total)
            rows[tolerance] = table(corner_estimates(self.crops, self.how, tolerance))
        progress(start + STEPS, total)
        self.lifts, self.rows, self.tested = lifts, rows, True

    def drawn(self, tolerance: float) -> pd.DataFrame:
        """Rows of `ROWS` for a tolerance, as far as they are there, under their short names, to three decimals."""
        own = self.rows[tolerance].set_index("statistic").round(3)
        there = [name for name in ROWS if name in own.index]
        return own.loc[there].rename(index=ROWS).reset_index()

    def row(self, statistic: str, tolerance: float) -> pd.Series[Any]:
        """One row of the corner table."""
        own = self.rows[tolerance]
        return own[own["statistic"] == statistic].iloc[0]

    def coverage(self, tolerance: float) -> float:
        """Share of crops that cover a corner."""
        return float(self.sweep.loc[self.sweep["tolerance"] == tolerance, "coverage"].iloc[0])

    def extremes(self, photo: str, n: int) -> tuple[FloatArray, FloatArray] | None:
        """The best and the worst `n` crops of a photo, best first and worst first, in units of its sides.

        Fewer where a photo has fewer than 2 n crops; None if the photo is not among those examined.
        """
        if photo not in self.places:
            return None
        row = self.crops.ids.index(photo)
        valid = self.crops.valid[row]
        boxes, order = self.crops.boxes[row][valid], np.argsort(-self.crops.scores[row][valid], kind="stable")
        n = min(n, len(order) // 2)
        return boxes[order[:n]], boxes[order[::-1][:n]]


def _draft(crops: ScoredCrops, how: Resampling, sweep: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """Corner rows that need no permutations."""
    best, worst = extreme_weights(crops.scores, crops.valid)
    covers = (crops.corners(tolerance) > 0).astype(np.float64)
    raw = mean_estimate(
        _COVERAGE, risk_difference(covers, best, worst), how, effect="difference of proportions", n_crops=crops.n_crops
    )
    own = sweep[sweep["tolerance"] == tolerance].drop(columns=["tolerance", "coverage"])
    return pd.concat([table([raw], correct=False), own.assign(p_adj=np.nan)], ignore_index=True)


def with_photos(dataset: CropDataset, most: int) -> CropDataset:
    """The first samples whose photos are there, `most` at the most."""
    return CropDataset(dataset.name, list(islice((s for s in dataset.samples if s.has_photo), most)), dataset.notes)


def fraction(tolerance: float) -> str:
    """A tolerance as people say it.

    Examples
    --------
    >>> fraction(1 / 16)
    '1/16'
    """
    return str(Fraction(tolerance).limit_denominator(96))
