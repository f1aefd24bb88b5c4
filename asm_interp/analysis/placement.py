r"""Placement preference: where in a crop a model wants a region to stand, and the rule that this adds up to.

A score is the mean over the crop of what each place reads, so what a region adds to it by its place follows without
running the network again. Let :math:`a_l` be the share of a crop that partition l covers. A pixel p that stood anywhere
in the crop with equal chance would read :math:`c(p) = \sum_l a_l m_l(p)`, its content; what it reads beyond that in
partition l is composition. Let D_l be the contrast of :math:`m_l - c` between the region, with the surroundings that
its receptive field reaches, and the rest of the photo. For a crop X of width w and height h in which the region's
centroid :math:`\bar p` stands at (u, v),

.. math:: R(u, v) = \frac{1}{|X|} \sum_{p \in X} D_{l(p)}(p),
          \quad X = [\bar p_x - u w, \bar p_x + (1 - u) w] \times [\bar p_y - v h, \bar p_y + (1 - v) h] ,

is what the region adds to the crop's score beyond what it would add if each of its pixels read its content, whatever
the place. The crop may leave the photo; D counts zero there. Channel offsets cancel in D.

- Where all channels are alike but for offsets, the model knows no composition, and R is exactly 0. Content has to go
  for that: near the rim the crop cuts the region off, so that content alone, of any model, makes a bump in the middle
  of the crop plane, which resembles one rule or another.
- Content weights partitions by their area, unlike θavg, which weights them alike. So R is 0 on average over the
  crop plane where the region is cut nowhere, and the part that the rim cuts off counts as an average place, not as a
  good or a bad one.
- The reach matters: a network spreads a region's evidence over its receptive field and makes up for it around the
  region, so that channels averaged over the region alone mislead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from asm_interp.analysis.expressivity import by_partition, ceiling, correlation
from asm_interp.analysis.saliency_metrics import degeneracy
from asm_interp.analysis.statistics import Resampling
from asm_interp.data.planted import RULES, rule_grid
from asm_interp.geometry.boxes import FloatArray, check_boxes
from asm_interp.geometry.patterns import CompositionPattern
from asm_interp.model.score_map import ScoreMap

BoolArray = npt.NDArray[np.bool_]

SIZES = (0.5, 0.7, 0.9)
"""Sides of the crops that are averaged over, in sides of the photo."""

REACH = 0.25
"""How far around a region the network still answers to it, in shorter sides of the photo."""

PLACES = 24
"""Places across and down the crop plane; a multiple of 6 and 12, so that most patterns' borders fall between two."""


def region_mask(score_map: ScoreMap, region: npt.ArrayLike) -> BoolArray:
    """Which pixels of the map belong to a region of the photo.

    Parameters
    ----------
    score_map : ScoreMap
    region : array_like
        A box x1, y1, x2, y2 in photo pixels, or a bool mask [H, W] of the photo's size.

    Returns
    -------
    array of bool, [h, w]
        The map's pixels whose centres are in the region, and at least one.

    Raises
    ------
    ValueError
        If the region is neither, is empty or leaves the photo.
    """
    area = np.asarray(region)
    _, height, width = score_map.values.shape
    if area.shape == (4,):
        x1, y1, x2, y2 = score_map.to_map(check_boxes(area[None], score_map.photo_size))[0].tolist()
        y, x = np.arange(height) + 0.5, np.arange(width) + 0.5
        inside = ((y >= y1) & (y < y2))[:, None] & ((x >= x1) & (x < x2))[None, :]
        centre = (y1 + y2) / 2, (x1 + x2) / 2
    elif area.dtype == np.bool_ and area.shape == score_map.photo_size:
        rows, columns = np.nonzero(area)
        if not len(rows):
            raise ValueError("the region's mask holds no pixel")
        down, across = score_map.scale
        y_nearest = ((np.arange(height) + 0.5) / down).astype(np.int64)
        x_nearest = ((np.arange(width) + 0.5) / across).astype(np.int64)
        inside = area[np.ix_(y_nearest, x_nearest)]
        centre = (rows.mean() + 0.5) * down, (columns.mean() + 0.5) * across
    else:
        raise ValueError(
            f"a region is a box [4] or a bool mask of the photo's size {score_map.photo_size}, "
            f"got {area.dtype} {area.shape}"
        )
    if not inside.any():
        inside[min(int(centre[0]), height - 1), min(int(centre[1]), width - 1)] = True
    return np.asarray(inside)


