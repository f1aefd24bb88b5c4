"""Checkpoints that differ in λ alone, and what λ does to spatial bias on a set of photos."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from asm_interp.analysis.lambda_comparison import CORNER_MASS, page_trends
from asm_interp.analysis.paired_estimates import paired_differences, setting_means
from asm_interp.analysis.regions import concentration
from asm_interp.analysis.statistics import Resampling
from asm_interp.geometry.boxes import FloatArray
from asm_interp.model.checkpoint import list_checkpoints, read_card
from asm_interp.widgets.charts import number
from asm_interp.widgets.score_maps import Photo, ScoreMaps

MASS = CORNER_MASS[0]
BIAS = "distance from even"
"""Size of the corner mass, whichever its sign: 0 where θstd is as dense in the corners as elsewhere."""

_NAME = re.compile(r"(?P<family>.+)-lambda-[0-9.]+")


@dataclass(frozen=True)
class Family:
    """Checkpoints of one family, by λ.

    Attributes
    ----------
    name : str
    checkpoints : dict of float to str
        In ascending order of λ.
    data : str
        What they learned from.
    """

    name: str
    checkpoints: Mapping[float, str]
    data: str

    @property
    def lambdas(self) -> list[float]:
        """Every λ, ascending."""
        return list(self.checkpoints)

    @cached_property
    def accuracy(self) -> pd.DataFrame:
        """Held-out ranking accuracy from the cards: lambda, accuracy, low, high, n_photos; NaN if not told."""
        paths = list_checkpoints().set_index("name")["path"]
        rows = []
        for lam, name in self.checkpoints.items():
            metrics = read_card(Path(paths[name])).get("metrics") or {}
            values = [metrics.get(key, float("nan")) for key in ("test_ranking_accuracy", "ci_low", "ci_high")]
            rows.append([lam, *values, int(metrics.get("n_photos", 0))])
        return pd.DataFrame(rows, columns=["lambda", "accuracy", "low", "high", "n_photos"])


def families() -> dict[str, Family]:
    """Families among the checkpoints at hand: named NAME-lambda-λ, of one backbone and one pattern, two or more."""
    table = list_checkpoints().dropna(subset=["lambda"])
    table = table.assign(family=[match["family"] if (match := _NAME.fullmatch(n)) else "" for n in table["name"]])
    found = {}
    for name, rows in table[table["family"] != ""].groupby("family"):
        alike = len(rows) > 1 and rows["backbone"].nunique() == 1 and rows["pattern"].nunique() == 1
        if alike and rows["lambda"].is_unique:
            members = rows.sort_values("lambda")
            by_lambda = {float(lam): str(each) for lam, each in zip(members["lambda"], members["name"], strict=True)}
            found[str(name)] = Family(str(name), by_lambda, str(members["data"].iloc[0]))
    return found


def corner_mass(maps: ScoreMaps, family: Family, photo: Photo) -> FloatArray:
    """How dense θstd is in the photo's corners under each λ: `concentration`, channel means taken off, [n]."""
    return np.array([concentration(maps.theta(photo, name, "channel").std) for name in family.checkpoints.values()])


@dataclass(frozen=True, eq=False)
class BiasOverPhotos:
    """Corner mass of several photos along λ.

    Attributes
    ----------
    means : DataFrame
        Of `asm_interp.analysis.paired_estimates.setting_means`: corner mass, and its distance from even, at each λ.
    differences : DataFrame
        Distance from even at each λ less that at the least λ; see
        `asm_interp.analysis.paired_estimates.paired_differences`.
    trend : DataFrame
        Page's test of the distance along λ; empty with fewer than three λ.
    """

    means: pd.DataFrame
    differences: pd.DataFrame
    trend: pd.DataFrame

    def mass(self) -> pd.DataFrame:
        """Rows of `means` on the corner mass, indexed by λ."""
        return self.means[self.means["statistic"] == MASS].set_index("setting")

    def verdict(self, lam: float) -> tuple[str, str]:
        """What these photos say to "the saliency-aware loss removes spatial bias" at one λ: a word or two, and why."""
        least, here = float(self.means["setting"].min()), _row(self.mass(), lam)
        n = int(here["n_photos"])
        level = f"mean corner mass {_interval(here)} at λ = {lam:g}, 0 is even (n = {n} photos)"
        if lam == least:
            return "nothing to compare", f"this is the least λ of the family; {level}"
        change = _row(self.differences.set_index("setting"), lam)
        told = f"distance from even {_interval(change)} against λ = {least:g}, for this λ alone; {level}"
        if change["ci_low"] > 0:
            return "contradicted", f"the bias is larger: {told}"
        if not change["ci_high"] < 0:
            return "not supported", f"no clear change: {told}"
        if here["ci_low"] <= 0 <= here["ci_high"]:
            return "not contradicted", f"the bias is smaller, and even lies within the interval: {told}"
        return "reduced, not removed", f"the bias is smaller, but even lies outside the interval: {told}"


def _row(table: pd.DataFrame, lam: float) -> dict[str, float]:
    return {name: float(table[name][lam]) for name in ("estimate", "ci_low", "ci_high", "n_photos")}


def _interval(row: Mapping[str, float]) -> str:
    return f"{number(row['estimate'])} [{number(row['ci_low'])}, {number(row['ci_high'])}]"


def bias_over_photos(
    maps: ScoreMaps, family: Family, photos: Mapping[str, Photo], how: Resampling | None = None
) -> BiasOverPhotos:
    """Measure the corner mass of photos under every λ of a family, with intervals over photos."""
    rows = pd.DataFrame(
        [
            {"setting": lam, "seed": 0, "photo": name, MASS: mass, BIAS: abs(mass)}
            for name, photo in photos.items()
            for lam, mass in zip(family.lambdas, corner_mass(maps, family, photo), strict=True)
        ]
    )
    contrasts = [(lam, family.lambdas[0]) for lam in family.lambdas[1:]]
    return BiasOverPhotos(
        setting_means(rows, (MASS, BIAS), how),
        paired_differences(rows, contrasts, (BIAS,), how),
        page_trends(rows, (BIAS,) if len(family.lambdas) > 2 else (), how),
    )
