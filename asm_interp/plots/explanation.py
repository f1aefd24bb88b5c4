"""One page that explains a crop: where it is, what it reads, and what its score is made of."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

from asm_interp.analysis.explanation import CropExplanation
from asm_interp.analysis.theta import ThetaMaps
from asm_interp.geometry.patterns import CompositionPattern
from asm_interp.plots.maps import Photo, color_bar, draw_crops, draw_map
from asm_interp.plots.partitions import draw_contributions, draw_pattern_gain
from asm_interp.plots.style import DIVERGING, SEQUENTIAL

_OPACITY = 0.7  # of maps over the photo


@dataclass(frozen=True)
class Scales:
    """Scales of θavg (deviation from the photo's mean, centred at 0), θstd, and φ (centred at 0)."""

    avg: Normalize
    std: Normalize
    phi: Normalize


def explanation_figure(
    photo: Photo,
    crops: pd.DataFrame,
    explanation: CropExplanation,
    theta: ThetaMaps,
    pattern: CompositionPattern,
    scales: Scales,
    *,
    title: str = "",
    width: float = 9.0,
) -> Figure:
    """Six panels: crops, φ of the best one, its partitions as bars and in place, θavg and θstd.

    Parameters
    ----------
    photo : array of uint8, [H, W, 3]
    crops : DataFrame
        Best first.
    explanation : CropExplanation
        Of the best crop, on the map whose channel means were taken off for `pixel_scores`.
    theta : ThetaMaps
    pattern : CompositionPattern
    scales : Scales
    title : str
        What the page is of.
    width : float
        In inches.

    Returns
    -------
    Figure
    """
    figure = plt.figure(figsize=(width, max(0.6 * width, 4.0)), layout="constrained")
    if title:
        figure.suptitle(title, fontsize="medium")
    side = max(0.345 * width, 2.4)  # inches; the line of sums below the bars is as long
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(width - side, side))[0]
    (crops_ax, phi_ax), (avg_ax, std_ax) = left.subplots(2, 2)
    bars_ax, pattern_ax = right.subplots(2, 1, height_ratios=(1.3, 1))
    draw_crops(photo, crops, ax=crops_ax).set_title(f"{len(crops)} best crops")
    crops_ax.set_anchor("S")  # as the others stand on their bars
    _draw(explanation.pixel_scores, photo, "φ, channel means off", phi_ax, scales.phi, DIVERGING, box=explanation.box)
    phi_ax.set_title(f"what crop 1 reads: score {explanation.score:.3f}")
    _draw(theta.avg - theta.avg.mean(), photo, "θavg − photo mean", avg_ax, scales.avg, DIVERGING)
    avg_ax.set_title("θavg: mean over places")
    gauge = f"θstd, channel means off\n(gauge share {theta.gauge_share:.2f})"
    _draw(theta.std, photo, gauge, std_ax, scales.std, SEQUENTIAL)
    std_ax.set_title("θstd: spread over places")
    draw_contributions(explanation.partitions, ax=bars_ax)
    draw_pattern_gain(explanation.partitions, pattern, ax=pattern_ax, norm=scales.phi)
    pattern_ax.set_title("crop 1 by partition")
    return figure


def _draw(
    values: npt.ArrayLike,
    photo: Photo,
    label: str,
    ax: Axes,
    norm: Normalize,
    cmap: Colormap,
    box: npt.ArrayLike | None = None,
) -> None:
    """A map with its colour bar below, where labels run along it and take no width from the photo."""
    draw_map(values, photo, label="", ax=ax, norm=norm, cmap=cmap, box=box, opacity=_OPACITY, bar=False)
    look = {"location": "bottom", "shrink": 0.9, "aspect": 30}
    color_bar(ax, norm, cmap, label, maps=[values], opacity=_OPACITY, **look)
