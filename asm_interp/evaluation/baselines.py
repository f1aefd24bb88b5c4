"""What is judged: anything that scores crops. A model, and the baselines that it has to beat."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import numpy.typing as npt

from asm_interp.data.crops import CropDataset, CropSample
from asm_interp.data.planted import spatial_terms
from asm_interp.geometry.boxes import FloatArray, Size, area, aspect, check_boxes, iou
from asm_interp.geometry.candidates import anchor_boxes, gaic_grid

if TYPE_CHECKING:
    from asm_interp.model.asmnet import ASMNet
    from asm_interp.model.score_map import ScoreMap

_MAPS_KEPT = 8  # score maps in memory


class Scorer(ABC):
    """Scores crops of a photo, and names the best crop.

    Attributes
    ----------
    name : str
        As it stands in tables.
    """

    name: str

    @abstractmethod
    def scores(self, sample: CropSample, boxes: npt.ArrayLike) -> FloatArray:
        """Scores of the crops `boxes` [N, 4] of a photo, [N]; higher is better, comparable within the photo.

        Raises
        ------
        PhotoError
            If the scorer needs the photo, or its size, and it is not there.
        """

    def best(self, sample: CropSample) -> FloatArray:
        """Best crop of a photo among the 895 anchors, [4] in photo pixels; the first of those that tie."""
        boxes = anchor_boxes(sample.size())
        return np.asarray(boxes[np.argmax(self.scores(sample, boxes))])


class ModelScorer(Scorer):
    """An ASM-Net. The score maps of the last few photos are kept.

    Parameters
    ----------
    model : ASMNet
    name : str
    fine : bool
        Let `best` search on from the anchors, as `asm_interp.search_crops` does and the paper's Sec. 3.4 has it.
    """

    def __init__(self, model: ASMNet, name: str = "ASM-Net", *, fine: bool = False) -> None:
        self.name = name
        self.fine = fine
        self._map: Callable[[CropSample], ScoreMap] = lru_cache(_MAPS_KEPT)(
            lambda sample: model.score_map(sample.photo)
        )

    def scores(self, sample: CropSample, boxes: npt.ArrayLike) -> FloatArray:
        """Exact scores of crops on the photo's score map."""
        from asm_interp.model.score_map import crop_scores  # torch takes a second that baselines need not wait

        return crop_scores(self._map(sample), boxes)

    def best(self, sample: CropSample) -> FloatArray:
        """Best of the 895 anchors, or of the two-stage search if `fine`."""
        if not self.fine:
            return super().best(sample)
        from asm_interp.search import search_crops

        found = search_crops(self._map(sample), top=1)
        return np.asarray(found[["x1", "y1", "x2", "y2"]].to_numpy(np.float64)[0])


@dataclass(frozen=True)
class CentredCrop(Scorer):
    """Always the same centred crop; other crops score as they overlap it (IoU).

    Parameters
    ----------
    side : float
        Its sides in units of the photo's, in (0, 1]; 1 is the whole photo.
    name : str
    """

    side: float = 0.9
    name: str = "centred-crop"

    def __post_init__(self) -> None:
        if not 0 < self.side <= 1:
            raise ValueError(f"side is in (0, 1], got {self.side}")

    def scores(self, sample: CropSample, boxes: npt.ArrayLike) -> FloatArray:
        """IoU with the centred crop."""
        return iou(check_boxes(boxes), self.best(sample))

    def best(self, sample: CropSample) -> FloatArray:
        """The centred crop itself."""
        height, width = sample.size()
        margin = (1 - self.side) / 2
        return np.array([margin, margin, 1 - margin, 1 - margin]) * [width, height, width, height]


@dataclass(frozen=True)
class RandomCrops(Scorer):
    """Uniform random scores; they depend on the seed, the photo's id and a crop's place in the list."""

    seed: int = 0
    name: str = "random"

    def scores(self, sample: CropSample, boxes: npt.ArrayLike) -> FloatArray:
        """Random numbers in [0, 1)."""
        return np.random.default_rng([self.seed, crc32(sample.id.encode())]).random(len(check_boxes(boxes)))


@dataclass(frozen=True)
class LargestCrop(Scorer):
    """The larger, the better: what a model that learnt nothing but size would do."""

    name: str = "largest-crop"

    def scores(self, sample: CropSample, boxes: npt.ArrayLike) -> FloatArray:  # noqa: ARG002
        """Areas in square pixels."""
        return area(check_boxes(boxes))


GEOMETRY = ("area", "log aspect", "cy", "cx", "cy²", "cx²", "corners", "edge distance")
"""What the position-only prior knows of a crop; see `geometry_features`."""


def geometry_features(boxes: npt.ArrayLike, photo_size: Size) -> FloatArray:
    """What can be known of crops without looking at the photo, in units of its sides.

    Parameters
    ----------
    boxes : array_like, [N, 4]
    photo_size : (int, int)
        Height and width.

    Returns
    -------
    array of float64, [N, 8]
        Share of the photo's area; log of width over height in pixels; centre, from the photo's centre, down and
        across, and both squared; how many of the photo's corners it covers to within 1/16 of the sides, over four;
        distance of its nearest edge from the photo's.
    """
    array = check_boxes(boxes)
    height, width = photo_size
    terms = spatial_terms(array, photo_size)
    x1, y1, x2, y2 = (array / np.array([width, height, width, height])).T
    cy, cx = (y1 + y2) / 2 - 0.5, (x1 + x2) / 2 - 0.5
    edge = np.minimum.reduce([x1, y1, 1 - x2, 1 - y2])
    return np.stack([terms["area"], np.log(aspect(array)), cy, cx, cy**2, cx**2, terms["corners"], edge], axis=1)


