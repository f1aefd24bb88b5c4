"""Boxes: float arrays [..., 4] of x1, y1, x2, y2 in photo pixels; pixel i covers [i, i + 1)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Size = tuple[int, int]
"""Height and width (H, W) in pixels."""

MIN_SIDE = 1.0
"""Shortest side of a box, and smallest radius of a circle, in photo pixels."""

# Boxes read from files carry rounding noise; an edge may pass the photo's by this many pixels.
_SLACK = 1e-6


def _shaped(values: npt.ArrayLike, columns: int, what: str) -> FloatArray:
    """Float array [N, columns] without NaN or infinity."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 1 and array.size == 0:
        array = array.reshape(0, columns)
    if array.ndim != 2 or array.shape[1] != columns:
        raise ValueError(f"{what} must have shape [N, {columns}], got {array.shape}")
    if not np.isfinite(array).all():
        row = int(np.argwhere(~np.isfinite(array))[0, 0])
        raise ValueError(f"{what} must be finite, but row {row} is {array[row].tolist()}")
    return array


def _reject(faulty: npt.NDArray[np.bool_], array: FloatArray, message: str) -> None:
    """Error that names the first of the rows that have a faulty entry ([N, n])."""
    rows = np.flatnonzero(faulty.any(axis=1))
    if len(rows):
        raise ValueError(f"{message}; row {rows[0]} is {array[rows[0]].tolist()} ({len(rows)} such rows)")


def _outside(boxes: FloatArray, photo_size: Size) -> npt.NDArray[np.bool_]:
    """Which edges of boxes [N, 4] lie beyond the photo's, [N, 4]."""
    return np.abs(boxes - clip(boxes, photo_size)) > _SLACK


def check_boxes(boxes: npt.ArrayLike, photo_size: Size | None = None) -> FloatArray:
    """Boxes as a float64 array [N, 4], or a clear error.

    Parameters
    ----------
    boxes : array_like, [N, 4]
        x1, y1, x2, y2 in photo pixels.
    photo_size : (int, int), optional
        Height and width of the photo that must hold the boxes.

    Returns
    -------
    array of float64, [N, 4]

    Raises
    ------
    ValueError
        If the shape is wrong, a number is not finite, a box is inverted or thinner than one pixel, or a box
        leaves the photo. The message names the first such row.

    Examples
    --------
    >>> check_boxes([[0, 0, 10, 5]], (20, 20))
    array([[ 0.,  0., 10.,  5.]])
    >>> check_boxes([[10, 0, 0, 5]])
    Traceback (most recent call last):
    ...
    ValueError: boxes are x1, y1, x2, y2 with x1 < x2 and y1 < y2; row 0 is [10.0, 0.0, 0.0, 5.0] (1 such rows)
    """
    array = _shaped(boxes, 4, "boxes")
    sides = array[:, 2:] - array[:, :2]
    _reject(sides <= 0, array, "boxes are x1, y1, x2, y2 with x1 < x2 and y1 < y2")
    _reject(sides < MIN_SIDE - _SLACK, array, "a box's sides are at least one photo pixel")
    if photo_size is not None:
        height, width = photo_size
        _reject(_outside(array, photo_size), array, f"boxes must lie inside the photo of {height}×{width} (H×W) px")
        array = clip(array, photo_size)
    return array


def check_circles(circles: npt.ArrayLike, photo_size: Size) -> FloatArray:
    """Circles cx, cy, r in photo pixels as float64 [N, 3], or a clear error as from `check_boxes`.

    Raises
    ------
    ValueError
        If the shape is wrong, a number is not finite, a radius is below one pixel or a circle leaves the photo.
    """
    array = _shaped(circles, 3, "circles")
    height, width = photo_size
    _reject(array[:, 2:] < MIN_SIDE - _SLACK, array, "a circle's radius is at least one photo pixel")
    outside = _outside(circle_bounds(array), photo_size)
    _reject(outside, array, f"circles must lie inside the photo of {height}×{width} (H×W) px")
    return array


