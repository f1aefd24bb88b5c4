"""Whether high-score crops cover the photo's corners because of where they lie, or because they are large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import pandas as pd

from asm_interp.analysis.estimates import Estimate, equivalence_estimate, mean_estimate
from asm_interp.analysis.scored_crops import (
    BoolArray,
    ScoredCrops,
    Strata,
    centre,
    ranks,
    stratum_means,
)
from asm_interp.analysis.statistics import Resampling, benjamini_hochberg, romano_label
from asm_interp.data.planted import CORNER_TOLERANCE
from asm_interp.geometry.boxes import FloatArray

TOLERANCES = (1 / 32, 1 / 16, 1 / 6, 1 / 4)
"""Swept by `tolerance_sweep`. Corners of GAIC's grid lie 1/24, 3/24, 5/24, 7/24 from the border: none, then one step
of the grid more with each, and never on a step itself, where rounding would decide."""

MARGIN = 0.1
"""Correlation below which an effect is too small to matter: Cohen's "small" (1988)."""

HeldFixed = Literal["nothing", "area and aspect", "size, curved", "size and centrality", "width and height"]

_NOTHING = 1e-6  # share of a column's length below which nothing of it is left


def extreme_weights(scores: FloatArray, valid: BoolArray, share: float = 0.25) -> tuple[FloatArray, FloatArray]:
    """Which crops are among the best and the worst of their photo.

    Parameters
    ----------
    scores : array of float, [N, K]
    valid : array of bool, [N, K]
    share : float
        Of a photo's crops that each group holds, rounded up, in (0, 0.5].

    Returns
    -------
    best, worst : array of float64, [N, K]
        Rows sum to 1. Crops that tie for the last place of a group share it: the mean over random orders of ties.
    """
    if not 0 < share <= 0.5:
        raise ValueError(f"share is in (0, 0.5], got {share}")
    n_crops = valid.sum(axis=1, keepdims=True)
    size = np.maximum(np.minimum(np.ceil(share * n_crops), n_crops // 2), 1)
    rank = ranks(scores, valid)
    # Mean rank r of t tied crops: they take the places r - (t - 1) / 2 to r + (t - 1) / 2.
    tied = 2 * (_last_rank(scores, valid) - rank) + 1
    worst = np.clip((size - (rank - (tied + 1) / 2)) / tied, 0, 1)
    best = np.clip((size - (n_crops - rank - (tied - 1) / 2)) / tied, 0, 1)
    return np.where(valid, best, 0) / size, np.where(valid, worst, 0) / size


def _last_rank(scores: FloatArray, valid: BoolArray) -> FloatArray:
    from scipy.stats import rankdata

    return np.asarray(rankdata(np.where(valid, scores, np.inf), method="max", axis=-1), dtype=np.float64)


def risk_difference(covers: FloatArray, best: FloatArray, worst: FloatArray) -> FloatArray:
    """P(covers a corner | best) - P(covers a corner | worst) of each photo, [N]."""
    return np.asarray(((best - worst) * covers).sum(axis=1))


def corner_delta(corners: FloatArray, best: FloatArray, worst: FloatArray) -> FloatArray:
    """Cliff's δ of the number of corners covered, best crops of each photo against its worst, [N]."""
    levels = np.arange(5.0)
    high, low = (np.stack([(w * (corners == c)).sum(axis=1) for c in levels], axis=1) for w in (best, worst))
    return np.asarray(np.einsum("ni,ij,nj->n", high, np.sign(levels[:, None] - levels[None, :]), low))


def partial_correlation(
    first: FloatArray, second: FloatArray, controls: Sequence[FloatArray], valid: BoolArray
) -> FloatArray:
    """Correlation within each row with controls taken out of both by least squares; of ranks, it is Spearman's.

    Parameters
    ----------
    first, second : array of float, [..., K]
    controls : sequence of array [..., K]
        Empty for the plain correlation. Those that the ones before them explain change nothing.
    valid : array of bool, [..., K]

    Returns
    -------
    array of float64, [...]
        NaN where one of the two does not vary beyond the controls.

    References
    ----------
    Conover & Iman, "Rank transformations as a bridge between parametric and nonparametric statistics", Am. Stat.
    1981.
    """
    basis: list[FloatArray] = []
    for column in controls:
        basis.append(_beside(centre(column, valid), basis))
    x, y = (_beside(centre(column, valid), basis) for column in (first, second))
    varies = x.any(axis=-1) & y.any(axis=-1)
    return np.asarray(np.where(varies, np.clip((x * y).sum(axis=-1), -1, 1), np.nan))


def _beside(column: FloatArray, basis: Sequence[FloatArray]) -> FloatArray:
    """What centred rows [..., K] hold beside an orthonormal basis, brought to length 1; 0 where that is nothing."""
    length = np.sqrt(np.square(column).sum(axis=-1, keepdims=True))
    left = np.divide(column, length, out=np.zeros_like(column), where=length > 0)
    for other in [*basis, *basis]:  # once more, against the rounding of the first time
        left = left - (left * other).sum(axis=-1, keepdims=True) * other
    rest = np.sqrt(np.square(left).sum(axis=-1, keepdims=True))
    result: FloatArray = np.divide(left, rest, out=np.zeros_like(left), where=rest > _NOTHING)
    return result


def corner_correlation(
    crops: ScoredCrops, held: HeldFixed = "area and aspect", tolerance: float = CORNER_TOLERANCE
) -> FloatArray:
    """Rank correlation of scores with the number of corners covered, within each photo.

    Parameters
    ----------
    crops : ScoredCrops
    held : {"nothing", "area and aspect", "size, curved", "size and centrality", "width and height"}
        What is held fixed: ranks of area and aspect ratio; these, their squares and product; these two and the
        distance of the crop's centre from the photo's; or width and height, by comparing only crops that agree in
        both to the nearest 1/24 of the photo's sides (exactly, on grid anchors).
    tolerance : float
        How near a corner counts as covered, in units of the photo's sides.

    Returns
    -------
    array of float64, [N]
        NaN for photos whose crops do not differ in corners beyond that.
    """
    valid, scores, corners = crops.valid, crops.scores, crops.corners(tolerance)
    if held == "width and height":
        strata = crops.strata("size")
        within = [column - stratum_means(column, strata) for column in (ranks(scores, valid), corners)]
        return partial_correlation(within[0], within[1], [], valid)
    columns = []
    if held != "nothing":
        area, aspect = (centre(ranks(crops.feature(name), valid), valid) for name in ("area", "log aspect"))
        columns = [area, aspect]
    if held == "size, curved":
        columns += [area**2, aspect**2, area * aspect]
    elif held == "size and centrality":
        columns.append(ranks(crops.feature("cy²") + crops.feature("cx²"), valid))
    elif held not in ("nothing", "area and aspect"):
        raise ValueError(f"held is one of {', '.join(get_args(HeldFixed))}, got {held!r}")
    return partial_correlation(ranks(scores, valid), ranks(corners, valid), columns, valid)


def matched_difference(
    crops: ScoredCrops, strata: Strata, tolerance: float = CORNER_TOLERANCE, share: float = 0.25
) -> FloatArray:
    """How much more often high-score crops cover a corner than crops that stand in for them by size alone.

    The difference of proportions less its mean over all exchanges of crops within strata of the photo. Whether it is
    zero on average is tested over photos, like every other value of a photo: a test by such exchanges asks whether it
    is zero in each of them, and rejects where photos merely differ.

    Parameters
    ----------
    crops : ScoredCrops
    strata : {"none", "tercile", "size"}
        See `ScoredCrops.strata`.
    tolerance, share : float

    Returns
    -------
    array of float64, [N]
    """
    covers = (crops.corners(tolerance) > 0).astype(np.float64)
    best, worst = extreme_weights(crops.scores, crops.valid, share)
    return risk_difference(covers - stratum_means(covers, crops.strata(strata)), best, worst)


def corner_estimates(
    crops: ScoredCrops,
    how: Resampling,
    tolerance: float = CORNER_TOLERANCE,
    share: float = 0.25,
    margin: float = MARGIN,
) -> list[Estimate]:
    """Rows on corner coverage: raw, at matched size, and whether what is left is smaller than `margin`.

    Each is a mean over photos, tested by flipping the photos' signs. Correlations are averaged as they are: on
    Fisher's scale one photo of which a single pair of crops is left, with ρ = ±1, would outweigh thirty others.

    Parameters
    ----------
    crops : ScoredCrops
    how : Resampling
    tolerance : float
        How near a corner counts as covered, in units of the photo's sides.
    share : float
        Of a photo's crops that count as its best, and as its worst.
    margin : float
        Correlation that would matter, for the equivalence test.
    """
    n_crops = crops.n_crops
    corners = crops.corners(tolerance)
    best, worst = extreme_weights(crops.scores, crops.valid, share)
    difference = risk_difference((corners > 0).astype(np.float64), best, worst)
    delta = mean_estimate("corner count, best against worst", corner_delta(corners, best, worst), how, n_crops=n_crops)
    rows = [
        mean_estimate(
            "corner coverage, best less worst", difference, how, effect="difference of proportions", n_crops=n_crops
        ),
        replace(delta, effect=f"Cliff's δ ({romano_label(delta.estimate)})"),
    ]
    strata: tuple[tuple[Strata, str], ...] = (
        ("tercile", "within thirds by area"),
        ("size", "within width and height"),
    )
    for kind, name in strata:
        rows.append(
            mean_estimate(
                f"corner coverage, best less worst, {name}",
                matched_difference(crops, kind, tolerance, share),
                how,
                effect="difference of proportions",
                n_crops=n_crops,
            )
        )
    for held in get_args(HeldFixed):
        label = f"score and corner count, {held} held fixed"
        per_photo = corner_correlation(crops, held, tolerance)
        rows.append(mean_estimate(label, per_photo, how, effect="Spearman's ρ", n_crops=n_crops))
        if held in ("area and aspect", "size and centrality"):
            rows.append(equivalence_estimate(f"equivalence: {label}", per_photo, margin, how, n_crops=n_crops))
    return rows


def tolerance_sweep(crops: ScoredCrops, how: Resampling, tolerances: Sequence[float] = TOLERANCES) -> pd.DataFrame:
    """Raw and size-adjusted correlations for several readings of "covers a corner".

    Returns
    -------
    DataFrame
        `tolerance`, `coverage` (share of crops that cover a corner), then the columns of `Estimate`; `p_adj` controls
        the false discovery rate over the sweep. Estimates are NaN where no crop, or every crop, covers corners.
    """
    rows = []
    for tolerance in tolerances:
        share = float((crops.corners(tolerance) > 0)[crops.valid].mean())
        for held in get_args(HeldFixed):
            per_photo = corner_correlation(crops, held, tolerance)
            label = f"score and corner count, {held} held fixed"
            row = mean_estimate(label, per_photo, how, effect="Spearman's ρ", n_crops=crops.n_crops)
            rows.append({"tolerance": tolerance, "coverage": share} | vars(row))
    frame = pd.DataFrame(rows)
    frame["p_adj"] = benjamini_hochberg(frame["p"])
    return frame
