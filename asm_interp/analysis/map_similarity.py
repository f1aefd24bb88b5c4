"""How alike two maps of one photo are: rank correlation, overlap of their peaks, structural similarity."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from asm_interp.evaluation.metrics import srcc

FloatArray = npt.NDArray[np.float64]


def _pair(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[FloatArray, FloatArray, bool]:
    """Both maps as float64, and whether either says nothing: constant, or with a value that is not finite."""
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 2 or first.size == 0:
        raise ValueError(f"two maps of one photo have one shape [h, w], got {first.shape} and {second.shape}")
    mute = any(not np.isfinite(values).all() or np.ptp(values) == 0 for values in (first, second))
    return first, second, mute


def map_spearman(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Spearman's rank correlation of two maps [h, w] over their pixels.

    Returns
    -------
    float
        In [-1, 1]; NaN if a map is constant or has a value that is not finite.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> map_spearman([[1, 2], [3, 4]], [[1, 4], [9, 16]])
    1.0
    """
    first, second, mute = _pair(a, b)
    return float("nan") if mute else srcc(first.ravel(), second.ravel())


def top_iou(a: npt.ArrayLike, b: npt.ArrayLike, share: float = 0.1) -> float:
    """Intersection over union of the highest `share` of the pixels of two maps [h, w].

    Two unrelated maps have share / (2 - share) in the mean, 0.053 for a tenth.

    Returns
    -------
    float
        In [0, 1]; NaN if a map is constant or has a value that is not finite.

    Raises
    ------
    ValueError
        If the shapes differ or `share` is not in (0, 1].

    Examples
    --------
    >>> top_iou([[1, 2, 3, 4]], [[1, 4, 0, 3]], share=0.5)
    0.3333333333333333
    """
    if not 0 < share <= 1:
        raise ValueError(f"share lies in (0, 1], got {share}")
    first, second, mute = _pair(a, b)
    if mute:
        return float("nan")
    count = max(1, round(share * first.size))
    tops = [set(np.argsort(-values, axis=None, kind="stable")[:count].tolist()) for values in (first, second)]
    return len(tops[0] & tops[1]) / len(tops[0] | tops[1])


def map_ssim(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Structural similarity of two maps [h, w], each first brought to [0, 1] by its own least and largest value.

    With the Gaussian window of σ = 1.5 of Wang et al.

    Returns
    -------
    float
        In [-1, 1]; NaN if a map is constant, has a value that is not finite or is narrower than the window (11).

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE TIP 2004;
    Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018, who compare maps so.
    """
    first, second, mute = _pair(a, b)
    if mute or min(first.shape) < 11:
        return float("nan")
    from skimage.metrics import structural_similarity

    first, second = ((values - values.min()) / np.ptp(values) for values in (first, second))
    return float(
        structural_similarity(  # type: ignore[no-untyped-call]
            first, second, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
    )