def ridge(features: FloatArray, targets: FloatArray, alpha: float = 1.0) -> FloatArray:
    """Coefficients of ridge regression on standardised features, in the features' own units and without intercept.

    Parameters
    ----------
    features : array of float, [M, F]
        One that never varies gets a coefficient of zero.
    targets : array of float, [M] or [M, B]
        With mean zero.
    alpha : float
        Strength of the penalty.

    Returns
    -------
    array of float64, [F] or [F, B]

    References
    ----------
    Hoerl & Kennard, "Ridge Regression: Biased Estimation for Nonorthogonal Problems", Technometrics 1970.
    """
    scale = features.std(axis=0)
    scale[scale == 0] = 1
    x = (features - features.mean(axis=0)) / scale
    return np.asarray((np.linalg.solve(x.T @ x + alpha * np.eye(x.shape[1]), x.T @ targets).T / scale).T)


@dataclass(frozen=True, eq=False)
class PositionPrior(Scorer):
    """Ridge regression of scores on `geometry_features`: what a crop's place alone tells.

    A model that does not beat it may have learnt nothing from photos.

    Parameters
    ----------
    coefficients : array of float, [8]
        In the order of `GEOMETRY`. There is no intercept: it would move all crops alike.
    """

    coefficients: FloatArray
    name: str = field(default="position-prior", kw_only=True)

    @classmethod
    def fit(cls, train: CropDataset, alpha: float = 1.0) -> PositionPrior:
        """Fit to the scores of a data set, standardised within each photo.

        Parameters
        ----------
        train : CropDataset
            No photos needed. Those without two different scores are left out.
        alpha : float
            Strength of the penalty on coefficients of standardised features.

        Raises
        ------
        ValueError
            If the data set has no scores to learn from.
        PhotoError
            If a photo's size is neither known nor to be found.
        """
        features, targets = [], []
        for sample in train.samples:
            if sample.scores is not None and len(sample.scores) and np.ptp(sample.scores) > 0:
                features.append(geometry_features(sample.boxes, sample.size()))
                targets.append((sample.scores - sample.scores.mean()) / sample.scores.std())
        if not features:
            raise ValueError(f"{train.name}: the position-only prior learns from scored crops, and there are none")
        return cls(ridge(np.concatenate(features), np.concatenate(targets), alpha))

    def scores(self, sample: CropSample, boxes: npt.ArrayLike) -> FloatArray:
        """Predicted scores, in standard deviations of the photo's, up to a constant."""
        return np.asarray(geometry_features(boxes, sample.size()) @ self.coefficients)


@dataclass(frozen=True)
class SaliencyDensity(Scorer):
    """The crop that keeps most spectral-residual saliency per area: its mean over the crop."""

    name: str = "saliency"

    def scores(self, sample: CropSample, boxes: npt.ArrayLike) -> FloatArray:
        """Mean saliency of crops, exact for fractional boxes."""
        from asm_interp.data.saliency import spectral_residual
        from asm_interp.geometry import patterns
        from asm_interp.model.score_map import ScoreMap, crop_scores

        saliency = spectral_residual(sample.photo)
        flat = ScoreMap(saliency[None], patterns.get("grid:1x1"), saliency.shape)  # type: ignore[arg-type]
        return crop_scores(flat, boxes)


@dataclass(frozen=True)
class Oracle(Scorer):
    """The candidate that comes closest to the annotations: the most that choosing among candidates can reach.

    Parameters
    ----------
    candidates : callable
        Boxes [N, 4] for a photo's height and width.
    name : str
    """

    candidates: Callable[[Size], FloatArray] = anchor_boxes
    name: str = "oracle-anchors"

    def scores(self, sample: CropSample, boxes: npt.ArrayLike) -> FloatArray:
        """Largest IoU with an annotated crop; where crops have scores, with one of the best score."""
        good = sample.boxes
        if sample.scores is not None:
            good = good[sample.scores == sample.scores.max()]
        return np.asarray(iou(check_boxes(boxes)[:, None], good[None]).max(axis=1))

    def best(self, sample: CropSample) -> FloatArray:
        """The closest candidate."""
        boxes = self.candidates(sample.size())
        if not len(boxes):
            height, width = sample.size()
            raise ValueError(f"{sample.id}: no candidates on a photo of {height}×{width} (H×W) px")
        return np.asarray(boxes[np.argmax(self.scores(sample, boxes))])


BASELINES: dict[str, Callable[[CropDataset, int], Scorer]] = {
    "whole-photo": lambda *_: CentredCrop(1.0, "whole-photo"),
    "centred-crop": lambda *_: CentredCrop(),
    "random": lambda _, seed: RandomCrops(seed),
    "largest-crop": lambda *_: LargestCrop(),
    "position-prior": lambda data, _: PositionPrior.fit(data.split("train")),
    "saliency": lambda *_: SaliencyDensity(),
    "oracle-anchors": lambda *_: Oracle(),
    "oracle-gaic-grid": lambda *_: Oracle(gaic_grid, "oracle-gaic-grid"),
}
"""Baselines by name, made for a data set with all its splits and a seed."""
