"""Composition patterns: how a crop's plane is cut into partitions."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from html import escape

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

_GLYPHS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, eq=False)
class CompositionPattern:
    """An immutable raster that gives each cell of the crop plane to one partition.

    Parameters
    ----------
    name : str
        How the pattern is called; ``get(name)`` returns it when it is one of ours.
    labels : array of int, [Y, X]
        Partition of each cell, row 0 at the top of the crop. Every label 0..L-1 must occur. A partition
        may have any shape and need not be connected.

    Raises
    ------
    ValueError
        If `labels` is not a two-dimensional array of whole numbers, or leaves a label out; the message says which.

    Examples
    --------
    >>> print(CompositionPattern("thirds-strip", [[0, 1, 1], [0, 1, 1]]))
    011
    011
    """

    name: str
    labels: IntArray

    def __post_init__(self) -> None:
        raw = np.asarray(self.labels)
        if raw.ndim != 2 or raw.size == 0:
            raise ValueError(
                f"pattern {self.name!r}: labels must be a two-dimensional raster [Y, X], got shape {raw.shape}"
            )
        if raw.dtype.kind not in "iuf":
            raise ValueError(f"pattern {self.name!r}: labels must be whole numbers, got dtype {raw.dtype}")
        with np.errstate(invalid="ignore"):
            labels = raw.astype(np.int64)
        if not np.array_equal(labels, raw):
            raise ValueError(f"pattern {self.name!r}: labels must be whole numbers, got {raw[labels != raw][0]}")
        if labels.min() < 0:
            raise ValueError(f"pattern {self.name!r}: labels start at 0, got {labels.min()}")
        present = np.unique(labels)
        if len(present) <= present[-1]:
            missing = np.setdiff1d(np.arange(min(present[-1], len(present) + 9)), present)
            raise ValueError(
                f"pattern {self.name!r}: labels must be 0..{present[-1]} without a gap; missing {missing.tolist()[:10]}"
            )
        labels.setflags(write=False)
        object.__setattr__(self, "labels", labels)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CompositionPattern):
            return NotImplemented
        return self.name == other.name and np.array_equal(self.labels, other.labels)

    def __hash__(self) -> int:
        return hash((self.name, self.labels.shape, self.labels.tobytes()))

    def __reduce__(self) -> tuple[type[CompositionPattern], tuple[str, IntArray]]:
        # By way of the constructor: the labels of a copy are read-only too.
        return CompositionPattern, (self.name, self.labels)

    def __repr__(self) -> str:
        rows, columns = self.shape
        return f"CompositionPattern({self.name!r}, {self.n_partitions} partitions on a {rows}×{columns} raster)"

    def __str__(self) -> str:
        if self.n_partitions <= len(_GLYPHS):
            return "\n".join("".join(_GLYPHS[label] for label in row) for row in self.labels)
        return "\n".join(" ".join(f"{label:3d}" for label in row) for row in self.labels)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns (Y, X) of the raster."""
        rows, columns = self.labels.shape
        return rows, columns

    @property
    def n_partitions(self) -> int:
        """Number of partitions L, and of channels of a score map made for this pattern."""
        return int(self.labels.max()) + 1

    @property
    def areas(self) -> npt.NDArray[np.float64]:
        """Share of the crop that each partition covers, [L], sums to one."""
        return np.bincount(self.labels.ravel(), minlength=self.n_partitions) / self.labels.size

    @property
    def one_hot(self) -> npt.NDArray[np.bool_]:
        """Membership of each cell, [L, Y, X]."""
        return np.asarray(np.arange(self.n_partitions)[:, None, None] == self.labels)

    def partition_at(self, u: npt.ArrayLike, v: npt.ArrayLike) -> IntArray:
        """Partition at relative positions of the crop.

        Parameters
        ----------
        u, v : array_like of float
            Position across (left to right) and down (top to bottom), both in [0, 1). Broadcast together.

        Returns
        -------
        array of int
            Labels, of the broadcast shape; a zero-dimensional array for two scalars.

        Raises
        ------
        ValueError
            If a position is outside [0, 1) or not a number.

        Examples
        --------
        >>> int(get("grid:2x3").partition_at(0.9, 0.1))
        2
        """
        across, down = np.asarray(u, dtype=np.float64), np.asarray(v, dtype=np.float64)
        for axis, values in (("u", across), ("v", down)):
            if not np.all((values >= 0) & (values < 1)):
                raise ValueError(f"{axis} must lie in [0, 1), got values from {values.min()} to {values.max()}")
        rows, columns = self.shape
        labels: IntArray = self.labels[(down * rows).astype(np.int64), (across * columns).astype(np.int64)]
        return np.asarray(labels)

    def _repr_svg_(self) -> str:
        """Drawing for notebooks: cells of one partition share a grey, and each carries its label."""
        rows, columns = self.shape
        side = 180 / max(rows, columns)
        shades = 235 - (np.arange(self.n_partitions) * 5 % 7) * 12
        parts = []
        for y in range(rows):
            for x in range(columns):
                label = int(self.labels[y, x])
                shade = int(shades[label])
                parts.append(
                    f'<rect x="{x * side:.2f}" y="{y * side:.2f}" width="{side:.2f}" height="{side:.2f}"'
                    f' fill="rgb({shade},{shade},{shade})"/>'
                )
                parts.append(
                    f'<text x="{(x + 0.5) * side:.2f}" y="{(y + 0.5) * side:.2f}" font-size="{0.45 * side:.2f}"'
                    f' text-anchor="middle" dominant-baseline="central" fill="#333">{label}</text>'
                )
        parts += [
            f'<line x1="{x1 * side:.2f}" y1="{y1 * side:.2f}" x2="{x2 * side:.2f}" y2="{y2 * side:.2f}"'
            ' stroke="#111" stroke-width="1.5"/>'
            for x1, y1, x2, y2 in self.borders()
        ]
        width, height = columns * side, rows * side
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
            f' viewBox="-1 -1 {width + 2:.0f} {height + 2:.0f}" font-family="sans-serif" role="img">'
            f"<title>{escape(self.name)}: {self.n_partitions} partitions</title>{''.join(parts)}</svg>"
        )

    def borders(self) -> list[tuple[int, int, int, int]]:
        """Cell edges between two partitions, and the crop's rim, as x1, y1, x2, y2 in raster units."""
        framed = np.pad(self.labels, 1, constant_values=-1)
        upright = np.argwhere(framed[1:-1, 1:] != framed[1:-1, :-1])
        level = np.argwhere(framed[1:, 1:-1] != framed[:-1, 1:-1])
        return [(int(x), int(y), int(x), int(y) + 1) for y, x in upright] + [
            (int(x), int(y), int(x) + 1, int(y)) for y, x in level
        ]


