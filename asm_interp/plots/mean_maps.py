"""Means over the photos of a data set: maps in normalised coordinates, and profiles from the border inwards."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize

from asm_interp.analysis.mean_maps import RunningMean
from asm_interp.plots.bias import outline
from asm_interp.plots.intervals import looks, number_text, readable
from asm_interp.plots.maps import color_bar
from asm_interp.plots.style import DIVERGING, INK, shared_norm


def draw_mean_map(
    running: RunningMean,
    *,
    label: str,
    center: float = 0.0,
    ax: Axes | None = None,
    norm: Normalize | None = None,
    level: float = 0.95,
) -> Axes:
    """Mean map of a data set, centred at a stated value; a line surrounds the cells whose interval leaves that out.

    Parameters
    ----------
    running : RunningMean
        Of maps [h, w]: one of `asm_interp.analysis.dataset.DatasetAnalysis.maps`.
    label : str
        Of the colour bar.
    center : float
        Middle of the scale: 0 for "avg" and "avg_z", 1 for "std_ratio".
    ax : Axes, optional
        The current axes if left out.
    norm : Normalize, optional
        To be shared by maps that are compared.
    level : float
        Of the intervals, which are of each cell by itself.

    Returns
    -------
    Axes
        In units of the photo's sides.
    """
    ax = ax or plt.gca()
    mean, (low, high) = running.mean, running.interval(level)
    norm = norm or shared_norm([mean], center=center)
    ax.set_facecolor("#e2e2e2")
    ax.imshow(mean, extent=(0, 1, 1, 0), cmap=DIVERGING, norm=norm, interpolation="nearest", aspect="auto")
    edges = outline((low > center) | (high < center))
    ax.add_collection(LineCollection(edges, colors=INK, linewidths=0.9, capstyle="projecting"))
    ax.set(xlim=(0, 1), ylim=(1, 0), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], ylabel="down the photo")
    told = f"outlined: {100 * level:g} % interval of the cell without {center:g}"
    ax.set_xlabel("\n".join(filter(None, ["across the photo", told, number_text(running.n.ravel().tolist())])))
    color_bar(ax, norm, DIVERGING, label, maps=[mean])
    return ax


def draw_edge_profiles(profiles: Mapping[str, pd.DataFrame], *, ax: Axes | None = None) -> Axes:
    """Means of maps by distance to the nearest border, with bands where there are intervals.

    Parameters
    ----------
    profiles : mapping of str to DataFrame
        As `asm_interp.analysis.regions.radial_profile` gives them, which has no interval, or with ci_low, ci_high and
        n (photos), as in `asm_interp.analysis.dataset.DatasetAnalysis.profiles`. The intervals, 95 %, are of each
        distance by itself.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = ax or plt.gca()
    counts: list[int] = []
    for name, look in looks(profiles).items():
        profile = profiles[str(name)]
        if "ci_low" in profile:
            ends = profile["ci_low"], profile["ci_high"]
            ax.fill_between(profile["d_edge"], *ends, color=look.color, alpha=0.2, linewidth=0)
            counts += profile["n"].tolist()
        ax.plot(
            profile["d_edge"],
            profile["mean"],
            color=look.color,
            marker=look.marker,
            linestyle=look.line,
            label=readable(name),
        )
    told = ["bands: 95 % interval over photos", number_text(counts)] if counts else []
    ax.set_xlabel("\n".join(filter(None, ["distance to the nearest border, in photo sides", *told])))
    ax.set_ylabel("mean at that distance")
    ax.set_xlim(0, 0.5)
    ax.legend(frameon=False)
    return ax
