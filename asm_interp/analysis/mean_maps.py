"""Means over photos that stream: one map at a time in, mean, n and interval per cell out."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from asm_interp.analysis.regions import coverage
from asm_interp.geometry.boxes import FloatArray, Size

GRID: Size = (32, 32)
"""Cells down and across of a mean map, unless another grid is asked for."""


@lru_cache(maxsize=64)
def _averaging(cells: int, n: int) -> FloatArray:
    """Matrix [cells, n] that averages `n` equal pixels over `cells` equal cells, by area."""
    weights = np.stack([coverage(n, cell / cells, (cell + 1) / cells) for cell in range(cells)])
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def to_grid(values: npt.ArrayLike, grid: Size = GRID) -> FloatArray:
    """Means of a map over the cells of a grid in normalised coordinates, by area and exact.

    Parameters
    ----------
    values : array_like, [h, w]
        Map of the whole photo, of any size.
    grid : (int, int)
        Cells down and across.

    Returns
    -------
    array of float64, [grid]
        Over the finite pixels of each cell; NaN where there is none.

    Raises
    ------
    ValueError
        If the array is no map, or the grid has no cell.

    Examples
    --------
    >>> to_grid([[0, 1, 2], [3, 4, 5]], (1, 2))
    array([[1.83333333, 3.16666667]])
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"a map has shape [h, w], got {list(array.shape)}")
    if min(grid) < 1:
        raise ValueError(f"a grid has at least one cell down and across, got {grid}")
    down, across = _averaging(grid[0], array.shape[0]), _averaging(grid[1], array.shape[1])
    present = np.isfinite(array)
    if present.all():
        return np.asarray(down @ array @ across.T)
    area = down @ present @ across.T
    sums = down @ np.where(present, array, 0.0) @ across.T
    return np.asarray(np.divide(sums, area, out=np.full(grid, np.nan), where=area > 0))


class RunningMean:
    """Mean and variance of arrays that come one by one, element by element; what is not finite is passed over.

    Memory is that of three arrays, however many come. Two of them merge into what one would have held of all
    arrays, to rounding.

    Parameters
    ----------
    shape : tuple of int
        Of the arrays.

    References
    ----------
    Welford 1962; for merging, Chan, Golub & LeVeque 1983.

    Examples
    --------
    >>> running = RunningMean((2,))
    >>> for row in [[1, 5], [3, np.nan]]:
    ...     running.add(row)
    >>> running.n.tolist(), running.mean.tolist(), running.variance.tolist()
    ([2, 1], [2.0, 5.0], [2.0, nan])
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.n = np.zeros(shape, np.int64)
        self._mean = np.zeros(shape)
        self._squares = np.zeros(shape)

    def add(self, values: npt.ArrayLike) -> None:
        """Take in one array.

        Raises
        ------
        ValueError
            If it is of another shape.
        """
        array = np.asarray(values, dtype=np.float64)
        if array.shape != self.n.shape:
            raise ValueError(f"expected an array of shape {list(self.n.shape)}, got {list(array.shape)}")
        present = np.isfinite(array)
        array = np.where(present, array, self._mean)  # what equals the mean moves nothing
        self.n += present
        deviation = array - self._mean
        self._mean += deviation / np.maximum(self.n, 1)
        self._squares += deviation * (array - self._mean) * present

    def merge(self, other: RunningMean) -> None:
        """Take in all that another one has seen; it stays as it is.

        Raises
        ------
        ValueError
            If it is of another shape.
        """
        if other.n.shape != self.n.shape:
            raise ValueError(f"expected a running mean of shape {list(self.n.shape)}, got {list(other.n.shape)}")
        total = self.n + other.n
        share = np.divide(other.n, total, out=np.zeros(self.n.shape), where=total > 0)
        difference = other._mean - self._mean
        self._mean += difference * share
        self._squares += other._squares + np.square(difference) * self.n * share
        self.n = total

    @property
    def mean(self) -> FloatArray:
        """Mean of what was finite; NaN where nothing was."""
        return np.where(self.n > 0, self._mean, np.nan)

    @property
    def variance(self) -> FloatArray:
        """Unbiased variance, with n - 1 in the denominator; NaN for n below two."""
        return np.asarray(np.divide(self._squares, self.n - 1, out=np.full(self.n.shape, np.nan), where=self.n > 1))

    def interval(self, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
        """Ends of Student's interval for the mean, element by element and not for all of them at once.

        The unit is the photo: exact for values that are normal over photos, and for many photos nearly so for
        any. NaN for n below two.

        Raises
        ------
        ValueError
            If the level is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise ValueError(f"level lies between 0 and 1, got {level}")
        from scipy.special import stdtrit

        reach = stdtrit(np.maximum(self.n - 1, 1), (1 + level) / 2) * np.sqrt(self.variance / np.maximum(self.n, 1))
        return self.mean - reach, self.mean + reach

    def estimates(self) -> dict[str, npt.NDArray[np.generic]]:
        """What is reported, element by element: mean, ci_low, ci_high (95 %, see `interval`) and n."""
        low, high = self.interval()
        return {"mean": self.mean, "ci_low": low, "ci_high": high, "n": self.n}

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """All there is to know, as arrays that a file can hold."""
        return {"n": self.n, "mean": self._mean, "squares": self._squares}

    @classmethod
    def from_state(cls, n: npt.ArrayLike, mean: npt.ArrayLike, squares: npt.ArrayLike) -> RunningMean:
        """One that `state` was taken of."""
        running = cls(np.asarray(n).shape)
        running.n = np.array(n, np.int64)
        running._mean, running._squares = np.array(mean, np.float64), np.array(squares, np.float64)
        return running
