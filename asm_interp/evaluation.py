"""How well predicted scores order crops."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def ranking_accuracy(predicted: npt.ArrayLike, scores: npt.ArrayLike, delta: float = 0.0) -> float:
    """Share of a photo's crop pairs that the prediction orders as the scores do.

    Pairs whose scores differ by less than `delta`, or not at all, or with a NaN among them do not count; a
    pair that the prediction leaves tied counts half.

    Parameters
    ----------
    predicted, scores : array_like, [K]
    delta : float

    Returns
    -------
    float
        In [0, 1]; NaN if no pair counts.

    Raises
    ------
    ValueError
        If the shapes differ, or a predicted score is not finite.

    Examples
    --------
    >>> ranking_accuracy([3, 1, 2], [1.0, 0.0, 0.5])
    1.0
    >>> ranking_accuracy([0, 0, 0], [1.0, 0.0, 0.5])
    0.5
    """
    a, b = np.asarray(predicted, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"predicted and true scores are two vectors of one length, got {a.shape} and {b.shape}")
    if not np.isfinite(a).all():  # it would pass for a photo without a pair
        raise ValueError(f"predicted scores are finite, got {a[~np.isfinite(a)][0]}")
    first, second = np.triu_indices(len(b), k=1)
    difference = b[first] - b[second]
    counts = (np.abs(difference) >= delta) & (difference != 0)
    if not counts.any():
        return float("nan")
    agreement = np.sign(a[first] - a[second]) * np.sign(difference)
    return float((1 + agreement[counts]).mean() / 2)


def bootstrap_interval(
    per_photo: npt.ArrayLike, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of a mean over photos, by resampling photos; NaN entries are left out.

    Parameters
    ----------
    per_photo : array_like, [N]
    level : float
    resamples, seed : int

    Returns
    -------
    (float, float)
        NaN, NaN if nothing is left.

    References
    ----------
    Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, ch. 13.
    """
    values = np.asarray(per_photo, dtype=np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    means = [values[rng.integers(len(values), size=len(values))].mean() for _ in range(resamples)]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
