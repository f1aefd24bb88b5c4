"""The audit: explanations of models of planted worlds, graded against the truth that was planted.

Each model is measured photo by photo (`asm_interp.analysis.graded_model`). Models that differ in nothing but the seed
form a group; its grades are means over seeds and photos, with intervals that resample both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from asm_interp.analysis.audit_verdicts import Grade
from asm_interp.analysis.dose_response import HELD, line_fit
from asm_interp.analysis.expressivity import by_partition, ceiling, correlation
from asm_interp.analysis.graded_model import INSIDE, OUTSIDE, GradedModel, Key
from asm_interp.analysis.localisation import EXPLANATIONS, MEASURES
from asm_interp.analysis.statistics import Resampling, fisher_mean, hierarchical_interval
from asm_interp.data.planted import RULES, rule_grid
from asm_interp.geometry.boxes import FloatArray
from asm_interp.geometry.patterns import CompositionPattern

_MAPS = {"theta_avg": "corner z", "theta_std": "corner concentration"}


@dataclass(frozen=True)
class _Group:
    """Models of one setting, one for each seed."""

    data: str
    models: tuple[GradedModel, ...]
    how: Resampling = field(default_factory=Resampling)

    def grade(self, part: str, key: Key, values: FloatArray | None = None, truth: str = "", **more: Any) -> Grade:
        """Mean over seeds and photos of values [S, N], a measure's own unless given."""
        array = self.values(key) if values is None else values
        known = ~np.isnan(array)
        low, high = hierarchical_interval(array, self.how) if known.any() else (np.nan, np.nan)
        mean = float(array[known].mean()) if known.any() else float("nan")
        return self.row(part, key[0], truth or key[1], mean, low, high, n_photos=int(known.any(axis=0).sum()), **more)

    def row(
        self, part: str, explanation: str, truth: str, estimate: float, low: float, high: float, **more: Any
    ) -> Grade:
        rule, lam, beta = self.models[0].setting
        own: dict[str, Any] = {"rule": rule, "lam": lam, "beta": beta, "n_seeds": len(self.models)}
        return Grade(self.data, part, explanation, truth, estimate, low, high, **(own | more))

    def values(self, key: Key) -> FloatArray:
        return np.array([model.measures[key] for model in self.models])


def audit_grades(data: str, models: Sequence[GradedModel], how: Resampling | None = None) -> list[Grade]:
    """Grades of models on one kind of data.

    Parameters
    ----------
    data : str
        "shapes", "subjects", ...
    models : sequence of GradedModel
        All measured on the same photos. Those with the same rule, λ and β are taken for seeds of one another.
    how : Resampling, optional

    Returns
    -------
    list of Grade
        Parts "model" (ranking accuracy), "localisation", "rule", "distractors"; "lambda" (changes from the least λ,
        paired by seed and photo) where a rule and β come with several λ; "dose" where a rule and λ come with three
        or more β.
    """
    how = how or Resampling()
    ordered = sorted(models, key=lambda model: (model.setting, model.seed))
    groups = [_Group(data, tuple(own), how) for _, own in groupby(ordered, key=lambda model: model.setting)]
    grades = [grade for group in groups for grade in _own_grades(group)]
    return [*grades, *_lambda_grades(groups), *_dose_grades(groups)]


def _own_grades(group: _Group) -> Iterator[Grade]:
    """All grades that one group has by itself."""
    measured = group.models[0].measures
    yield group.grade("model", ("scores", "ranking accuracy"))
    yield group.grade("model", ("theta_std", "gauge share"))
    for explanation in EXPLANATIONS:
        for measure in MEASURES:
            if (explanation, measure) in measured:
                yield group.grade("localisation", (explanation, measure))
    if ("random_head", "auc") in measured:
        null = group.values(("random_head", "auc"))
        for explanation in ("theta_std", "theta_avg"):
            gain = group.values((explanation, "auc")) - null
            yield group.grade("localisation", (explanation, "auc"), gain, "auc over random_head")
    yield from _rule_grades(group)
    for truth in (OUTSIDE, INSIDE):
        if not np.isnan(group.values(("scores", truth))).all():
            yield group.grade("distractors", ("scores", truth))


