"""The score landscape: every place that a crop of one size can take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asm_interp.geometry.boxes import MIN_SIDE, FloatArray
from asm_interp.model.score_map import ScoreMap, crop_scores


@dataclass(frozen=True, eq=False)
class ScoreLandscape:
    """Scores of crops of one size by the place of their centres.

    Attributes
    ----------
    x, y : array of float64, [columns] and [rows]
        Centres in photo pixels, from the first to the last for which the crop is inside the photo.
    scores : array of float64, [rows, columns]
    width, height : float
        Of the crops, in photo pixels.
    """

    x: FloatArray
    y: FloatArray
    scores: FloatArray
    width: float
    height: float

    @property
    def best_box(self) -> FloatArray:
        """x1, y1, x2, y2 of the crop that scores highest, [4]."""
        row, column = np.unravel_index(int(self.scores.argmax()), self.scores.shape)
        half = np.array([self.width, self.height]) / 2
        centre = np.array([self.x[column], self.y[row]])
        return np.concatenate([centre - half, centre + half])


def score_landscape(score_map: ScoreMap, width: float, aspect: float | None = None, *, n: int = 48) -> ScoreLandscape:
    """Score a crop of one size at every place of the photo.

    Parameters
    ----------
    score_map : ScoreMap
    width : float
        Of the crop, in photo pixels.
    aspect : float, optional
        Width over height; the photo's if left out.
    n : int
        Places along the axis on which the crop has most room; the other axis has the same step or a finer one.
        An axis without room has one place.

    Returns
    -------
    ScoreLandscape

    Raises
    ------
    ValueError
        If the crop is thinner than one pixel or does not fit the photo, or `n` is below 2.

    Examples
    --------
    >>> from asm_interp.geometry import patterns
    >>> ramp = np.broadcast_to(np.arange(40.0), (1, 30, 40))
    >>> seen = score_landscape(ScoreMap(ramp, patterns.get("grid:1x1"), (30, 40)), width=20, n=5)
    >>> seen.x.tolist(), seen.scores[0].tolist()
    ([10.0, 15.0, 20.0, 25.0, 30.0], [9.5, 14.5, 19.5, 24.5, 29.5])
    """
    photo_height, photo_width = score_map.photo_size
    if n < 2:
        raise ValueError(f"n is at least 2, got {n}")
    if aspect is not None and not aspect > 0:
        raise ValueError(f"aspect is above 0, got {aspect}")
    height = width * photo_height / photo_width if aspect is None else width / aspect
    # Division may leave a crop of the photo's own size a rounding error too large.
    width, height = (
        full if abs(side - full) <= 1e-6 else side for side, full in ((width, photo_width), (height, photo_height))
    )
    if not (MIN_SIDE <= width <= photo_width and MIN_SIDE <= height <= photo_height):
        raise ValueError(
            f"a crop of {height:g}×{width:g} (H×W) px does not fit a photo of {photo_height}×{photo_width}, "
            f"or is thinner than {MIN_SIDE:g} px"
        )
    room_x, room_y = photo_width - width, photo_height - height
    step = max(room_x, room_y) / (n - 1)

    def centres(side: float, room: float) -> FloatArray:
        places = 1 if room == 0 else max(2, int(np.ceil(room / step)) + 1)
        return side / 2 + np.linspace(0, room, places)

    x, y = centres(width, room_x), centres(height, room_y)
    columns, rows = np.meshgrid(x, y)
    centre = np.stack([columns, rows], axis=-1).reshape(-1, 2)
    half = np.array([width, height]) / 2
    scores = crop_scores(score_map, np.concatenate([centre - half, centre + half], axis=1))
    return ScoreLandscape(x, y, scores.reshape(len(y), len(x)), width, height)
