import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, false_discovery_control, mannwhitneyu, t, ttest_1samp

from asm_interp.analysis.estimates import (
    COLUMNS,
    equivalence_estimate,
    mean_estimate,
    ratio_estimate,
    table,
)
from asm_interp.analysis.statistics import (
    Resampling,
    benjamini_hochberg,
    bootstrap_interval,
    cliffs_delta,
    equivalence_p,
    fisher_mean,
    fisher_z,
    hierarchical_interval,
    holm,
    max_t_p,
    permutation_p,
    romano_label,
    sign_flip_p,
)

values = st.lists(st.integers(-6, 6), min_size=1, max_size=8)


@given(values, values)
def test_cliffs_delta_is_the_u_statistic(a: list[int], b: list[int]) -> None:
    u = mannwhitneyu(a, b, method="asymptotic").statistic if len({*a, *b}) > 1 else len(a) * len(b) / 2
    assert cliffs_delta(a, b) == pytest.approx(2 * u / (len(a) * len(b)) - 1, abs=1e-12)
    assert cliffs_delta(a, b) == pytest.approx(-cliffs_delta(b, a), abs=1e-12)


@pytest.mark.parametrize(
    ("delta", "label"),
    [(0.0, "negligible"), (0.146, "negligible"), (-0.147, "small"), (0.33, "medium"), (-0.474, "large"), (1, "large")],
)
def test_labels_at_their_bounds(delta: float, label: str) -> None:
    assert romano_label(delta) == label
    assert romano_label(math.nan) == ""


def test_permutation_p_counts_the_observed_itself() -> None:
    null = [1.0, 2.0, 3.0, -4.0]
    assert permutation_p(3.0, null, "greater") == pytest.approx(2 / 5)
    assert permutation_p(3.0, null) == pytest.approx(3 / 5)
    assert permutation_p(-4.0, null, "less") == pytest.approx(2 / 5)
    assert permutation_p(9.0, null) == pytest.approx(1 / 5)  # never zero
    assert permutation_p(0.1 + 0.2, [0.3], "greater") == 1  # equal, rounding apart
    assert math.isnan(permutation_p(math.nan, null))
    assert math.isnan(permutation_p(0.1, [math.nan] * 99 + [5.0]))  # a draw that says nothing is no smaller draw
    assert math.isnan(permutation_p(-math.inf, null))
    with pytest.raises(ValueError, match="alternative is two-sided, greater or less, got 'both'"):
        permutation_p(1.0, null, "both")  # type: ignore[arg-type]


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_sign_flips_against_all_of_them(alternative: str) -> None:
    differences = np.array([0.3, -0.1, 0.8, 0.4, 0.5, -0.2, 0.9])
    sums = np.array([np.dot(signs, differences) for signs in product([-1, 1], repeat=7)])
    observed = differences.sum()
    reached = {
        "two-sided": abs(sums) >= abs(observed) - 1e-9,
        "greater": sums >= observed - 1e-9,
        "less": sums <= observed + 1e-9,
    }[alternative]
    found = sign_flip_p(differences, Resampling(20_000), alternative)  # type: ignore[arg-type]
    assert found == pytest.approx(reached.mean(), abs=5 * math.sqrt(0.25 / 20_000))


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=12), st.sampled_from([1e-3, 7.0, 1e6]))
@settings(max_examples=30, deadline=None)
def test_sign_flips_know_no_unit(differences: list[float], unit: float) -> None:
    how = Resampling(200, 1)
    scaled = unit * np.array(differences)
    # The order of additions is the same, so only rounding of single products may differ.
    assert sign_flip_p(scaled, how) == pytest.approx(float(sign_flip_p(differences, how)), abs=1 / 201)
    assert sign_flip_p(-scaled, how) == sign_flip_p(scaled, how)


def test_sign_flips_of_many_data_sets_and_none() -> None:
    rows = np.array([[1.0, np.nan, 2.0, 1.5], [np.nan] * 4, [0.0, 0.0, 0.0, 0.0]])
    found = sign_flip_p(rows, Resampling(400))
    assert found.shape == (3,)
    assert found[0] == pytest.approx(0.25, abs=0.1)  # 2 of 8 ways
    assert np.isnan(found[1])
    assert found[2] == 1


def test_sign_flips_reject_as_often_as_they_say() -> None:
    noise = np.random.default_rng(3).standard_t(3, (1000, 25))
    rejected = int((sign_flip_p(noise, Resampling(999)) < 0.05).sum())
    assert binom.ppf(1e-4, 1000, 0.05) <= rejected <= binom.ppf(1 - 1e-4, 1000, 0.05)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_by_its_definition(p: list[float]) -> None:
    adjusted, n = holm(p), len(p)
    order = sorted(range(n), key=lambda i: p[i])
    for place, i in enumerate(order):
        expected = max(min(1.0, (n - k) * p[order[k]]) for k in range(place + 1))
        assert adjusted[i] == pytest.approx(expected)