def salient_region(saliency: npt.ArrayLike, share: float = 0.1) -> BoolArray:
    """The most salient part of a photo as a region: the largest values that cover `share` of it.

    Parameters
    ----------
    saliency : array_like, [H, W]
        As from `asm_interp.data.saliency.spectral_residual`.
    share : float
        In (0, 1).

    Raises
    ------
    ValueError
        If the map is constant, and so marks nothing, or the share is not in (0, 1).
    """
    values = np.asarray(saliency, dtype=np.float64)
    if not 0 < share < 1:
        raise ValueError(f"share is in (0, 1), got {share}")
    if fault := degeneracy(values):
        raise ValueError(f"a saliency map that is {fault} marks no region")
    threshold = np.quantile(values, 1 - share)
    return np.asarray(values >= threshold if threshold > values.min() else values > threshold)


def contrast(score_map: ScoreMap, region: npt.ArrayLike, reach: float | None = REACH) -> tuple[FloatArray, FloatArray]:
    r"""What each channel says of a region, beyond its content and beyond the rest of the photo.

    Parameters
    ----------
    score_map : ScoreMap
    region : array_like
        As for `region_mask`.
    reach : float, optional
        Pixels this near the region belong to it, in shorter sides of the map. None takes the whole photo.

    Returns
    -------
    array of float64, [L, h, w]
        :math:`m_l - \sum_k a_k m_k` with the areas a of the partitions, less each channel's mean of it over the rest
        of the photo (over the photo, if there is no rest); zero in the rest. Exactly zero everywhere if the channels
        are alike but for offsets, to the rounding of the map's float32.
    array of float64, [2]
        Centroid x, y of the region in map pixels.

    Raises
    ------
    ValueError
        If the region is malformed, empty or outside the photo, or the reach negative.
    """
    if reach is not None and not reach >= 0:
        raise ValueError(f"reach is at least 0, got {reach}")
    inside = region_mask(score_map, region)
    rows, columns = np.nonzero(inside)
    values = score_map.values.double().numpy()
    near = np.ones_like(inside)
    if reach is not None:
        from scipy.ndimage import distance_transform_edt

        near = distance_transform_edt(~inside) <= reach * min(inside.shape)
    rest = near if near.all() else ~near
    apart = values - values[0]  # channels that are alike leave exact zeros
    apart -= np.tensordot(score_map.pattern.areas, apart, 1)
    apart = (apart - apart[:, rest].mean(axis=1)[:, None, None]) * near
    # Four values enter each difference, every one rounded to half an epsilon.
    if np.abs(apart).max() <= 2 * np.finfo(np.float32).eps * np.abs(values).max():
        apart[:] = 0
    return apart, np.array([columns.mean() + 0.5, rows.mean() + 0.5])


def placement_preference(
    score_map: ScoreMap,
    region: npt.ArrayLike,
    *,
    n: int = PLACES,
    sizes: Iterable[float] = SIZES,
    reach: float | None = REACH,
) -> FloatArray:
    """What a region adds to a crop's score by its place, at every place of the crop; the formula is the module's.

    Parameters
    ----------
    score_map : ScoreMap
    region : array_like
        A box [4] in photo pixels, or a bool mask [H, W].
    n : int
        Places across and down.
    sizes : iterable of float
        Sides of the crops in sides of the photo; the answer is the mean over them.
    reach : float, optional
        Surroundings that count as the region's own, in shorter sides of the photo; None takes the whole photo.

    Returns
    -------
    array of float64, [n, n]
        In units of the score, for the region's centroid at the centres of n × n equal cells of the crop, row 0 at
        the top. Exactly 0 for a map whose channels are alike but for offsets.

    Raises
    ------
    ValueError
        If the region is malformed, empty or outside the photo, `n` or a size is not positive, or the reach negative.
    """
    shares = np.array(list(sizes), dtype=np.float64)
    if n < 1 or not len(shares) or not (shares > 0).all():
        raise ValueError(f"n and sizes are positive, got n={n}, sizes={shares.tolist()}")
    contrasts, (x, y) = contrast(score_map, region, reach)
    return np.asarray(np.mean([_place(contrasts, x, y, share, n, score_map.pattern) for share in shares], axis=0))


def _place(contrasts: FloatArray, x: float, y: float, share: float, n: int, pattern: CompositionPattern) -> FloatArray:
    """Scores [n, n] of crops of one size in which the point x, y stands at each place."""
    _, height, width = contrasts.shape
    rows, columns = pattern.shape
    down, across = _held(y, share * height, n, rows, height), _held(x, share * width, n, columns, width)
    read = np.zeros((columns, n, width))
    for row, labels in enumerate(pattern.labels):
        own, places = np.unique(labels, return_inverse=True)
        read += (down[:, row] @ contrasts[own])[places]
    sums = np.tensordot(read, across, axes=((0, 2), (1, 2)))
    return np.asarray(sums / (share * height * share * width))


