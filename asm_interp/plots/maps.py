"""Photos and maps: photo with crops, crop-level score map, θ maps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.patches import Circle, Patch, Rectangle
from matplotlib.patheffects import withStroke

from asm_interp.plots.style import ACCENT, DIVERGING, INK, SEQUENTIAL, shared_norm

Photo = npt.NDArray[np.uint8]
Extent = tuple[float, float, float, float]

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709
_GROUND, _CONTRAST = 0.6, 0.2  # luma of a photo under a map: its mean, and how far the rest may lie from it
_SHOWN = 1024  # photos are drawn at most this large; more would only fill the file
_LABEL = 32  # letters that a colour bar of a small panel has room for


def luminance(photo: Photo) -> npt.NDArray[np.float64]:
    """Luma of a photo, [H, W] in [0, 1]."""
    return np.asarray(photo @ (_LUMINANCE / 255))


def draw_photo(photo: Photo, *, ax: Axes | None = None, gray: bool = False) -> Axes:
    """A photo on axes in photo pixels, without ticks.

    Parameters
    ----------
    photo : array of uint8, [H, W, 3]
    ax : Axes, optional
        The current axes if left out, here and in all functions that draw.
    gray : bool
        In luminance only.

    Returns
    -------
    Axes
    """
    ax = ax or plt.gca()
    height, width = photo.shape[:2]
    step = max(1, -(-max(height, width) // _SHOWN))
    thinned = photo[::step, ::step]
    look: dict[str, Any] = {"extent": (0, width, height, 0), "interpolation": "antialiased"}
    if gray:
        ax.imshow(luminance(thinned), cmap="gray", vmin=0, vmax=1, **look)
    else:
        ax.imshow(thinned, **look)
    ax.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[], aspect="equal")
    ax.spines[:].set_visible(False)
    return ax


def draw_ground(photo: Photo, *, ax: Axes | None = None) -> Axes:
    """A photo as the ground of a map: in luminance, standardised and faint, so that it leaves the map its colours.

    Its mean becomes a medium grey, two standard deviations from it (at least 0.1 of the range from black to white, so
    that an even photo stays even) a step of 0.2, and what is further off is clipped. `color_bar` shows colours over
    the same grey.

    Parameters
    ----------
    photo : array of uint8, [H, W, 3]
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = draw_photo(photo, ax=ax, gray=True)
    luma = np.asarray(ax.images[-1].get_array(), dtype=np.float64)
    deviation = (luma - luma.mean()) / max(2 * luma.std(), 0.1)
    ax.images[-1].set_data(_GROUND + _CONTRAST * deviation.clip(-1, 1))
    return ax


def draw_crops(
    photo: Photo, crops: pd.DataFrame, *, ax: Axes | None = None, labels: Sequence[str] | None = None
) -> Axes:
    """Photo with crops in order of rank: the first drawn strong, the rest thin, each with its rank on its rim.

    Parameters
    ----------
    photo : array of uint8, [H, W, 3]
    crops : DataFrame
        As `asm_interp.search_crops` returns it, best first: x1, y1, x2, y2, or cx, cy, r for circles. Rows of both
        kinds may stand together; a row with a finite r is a circle.
    ax : Axes, optional
    labels : sequence of str, optional
        One a crop, in place of the ranks.

    Returns
    -------
    Axes
    """
    ax = draw_photo(photo, ax=ax)
    height, width = photo.shape[:2]
    rows: Sequence[Any] = list(crops.itertuples())
    texts = [str(rank + 1) for rank in range(len(rows))] if labels is None else labels
    for rank, (crop, text) in reversed(list(enumerate(zip(rows, texts, strict=True)))):
        best = rank == 0
        look: dict[str, Any] = {
            "fill": False,
            "edgecolor": ACCENT if best else "white",
            "linewidth": 2.0 if best else 0.9,
        }
        # Labels stand at different parts of the upper rim, since good crops often share their corners.
        along = (rank + 0.5) / len(rows)
        outline: Patch
        if np.isfinite(getattr(crop, "r", np.nan)):
            outline = Circle((crop.cx, crop.cy), crop.r, **look)
            x, y = crop.cx - crop.r * np.cos(np.pi * along), crop.cy - crop.r * np.sin(np.pi * along)
        else:
            outline = Rectangle((crop.x1, crop.y1), crop.x2 - crop.x1, crop.y2 - crop.y1, **look)
            x, y = crop.x1 + along * (crop.x2 - crop.x1), crop.y1
        ax.add_patch(outline)
        ax.text(
            min(max(x, 0.03 * width), 0.97 * width),
            max(y, 0.03 * height),
            text,
            ha="center",
            va="center",
            fontsize=6.5,
            color="white",
            bbox={
                "boxstyle": "round,pad=0.15",
                "facecolor": ACCENT if best else "#444444",
                "edgecolor": "none",
            },
        )
    return ax


