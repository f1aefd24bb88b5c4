r"""How much of a map's sensitivity to composition is across the crop, and how much is down it.

At a pixel p the channels' scores, laid on the pattern's raster, are a plane over the crop: what the pixel would
contribute at each place (u, v) of it. Its variance splits exactly, as in a two-way analysis of variance,

.. math:: \mathrm{Var}_{uv}\, c_p = \mathrm{Var}_u\, E_v c_p + \mathrm{Var}_v\, E_u c_p + \text{the rest},

across, down, and what only both together tell. With each channel's mean over the photo taken off first, the mean over
pixels depends on the channels' covariance alone.
"""

from __future__ import annotations

import numpy as np

from asm_interp.geometry.boxes import FloatArray
from asm_interp.geometry.patterns import CompositionPattern
from asm_interp.model.score_map import ScoreMap

ORIENTATION = ("across", "down", "orientation")
"""Columns of a photo's row.

============  ======================================================================================
across, down  shares of the mean variance over the crop plane; what is left is the interaction
orientation   (across - down) / (across + down), from -1 (down only) to 1 (across only)
============  ======================================================================================
"""


def orientation(score_map: ScoreMap) -> dict[str, float]:
    """Sensitivity of one photo's map across and down the crop.

    Parameters
    ----------
    score_map : ScoreMap

    Returns
    -------
    dict of str to float
        `ORIENTATION`; NaN where no place differs from another, and for the orientation where neither columns nor rows
        do. A pattern of columns only, as grid:1x3, has 1 whatever the map, one of rows only -1.

    Examples
    --------
    >>> from asm_interp.geometry import patterns
    >>> values = np.random.default_rng(0).normal(size=(3, 8, 8))
    >>> columns = orientation(ScoreMap(values, patterns.get("grid:1x3"), (80, 80)))
    >>> {name: round(value, 9) for name, value in columns.items()}
    {'across': 1.0, 'down': 0.0, 'orientation': 1.0}
    """
    values = score_map.values.double()
    channels = (values - values.mean((1, 2), keepdim=True)).flatten(1).numpy()
    # Rounding of float32 leaves a constant channel a spread of its own; measured against the scores it is nothing.
    resolution = float(values.abs().max()) * np.finfo(np.float32).eps
    channels = np.where(channels.std(axis=1, keepdims=True) > resolution, channels, 0.0)
    return _shares(score_map.pattern, channels @ channels.T / channels.shape[1])


def unrelated_orientation(pattern: CompositionPattern) -> float:
    """The orientation that channels of equal variance and without correlation give: what the raster alone makes of it.

    Zero for a pattern that is alike across and down.

    Examples
    --------
    >>> from asm_interp.geometry import patterns
    >>> [round(unrelated_orientation(patterns.get(name)), 3) for name in ("grid:3x3", "grid:1x3", "grid:2x4")]
    [0.0, 1.0, 0.5]
    """
    return _shares(pattern, np.eye(pattern.n_partitions))["orientation"]


def _shares(pattern: CompositionPattern, covariance: FloatArray) -> dict[str, float]:
    """`ORIENTATION` for channels of a covariance [L, L]."""
    members = pattern.one_hot.astype(np.float64)  # [L, Y, X]

    def variance(planes: FloatArray) -> float:
        beside = planes.reshape(pattern.n_partitions, -1) - pattern.areas[:, None]
        found = float(((covariance @ beside) * beside).sum() / beside.shape[1])
        return found if found > 1e-12 * float(np.trace(covariance)) else 0.0  # what rounding leaves

    total, across, down = variance(members), variance(members.mean(axis=1)), variance(members.mean(axis=2))
    nothing = float("nan")
    return {
        "across": across / total if total else nothing,
        "down": down / total if total else nothing,
        "orientation": (across - down) / (across + down) if across + down else nothing,
    }
