"""Exact explanations: what a crop's score is made of, and why one crop scores higher than another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from asm_interp.geometry.boxes import FloatArray, check_boxes, check_circles, circle_bounds
from asm_interp.geometry.patterns import CompositionPattern
from asm_interp.model.pooling import cell_means, edges, grid_integrals, integral_image, table_integrals
from asm_interp.model.score_map import ScoreMap

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CropExplanation:
    """What one crop's score is made of.

    Attributes
    ----------
    box : array of float64, [4]
        x1, y1, x2, y2 in photo pixels.
    score : float
    pixel_scores : array of float64, [h', w']
        The map that the crop reads, φ, cut into h' × w' equal parts of about one map pixel. Its mean is the score.
    partitions : DataFrame
        One row per partition: partition, area (share of the crop), mean (of its channel over it) and
        contribution (area × mean); the contributions sum to the score. offset is the part of a contribution that
        is the same for every crop of the photo (area × the channel's mean over the photo). In another split,
        content is the part that θavg gives and composition what this channel gives beyond θavg.
    pooled : array of float64, [cells, L]
        Mean of each channel over each cell of the pattern's raster, row by row.
    """

    box: FloatArray
    score: float
    pixel_scores: FloatArray
    partitions: pd.DataFrame
    pooled: FloatArray


def explain_crop(score_map: ScoreMap, box: npt.ArrayLike) -> CropExplanation:
    """Split a crop's score exactly by partition, by cell and by pixel.

    Parameters
    ----------
    score_map : ScoreMap
    box : array_like, [4]
        x1, y1, x2, y2 in photo pixels.

    Returns
    -------
    CropExplanation

    Raises
    ------
    ValueError
        If the box is malformed, thinner than one photo pixel or outside the photo.

    Examples
    --------
    >>> from asm_interp.geometry import patterns
    >>> ramp = torch.arange(48.0).view(1, 6, 8).expand(4, 6, 8)
    >>> why = explain_crop(ScoreMap(ramp, patterns.get("grid:2x2"), (6, 8)), [0, 0, 4, 4])
    >>> why.score, float(why.partitions["contribution"].sum()), float(why.pixel_scores.mean())
    (13.5, 13.5, 13.5)
    """
    checked = check_boxes(np.asarray(box, dtype=np.float64)[None], score_map.photo_size)
    pattern = score_map.pattern
    pooled = cell_means(score_map.values, score_map.to_map(checked)[0], pattern).numpy()
    contribution, score = _read(pooled, pattern)
    labels = pattern.labels.ravel()
    content = np.bincount(labels, pooled.mean(axis=1), pattern.n_partitions) / len(labels)
    partitions = _partition_table(score_map, pattern.areas, contribution=contribution, content=content)
    return CropExplanation(checked[0], score, _pixel_scores(score_map, checked), partitions, pooled)


def _read(pooled: FloatArray, pattern: CompositionPattern) -> tuple[FloatArray, float]:
    """Contribution of each partition [L], and score, of a crop whose cells have these means of channels [cells, L]."""
    labels = pattern.labels.ravel()
    own = pooled[np.arange(len(labels)), labels]
    return np.bincount(labels, own, pattern.n_partitions) / len(labels), float(own.mean())


def explain_circle(score_map: ScoreMap, circle: npt.ArrayLike) -> CropExplanation:
    """Split a circular crop's score exactly by partition and by pixel.

    As in `asm_interp.circle_scores` the pattern lies on the circumscribed square, and the map pixels count whose
    centres are in the circle; a circle that holds none takes the pixel under its centre.

    Parameters
    ----------
    score_map : ScoreMap
    circle : array_like, [3]
        cx, cy, r in photo pixels.

    Returns
    -------
    CropExplanation
        For the circumscribed square as box; `pixel_scores` are the map's own pixels, NaN outside the circle, and
        a partition's area is its share of the circle. `pooled` is that of the square.

    Raises
    ------
    ValueError
        If the radius is below one photo pixel or the circle leaves the photo.
    """
    checked = check_circles(np.asarray(circle, dtype=np.float64)[None], score_map.photo_size)
    (cx, cy, r), pattern = checked[0], score_map.pattern
    square = circle_bounds(checked)
    _, height, width = score_map.values.shape
    down, across = score_map.scale
    y, x = (np.arange(height) + 0.5) / down, (np.arange(width) + 0.5) / across
    inside = np.square(y - cy)[:, None] + np.square(x - cx)[None, :] <= r**2
    lone = not inside.any()  # no pixel centre in it: the pixel under the circle's centre stands for all
    if lone:
        inside[min(int(cy * down), height - 1), min(int(cx * across), width - 1)] = True
    rows, columns = np.nonzero(inside.any(axis=1))[0], np.nonzero(inside.any(axis=0))[0]
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    below_one = np.nextafter(1, 0)
    v = np.clip((y[window[0]] - square[0, 1]) / (2 * r), 0, below_one)
    u = np.clip((x[window[1]] - square[0, 0]) / (2 * r), 0, below_one)
    if lone:
        u = v = np.array([0.5])
    labels, inside = pattern.partition_at(u[None, :], v[:, None]), inside[window]
    values = score_map.values[:, *window].double().numpy()
    own = np.take_along_axis(values, labels[None], axis=0)[0]

    def share(weights: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(labels[inside], weights[inside], pattern.n_partitions) / inside.sum())

    partitions = _partition_table(
        score_map, share(np.ones_like(own)), contribution=share(own), content=share(values.mean(axis=0))
    )
    pooled = cell_means(score_map.values, score_map.to_map(square)[0], pattern).numpy()
    return CropExplanation(square[0], float(own[inside].mean()), np.where(inside, own, np.nan), partitions, pooled)


def _partition_table(
    score_map: ScoreMap, areas: FloatArray, *, contribution: FloatArray, content: FloatArray
) -> pd.DataFrame:
    """The table of `CropExplanation.partitions`; the mean of a partition without area is NaN."""
    return pd.DataFrame(
        {
            "partition": np.arange(len(areas)),
            "area": areas,
            "mean": np.divide(contribution, areas, out=np.full_like(areas, np.nan), where=areas > 0),
            "contribution": contribution,
            "offset": areas * score_map.values.double().mean((1, 2)).numpy(),
            "content": content,
            "composition": contribution - content,
        }
    )


def _pixel_scores(score_map: ScoreMap, box: FloatArray) -> FloatArray:
    """Exact means of φ over equal parts of the crop; a part that two partitions share is weighted by area."""
    x1, y1, x2, y2 = score_map.to_map(box)[0]
    pattern = score_map.pattern
    n_rows, n_columns = max(1, round(float(y2 - y1))), max(1, round(float(x2 - x1)))

    def refine(
        start: torch.Tensor, stop: torch.Tensor, parts: int, cells: int
    ) -> tuple[torch.Tensor, IntArray, IntArray]:
        """Common edges of parts and cells, and the part and the cell that each step between them lies in."""
        common = torch.unique(torch.cat([torch.arange(parts + 1) * cells, torch.arange(cells + 1) * parts]))
        steps = common[:-1].numpy()  # whole numbers of 1 / (parts × cells)
        return torch.lerp(start, stop, common.double() / (parts * cells)), steps // cells, steps // parts

    y_edges, y_part, y_cell = refine(y1, y2, n_rows, pattern.shape[0])
    x_edges, x_part, x_cell = refine(x1, x2, n_columns, pattern.shape[1])
    integrals = grid_integrals(score_map.values, y_edges, x_edges).numpy()
    own = np.take_along_axis(integrals, pattern.labels[np.ix_(y_cell, x_cell)][None], axis=0)[0]
    sums = np.add.reduceat(np.add.reduceat(own, _starts(y_part), axis=0), _starts(x_part), axis=1)
    return np.asarray(sums * (n_rows * n_columns) / float((x2 - x1) * (y2 - y1)))


def _starts(groups: IntArray) -> IntArray:
    """Where each run of equal numbers begins."""
    return np.flatnonzero(np.diff(groups, prepend=-1))


@dataclass(frozen=True, eq=False)
class CropComparison:
    """Why crop a scores higher, or lower, than crop b.

    Attributes
    ----------
    box_a, box_b : array of float64, [4]
    score_a, score_b : float
    difference : float
        score_a - score_b.
    partitions : DataFrame
        partition, a, b, difference: the contributions to both scores; the differences sum to `difference`.
    regions : DataFrame
        region, area, difference, and they sum to `difference`: "gained" is what a holds and b does not, "lost"
        what b holds and a does not, "moved" what both hold, in another partition or with another weight. area is
        in photo pixels.
    parts : DataFrame
        The finest split: region, partition_a, partition_b (-1 outside a crop), area, difference.
    """

    box_a: FloatArray
    box_b: FloatArray
    score_a: float
    score_b: float
    difference: float
    partitions: pd.DataFrame
    regions: pd.DataFrame
    parts: pd.DataFrame


REGIONS = ("gained", "lost", "moved")


def compare_crops(score_map: ScoreMap, box_a: npt.ArrayLike, box_b: npt.ArrayLike) -> CropComparison:
    r"""Split the difference of two crops' scores exactly by partition and by region.

    A pixel p enters the difference with :math:`\varphi_a(p) / |A| - \varphi_b(p) / |B|`, where a term is absent
    outside its crop. Summed over A without B this is what a gains by including it, over B without A what it
    loses, over both what the same content does in another place of the crop.

    The sums over regions use channels from which their mean over the photo is taken. That leaves the difference
    as it is, since every crop holds every partition with the same weight, and makes the split independent of
    channel offsets, which the ranking loss does not identify. "gained" is thus what a region is worth beyond the
    photo's average.

    Parameters
    ----------
    score_map : ScoreMap
    box_a, box_b : array_like, [4]
        x1, y1, x2, y2 in photo pixels.

    Returns
    -------
    CropComparison

    Raises
    ------
    ValueError
        If a box is malformed, thinner than one photo pixel or outside the photo.
    """
    boxes = check_boxes(np.stack([np.asarray(box_a, float), np.asarray(box_b, float)]), score_map.photo_size)
    pattern, mapped = score_map.pattern, score_map.to_map(boxes)
    # One table for all sums, of the map without its channels' means.
    means = score_map.values.mean((1, 2), keepdim=True, dtype=torch.float64)
    table = integral_image(score_map.values, means)
    rasters = [(edges(box[1], box[3], pattern.shape[0]), edges(box[0], box[2], pattern.shape[1])) for box in mapped]
    read = []
    for y, x in rasters:
        cell_area = (y[-1] - y[0]) * (x[-1] - x[0]) / pattern.labels.size
        pooled = table_integrals(table, y, x) / cell_area + means
        read.append(_read(pooled.flatten(1).T.numpy(), pattern))
    (a, score_a), (b, score_b) = read
    partitions = pd.DataFrame({"partition": np.arange(pattern.n_partitions), "a": a, "b": b, "difference": a - b})
    parts = _parts(table, rasters, score_map)
    regions = parts.groupby("region")[["area", "difference"]].sum().reindex(list(REGIONS), fill_value=0.0).reset_index()
    return CropComparison(boxes[0], boxes[1], score_a, score_b, score_a - score_b, partitions, regions, parts)


def _parts(table: torch.Tensor, rasters: list[tuple[torch.Tensor, torch.Tensor]], score_map: ScoreMap) -> pd.DataFrame:
    """Both crops on the common refinement of their rasters, summed by region and pair of partitions."""
    pattern = score_map.pattern
    y_edges, x_edges = (torch.unique(torch.cat([raster[axis] for raster in rasters])) for axis in (0, 1))
    integrals = table_integrals(table, y_edges, x_edges).numpy()
    cell_area = np.outer(y_edges.diff().numpy(), x_edges.diff().numpy())
    signed, labels = [], []
    for (y_own, x_own), sign in zip(rasters, (1, -1), strict=True):
        y_cell, x_cell = _cell_of(y_edges, y_own), _cell_of(x_edges, x_own)
        inside = (y_cell >= 0)[:, None] & (x_cell >= 0)[None, :]
        label = np.where(inside, pattern.labels[np.ix_(y_cell, x_cell)], -1)
        own = np.take_along_axis(integrals, np.maximum(label, 0)[None], axis=0)[0]
        crop_area = float((y_own[-1] - y_own[0]) * (x_own[-1] - x_own[0]))
        signed.append(np.where(inside, sign * own / crop_area, 0.0))
        labels.append(label)
    a, b = labels
    region = np.select([(a >= 0) & (b < 0), (a < 0) & (b >= 0), (a >= 0) & (b >= 0)], list(REGIONS), "")
    down, across = score_map.scale
    parts = pd.DataFrame(
        {
            "region": region.ravel(),
            "partition_a": a.ravel(),
            "partition_b": b.ravel(),
            "area": cell_area.ravel() / (down * across),
            "difference": (signed[0] + signed[1]).ravel(),
        }
    )
    parts = parts[parts["region"] != ""]
    return parts.groupby(["region", "partition_a", "partition_b"], as_index=False).sum()


def _cell_of(common: torch.Tensor, own: torch.Tensor) -> IntArray:
    """Cell of one raster that each step between common edges lies in, -1 outside."""
    middle = ((common[:-1] + common[1:]) / 2).contiguous()
    cell = torch.searchsorted(own, middle, right=True) - 1
    return torch.where((cell >= 0) & (cell < len(own) - 1), cell, -1).numpy()
