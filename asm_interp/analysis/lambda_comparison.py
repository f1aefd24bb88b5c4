"""What λ, the weight of the saliency-aware loss, does to maps and to ordering, on the same photos."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from asm_interp.analysis.estimates import COLUMNS
from asm_interp.analysis.paired_estimates import (
    over_seeds,
    paired_differences,
    present,
    seeded_estimate,
    seeds_by_photos,
    setting_means,
    similarities,
)
from asm_interp.analysis.paired_maps import PairedMaps
from asm_interp.analysis.statistics import Resampling, holm
from asm_interp.geometry.boxes import FloatArray

KEYS = ("setting", "seed", "photo")
CORNER_MASS = ("std_concentration_corners", "corner_std")
"""Names of θstd's corner mass without channel offsets, as of measured maps and as in the tables of a sweep."""


@dataclass(frozen=True, eq=False)
class LambdaComparison:
    """What λ does. In all tables but `trade_off`, `setting` and `reference` are values of λ.

    Attributes
    ----------
    reference : float
    means : DataFrame
        Each measure at each λ, gauge_share among them: where it is large, the paper's θstd is channel offsets rather
        than sensitivity; see `asm_interp.analysis.paired_estimates.setting_means`.
    differences : DataFrame
        Against the reference; see `asm_interp.analysis.paired_estimates.paired_differences`.
    trends : DataFrame
        See `page_trends`; empty with fewer than three λ.
    similarity : DataFrame
        See `asm_interp.analysis.paired_estimates.similarities`; empty where only tables were given.
    trade_off : DataFrame
        See `trade_off`; empty without annotated scores.
    """

    reference: float
    means: pd.DataFrame
    differences: pd.DataFrame
    trends: pd.DataFrame
    similarity: pd.DataFrame
    trade_off: pd.DataFrame

    @property
    def gauge_share(self) -> pd.DataFrame:
        """The rows of `means` on the gauge share."""
        return self.means[self.means["statistic"] == "gauge_share"].reset_index(drop=True)


def compare_lambdas(
    paired: PairedMaps,
    reference: float,
    measures: Iterable[str] | None = None,
    how: Resampling | None = None,
) -> LambdaComparison:
    """Compare models that differ in λ.

    Parameters
    ----------
    paired : PairedMaps
        Whose settings are values of λ: from models, ``measure_paired(mapped_photos({0.0: ..., 0.1: ...}, samples))``,
        or from a sweep, ``from_sweep(table, "lambda")``.
    reference : float
        The λ that all others are compared with.
    measures : iterable of str, optional
        Columns of ``paired.photos``; all that hold a number by default.
    how : Resampling, optional

    Returns
    -------
    LambdaComparison

    Raises
    ------
    ValueError
        If a setting is not a number, the reference is not among them, or a measure does not exist.

    References
    ----------
    Tu et al., AAAI 2020, Fig. 5 and 6: λ is said to remove spatial bias at some cost of accuracy.
    """
    how = how or Resampling()
    rows = paired.photos
    if not all(isinstance(each, int | float) for each in paired.settings):
        raise ValueError(f"λ is a number, found settings {paired.settings}")
    if reference not in paired.settings:
        raise ValueError(f"the reference λ is one of {sorted(paired.settings)}, got {reference}")
    names = present(rows, (name for name in rows.columns if name not in (*KEYS, "n_crops")))
    chosen = names if measures is None else list(measures)
    contrasts = [(each, reference) for each in sorted(paired.settings) if each != reference]
    mass = next((name for name in CORNER_MASS if name in names), None)
    curve = None if mass is None or "ranking_accuracy" not in names else trade_off(rows, mass=mass, how=how)
    return LambdaComparison(
        reference,
        setting_means(rows.sort_values("setting", kind="stable"), chosen, how),
        paired_differences(rows, contrasts, chosen, how),
        page_trends(rows, chosen if len(paired.settings) > 2 else (), how),
        similarities(paired.pairs, how),
        pd.DataFrame(columns=list(TRADE_OFF)) if curve is None else curve,
    )


def page_concordance(values: npt.ArrayLike) -> FloatArray:
    r"""How closely each photo's values follow the order of the columns, from -1 to 1.

    .. math:: \rho_i = \frac{12 \sum_j j R_{ij}}{k(k^2 - 1)} - 3\,\frac{k + 1}{k - 1}

    with ranks :math:`R_{ij}` within the row, means for ties: Spearman's correlation with the column's number where
    there is no tie. The mean over rows is Page's L, brought to this scale.

    Parameters
    ----------
    values : array_like, [N, k]

    Returns
    -------
    array of float64, [N]

    Examples
    --------
    >>> page_concordance([[1, 2, 5], [3, 2, 1], [4, 4, 4]]).round(9).tolist()
    [1.0, -1.0, 0.0]
    """
    from scipy.stats import rankdata

    array = np.asarray(values, dtype=np.float64)
    k = array.shape[1]
    weighted = rankdata(array, axis=1) @ np.arange(1, k + 1)
    return np.asarray(12 * weighted / (k * (k**2 - 1)) - 3 * (k + 1) / (k - 1))


