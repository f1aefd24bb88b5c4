"""A photo whose subject somebody boxes, and how well explanations mark it, as fast as the box is drawn."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
import pandas as pd

from asm_interp.analysis.localisation import MEASURES, TOLERANCE
from asm_interp.data.photo import resize_photo
from asm_interp.geometry.boxes import FloatArray, Size, check_boxes

_PIXELS = 640 * 480  # of the grid that larger photos are graded on: maps are no finer, and memory is bounded

Maps = dict[str, FloatArray]


class GradedPhoto:
    r"""Maps of one photo, graded against any box as `asm_interp.analysis.localisation.localisation` does by a mask.

    What does not depend on the box is computed once. With :math:`r_p` the number of pixels below pixel p and half of
    those equal to it, p included, a box B of n of the N pixels has

    .. math:: \mathrm{AUC} = \Big(\sum_{p \in B} r_p - \frac{n^2}{2}\Big) \Big/ \big(n (N - n)\big)

    Parameters
    ----------
    maps : dict of str to array, [h, w]
        Of any size; resized to the grid.
    photo_size : (int, int)
        H and W in pixels.

    Attributes
    ----------
    maps : dict of str to array, [h, w]
        None with more pixels than the grid.
    photo_size, grid : (int, int)
        The grid is the photo's, or as large as 640 × 480 pixels allow.

    References
    ----------
    Mann & Whitney, "On a test of whether one of two random variables is stochastically larger than the other",
    Ann. Math. Stat. 1947.
    """

    def __init__(self, maps: Maps, photo_size: Size) -> None:
        per = min(1.0, sqrt(_PIXELS / (photo_size[0] * photo_size[1])))
        self.photo_size: Size = photo_size
        self.grid: Size = (round(photo_size[0] * per), round(photo_size[1] * per))
        resized = {name: resize_photo(np.asarray(values, np.float32), self.grid) for name, values in maps.items()}
        larger = self.grid[0] * self.grid[1]
        self.maps = {
            name: values if values.size <= larger else np.asarray(resized[name], np.float64)
            for name, values in maps.items()
        }
        self._ranks = np.stack([_ranks(values) for values in resized.values()])
        self._shares = np.stack([_shares(values) for values in resized.values()])
        self._peaks = [np.argwhere(values == values.max()) for values in resized.values()]

    def covered(self, box: list[float]) -> float:
        """Share of the photo's pixels whose centres lie in a box."""
        (top, bottom), (left, right) = self._pixels(box)
        return (bottom - top) * (right - left) / (self.grid[0] * self.grid[1])

    def marks(self, box: list[float]) -> pd.DataFrame:
        """How well each map marks a box: the pixels whose centres lie in it.

        Parameters
        ----------
        box : [x1, y1, x2, y2]
            In photo pixels.

        Returns
        -------
        DataFrame
            auc, pointing and mass, a row for each map; the AUC of a box that leaves no other pixel is NaN.

        Raises
        ------
        ValueError
            If the box is malformed, thinner than one photo pixel or outside the photo.
        """
        (top, bottom), (left, right) = self._pixels(box)
        place = (slice(None), slice(top, bottom), slice(left, right))
        n, rest = (bottom - top) * (right - left), self.grid[0] * self.grid[1] - (bottom - top) * (right - left)
        above = self._ranks[place].sum((1, 2)) - n * n / 2
        auc = above / (n * rest) if rest else np.full(len(above), np.nan)
        margin, pointing = TOLERANCE * min(self.grid), []
        for y, x in (peaks.T for peaks in self._peaks):
            down, across = (
                np.maximum(0, np.maximum(a - p, p - b + 1)) for p, a, b in ((y, top, bottom), (x, left, right))
            )
            pointing.append((np.sqrt(down**2 + across**2) <= margin).mean())
        found = np.column_stack([auc, pointing, self._shares[place].sum((1, 2))])
        return pd.DataFrame(found, index=list(self.maps), columns=list(MEASURES))

    def _pixels(self, box: list[float]) -> tuple[tuple[int, int], tuple[int, int]]:
        """First row and column of the grid whose centres lie in a box, and those after the last."""
        x1, y1, x2, y2 = check_boxes([box], self.photo_size)[0]
        down, across = (n / side for n, side in zip(self.grid, self.photo_size, strict=True))
        return _centres(y1 * down, y2 * down), _centres(x1 * across, x2 * across)


def middle(photo_size: Size) -> list[float]:
    """The box of half a photo's sides in its middle.

    Examples
    --------
    >>> middle((427, 640))
    [160.0, 107.0, 480.0, 320.0]
    """
    height, width = photo_size
    return [float(round(side * share)) for share in (0.25, 0.75) for side in (width, height)]


def _centres(start: float, stop: float) -> tuple[int, int]:
    """Pixels whose centres lie in a stretch, as a range; the one under its middle if there is none."""
    first, last = ceil(start - 0.5), ceil(stop - 0.5)
    return (first, last) if first < last else (int((start + stop) / 2), int((start + stop) / 2) + 1)


def _ranks(values: FloatArray) -> FloatArray:
    """Number of pixels below each, and half of those equal to it, itself included."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - counts / 2)[place].reshape(values.shape))


def _shares(values: FloatArray) -> FloatArray:
    """Share of a map's mass in each pixel; see `asm_interp.analysis.localisation.relevance_mass`."""
    mass = values.astype(np.float64) - values.min()
    total = float(mass.sum())
    return mass / total if total > 0 else np.full(values.shape, 1 / values.size)
