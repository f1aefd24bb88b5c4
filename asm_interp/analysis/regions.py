"""Where on the photo a map's mass lies: corners, border and centre, the way in from the border, and peaks."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from asm_interp.geometry.boxes import FloatArray, Size

Region = Literal["corners", "border", "centre"]
REGIONS: tuple[Region, ...] = get_args(Region)
MARGIN = 0.125
"""Side of a corner, and width of the border, in units of the photo's sides."""


def coverage(n: int, start: float, stop: float) -> FloatArray:
    """Share of each of `n` equal steps over [0, 1] that [start, stop] covers, [n].

    Examples
    --------
    >>> coverage(4, 0.0, 0.375)
    array([1. , 0.5, 0. , 0. ])
    """
    left = np.arange(n)  # in steps, so that edges that fall between steps cover none of the next in part
    return np.asarray(np.clip(np.minimum(left + 1, stop * n) - np.maximum(left, start * n), 0, 1))


@lru_cache(maxsize=64)
def region_weights(shape: Size, region: Region, margin: float = MARGIN) -> FloatArray:
    """Share of each pixel of a map that a region covers.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the map.
    region : {"corners", "border", "centre"}
        The four corners, `margin` of each side long; the ring of that width along the border, corners included;
        the middle half of both sides.
    margin : float
        In (0, 0.5).

    Returns
    -------
    array of float64, [h, w]
        In [0, 1], read-only. Region edges may fall inside pixels, so that the region is the same at any size.

    Raises
    ------
    ValueError
        If there is no such region, or the margin is out of its range.
    """
    if region not in REGIONS:
        raise ValueError(f"region is one of {', '.join(REGIONS)}, got {region!r}")
    if not 0 < margin < 0.5:
        raise ValueError(f"margin lies between 0 and 0.5, got {margin}")
    height, width = shape
    if region == "centre":
        weights = np.outer(coverage(height, 0.25, 0.75), coverage(width, 0.25, 0.75))
    else:
        inner = [coverage(n, margin, 1 - margin) for n in (height, width)]
        weights = np.outer(1 - inner[0], 1 - inner[1]) if region == "corners" else 1 - np.outer(*inner)
    weights.setflags(write=False)
    return weights


def _checked(values: npt.ArrayLike) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """The map with zeros for what is not finite, and where it is finite."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"a map has shape [h, w], got {list(array.shape)}")
    present = np.isfinite(array)
    return np.where(present, array, 0.0), present


def concentration(values: npt.ArrayLike, region: Region = "corners", margin: float = MARGIN) -> float:
    r"""How much denser a non-negative map's mass is in a region than over the whole photo, as a logarithm.

    .. math:: \log_2 \frac{\sum_R \theta / \sum \theta}{|R| / hw}

    0 is even, 1 is twice as dense, -1 half as dense, -inf none at all. NaN where the map has no mass, or no pixel
    of the region is finite. Pixels that are not finite count neither as mass nor as area.

    Parameters
    ----------
    values : array_like, [h, w]
        Not negative, as θstd is.
    region, margin
        See `region_weights`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If a value is negative (use `region_z`), or the array is no map.

    Examples
    --------
    >>> concentration(np.ones((7, 9)))
    0.0
    """
    mass, present = _checked(values)
    if (mass < 0).any():
        raise ValueError(
            f"concentration is for maps without negative values, found {mass.min():g}; region_z takes them"
        )
    weights = region_weights(mass.shape, region, margin)
    largest = float(mass.max())
    covered = float((weights * present).sum())
    if largest == 0 or covered == 0:
        return float("nan")
    mass = mass / largest  # sums neither overflow nor vanish, whatever the unit
    density = float((weights * mass).sum()) / covered
    even = float(mass.sum()) / float(present.sum())
    return float(np.log2(density / even)) if density > 0 else float("-inf")


def region_mean(values: npt.ArrayLike, region: Region, margin: float = MARGIN) -> float:
    """Mean of a map over the finite pixels of a region; NaN if there is none. Arguments as for `region_z`."""
    array, present = _checked(values)
    weights = region_weights(array.shape, region, margin) * present
    covered = float(weights.sum())
    return float((weights * array).sum()) / covered if covered else float("nan")


def region_z(values: npt.ArrayLike, region: Region = "corners", margin: float = MARGIN) -> float:
    """Mean over a region of (θ - μ) / σ, with mean and standard deviation over the map's finite pixels.

    For maps of either sign, such as θavg. NaN for a map that is constant or has no finite pixel in the region.
    Arguments and errors as for `concentration`, negative values apart.

    Examples
    --------
    >>> signed = np.zeros((8, 8))
    >>> signed[[0, 0, -1, -1], [0, -1, 0, -1]] = 1
    >>> round(region_z(signed), 3)
    3.873
    """
    array, present = _checked(values)
    inside = array[present]
    if not inside.size or inside.min() == inside.max():
        return float("nan")
    z = np.where(present, array - inside.mean(), np.nan)
    return region_mean(z / np.sqrt(np.square(z[present]).mean()), region, margin)


@lru_cache(maxsize=64)
def edge_distance(shape: Size) -> FloatArray:
    """Distance of each pixel's centre to the nearest border, in units of the photo's sides; [h, w] in (0, 0.5]."""
    rows, columns = ((np.arange(n) + 0.5) / n for n in shape)
    distance = np.minimum(np.minimum(rows, 1 - rows)[:, None], np.minimum(columns, 1 - columns)[None, :])
    distance.setflags(write=False)
    return distance


def profile_distances(n_steps: int) -> FloatArray:
    """Middles of the steps of a `radial_profile`, in units of the photo's sides; [n_steps]."""
    return np.asarray((np.arange(n_steps) + 0.5) / (2 * n_steps))


