"""Inference on measures of several models on the same photos: means, paired differences, and how alike maps are.

The tables have the columns of `asm_interp.analysis.estimates.Estimate`. Where a setting has several seeds, intervals
are over seeds and photos (`asm_interp.analysis.statistics.hierarchical_interval`: wide for two or three seeds); tests
flip the signs of each photo's difference, a mean over seeds, and so speak of these very seeds.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from asm_interp.analysis.estimates import COLUMNS, Estimate
from asm_interp.analysis.paired_maps import SIMILARITY, Setting
from asm_interp.analysis.statistics import Resampling, hierarchical_interval, holm, sign_flip_p
from asm_interp.geometry.boxes import FloatArray


def over_seeds(values: npt.ArrayLike) -> FloatArray:
    """Each photo's mean over seeds, [S, N] to [N]; NaN entries are left out."""
    array = np.asarray(values, dtype=np.float64)
    known = (~np.isnan(array)).sum(axis=0)
    return np.asarray(np.divide(np.nansum(array, axis=0), known, out=np.full(array.shape[1], np.nan), where=known > 0))


def seeded_estimate(
    statistic: str,
    values: npt.ArrayLike,
    how: Resampling,
    *,
    effect: str = "",
    n_crops: int = 0,
    test: bool = False,
) -> Estimate:
    """Mean over seeds and photos with the interval of `hierarchical_interval`.

    Parameters
    ----------
    statistic : str
    values : array_like, [S, N]
        One row per seed; NaN entries are left out.
    how : Resampling
    effect : str
    n_crops : int
    test : bool
        Whether to test, by sign flips over photos, that the mean is zero.
    """
    array = np.asarray(values, dtype=np.float64)
    array = array[:, ~np.isnan(array).all(axis=0)]
    low, high, mean, p = (float("nan"),) * 4
    if array.shape[1]:
        (low, high), mean = hierarchical_interval(array, how), float(np.nanmean(array))
        p = float(sign_flip_p(over_seeds(array), how)) if test else p
    n_photos = array.shape[1]
    return Estimate(statistic, mean, low, high, p, float("nan"), effect, n_photos, n_crops, how.resamples, how.seed)


def seeds_by_photos(rows: pd.DataFrame, setting: Setting, measure: str) -> pd.DataFrame:
    """One measure of one setting: seeds down, photos across; NaN for what is missing or infinite.

    Parameters
    ----------
    rows : DataFrame
        As `asm_interp.analysis.paired_maps.PairedMaps.photos`.
    setting : str or float
    measure : str

    Raises
    ------
    ValueError
        If there is no such setting or measure.
    """
    own = rows[rows["setting"] == setting]
    if own.empty:
        raise ValueError(f"no setting {setting!r}; there are {rows['setting'].unique().tolist()}")
    if measure not in rows:
        raise ValueError(f"no measure {measure!r}; there are {', '.join(rows.columns)}")
    wide = own.pivot(index="seed", columns="photo", values=measure).astype(float)
    return wide.where(np.isfinite(wide))


def present(rows: pd.DataFrame, measures: Iterable[str]) -> list[str]:
    """Those of the measures that are columns and hold a number at all."""
    return [name for name in measures if name in rows and np.isfinite(rows[name].astype(float)).any()]


def _crops(rows: pd.DataFrame, photos: pd.Index) -> int:
    """Crops of the photos, each photo once."""
    return int(rows.groupby("photo")["n_crops"].first().loc[photos].sum()) if "n_crops" in rows else 0