def circle_bounds(circles: FloatArray) -> FloatArray:
    """Circumscribed squares [N, 4] of circles [N, 3]."""
    centre, radius = circles[:, :2], circles[:, 2:]
    return np.concatenate([centre - radius, centre + radius], axis=1)


def area(boxes: FloatArray) -> FloatArray:
    """Area of boxes [..., 4] in square pixels, [...]; zero for inverted boxes."""
    width = np.maximum(boxes[..., 2] - boxes[..., 0], 0)
    height = np.maximum(boxes[..., 3] - boxes[..., 1], 0)
    return np.asarray(width * height)


def aspect(boxes: FloatArray) -> FloatArray:
    """Width over height of boxes [..., 4], [...]."""
    return np.asarray((boxes[..., 2] - boxes[..., 0]) / (boxes[..., 3] - boxes[..., 1]))


def clip(boxes: FloatArray, photo_size: Size) -> FloatArray:
    """Boxes [..., 4] cut to the photo of `photo_size` (H, W)."""
    height, width = photo_size
    return np.clip(boxes, 0, np.array([width, height, width, height], dtype=np.float64))


def iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """Intersection over union, broadcast over the leading axes.

    Areas are (x2 - x1)(y2 - y1), without the "+1" of integer box conventions, as the field's cropping metrics
    have it. ``iou(a[:, None], b[None])`` is the matrix of all pairs.

    Parameters
    ----------
    a, b : array of float, [..., 4]

    Returns
    -------
    array of float, [...]
        In [0, 1]; 0 where both boxes are empty.

    Examples
    --------
    >>> round(float(iou(np.array([0, 0, 2, 2.0]), np.array([1, 0, 3, 2.0]))), 4)
    0.3333
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    overlap = area(np.concatenate([np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])], axis=-1))
    union = area(a) + area(b) - overlap
    return np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)


def boundary_displacement(a: FloatArray, b: FloatArray, photo_size: Size | FloatArray) -> FloatArray:
    """Mean displacement of the four edges in units of the photo's sides, broadcast over the leading axes.

    ``(|Δx1| + |Δx2|) / W + (|Δy1| + |Δy2|) / H``, divided by four.

    Parameters
    ----------
    a, b : array of float, [..., 4]
    photo_size : (int, int) or array [..., 2]
        Height and width.

    Returns
    -------
    array of float, [...]

    References
    ----------
    Fang et al., "Automatic Image Cropping using Visual Composition, Boundary Simplicity and Content Preservation
    Models", ACM MM 2014.

    Examples
    --------
    >>> float(boundary_displacement(np.array([0, 0, 10, 10.0]), np.array([1, 0, 10, 10.0]), (10, 10)))
    0.025
    """
    size = np.asarray(photo_size, dtype=np.float64)
    sides = size[..., [1, 0, 1, 0]]
    return np.asarray((np.abs(np.asarray(a) - np.asarray(b)) / sides).mean(axis=-1))


def non_maximum_suppression(boxes: FloatArray, max_iou: float, limit: int | None = None) -> npt.NDArray[np.int64]:
    """Greedy selection in the given order: a box is kept if it overlaps no kept box by more than `max_iou`.

    Parameters
    ----------
    boxes : array of float, [N, 4]
        Best first.
    max_iou : float
        Largest IoU that two kept boxes may have.
    limit : int, optional
        Stop after this many.

    Returns
    -------
    array of int, [K]
        Indices of the kept boxes, ascending.
    """
    kept: list[int] = []
    alive = np.ones(len(boxes), dtype=bool)
    limit = len(boxes) if limit is None else limit
    for index in range(len(boxes)):
        if len(kept) == limit:
            break
        if alive[index]:
            kept.append(index)
            rest = index + 1 + np.flatnonzero(alive[index + 1 :])
            alive[rest] = iou(boxes[index], boxes[rest]) <= max_iou
    return np.array(kept, dtype=np.int64)
