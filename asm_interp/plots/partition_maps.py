"""The L maps that a crop's score is made of, each where its partition stands."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from asm_interp.analysis.partitions import PartitionView
from asm_interp.geometry.patterns import CompositionPattern, from_labels
from asm_interp.plots.maps import color_bar, own_norm
from asm_interp.plots.patterns import draw_partition_borders
from asm_interp.plots.style import DIVERGING

_FADED = 0.4  # opacity of what the crop does not read
_MAP = 0.76  # of a place's height; the rest is for the title
_NARROWEST = 1.25  # width over height of a map's place; titles over narrow crops need room
_MEANS = 4  # in a row at most have room for their means


def draw_partition_maps(
    view: PartitionView, pattern: CompositionPattern, *, ax: Axes | None = None, norm: Normalize | None = None
) -> Axes:
    """Every channel over the whole crop, laid out as the pattern stands: strong where the crop reads it, else faded.

    Above each map stands the partition's number, and where at most four maps make a row, the mean of its channel
    over it.

    Parameters
    ----------
    view : PartitionView
        Of a map without channel offsets (`asm_interp.ScoreMap.centred`), unless these are to be seen.
    pattern : CompositionPattern
        The score map's.
    ax : Axes, optional
        Gets one inset per partition, in the order of their numbers.
    norm : Normalize, optional
        Scale of all maps, centred at 0; that of `view.pixel_scores`, which the crop reads, if left out.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the pattern has not as many partitions as the view.
    """
    if pattern.n_partitions != len(view.channels):
        raise ValueError(f"{pattern.name} has {pattern.n_partitions} partitions, the view {len(view.channels)}")
    ax = ax or plt.gca()
    norm = norm or own_norm([view.pixel_scores], DIVERGING)
    (rows, columns), slots = partition_slots(pattern)
    x1, y1, x2, y2 = view.box
    ratio = float((x2 - x1) / (y2 - y1))
    place = max(ratio, _NARROWEST)
    ax.set_box_aspect(rows / columns / _MAP / place)
    ax.set_axis_off()
    height, width = pattern.shape
    for partition, (row, column) in enumerate(slots):
        share = 0.94 * ratio / place  # of the place's width
        bounds = ((column + 0.5 - share / 2) / columns, 1 - (row + 1) / rows, share / columns, 0.94 * _MAP / rows)
        inset = ax.inset_axes(bounds)
        inset.imshow(
            view.channels[partition],
            extent=(0, width, height, 0),
            cmap=DIVERGING,
            norm=norm,
            alpha=np.where(view.used == partition, 1.0, _FADED),
            interpolation="nearest",
            aspect="auto",
        )
        own = (pattern.labels == partition).astype(np.int64)
        # A pattern of one partition has no other side: its own border is the crop's rim.
        outline = from_labels(own, str(partition)) if pattern.n_partitions > 1 else pattern
        draw_partition_borders(outline, ax=inset, numbers=False, linewidth=0.6)
        mean = f": {view.matrix[partition, partition]:+.3g}".replace("-", "\N{MINUS SIGN}")
        inset.set_title(f"{partition}{mean if columns <= _MEANS else ''}", fontsize=6, pad=1.5)
    color_bar(ax, norm, DIVERGING, "channel; faded where the crop does not read it", maps=list(view.channels))
    return ax


def partition_slots(pattern: CompositionPattern) -> tuple[tuple[int, int], npt.NDArray[np.int64]]:
    """Where a picture of each partition may stand, so that the pictures lie as the partitions do and none overlap.

    Partitions of one cell each keep the pattern's raster. Rings around one centre stand in a row, or in rows, in
    the order of their numbers. All others take those places of a square raster that lie nearest their centroids
    (least sum of squares), the centroids spread out to the raster's rim.

    Parameters
    ----------
    pattern : CompositionPattern

    Returns
    -------
    (int, int)
        Rows and columns of places.
    array of int, [L, 2]
        Row and column of each partition's place.

    Examples
    --------
    >>> from asm_interp.geometry import patterns
    >>> shape, slots = partition_slots(patterns.get("multi-rectangle"))
    >>> shape, slots.tolist()
    ((1, 3), [[0, 0], [0, 1], [0, 2]])
    """
    n = pattern.n_partitions
    if pattern.labels.size == n:
        return pattern.shape, np.argwhere(pattern.labels >= 0)[np.argsort(pattern.labels, axis=None)]
    cells = [np.argwhere(pattern.labels == partition) + 0.5 for partition in range(n)]
    centroids = np.array([each.mean(0) for each in cells]) / pattern.shape
    extent = np.ptp(centroids, axis=0)
    side = int(np.ceil(np.sqrt(n)))
    if extent.max() < 1e-9:
        columns = n if n <= 4 else side
        return (-(-n // columns), columns), np.stack(np.divmod(np.arange(n), columns), axis=1)
    from scipy.optimize import linear_sum_assignment

    found: list[tuple[float, int, npt.NDArray[np.int64]]] = []
    for size in (side, side + 1):
        reach = np.where(extent > 0, (size - 1) / size, 0)
        spread = 0.5 + (centroids - centroids.min(0) - extent / 2) / np.maximum(extent, 1e-9) * reach
        places = np.argwhere(np.ones((size, size)))
        # In places; a little more down than across, so that partitions which are mirror images move the same way.
        distance = np.square(spread[:, None] * size - places[None] - 0.5) @ [1.01, 1.0]
        chosen = linear_sum_assignment(distance)
        found.append((float(distance[chosen].sum()), size, places[chosen[1]]))
    small, large = found
    # Smaller pictures only where they lie much better.
    _, size, slots = large if large[0] < 0.5 * small[0] else small
    return (size, size), slots
