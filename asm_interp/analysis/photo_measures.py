"""What a data-set analysis records of each photo: a row of numbers and a few small maps."""

from __future__ import annotations

import numpy as np
import torch

from asm_interp.analysis.mean_maps import GRID, to_grid
from asm_interp.analysis.partitions import ScoreSplit
from asm_interp.analysis.regions import REGIONS, concentration, edge_slope, evenness, gini, region_mean
from asm_interp.analysis.theta import theta_maps
from asm_interp.geometry import patterns
from asm_interp.geometry.boxes import FloatArray, Size, area
from asm_interp.geometry.candidates import anchor_boxes
from asm_interp.model.score_map import ScoreMap, crop_scores

MEASURES = (
    "gauge_share",
    "composition_share",
    "avg_sd",
    "std_mean",
    "std_sd",
    *(f"avg_z_{region}" for region in REGIONS),
    "avg_edge_slope",
    *(f"std_concentration_{region}" for region in REGIONS),
    "std_edge_slope",
    "std_gini",
    "std_evenness",
    "best_score",
    "best_x1",
    "best_y1",
    "best_x2",
    "best_y2",
    "best_area",
)
"""Columns of a photo's row; θavg and θstd are those without channel offsets.

=========================  =====================================================================================
gauge_share                share of the paper's mean squared θstd that is offset between channels
composition_share          share of the variance of the anchors' scores that is composition, not content
avg_sd                     standard deviation of θavg over the photo (its mean is zero without offsets)
std_mean, std_sd           mean and standard deviation of θstd over the photo
avg_z_REGION               mean of θavg in a region, in standard deviations over the photo
avg_edge_slope             slope of θavg over the distance to the border, in avg_sd per photo side
std_concentration_REGION   log2 of the region's density of θstd relative to the photo's
std_edge_slope             slope of θstd over the distance to the border, in std_mean per photo side
std_gini, std_evenness     how unevenly, and how evenly, θstd is spread over the cells of the grid
best_score                 of the best of the 895 anchors, the photo's mean of every channel taken off
best_x1 ... best_y2        where it is, in units of the photo's sides
best_area                  its area, in units of the photo's
=========================  =====================================================================================

NaN where a photo does not define one, as on a constant map.
"""

MAPS = ("avg", "std", "avg_z", "std_ratio")
"""Maps of a photo on the grid: θavg and θstd without channel offsets, and on scales of their own, where every photo
weighs the same: θavg in standard deviations over the photo, θstd over its mean."""


def photo_measures(score_map: ScoreMap, grid: Size = GRID) -> tuple[dict[str, float], dict[str, FloatArray]]:
    """Measures and maps of one photo.

    Regions, slopes and evenness are taken on the grid, whose cells are exact means: for the region masses of a grid
    of multiples of eight (corners and border of an eighth of the sides) this is the same number as on the map.

    Parameters
    ----------
    score_map : ScoreMap
    grid : (int, int)
        Cells down and across.

    Returns
    -------
    measures : dict of str to float
        `MEASURES`.
    maps : dict of str to array of float64, [grid]
        `MAPS`; NaN throughout where the map is constant (avg_z) or zero (std_ratio).
    """
    theta = theta_maps(score_map, center="channel")
    avg, std = to_grid(theta.avg, grid), to_grid(theta.std, grid)
    avg_sd, std_sd, std_mean = (float(each) for each in (theta.avg.std(), theta.std.std(), theta.std.mean()))
    # Rounding leaves a constant map a spread of its own; measured against the scores it is nothing.
    resolution = float(score_map.values.abs().max()) * np.finfo(np.float32).eps
    avg_z = avg / avg_sd if avg_sd > resolution else np.full_like(avg, np.nan)
    std_ratio = std / std_mean if std_mean > resolution else np.full_like(std, np.nan)
    height, width = score_map.photo_size
    anchors = anchor_boxes(score_map.photo_size)
    scores = crop_scores(score_map, anchors)
    best = int(scores.argmax())
    x1, y1, x2, y2 = (anchors[best] / [width, height, width, height]).tolist()
    content = ScoreMap(torch.from_numpy(theta.avg[None]), patterns.get("grid:1x1"), score_map.photo_size)
    alike = crop_scores(content, anchors)  # what the crops would score if every place read θavg
    split = ScoreSplit(alike, scores - alike)
    offset = float(score_map.pattern.areas @ score_map.values.double().mean((1, 2)).numpy())
    values = (
        theta.gauge_share,
        split.share if scores.std() > resolution else float("nan"),
        avg_sd,
        std_mean,
        std_sd,
        *(region_mean(avg_z, region) for region in REGIONS),
        edge_slope(avg_z),
        *(concentration(std_ratio, region) for region in REGIONS),
        edge_slope(std_ratio),
        gini(std_ratio),
        evenness(std_ratio),
        float(scores[best]) - offset,
        *(x1, y1, x2, y2),
        float(area(anchors[best])) / (height * width),
    )
    return dict(zip(MEASURES, values, strict=True)), {"avg": avg, "std": std, "avg_z": avg_z, "std_ratio": std_ratio}
