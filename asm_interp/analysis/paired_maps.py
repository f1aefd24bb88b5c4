"""Score maps of several models on the same photos: each measured, and every two compared, one photo at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from asm_interp.analysis.map_similarity import map_spearman, top_iou
from asm_interp.analysis.mean_maps import to_grid
from asm_interp.analysis.orientation import orientation
from asm_interp.analysis.partitions import composition_shares
from asm_interp.analysis.photo_measures import photo_measures
from asm_interp.analysis.theta import theta_maps
from asm_interp.data.crops import CropSample
from asm_interp.evaluation.metrics import ranking_accuracy, top_accuracy
from asm_interp.geometry.boxes import FloatArray
from asm_interp.geometry.patterns import CompositionPattern
from asm_interp.model.asmnet import ASMNet
from asm_interp.model.checkpoint import load
from asm_interp.model.score_map import ScoreMap, crop_scores

BoolArray = npt.NDArray[np.bool_]
Setting = str | float
"""What a model was trained with: its pattern, or its λ."""
Run = tuple[Setting, int]
"""A setting, and the seed or number of the model among those of the setting."""
Model = ASMNet | str | os.PathLike[str]
"""A model, or a checkpoint by name or path."""
By = Literal["pattern", "lambda"]

ORDERING = ("ranking_accuracy", "SRCC", "Acc_5", "Acc_10")
"""How well scores order a photo's crops; Acc in percent. Of `asm_interp.evaluation.metrics`."""
SIMILARITY = ("avg_spearman", "avg_iou", "std_spearman", "std_iou")
"""Spearman's correlation, and IoU of the highest tenth, of two models' θavg and θstd without channel offsets."""
DISCORDANCE = ("only_a", "only_b", "n_crop_pairs")
"""Crop pairs that only the first, and only the second model orders as people do, and of how many."""

_CELLS = (64, 64)  # on which maps are compared: the same for networks of any input size
_PAIR_COLUMNS = ("setting_a", "setting_b", "seed_a", "seed_b", "photo", *SIMILARITY, *DISCORDANCE)


@dataclass(frozen=True, eq=False)
class MappedPhoto:
    """One photo as several models see it.

    Attributes
    ----------
    id : str
    maps : mapping of (setting, seed) to ScoreMap
    boxes : array_like, [K, 4]
        x1, y1, x2, y2 in photo pixels.
    scores : array_like, [K], or None
        Annotated.
    pairs : array_like of int, [P, 2], or None
        Where scores can be compared within these pairs only.
    """

    id: str
    maps: Mapping[Run, ScoreMap]
    boxes: npt.ArrayLike
    scores: npt.ArrayLike | None = None
    pairs: npt.ArrayLike | None = None


def mapped_photos(
    models: Mapping[str, Model | Sequence[Model]] | Mapping[float, Model | Sequence[Model]],
    samples: Iterable[CropSample],
    device: str = "cpu",
) -> Iterator[MappedPhoto]:
    """Score maps of every model, one photo at a time.

    Parameters
    ----------
    models : mapping of setting to model or models
        Several of one setting differ in their seed; those at the same place in their lists count as of one seed.
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
    runs: dict[Run, ASMNet] = {}
    for setting, given in models.items():
        several = [given] if isinstance(given, ASMNet | str | os.PathLike) else given
        runs |= {(setting, i): m if isinstance(m, ASMNet) else load(m, device) for i, m in enumerate(several)}
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
        that differ in the setting alone or in the seed alone. Empty where only tables were given.
    patterns : dict of setting to CompositionPattern or str
    """

    photos: pd.DataFrame
    pairs: pd.DataFrame
    patterns: dict[Setting, CompositionPattern | str]

    @property
    def settings(self) -> list[Setting]:
        """In order of appearance."""
        return list(self.photos["setting"].unique().tolist())


def measure_paired(photos: Iterable[MappedPhoto], delta: float = 0.0) -> PairedMaps:
    """Measure every map, and every two of a photo against each other; a photo is read once and not kept.

    Parameters
    ----------
    photos : iterable of MappedPhoto
    delta : float
        Least difference of annotated scores for two crops to count as a pair.

    Returns
    -------
    PairedMaps
        Measures of a photo: `ORDERING` where crops have scores; n_crops, variance, content, composition, covariance,
        share, srcc_content and srcc_gain as of `asm_interp.analysis.partitions.composition_shares`;
        `asm_interp.analysis.photo_measures.MEASURES`; `asm_interp.analysis.orientation.ORIENTATION`. Maps are
        compared on a grid of 64×64 cells.

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
        views = {run: _view(photo, each, delta) for run, each in photo.maps.items()}
        for (setting, seed), view in views.items():
            rows.append({"setting": setting, "seed": seed, "photo": photo.id, **view.measures})
            patterns[setting] = photo.maps[setting, seed].pattern
        for (run_a, a), (run_b, b) in combinations(views.items(), 2):
            if (run_a[0] == run_b[0]) != (run_a[1] == run_b[1]):
                key = (run_a[0], run_b[0], run_a[1], run_b[1], photo.id)
                pairs.append(dict(zip(_PAIR_COLUMNS, (*key, *_similarity(a, b), *_discordance(a, b)), strict=True)))
    if not rows:
        raise ValueError("models are compared on photos, and there are none")
    return PairedMaps(pd.DataFrame(rows), pd.DataFrame(pairs, columns=list(_PAIR_COLUMNS)), patterns)


@dataclass(frozen=True, eq=False)
class _View:
    """One model's measures of a photo, its θ maps on the grid, and which crop pairs it orders as people do."""

    measures: dict[str, float]
    theta: tuple[FloatArray, FloatArray]
    correct: BoolArray


