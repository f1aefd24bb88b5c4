"""The audit: explanations of models of planted worlds, graded against the truth that was planted.

Each model is measured photo by photo (`asm_interp.analysis.graded_model`). Models that differ in nothing but the seed
form a group; its grades are means over seeds and photos, with intervals over both.
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
from asm_interp.analysis.expressivity import by_partition, ceiling
from asm_interp.analysis.graded_model import INSIDE, OUTSIDE, GradedModel, Key, check_seeds
from asm_interp.analysis.localisation import EXPLANATIONS, MEASURES
from asm_interp.analysis.statistics import Resampling, fisher_mean, hierarchical_interval, over_seeds, percentiles
from asm_interp.data.planted import RULES, rule_grid
from asm_interp.geometry.boxes import FloatArray
from asm_interp.geometry.patterns import CompositionPattern

_MAPS: tuple[Key, ...] = (
    ("theta_avg", "corner z"),
    ("theta_std_centred", "corner concentration"),
    ("theta_std", "corner concentration"),
)

_SHARES = ("auc", "pointing", "mass", "ranking accuracy", "gauge share")
"""Measures from 0 to 1."""


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
        if values is None and key[1] in _SHARES:
            low, high = np.clip((low, high), 0.0, 1.0).tolist()  # Student's interval knows of no end
        mean = float(array[known].mean()) if known.any() else float("nan")
        return self.row(part, key[0], truth or key[1], mean, low, high, n_photos=int(known.any(axis=0).sum()), **more)

    def row(
        self, part: str, explanation: str, truth: str, estimate: float, low: float, high: float, **more: Any
    ) -> Grade:
        own: dict[str, Any] = self.models[0].setting._asdict() | {"n_seeds": len(self.models)}
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
        All measured on the same photos. Those with the same rule, pattern, backbone, λ and β are taken for seeds of
        one another.
    how : Resampling, optional

    Returns
    -------
    list of Grade
        Parts "model" (ranking accuracy), "localisation", "rule", "distractors"; "lambda" (changes from the least λ,
        paired by seed and photo) where models that are else alike come with several λ; "dose" where they come with
        three or more β. Rows of random heads are what a head that learned nothing would have: the mean over heads
        and models, and between which limits 95 % of them lie.

    Raises
    ------
    ValueError
        If two models have one setting and seed.
    """
    how = how or Resampling()
    check_seeds((model.name, model.setting, model.seed) for model in models)
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
    if all(model.head_aucs.size for model in group.models):
        heads = np.array([model.head_aucs for model in group.models])  # [S, H, N]
        gains = group.values(("theta_std_centred", "auc"))[:, None] - heads
        # A model's heads are its own, so that its mean over them is one draw of both; one model has its heads alone.
        gain = gains[0] if len(gains) == 1 else gains.mean(axis=1)
        key = ("theta_std_centred", "auc")
        yield group.grade("localisation", key, gain, "auc over random heads")
        known = ~np.isnan(heads).all(axis=(0, 1))
        if known.any():
            means = heads[..., known].mean(axis=-1)
            limits = percentiles(means, group.how.level)
            yield group.row(
                "localisation", "random_head", "auc, range over heads", float(means.mean()), *limits,
                n_photos=int(known.sum()),
            )  # fmt: skip
    yield from _rule_grades(group)
    for truth in (OUTSIDE, INSIDE):
        if not np.isnan(group.values(("scores", truth))).all():
            yield group.grade("distractors", ("scores", truth))


