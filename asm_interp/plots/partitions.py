"""Contributions of partitions: as bars that sum to the score, and laid out as the pattern stands."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from asm_interp.geometry.patterns import CompositionPattern
from asm_interp.plots.maps import color_bar
from asm_interp.plots.style import ACCENT, DIVERGING, INK, MUTED


def draw_contributions(partitions: pd.DataFrame, *, ax: Axes) -> Axes:
    """Contribution of each partition to a crop's score, in two parts that sum to it.

    The grey hatched part is the same for every crop of the photo; the coloured one is this crop's own.

    Parameters
    ----------
    partitions : DataFrame
        As in `asm_interp.CropExplanation`.
    ax : Axes

    Returns
    -------
    Axes
    """
    places = np.arange(len(partitions))
    offset = partitions["offset"].to_numpy()
    own = partitions["contribution"].to_numpy() - offset
    ax.barh(places - 0.2, offset, 0.38, facecolor="white", edgecolor=MUTED, hatch="////", label="any crop")
    ax.barh(places + 0.2, own, 0.38, color=ACCENT, label="this crop")
    ax.axvline(0, color=INK, linewidth=0.6)
    ax.set_yticks(places, [str(partition) for partition in partitions["partition"]])
    ax.invert_yaxis()
    ax.set_ylabel("partition")
    total = offset.sum() + own.sum()
    sums = f"{offset.sum():.3f} (any crop) {own.sum():+.3f} (this crop) = {total:.3f}".replace("-", "\N{MINUS SIGN}")
    ax.set_xlabel(f"contribution to the score\n{sums}")
    ax.legend(frameon=False, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, 1.12), ncols=2)
    return ax


def draw_pattern_gain(partitions: pd.DataFrame, pattern: CompositionPattern, *, ax: Axes, norm: Normalize) -> Axes:
    """The pattern with each partition's mean gain over the photo's average, per pixel, and its number.

    Parameters
    ----------
    partitions : DataFrame
        As in `asm_interp.CropExplanation`.
    pattern : CompositionPattern
    ax : Axes
    norm : Normalize
        Scale, centred at 0.

    Returns
    -------
    Axes
    """
    gain = ((partitions["contribution"] - partitions["offset"]) / partitions["area"]).to_numpy()
    rows, columns = pattern.shape
    ax.imshow(gain[pattern.labels], extent=(0, columns, rows, 0), cmap=DIVERGING, norm=norm, aspect="auto")
    for x1, y1, x2, y2 in pattern.borders():
        ax.plot([x1, x2], [y1, y2], color=INK, linewidth=0.8, clip_on=False)
    for partition in range(pattern.n_partitions):
        cells = np.argwhere(pattern.labels == partition) + 0.5
        y, x = cells[np.argmin(np.square(cells - cells.mean(0)).sum(1))]
        ax.text(x, y, str(partition), ha="center", va="center", fontsize=7, color=INK)
    ax.set(xticks=[], yticks=[], xlim=(0, columns), ylim=(rows, 0))
    ax.spines[:].set_visible(False)
    color_bar(ax, norm, DIVERGING, "mean gain in the partition")
    return ax
