"""The score landscape: how a crop of one size scores at every place."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle

from asm_interp.analysis.landscape import ScoreLandscape
from asm_interp.geometry.boxes import FloatArray
from asm_interp.plots.maps import Photo, color_bar, draw_ground
from asm_interp.plots.style import ACCENT, DIVERGING, INK, shared_norm

_BAND = 0.1  # of the photo's side, at least: a landscape of one row or column would be a hairline


def draw_landscape(
    landscape: ScoreLandscape,
    photo: Photo,
    *,
    ax: Axes | None = None,
    norm: Normalize | None = None,
    opacity: float = 0.7,
) -> Axes:
    """Scores over the crops' centres on the photo, faint; the highest is marked, with its crop.

    Parameters
    ----------
    landscape : ScoreLandscape
        An axis on which the crop has no room is drawn as a band across the one place it has.
    photo : array of uint8, [H, W, 3]
    ax : Axes, optional
    norm : Normalize, optional
        The landscape's own if left out, centred at the mean score over its places, since scores of a photo have
        no zero of their own.
    opacity : float

    Returns
    -------
    Axes
    """
    ax = draw_ground(photo, ax=ax)
    scores = np.asarray(landscape.scores, dtype=np.float64)
    finite = scores[np.isfinite(scores)]
    label = f"score by centre of a crop, {landscape.height:.0f}×{landscape.width:.0f} (H×W) px"
    if norm is None:
        middle = float(finite.mean()) if finite.size else 0.0
        norm = shared_norm([scores], center=middle, clip=0)
        label += f"\nmiddle colour: mean {middle:.3g}".replace("-", "\N{MINUS SIGN}")
    height, width = photo.shape[:2]
    left, right = _reach(landscape.x, width)
    top, bottom = _reach(landscape.y, height)
    ax.imshow(
        scores, extent=(left, right, bottom, top), cmap=DIVERGING, norm=norm, alpha=opacity, interpolation="nearest"
    )
    if finite.size:
        x1, y1, x2, y2 = landscape.best_box
        ax.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=ACCENT, linewidth=1.5))
        marker: dict[str, Any] = {"color": ACCENT, "markeredgecolor": INK, "markersize": 8, "linestyle": "none"}
        ax.plot([(x1 + x2) / 2], [(y1 + y2) / 2], marker="*", clip_on=False, label="highest score", **marker)
    ax.set(xlim=(0, width), ylim=(height, 0))
    color_bar(ax, norm, DIVERGING, label, maps=[scores], opacity=opacity)
    return ax


def _reach(centres: FloatArray, side: int) -> tuple[float, float]:
    """From and to where the cells around centres reach."""
    half = float(centres[1] - centres[0]) / 2 if len(centres) > 1 else _BAND * side / 2
    return float(centres[0]) - half, float(centres[-1]) + half
