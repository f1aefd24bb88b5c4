"""Candidate crops: the 895 anchors, the GAIC grid, boxes of an exact aspect ratio, and circles."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from itertools import product

import numpy as np
import numpy.typing as npt

from asm_interp.geometry.boxes import MIN_SIDE, FloatArray, Size, non_maximum_suppression

_NOMINAL_SIZES = ((800, 600), (600, 800), (500, 400), (400, 500), (500, 500), (1600, 900), (900, 1600))
_ANCHOR_ASPECTS = (4 / 3, 3 / 4, 16 / 9)
_ANCHOR_SCALES = (1.0, 0.8, 0.6)

CANDIDATE_SCALES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
"""Sides of exact-aspect and circular candidates, relative to the largest that fits into the photo."""

_STEPS = 10  # positions along the longer free direction, beside the first


def _spread(n: int, free: float) -> FloatArray:
    """`n` + 1 evenly spaced offsets from 0 to `free`."""
    return np.arange(n + 1, dtype=np.float64) * (free / max(n, 1))


@lru_cache
def anchors() -> FloatArray:
    """The 895 anchor boxes of Wei et al. (2018), in units of the photo's sides.

    For each of seven nominal photo sizes, three aspect ratios and three scales, boxes slide by a tenth of the
    shorter side; 1652 in all, of which greedy suppression at IoU 0.85 leaves 895. The aspect ratios hold for the
    nominal sizes only: on another photo an anchor changes its shape.

    Returns
    -------
    array of float64, [895, 4]
        x1, y1, x2, y2 in [0, 1], read-only.

    References
    ----------
    Wei et al., "Good View Hunting: Learning Photo Composition from Dense View Pairs", CVPR 2018, and its code.

    Examples
    --------
    >>> anchors().shape
    (895, 4)
    """
    rows = []
    for (width, height), ratio, scale in product(_NOMINAL_SIZES, _ANCHOR_ASPECTS, _ANCHOR_SCALES):
        # Written as the rule has it, to the last bit: IoUs of exactly 0.85 decide which anchors stay.
        if ratio > width / height:
            w = scale * width
            h = w / ratio
        else:
            h = scale * height
            w = ratio * h
        stride = 0.1 * min(width, height)
        n_x, n_y = math.ceil((width - w) / stride), math.ceil((height - h) / stride)
        for x, y in product(_spread(n_x, width - w), _spread(n_y, height - h)):
            rows.append((x / width, y / height, min((x + w) / width, 1), min((y + h) / height, 1)))
    raw = np.array(rows)
    kept: FloatArray = raw[non_maximum_suppression(raw, max_iou=0.85)]
    kept.setflags(write=False)
    return kept


def anchor_boxes(photo_size: Size) -> FloatArray:
    """The 895 anchors on a photo of `photo_size` (H, W), [895, 4] in pixels."""
    height, width = photo_size
    return anchors() * np.array([width, height, width, height], dtype=np.float64)


def gaic_grid(photo_size: Size) -> FloatArray:
    """Grid-anchor candidates of Zeng et al. (2019).

    The photo is cut into 12 × 12 bins. The top left corner stands at the centre of a bin in the first four rows
    and columns, the bottom right corner in the last four; boxes of less than half the area (0.4999 × 144 bins) or
    with an aspect ratio outside (0.5, 2) are left out. No candidate touches the photo's border.

    Parameters
    ----------
    photo_size : (int, int)
        Height and width in pixels.

    Returns
    -------
    array of float64, [N, 4]
        At most 90 boxes; 83 on a 3:2 photo. GAICD's annotators also saw a few slightly wider than 2:1.

    References
    ----------
    Zeng et al., "Reliable and Efficient Image Cropping: A Grid Anchor based Approach", CVPR 2019, Sec. 3.

    Examples
    --------
    >>> len(gaic_grid((1000, 1000))), len(gaic_grid((900, 1600)))
    (90, 60)
    """
    height, width = photo_size
    bins, reach = 12, 4
    cells = []
    for r1, c1, r2, c2 in product(range(reach), range(reach), range(bins - reach, bins), range(bins - reach, bins)):
        ratio = (c2 - c1) * width / ((r2 - r1) * height)
        if (r2 - r1) * (c2 - c1) > 0.4999 * bins**2 and 0.5 < ratio < 2:
            cells.append((c1, r1, c2, r2))
    corners = np.array(cells, dtype=np.float64).reshape(-1, 4) + 0.5
    return corners * np.array([width, height, width, height], dtype=np.float64) / bins


def parse_aspect(value: str | float) -> float:
    """Aspect ratio, width over height, from ``"16:9"``, ``"16/9"``, ``"1.5"`` or a number.

    Raises
    ------
    ValueError
        If it is none of these, or not between 1:100 and 100:1.

    Examples
    --------
    >>> parse_aspect("3:2")
    1.5
    """
    ratio = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*[:/x]\s*(\d+(?:\.\d+)?)\s*", value) if isinstance(value, str) else None
    try:
        result = float(ratio[1]) / float(ratio[2]) if ratio else float(value)
    except (ValueError, TypeError, ZeroDivisionError):
        raise ValueError(f"an aspect ratio is written like 16:9 or 1.78, got {value!r}") from None
    if not 0.01 <= result <= 100:
        raise ValueError(f"an aspect ratio lies between 1:100 and 100:1, got {value!r}")
    return result


def fitted_size(width: npt.ArrayLike, ratio: float) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Whole-pixel sizes of an aspect ratio, near given widths.

    The longer side is rounded down, but not below the length that goes with one pixel; the shorter side is then
    rounded to the nearest pixel, so that it is off the exact ratio by half a pixel at most.

    Parameters
    ----------
    width : array_like of float, [...]
        Wanted widths in pixels.
    ratio : float
        Width over height.

    Returns
    -------
    widths, heights : array of int, [...]
        At least one pixel each.

    Examples
    --------
    >>> [side.tolist() for side in fitted_size([800, 3.7, 0.2], 2.0)]
    [[800, 3, 2], [400, 2, 1]]
    """
    width = np.asarray(width, dtype=np.float64)
    if ratio < 1:
        h, w = fitted_size(width / ratio, 1 / ratio)
        return w, h
    w = np.maximum(np.floor(width + 1e-9), np.rint(ratio)).astype(np.int64)
    return w, np.rint(w / ratio).astype(np.int64)


