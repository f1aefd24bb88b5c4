"""Scored crops of many photos as padded arrays, so that statistics run over all photos at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from asm_interp.data.crops import CropDataset, CropSample
from asm_interp.data.photo import PhotoError
from asm_interp.data.planted import CORNER_TOLERANCE, spatial_terms
from asm_interp.evaluation.baselines import GEOMETRY, Scorer, geometry_features
from asm_interp.geometry.boxes import FloatArray

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
Strata = Literal["none", "tercile", "size"]


@dataclass(frozen=True, eq=False)
class ScoredCrops:
    """Crops of N photos, at most K of each; photos with fewer are padded.

    Attributes
    ----------
    name : str
    ids : tuple of str, [N]
    boxes : array of float64, [N, K, 4]
        x1, y1, x2, y2 in units of the photo's sides. Padding is the whole photo.
    features : array of float64, [N, K, 8]
        As `asm_interp.evaluation.baselines.GEOMETRY` lists them.
    scores : array of float64, [N, K]
        Those that are examined: annotated, or a scorer's. Padding is 0.
    valid : array of bool, [N, K]
        False for padding.
    annotated : array of float64, [N, K], or None
        People's scores of the same crops, where there are any.
    skipped : dict of str to str
        Photos that were left out, and why.
    """

    name: str
    ids: tuple[str, ...]
    boxes: FloatArray
    features: FloatArray
    scores: FloatArray
    valid: BoolArray
    annotated: FloatArray | None
    skipped: dict[str, str]

    @classmethod
    def read(
        cls, dataset: CropDataset, scorer: Scorer | None = None, advance: Callable[[str], None] | None = None
    ) -> ScoredCrops:
        """Take the crops of a data set, with a scorer's scores in place of the annotated ones if there is a scorer.

        Photos whose scores are all alike say nothing and are left out, as are those that cannot be read.

        Parameters
        ----------
        dataset : CropDataset
        scorer : Scorer, optional
        advance : callable, optional
            Called with each photo's id when it is done.

        Raises
        ------
        ValueError
            If no photo is left, or a scorer returns other than one finite score for each crop.
        """
        kept: list[tuple[CropSample, FloatArray, FloatArray]] = []
        skipped: dict[str, str] = {}
        for sample in dataset.samples:
            try:
                scores = _scores(sample, scorer)
                features = geometry_features(sample.boxes, sample.size())
                # Not `sample` as it is: a photo that was made would stay in memory.
                kept.append((replace(sample, pixels=None, photo_size=sample.size()), scores, features))
            except (PhotoError, _SaysNothingError) as error:
                skipped[sample.id] = str(error)
            if advance is not None:
                advance(sample.id)
        if not kept:
            why = next(iter(skipped.values()), "the data set is empty")
            raise ValueError(f"{dataset.name}: none of the {len(dataset)} photos has crops to compare: {why}")
        samples, scores_of, features_of = zip(*kept, strict=True)
        unit = [s.boxes / np.array([s.size()[1], s.size()[0]] * 2, dtype=np.float64) for s in samples]
        known = [s.scores for s in samples if s.scores is not None]
        return cls(
            dataset.name,
            tuple(sample.id for sample in samples),
            _padded(unit, np.array([0.0, 0.0, 1.0, 1.0])),
            _padded(features_of, np.zeros(len(GEOMETRY))),
            _padded(scores_of, np.zeros(())),
            _padded([np.ones(len(scores)) for scores in scores_of], np.zeros(())) > 0,
            _padded(known, np.zeros(())) if len(known) == len(samples) else None,
            skipped,
        )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_crops(self) -> int:
        """Crops of all photos."""
        return int(self.valid.sum())

    def feature(self, name: str) -> FloatArray:
        """One column of `features`, [N, K], to nine digits, so that rounding does not tell equal crops apart."""
        return np.asarray(self.features[:, :, GEOMETRY.index(name)].round(9))

    def where(self, photos: BoolArray) -> ScoredCrops:
        """Some of the photos, by a mask [N]."""
        rows = {name: getattr(self, name)[photos] for name in ("boxes", "features", "scores", "valid")}
        annotated = None if self.annotated is None else self.annotated[photos]
        ids = tuple(name for name, kept in zip(self.ids, photos, strict=True) if kept)
        return replace(self, ids=ids, annotated=annotated, **rows)

    def with_scores(self, scores: FloatArray) -> ScoredCrops:
        """The same crops with other scores, [N, K]."""
        return replace(self, scores=scores)

    def corners(self, tolerance: float = CORNER_TOLERANCE) -> FloatArray:
        """How many of the photo's corners each crop covers to within `tolerance` of its sides, [N, K], 0 to 4."""
        count = 4 * spatial_terms(self.boxes.reshape(-1, 4), (1, 1), tolerance)["corners"]
        return np.where(self.valid, count.reshape(self.valid.shape), 0.0)

    def standardised(self) -> FloatArray:
        """Scores with mean 0 and variance 1 within each photo, [N, K]; padding 0."""
        return standardise(self.scores, self.valid)

    def strata(self, by: Strata) -> IntArray:
        """Number the crops' strata within each photo, [N, K] from 0; crops of one stratum may be exchanged.

        Parameters
        ----------
        by : {"none", "tercile", "size"}
            All crops of the photo; thirds of them by area; the same width and height, to the nearest 1/24 of the
            photo's sides (grid anchors come in steps of 1/12).

        Raises
        ------
        ValueError
            If it is none of these.
        """
        if by == "none":
            key = np.zeros(self.valid.shape)
        elif by == "tercile":
            share = (ranks(self.feature("area"), self.valid) - 0.5) / self.valid.sum(axis=1, keepdims=True)
            key = np.minimum(np.floor(3 * share), 2)
        elif by == "size":
            width, height = (np.rint(24 * (self.boxes[:, :, i + 2] - self.boxes[:, :, i])) for i in (0, 1))
            key = 100 * width + height
        else:
            raise ValueError(f"strata are none, tercile or size, got {by!r}")
        # Padding is a stratum of its own, so that it is never exchanged with a crop.
        _, number = np.unique(np.where(self.valid, key, -1), return_inverse=True)
        return np.asarray(number.reshape(key.shape), dtype=np.int64)


