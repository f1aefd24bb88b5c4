"""What partitions contribute: as bars that sum to the score, as the pattern stands, and among all channels."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle

from asm_interp.geometry.patterns import CompositionPattern
from asm_interp.plots.maps import color_bar, own_norm
from asm_interp.plots.patterns import draw_partition_borders
from asm_interp.plots.style import ACCENT, DIVERGING, INK, MUTED


def draw_contributions(partitions: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Contribution of each partition to a crop's score, in two parts that sum to it.

    The grey hatched part is the same for every crop of the photo; the coloured one is this crop's own.

    Parameters
    ----------
    partitions : DataFrame
        As in `asm_interp.CropExplanation`.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = ax or plt.gca()
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


def draw_pattern_gain(
    partitions: pd.DataFrame, pattern: CompositionPattern, *, ax: Axes | None = None, norm: Normalize | None = None
) -> Axes:
    """The pattern with each partition's mean gain over the photo's average, per pixel, and its number.

    Parameters
    ----------
    partitions : DataFrame
        As in `asm_interp.CropExplanation`.
    pattern : CompositionPattern
    ax : Axes, optional
    norm : Normalize, optional
        Scale, centred at 0; the gains' own if left out.

    Returns
    -------
    Axes
    """
    ax = ax or plt.gca()
    gain = ((partitions["contribution"] - partitions["offset"]) / partitions["area"]).to_numpy()
    norm = norm or own_norm([gain], DIVERGING, clip=0)
    rows, columns = pattern.shape
    ax.imshow(gain[pattern.labels], extent=(0, columns, rows, 0), cmap=DIVERGING, norm=norm, aspect="auto")
    draw_partition_borders(pattern, ax=ax)
    color_bar(ax, norm, DIVERGING, "mean gain in the partition", maps=[gain])
    return ax


def draw_pooled(
    pooled: npt.ArrayLike, pattern: CompositionPattern, *, ax: Axes | None = None, norm: Normalize | None = None
) -> Axes:
    """The pooled matrix of a crop, M″: what every channel says of every cell, with the entries that the crop reads.

    The cells stand in the order of their partitions, so that these entries make a diagonal of blocks, outlined.

    Parameters
    ----------
    pooled : array_like, [cells, L]
        As in `asm_interp.CropExplanation`; of a map without channel offsets, unless these are to be seen.
    pattern : CompositionPattern
    ax : Axes, optional
    norm : Normalize, optional
        Scale, centred at 0; the matrix' own if left out.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the matrix does not fit the pattern.
    """
    matrix = np.asarray(pooled, dtype=np.float64)
    n, n_cells = pattern.n_partitions, pattern.labels.size
    if matrix.shape != (n_cells, n):
        raise ValueError(
            f"the matrix of {pattern.name} has shape [cells, L] = [{n_cells}, {n}], got {list(matrix.shape)}"
        )
    ax = ax or plt.gca()
    norm = norm or own_norm([matrix], DIVERGING, clip=0)
    order = np.argsort(pattern.labels, axis=None, kind="stable")
    ax.imshow(
        matrix[order], extent=(0, n, n_cells, 0), cmap=DIVERGING, norm=norm, aspect="auto", interpolation="nearest"
    )
    stops = np.bincount(pattern.labels.ravel()).cumsum()
    starts = np.concatenate([[0], stops[:-1]])
    ax.hlines(stops[:-1], 0, n, colors="white", linewidth=0.4)
    for partition, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        block = Rectangle((partition, start), 1, stop - start, fill=False, edgecolor=ACCENT, linewidth=1.2)
        ax.add_patch(block)
    shown = np.arange(0, n, max(1, n // 12))  # more numbers than a dozen would run into one another
    ax.set_xticks(shown + 0.5, [str(partition) for partition in shown])
    ax.set_yticks((starts + stops)[shown] / 2, [str(partition) for partition in shown])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="channel (outlined: read by the crop)", ylabel="cells, by partition")
    color_bar(ax, norm, DIVERGING, "mean of channel over cell", maps=[matrix])
    return ax
