"""How well predicted scores order a photo's crops, and how close a predicted crop comes to a person's.

Each function measures one photo; a data set's figure is the mean over photos, with `bootstrap_interval` of
`asm_interp.analysis.statistics`.

Predicted scores may be tied, and then the best K crops are not determined. With ``ties="expected"`` a measure is
its exact expectation over a random order within each group of equal scores, so that a constant scorer scores what
chance scores. With ``ties="reference"`` equal scores stay in the order of the annotation file, as in the code that
published numbers come from; where that file is sorted by score, a constant scorer is then perfect.
"""

from __future__ import annotations

import warnings
from math import comb
from typing import Literal

import numpy as np
import numpy.typing as npt

from asm_interp.geometry.boxes import FloatArray, Size, boundary_displacement, iou

Ties = Literal["expected", "reference"]
IntArray = npt.NDArray[np.int64]

MAX_K = 4
"""Acc_{K/N} has K = 1..4."""


def ranking_accuracy(
    predicted: npt.ArrayLike,
    scores: npt.ArrayLike,
    delta: float = 0.0,
    pairs: npt.ArrayLike | None = None,
) -> float:
    """Share of a photo's crop pairs that the prediction orders as the scores do.

    Pairs whose scores differ by less than `delta`, or not at all, or with a NaN among them do not count; a
    pair that the prediction leaves tied counts half.

    Parameters
    ----------
    predicted, scores : array_like, [K]
    delta : float
    pairs : array_like of int, [P, 2], optional
        Crops to compare; all with each other if left out.

    Returns
    -------
    float
        In [0, 1]; NaN if no pair counts.

    Raises
    ------
    ValueError
        If the shapes differ, a predicted score is not finite, or a pair is not of two of the crops.

    Examples
    --------
    >>> ranking_accuracy([3, 1, 2], [1.0, 0.0, 0.5])
    1.0
    >>> ranking_accuracy([0, 0, 0], [1.0, 0.0, 0.5])
    0.5
    """
    a, b = _checked(predicted, scores)
    first, second = np.triu_indices(len(b), k=1) if pairs is None else _checked_pairs(pairs, len(b)).T
    difference = b[first] - b[second]
    counts = (np.abs(difference) >= delta) & (difference != 0)
    if not counts.any():
        return float("nan")
    agreement = np.sign(a[first] - a[second]) * np.sign(difference)
    return float((1 + agreement[counts]).mean() / 2)


def srcc(predicted: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Spearman's rank correlation, with mean ranks for ties.

    Parameters
    ----------
    predicted, scores : array_like, [K]

    Returns
    -------
    float
        In [-1, 1]. A constant prediction has 0, as a random order has in the mean; NaN if the true scores are
        constant, or one is NaN, or there are fewer than two: such a photo says nothing.

    Raises
    ------
    ValueError
        If the shapes differ, or a predicted score is not finite.

    Examples
    --------
    >>> round(srcc([1, 2, 9, 4], [0.1, 0.2, 0.3, 0.4]), 3)
    0.8
    """
    from scipy.stats import rankdata  # a second, which those who only train need not wait

    a, b = _checked(predicted, scores)
    return pcc(rankdata(a), rankdata(b))


def pcc(predicted: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Pearson's correlation; constants and errors as in `srcc`."""
    a, b = _checked(predicted, scores)
    if len(b) < 2 or not np.ptp(b) > 0:  # NaN too
        return float("nan")
    if np.ptp(a) == 0:
        return 0.0
    from scipy.stats import NearConstantInputWarning, pearsonr

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NearConstantInputWarning)
        return float(pearsonr(a, b).statistic)


def top_accuracy(predicted: npt.ArrayLike, scores: npt.ArrayLike, n: int, ties: Ties = "expected") -> FloatArray:
    """Acc_{K/N} of one photo: the share of the K crops predicted best that are among the N truly best.

    Among the N best is a crop whose score is at least the N-th largest: crops tied with that one count.

    Parameters
    ----------
    predicted, scores : array_like, [K]
    n : int
        N; the field has 5 and 10.
    ties : {"expected", "reference"}
        What happens to crops with the same predicted score; see the module.

    Returns
    -------
    array of float64, [4]
        In [0, 1], for K = 1..4; their mean is the paper's "Acc_N". NaN on a photo with fewer than
        max(N, 4) crops, or with a true score that is NaN.

    Raises
    ------
    ValueError
        If the shapes differ, a predicted score is not finite, or `n` or `ties` is none of the above.

    References
    ----------
    Zeng et al., "Reliable and Efficient Image Cropping: A Grid Anchor based Approach", CVPR 2019, Sec. 5.2, as
    corrected in its code (July 2019).

    Examples
    --------
    >>> top_accuracy([9, 8, 7, 6, 5, 4], [1, 6, 5, 4, 3, 2], n=5).round(3).tolist()
    [0.0, 0.5, 0.667, 0.75]
    >>> top_accuracy([0, 0, 0, 0, 0, 0], [1, 6, 5, 4, 3, 2], n=5).round(3).tolist()
    [0.833, 0.833, 0.833, 0.833]
    """
    a, b = _checked(predicted, scores)
    if not _has_top(b, n):
        return np.full(MAX_K, np.nan)
    hits = b >= np.sort(b)[-n]
    result = []
    for k in range(1, MAX_K + 1):
        sure, tied, m = _chosen(a, k, ties)
        result.append((hits[sure].sum() + m * hits[tied].mean()) / k if m else hits[sure].mean())
    return np.array(result, dtype=np.float64)


