"""What a data-set analysis records of each photo: a row of numbers and a few small maps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from asm_interp.analysis.mean_maps import GRID, to_grid
from asm_interp.analysis.partitions import ScoreSplit
from asm_interp.analysis.regions import REGIONS, concentration, edge_slope, evenness, gini, region_mean
from asm_interp.analysis.theta import theta_maps
from asm_interp.geometry import patterns
from asm_interp.geometry.boxes import FloatArray, Size, area
from asm_interp.geometry.candidates import anchor_boxes
from asm_interp.model.score_map import ScoreMap, crop_scores

FloatMap = npt.NDArray[np.float32]

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
    "avg_paper_mean",
    "std_paper_mean",
    "std_paper_sd",
    *(f"std_paper_concentration_{region}" for region in REGIONS),
    *(f"{name}_peak_{axis}" for name in ("avg", "std", "std_paper") for axis in "xy"),
    "best_score",
    "best_x1",
    "best_y1",
    "best_x2",
    "best_y2",
    "best_area",
)
"""Columns of a photo's row; θavg and θstd are those without channel offsets, and with them where "paper" is said.

===============================  ===============================================================================
gauge_share                      share of the paper's mean squared θstd that is offset between channels
composition_share                share of the variance of the anchors' scores that is composition, not content
avg_sd                           standard deviation of θavg over the photo (its mean is zero without offsets)
std_mean, std_sd                 mean and standard deviation of θstd over the photo
avg_z_REGION                     mean of θavg in a region, in standard deviations over the photo
avg_edge_slope                   slope of θavg over the distance to the border, in avg_sd per photo side
std_concentration_REGION         log2 of the region's density of θstd relative to the photo's
std_edge_slope                   slope of θstd over the distance to the border, in std_mean per photo side
std_gini, std_evenness           how unevenly, and how evenly, θstd is spread over the cells of the grid
avg_paper_mean                   mean of the paper's θavg over the photo; in all else offsets leave θavg as it is
std_paper_mean, std_paper_sd     mean and standard deviation of the paper's θstd over the photo
std_paper_concentration_REGION   log2 of the region's density of the paper's θstd relative to the photo's
MAP_peak_x, MAP_peak_y           where avg, std or std_paper is highest, in units of the photo's sides
best_score                       of the best of the 895 anchors, the photo's mean of every channel taken off
best_x1 ... best_y2              where it is, in units of the photo's sides
best_area                        its area, in units of the photo's
===============================  ===============================================================================

NaN where a photo does not define one, as on a constant map.
"""

MAPS = ("avg", "std", "avg_paper", "std_paper", "avg_z", "std_ratio")
"""Maps of a photo on the grid: θavg and θstd without channel offsets; with them, as the paper has them; and without
them on scales of their own, where every photo weighs the same: θavg in standard deviations over the photo, θstd over
its mean."""


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
    offsets = score_map.values.mean((1, 2), dtype=torch.float64)
    paper = _with_offsets(theta.std, score_map.values, offsets)
    avg, std, std_paper = (to_grid(each, grid) for each in (theta.avg, theta.std, paper))
    avg_sd, std_sd, std_mean = (float(each) for each in (theta.avg.std(), theta.std.std(), theta.std.mean()))
    # Rounding leaves a constant map a spread of its own; measured against the scores it is nothing.
    resolution = float(score_map.values.abs().max()) * float(np.finfo(np.float32).eps)
    avg_z = avg / avg_sd if avg_sd > resolution else np.full_like(avg, np.nan)
    std_ratio = std / std_mean if std_mean > resolution else np.full_like(std, np.nan)
    paper_mean = float(paper.mean())
    paper_ratio = std_paper / paper_mean if paper_mean > resolution else np.full_like(std, np.nan)
    height, width = score_map.photo_size
    anchors = anchor_boxes(score_map.photo_size)
    scores = crop_scores(score_map, anchors)
    best = int(scores.argmax())
    x1, y1, x2, y2 = (anchors[best] / [width, height, width, height]).tolist()
    content = ScoreMap(torch.from_numpy(theta.avg[None]), patterns.get("grid:1x1"), score_map.photo_size)
    alike = crop_scores(content, anchors)  # what the crops would score if every place read θavg
    split = ScoreSplit(alike, scores - alike)
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
        float(offsets.mean()),
        paper_mean,
        float(paper.std()),
        *(concentration(paper_ratio, region) for region in REGIONS),
        *(end for each in (theta.avg, theta.std, paper) for end in _peak(each, resolution)),
        float(scores[best]) - float(score_map.pattern.areas @ offsets.numpy()),
        *(x1, y1, x2, y2),
        float(area(anchors[best])) / (height * width),
    )
    maps = (avg, std, avg + float(offsets.mean()), std_paper, avg_z, std_ratio)
    return dict(zip(MEASURES, values, strict=True)), dict(zip(MAPS, maps, strict=True))


def _with_offsets(std: FloatMap, values: torch.Tensor, offsets: torch.Tensor) -> FloatMap:
    r"""The paper's θstd [h, w] from that without channel offsets: in one pass over the values [L, h, w].

    Its square is larger by :math:`\frac{1}{L} \sum_l d_l (2 m_l - d_l)`, with d_l the offset less the mean offset.
    """
    apart = (offsets - offsets.mean()).to(values.dtype)
    cross = torch.tensordot(apart / len(apart), values, 1).numpy()
    return np.asarray(np.sqrt(np.maximum(np.square(std) + 2 * cross - float(apart.square().mean()), 0)))


def _peak(values: FloatMap, resolution: float) -> tuple[float, float]:
    """Middle x, y of the highest pixel, in units of the photo's sides; NaN where rounding alone chooses it."""
    if not np.ptp(values) > resolution:
        return float("nan"), float("nan")
    row, column = np.unravel_index(values.argmax(), values.shape)
    return (float(column) + 0.5) / values.shape[1], (float(row) + 0.5) / values.shape[0]
