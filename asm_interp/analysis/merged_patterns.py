r"""A score map read with another pattern than its own: what a model still says if it cannot tell some partitions apart.

A pattern is coarser than the trained one if each of its partitions is a union of trained partitions. Its channel over
a union D is then the mean of the trained channels, weighted by area,

.. math:: n_D = \frac{\sum_{l \in D} a_l m_l}{\sum_{l \in D} a_l},

which of all maps is the nearest in least squares, :math:`\sum_{l \in D} a_l (m_l - n_D)^2`, to what the model reads
there. Where a pattern cuts a trained partition in two, no channel was ever trained to tell the parts apart, and any
scores for it would be made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import lcm

import numpy as np
import torch

from asm_interp.geometry.boxes import FloatArray
from asm_interp.geometry.patterns import CompositionPattern
from asm_interp.model.score_map import ScoreMap


def shared_areas(pattern: CompositionPattern, trained: CompositionPattern) -> FloatArray:
    """Share of the crop that lies in each partition of one pattern and each of another, [D, L]; they sum to one.

    Examples
    --------
    >>> from asm_interp.geometry import patterns
    >>> shared_areas(patterns.get("grid:1x2"), patterns.get("grid:1x4"))
    array([[0.25, 0.25, 0.  , 0.  ],
           [0.  , 0.  , 0.25, 0.25]])
    """
    rows, columns = (lcm(a, b) for a, b in zip(pattern.shape, trained.shape, strict=True))
    own, other = (
        each.labels.repeat(rows // each.shape[0], axis=0).repeat(columns // each.shape[1], axis=1)
        for each in (pattern, trained)
    )
    counts = np.zeros((pattern.n_partitions, trained.n_partitions))
    np.add.at(counts, (own, other), 1)
    return counts / (rows * columns)


def cut_partitions(pattern: CompositionPattern, trained: CompositionPattern) -> list[int]:
    """Partitions of the trained pattern that another pattern cuts; none if that pattern is coarser, or the same.

    Examples
    --------
    >>> from asm_interp.geometry import patterns
    >>> cut_partitions(patterns.get("grid:1x2"), patterns.get("grid:3x3"))
    [1, 4, 7]
    """
    return [int(each) for each in np.flatnonzero((shared_areas(pattern, trained) > 0).sum(axis=0) > 1)]


def pattern_distance(pattern: CompositionPattern, trained: CompositionPattern) -> float:
    """Variation of information between two patterns, in bits: zero if they cut the crop alike, symmetric, a metric.

    References
    ----------
    Meilă, "Comparing clusterings by the variation of information", COLT 2003.

    Examples
    --------
    >>> from asm_interp.geometry import patterns
    >>> pattern_distance(patterns.get("grid:1x2"), patterns.get("grid:1x4"))
    1.0
    """
    areas = shared_areas(pattern, trained)
    alone = areas.sum(axis=1, keepdims=True) * areas.sum(axis=0, keepdims=True)
    held = areas > 0
    return float(-(areas[held] * np.log2(areas[held] ** 2 / alone[held])).sum()) + 0.0  # no negative zero


@dataclass(frozen=True)
class Nearest:
    """The trained pattern that lies nearest to one of your own.

    Attributes
    ----------
    name : str
        What it was called.
    distance : float
        See `pattern_distance`.
    cut : list of int
        Its partitions that your pattern cuts. Only where there are none can its maps be read with your pattern.
    """

    name: str
    distance: float
    cut: list[int]


def nearest_pattern(pattern: CompositionPattern, trained: Mapping[str, CompositionPattern]) -> Nearest:
    """Nearest of several trained patterns: of those that are not cut, or if all are cut, of all.

    Raises
    ------
    ValueError
        If there is none to choose from.

    Examples
    --------
    >>> from asm_interp.geometry import patterns
    >>> ready = {name: patterns.get(name) for name in ("grid:1x1", "grid:3x3", "cross-rectangle")}
    >>> found = nearest_pattern(patterns.from_labels([[0, 1]], "halves"), ready)
    >>> found.name, round(found.distance, 3), found.cut
    ('cross-rectangle', 2.352, [])
    """
    if not trained:
        raise ValueError("no trained pattern to choose from")
    found = [
        Nearest(name, pattern_distance(pattern, each), cut_partitions(pattern, each)) for name, each in trained.items()
    ]
    return min(found, key=lambda each: (bool(each.cut), each.distance))


def merge_partitions(score_map: ScoreMap, pattern: CompositionPattern) -> ScoreMap:
    """Score map for a coarser pattern, its channels the means of those that it merges, weighted by area.

    Parameters
    ----------
    score_map : ScoreMap
    pattern : CompositionPattern
        Each of its partitions a union of the map's.

    Returns
    -------
    ScoreMap

    Raises
    ------
    ValueError
        If the pattern cuts a partition of the map's.
    """
    cut = cut_partitions(pattern, score_map.pattern)
    if cut:
        raise ValueError(
            f"{pattern.name} cuts partitions {cut} of {score_map.pattern.name}: no channel tells their parts apart"
        )
    areas = shared_areas(pattern, score_map.pattern)
    weights = torch.from_numpy(areas / areas.sum(axis=1, keepdims=True)).float()
    return ScoreMap(torch.einsum("dl,lhw->dhw", weights, score_map.values), pattern, score_map.photo_size)
