"""Inclusion lift: how much better crops score that hold a place of the photo than crops that do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from asm_interp.analysis.scored_crops import BoolArray, ScoredCrops, centre, standardise
from asm_interp.analysis.statistics import Resampling, max_t_p
from asm_interp.geometry.boxes import FloatArray, Size

_BLOCK = 256  # resamples held in memory at once
_NOTHING = 1e-9  # root of a sum of squared z below which there is no effect
_Difference = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True, eq=False)
class LiftMap:
    """Lift of each cell of a grid over the photo, with control over the whole map.

    Attributes
    ----------
    lift : array of float64, [h, w]
        In standard deviations of a photo's scores; NaN where too few crops hold, or leave out, the cell.
    low, high : array of float64, [h, w]
        Bootstrap interval of each cell by itself, over photos.
    p_adj : array of float64, [h, w]
        Whether the photos lift the cell on average, from flipping the photos' signs, corrected over the map (max-T).
    coverage : array of float64, [h, w]
        Share of crops that hold the cell.
    n_photos, n_crops, resamples, seed : int
    held : str
        What was taken out of the scores first.
    """

    lift: FloatArray
    low: FloatArray
    high: FloatArray
    p_adj: FloatArray
    coverage: FloatArray
    n_photos: int
    n_crops: int
    resamples: int
    seed: int
    held: str

    def to_frame(self) -> pd.DataFrame:
        """One row per cell: u, v (its centre, across and down, in [0, 1]), lift, ci_low, ci_high, p_adj, coverage."""
        height, width = self.lift.shape
        v, u = np.meshgrid((np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width, indexing="ij")
        named = {"u": u, "v": v, "lift": self.lift, "ci_low": self.low, "ci_high": self.high}
        named |= {"p_adj": self.p_adj, "coverage": self.coverage}
        return pd.DataFrame({name: values.ravel() for name, values in named.items()})


def holds(boxes: FloatArray, valid: BoolArray, grid: Size) -> tuple[BoolArray, BoolArray]:
    """Whether crops hold the rows and the columns of a grid, by the cells' centres; [N, K, h] and [N, K, w].

    A crop holds the cell (i, j) where it holds row i and column j: rasters of boxes are outer products.
    """
    rows, columns = ((np.arange(n) + 0.5) / n for n in grid)
    down = (boxes[..., 1, None] <= rows) & (rows < boxes[..., 3, None]) & valid[..., None]
    across = (boxes[..., 0, None] <= columns) & (columns < boxes[..., 2, None]) & valid[..., None]
    return down, across


def lift_map(
    crops: ScoredCrops,
    how: Resampling | None = None,
    *,
    grid: Size = (32, 32),
    min_count: int = 20,
    size_held: bool = False,
) -> LiftMap:
    r"""Inclusion lift :math:`\Delta(u) = E[z \mid u \in X] - E[z \mid u \notin X]` over a grid of the photo.

    Parameters
    ----------
    crops : ScoredCrops
    how : Resampling, optional
    grid : (int, int)
        Cells down and across.
    min_count : int
        Least number of crops with the cell, and without it.
    size_held : bool
        Take out of each photo's scores what area, aspect ratio, their squares and product explain, so that the map
        shows place, not size.

    Returns
    -------
    LiftMap

    References
    ----------
    Maris & Oostenveld, "Nonparametric statistical testing of EEG- and MEG-data", J. Neurosci. Methods 2007
    (control over a map); Nichols & Holmes, "Nonparametric permutation tests for functional neuroimaging", Hum. Brain
    Mapp. 2002 (signs of subjects flipped, so that these may differ).
    """
    how = how or Resampling()
    z = _scores(crops, size_held)
    down, across = holds(crops.boxes, crops.valid, grid)
    shape = (len(crops), -1)
    # Crops with each cell, and the sum of their scores, photo by photo.
    count = (down.transpose(0, 2, 1).astype(np.float64) @ across.astype(np.float64)).reshape(shape)
    total = ((down * z[..., None]).transpose(0, 2, 1) @ across.astype(np.float64)).reshape(shape)
    n_crops = crops.valid.sum(axis=1, keepdims=True).astype(np.float64)
    with_cell, without = count.sum(axis=0), n_crops.sum() - count.sum(axis=0)
    enough = (with_cell >= max(min_count, 1)) & (without >= max(min_count, 1))

    def difference(count: FloatArray, total: FloatArray, n_crops: FloatArray) -> FloatArray:
        # z sums to zero in each photo, so what crops without the cell hold is minus what those with it hold:
        # total / count + total / without.
        product = count * (n_crops - count)
        nan, usable = np.full(count.shape, np.nan), enough & (product > 0)
        return np.asarray(np.divide(total * n_crops, product, out=nan, where=usable))

    observed = difference(with_cell, total.sum(axis=0), n_crops.sum())
    low, high = _interval(count, total, n_crops, difference, how)
    p_adj = _adjusted_p(np.where(enough, total, np.nan), how)
    return LiftMap(
        lift=observed.reshape(grid),
        low=low.reshape(grid),
        high=high.reshape(grid),
        p_adj=p_adj.reshape(grid),
        coverage=(with_cell / n_crops.sum()).reshape(grid),
        n_photos=len(crops),
        n_crops=crops.n_crops,
        resamples=how.resamples,
        seed=how.seed,
        held="area and aspect, curved" if size_held else "nothing",
    )


def _scores(crops: ScoredCrops, size_held: bool) -> FloatArray:
    """Standardised scores, with or without what size explains over all photos."""
    z = crops.standardised()
    if not size_held:
        return z
    area, aspect = (centre(crops.feature(name), crops.valid) for name in ("area", "log aspect"))
    curved = [area, aspect, *(centre(product, crops.valid) for product in (area**2, aspect**2, area * aspect))]
    columns = np.stack([column[crops.valid] for column in curved], axis=1)
    left = np.zeros_like(z)
    left[crops.valid] = z[crops.valid] - columns @ np.linalg.lstsq(columns, z[crops.valid], rcond=None)[0]
    return standardise(left, crops.valid)


def _interval(
    count: FloatArray, total: FloatArray, n_crops: FloatArray, difference: _Difference, how: Resampling
) -> FloatArray:
    """Percentile interval of each cell, [2, cells], by resampling photos; NaN below two of them."""
    rng = np.random.default_rng(how.seed)
    n = len(count)
    if n < 2:
        return np.full((2, count.shape[1]), np.nan)
    draws = []
    for start in range(0, how.resamples, _BLOCK):
        weights = rng.multinomial(n, np.full(n, 1 / n), min(_BLOCK, how.resamples - start)).astype(np.float64)
        draws.append(difference(weights @ count, weights @ total, weights @ n_crops))
    drawn, ends = np.concatenate(draws), np.full((2, count.shape[1]), np.nan)
    known = ~np.isnan(drawn).all(axis=0)
    ends[:, known] = np.nanquantile(drawn[:, known], [(1 - how.level) / 2, (1 + how.level) / 2], axis=0)
    return ends


def _adjusted_p(total: FloatArray, how: Resampling) -> FloatArray:
    """P values over the map of sums over photos [N, cells], by flipping the sign of each photo's whole row."""
    # Each cell over the root of its sum of squares, its standard deviation under flipped signs; below _NOTHING it is
    # of photos whose crops all hold the cell, or none, and rounding.
    length = np.sqrt(np.square(total).sum(axis=0))
    scaled = np.divide(total, length, out=np.full_like(total, np.nan), where=length > _NOTHING)
    signs = np.random.default_rng([how.seed, 1]).choice([-1.0, 1.0], (how.resamples, len(total)))
    return max_t_p(scaled.sum(axis=0), signs @ scaled)
