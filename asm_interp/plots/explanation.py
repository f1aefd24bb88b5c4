"""One page that explains a crop: where it is, what it reads, and what its score is made of."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from asm_interp.analysis.explanation import CropExplanation
from asm_interp.analysis.theta import ThetaMaps
from asm_interp.geometry.patterns import CompositionPattern
from asm_interp.plots.maps import Photo, draw_crop_score_map, draw_crops, draw_map
from asm_interp.plots.partitions import draw_contributions, draw_pattern_gain
from asm_interp.plots.style import DIVERGING, SEQUENTIAL


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
    title: str,
    footnote: str,
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
    title, footnote : str
        What the page is of, and what its scales, checkpoint and n are.

    Returns
    -------
    Figure
        9 × 6 inches.
    """
    figure, axes = plt.subplots(2, 3, figsize=(9, 6.2))
    figure.suptitle(title, fontsize=9)
    top, bottom = axes
    draw_crops(photo, crops, ax=top[0]).set_title(f"{len(crops)} best crops")
    draw_crop_score_map(explanation.pixel_scores, photo, explanation.box, ax=top[1], norm=scales.phi)
    top[1].set_title(f"what crop 1 reads: score {explanation.score:.3f}")
    draw_contributions(explanation.partitions, ax=top[2])
    draw_map(
        theta.avg - theta.avg.mean(),
        photo,
        ax=bottom[0],
        norm=scales.avg,
        cmap=DIVERGING,
        label="θavg − photo mean",
    ).set_title("θavg: mean over places in the crop")
    std_label = f"θstd without offsets\n(gauge share {theta.gauge_share:.2f})"
    draw_map(theta.std, photo, ax=bottom[1], norm=scales.std, cmap=SEQUENTIAL, label=std_label)
    bottom[1].set_title("θstd: spread over places in the crop")
    draw_pattern_gain(explanation.partitions, pattern, ax=bottom[2], norm=scales.phi)
    bottom[2].set_title("crop 1 by partition")
    figure.text(0.005, 0.004, footnote, fontsize=6, color="#555555", va="bottom")
    figure.get_layout_engine().set(rect=(0, 0.03, 1, 0.97))  # type: ignore[union-attr, call-arg]
    return figure
