"""Composition patterns: cells, partitions and their numbers."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from asm_interp.geometry.patterns import CompositionPattern
from asm_interp.plots.style import INK, MUTED

HATCHES = ("", "////", "....", "\\\\\\\\", "----", "xxxx", "||||")


def partition_hatches(pattern: CompositionPattern) -> list[str]:
    """A hatch for each partition, other than those of its neighbours with lower numbers as long as there are such."""
    labels = pattern.labels
    across = np.stack([labels[:, :-1].ravel(), labels[:, 1:].ravel()])
    down = np.stack([labels[:-1].ravel(), labels[1:].ravel()])
    high, low = np.sort(np.concatenate([across, down], axis=1), axis=0)[::-1]
    chosen: list[str] = []
    for partition in range(pattern.n_partitions):
        taken = {chosen[other] for other in low[(high == partition) & (low < partition)]}
        start = partition % len(HATCHES)
        order = HATCHES[start:] + HATCHES[:start]
        chosen.append(next((hatch for hatch in order if hatch not in taken), order[0]))
    return chosen


def draw_partition_borders(
    pattern: CompositionPattern, *, ax: Axes | None = None, numbers: bool = True, linewidth: float = 0.8
) -> Axes:
    """Borders of the partitions in raster units, with their numbers, over whatever the axes show.

    Parameters
    ----------
    pattern : CompositionPattern
    ax : Axes, optional
        Gets the raster as its limits, row 0 at the top, and no ticks.
    numbers : bool
        Write each partition's number into its cell nearest the partition's centroid.
    linewidth : float
        In points.

    Returns
    -------
    Axes
    """
    ax = ax or plt.gca()
    rows, columns = pattern.shape
    edges = np.array(pattern.borders(), dtype=np.float64).reshape(-1, 2, 2)
    lines = LineCollection(list(edges), colors=[INK], linewidths=linewidth, capstyle="projecting", clip_on=False)
    ax.add_collection(lines, autolim=False)
    for partition in range(pattern.n_partitions) if numbers else ():
        cells = np.argwhere(pattern.labels == partition) + 0.5
        y, x = cells[np.argmin(np.square(cells - cells.mean(0)).sum(1))]
        ax.text(
            x,
            y,
            str(partition),
            ha="center",
            va="center",
            fontsize=6.5,
            color=INK,
            bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )
    ax.set(xticks=[], yticks=[], xlim=(0, columns), ylim=(rows, 0))
    ax.spines[:].set_visible(False)
    return ax


def draw_pattern(pattern: CompositionPattern, *, ax: Axes | None = None) -> Axes:
    """A pattern: its cells in thin lines, its partitions by number and hatch.

    Parameters
    ----------
    pattern : CompositionPattern
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = ax or plt.gca()
    rows, columns = pattern.shape
    for partition, hatch in enumerate(partition_hatches(pattern)):
        # One path for all cells, so that the hatch runs on from cell to cell.
        squares = [
            Path([(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1), (x, y)], closed=True)
            for y, x in np.argwhere(pattern.labels == partition)
        ]
        look = {"facecolor": "white", "edgecolor": MUTED, "linewidth": 0, "hatch": hatch, "label": str(partition)}
        ax.add_patch(PathPatch(Path.make_compound_path(*squares), **look))
    ax.vlines(np.arange(1, columns), 0, rows, colors=MUTED, linewidth=0.4)
    ax.hlines(np.arange(1, rows), 0, columns, colors=MUTED, linewidth=0.4)
    draw_partition_borders(pattern, ax=ax, linewidth=1.2)
    ax.set_aspect("equal")
    return ax


def patterns_figure(
    patterns: Sequence[CompositionPattern], *, columns: int | None = None, width: float | None = None
) -> Figure:
    """Several patterns side by side, each with its name, number of partitions and raster.

    Parameters
    ----------
    patterns : sequence of CompositionPattern
    columns : int, optional
        Patterns a row; as many as have an inch and a half each if left out.
    width : float, optional
        Of the figure in inches; the style's if left out.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there is no pattern.
    """
    if not patterns:
        raise ValueError("no pattern to draw")
    width = width or rcParams["figure.figsize"][0]
    columns = min(columns or max(1, int(width / 1.5)), len(patterns))
    rows = -(-len(patterns) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(width, rows * (width / columns + 0.36)), layout="constrained", squeeze=False
    )
    for ax, pattern in zip(grid.flat, patterns, strict=False):
        draw_pattern(pattern, ax=ax)
        partitions = f"{pattern.n_partitions} partition" + "s" * (pattern.n_partitions > 1)
        ax.set_title(f"{pattern.name}\n{partitions}, {pattern.shape[0]}×{pattern.shape[1]} cells", fontsize=7)
    for ax in grid.flat[len(patterns) :]:
        ax.set_axis_off()
    return figure