class _SaysNothingError(ValueError):
    """A photo without two different scores."""


def _scores(sample: CropSample, scorer: Scorer | None) -> FloatArray:
    if scorer is None:
        if sample.scores is None:
            raise _SaysNothingError(f"{sample.id}: its crops have no scores")
        scores = np.asarray(sample.scores, dtype=np.float64)
        if not np.isfinite(scores).all():
            raise _SaysNothingError(f"{sample.id}: some of its crops have no score")
    else:
        scores = np.asarray(scorer.scores(sample, sample.boxes), dtype=np.float64)
        if scores.shape != (len(sample.boxes),) or not np.isfinite(scores).all():
            raise ValueError(f"{sample.id}: {scorer.name} returned {scores!r}, not {len(sample.boxes)} finite scores")
    if not len(scores) or np.ptp(scores) == 0:
        raise _SaysNothingError(f"{sample.id}: its crops do not have two different scores")
    return scores


def _padded(rows: Sequence[npt.NDArray[np.float64]], filler: FloatArray) -> FloatArray:
    longest = max(map(len, rows))
    result = np.broadcast_to(filler, (len(rows), longest, *filler.shape)).copy()
    for target, row in zip(result, rows, strict=True):
        target[: len(row)] = row
    return result


def standardise(values: FloatArray, valid: BoolArray) -> FloatArray:
    """Values with mean 0 and variance 1 within each row, [..., K]; 0 for padding and in rows that do not vary."""
    centred = centre(values, valid)
    spread = np.sqrt(np.square(centred).sum(axis=-1, keepdims=True) / valid.sum(axis=-1, keepdims=True))
    result: FloatArray = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-12)
    return result


def centre(values: FloatArray, valid: BoolArray) -> FloatArray:
    """Values with each row's mean taken off, [..., K]; padding becomes 0."""
    filled = np.where(valid, values, 0.0)
    mean = filled.sum(axis=-1, keepdims=True) / np.maximum(valid.sum(axis=-1, keepdims=True), 1)
    return np.where(valid, filled - mean, 0.0)


def ranks(values: FloatArray, valid: BoolArray) -> FloatArray:
    """Ranks within each row, from 1, mean ranks for ties, [..., K]; padding 0."""
    from scipy.stats import rankdata

    last = np.where(valid, values, np.inf)  # padding comes after all crops and leaves their ranks alone
    return np.asarray(np.where(valid, rankdata(last, axis=-1), 0.0))


def stratum_means(values: FloatArray, strata: IntArray) -> FloatArray:
    """Mean over each value's stratum of its photo, [N, K]: what exchanging values gives on average."""
    cell = strata + np.arange(len(values))[:, None] * (strata.max() + 1)
    _, number = np.unique(cell, return_inverse=True)
    number = number.reshape(-1)
    return np.asarray((np.bincount(number, values.reshape(-1)) / np.bincount(number))[number].reshape(values.shape))


def exchanges(strata: IntArray) -> Callable[[FloatArray, np.random.Generator], FloatArray]:
    """Make a function of values [N, K] and a generator that exchanges values within the strata of each row."""
    n_rows, n_columns = strata.shape
    row = n_columns * np.arange(n_rows)[:, None]
    places = (np.argsort(strata, axis=1, kind="stable") + row).ravel()
    key = strata.astype(np.float64)

    def exchanged(values: FloatArray, rng: np.random.Generator) -> FloatArray:
        drawn = (np.argsort(key + rng.random(key.shape, dtype=np.float32), axis=1) + row).ravel()
        result = np.empty(values.size)
        result[places] = values.ravel()[drawn]
        return result.reshape(values.shape)

    return exchanged
