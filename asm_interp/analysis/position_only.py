"""How well a crop's place alone predicts scores, and what a model knows beyond it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from asm_interp.analysis.estimates import Estimate, mean_estimate, ratio_estimate
from asm_interp.analysis.scored_crops import BoolArray, IntArray, ScoredCrops, centre, exchanges, ranks, standardise
from asm_interp.analysis.statistics import Resampling, permutation_p
from asm_interp.evaluation.baselines import ridge
from asm_interp.geometry.boxes import FloatArray

Form = Literal["linear", "quadratic"]

_PAIRS = 200  # random pairs per photo from which bits are measured
_BLOCK = 64  # exchanges that are predicted at once


@dataclass(frozen=True, eq=False)
class PositionOnly:
    r"""Scores predicted from geometry alone, for each photo by a regression that has not seen it.

    Attributes
    ----------
    predicted : array of float64, [N, K]
        In standard deviations of the photo's scores; each row has mean 0.
    explained : array of float64, [N]
        Share of each photo's score variance, :math:`1 - \sum (z - \hat z)^2 / \sum z^2`; may be negative. Its mean
        weighted by `n_crops` is R² over all crops.
    srcc : array of float64, [N]
    n_crops : array of int, [N]
    """

    predicted: FloatArray
    explained: FloatArray
    srcc: FloatArray
    n_crops: IntArray

    @property
    def r2(self) -> float:
        """R² within photos."""
        return float(np.average(self.explained, weights=self.n_crops))


def folds(n_photos: int, n_folds: int, seed: int) -> IntArray:
    """Fold of each photo, [N]: equal in size to within one, at random.

    Raises
    ------
    ValueError
        If there are fewer than two folds, or fewer photos than folds.
    """
    if not 2 <= n_folds <= n_photos:
        raise ValueError(f"between 2 folds and one for each of {n_photos} photos can be made, got {n_folds}")
    return np.random.default_rng(seed).permutation(np.arange(n_photos) % n_folds)


def design(features: FloatArray, form: Form) -> FloatArray:
    """Columns to regress on, [N, K, F]: the features, and for "quadratic" their squares and products too."""
    if form == "linear":
        return features
    if form != "quadratic":
        raise ValueError(f"form is 'linear' or 'quadratic', got {form!r}")
    first, second = np.triu_indices(features.shape[-1])
    return np.concatenate([features, features[..., first] * features[..., second]], axis=-1)


def position_only(
    crops: ScoredCrops, form: Form = "linear", *, n_folds: int = 5, seed: int = 0, alpha: float = 1.0
) -> PositionOnly:
    """Predict scores from geometry by ridge regression, cross-validated over groups of photos.

    Parameters
    ----------
    crops : ScoredCrops
    form : {"linear", "quadratic"}
        In the features, which hold squares of the centre already.
    n_folds, seed : int
        Of fewer photos than `n_folds`, each is a fold by itself.
    alpha : float
        Strength of the penalty.

    Returns
    -------
    PositionOnly
        NaN for a single photo, for there is no other to learn from.

    References
    ----------
    Tatler, "The central fixation bias in scene viewing", J. Vis. 2007 (a bias baseline).
    """
    z, valid = crops.standardised(), crops.valid
    n_crops = valid.sum(axis=1)
    if len(crops) < 2:
        nothing = np.full(len(crops), np.nan)
        return PositionOnly(np.full_like(z, np.nan), nothing, nothing, n_crops)
    predicted = np.zeros_like(z)
    predicted[valid] = _predict(_columns(crops, form), z[valid][:, None], _fold(crops, n_folds, seed), alpha)[:, 0]
    explained = 1 - np.square(z - predicted).sum(axis=1) / n_crops
    rank_z = [standardise(ranks(values, valid), valid) for values in (crops.scores, predicted)]
    srcc = (rank_z[0] * rank_z[1]).sum(axis=1) / n_crops
    return PositionOnly(predicted, explained, srcc, n_crops)


def position_p(
    crops: ScoredCrops, how: Resampling, form: Form = "linear", *, n_folds: int = 5, alpha: float = 1.0
) -> float:
    """P value of `PositionOnly.r2`: scores are exchanged within each photo, and predicted anew; NaN for one photo.

    Asks whether place says anything in any photo. Signs of per-photo values must not be flipped here: the folds share
    their training photos. Where each photo prefers places of its own, and none is preferred on average, it rejects
    somewhat too often (`benchmarks/bias_calibration.py`).
    """
    if len(crops) < 2:
        return float("nan")
    valid, exchanged = crops.valid, exchanges(np.where(crops.valid, 0, 1))
    z, columns, fold = crops.standardised(), _columns(crops, form), _fold(crops, n_folds, how.seed)
    rng = np.random.default_rng([how.seed, 2])
    null: list[FloatArray] = []
    for start in range(0, how.resamples, _BLOCK):
        block = min(_BLOCK, how.resamples - start)
        mixed = np.stack([exchanged(z, rng)[valid] for _ in range(block)], axis=1)
        null.append(_r2(mixed, _predict(columns, mixed, fold, alpha)))
    observed = _r2(z[valid][:, None], _predict(columns, z[valid][:, None], fold, alpha))
    return permutation_p(float(observed[0]), np.concatenate(null), "greater")


def _columns(crops: ScoredCrops, form: Form) -> FloatArray:
    """Regressors of all crops, centred within photos so that predictions are too, [crops, F]."""
    columns = np.moveaxis(design(crops.features, form), -1, 0)
    return np.stack([centre(column, crops.valid)[crops.valid] for column in columns], axis=1)


def _fold(crops: ScoredCrops, n_folds: int, seed: int) -> IntArray:
    """Fold of each crop's photo, [crops]."""
    return np.repeat(folds(len(crops), min(n_folds, len(crops)), seed), crops.valid.sum(axis=1))