def _rule_grades(group: _Group) -> Iterator[Grade]:
    """Recovery of the planted rule by the mean placement preference of each seed's model."""
    first, planes = group.models[0], np.array([model.preferences for model in group.models])
    n_seeds, n_photos, n, _ = planes.shape
    if not n_photos:
        return
    rng = np.random.default_rng(group.how.seed)
    draws = rng.multinomial(n_photos, np.full(n_photos, 1 / n_photos), group.how.resamples) / n_photos
    seeds = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), group.how.resamples) / n_seeds
    partition = np.array([_mean_by_partition(one, first.pattern) for one in planes])
    g, most = rule_grid(first.rule, n), ceiling(first.pattern, first.rule, n)
    for truth, maps, unit in (("correlation with g", planes, 1.0), ("share of the ceiling", partition, most)):
        flat = maps.reshape(n_seeds, n_photos, -1)
        if unit == 0:  # a pattern of one partition
            continue
        own = np.array([_fits(one.mean(axis=0, keepdims=True), g)[0] for one in flat]) / unit
        resampled = np.stack([_fits(draws @ one, g) for one in flat], axis=1) / unit
        tails = [(1 - group.how.level) / 2, (1 + group.how.level) / 2]
        low, high = np.quantile((resampled * seeds).sum(axis=1), tails)
        yield group.row("rule", "placement preference", truth, float(own.mean()), low, high, n_photos=n_photos)
    yield group.row("rule", "pattern", "ceiling", most, np.nan, np.nan, n_photos=0)
    candidates = [*RULES, *([] if first.rule in RULES else [first.rule])]
    named = [_named(one.mean(axis=0), candidates) == first.rule for one in planes]
    yield group.row(
        "rule", "placement preference", "right rule named", float(np.mean(named)), *share_interval(sum(named), n_seeds),
        n_photos=n_photos,
    )  # fmt: skip


def _mean_by_partition(planes: FloatArray, pattern: CompositionPattern) -> FloatArray:
    return np.array([by_partition(plane, pattern) for plane in planes])


def _fits(maps: FloatArray, g: FloatArray) -> FloatArray:
    """Correlation of maps [B, n²] with a rule [n, n], [B]; 0 for a constant map, which says nothing."""
    return np.nan_to_num([correlation(one, g) for one in maps.reshape(len(maps), *g.shape)])


def _named(plane: FloatArray, rules: Sequence[str]) -> str:
    """Rule that a map correlates most with; "" for a constant map."""
    fits = _fits_of(plane, rules)
    return "" if np.isnan(fits).all() else rules[int(np.nanargmax(fits))]


def _fits_of(plane: FloatArray, rules: Sequence[str]) -> FloatArray:
    return np.array([correlation(plane, rule_grid(rule, len(plane))) for rule in rules])