def weighted_top_accuracy(
    predicted: npt.ArrayLike, scores: npt.ArrayLike, n: int, ties: Ties = "expected"
) -> FloatArray:
    r"""Rank-weighted Acc_{K/N} of one photo.

    With r_0 < r_1 < ... the true ranks, from 0, of the K crops predicted best,

        wAcc_{K/N} = 1/K Σ_j 1[r_j < N] exp(-(r_j - j) / N),    j = 0..K-1

    The decay is that of the reference code, 0.2 for N = 5 and 0.1 for N = 10. Ranks need an order among crops with
    the same true score too: with ``ties="expected"`` it is random, independent of that of the predictions.

    Parameters, returned array and errors are those of `top_accuracy`.

    References
    ----------
    Zeng et al., "Grid Anchor based Image Cropping: A New Benchmark and An Efficient Model", TPAMI 2020.

    Examples
    --------
    >>> weighted_top_accuracy([6, 5, 4, 3, 2, 1], [6, 5, 4, 3, 2, 1], n=5).tolist()
    [1.0, 1.0, 1.0, 1.0]
    >>> weighted_top_accuracy([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1], n=5).round(3).tolist()
    [0.0, 0.225, 0.366, 0.503]
    """
    a, b = _checked(predicted, scores)
    if not _has_top(b, n):
        return np.full(MAX_K, np.nan)
    if ties == "reference":  # the file's order makes the true ranks distinct
        ranks = np.empty(len(b))
        ranks[np.argsort(-b, kind="stable")] = -np.arange(len(b))
        b = ranks
    result = []
    for k in range(1, MAX_K + 1):
        sure, tied, m = _chosen(a, k, ties)
        gain = sum(_expected_gain(b, e, np.delete(sure, i), tied, m, n) for i, e in enumerate(sure))
        gain += sum(
            m / len(tied) * _expected_gain(b, e, sure, np.delete(tied, i), m - 1, n) for i, e in enumerate(tied)
        )
        result.append(gain / k)
    return np.array(result, dtype=np.float64)


def best_crop_recall(
    predicted: npt.ArrayLike,
    scores: npt.ArrayLike,
    boxes: npt.ArrayLike,
    n: int,
    min_iou: float = 0.9,
    ties: Ties = "expected",
) -> float:
    """Whether one of the N crops predicted best overlaps the truly best crop by an IoU of at least `min_iou`.

    This is what the code of Jia et al. computes under the name of accuracy, on the annotated crops as candidates.
    It is a recall of one crop and must not stand in one column with `top_accuracy`.

    Parameters
    ----------
    predicted, scores : array_like, [K]
    boxes : array_like, [K, 4]
    n : int
    min_iou : float
    ties : {"expected", "reference"}
        "expected" also takes the mean over crops that share the largest true score; "reference" the first of them.

    Returns
    -------
    float
        In [0, 1]; NaN on a photo with fewer than N crops, or with a true score that is NaN.

    Raises
    ------
    ValueError
        As in `top_accuracy`, or if there is not one box per score.

    References
    ----------
    Jia et al., "Rethinking Image Cropping: Exploring Diverse Compositions from Global Views", CVPR 2022, and its
    code.
    """
    a, b = _checked(predicted, scores)
    crops = np.asarray(boxes, dtype=np.float64)
    if crops.shape != (len(b), 4):
        raise ValueError(f"boxes have shape [{len(b)}, 4], as there are scores, got {crops.shape}")
    if not _has_top(b, n, at_least=1):
        return float("nan")
    sure, tied, m = _chosen(a, n, ties)
    best = np.flatnonzero(b == b.max())
    found = []
    for target in best if ties == "expected" else best[:1]:
        hits = iou(crops, crops[target]) >= min_iou
        missed = _ways(len(tied) - int(hits[tied].sum()), m) / _ways(len(tied), m)
        found.append(1.0 if hits[sure].any() else 1 - missed)
    return float(np.mean(found))