def test_corrections_pass_over_what_was_not_tested() -> None:
    p = [0.01, math.nan, 0.04, 0.03]
    np.testing.assert_allclose(holm(p), [0.03, math.nan, 0.06, 0.06])
    known = [0.01, 0.04, 0.03]
    np.testing.assert_allclose(benjamini_hochberg(p)[[0, 2, 3]], false_discovery_control(known))
    assert math.isnan(benjamini_hochberg(p)[1])
    assert np.isnan(benjamini_hochberg([math.nan])).all()


def test_max_t_by_hand_and_over_a_map() -> None:
    null = np.array([[1.0, -2.0], [0.5, 0.1], [3.0, 0.0]])
    np.testing.assert_allclose(max_t_p([2.0, -0.2], null), [3 / 4, 1.0])
    rng = np.random.default_rng(0)
    observed, draws = rng.normal(size=(4, 5)), rng.normal(size=(99, 4, 5))
    observed[0, 0] = np.nan
    draws[:, 0, 0] = 1e9  # what is not tested must not count
    found = max_t_p(observed, draws)
    assert math.isnan(found[0, 0])
    largest = np.delete(abs(draws).reshape(99, 20), 0, axis=1).max(axis=1)
    assert found[2, 3] == pytest.approx((1 + (largest >= abs(observed[2, 3])).sum()) / 100)
    assert np.isnan(max_t_p([math.nan], np.ones((3, 1)))).all()
    assert max_t_p([2.0], [[1.0], [math.nan], [0.5]]) == pytest.approx(2 / 4)


def test_fisher_mean_and_its_scale() -> None:
    assert fisher_mean([0.5, 0.5, math.nan]) == pytest.approx(0.5)
    assert fisher_mean([-0.3, 0.3]) == pytest.approx(0)
    assert math.isnan(fisher_mean([math.nan]))
    assert np.isfinite(fisher_z([1.0, -1.0])).all()


def test_equivalence_is_two_one_sided_tests() -> None:
    sample = np.random.default_rng(1).normal(0.02, 0.2, 80)
    expected = max(
        ttest_1samp(sample, -0.1, alternative="greater").pvalue, ttest_1samp(sample, 0.1, alternative="less").pvalue
    )
    assert equivalence_p([*sample, math.nan], 0.1) == pytest.approx(expected)
    assert equivalence_p(sample + 0.1, 0.1) > 0.5
    assert equivalence_p([0.0, 0.0], 0.1) == 0
    assert equivalence_p([0.1, 0.1], 0.1) == 1
    assert math.isnan(equivalence_p([0.0], 0.1))
    with pytest.raises(ValueError, match="margin is above 0, got 0"):
        equivalence_p(sample, 0)


def test_bootstrap_of_a_ratio() -> None:
    rng = np.random.default_rng(4)
    below = rng.uniform(1, 2, 200)
    low, high = bootstrap_interval(
        np.stack([3 * below, below], axis=1), statistic=lambda means: means[:, 0] / means[:, 1], resamples=50
    )
    assert low == pytest.approx(3)
    assert high == pytest.approx(3)
    row = ratio_estimate("r", [1.0, math.nan, 3.0], [2.0, 5.0, 2.0], Resampling(50))
    assert (row.estimate, row.n_photos) == (1.0, 2)


def test_a_ratio_is_not_lost_to_a_resample_of_photos_that_do_not_count() -> None:
    row = ratio_estimate("r", [1, 2, 3, 0], [2, 3, 4, 0], Resampling(2000))  # of 256 resamples one is 0 / 0
    assert row.estimate == pytest.approx(2 / 3)
    assert 1 / 2 <= row.ci_low < row.estimate < row.ci_high <= 3 / 4
    nothing = ratio_estimate("r", [0, 0], [0, 0], Resampling(20))
    assert np.isnan([nothing.estimate, nothing.ci_low, nothing.ci_high]).all()


def test_one_photo_has_no_interval() -> None:
    row = mean_estimate("x", [0.3], Resampling(99))
    assert (row.estimate, row.n_photos) == (0.3, 1)
    assert np.isnan([row.ci_low, row.ci_high]).all()
    assert np.isnan(hierarchical_interval([[1.0], [2.0]])).all()


