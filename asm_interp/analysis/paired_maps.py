"""Score maps of several models on the same photos: measured one photo at a time, compared photo by photo."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from asm_interp.analysis.estimates import COLUMNS, Estimate
from asm_interp.analysis.map_similarity import map_spearman, top_iou
from asm_interp.analysis.mean_maps import to_grid
from asm_interp.analysis.orientation import ORIENTATION, orientation
from asm_interp.analysis.partitions import composition_shares
from asm_interp.analysis.photo_measures import MEASURES
from asm_interp.analysis.photo_measures import photo_measures as map_measures
from asm_interp.analysis.statistics import Resampling, hierarchical_interval, holm, sign_flip_p
from asm_interp.analysis.theta import theta_maps
from asm_interp.data.crops import CropSample
from asm_interp.evaluation.metrics import ranking_accuracy, top_accuracy
from asm_interp.geometry.boxes import FloatArray
from asm_interp.geometry.patterns import CompositionPattern
from asm_interp.model.asmnet import ASMNet
from asm_interp.model.checkpoint import load
from asm_interp.model.score_map import ScoreMap, crop_scores

Setting = str | float
Run = tuple[Setting, int]
"""What a model was trained with (a pattern, a λ), and its seed or number among those of that setting."""

Model = ASMNet | str | os.PathLike[str]

ORDERING = ("ranking_accuracy", "srcc", "Acc_5", "Acc_10")
COMPOSITION = ("variance", "content", "composition", "covariance", "share", "srcc_content", "srcc_gain")
SIMILARITY = ("avg_spearman", "avg_iou", "std_spearman", "std_iou")
DISCORDANCE = ("only_a", "only_b", "n_crop_pairs")

_CELLS = (64, 64)  # on which maps are compared: the same for networks of any input size


@dataclass(frozen=True, eq=False)
class MappedPhoto:
    """One photo as several models see it.

    Attributes
    ----------
    id : str
    maps : mapping of (setting, seed) to ScoreMap
    boxes : array of float64, [K, 4]
        x1, y1, x2, y2 in photo pixels.
    scores : array of float64, [K], or None
        Annotated.
    pairs : array of int, [P, 2], or None
        Where scores can be compared within these pairs only.
    """

    id: str
    maps: Mapping[Run, ScoreMap]
    boxes: npt.ArrayLike
    scores: npt.ArrayLike | None = None
    pairs: npt.ArrayLike | None = None


def mapped_photos(
    models: Mapping[Setting, Model | Sequence[Model]], samples: Iterable[CropSample], device: str = "cpu"
) -> Iterator[MappedPhoto]:
    """Score maps of every model, one photo at a time.

    Parameters
    ----------
    models : mapping of setting to model or models
        Models, or checkpoints by name or path; several of one setting differ in their seed, and those at the same
        place in their lists count as of one seed.
    samples : iterable of CropSample
    device : str
        For checkpoints.

    Yields
    ------
    MappedPhoto

    Raises
    ------
    CheckpointError, PhotoError
        If a checkpoint or a photo cannot be read.
    """
    runs = {
        (setting, seed): model if isinstance(model, ASMNet) else load(model, device)
        for setting, given in models.items()
        for seed, model in enumerate([given] if isinstance(given, ASMNet | str | os.PathLike) else given)
    }
    for sample in samples:
        photo = sample.photo
        maps = {run: model.score_map(photo) for run, model in runs.items()}
        yield MappedPhoto(sample.id, maps, sample.boxes, sample.scores, sample.pairs)


@dataclass(frozen=True, eq=False)
class PairedMaps:
    """Several models on the same photos.

    Attributes
    ----------
    photos : DataFrame
        setting, seed, photo and measures, one row per run and photo.
    pairs : DataFrame
        setting_a, setting_b, seed_a, seed_b, photo, `SIMILARITY` and `DISCORDANCE`: one row per photo and two runs
        that differ in the setting or in the seed alone. Empty where only tables were given.
    patterns : dict of setting to CompositionPattern or str
    """

    photos: pd.DataFrame
    pairs: pd.DataFrame
    patterns: dict[Setting, CompositionPattern | str]

    @property
    def settings(self) -> list[Setting]:
        """In order of appearance."""
        return list(self.photos["setting"].unique())

    def measures(self, names: Iterable[str]) -> list[str]:
        """Those of the names that are columns of `photos` and not empty throughout."""
        return [name for name in names if name in self.photos and self.photos[name].notna().any()]


PAIR_COLUMNS = ("setting_a", "setting_b", "seed_a", "seed_b", "photo", *SIMILARITY, *DISCORDANCE)


def measure_paired(photos: Iterable[MappedPhoto], delta: float = 0.0) -> PairedMaps:
    """Measure every map, and every two of a photo against each other; photos are read once and not kept.

    Parameters
    ----------
    photos : iterable of MappedPhoto
    delta : float
        Least difference of annotated scores for two crops to count as a pair.

    Returns
    -------
    PairedMaps
        Measures of a photo: `ORDERING` (Acc in percent) where crops have scores; n_crops and `COMPOSITION`, see
        `asm_interp.analysis.partitions.composition_shares`; `asm_interp.analysis.photo_measures.MEASURES`;
        `asm_interp.analysis.orientation.ORIENTATION`. Of two maps: Spearman's correlation and the top-10 % IoU of
        θavg and of θstd without channel offsets, on a grid of 64×64 cells; how many crop pairs only the first, and
        only the second, orders as people do, and of how many.

    Raises
    ------
    ValueError
        If there is no photo, one comes twice, or its boxes or scores do not fit.
    """
    rows: list[dict[str, object]] = []
    pairs: list[dict[str, object]] = []
    patterns: dict[Setting, CompositionPattern | str] = {}
    seen: set[str] = set()
    for photo in photos:
        if photo.id in seen:
            raise ValueError(f"photo {photo.id!r} comes twice")
        seen.add(photo.id)
        patterns |= {setting: each.pattern for (setting, _), each in photo.maps.items()}
        rows += [
            {"setting": setting, "seed": seed, "photo": photo.id} | _measures(photo, each)
            for (setting, seed), each in photo.maps.items()
        ]
        pairs += _against_each_other(photo, delta)
    if not rows:
        raise ValueError("models are compared on photos, and there are none")
    return PairedMaps(pd.DataFrame(rows), pd.DataFrame(pairs, columns=list(PAIR_COLUMNS)), patterns)


def _measures(photo: MappedPhoto, score_map: ScoreMap, delta: float) -> dict[str, float]:
    known = [] if photo.scores is None or photo.pairs is not None else [photo.scores]
    split = composition_shares([(photo.id, score_map, photo.boxes, *known)]).iloc[0].drop("id").astype(float)
    row: dict[str, float] = split.to_dict()
    if photo.scores is not None:
        predicted = crop_scores(score_map, photo.boxes)
        row["ranking_accuracy"] = ranking_accuracy(predicted, photo.scores, delta, photo.pairs)
        if photo.pairs is None:
            row |= {f"Acc_{n}": 100 * float(top_accuracy(predicted, photo.scores, n).mean()) for n in (5, 10)}
    return row | map_measures(score_map)[0] | orientation(score_map)
