import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asm_interp.evaluation import bootstrap_interval, ranking_accuracy


def pair_by_pair(predicted: list[float], scores: list[float], delta: float) -> float:
    points = []
    for i in range(len(scores)):
        for j in range(len(scores)):
            gap = scores[i] - scores[j]
            if gap > 0 and gap >= delta:
                points.append(1.0 if predicted[i] > predicted[j] else 0.5 if predicted[i] == predicted[j] else 0.0)
    return sum(points) / len(points) if points else math.nan


# Quarters: ties and gaps of exactly delta occur.
quarters = st.integers(-8, 8).map(lambda n: n / 4)


@given(
    st.lists(st.tuples(quarters, quarters | st.just(math.nan)), min_size=0, max_size=9), st.sampled_from([0, 0.25, 1])
)
@settings(deadline=None, max_examples=200)
def test_ranking_accuracy_pair_by_pair(crops: list[tuple[float, float]], delta: float) -> None:
    predicted, scores = [crop[0] for crop in crops], [crop[1] for crop in crops]
    expected = pair_by_pair(predicted, scores, delta)
    assert ranking_accuracy(predicted, scores, delta) == pytest.approx(expected, nan_ok=True, abs=1e-12)


def test_ranking_accuracy_in_closed_form() -> None:
    assert ranking_accuracy([1, 2, 3], [3, 2, 1]) == 0
    assert ranking_accuracy([1, 1, 0], [2, 1, 0]) == pytest.approx(2.5 / 3)
    assert ranking_accuracy([1, 2, 3], [0.0, 0.1, 1.0], delta=0.5) == 1  # the tie within delta plays no part
    assert ranking_accuracy([2, 1, 3], [0.0, 0.1, 1.0], delta=0.5) == 1
    assert ranking_accuracy([0, 1], [0.0, 0.5], delta=0.5) == 1  # a gap of delta itself counts


@pytest.mark.parametrize(("scores", "delta"), [([1.0, 1.0], 0), ([0.0, 0.4], 0.5), ([0.0, math.nan], 0), ([], 0)])
def test_no_pair_is_nan(scores: list[float], delta: float) -> None:
    assert math.isnan(ranking_accuracy(list(range(len(scores))), scores, delta))


def test_ranking_accuracy_errors() -> None:
    with pytest.raises(ValueError, match=r"two vectors of one length, got \(3,\) and \(2,\)"):
        ranking_accuracy([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match=r"got \(1, 2\) and \(1, 2\)"):
        ranking_accuracy([[1, 2]], [[1, 2]])
    with pytest.raises(ValueError, match="predicted scores are finite, got nan"):
        ranking_accuracy([1, math.nan], [1, 2])


def test_bootstrap_depends_on_the_seed_alone() -> None:
    values = np.random.default_rng(0).uniform(size=40)
    assert bootstrap_interval(values, seed=3) == bootstrap_interval(values, seed=3)
    assert bootstrap_interval(values, seed=3) != bootstrap_interval(values, seed=4)


def test_bootstrap_against_the_normal_interval() -> None:
    values = np.random.default_rng(1).normal(5, 2, 400)
    error = values.std() / math.sqrt(400)
    for level, quantile in ((0.95, 1.960), (0.8, 1.2816)):
        found = bootstrap_interval(values, level, resamples=4000)
        expected = values.mean() - quantile * error, values.mean() + quantile * error
        np.testing.assert_allclose(found, expected, atol=0.12 * error)


def test_bootstrap_leaves_nan_out_and_may_be_empty() -> None:
    values = [0.1, 0.5, 0.9, 0.3]
    assert bootstrap_interval([math.nan, *values, math.nan]) == bootstrap_interval(values)
    assert np.isnan(bootstrap_interval([math.nan])).all()
    assert np.isnan(bootstrap_interval([])).all()
    assert bootstrap_interval([0.25]) == (0.25, 0.25)


def test_bootstrap_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for trial in range(300):
        low, high = bootstrap_interval(rng.beta(8, 2, 60), resamples=400, seed=trial)
        covered += low <= 0.8 <= high
    assert 0.9 <= covered / 300 <= 0.985  # the percentile interval is a little short; standard error 1.3 %