def radial_profile(values: npt.ArrayLike, n_steps: int = 16) -> pd.DataFrame:
    """Mean of a map by distance to the nearest border.

    Parameters
    ----------
    values : array_like, [h, w]
    n_steps : int
        Steps of equal width over distances 0 to 0.5, in units of the photo's sides.

    Returns
    -------
    DataFrame
        One row per step: d_edge (its middle), mean (NaN where no pixel is), n_pixels.

    Raises
    ------
    ValueError
        If the array is no map, or there is no step.
    """
    array, present = _checked(values)
    if n_steps < 1:
        raise ValueError(f"n_steps is at least 1, got {n_steps}")
    step = np.minimum((edge_distance(array.shape)[present] * 2 * n_steps).astype(np.int64), n_steps - 1)
    n_pixels = np.bincount(step, minlength=n_steps)
    sums = np.bincount(step, array[present], n_steps)
    mean = np.divide(sums, n_pixels, out=np.full(n_steps, np.nan), where=n_pixels > 0)
    return pd.DataFrame({"d_edge": profile_distances(n_steps), "mean": mean, "n_pixels": n_pixels})


def edge_slope(values: npt.ArrayLike) -> float:
    """Least-squares slope of a map over the distance to the nearest border, per photo side; positive means inward.

    Over all finite pixels. NaN where these all lie at one distance.
    """
    array, present = _checked(values)
    distance = edge_distance(array.shape)[present]
    if not distance.size or distance.min() == distance.max():
        return float("nan")
    distance = distance - distance.mean()
    return float((distance * (array[present] - array[present].mean())).sum() / np.square(distance).sum())


def _masses(values: npt.ArrayLike) -> FloatArray:
    """Finite values as shares of their sum; empty if they have none."""
    array, present = _checked(values)
    if (array < 0).any():
        raise ValueError(f"mass is never negative, found {array.min():g}")
    mass = array[present]
    if not mass.size or mass.max() == 0:
        return np.empty(0)
    mass = mass / mass.max()
    return np.asarray(mass / mass.sum())


def gini(values: npt.ArrayLike) -> float:
    r"""Gini coefficient of a map's mass over its n finite pixels: 0 if even, (n - 1) / n if all is in one.

    .. math:: G = \frac{\sum_i (2i - n - 1)\, \theta_{(i)}}{n \sum_i \theta_{(i)}}

    NaN where the map has no mass.

    Raises
    ------
    ValueError
        If a value is negative, or the array is no map.

    References
    ----------
    Hurley & Rickard, "Comparing Measures of Sparsity", IEEE Trans. Inf. Theory 2009.

    Examples
    --------
    >>> gini([[0, 0], [0, 3]])
    0.75
    """
    mass = np.sort(_masses(values))
    n = len(mass)
    return float(((2 * np.arange(1, n + 1) - n - 1) * mass).sum() / n) if n else float("nan")


def evenness(values: npt.ArrayLike) -> float:
    r"""Entropy of a map's mass relative to the greatest possible: 1 if even, 0 if all is in one pixel.

    .. math:: -\frac{1}{\log n} \sum_i q_i \log q_i, \qquad q_i = \theta_i / \sum_j \theta_j

    NaN where the map has no mass or one finite pixel only. Errors as for `gini`.
    """
    mass = _masses(values)
    if len(mass) < 2:
        return float("nan")
    held = mass[mass > 0]
    return max(0.0, float(-(held * np.log(held)).sum() / np.log(len(mass))))


def peaks(values: npt.ArrayLike, photo_size: Size, top: int = 5, spacing: float = 0.05) -> pd.DataFrame:
    """Local maxima of a map, highest first.

    Parameters
    ----------
    values : array_like, [h, w]
        Map of the whole photo; pixels that are not finite are never a peak.
    photo_size : (int, int)
        Height and width (H, W) of the photo in pixels.
    top : int
        How many at most.
    spacing : float
        Least distance of two peaks (the larger of across and down), as a share of the map's longer side.

    Returns
    -------
    DataFrame
        x, y (photo pixels, centre of the map pixel) and value. A constant map has no peak.

    Raises
    ------
    ValueError
        If the array is no map, `top` below 1 or `spacing` negative.

    Examples
    --------
    >>> bump = np.zeros((10, 20))
    >>> bump[2, 5] = 7
    >>> peaks(bump, (100, 200)).to_numpy().tolist()
    [[55.0, 25.0, 7.0]]
    """
    array, present = _checked(values)
    if top < 1 or spacing < 0:
        raise ValueError(f"top is at least 1 and spacing not negative, got {top} and {spacing}")
    columns = ["x", "y", "value"]
    if not present.any() or array[present].min() == array[present].max():
        return pd.DataFrame(np.empty((0, 3)), columns=columns)
    from skimage.feature import peak_local_max

    height, width = array.shape
    lowest = float(array[present].min())
    places = peak_local_max(  # type: ignore[no-untyped-call]
        np.where(present, array, lowest),
        min_distance=max(1, round(spacing * max(height, width))),
        threshold_abs=np.nextafter(lowest, np.inf),
        exclude_border=False,
        num_peaks=top,
    )
    order = np.argsort(-array[tuple(places.T)], kind="stable")
    row, column = places[order].T
    x, y = (column + 0.5) * photo_size[1] / width, (row + 0.5) * photo_size[0] / height
    return pd.DataFrame(np.stack([x, y, array[row, column]], axis=1), columns=columns)
