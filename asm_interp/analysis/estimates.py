"""Rows of result tables: an estimate over photos with its interval, its test and what it rests on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pandas as pd

from asm_interp.analysis.statistics import (
    Alternative,
    Resampling,
    bootstrap_interval,
    equivalence_p,
    holm,
    sign_flip_p,
)
from asm_interp.geometry.boxes import FloatArray


@dataclass(frozen=True)
class Estimate:
    """One row of a table of results.

    Attributes
    ----------
    statistic : str
    estimate, ci_low, ci_high : float
    p, p_adj : float
        As tested, and corrected for the table it stands in; NaN where there is no test.
    effect : str
        What kind of effect size the estimate is; with its label where the field has labels.
    n_photos, n_crops, resamples, seed : int
    """

    statistic: str
    estimate: float
    ci_low: float
    ci_high: float
    p: float = float("nan")
    p_adj: float = float("nan")
    effect: str = ""
    n_photos: int = 0
    n_crops: int = 0
    resamples: int = 0
    seed: int = 0


COLUMNS = tuple(field.name for field in fields(Estimate))


def table(estimates: Iterable[Estimate], *, correct: bool = True) -> pd.DataFrame:
    """Estimates as a DataFrame, one row each, with Holm's correction over all rows that were tested.

    Parameters
    ----------
    estimates : iterable of Estimate
    correct : bool
        False leaves `p_adj` as it is.
    """
    rows = pd.DataFrame([vars(estimate) for estimate in estimates], columns=list(COLUMNS))
    if correct:
        rows["p_adj"] = holm(rows["p"])
    return rows


def mean_estimate(
    statistic: str,
    per_photo: npt.ArrayLike,
    how: Resampling,
    *,
    effect: str = "",
    n_crops: int = 0,
    alternative: Alternative | None = "two-sided",
) -> Estimate:
    """Mean over photos with its bootstrap interval and sign-flip test.

    Parameters
    ----------
    statistic : str
    per_photo : array_like, [N]
        NaN entries are left out.
    how : Resampling
    effect : str
    n_crops : int
    alternative : {"two-sided", "greater", "less"} or None
        None leaves the test out.
    """
    values = np.asarray(per_photo, dtype=np.float64)
    known = values[~np.isnan(values)]
    low, high = bootstrap_interval(known, how.level, how.resamples, how.seed)
    mean = float(known.mean()) if len(known) else float("nan")
    p = float("nan") if alternative is None else float(sign_flip_p(known, how, alternative))
    return Estimate(
        statistic,
        mean,
        low,
        high,
        p,
        effect=effect,
        n_photos=len(known),
        n_crops=n_crops,
        resamples=how.resamples,
        seed=how.seed,
    )


def ratio_estimate(
    statistic: str, above: npt.ArrayLike, below: npt.ArrayLike, how: Resampling, *, effect: str = "", n_crops: int = 0
) -> Estimate:
    """Ratio of two sums over photos, [N] each, with its bootstrap interval; not tested. NaN if the second is 0."""
    per_photo = np.stack([np.asarray(values, dtype=np.float64) for values in (above, below)], axis=1)
    per_photo = per_photo[~np.isnan(per_photo).any(axis=1)]
    low, high = bootstrap_interval(per_photo, how.level, how.resamples, how.seed, _ratio)
    return Estimate(
        statistic,
        float(_ratio(per_photo.sum(axis=0))),
        low,
        high,
        effect=effect,
        n_photos=len(per_photo),
        n_crops=n_crops,
        resamples=how.resamples,
        seed=how.seed,
    )


def _ratio(pairs: FloatArray) -> FloatArray:
    """First over second, of [..., 2]; NaN where the second is 0, as in a resample of photos that do not count."""
    above, below = pairs[..., 0], pairs[..., 1]
    return np.asarray(np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below != 0))


def equivalence_estimate(
    statistic: str, correlations: npt.ArrayLike, margin: float, how: Resampling, *, n_crops: int = 0
) -> Estimate:
    """Whether a mean correlation is smaller than `margin` in size: interval of level 1 - 2α, TOST.

    At level 0.95 the interval is that of 90 %, which lies within ±margin where p < 0.05.
    """
    wide = Resampling(how.resamples, how.seed, 2 * how.level - 1)
    row = mean_estimate(statistic, correlations, wide, n_crops=n_crops)
    p = equivalence_p(correlations, margin)
    verdict = "smaller" if p < 1 - how.level else "not shown to be smaller"
    return Estimate(**(vars(row) | {"p": p, "effect": f"ρ: {verdict} than {margin:g}"}))
