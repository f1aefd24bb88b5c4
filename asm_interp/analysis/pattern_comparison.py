"""Composition patterns compared on the same photos: ordering, composition, maps, and what they can express at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from asm_interp.analysis.estimates import COLUMNS, ratio_estimate
from asm_interp.analysis.expressivity import pattern_expressivity
from asm_interp.analysis.orientation import ORIENTATION, unrelated_orientation
from asm_interp.analysis.paired_estimates import (
    paired_differences,
    present,
    seeded_estimate,
    seeds_by_photos,
    setting_means,
    similarities,
)
from asm_interp.analysis.paired_maps import DISCORDANCE, ORDERING, PairedMaps, Setting
from asm_interp.analysis.partitions import composition_estimates
from asm_interp.analysis.statistics import Resampling, holm, sign_flip_p
from asm_interp.geometry import patterns as named_patterns
from asm_interp.geometry.patterns import CompositionPattern

MEASURES = (*ORDERING, "share", "srcc_gain", "gauge_share", "std_concentration_corners", "corner_std")
"""Compared unless others are asked for; the last two are one measure, of measured maps and in tables of a sweep."""


@dataclass(frozen=True, eq=False)
class PatternComparison:
    """Patterns on the same photos. `setting` and `reference` are what the models were called, mostly their patterns.

    Attributes
    ----------
    means : DataFrame
        See `asm_interp.analysis.paired_estimates.setting_means`.
    differences : DataFrame
        Of every two; see `asm_interp.analysis.paired_estimates.paired_differences`.
    composition : DataFrame
        setting and the rows of `asm_interp.analysis.partitions.composition_estimates`, seeds averaged: shares of the
        score variance of all photos together, and the SRCC gained by composition. Empty where only tables were given.
    mcnemar : DataFrame
        See `mcnemar`; empty where only tables were given, or no crop has a score.
    similarity : DataFrame
        See `asm_interp.analysis.paired_estimates.similarities`; empty where only tables were given.
    orientation : DataFrame
        See `orientations`.
    expressivity : DataFrame
        See `asm_interp.analysis.expressivity.pattern_expressivity`.
    """

    means: pd.DataFrame
    differences: pd.DataFrame
    composition: pd.DataFrame
    mcnemar: pd.DataFrame
    similarity: pd.DataFrame
    orientation: pd.DataFrame
    expressivity: pd.DataFrame


def compare_patterns(
    paired: PairedMaps, measures: Iterable[str] = MEASURES, how: Resampling | None = None
) -> PatternComparison:
    """Compare models that differ in their pattern.

    Parameters
    ----------
    paired : PairedMaps
        From models, ``measure_paired(mapped_photos({"grid:3x3": ..., "grid:1x1": ...}, samples))``, or from a sweep,
        ``from_sweep(table, "pattern")``.
    measures : iterable of str
        Columns of ``paired.photos``; those that are not there, or hold no number, are passed over.
    how : Resampling, optional

    Returns
    -------
    PatternComparison
    """
    how, rows = how or Resampling(), paired.photos
    names = present(rows, measures)
    shapes = {each.name: each for each in map(_shape, paired.patterns.values())}
    return PatternComparison(
        setting_means(rows, names, how),
        paired_differences(rows, combinations(paired.settings, 2), names, how),
        _composition(rows, how),
        mcnemar(paired.pairs, how),
        similarities(paired.pairs, how),
        orientations(paired, how),
        pattern_expressivity(shapes.values()),
    )


def _shape(pattern: str | CompositionPattern) -> CompositionPattern:
    return named_patterns.get(pattern) if isinstance(pattern, str) else pattern


def _composition(rows: pd.DataFrame, how: Resampling) -> pd.DataFrame:
    parts = ["n_crops", "variance", "content", "composition", "covariance", "srcc_gain"]
    found = []
    if set(parts) <= set(rows):
        for setting, own in rows.groupby("setting", sort=False):
            estimates = composition_estimates(own.groupby("photo", sort=False)[parts].mean(), how)
            found += [{"setting": setting} | vars(each) for each in estimates]
    table = pd.DataFrame(found, columns=["setting", *COLUMNS])
    return table.assign(p_adj=holm(table["p"].astype(float)))


def mid_p(only_a: int, only_b: int) -> float:
    """Two-sided mid-p of McNemar's exact test on the numbers of pairs that one of two alone has right.

    References
    ----------
    Fagerland, Lydersen & Laake, "The McNemar test for binary matched-pairs data: mid-p and asymptotic are better than
    exact conditional", BMC Med. Res. Methodol. 2013.

    Examples
    --------
    >>> mid_p(1, 3), mid_p(2, 2)
    (0.375, 1.0)
    """
    from scipy.stats import binom

    total, fewer = only_a + only_b, min(only_a, only_b)
    if not total:
        return float("nan")
    return float(min(1.0, 2 * binom.cdf(fewer - 1, total, 0.5) + binom.pmf(fewer, total, 0.5)))


def mcnemar(pairs: pd.DataFrame, how: Resampling | None = None) -> pd.DataFrame:
    """Which of two models has more crop pairs right that the other has wrong.

    Crop pairs of a photo depend on each other, so that McNemar's test, which takes them as independent, is far too
    sure; `p_independent` is shown because the field reports it. `p` flips the signs of the photos' differences
    only_a - only_b instead, as the test of Obuchowski for clustered pairs, without its normal approximation.

    Parameters
    ----------
    pairs : DataFrame
        As `asm_interp.analysis.paired_maps.PairedMaps.pairs`. Where there are several seeds, numbers add up over them.
    how : Resampling, optional

    Returns
    -------
    DataFrame
        setting, reference, the columns of `Estimate` (the estimate is the difference of the shares of all crop pairs
        that are right, the first less the second; p_adj is Holm's over all rows), only_a, only_b, n_crop_pairs, and
        p_independent (`mid_p`).

    References
    ----------
    McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 1947; Obuchowski, "On the comparison of correlated proportions for clustered data", Stat. Med. 1998.
    """
    how, found = how or Resampling(), []
    across = pairs[(pairs["setting_a"] != pairs["setting_b"]) & (pairs["n_crop_pairs"] > 0)]
    for (setting, reference), group in across.groupby(["setting_a", "setting_b"], sort=False):
        counts = group.groupby("photo", sort=False)[list(DISCORDANCE)].sum().astype(float)
        net = counts["only_a"] - counts["only_b"]
        row = vars(ratio_estimate("pairs ordered right", net, counts["n_crop_pairs"], how, effect="risk difference"))
        only_a, only_b, total = (int(counts[name].sum()) for name in DISCORDANCE)
        row |= {"p": float(sign_flip_p(net, how)), "only_a": only_a, "only_b": only_b, "n_crop_pairs": total}
        found.append({"setting": setting, "reference": reference} | row | {"p_independent": mid_p(only_a, only_b)})
    table = pd.DataFrame(found, columns=["setting", "reference", *COLUMNS, *DISCORDANCE, "p_independent"])
    table["p_adj"] = holm(table["p"].astype(float))
    return table


def orientations(paired: PairedMaps, how: Resampling | None = None) -> pd.DataFrame:
    """Whether composition matters more across the crop than down it.

    Two answers. Of each model: the shares of θstd² across and down (`asm_interp.analysis.orientation`), and its
    orientation less the one that unrelated channels give on this raster. And between models: how much better one of
    three columns (1×3) orders crops than one of three rows (3×1), which Tu et al. compare in Table 1.

    Parameters
    ----------
    paired : PairedMaps
    how : Resampling, optional

    Returns
    -------
    DataFrame
        setting, reference ("" where there is none), and the columns of `Estimate`; p_adj is Holm's over all rows.
    """
    how, rows = how or Resampling(), paired.photos
    found: list[dict[str, object]] = []
    for setting in paired.settings if present(rows, ORIENTATION) else ():
        values = {name: seeds_by_photos(rows, setting, name) for name in ORIENTATION}
        null = unrelated_orientation(_shape(paired.patterns[setting]))
        own = [seeded_estimate(name, values[name], how, effect="share") for name in ("across", "down")]
        beyond = (values["orientation"] - null).round(12)  # a pattern of columns only has one, whatever the map
        found += [{"setting": setting, "reference": ""} | vars(each) for each in own]
        tested = seeded_estimate("orientation", beyond, how, effect="difference of shares", test=True)
        found.append({"setting": setting, "reference": "unrelated channels"} | vars(tested))
    table = pd.DataFrame(found, columns=["setting", "reference", *COLUMNS])
    columns, lines = (_called(paired, name) for name in ("grid:1x3", "grid:3x1"))
    if columns is not None and lines is not None:
        between = paired_differences(rows, [(columns, lines)], present(rows, ORDERING), how)[table.columns]
        table = pd.concat([table, between], ignore_index=True) if len(table) else between
    return table.assign(p_adj=holm(table["p"].astype(float)))


def _called(paired: PairedMaps, pattern: str) -> Setting | None:
    return next((setting for setting, each in paired.patterns.items() if _shape(each).name == pattern), None)
