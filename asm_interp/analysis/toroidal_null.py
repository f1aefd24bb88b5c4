"""Statistics of maps against their own toroidal shifts, which keep a map's values and smoothness and move its place.

Neighbouring pixels of a map are alike, so that pixels are no sample: a test over pixels rejects far too often. Shifting
the map around the torus breaks its tie to the photo's border, or to another map, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from asm_interp.analysis.estimates import Estimate, mean_estimate
from asm_interp.analysis.mean_maps import GRID, to_grid
from asm_interp.analysis.regions import REGIONS, region_weights
from asm_interp.analysis.statistics import Resampling, permutation_p
from asm_interp.analysis.theta import ThetaMaps
from asm_interp.geometry.boxes import FloatArray


def toroidal_shifts(values: npt.ArrayLike) -> FloatArray:
    """Every shift of a map around the torus, [h·w, h, w]; the first is the map itself.

    Examples
    --------
    >>> toroidal_shifts([[1, 2, 3]]).tolist()
    [[[1.0, 2.0, 3.0]], [[3.0, 1.0, 2.0]], [[2.0, 3.0, 1.0]]]
    """
    array = np.asarray(values, dtype=np.float64)
    height, width = array.shape
    rows = (np.arange(height)[None, :] - np.arange(height)[:, None]) % height
    columns = (np.arange(width)[None, :] - np.arange(width)[:, None]) % width
    shifted = array[rows[:, None, :, None], columns[None, :, None, :]]
    return np.asarray(shifted.reshape(height * width, height, width))


def region_estimates(theta: Iterable[ThetaMaps], how: Resampling) -> list[Estimate]:
    """Mass of θ maps in the photo's corners, along its border and in its centre, against shifts of the same maps.

    Parameters
    ----------
    theta : iterable of ThetaMaps
        One per photo. Their maps are brought to a grid first.
    how : Resampling
        Photos are resampled for the interval; for the test each photo's map is shifted on its own, and the mean over
        photos compared with what that gives.

    Returns
    -------
    list of Estimate
        For each region the mean of θavg in it, in standard deviations over the photo, and the density of θstd in it
        over the photo's; see `asm_interp.analysis.regions`. Both are averaged over photos and tested as they are; of
        densities log2 is given, afterwards, for that of a photo without mass in a region is infinite. Photos with a
        constant map are left out.
    """
    regions = np.stack([region_weights(GRID, region).ravel() for region in REGIONS], axis=1)
    regions = regions / regions.sum(axis=0)
    found: Mapping[str, list[FloatArray]] = {"avg": [], "std": []}
    for one in theta:
        avg, std = to_grid(one.avg), to_grid(one.std)
        if avg.std() > 0:
            found["avg"].append(_over_shifts((avg - avg.mean()) / avg.std(), regions))
        if std.max() > 0:
            found["std"].append(_over_shifts(std / std.mean(), regions))
    labels = (("avg", "z of θavg, {}", "σ of the map"), ("std", "concentration of θstd, {}", "log₂ density"))
    rows = []
    for name, label, effect in labels:
        shifts = np.stack(found[name]) if found[name] else np.empty((0, 1, len(REGIONS)))
        for number, region in enumerate(REGIONS):
            row = _against_shifts(label.format(region), shifts[:, :, number], how, effect)
            rows.append(row if name == "avg" else _on_log2(row))
    return rows


def _on_log2(row: Estimate) -> Estimate:
    """A row of densities with logarithms of its estimate and interval."""
    with np.errstate(divide="ignore"):
        estimate, low, high = np.log2([row.estimate, row.ci_low, row.ci_high]).tolist()
    return replace(row, estimate=estimate, ci_low=low, ci_high=high)


def _over_shifts(values: FloatArray, regions: FloatArray) -> FloatArray:
    """Mean of a map in each region under each shift, [shifts, regions]."""
    return np.asarray(toroidal_shifts(values).reshape(values.size, -1) @ regions)


def _against_shifts(statistic: str, shifts: FloatArray, how: Resampling, effect: str) -> Estimate:
    """Mean over photos of the unshifted statistic, tested against random shifts, photo by photo; shifts [N, S]."""
    row = mean_estimate(statistic, shifts[:, 0], how, effect=effect, alternative=None)
    if not len(shifts):
        return row
    rng = np.random.default_rng([how.seed, 2])
    drawn = rng.integers(shifts.shape[1], size=(how.resamples, len(shifts)))
    null = shifts[np.arange(len(shifts)), drawn].mean(axis=1)
    # Around the null's centre, which is one for densities.
    return replace(row, p=permutation_p(row.estimate - null.mean(), null - null.mean()))


def map_correlation(first: npt.ArrayLike, second: npt.ArrayLike, how: Resampling | None = None) -> Estimate:
    """Correlation of two maps over their cells, tested by shifting the second to every other place.

    Parameters
    ----------
    first, second : array_like, [h, w]
        Cells that are NaN in the first are left out.
    how : Resampling, optional
        Gives the seed that the row carries; all shifts are taken, so that nothing is drawn.

    Returns
    -------
    Estimate
        Without an interval: cells are no sample. NaN for maps that are constant.

    Raises
    ------
    ValueError
        If the maps differ in shape.

    References
    ----------
    Lotwick & Silverman, "Methods for analysing spatial processes of several types of points", J. R. Stat. Soc. B 1982
    (toroidal shifts).
    """
    fixed, moved = (np.asarray(each, dtype=np.float64) for each in (first, second))
    if fixed.shape != moved.shape:
        raise ValueError(f"maps to be correlated have one shape, got {fixed.shape} and {moved.shape}")
    present = ~np.isnan(fixed)
    shifts = toroidal_shifts(moved)[:, present]
    a = fixed[present] - fixed[present].mean() if present.any() else np.zeros(0)
    b = shifts - shifts.mean(axis=1, keepdims=True) if present.any() else shifts
    norms = np.linalg.norm(a) * np.linalg.norm(b, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        correlations = np.where(norms > 0, b @ a / norms, np.nan)
    own, others = correlations[0], correlations[1:]
    p = permutation_p(own, others[~np.isnan(others)]) if not np.isnan(own) else float("nan")
    seed = (how or Resampling()).seed
    return Estimate("", float(own), float("nan"), float("nan"), p, effect="r over cells", seed=seed)