def best_overlap(box: npt.ArrayLike, annotations: npt.ArrayLike, photo_size: Size) -> tuple[float, float]:
    """IoU and boundary displacement of a crop, against the annotator whom it overlaps most.

    The displacement is to that same annotator's crop, not the smallest to any; among annotators that tie in IoU
    the nearest counts.

    Parameters
    ----------
    box : array_like, [4]
        x1, y1, x2, y2 in photo pixels, as predicted; not rounded (reference code cuts fractions off, which moves
        means by less than 0.0005).
    annotations : array_like, [M, 4]
        At least one; M = 1 on FCDB, up to 10 on FLMS.
    photo_size : (int, int)
        Height and width.

    Returns
    -------
    (float, float)
        IoU in [0, 1], displacement in units of the photo's sides.

    Raises
    ------
    ValueError
        If there is no annotation or a shape does not fit.

    Examples
    --------
    >>> best_overlap([0, 0, 10, 10], [[0, 0, 10, 8], [5, 0, 10, 10]], (10, 10))
    (0.8, 0.05)
    """
    crop, truth = np.asarray(box, dtype=np.float64), np.asarray(annotations, dtype=np.float64)
    if crop.shape != (4,) or truth.ndim != 2 or truth.shape[1] != 4 or not len(truth):
        raise ValueError(f"expected a box [4] and annotations [M, 4] with M > 0, got {crop.shape} and {truth.shape}")
    overlap = iou(crop, truth)
    displacement = boundary_displacement(crop, truth, photo_size)
    chosen = np.lexsort((displacement, -overlap))[0]
    return float(overlap[chosen]), float(displacement[chosen])


def _checked(predicted: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    a, b = np.asarray(predicted, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"predicted and true scores are two vectors of one length, got {a.shape} and {b.shape}")
    if not np.isfinite(a).all():  # it would pass for a photo without a pair
        raise ValueError(f"predicted scores are finite, got {a[~np.isfinite(a)][0]}")
    return a, b


def _checked_pairs(pairs: npt.ArrayLike, n: int) -> IntArray:
    array = np.asarray(pairs)
    if array.ndim != 2 or array.shape[1] != 2 or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"pairs are whole numbers of shape [P, 2], got {array.dtype} {array.shape}")
    if len(array) and not 0 <= array.min() <= array.max() < n:
        raise ValueError(f"pairs are of crops 0 to {n - 1}, got {array.min()} to {array.max()}")
    return array


def _has_top(scores: FloatArray, n: int, at_least: int = MAX_K) -> bool:
    """Whether a photo has enough crops for a top N, all with a score."""
    if n < 1:
        raise ValueError(f"n is at least 1, got {n}")
    return len(scores) >= max(n, at_least) and not np.isnan(scores).any()


def _chosen(predicted: FloatArray, k: int, ties: Ties) -> tuple[IntArray, IntArray, int]:
    """Crops that are among the best k for sure, and those of which a random m fill the rest."""
    if ties == "reference":
        return np.argsort(-predicted, kind="stable")[:k], np.empty(0, dtype=np.int64), 0
    if ties != "expected":
        raise ValueError(f"ties is 'expected' or 'reference', got {ties!r}")
    last = np.sort(predicted)[-k]
    sure = np.flatnonzero(predicted > last)
    return sure, np.flatnonzero(predicted == last), k - len(sure)


def _ways(items: int, chosen: int) -> int:
    return comb(items, chosen) if chosen >= 0 else 0


def _expected_gain(scores: FloatArray, e: int, sure: IntArray, tied: IntArray, m: int, n: int) -> float:
    """Mean of 1[r < n] exp(-(r - j) / n) for crop e, of true rank r, with j returned crops before it.

    Beside e are returned all of `sure` and a random m of `tied`; crops with the same true score are in random
    order. Draws without replacement make j hypergeometric.
    """
    first = int((scores > scores[e]).sum())  # the best rank that e may take
    if first >= n:
        return 0.0
    equal = int((scores == scores[e]).sum()) - 1  # other crops with its true score
    better_sure, equal_sure = int((scores[sure] > scores[e]).sum()), int((scores[sure] == scores[e]).sum())
    better, same = int((scores[tied] > scores[e]).sum()), int((scores[tied] == scores[e]).sum())
    worse = len(tied) - better - same
    total = 0.0
    for x in range(min(better, m) + 1):  # of the random m, how many are better than e
        for y in range(min(same, m - x) + 1):  # and how many as good
            ways = comb(better, x) * comb(same, y) * _ways(worse, m - x - y)
            if ways:
                total += ways * _gain_among_equals(first, equal, better_sure + x, equal_sure + y, n)
    return total / _ways(len(tied), m)


def _gain_among_equals(first: int, equal: int, before: int, returned: int, n: int) -> float:
    """The same, where `before` returned crops are better and `returned` of the `equal` others as good."""
    total = 0.0
    for t in range(min(equal, n - 1 - first) + 1):  # equals that come before e
        for z in range(min(returned, t) + 1):  # and how many of them are returned
            ways = comb(returned, z) * _ways(equal - returned, t - z)
            total += ways / comb(equal, t) * np.exp(-(first + t - before - z) / n)
    return float(total / (equal + 1))
