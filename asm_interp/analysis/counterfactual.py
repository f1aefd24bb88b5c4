"""Counterfactual score maps: a partition silenced, two partitions swapped, a region silenced or moved.

Pooling is linear, so that a changed map gives changed scores at once, without the network. Functions that take a
partition or a region return a new ScoreMap; `silence_effects` and `swap_effects` give the change of one crop's score
for every partition and pair, from its pooled matrix alone.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from asm_interp.analysis.partitions import partition_matrix
from asm_interp.analysis.placement import region_mask
from asm_interp.geometry.boxes import FloatArray, check_boxes
from asm_interp.model.pooling import cell_means, composition_pool
from asm_interp.model.score_map import ScoreMap

Fill = Literal["content", "mean"]


def silence_partition(score_map: ScoreMap, partition: int, fill: Fill = "content") -> ScoreMap:
    """Take from a partition what it says.

    Parameters
    ----------
    score_map : ScoreMap
    partition : int
    fill : {"content", "mean"}
        What its channel becomes: θavg, which leaves content and removes composition, or the channel's own mean,
        which leaves nothing but its offset.

    Raises
    ------
    ValueError
        If there is no such partition or fill.
    """
    _check_partitions(score_map, partition)
    if fill not in ("content", "mean"):
        raise ValueError(f"fill is 'content' or 'mean', got {fill!r}")
    values = score_map.values.clone()
    values[partition] = values.mean(0) if fill == "content" else values[partition].mean()
    return ScoreMap(values, score_map.pattern, score_map.photo_size)


def swap_partitions(score_map: ScoreMap, a: int, b: int) -> ScoreMap:
    """Let two partitions read each other's channel.

    Raises
    ------
    ValueError
        If there is no such partition.
    """
    _check_partitions(score_map, a, b)
    order = list(range(score_map.pattern.n_partitions))
    order[a], order[b] = b, a
    return ScoreMap(score_map.values[order], score_map.pattern, score_map.photo_size)


def silence_region(score_map: ScoreMap, region: npt.ArrayLike) -> ScoreMap:
    """Replace a region in every channel by the channel's mean over the rest of the photo.

    Parameters
    ----------
    score_map : ScoreMap
    region : array_like
        A box [4] in photo pixels, or a bool mask [H, W].

    Raises
    ------
    ValueError
        If the region is malformed, empty or outside the photo.
    """
    inside = torch.from_numpy(region_mask(score_map, region))
    return ScoreMap(_emptied(score_map.values, inside), score_map.pattern, score_map.photo_size)


def move_region(score_map: ScoreMap, region: npt.ArrayLike, dx: float, dy: float) -> ScoreMap:
    """Move a region's scores to another place; what it leaves behind is as in `silence_region`.

    Parameters
    ----------
    score_map : ScoreMap
    region : array_like
        As for `silence_region`.
    dx, dy : float
        To the right and down in photo pixels, rounded to whole map pixels. What leaves the photo is lost.

    Raises
    ------
    ValueError
        If the region is malformed, empty or outside the photo.
    """
    inside = region_mask(score_map, region)
    height, width = inside.shape
    down, across = round(dy * score_map.scale[0]), round(dx * score_map.scale[1])
    rows, columns = np.nonzero(inside)
    stays = (rows + down >= 0) & (rows + down < height) & (columns + across >= 0) & (columns + across < width)
    rows, columns = rows[stays], columns[stays]
    values = _emptied(score_map.values, torch.from_numpy(inside))
    values[:, rows + down, columns + across] = score_map.values[:, rows, columns]
    return ScoreMap(values, score_map.pattern, score_map.photo_size)


def score_changes(before: ScoreMap, after: ScoreMap, boxes: npt.ArrayLike) -> FloatArray:
    """Change of crop scores from one map of a photo to another, [N].

    Raises
    ------
    ValueError
        If a box is malformed, thinner than one photo pixel or outside the photo, or the maps are of photos of
        different sizes or of different patterns.
    """
    if before.photo_size != after.photo_size or before.pattern != after.pattern:
        raise ValueError(
            f"expected two maps of one photo and pattern, got {before.photo_size} with {before.pattern.name} "
            f"and {after.photo_size} with {after.pattern.name}"
        )
    mapped = before.to_map(check_boxes(boxes, before.photo_size))
    if not len(mapped):
        return np.zeros(0)
    window, corner = _window(mapped)
    change = after.values[window].double() - before.values[window].double()
    return composition_pool(change[None], (mapped - corner)[None], before.pattern)[0].numpy()


def silence_effects(score_map: ScoreMap, box: npt.ArrayLike) -> FloatArray:
    """Change of a crop's score by silencing each partition alone (``fill="content"``), [L].

    Raises
    ------
    ValueError
        If the box is malformed, thinner than one photo pixel or outside the photo.
    """
    matrix = _matrix(score_map, box)
    return np.asarray(score_map.pattern.areas * (matrix.mean(axis=1) - np.diagonal(matrix)))


def swap_effects(score_map: ScoreMap, box: npt.ArrayLike) -> FloatArray:
    """Change of a crop's score by swapping each pair of partitions, [L, L]; symmetric, zero on the diagonal.

    Raises
    ------
    ValueError
        If the box is malformed, thinner than one photo pixel or outside the photo.
    """
    pattern = score_map.pattern
    matrix = _matrix(score_map, box)
    change = pattern.areas[:, None] * (matrix - np.diagonal(matrix)[:, None])  # what l gains by reading k
    return np.asarray(change + change.T)


def _matrix(score_map: ScoreMap, box: npt.ArrayLike) -> FloatArray:
    """Mean of each channel over each of the crop's partitions, [L, L], from the part of the map under the crop."""
    checked = check_boxes(np.asarray(box, dtype=np.float64)[None], score_map.photo_size)
    place = score_map.to_map(checked)
    window, corner = _window(place)
    means = cell_means(score_map.values[window], place[0] - corner, score_map.pattern)
    return partition_matrix(means.numpy(), score_map.pattern)


def _window(places: torch.Tensor) -> tuple[tuple[slice, slice, slice], torch.Tensor]:
    """Part of a map under boxes [N, 4] in map pixels, for nothing else matters; and its corner, x, y, x, y."""
    left, top = (int(edge) for edge in places[:, :2].min(0).values.floor())
    right, bottom = (int(edge) for edge in places[:, 2:].max(0).values.ceil())
    return np.s_[:, top:bottom, left:right], torch.tensor([left, top, left, top])


def _emptied(values: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """A copy in which a region holds each channel's mean over the rest (over all, if nothing is left)."""
    rest = inside if bool(inside.all()) else ~inside
    share = rest.float() / rest.sum()
    level = torch.einsum("lhw,hw->l", values, share)
    return torch.where(inside, level.view(-1, 1, 1), values)


def _check_partitions(score_map: ScoreMap, *partitions: int) -> None:
    for partition in partitions:
        if not 0 <= partition < score_map.pattern.n_partitions:
            raise ValueError(f"{score_map.pattern.name} has no partition {partition}: 0..{len(score_map.values) - 1}")
