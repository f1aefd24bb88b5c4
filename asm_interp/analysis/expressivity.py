"""What a composition pattern can express at all: the best that any map constant on its partitions can do."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from asm_interp.data.planted import RULES, rule_grid
from asm_interp.geometry import patterns as named_patterns
from asm_interp.geometry.boxes import FloatArray
from asm_interp.geometry.patterns import CompositionPattern

RASTER = 120
"""Cells a side on which rules are compared; the borders of all ready patterns fall between two of them."""


def by_partition(plane: npt.ArrayLike, pattern: CompositionPattern) -> FloatArray:
    """Replace a map over the crop plane by its mean over each partition.

    Of all maps that are constant on the partitions, this one is nearest in least squares and correlates most.

    Parameters
    ----------
    plane : array_like, [n, n]
        Row 0 at the top of the crop; each cell belongs to the partition of its centre.
    pattern : CompositionPattern

    Returns
    -------
    array of float64, [n, n]

    Raises
    ------
    ValueError
        If the map is not square.

    Examples
    --------
    >>> by_partition([[1, 3], [2, 4]], named_patterns.get("grid:1x2"))
    array([[1.5, 3.5],
           [1.5, 3.5]])
    """
    values = np.asarray(plane, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise ValueError(f"a map over the crop plane has shape [n, n], got {values.shape}")
    places = (np.arange(len(values)) + 0.5) / len(values)
    labels = pattern.partition_at(places[None, :], places[:, None])
    counts = np.bincount(labels.ravel(), minlength=pattern.n_partitions)
    sums = np.bincount(labels.ravel(), values.ravel(), pattern.n_partitions)
    return np.asarray((sums / np.maximum(counts, 1))[labels])


def correlation(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Pearson's correlation of two maps; NaN where one is constant to rounding."""
    x, y = (np.ravel(values) - np.mean(values) for values in (np.asarray(a, float), np.asarray(b, float)))
    spread = float(np.linalg.norm(x) * np.linalg.norm(y))
    tiny = 1e-12 * len(x) * max(float(np.abs(a).max()), 1e-300) * max(float(np.abs(b).max()), 1e-300)
    return float(x @ y) / spread if spread > tiny else float("nan")


def ceiling(pattern: CompositionPattern, rule: str, n: int = RASTER) -> float:
    r"""Best correlation with a rule that a map constant on the partitions can reach.

    .. math:: \max_c \mathrm{corr}(c_{l(u, v)}, g) = \sqrt{\mathrm{Var}(E[g \mid l]) / \mathrm{Var}(g)}

    reached by the mean of the rule over each partition. A pattern of one partition has 0.
    """
    rule_plane = rule_grid(rule, n)
    best = correlation(by_partition(rule_plane, pattern), rule_plane)
    return 0.0 if np.isnan(best) else best


def pattern_expressivity(
    patterns: Iterable[str | CompositionPattern] | None = None, rules: Iterable[str] | None = None
) -> pd.DataFrame:
    """The best correlation that each pattern can reach with each composition rule.

    Parameters
    ----------
    patterns : iterable of str or CompositionPattern, optional
        All ready patterns if left out.
    rules : iterable of str, optional
        Of `asm_interp.data.planted.RULES`; all of them if left out.

    Returns
    -------
    DataFrame
        One row per pattern (its name is the index), with n_partitions and a column per rule.

    Raises
    ------
    ValueError
        If there is no such pattern or rule.

    Examples
    --------
    >>> pattern_expressivity(["grid:3x3", "cross-rectangle"], ["centre", "thirds"]).round(2)
                     n_partitions  centre  thirds
    pattern
    grid:3x3                    9    0.88    0.40
    cross-rectangle            12    0.91    0.84
    """
    chosen = named_patterns.names() if patterns is None else patterns
    shapes = [named_patterns.get(each) if isinstance(each, str) else each for each in chosen]
    columns = list(RULES if rules is None else rules)
    rows = [
        {"pattern": shape.name, "n_partitions": shape.n_partitions} | {rule: ceiling(shape, rule) for rule in columns}
        for shape in shapes
    ]
    return pd.DataFrame(rows, columns=["pattern", "n_partitions", *columns]).set_index("pattern")
