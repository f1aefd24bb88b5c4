r"""Per-partition views of a crop, and how much of a model's scores is composition rather than content.

With θavg the mean over channels, a score splits exactly into what the crop shows and where in the crop it stands:

.. math:: \Phi = A + R, \quad A = \frac{1}{|X|} \int_X \theta_{avg}, \quad
          R = \frac{1}{|X|} \sum_l \int_{X_l} (m_l - \theta_{avg}) .

A reads every place of the crop alike; R vanishes for a model whose channels are all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from asm_interp.analysis.estimates import Estimate, mean_estimate, ratio_estimate
from asm_interp.analysis.explanation import explain_crop
from asm_interp.analysis.statistics import Resampling
from asm_interp.evaluation.metrics import srcc
from asm_interp.geometry import patterns
from asm_interp.geometry.boxes import FloatArray, check_boxes
from asm_interp.geometry.patterns import CompositionPattern
from asm_interp.model.pooling import composition_pool, edges, grid_integrals
from asm_interp.model.score_map import ScoreMap

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PartitionView:
    """All that a crop's partitions and channels say.

    Attributes
    ----------
    box : array of float64, [4]
        x1, y1, x2, y2 in photo pixels.
    score : float
    channels : array of float64, [L, h', w']
        Every channel over the crop, on h' × w' equal parts of about one map pixel.
    used : array of int, [h', w']
        Which channel the crop reads at each part: the partition of the part's centre.
    pixel_scores : array of float64, [h', w']
        The map that the crop reads, φ; its mean is the score.
    matrix : array of float64, [L, L]
        Row l, column k: mean of channel k over the crop's partition l. The crop reads the diagonal.
    areas : array of float64, [L]
        Share of the crop that each partition covers.
    """

    box: FloatArray
    score: float
    channels: FloatArray
    used: IntArray
    pixel_scores: FloatArray
    matrix: FloatArray
    areas: FloatArray

    @property
    def contributions(self) -> FloatArray:
        """Area × diagonal, [L]; they sum to the score."""
        return self.areas * np.diagonal(self.matrix)


def partition_matrix(pooled: FloatArray, pattern: CompositionPattern) -> FloatArray:
    """Means of channels over cells [cells, L], as `explain_crop` gives them, averaged over each partition, [L, L]."""
    members = pattern.one_hot.reshape(pattern.n_partitions, -1).astype(np.float64)
    return np.asarray(members @ pooled / members.sum(axis=1, keepdims=True))


def partition_view(score_map: ScoreMap, box: npt.ArrayLike) -> PartitionView:
    """Look at a crop partition by partition and channel by channel.

    Parameters
    ----------
    score_map : ScoreMap
    box : array_like, [4]
        x1, y1, x2, y2 in photo pixels.

    Returns
    -------
    PartitionView

    Raises
    ------
    ValueError
        If the box is malformed, thinner than one photo pixel or outside the photo.

    Examples
    --------
    >>> import torch
    >>> ramp = torch.arange(48.0).view(1, 6, 8).expand(4, 6, 8)
    >>> view = partition_view(ScoreMap(ramp, patterns.get("grid:2x2"), (6, 8)), [0, 0, 4, 4])
    >>> view.score, float(view.contributions.sum())
    (13.5, 13.5)
    """
    why, pattern = explain_crop(score_map, box), score_map.pattern
    rows, columns = why.pixel_scores.shape
    x1, y1, x2, y2 = score_map.to_map(why.box[None])[0]
    integrals = grid_integrals(score_map.values, edges(y1, y2, rows), edges(x1, x2, columns)).numpy()
    channels = integrals * (rows * columns) / float((x2 - x1) * (y2 - y1))
    used = pattern.partition_at((np.arange(columns)[None, :] + 0.5) / columns, (np.arange(rows)[:, None] + 0.5) / rows)
    matrix = partition_matrix(why.pooled, pattern)
    return PartitionView(why.box, why.score, channels, used, why.pixel_scores, matrix, pattern.areas)


@dataclass(frozen=True, eq=False)
class ScoreSplit:
    """Scores of one photo's crops as content plus composition, exactly.

    Attributes
    ----------
    content, composition : array of float64, [N]
        A and R; see the module.
    """

    content: FloatArray
    composition: FloatArray

    @property
    def score(self) -> FloatArray:
        """A + R, [N]."""
        return self.content + self.composition

    @property
    def share(self) -> float:
        """Variance of the composition over that of the scores; NaN where the scores are constant, or there are none."""
        variance = _variance(self.score)
        return _variance(self.composition) / variance if variance > 0 else float("nan")


def _variance(values: FloatArray) -> float:
    return float(np.var(values)) if len(values) else float("nan")


def split_scores(score_map: ScoreMap, boxes: npt.ArrayLike) -> ScoreSplit:
    """Split crop scores into content and composition.

    Parameters
    ----------
    score_map : ScoreMap
    boxes : array_like, [N, 4]

    Raises
    ------
    ValueError
        If a box is malformed, thinner than one photo pixel or outside the photo.
    """
    mapped = score_map.to_map(check_boxes(boxes, score_map.photo_size))[None]
    values = score_map.values.double()[None]
    average = values.mean(1, keepdim=True)
    content = composition_pool(average, mapped, patterns.get("grid:1x1"))[0]
    composition = composition_pool(values - average, mapped, score_map.pattern)[0]
    return ScoreSplit(content.numpy(), composition.numpy())


def composition_shares(
    photos: Iterable[tuple[str, ScoreMap, npt.ArrayLike] | tuple[str, ScoreMap, npt.ArrayLike, npt.ArrayLike]],
) -> pd.DataFrame:
    """How much of each photo's score variance is composition, and what ordering is lost without it.

    Parameters
    ----------
    photos : iterable of (id, ScoreMap, boxes [N, 4]) or (id, ScoreMap, boxes, annotated scores [N])
        Read one at a time.

    Returns
    -------
    DataFrame
        One row per photo: id, n_crops, variance (of its scores; NaN without crops), content and composition (theirs),
        covariance (of the two, twice, so that variance = content + composition + covariance), share (composition
        over variance; NaN where the scores are constant), and where annotated scores are given srcc,
        srcc_content (every channel replaced by θavg) and srcc_gain, their difference, else NaN.

    Raises
    ------
    ValueError
        If a box is malformed or outside its photo, or the annotated scores do not fit the boxes.
    """
    rows = []
    for name, score_map, boxes, *annotated in photos:
        split = split_scores(score_map, boxes)
        variance, content, composition = map(_variance, (split.score, split.content, split.composition))
        row = {
            "id": name,
            "n_crops": len(split.content),
            "variance": variance,
            "content": content,
            "composition": composition,
            "covariance": variance - content - composition,
            "share": split.share,
            "srcc": float("nan"),
            "srcc_content": float("nan"),
        }
        if annotated:
            row["srcc"] = srcc(split.score, annotated[0])
            row["srcc_content"] = srcc(split.content, annotated[0])
        rows.append(row)
    names = ["id", "n_crops", "variance", "content", "composition", "covariance", "share", "srcc", "srcc_content"]
    table = pd.DataFrame(rows, columns=names)
    return table.assign(srcc_gain=table["srcc"] - table["srcc_content"])


def composition_estimates(shares: pd.DataFrame, how: Resampling | None = None) -> list[Estimate]:
    """Figures of a data set from the table of `composition_shares`, with intervals over photos.

    Parameters
    ----------
    shares : DataFrame
    how : Resampling, optional

    Returns
    -------
    list of Estimate
        Shares of the within-photo variance of scores (content, composition, covariance; sums over photos, so
        that they add up to one), and the mean SRCC gained by composition where there are annotated scores.
    """
    how = how or Resampling()
    n_crops = int(shares["n_crops"].sum())
    found = [
        ratio_estimate(f"{part} share", shares[part], shares["variance"], how, effect="share", n_crops=n_crops)
        for part in ("content", "composition", "covariance")
    ]
    if shares["srcc_gain"].notna().any():
        found.append(mean_estimate("SRCC gain", shares["srcc_gain"], how, effect="ΔSRCC", n_crops=n_crops))
    return found