def from_labels(labels: npt.ArrayLike, name: str) -> CompositionPattern:
    """Pattern of your own from a label raster [Y, X]; see `CompositionPattern` for what is checked."""
    return CompositionPattern(name, np.asarray(labels))


def _grid(rows: int, columns: int) -> IntArray:
    return np.arange(rows * columns).reshape(rows, columns)


def _rings(raster: int, n_rings: int) -> IntArray:
    """Nested rectangles of equal width, 0 in the centre."""
    from_rim = np.minimum(np.arange(raster), np.arange(raster)[::-1])
    depth = np.minimum(from_rim[:, None], from_rim[None, :]) * 2 * n_rings // raster
    return n_rings - 1 - depth


def _quarters(raster: int) -> IntArray:
    """Cut by the centre cross: top left, top right, bottom left, bottom right."""
    half = (np.arange(raster) >= raster // 2).astype(np.int64)
    return 2 * half[:, None] + half[None, :]


def _nearer_vertical(raster: int) -> npt.NDArray[np.bool_]:
    """Whether a cell's centre lies nearer the vertical axis than the horizontal one.

    Cells that the diagonals cut in half go to the two sides in turn from the centre outwards, which keeps the
    sectors equal in area and the pattern symmetric under both mirrors.
    """
    offset = np.abs(np.arange(raster) - (raster - 1) / 2)
    down, across = offset[:, None], offset[None, :]
    return np.asarray((down > across) | ((down == across) & ((across - 0.5) % 2 == 1)))


def _sectors(raster: int) -> IntArray:
    """Eight sectors between the centre cross and the diagonals."""
    return 2 * _quarters(raster) + _nearer_vertical(raster)


def _diagonal_quarters(raster: int) -> IntArray:
    """Four triangles between the diagonals: left, right, top, bottom."""
    quarter = _quarters(raster)
    return np.where(_nearer_vertical(raster), 2 + quarter // 2, quarter % 2)


_NAMED: dict[str, Callable[[], IntArray]] = {
    "multi-rectangle": lambda: _rings(6, 3),
    "multi-rectangle:3": lambda: _rings(6, 3),
    "multi-rectangle:5": lambda: _rings(10, 5),
    "multi-direction": lambda: _sectors(12),
    "cross-rectangle": lambda: 4 * _rings(6, 3) + _quarters(6),
    "cross-rectangle:diagonal": lambda: 4 * _rings(12, 3) + _diagonal_quarters(12),
    "cross-rectangle:frame": lambda: np.where(_rings(12, 6) < 4, _quarters(12), 4 + _sectors(12)),
}

_PAPER = ("grid:1x1", "grid:1x3", "grid:3x1", "grid:3x3", "grid:5x5")


def names() -> list[str]:
    """Names of the ready patterns; ``get`` also takes ``grid:YxX`` for any Y and X.

    Examples
    --------
    >>> names()[:6]
    ['grid:1x1', 'grid:1x3', 'grid:3x1', 'grid:3x3', 'grid:5x5', 'multi-rectangle']
    """
    return [*_PAPER, *(name for name in _NAMED if name != "multi-rectangle:3")]


@lru_cache
def get(spec: str) -> CompositionPattern:
    """Pattern by name.

    Parameters
    ----------
    spec : str
        ``grid:YxX`` (rows × columns, numbered row by row), or one of

        - ``multi-rectangle``: centre, middle and outer of three nested rectangles (Fig. 3 of the paper draws
          three; its Table 1 lists five, which is ``multi-rectangle:5``);
        - ``multi-direction``: eight sectors between the centre cross and the diagonals;
        - ``cross-rectangle``: three nested rectangles, each cut in four by the centre cross, twelve partitions;
          ``cross-rectangle:diagonal`` cuts them by the diagonals instead, and ``cross-rectangle:frame`` cuts one
          inner rectangle in four and the frame around it in eight. The paper's text does not say which of the
          three its drawing means.

    Returns
    -------
    CompositionPattern
        The same object for the same `spec`.

    Raises
    ------
    ValueError
        If there is no such pattern; the message lists what there is.

    References
    ----------
    Tu et al., "Image Cropping with Composition and Saliency Aware Aesthetic Score Map", AAAI 2020, Sec. 3.2.

    Examples
    --------
    >>> get("cross-rectangle").n_partitions
    12
    >>> print(get("multi-rectangle"))
    222222
    211112
    210012
    210012
    211112
    222222
    """
    if not isinstance(spec, str):
        raise ValueError(f"a pattern is named by a string, got {type(spec).__name__}")
    grid = re.fullmatch(r"grid:(\d+)x(\d+)", spec)
    if grid:
        rows, columns = int(grid[1]), int(grid[2])
        if not (1 <= rows <= 64 and 1 <= columns <= 64):
            raise ValueError(f"a grid has 1 to 64 rows and columns, got {spec!r}")
        return CompositionPattern(spec, _grid(rows, columns))
    if spec not in _NAMED:
        raise ValueError(f"no composition pattern {spec!r}; there are {', '.join(names())}, and grid:YxX")
    return CompositionPattern(spec, _NAMED[spec]())