def _predict(columns: FloatArray, z: FloatArray, fold: IntArray, alpha: float) -> FloatArray:
    """Prediction of each column of z, [crops, B], by regressions on the other folds."""
    predicted = np.empty_like(z)
    for held_out in np.unique(fold):
        test = fold == held_out
        predicted[test] = columns[test] @ ridge(columns[~test], z[~test], alpha)
    return predicted


def _r2(z: FloatArray, predicted: FloatArray) -> FloatArray:
    return np.asarray(1 - np.square(z - predicted).sum(axis=0) / np.square(z).sum(axis=0))


def position_estimates(crops: ScoredCrops, how: Resampling) -> list[Estimate]:
    """Rows on prediction from geometry: R² and SRCC, linear and quadratic; R² carries the test of both.

    With a model's scores beside annotations also amplification, the ratio of the model's R² to the annotations' own,
    and bits beyond geometry. Intervals take the fitted regressions as given.
    """
    rows = []
    forms: tuple[Form, ...] = ("linear", "quadratic")
    for form in forms:
        found = position_only(crops, form, seed=how.seed)
        weighted = found.explained * found.n_crops
        row = ratio_estimate(
            f"position-only R², {form}", weighted, found.n_crops, how, effect="R²", n_crops=crops.n_crops
        )
        label = f"position-only SRCC, {form}"
        by_rank = mean_estimate(label, found.srcc, how, effect="Spearman's ρ", n_crops=crops.n_crops, alternative=None)
        rows += [replace(row, p=position_p(crops, how, form)), by_rank]
    informative = _both_vary(crops)
    if crops.annotated is not None and informative.any() and not np.array_equal(crops.annotated, crops.scores):
        both = crops.where(informative)
        rows += [_amplification(both, how), bits_beyond_geometry(both, how)]
    return rows


def _both_vary(crops: ScoredCrops) -> BoolArray:
    """Photos whose annotated scores differ too, [N]."""
    if crops.annotated is None:
        return np.zeros(len(crops), dtype=bool)
    return np.asarray(standardise(crops.annotated, crops.valid).any(axis=1))