def _view(photo: MappedPhoto, score_map: ScoreMap, delta: float) -> _View:
    comparable = [photo.scores] if photo.scores is not None and photo.pairs is None else []
    split = composition_shares([(photo.id, score_map, photo.boxes, *comparable)])  # type: ignore[list-item]
    row = split.drop(columns="id").rename(columns={"srcc": "SRCC"}).iloc[0]
    measures = {str(name): float(value) for name, value in row.items()}
    correct = np.zeros(0, dtype=bool)
    if photo.scores is not None:
        predicted = crop_scores(score_map, photo.boxes)
        measures["ranking_accuracy"] = ranking_accuracy(predicted, photo.scores, delta, photo.pairs)
        correct = correct_pairs(predicted, photo.scores, delta, photo.pairs)
        if comparable:
            for n in (5, 10):
                measures[f"Acc_{n}"] = 100 * float(top_accuracy(predicted, photo.scores, n).mean())
    measures |= photo_measures(score_map)[0] | orientation(score_map)
    theta = theta_maps(score_map, center="channel")
    return _View(measures, (to_grid(theta.avg, _CELLS), to_grid(theta.std, _CELLS)), correct)


def correct_pairs(
    predicted: npt.ArrayLike, scores: npt.ArrayLike, delta: float = 0.0, pairs: npt.ArrayLike | None = None
) -> BoolArray:
    """Which of the crop pairs that count are ordered as the scores say; a tied prediction is not.

    The pairs are those of `asm_interp.evaluation.metrics.ranking_accuracy`, whose value is the mean of this array
    where no prediction is tied.

    Parameters
    ----------
    predicted, scores : array_like, [K]
    delta : float
    pairs : array_like of int, [P, 2], optional

    Returns
    -------
    array of bool, [n]

    Examples
    --------
    >>> correct_pairs([3, 1, 2], [1.0, 0.5, 0.0])
    array([ True,  True, False])
    """
    a, b = np.asarray(predicted, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    first, second = np.triu_indices(len(b), k=1) if pairs is None else np.asarray(pairs).T
    difference = b[first] - b[second]
    counts = (np.abs(difference) >= delta) & (difference != 0)
    return np.asarray(((a[first] - a[second]) * np.sign(difference) > 0)[counts])


def _similarity(a: _View, b: _View) -> tuple[float, ...]:
    return tuple(measure(x, y) for x, y in zip(a.theta, b.theta, strict=True) for measure in (map_spearman, top_iou))


def _discordance(a: _View, b: _View) -> tuple[int, int, int]:
    return int((a.correct & ~b.correct).sum()), int((b.correct & ~a.correct).sum()), len(a.correct)


def from_sweep(photos: pd.DataFrame, by: By) -> PairedMaps:
    """Take the photos' table of a sweep, ``<name>-photos.parquet``, as measures of the models that it trained.

    Parameters
    ----------
    photos : DataFrame
        run, pattern, lambda, seed, photo and measures; all other columns count as measures.
    by : {"pattern", "lambda"}
        What is compared; the other is the same throughout.

    Returns
    -------
    PairedMaps
        Without pairs: these need the maps.

    Raises
    ------
    ValueError
        If a column is missing, or runs differ in more than `by` and the seed.
    """
    if by not in get_args(By):
        raise ValueError(f"by is 'pattern' or 'lambda', got {by!r}")
    missing = [name for name in ("run", "pattern", "lambda", "seed", "photo") if name not in photos]
    if missing:
        raise ValueError(f"a sweep's table of photos has a column {missing[0]!r}, found {', '.join(photos.columns)}")
    held = "lambda" if by == "pattern" else "pattern"
    if photos[held].nunique() > 1:
        raise ValueError(f"choose one {held} to compare by {by}, found {sorted(photos[held].unique().tolist())}")
    twice = photos.duplicated([by, "seed", "photo"])
    if twice.any():
        found = photos[twice].iloc[0]
        raise ValueError(f"two runs of {by} {found[by]}, seed {found['seed']}, have photo {found['photo']!r}")
    first = photos.drop_duplicates(by)
    patterns = dict(zip(first[by], first["pattern"], strict=True))
    rows = photos.drop(columns=["run", held]).rename(columns={by: "setting"})
    return PairedMaps(rows, pd.DataFrame(columns=list(_PAIR_COLUMNS)), patterns)
