"""Photos and maps: photo with crops, crop-level score map, θ maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.patches import Circle, Patch, Rectangle

from asm_interp.plots.style import ACCENT, DIVERGING

Photo = npt.NDArray[np.uint8]

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709
_SHOWN = 1024  # photos are drawn at most this large; more would only fill the file


def luminance(photo: Photo) -> npt.NDArray[np.float64]:
    """Luma of a photo, [H, W] in [0, 1]."""
    return np.asarray(photo @ (_LUMINANCE / 255))


def _thinned(photo: Photo) -> Photo:
    step = max(1, -(-max(photo.shape[:2]) // _SHOWN))
    return photo[::step, ::step]


def _frame(ax: Axes, photo: Photo) -> tuple[float, float, float, float]:
    """Axes in photo pixels without ticks; the extent for imshow."""
    height, width = photo.shape[:2]
    ax.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[], aspect="equal")
    ax.spines[:].set_visible(False)
    return 0, width, height, 0


def draw_crops(photo: Photo, crops: pd.DataFrame, *, ax: Axes) -> Axes:
    """Photo with crops in order of rank: the first drawn strong, the rest thin, each with its rank at a corner.

    Parameters
    ----------
    photo : array of uint8, [H, W, 3]
    crops : DataFrame
        As `asm_interp.search_crops` returns it, best first.
    ax : Axes

    Returns
    -------
    Axes
    """
    ax.imshow(_thinned(photo), extent=_frame(ax, photo), interpolation="antialiased")
    unit = max(photo.shape[:2])
    rows: Sequence[Any] = list(crops.itertuples())
    for rank, crop in reversed(list(enumerate(rows, start=1))):
        look: dict[str, Any] = {
            "fill": False,
            "edgecolor": ACCENT if rank == 1 else "white",
            "linewidth": 2.0 if rank == 1 else 0.9,
        }
        outline: Patch
        if hasattr(crop, "r"):
            outline = Circle((crop.cx, crop.cy), crop.r, **look)
            corner = (crop.cx, crop.cy - crop.r)
        else:
            outline = Rectangle((crop.x1, crop.y1), crop.x2 - crop.x1, crop.y2 - crop.y1, **look)
            corner = (crop.x1, crop.y1)
        ax.add_patch(outline)
        # Labels step aside from one another, since good crops often share a corner.
        ax.text(
            min(max(corner[0] + (0.012 + 0.045 * (rank - 1)) * unit, 0), 0.96 * photo.shape[1]),
            corner[1] + 0.012 * unit,
            str(rank),
            va="top",
            fontsize=7,
            color="white",
            bbox={
                "boxstyle": "round,pad=0.2",
                "facecolor": ACCENT if rank == 1 else "#444444",
                "edgecolor": "none",
            },
        )
    return ax


def draw_map(
    values: npt.ArrayLike,
    photo: Photo,
    *,
    ax: Axes,
    norm: Normalize,
    cmap: Colormap,
    label: str,
    box: npt.ArrayLike | None = None,
    opacity: float = 0.6,
) -> Axes:
    """A map over the photo in luminance, with a colour bar.

    Parameters
    ----------
    values : array_like, [h, w]
        Map of the whole photo, or of `box`.
    photo : array of uint8, [H, W, 3]
    ax : Axes
    norm, cmap
        Scale and colours; share `norm` among maps that are to be compared.
    label : str
        Of the colour bar.
    box : array_like, [4], optional
        x1, y1, x2, y2 in photo pixels that the map covers.
    opacity : float
        Of the map over the photo.

    Returns
    -------
    Axes
    """
    extent = _frame(ax, photo)
    ax.imshow(luminance(_thinned(photo)), extent=extent, cmap="gray", vmin=0, vmax=1, interpolation="antialiased")
    if box is not None:
        x1, y1, x2, y2 = np.asarray(box, dtype=np.float64)
        extent = (x1, x2, y2, y1)
        ax.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=ACCENT, linewidth=1.5))
    ax.imshow(np.asarray(values), extent=extent, cmap=cmap, norm=norm, alpha=opacity, interpolation="nearest")
    height, width = photo.shape[:2]
    ax.set(xlim=(0, width), ylim=(height, 0))
    color_bar(ax, norm, cmap, label)
    return ax


def color_bar(ax: Axes, norm: Normalize, cmap: Colormap, label: str) -> None:
    """Labelled colour bar beside `ax`, opaque whatever the map's opacity."""
    bar = ax.figure.colorbar(ScalarMappable(norm, cmap), ax=ax, shrink=0.85, pad=0.02, aspect=18, extend="both")
    bar.set_label(label)
    bar.outline.set_visible(False)


def draw_crop_score_map(
    pixel_scores: npt.ArrayLike, photo: Photo, box: npt.ArrayLike, *, ax: Axes, norm: Normalize
) -> Axes:
    """The map that one crop reads, φ, where the crop stands; other arguments as for `draw_map`."""
    return draw_map(
        pixel_scores,
        photo,
        ax=ax,
        norm=norm,
        cmap=DIVERGING,
        label="φ, channel means taken off",
        box=box,
        opacity=0.75,
    )
