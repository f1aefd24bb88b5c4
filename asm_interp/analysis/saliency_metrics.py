"""How well a map agrees with saliency: the measures of the saliency benchmarks, exactly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from asm_interp.geometry.boxes import FloatArray, Size

BoolArray = npt.NDArray[np.bool_]

METRICS = ("CC", "NSS", "KL", "SIM", "AUC_Judd", "sAUC")
"""Measures of agreement. All but KL, which is a divergence, are larger where maps agree better."""

EPSILON = 2.220446049250313e-16
"""Of the Kullback-Leibler divergence, as the MIT benchmark has it."""

TOP = 0.05
"""Share of a photo's pixels, those of highest saliency, that stand for fixated ones."""


def top_mask(saliency: npt.ArrayLike, share: float = TOP) -> BoolArray:
    """Mark the highest `share` of the pixels of a map [h, w].

    Of pixels that tie for the last places none is marked, unless no other is higher: then all of them.

    Raises
    ------
    ValueError
        If `share` is not in (0, 1).

    Examples
    --------
    >>> top_mask([[0, 0, 1, 2]], share=0.5), top_mask([[0, 0, 0, 2]], share=0.5)
    (array([[False, False,  True,  True]]), array([[False, False, False,  True]]))
    """
    if not 0 < share < 1:
        raise ValueError(f"share lies in (0, 1), got {share}")
    values = np.asarray(saliency, dtype=np.float64)
    count = max(1, round(share * values.size))
    last = np.partition(values, values.size - count, axis=None)[values.size - count]
    marked = values >= last
    return np.asarray(marked if marked.sum() <= count or last == values.max() else values > last)


def nss(values: npt.ArrayLike, fixated: npt.ArrayLike) -> float:
    """Normalised scanpath saliency: mean of (θ - μ) / σ over the fixated pixels; NaN for a constant map.

    References
    ----------
    Peters et al., "Components of bottom-up gaze allocation in natural images", Vision Res. 2005.

    Examples
    --------
    >>> round(nss([[0, 0, 0, 4]], [[False, False, False, True]]), 6)
    1.732051
    """
    array = np.asarray(values, dtype=np.float64)
    spread = float(array.std())
    marked = array[np.asarray(fixated, dtype=bool)]
    return float((marked - array.mean()).mean()) / spread if spread > 0 and marked.size else float("nan")


def _density(values: npt.ArrayLike) -> FloatArray:
    """A map as shares of its sum; of one with negative values, the least is taken off first."""
    array = np.asarray(values, dtype=np.float64)
    array = array - min(0.0, float(array.min()))
    return np.asarray(array / array.sum())


def kl_divergence(values: npt.ArrayLike, saliency: npt.ArrayLike) -> float:
    r"""Kullback-Leibler divergence of a map's density p from that of the saliency, q.

    .. math:: \sum_i q_i \log\Big(\varepsilon + \frac{q_i}{p_i + \varepsilon}\Big), \quad \varepsilon = 2^{-52}

    Of a map with negative values the least is taken off first. Neither map may be zero throughout.

    References
    ----------
    Bylinskii et al., "What do different evaluation metrics tell us about saliency models?", IEEE TPAMI 2018.

    Examples
    --------
    >>> round(kl_divergence([[1, 1]], [[0, 3]]), 9) == round(float(np.log(2)), 9)
    True
    """
    p, q = _density(values), _density(saliency)
    return float((q * np.log(EPSILON + q / (p + EPSILON))).sum())


def similarity(values: npt.ArrayLike, saliency: npt.ArrayLike) -> float:
    r"""Histogram intersection of the densities of two maps, :math:`\sum_i \min(p_i, q_i)`, in [0, 1].

    Negative values, and source, as in `kl_divergence`; the benchmark's code takes the least value off always.

    Examples
    --------
    >>> similarity([[1, 1, 2]], [[0, 2, 2]])
    0.75
    """
    return float(np.minimum(_density(values), _density(saliency)).sum())


def weighted_auc(values: npt.ArrayLike, positive: npt.ArrayLike, negative: npt.ArrayLike) -> float:
    r"""Area under the ROC curve of a map, exactly: the chance that a positive pixel has more than a negative one.

    .. math:: P(\theta_p > \theta_n) + \tfrac12 P(\theta_p = \theta_n)

    Parameters
    ----------
    values : array_like, [h, w]
    positive, negative : array_like, [h, w]
        How often each pixel is drawn as a positive and as a negative one; not negative. Masks are taken.

    Returns
    -------
    float
        In [0, 1]; NaN if there is no positive or no negative pixel, or a value is NaN.

    Examples
    --------
    >>> weighted_auc([[1, 2, 3, 3]], [[0, 1, 0, 1]], [[1, 0, 1, 0]])
    0.625
    """
    levels, place = np.unique(np.asarray(values, dtype=np.float64), return_inverse=True)
    if np.isnan(levels[-1:]).any():  # NaN is sorted last
        return float("nan")
    p, n = (
        np.bincount(place.ravel(), np.asarray(weight, dtype=np.float64).ravel(), len(levels))
        for weight in (positive, negative)
    )
    total = float(p.sum() * n.sum())
    return float((p * (np.cumsum(n) - n / 2)).sum()) / total if total > 0 else float("nan")


def auc_judd(values: npt.ArrayLike, fixated: npt.ArrayLike) -> float:
    """AUC of fixated against all other pixels; the exact area, where the original puts noise on ties.

    References
    ----------
    Judd et al., "Learning to predict where humans look", ICCV 2009; `weighted_auc`.
    """
    marked = np.asarray(fixated, dtype=bool)
    return weighted_auc(values, marked, ~marked)


def shuffled_auc(values: npt.ArrayLike, fixated: npt.ArrayLike, elsewhere: npt.ArrayLike) -> float:
    """AUC of fixated pixels against those that are fixated on other photos: what is common to all photos earns 0.5.

    Parameters
    ----------
    values : array_like, [h, w]
    fixated : array_like of bool, [h, w]
    elsewhere : array_like, [h, w]
        How many other photos have each pixel fixated. The AUC over all of these is the mean of that over random draws.

    References
    ----------
    Tatler et al., "Visual correlates of fixation selection", Vision Res. 2005; Zhang et al., "SUN: A Bayesian framework
    for saliency using natural statistics", J. Vision 2008.
    """
    return weighted_auc(values, np.asarray(fixated, dtype=bool), elsewhere)


def centre_prior(shape: Size, sigma: float = 0.25) -> FloatArray:
    """A Gaussian at the centre of a map, [h, w], with maximum 1; `sigma` in units of the sides."""
    down, across = (np.exp(-0.5 * (((np.arange(n) + 0.5) / n - 0.5) / sigma) ** 2) for n in shape)
    return np.asarray(down[:, None] * across[None, :])


def degeneracy(values: npt.ArrayLike) -> str:
    """What is wrong with a map: "not finite", "constant" (to the rounding of float32), or "" for nothing."""
    array = np.asarray(values, dtype=np.float64)
    if not array.size or not np.isfinite(array).all():
        return "not finite"
    return "constant" if np.ptp(array) <= 4 * np.finfo(np.float32).eps * np.abs(array).max() else ""
