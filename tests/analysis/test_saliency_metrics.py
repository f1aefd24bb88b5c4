"""Measures of agreement with saliency, against brute force and their invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy, mannwhitneyu

from asm_interp.analysis.saliency_metrics import (
    auc_judd,
    centre_prior,
    degeneracy,
    kl_divergence,
    nss,
    shuffled_auc,
    similarity,
    top_mask,
    weighted_auc,
)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(2, 6))
def test_auc_is_the_chance_of_drawing_the_higher_pixel_by_brute_force(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 4, (height, width))  # ties everywhere
    positive, negative = rng.integers(0, 3, (2, height, width))
    wins = total = 0.0
    for value, weight in zip(values.flat, positive.flat, strict=True):
        for other, against in zip(values.flat, negative.flat, strict=True):
            total += weight * against
            wins += weight * against * (1.0 if value > other else 0.5 if value == other else 0.0)
    found = weighted_auc(values, positive, negative)
    assert np.isnan(found) if total == 0 else found == pytest.approx(wins / total, abs=1e-12)


def test_auc_of_fixated_pixels_is_mann_whitneys_u() -> None:
    rng = np.random.default_rng(0)
    values, fixated = rng.normal(size=(20, 30)), rng.random((20, 30)) < 0.1
    u = mannwhitneyu(values[fixated], values[~fixated]).statistic
    assert auc_judd(values, fixated) == pytest.approx(u / fixated.sum() / (~fixated).sum(), abs=1e-12)
    assert auc_judd(3 * values - 7, fixated) == auc_judd(values, fixated)
    assert auc_judd(-values, fixated) == pytest.approx(1 - auc_judd(values, fixated))
    assert auc_judd(np.zeros((20, 30)), fixated) == 0.5
    assert np.isnan(auc_judd(values, np.zeros((20, 30))))
    values[0, 0] = np.nan
    assert np.isnan(auc_judd(values, fixated))
    assert np.isnan(auc_judd(np.full((20, 30), np.nan), fixated))


def test_what_all_photos_share_earns_nothing_in_the_shuffled_auc() -> None:
    prior = centre_prior((24, 36))
    fixated = top_mask(prior)
    assert auc_judd(prior, fixated) > 0.99
    assert shuffled_auc(prior, fixated, 7.0 * fixated) == pytest.approx(0.5)
    corner = np.zeros_like(fixated)
    corner[:3, :3] = True
    assert shuffled_auc(prior, fixated, corner) == 1.0


def test_nss_and_divergences_by_their_formulas() -> None:
    rng = np.random.default_rng(1)
    p, q, fixated = rng.random((6, 8)), rng.random((6, 8)), rng.random((6, 8)) < 0.3
    z = (p - p.mean()) / p.std()
    assert nss(p, fixated) == pytest.approx(np.mean([z[y, x] for y, x in np.argwhere(fixated)]))
    assert kl_divergence(p, q) == pytest.approx(entropy(q.ravel(), p.ravel()), abs=1e-12)
    assert similarity(p, q) == pytest.approx(
        sum(min(a, b) for a, b in zip(p.ravel() / p.sum(), q.ravel() / q.sum(), strict=True))
    )
    assert (similarity(q, q), kl_divergence(q, q)) == (pytest.approx(1), pytest.approx(0, abs=1e-12))
    assert (similarity(5 * p, q), kl_divergence(5 * p, q)) == (
        pytest.approx(similarity(p, q)),
        pytest.approx(kl_divergence(p, q)),
    )
    assert similarity(p - 3, q) == pytest.approx(similarity(p - p.min(), q))
    # Saliency where the map has none costs log(q / ε), a finite number.
    assert kl_divergence([[1, 0]], [[0, 1]]) == pytest.approx(np.log(2.0**52))
    assert np.isnan(nss(np.ones((6, 8)), fixated))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.9))
def test_as_many_pixels_are_marked_as_asked_for_and_they_are_the_highest(seed: int, share: float) -> None:
    values = np.random.default_rng(seed).permutation(70).reshape(7, 10)
    marked = top_mask(values, share)
    assert marked.sum() == max(1, round(share * 70))
    assert marked.all() or values[marked].min() > values[~marked].max()


def test_tied_pixels_are_not_marked_by_halves() -> None:
    mask = np.zeros((10, 10))
    mask[2:4, 2:4] = 1
    assert np.array_equal(top_mask(mask, 0.2), mask > 0)  # fewer than asked for
    mask[:, :6] = 1
    assert np.array_equal(top_mask(mask, 0.2), mask > 0)  # more
    with pytest.raises(ValueError, match="share lies in"):
        top_mask(mask, 1.0)


def test_degenerate_maps_are_told_apart() -> None:
    assert degeneracy([[0.0, 1.0]]) == ""
    assert degeneracy([[np.nan, 1.0]]) == degeneracy([[np.inf, 1.0]]) == "not finite"
    assert degeneracy(np.zeros((3, 3))) == degeneracy(np.full((3, 3), 1e9) + np.eye(3)) == "constant"


def test_the_centre_prior_is_symmetric_and_highest_in_the_middle() -> None:
    prior = centre_prior((9, 15))
    assert prior[4, 7] == prior.max() == 1
    assert np.allclose(prior, prior[::-1, ::-1])
    assert prior[4, 0] == pytest.approx(np.exp(-0.5 * ((0.5 - 0.5 / 15) / 0.25) ** 2))
