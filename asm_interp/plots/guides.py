"""Composition guides: the lines that photographers compose by."""

from __future__ import annotations

from typing import Literal, get_args

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patheffects import withStroke

from asm_interp.plots.style import INK

Guide = Literal["thirds", "centre", "diagonals"]

GUIDES: dict[Guide, npt.NDArray[np.float64]] = {
    "thirds": np.array([[[1, 0], [1, 3]], [[2, 0], [2, 3]], [[0, 1], [3, 1]], [[0, 2], [3, 2]]], dtype=np.float64) / 3,
    "centre": np.array([[[0.5, 0], [0.5, 1]], [[0, 0.5], [1, 0.5]]]),
    "diagonals": np.array([[[0.0, 0], [1, 1]], [[1, 0], [0, 1]]]),
}
"""Lines [n, 2, 2] of each guide, from and to x, y, in sides of the crop."""

_STROKES = {"thirds": "-", "centre": "--", "diagonals": ":"}  # so that guides drawn together are told apart


def draw_guides(box: npt.ArrayLike, kind: Guide = "thirds", *, ax: Axes | None = None, color: str = "white") -> Axes:
    """Lines of thirds, centre cross or diagonals over a photo, a crop or the crop plane.

    Parameters
    ----------
    box : array_like, [4]
        x1, y1, x2, y2 in the axes' units: 0, 0, W, H for a whole photo, 0, 0, 1, 1 for the crop plane.
    kind : {"thirds", "centre", "diagonals"}
        Drawn solid, dashed and dotted, so that several can be drawn one over another.
    ax : Axes, optional
    color : str
        Of the lines; a rim, dark around white lines and white around others, keeps them visible on any ground.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If there is no such guide.
    """
    if kind not in GUIDES:
        raise ValueError(f"a guide is one of {', '.join(get_args(Guide))}, got {kind!r}")
    ax = ax or plt.gca()
    x1, y1, x2, y2 = np.asarray(box, dtype=np.float64)
    lines = LineCollection(
        list(GUIDES[kind] * [x2 - x1, y2 - y1] + [x1, y1]),
        colors=[color],
        linewidths=0.8,
        linestyles=_STROKES[kind],
        path_effects=[withStroke(linewidth=1.8, foreground=INK if color == "white" else "white", alpha=0.6)],
        label=kind,
        zorder=1.5,  # over maps, under marks
    )
    ax.add_collection(lines, autolim=False)
    return ax
