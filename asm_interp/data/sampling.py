"""Random crops of photos, for worlds whose scores are made and not asked from people."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from asm_interp.geometry.boxes import FloatArray, Size
from asm_interp.geometry.candidates import gaic_grid

Subjects = npt.NDArray[np.uint8]


def random_boxes(photo_size: Size, n: int, rng: np.random.Generator) -> FloatArray:
    """Random whole-pixel crops, [n, 4]: sides of 0.3 to 1 of the photo's, three in ten at each border."""
    height, width = photo_size
    scale, stretch = rng.uniform(0.4, 1, n), np.exp(rng.uniform(-0.3, 0.3, n))
    w = np.clip(np.rint(width * scale * stretch), 1, width)
    h = np.clip(np.rint(height * scale / stretch), 1, height)
    # Drawn beyond the free range and clipped, so that crops at the borders occur.
    along, down = np.clip(rng.uniform(-0.3, 1.3, (2, n)), 0, 1)
    x, y = np.rint(along * (width - w)), np.rint(down * (height - h))
    return np.stack([x, y, x + w, y + h], axis=1)


def mixed_boxes(subjects: Subjects, n: int, rng: np.random.Generator) -> FloatArray:
    """Whole-pixel crops as people judge them, and as a search may come by, [n, 4].

    In equal parts `random_boxes` and crops of the grid of Zeng et al. (2019); one in six frames the subjects more or
    less tightly (where there are none, it is random too); and one in six is the whole photo, or lacks up to a quarter
    of it at some of its sides.

    Parameters
    ----------
    subjects : array of uint8, [H, W]
        0 background, 1.. subjects.
    n : int
    rng : Generator
    """
    height, width = subjects.shape
    corners = np.array([width, height, width, height], dtype=np.float64)
    grid = gaic_grid((height, width))
    chosen = grid[rng.permutation(len(grid))[: n // 3]]
    margins = rng.uniform(0, 0.25, (n // 6, 4)) * (rng.random((n // 6, 4)) < 0.7)
    margins[:1] = 0
    trimmed = np.concatenate([margins[:, :2], 1 - margins[:, 2:]], axis=1) * corners
    framed = _framing(subjects, n // 6, rng)
    n_random = n - len(chosen) - len(trimmed) - len(framed)
    boxes = np.rint(np.concatenate([random_boxes((height, width), n_random, rng), chosen, framed, trimmed]))
    boxes[:, :2] = np.minimum(boxes[:, :2], corners[:2] - 1)  # at least a pixel, on a photo of a few
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
    return np.asarray(boxes)


def _framing(subjects: Subjects, n: int, rng: np.random.Generator) -> FloatArray:
    """Boxes around the subjects: each side from cutting a tenth of the way off to four fifths of it left."""
    height, width = subjects.shape
    rows, columns = (np.flatnonzero(subjects.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return np.zeros((0, 4))
    tight = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.float64)
    edge = np.array([0.0, 0.0, width, height])
    boxes = np.clip(tight + rng.uniform(-0.1, 0.8, (n, 4)) * (edge - tight), 0, [width, height, width, height])
    large = ((boxes[:, 2:] - boxes[:, :2]) > 0.12 * edge[2:]).all(axis=1)
    return np.asarray(boxes[large])


SAMPLERS: dict[str, Callable[[Subjects, int, np.random.Generator], FloatArray]] = {
    "random": lambda subjects, n, rng: random_boxes((subjects.shape[0], subjects.shape[1]), n, rng),
    "mixed": mixed_boxes,
}
"""Ways to draw the crops of a photo with these subjects, [H, W]."""
