"""Two-stage search for the best crops of a score map."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Literal

import numpy as np
import pandas as pd

from asm_interp.geometry.boxes import (
    MIN_SIDE,
    FloatArray,
    Size,
    area,
    circle_bounds,
    clip,
    non_maximum_suppression,
)
from asm_interp.geometry.candidates import anchor_boxes, aspect_boxes, circle_candidates, fitted_size, parse_aspect
from asm_interp.model.score_map import ScoreMap, circle_scores, crop_scores

MAX_IOU = 0.8
"""Two suggestions overlap by at most this IoU."""

_KEPT = 10  # coarse crops that are refined, as in the paper
_ROUNDS = 2  # of the fine search, each with steps half as wide
_SHIFTS = (-0.08, -0.04, 0.0, 0.04, 0.08)  # of the centre, in units of the crop's sides
_ZOOMS = (0.84, 0.92, 1.0, 1.08, 1.16)
_STRETCHES = (0.85, 0.92, 1.0, 1.08, 1.17)  # of the aspect ratio, where it is free
_TIE = 1e-9  # scores closer than this share of the map's range are ties
_NOISE = 1e-12  # as are scores closer than this share of the map's largest value, which may be rounding

Score = Callable[[FloatArray], FloatArray]


def search_crops(
    score_map: ScoreMap,
    aspect: str | float | None = None,
    shape: Literal["rectangle", "circle"] = "rectangle",
    top: int = 10,
) -> pd.DataFrame:
    """Best crops of a photo, by coarse and fine search (paper Sec. 3.4).

    Coarse: the 895 anchors, or candidates of the wanted aspect ratio, or circles. Fine: around the ten best of
    them, centre, size and (where it is free) aspect ratio vary, twice, the second time by half as much, to no
    smaller an area than the smallest candidate has. Of all crops seen, the best are returned that overlap one
    another by at most an IoU of 0.8. All corners are whole pixels, so that the score belongs to the crop that can
    be cut out.

    The result is deterministic. Scores that differ by less than 1e-9 of the map's range (or 1e-12 of its
    largest value, on a nearly constant map) are ties; the larger crop goes first, then the upper, then the left
    one.

    Parameters
    ----------
    score_map : ScoreMap
    aspect : str or float, optional
        Width over height, as "16:9" or a number. The crop's ratio is exact to the rounding of one pixel.
    shape : {"rectangle", "circle"}
        A circle stands in a square; `aspect` must be left out.
    top : int
        How many crops at most.

    Returns
    -------
    DataFrame
        Best first: x1, y1, x2, y2 (photo pixels; for circles the circumscribed square), score, stage ("coarse"
        or "fine"); for circles also cx, cy, r. Fewer than `top` rows where the photo has no more distinct crops.

    Raises
    ------
    ValueError
        If an argument is none of the above, or no crop of that ratio fits.

    Examples
    --------
    >>> import torch
    >>> from asm_interp.geometry import patterns
    >>> flat = ScoreMap(torch.zeros(1, 8, 12), patterns.get("grid:1x1"), (80, 120))
    >>> search_crops(flat, top=1)[["x1", "y1", "x2", "y2"]].to_numpy().tolist()
    [[0, 0, 120, 80]]
    """
    if shape not in ("rectangle", "circle"):
        raise ValueError(f"shape is 'rectangle' or 'circle', got {shape!r}")
    if top < 1:
        raise ValueError(f"top is at least 1, got {top}")
    if shape == "circle":
        if aspect is not None:
            raise ValueError(f"a circle has no aspect ratio to choose, got {aspect!r}")
        return _search_circles(score_map, top)
    ratio = None if aspect is None else parse_aspect(aspect)
    size = score_map.photo_size

    coarse = _whole(anchor_boxes(size), size) if ratio is None else aspect_boxes(size, ratio)
    least = area(coarse).min()

    def refined(boxes: FloatArray, shrink: float) -> FloatArray:
        near = _boxes_around(boxes, size, ratio, shrink)
        return np.asarray(near[area(near) >= least])

    crops, scores, fine = _two_stages(coarse, lambda boxes: crop_scores(score_map, boxes), refined)
    order = _ranked(crops, scores, _tie_width(score_map))
    return _table(crops[order], scores[order], fine[order], top)


def _search_circles(score_map: ScoreMap, top: int) -> pd.DataFrame:
    size = score_map.photo_size
    if min(size) < 2 * MIN_SIDE:
        raise ValueError(f"no circle of one pixel radius fits into a photo of {size[0]}×{size[1]} (H×W) px")
    coarse = circle_candidates(size)
    least = coarse[:, 2].min()

    def refined(circles: FloatArray, shrink: float) -> FloatArray:
        near = _circles_around(circles, size, shrink)
        return np.asarray(near[near[:, 2] >= least])

    crops, scores, fine = _two_stages(coarse, lambda circles: circle_scores(score_map, circles), refined)
    squares = circle_bounds(crops)
    order = _ranked(squares, scores, _tie_width(score_map))
    return _table(squares[order], scores[order], fine[order], top, crops[order])


def _two_stages(
    coarse: FloatArray, score: Score, around: Callable[[FloatArray, float], FloatArray]
) -> tuple[FloatArray, FloatArray, np.ndarray]:
    """All crops seen, each once, their scores, and whether the fine stage found them."""
    crops, scores = coarse, score(coarse)
    for round_ in range(_ROUNDS):
        best = np.argsort(-scores, kind="stable")[:_KEPT]
        new = around(crops[best], 0.5**round_)
        crops, scores = np.concatenate([crops, new]), np.concatenate([scores, score(new)])
    _, first = np.unique(crops, axis=0, return_index=True)
    first.sort()
    return crops[first], scores[first], first >= len(coarse)


def _whole(boxes: FloatArray, photo_size: Size) -> FloatArray:
    """Boxes with whole-pixel corners inside the photo, at least one pixel wide and high, each once."""
    height, width = photo_size
    rounded = clip(np.rint(boxes), photo_size)
    rounded[:, :2] = np.minimum(rounded[:, :2], [width - 1, height - 1])
    rounded[:, 2:] = np.maximum(rounded[:, 2:], rounded[:, :2] + 1)
    _, first = np.unique(rounded, axis=0, return_index=True)
    return np.asarray(rounded[np.sort(first)])


def _boxes_around(boxes: FloatArray, photo_size: Size, ratio: float | None, shrink: float) -> FloatArray:
    """Boxes near the given ones: shifted, zoomed and, without a fixed ratio, stretched."""
    height, width = photo_size
    stretches = (1.0,) if ratio is not None else _STRETCHES
    moves = np.array(list(product(_SHIFTS, _SHIFTS, _ZOOMS, stretches)))
    dx, dy = (moves[:, :2] * shrink).T
    zoom, stretch = (moves[:, 2:] ** shrink).T
    x1, y1, x2, y2 = boxes.T[:, :, None]
    w, h = (x2 - x1) * zoom * np.sqrt(stretch), (y2 - y1) * zoom / np.sqrt(stretch)
    if ratio is not None:
        widest = min(width, height * ratio)
        fitted_w, fitted_h = fitted_size(np.minimum(w, widest), ratio)
        w, h = fitted_w.astype(np.float64), fitted_h.astype(np.float64)
    w, h = np.minimum(w, width), np.minimum(h, height)
    left = np.clip((x1 + x2) / 2 + dx * (x2 - x1) - w / 2, 0, width - w)
    top = np.clip((y1 + y2) / 2 + dy * (y2 - y1) - h / 2, 0, height - h)
    if ratio is not None:
        left, top = np.floor(left), np.floor(top)
    return _whole(np.stack([left, top, left + w, top + h], axis=-1).reshape(-1, 4), photo_size)


def _circles_around(circles: FloatArray, photo_size: Size, shrink: float) -> FloatArray:
    """Circles near the given ones, shifted and zoomed, on half pixels so that their squares are whole."""
    squares = _boxes_around(circle_bounds(circles), photo_size, 1.0, shrink)
    return np.stack(
        [squares[:, ::2].mean(axis=1), squares[:, 1::2].mean(axis=1), (squares[:, 2] - squares[:, 0]) / 2], axis=1
    )


def _tie_width(score_map: ScoreMap) -> float:
    values = score_map.values.numpy()
    return max(float(np.ptp(values)) * _TIE, float(np.abs(values).max()) * _NOISE) or 1.0


def _ranked(boxes: FloatArray, scores: FloatArray, tie: float) -> np.ndarray:
    """Order of crops, best first, with the stated rule for ties."""
    return np.lexsort((boxes[:, 0], boxes[:, 1], -area(boxes), -np.rint(scores / tie)))


def _table(
    boxes: FloatArray, scores: FloatArray, fine: np.ndarray, top: int, circles: FloatArray | None = None
) -> pd.DataFrame:
    kept = non_maximum_suppression(boxes, MAX_IOU, limit=top)
    table = pd.DataFrame(boxes[kept].astype(np.int64), columns=["x1", "y1", "x2", "y2"])
    table["score"] = scores[kept]
    table["stage"] = np.where(fine[kept], "fine", "coarse")
    if circles is not None:
        table[["cx", "cy", "r"]] = circles[kept]
    return table