def draw_map(
    values: npt.ArrayLike,
    photo: Photo,
    *,
    label: str,
    ax: Axes | None = None,
    norm: Normalize | None = None,
    cmap: Colormap = SEQUENTIAL,
    box: npt.ArrayLike | None = None,
    opacity: float = 0.6,
    contour: float | None = None,
    bar: bool = True,
) -> Axes:
    """A map over the photo, which `draw_ground` makes faint, with a colour bar.

    Parameters
    ----------
    values : array_like, [h, w]
        Map of the whole photo, or of `box`. Values that are not finite show the photo.
    photo : array of uint8, [H, W, 3]
    label : str
        Of the colour bar.
    ax : Axes, optional
    norm : Normalize, optional
        Share it among maps that are to be compared; the map's own scale if left out, centred at 0 for diverging
        colours.
    cmap : Colormap
    box : array_like, [4], optional
        x1, y1, x2, y2 in photo pixels that the map covers.
    opacity : float
        Of the map over the photo.
    contour : float, optional
        Quantile of the map, in (0, 1), at which a contour is drawn; the bar's label says so.
    bar : bool
        Whether the axes get a colour bar of their own; without one, the figure is to state scale and contour.

    Returns
    -------
    Axes
    """
    ax = draw_ground(photo, ax=ax)
    array = np.asarray(values, dtype=np.float64)
    norm = norm or own_norm([array], cmap)
    height, width = photo.shape[:2]
    extent: Extent = (0, width, height, 0)
    if box is not None:
        x1, y1, x2, y2 = np.asarray(box, dtype=np.float64).tolist()
        extent = (x1, x2, y2, y1)
        ax.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=ACCENT, linewidth=1.5))
    ax.imshow(array, extent=extent, cmap=cmap, norm=norm, alpha=opacity, interpolation="nearest")
    if contour is not None:
        label += f"\n{_draw_contour(array, extent, contour, ax)}"
    ax.set(xlim=(0, width), ylim=(height, 0))
    if bar:
        color_bar(ax, norm, cmap, label, maps=[array], opacity=opacity)
    return ax


def _draw_contour(values: npt.NDArray[np.float64], extent: Extent, quantile: float, ax: Axes) -> str:
    """Contour at a quantile of the map, and the words for it."""
    if not 0 < quantile < 1:
        raise ValueError(f"a contour is drawn at a quantile in (0, 1), got {quantile}")
    finite = values[np.isfinite(values)]
    level = float(np.quantile(finite, quantile)) if finite.size else np.nan
    if not (finite.size and min(values.shape) > 1 and finite.min() < level < finite.max()):
        return f"no contour: no quantile {quantile:g} inside the range"
    left, right, bottom, top = extent
    x = left + (np.arange(values.shape[1]) + 0.5) * (right - left) / values.shape[1]
    y = top + (np.arange(values.shape[0]) + 0.5) * (bottom - top) / values.shape[0]
    lines = ax.contour(x, y, np.ma.masked_invalid(values), levels=[level], colors=[INK], linewidths=0.8)
    lines.set(path_effects=[withStroke(linewidth=2, foreground="white")])
    return f"contour: quantile {quantile:g}"


def own_norm(maps: Iterable[npt.ArrayLike], cmap: Colormap, *, clip: float = 0.005) -> Normalize:
    """The scale of maps that are given none: `shared_norm`, centred at 0 for diverging colours."""
    return shared_norm(maps, center=0.0 if cmap == DIVERGING else None, clip=clip)


def color_bar(
    ax: Axes | Sequence[Axes],
    norm: Normalize,
    cmap: Colormap,
    label: str,
    *,
    maps: Iterable[npt.ArrayLike] | None = None,
    opacity: float = 1.0,
    **options: Any,
) -> Colorbar:
    """Labelled colour bar beside one or several axes.

    Parameters
    ----------
    ax : Axes or sequence of Axes
    norm, cmap
        Scale and colours.
    label : str
        Broken into lines that a small panel has room for.
    maps : iterable of array_like, optional
        What is drawn on the scale: the bar is pointed only at an end that values lie beyond. Both ends are where
        it is left out.
    opacity : float
        Of maps that lie over photos: the bar has the colours that they have there, over the photo's mean.
    **options
        To `matplotlib.figure.Figure.colorbar`.

    Returns
    -------
    Colorbar
    """
    extend = "both"
    if maps is not None and norm.vmin is not None and norm.vmax is not None:
        finite = np.concatenate([(array := np.asarray(each, float))[np.isfinite(array)] for each in maps])
        beyond = bool((finite < norm.vmin).any()), bool((finite > norm.vmax).any())
        extend = {(True, True): "both", (True, False): "min", (False, True): "max"}.get(beyond, "neither")
    figure = (ax if isinstance(ax, Axes) else ax[0]).figure
    look: dict[str, Any] = {"shrink": 0.85, "pad": 0.02, "aspect": 18, "extend": extend} | options
    shown = opacity * cmap(np.arange(cmap.N))[:, :3] + (1 - opacity) * _GROUND
    bar = figure.colorbar(ScalarMappable(norm, ListedColormap(shown)), ax=ax, **look)
    bar.set_label("\n".join(fill(line, _LABEL) for line in label.split("\n")))
    bar.outline.set_visible(False)
    return bar


def draw_crop_score_map(
    pixel_scores: npt.ArrayLike,
    photo: Photo,
    box: npt.ArrayLike,
    *,
    ax: Axes | None = None,
    norm: Normalize | None = None,
    contour: float | None = None,
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
        contour=contour,
    )