def aspect_boxes(photo_size: Size, ratio: float) -> FloatArray:
    """Candidates of one aspect ratio on the actual photo, in whole pixels.

    Sizes are `CANDIDATE_SCALES` of the largest box that fits, at least one pixel wide and high; each slides over
    the photo in at most 11 × 11 evenly spaced places, the step in the longer free direction a tenth of it.

    Parameters
    ----------
    photo_size : (int, int)
        Height and width in pixels.
    ratio : float
        Width over height.

    Returns
    -------
    array of float64, [N, 4]
        Whole numbers, each box once. The shorter side differs from the exact ratio by at most half a pixel.

    Raises
    ------
    ValueError
        If not even one pixel of that shape fits.

    Examples
    --------
    >>> boxes = aspect_boxes((600, 800), 16 / 9)
    >>> boxes[[0, -1]].tolist()
    [[0.0, 0.0, 800.0, 450.0], [400.0, 375.0, 800.0, 600.0]]
    """
    height, width = photo_size
    if width < 1 or height < 1:
        raise ValueError(f"a photo has at least one pixel, got {height}×{width} (H×W)")
    widest = min(width, height * ratio)
    if min(widest, widest / ratio) < 1:
        raise ValueError(f"no crop of aspect ratio {ratio:g} fits into a photo of {height}×{width} (H×W) px")
    rows = []
    for scale in CANDIDATE_SCALES:
        w, h = (int(side) for side in fitted_size(widest * scale, ratio))
        rows.append(_slide(w, h, photo_size))
    boxes = np.concatenate(rows)
    _, first = np.unique(boxes, axis=0, return_index=True)
    return np.asarray(boxes[np.sort(first)])


def _slide(w: int, h: int, photo_size: Size) -> FloatArray:
    """A w × h box at evenly spaced whole-pixel places of the photo; centred where it has no room to move."""
    height, width = photo_size
    w, h = min(w, width), min(h, height)
    free_x, free_y = width - w, height - h
    step = max(free_x, free_y, 1) / _STEPS
    xs = np.rint(_spread(math.ceil(free_x / step), free_x)) if free_x > 1 else np.array([free_x // 2])
    ys = np.rint(_spread(math.ceil(free_y / step), free_y)) if free_y > 1 else np.array([free_y // 2])
    corners = np.array(list(product(xs, ys)), dtype=np.float64)
    return np.concatenate([corners, corners + np.array([w, h])], axis=1)


def circle_candidates(photo_size: Size) -> FloatArray:
    """Circles cx, cy, r inside the photo, [N, 3] in pixels: those inscribed in the 1:1 candidates.

    Circles of less than a pixel's radius are left out; a photo one pixel wide or high has none.
    """
    x1, y1, x2, y2 = aspect_boxes(photo_size, 1.0).T
    circles = np.stack([(x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / 2], axis=1)
    return np.asarray(circles[circles[:, 2] >= MIN_SIDE])