def _held(centre: float, side: float, n: int, cells: int, n_pixels: int) -> FloatArray:
    """Share of each pixel that each cell holds, along one axis, of n crops in which a point stands at each place.

    Returns
    -------
    array of float64, [n, cells, n_pixels]
    """
    borders = centre + side * (np.arange(cells + 1) / cells - (np.arange(n)[:, None] + 0.5) / n)
    return np.diff(np.clip(borders[..., None] - np.arange(n_pixels), 0, 1), axis=1)


@dataclass(frozen=True, eq=False)
class LearnedRule:
    """The composition rule that a model has learned: the mean placement preference over photos.

    Attributes
    ----------
    map : array of float64, [n, n]
        Mean over photos of the placement preference less its mean over the crop plane; row 0 at the top. All 0 for
        a model without composition.
    ci_low, ci_high : array of float64, [n, n]
        Percentile interval of each cell, by resampling photos.
    n_photos : int
    pattern : CompositionPattern
    correlations : DataFrame
        One row per named rule, the best first: rule, correlation of `map` with it, ci_low, ci_high (by
        resampling photos), partition_correlation (of the map's means over partitions with the rule), ceiling (the
        most that a map constant on partitions can reach on the same n × n cells) and of_ceiling, the ratio of
        these two. `map` is smoother than partitions, as a region has an extent, and may exceed the ceiling. A map
        without composition has no correlation: NaN.
    """

    map: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    n_photos: int
    pattern: CompositionPattern
    correlations: pd.DataFrame

    @cached_property
    def best(self) -> str:
        """The named rule that the map correlates most with; "" for a model without composition."""
        first = self.correlations.iloc[0]
        return "" if np.isnan(first["correlation"]) else str(first["rule"])


def learned_rule(
    score_maps_with_regions: Iterable[tuple[ScoreMap, npt.ArrayLike]],
    *,
    n: int = PLACES,
    sizes: Iterable[float] = SIZES,
    reach: float | None = REACH,
    rules: Iterable[str] = tuple(RULES),
    how: Resampling | None = None,
) -> LearnedRule:
    """Average placement preferences over photos, and compare the result with named rules.

    Score maps are read one at a time; what is kept of each is its n × n map.

    Parameters
    ----------
    score_maps_with_regions : iterable of (ScoreMap, region)
        One region a photo, as for `placement_preference`.
    n, sizes, reach
        As for `placement_preference`.
    rules : iterable of str
        Of `asm_interp.data.planted.RULES`.
    how : Resampling, optional

    Returns
    -------
    LearnedRule

    Raises
    ------
    ValueError
        If there is no photo, the photos' patterns differ, a region or rule is none, or the reach negative.
    """
    sizes, how = tuple(sizes), how or Resampling()
    per_photo: list[FloatArray] = []
    pattern: CompositionPattern | None = None
    for score_map, region in score_maps_with_regions:
        pattern = pattern or score_map.pattern
        if score_map.pattern != pattern:
            raise ValueError(f"score maps of two patterns, {pattern.name} and {score_map.pattern.name}")
        preference = placement_preference(score_map, region, n=n, sizes=sizes, reach=reach)
        per_photo.append(preference - preference.mean())
    if pattern is None:
        raise ValueError("no photo to learn a rule from")
    maps = np.array(per_photo).reshape(len(per_photo), -1)
    counts = np.random.default_rng(how.seed).multinomial(len(maps), np.full(len(maps), 1 / len(maps)), how.resamples)
    resampled = counts @ maps / len(maps)  # [resamples, n * n]
    tail = (1 - how.level) / 2
    mean = maps.mean(axis=0).reshape(n, n)
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=0).reshape(2, n, n)
    rows = [_compare(mean, resampled, rule, pattern, tail) for rule in rules]
    table = pd.DataFrame(rows).sort_values("correlation", ascending=False, ignore_index=True)
    return LearnedRule(mean, low, high, len(maps), pattern, table)


def _compare(
    mean: FloatArray, resampled: FloatArray, rule: str, pattern: CompositionPattern, tail: float
) -> dict[str, str | float]:
    """One row of `LearnedRule.correlations`."""
    plane = rule_grid(rule, len(mean))
    # A constant map has no correlation; it is left out of the interval.
    centred = plane.ravel() - plane.mean()
    norms = np.linalg.norm(resampled, axis=1) * np.linalg.norm(centred)
    spread = np.divide(resampled @ centred, norms, out=np.full(len(norms), np.nan), where=norms > 0)
    spread = spread[~np.isnan(spread)]
    low, high = np.quantile(spread, [tail, 1 - tail]) if len(spread) else (np.nan, np.nan)
    partition, best = correlation(by_partition(mean, pattern), plane), ceiling(pattern, rule, len(mean))
    return {
        "rule": rule,
        "correlation": correlation(mean, plane),
        "ci_low": float(low),
        "ci_high": float(high),
        "partition_correlation": partition,
        "ceiling": best,
        "of_ceiling": partition / best if best > 0 else float("nan"),
    }