def _rule_grades(group: _Group) -> Iterator[Grade]:
    """Recovery of the planted rule by the mean placement preference of each seed's model."""
    first, planes = group.models[0], np.array([model.preferences for model in group.models])
    _, n_photos, n, _ = planes.shape
    if not n_photos:
        return
    rng = np.random.default_rng(group.how.seed)
    draws = rng.multinomial(n_photos, np.full(n_photos, 1 / n_photos), group.how.resamples) / n_photos
    candidates = [first.rule, *(rule for rule in RULES if rule != first.rule)]
    most = ceiling(first.pattern, first.rule, n)
    heads = np.array([model.head_preferences for model in group.models]).reshape(-1, n, n)
    own, null = (_by_partition(maps, first.pattern) for maps in (planes, heads))

    def fit(maps: FloatArray) -> FloatArray:
        return _fits(maps, candidates)[:, 0]

    def share(maps: FloatArray) -> FloatArray:
        return fit(maps) / most if most else np.full(len(maps), np.nan)  # a pattern of one partition can fit nothing

    def margin(maps: FloatArray) -> FloatArray:
        fits = _fits(maps, candidates)
        return np.asarray(fits[:, 0] - fits[:, 1:].max(axis=1))

    def row(truth: str, estimate: float, low: float, high: float) -> Grade:
        return group.row("rule", "placement preference", truth, estimate, low, high, n_photos=n_photos)

    for truth, maps, of_heads, measure in (
        ("correlation with g", planes, heads, fit),
        ("share of the ceiling, by partition", own, null, share),
        ("margin over the next rule", planes, heads, margin),
    ):
        by_seed = measure(maps.mean(axis=1))
        resampled = np.mean([measure(np.tensordot(draws, one, 1)) for one in maps], axis=0)
        mean = float(by_seed.mean())
        yield row(truth, mean, *over_seeds(percentiles(resampled, group.how.level), by_seed, mean, group.how.level))
        if len(heads):
            values = measure(of_heads)
            yield row(f"{truth}; random heads", float(values.mean()), *percentiles(values, group.how.level))
    yield group.row("rule", "pattern", "ceiling", most, np.nan, np.nan, n_photos=0)
    for truth, each in (("right rule named", planes.mean(axis=1)), ("right rule named; random heads", heads)):
        if len(each):
            named = int((margin(each) > 0).sum())
            yield row(truth, named / len(each), *share_interval(named, len(each)))


def _by_partition(maps: FloatArray, pattern: CompositionPattern) -> FloatArray:
    """Maps [..., n, n] with their means over the pattern's partitions in place of their values."""
    return np.array([by_partition(one, pattern) for one in maps.reshape(-1, *maps.shape[-2:])]).reshape(maps.shape)


def _fits(maps: FloatArray, rules: Sequence[str]) -> FloatArray:
    """Correlations of maps [B, n, n] with rules, [B, R]; 0 for a constant map, which says nothing."""
    flat = maps.reshape(len(maps), -1)
    planes = np.array([rule_grid(rule, maps.shape[-1]).ravel() for rule in rules])
    flat, planes = (each - each.mean(axis=1, keepdims=True) for each in (flat, planes))
    norms = np.linalg.norm(flat, axis=1)[:, None] * np.linalg.norm(planes, axis=1)
    return np.asarray(np.divide(flat @ planes.T, norms, out=np.zeros(norms.shape), where=norms > 0))


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
    """Paired changes from the least λ, of models that are else alike, seed by seed."""
    keys = [(explanation, "auc") for explanation in EXPLANATIONS if explanation in ("theta_std", "theta_avg")]
    keys += [
        ("scores", "ranking accuracy"),
        ("theta_std", "gauge share"),
        *_MAPS,
        *(("scores", f"corners, {held} held") for held in HELD),
    ]
    for group in groups:
        own = group.models[0].setting
        rivals = [other for other in groups if other.models[0].setting._replace(lam=own.lam) == own]
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
    keys = [*(("scores", f"corners, {held} held") for held in HELD), *_MAPS]
    for _, together in groupby(groups, key=lambda group: group.models[0].setting._replace(beta=0)):
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
            yield shared[0].grade("dose", key, truth=f"{key[1]}: response at β = {betas[0]:g}", beta=np.nan)
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
        For each statistic its slope over β and its response at β = 0 (intervals over worlds), R² of a line through all
        worlds, and how often it rejects at 5 % where β = 0: two-sided, and in favour of corners.
    """
    grades = []
    for held, own in simulated.groupby("held", sort=False):
        responses = own.pivot(index="world", columns="beta", values="response")
        fit = line_fit(responses.columns.to_numpy(np.float64), responses.to_numpy())
        worlds = _Worlds(data, rule, f"corners, {held} held", len(responses), n_photos)
        null = own[own["beta"] == 0]
        for truth, values in (("slope", fit.slopes), ("response at β = 0", null["response"])):
            if len(values):
                low, high = np.quantile(values, [0.025, 0.975])
                grades.append(worlds.grade(truth, float(values.mean()), low, high))
        grades.append(worlds.grade("R²", fit.r_squared, np.nan, np.nan))
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