def page_trends(rows: pd.DataFrame, measures: Iterable[str], how: Resampling | None = None) -> pd.DataFrame:
    """Whether measures rise, or fall, with λ on the same photos: Page's test.

    Each photo's measure is first a mean over seeds. Photos that lack it at one λ are left out.

    Parameters
    ----------
    rows : DataFrame
        As `asm_interp.analysis.paired_maps.PairedMaps.photos`, with at least three λ.
    measures : iterable of str
    how : Resampling, optional

    Returns
    -------
    DataFrame
        The columns of `Estimate` and `page_l`. The estimate is the mean of `page_concordance` over photos; p is twice
        the smaller of the two one-sided p of `scipy.stats.page_trend_test`, NaN with fewer than two photos; p_adj is
        Holm's over the measures.

    Raises
    ------
    ValueError
        If there are fewer than three λ.

    References
    ----------
    Page, "Ordered hypotheses for multiple treatments: a significance test for linear ranks", J. Am. Stat. Assoc. 1963.
    """
    from scipy.stats import page_trend_test

    how, lambdas, found = how or Resampling(), sorted(rows["setting"].unique().tolist()), []
    for measure in measures:
        if len(lambdas) < 3:
            raise ValueError(f"a trend needs at least three λ, found {lambdas}")
        wide = pd.concat(
            {each: _photo_means(rows, each, measure) for each in lambdas}, axis="columns", join="outer"
        ).dropna()
        values = wide.to_numpy(np.float64)
        row = vars(seeded_estimate(measure, page_concordance(values)[None], how, effect="Spearman's ρ with λ"))
        statistic = float("nan")
        if len(values) > 1:
            up, down = page_trend_test(values), page_trend_test(-values)
            statistic, row = float(up.statistic), row | {"p": min(1.0, 2 * min(up.pvalue, down.pvalue))}
        found.append(row | {"page_l": statistic})
    table = pd.DataFrame(found, columns=[*COLUMNS, "page_l"])
    table["p_adj"] = holm(table["p"])
    return table


def _photo_means(rows: pd.DataFrame, setting: float, measure: str) -> pd.Series:
    wide = seeds_by_photos(rows, setting, measure)
    return pd.Series(over_seeds(wide), index=wide.columns)


TRADE_OFF = (
    *("lambda", "seed", "accuracy", "accuracy_low", "accuracy_high"),
    *("corner_mass", "corner_mass_low", "corner_mass_high", "n_photos"),
)


def trade_off(
    rows: pd.DataFrame,
    accuracy: str = "ranking_accuracy",
    mass: str = CORNER_MASS[0],
    how: Resampling | None = None,
) -> pd.DataFrame:
    """Accuracy against corner mass along λ.

    Parameters
    ----------
    rows : DataFrame
        As `asm_interp.analysis.paired_maps.PairedMaps.photos`.
    accuracy, mass : str
        The two measures.
    how : Resampling, optional

    Returns
    -------
    DataFrame
        One row per λ and seed, and one per λ over its seeds, whose `seed` is missing: lambda, seed, accuracy,
        corner_mass, each with ``_low`` and ``_high`` of its interval (over photos; over seeds and photos in the
        second kind), n_photos with an accuracy.

    Raises
    ------
    ValueError
        If a measure does not exist.
    """
    how, found = how or Resampling(), []
    for setting in sorted(rows["setting"].unique().tolist()):
        both = {
            name: seeds_by_photos(rows, setting, column)
            for name, column in (("accuracy", accuracy), ("corner_mass", mass))
        }
        for seed in (*both["accuracy"].index, None):
            row: dict[str, object] = {"lambda": setting, "seed": seed}
            for name, wide in both.items():
                found_row = seeded_estimate(name, wide if seed is None else wide.loc[[seed]], how)
                row |= {name: found_row.estimate, f"{name}_low": found_row.ci_low, f"{name}_high": found_row.ci_high}
                row.setdefault("n_photos", found_row.n_photos)
            found.append(row)
    return pd.DataFrame(found, columns=list(TRADE_OFF)).astype({"seed": "Int64"})