def test_hierarchical_interval_knows_both_sources() -> None:
    rng = np.random.default_rng(5)
    seeds, photos = rng.normal(0, 1, (8, 1)), rng.normal(0, 0.1, (1, 60))
    low, high = hierarchical_interval(seeds + photos, Resampling(4000))
    spread = seeds.std(ddof=1) / math.sqrt(8)  # the seeds are nearly all of it
    assert (high - low) / (2 * t.ppf(0.975, 7) * spread) == pytest.approx(1, abs=0.01)
    narrow = bootstrap_interval((seeds + photos).mean(axis=0))
    assert high - low > 5 * (narrow[1] - narrow[0])


def test_hierarchical_interval_adds_squares_of_its_parts() -> None:
    rng = np.random.default_rng(9)
    values, how = rng.exponential(size=(3, 50)), Resampling(300, 4)
    mean, (low, high) = values.mean(), hierarchical_interval(values.mean(axis=0, keepdims=True), how)
    seeds = ttest_1samp(values.mean(axis=1), 0).confidence_interval()
    half = (seeds.high - seeds.low) / 2
    expected = mean - math.hypot(mean - low, half), mean + math.hypot(high - mean, half)
    assert hierarchical_interval(values, how) == pytest.approx(expected)
    alike = np.repeat(values[:1], 3, axis=0)  # seeds that do not differ add nothing
    assert hierarchical_interval(alike, how) == pytest.approx(hierarchical_interval(values[:1], how))


@pytest.mark.parametrize("n_seeds", [2, 3, 5])
@pytest.mark.parametrize("seed_sd", [0.1, 1.0])
def test_hierarchical_interval_covers_with_few_seeds(n_seeds: int, seed_sd: float) -> None:
    rng, covered, n = np.random.default_rng([n_seeds, int(10 * seed_sd)]), 0, 150
    for trial in range(n):
        photos, noise = rng.normal(size=(1, 80)), rng.normal(size=(n_seeds, 80))
        values = seed_sd * rng.normal(size=(n_seeds, 1)) + photos + 0.3 * noise
        low, high = hierarchical_interval(values, Resampling(200, trial))
        covered += low <= 0 <= high
    assert covered >= binom.ppf(1e-4, n, 0.93)


def test_hierarchical_interval_leaves_nan_out() -> None:
    values = np.full((3, 4), 2.0)
    values[0, 1] = np.nan
    assert hierarchical_interval(values, Resampling(100)) == (2.0, 2.0)
    own, how = np.random.default_rng(1).normal(size=(2, 30)), Resampling(100)
    nothing = np.full((2, 1), np.nan)
    assert hierarchical_interval(np.hstack([own, nothing]), how) == hierarchical_interval(own, how)
    assert hierarchical_interval(np.vstack([own, np.full((1, 30), np.nan)]), how) == hierarchical_interval(own, how)
    with pytest.raises(ValueError, match=r"values have shape \[seeds, photos\], got \(3,\)"):
        hierarchical_interval([1, 2, 3])


def test_rows_and_their_table() -> None:
    how = Resampling(500, 2)
    sample = np.random.default_rng(6).normal(0.4, 0.5, 50)
    mean = mean_estimate("mean", [*sample, math.nan], how, effect="units", n_crops=9)
    assert mean.estimate == pytest.approx(sample.mean())
    assert (mean.ci_low, mean.ci_high) == bootstrap_interval(sample, 0.95, 500, 2)
    assert (mean.n_photos, mean.n_crops, mean.resamples, mean.seed) == (50, 9, 500, 2)
    untested = mean_estimate("untested", sample, how, alternative=None)
    rows = table([mean, untested, mean_estimate("again", sample, how)])
    assert tuple(rows.columns) == COLUMNS
    assert math.isnan(rows.p_adj[1])
    assert rows.p_adj[0] == pytest.approx(2 * rows.p[0])


def test_nothing_to_estimate() -> None:
    row = mean_estimate("nothing", [math.nan], Resampling(10))
    assert row.n_photos == 0
    assert all(math.isnan(x) for x in (row.estimate, row.ci_low, row.ci_high, row.p))


@pytest.mark.parametrize(
    ("centre", "verdict"), [(0.01, "ρ: smaller than 0.1"), (0.2, "ρ: not shown to be smaller than 0.1")]
)
def test_equivalence_rows(centre: float, verdict: str) -> None:
    correlations = np.random.default_rng(7).normal(centre, 0.1, 200)
    row = equivalence_estimate("e", correlations, 0.1, Resampling(500))
    assert row.effect == verdict
    assert (row.ci_high < 0.1) == (row.p < 0.05)  # the interval is that of 90 %


@pytest.mark.parametrize(
    ("options", "message"), [({"resamples": 0}, "at least 1, got 0"), ({"level": 1}, r"\(0, 1\), got 1")]
)
def test_resampling_is_checked(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Resampling(**options)