def setting_means(rows: pd.DataFrame, measures: Iterable[str], how: Resampling | None = None) -> pd.DataFrame:
    """Mean of each measure under each setting.

    Parameters
    ----------
    rows : DataFrame
        As `asm_interp.analysis.paired_maps.PairedMaps.photos`.
    measures : iterable of str
    how : Resampling, optional

    Returns
    -------
    DataFrame
        setting, the columns of `Estimate` (not tested), n_seeds, and sd_seeds, the standard deviation of the seeds'
        means (NaN for one seed).
    """
    how, names, found = how or Resampling(), list(measures), []
    for setting in rows["setting"].unique().tolist():
        for measure in names:
            values = seeds_by_photos(rows, setting, measure)
            row = seeded_estimate(measure, values, how, effect="mean", n_crops=_crops(rows, values.columns))
            seeds = {"n_seeds": len(values), "sd_seeds": float(values.mean(axis=1).std())}
            found.append({"setting": setting} | vars(row) | seeds)
    return pd.DataFrame(found, columns=["setting", *COLUMNS, "n_seeds", "sd_seeds"])


def paired_differences(
    rows: pd.DataFrame,
    contrasts: Iterable[tuple[Setting, Setting]],
    measures: Iterable[str],
    how: Resampling | None = None,
) -> pd.DataFrame:
    """Differences of measures between settings, photo by photo.

    Parameters
    ----------
    rows : DataFrame
        As `asm_interp.analysis.paired_maps.PairedMaps.photos`.
    contrasts : iterable of (setting, reference)
        The first less the second, on the photos and seeds that both have.
    measures : iterable of str
    how : Resampling, optional

    Returns
    -------
    DataFrame
        setting, reference, the columns of `Estimate` (p_adj is Holm's over the contrasts of one measure), n_seeds, and
        d_z, the mean difference over the photos' standard deviation of it (NaN where they all differ alike).

    Raises
    ------
    ValueError
        If there is no such setting or measure, or two settings have no photo or no seed in common.

    References
    ----------
    Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988, Sec. 2.3.5, for d_z.
    """
    how, names, found = how or Resampling(), list(measures), []
    for setting, reference in contrasts:
        for measure in names:
            first, second = (seeds_by_photos(rows, each, measure) for each in (setting, reference))
            first, second = first.align(second, join="inner")
            if first.empty:
                raise ValueError(f"{setting!r} and {reference!r} have no photo and seed in common")
            difference = first - second
            n_crops = _crops(rows, difference.columns)
            row = seeded_estimate(measure, difference, how, effect="mean difference", n_crops=n_crops, test=True)
            extra = {"n_seeds": len(difference), "d_z": _standardised(over_seeds(difference))}
            found.append({"setting": setting, "reference": reference} | vars(row) | extra)
    table = pd.DataFrame(found, columns=["setting", "reference", *COLUMNS, "n_seeds", "d_z"])
    for _, family in table.groupby("statistic"):
        table.loc[family.index, "p_adj"] = holm(family["p"])
    return table


def _standardised(differences: FloatArray) -> float:
    known = differences[~np.isnan(differences)]
    spread = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    return float(known.mean()) / spread if spread > 1e-12 * float(np.abs(known).max(initial=0)) else float("nan")


def similarities(pairs: pd.DataFrame, how: Resampling | None = None) -> pd.DataFrame:
    """How alike the maps of two settings are, in the mean over photos.

    Parameters
    ----------
    pairs : DataFrame
        As `asm_interp.analysis.paired_maps.PairedMaps.pairs`.
    how : Resampling, optional

    Returns
    -------
    DataFrame
        setting, reference and the columns of `Estimate`, for each of `SIMILARITY`. Rows whose two settings are the
        same are over pairs of its seeds: maps of two settings can hardly be expected to be more alike. Where there
        are several pairs of seeds, the interval takes these as if they were seeds.
    """
    how, found = how or Resampling(), []
    runs = pairs.assign(seeds=pairs["seed_a"].astype(str) + "-" + pairs["seed_b"].astype(str))
    for (setting, reference), group in runs.groupby(["setting_a", "setting_b"], sort=False):
        for measure in SIMILARITY:
            values = group.pivot(index="seeds", columns="photo", values=measure).astype(float)
            effect = "IoU" if measure.endswith("iou") else "Spearman's ρ"
            row = seeded_estimate(measure, values, how, effect=effect)
            found.append({"setting": setting, "reference": reference} | vars(row))
    return pd.DataFrame(found, columns=["setting", "reference", *COLUMNS])