def share_interval(count: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a share, `count` of `n` (Clopper & Pearson, Biometrika 1934).

    Examples
    --------
    >>> [round(end, 3) for end in share_interval(5, 5)]
    [0.478, 1.0]
    """
    from scipy.stats import binomtest

    interval = binomtest(int(count), n).proportion_ci(level, "exact")
    return float(interval.low), float(interval.high)


def _lambda_grades(groups: Sequence[_Group]) -> Iterator[Grade]:
    """Paired changes from the least λ, at the same rule, β and seeds."""
    keys = [(explanation, "auc") for explanation in EXPLANATIONS if explanation in ("theta_std", "theta_avg")]
    keys += [("scores", "ranking accuracy"), *_MAPS.items(), *(("scores", f"corners, {held} held") for held in HELD)]
    for group in groups:
        rule, _, beta = group.models[0].setting
        rivals = [other for other in groups if other.models[0].setting[::2] == (rule, beta)]
        least = min(rivals, key=lambda other: other.models[0].lam)
        before = {model.seed: model for model in least.models}
        paired = _Group(group.data, tuple(m for m in group.models if m.seed in before), group.how)
        if least is group or not paired.models:
            continue
        for key in keys:
            if all(key in model.measures for model in (*paired.models, *least.models)):
                change = paired.values(key) - np.array([before[m.seed].measures[key] for m in paired.models])
                truth = f"{key[1]}, change from λ {least.models[0].lam:g}"
                yield paired.grade("lambda", key, change, truth)


def _dose_grades(groups: Sequence[_Group]) -> Iterator[Grade]:
    """Response of corner statistics of models to the β of their worlds, over the seeds that every β has."""
    keys = [*(("scores", f"corners, {held} held") for held in HELD), *_MAPS.items()]
    for _, together in groupby(groups, key=lambda group: group.models[0].setting[:2]):
        doses = list(together)
        common = set.intersection(*({model.seed for model in group.models} for group in doses))
        if len(doses) < 3 or not common:
            continue
        betas = [group.models[0].beta for group in doses]
        shared = [_Group(g.data, tuple(m for m in g.models if m.seed in common), g.how) for g in doses]
        for key in keys:
            values = np.stack([group.values(key) for group in shared], axis=-1)  # [S, N, B]
            mean = fisher_mean if key[0] == "scores" else np.nanmean
            responses = np.array([[mean(column) for column in seed.T] for seed in values])
            last = shared[-1]
            slopes = line_fit(betas, values).slopes
            yield last.grade("dose", key, slopes, f"{key[1]}: slope", beta=np.nan)
            fit = line_fit(betas, responses)
            yield last.row("dose", key[0], f"{key[1]}: R²", fit.r_squared, np.nan, np.nan, beta=np.nan,
                           n_photos=values.shape[1])  # fmt: skip


def simulation_grades(data: str, rule: str, simulated: pd.DataFrame, n_photos: int) -> list[Grade]:
    """Grades of corner statistics of simulated annotations.

    Parameters
    ----------
    data, rule : str
    simulated : DataFrame
        As `asm_interp.analysis.dose_response.simulate` gives it.
    n_photos : int
        Of each world.

    Returns
    -------
    list of Grade
        For each statistic its slope over β (interval over worlds), R² of a line through all worlds, and how often it
        rejects at 5 % where β = 0: two-sided, and in favour of corners.
    """
    grades = []
    for held, own in simulated.groupby("held", sort=False):
        responses = own.pivot(index="world", columns="beta", values="response")
        fit = line_fit(responses.columns.to_numpy(np.float64), responses.to_numpy())
        worlds = _Worlds(data, rule, f"corners, {held} held", len(responses), n_photos)
        grades += [worlds.grade("slope", float(fit.slopes.mean()), *np.quantile(fit.slopes, [0.025, 0.975]))]
        grades += [worlds.grade("R²", fit.r_squared, np.nan, np.nan)]
        null = own[own["beta"] == 0]
        for truth, column in (("alarms at β = 0", "p"), ("alarms at β = 0, in favour of corners", "p_greater")):
            alarms = int((null[column] < 0.05).sum())
            if len(null):
                grades.append(worlds.grade(truth, alarms / len(null), *share_interval(alarms, len(null))))
    return grades


@dataclass(frozen=True)
class _Worlds:
    data: str
    rule: str
    statistic: str
    n: int
    n_photos: int

    def grade(self, what: str, estimate: float, low: float, high: float) -> Grade:
        truth = f"{self.statistic}: {what}"
        return Grade(
            self.data, "dose", "annotations", truth, estimate, float(low), float(high), rule=self.rule,
            n_seeds=self.n, n_photos=self.n_photos,
        )  # fmt: skip