def _amplification(crops: ScoredCrops, how: Resampling) -> Estimate:
    assert crops.annotated is not None
    model, people = (
        position_only(crops.with_scores(scores), seed=how.seed) for scores in (crops.scores, crops.annotated)
    )
    weighted = [found.explained * found.n_crops for found in (model, people)]
    return ratio_estimate(
        "amplification of position", weighted[0], weighted[1], how, effect="ratio of R²", n_crops=crops.n_crops
    )


def bits_beyond_geometry(crops: ScoredCrops, how: Resampling, *, n_folds: int = 5) -> Estimate:
    r"""Bits per pair of crops by which a model predicts people's preference better than geometry does.

    .. math:: \mathrm{mean}\left[\log_2 \sigma(s_\Phi\, \Delta\Phi) - \log_2 \sigma(s_g\, \Delta g)\right]

    over pairs of which people prefer the first; g is the position-only prediction of people's scores. Scales s and g
    are fitted to other photos (Bradley & Terry). At most 200 random pairs a photo; NaN for a single photo.

    Parameters
    ----------
    crops : ScoredCrops
        With a model's scores and annotations.
    how : Resampling
    n_folds : int

    References
    ----------
    Kümmerer et al., "Information-theoretic model comparison unifies saliency metrics", PNAS 2015 (there of pixels).
    """
    assert crops.annotated is not None
    label, effect = "bits beyond geometry", "bits per pair"
    if len(crops) < 2:
        return mean_estimate(label, np.full(len(crops), np.nan), how, effect=effect, n_crops=crops.n_crops)
    geometry = position_only(crops.with_scores(crops.annotated), n_folds=n_folds, seed=how.seed).predicted
    first, second, counts = _preferred_pairs(crops.annotated, crops.valid, how.seed)
    fold = folds(len(crops), min(n_folds, len(crops)), how.seed)
    logs = []
    for scores in (crops.standardised(), geometry):
        gap = np.where(counts, np.take_along_axis(scores, first, 1) - np.take_along_axis(scores, second, 1), 0.0)
        bits = np.zeros_like(gap)
        for held_out in np.unique(fold):
            train = fold != held_out
            scale = _logistic_scale(gap[train][counts[train]])
            bits[~train] = -np.logaddexp(0, -scale * gap[~train]) / np.log(2)
        logs.append(bits)
    per_photo = np.where(counts, logs[0] - logs[1], 0).sum(axis=1) / counts.sum(axis=1)
    return mean_estimate(label, per_photo, how, effect=effect, n_crops=crops.n_crops)


def _preferred_pairs(scores: FloatArray, valid: BoolArray, seed: int) -> tuple[IntArray, IntArray, BoolArray]:
    """Random pairs of crops, the better first, and which of them count; each of shape [N, pairs]."""
    rng = np.random.default_rng([seed, 1])
    draws = (rng.random((2, len(scores), _PAIRS)) * valid.sum(axis=1)[None, :, None]).astype(np.int64)
    a, b = (np.take_along_axis(scores, draw, axis=1) for draw in draws)
    counts = a != b
    # A photo with two different scores shows at least one pair: its best crop against its worst.
    best = np.where(valid, scores, -np.inf).argmax(axis=1)
    worst = np.where(valid, scores, np.inf).argmin(axis=1)
    first, second = np.where(a > b, draws[0], draws[1]), np.where(a > b, draws[1], draws[0])
    missing = ~counts.any(axis=1)
    first[missing, 0], second[missing, 0], counts[missing, 0] = best[missing], worst[missing], True
    return first, second, counts


def _logistic_scale(gap: FloatArray) -> float:
    """The s ≥ 0 that makes Σ log σ(s · gap) largest, at most that at which a standard deviation is beyond doubt."""
    spread = float(np.sqrt(np.mean(np.square(gap))))
    if spread == 0:
        return 0.0
    from scipy.optimize import minimize_scalar

    x = gap / spread
    found = minimize_scalar(lambda s: float(np.logaddexp(0, -s * x).mean()), bounds=(0.0, 30.0), method="bounded")
    return float(found.x) / spread
