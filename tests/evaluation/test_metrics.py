"""The metrics against brute force over every tie order, ports of the reference code, scipy, and numbers by hand."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from asm_interp.evaluation import (
    best_crop_recall,
    best_overlap,
    bootstrap_interval,
    pcc,
    ranking_accuracy,
    srcc,
    top_accuracy,
    weighted_top_accuracy,
)


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
    assert np.isnan(bootstrap_interval([0.25])).all()


def test_bootstrap_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for trial in range(300):
        low, high = bootstrap_interval(rng.beta(8, 2, 60), resamples=400, seed=trial)
        covered += low <= 0.8 <= high
    assert 0.9 <= covered / 300 <= 0.985  # the percentile interval is a little short; standard error 1.3 %


def test_ranking_accuracy_of_chosen_pairs() -> None:
    votes, predicted = [3, 2, 5, 0, 1, 4], [1, 2, 7, 3, 5, 5]
    pairs = [[0, 1], [2, 3], [4, 5]]
    assert ranking_accuracy(predicted, votes, pairs=pairs) == pytest.approx((0 + 1 + 0.5) / 3)
    assert ranking_accuracy(predicted, votes, delta=3, pairs=pairs) == pytest.approx((1 + 0.5) / 2)
    everybody = list(itertools.combinations(range(6), 2))
    assert ranking_accuracy(predicted, votes, pairs=everybody) == ranking_accuracy(predicted, votes)
    assert math.isnan(ranking_accuracy(predicted, votes, pairs=np.zeros((0, 2), dtype=int)))
    with pytest.raises(ValueError, match="pairs are of crops 0 to 5, got 0 to 6"):
        ranking_accuracy(predicted, votes, pairs=[[0, 6]])
    with pytest.raises(ValueError, match=r"pairs are whole numbers of shape \[P, 2\], got float64 \(1, 2\)"):
        ranking_accuracy(predicted, votes, pairs=[[0.0, 1.0]])


def reference_top(predicted: list[float], scores: list[float], n: int) -> list[float]:
    """Acc_{K/N} as in the reference code: a stable sort of crops by prediction, best first."""
    order = sorted(range(len(predicted)), key=lambda i: predicted[i], reverse=True)
    limit = sorted(scores, reverse=True)[n - 1]
    return [sum(scores[i] >= limit for i in order[:k]) / k for k in (1, 2, 3, 4)]


def reference_weighted(predicted: list[float], scores: list[float], n: int) -> list[float]:
    """Rank-weighted Acc_{K/N} as in the reference code, its decay being .2 for N = 5 and .1 for N = 10."""
    beta = {5: 0.2, 10: 0.1}[n]
    truth = sorted(range(len(scores)), key=lambda i: scores[i], reverse=True)
    order = sorted(range(len(predicted)), key=lambda i: predicted[i], reverse=True)
    result = []
    for k in (1, 2, 3, 4):
        ranks = sorted(truth.index(i) for i in order[:k])
        result.append(sum(math.exp(-beta * (r - j)) for j, r in enumerate(ranks) if r < n) / k)
    return result


def reference_recall(predicted: list[float], scores: list[float], boxes: np.ndarray, n: int) -> float:
    order = sorted(range(len(predicted)), key=lambda i: predicted[i], reverse=True)
    best = boxes[max(range(len(scores)), key=lambda i: scores[i])]
    return float(any(overlap(boxes[i], best) >= 0.9 for i in order[:n]))


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    w = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    h = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h
    return w * h / union


def tie_orders(values: list[float]) -> list[list[float]]:
    """Every way to break the ties of `values`: distinct numbers in the same order, each equally likely."""
    blocks = [[i for i, v in enumerate(values) if v == level] for level in sorted(set(values))]
    orders = []
    for parts in itertools.product(*(itertools.permutations(block) for block in blocks)):
        place = {i: rank for rank, i in enumerate(itertools.chain(*parts))}
        orders.append([float(place[i]) for i in range(len(values))])
    return orders


few_levels = st.integers(0, 2).map(float)
small_photos = st.integers(5, 6).flatmap(
    lambda k: st.tuples(st.lists(few_levels, min_size=k, max_size=k), st.lists(few_levels, min_size=k, max_size=k))
)


@given(small_photos)
@settings(deadline=None, max_examples=25)
def test_expected_top_accuracy_is_the_mean_over_all_tie_orders(photo: tuple[list[float], list[float]]) -> None:
    predicted, scores = photo
    every = [reference_top(order, scores, 5) for order in tie_orders(predicted)]
    np.testing.assert_allclose(top_accuracy(predicted, scores, 5), np.mean(every, axis=0), atol=1e-12)


@given(small_photos.filter(lambda p: len(tie_orders(p[0])) * len(tie_orders(p[1])) <= 3000))
@settings(deadline=None, max_examples=15)
def test_expected_weighted_accuracy_is_the_mean_over_all_orders_of_both(photo: tuple[list[float], list[float]]) -> None:
    predicted, scores = photo
    pairs = itertools.product(tie_orders(predicted), tie_orders(scores))
    every = [reference_weighted(a, b, 5) for a, b in pairs]
    np.testing.assert_allclose(weighted_top_accuracy(predicted, scores, 5), np.mean(every, axis=0), atol=1e-12)


@given(small_photos, st.integers(0, 2**31))
@settings(deadline=None, max_examples=15)
def test_expected_recall_is_the_mean_over_all_orders(photo: tuple[list[float], list[float]], seed: int) -> None:
    predicted, scores = photo
    rng = np.random.default_rng(seed)
    near = np.array([0, 0, 100, 100]) + rng.integers(0, 4, (len(scores), 4))  # some pairs above .9, some below
    best = [i for i, value in enumerate(scores) if value == max(scores)]
    one_best = [[float(i == target) for i in range(len(scores))] for target in best]
    for n in (1, 3):
        every = [reference_recall(a, b, near, n) for a in tie_orders(predicted) for b in one_best]
        assert best_crop_recall(predicted, scores, near, n) == pytest.approx(np.mean(every), abs=1e-12)


@given(st.lists(st.tuples(few_levels, quarters), min_size=10, max_size=25), st.integers(0, 2**31))
@settings(deadline=None, max_examples=60)
def test_reference_ties_are_those_of_the_reference_code(crops: list[tuple[float, float]], seed: int) -> None:
    predicted, scores = [crop[0] for crop in crops], [crop[1] for crop in crops]
    boxes = np.array([0, 0, 100, 100]) + np.random.default_rng(seed).integers(0, 8, (len(crops), 4))
    for n in (5, 10):
        found = top_accuracy(predicted, scores, n, "reference")
        np.testing.assert_allclose(found, reference_top(predicted, scores, n), atol=1e-12)
        found = weighted_top_accuracy(predicted, scores, n, "reference")
        np.testing.assert_allclose(found, reference_weighted(predicted, scores, n), atol=1e-12)
        expected = reference_recall(predicted, scores, boxes, n)
        assert best_crop_recall(predicted, scores, boxes, n, ties="reference") == expected


@given(st.permutations(range(12)), st.permutations(range(12)))
@settings(deadline=None, max_examples=30)
def test_without_ties_both_rules_are_one(predicted: list[int], scores: list[int]) -> None:
    for measure in (top_accuracy, weighted_top_accuracy):
        for n in (5, 10):
            expected, reference = (measure(predicted, scores, n, ties) for ties in ("expected", "reference"))
            np.testing.assert_allclose(expected, reference, atol=1e-12)


@given(st.lists(st.tuples(quarters, quarters), min_size=2, max_size=30))
@settings(deadline=None, max_examples=60)
def test_correlations_are_those_of_scipy(crops: list[tuple[float, float]]) -> None:
    predicted, scores = np.array(crops).T
    if np.ptp(scores) == 0:
        assert math.isnan(srcc(predicted, scores))
        assert math.isnan(pcc(predicted, scores))
    elif np.ptp(predicted) == 0:
        assert srcc(predicted, scores) == pcc(predicted, scores) == 0
    else:
        assert srcc(predicted, scores) == pytest.approx(spearmanr(predicted, scores).statistic, abs=1e-12)
        assert pcc(predicted, scores) == pytest.approx(pearsonr(predicted, scores).statistic, abs=1e-12)


def test_one_photo_by_hand() -> None:
    """Six crops; the prediction swaps the best with the third and ties the fourth and fifth."""
    scores = [5.0, 4.5, 4.0, 3.0, 2.0, 1.0]
    predicted = [7.0, 8.0, 9.0, 5.0, 5.0, 6.0]
    # Predicted order: crops 2, 1, 0, 5, then 3 and 4. Top 5 = all but crop 5.
    assert top_accuracy(predicted, scores, 5).tolist() == pytest.approx([1, 1, 1, 3 / 4])
    # True ranks returned: {2}; {1, 2}; {0, 1, 2}; {0, 1, 2, 5}, the last of which is not below 5.
    weighted = [math.exp(-0.4), math.exp(-0.2), 1, 3 / 4]
    assert weighted_top_accuracy(predicted, scores, 5).tolist() == pytest.approx(weighted)
    # Of the 15 pairs wrong: (0, 1), (0, 2), (1, 2), (3, 5), (4, 5); half: (3, 4).
    assert ranking_accuracy(predicted, scores) == pytest.approx(9.5 / 15)
    # Ranks 4 5 6 1.5 1.5 3 against 6 5 4 3 2 1, both with mean 3.5: products of deviations sum to
    # 1.25 + 2.25 + 1.25 + 1 + 3 + 1.25 = 10, their squares to 17 and 17.5.
    assert srcc(predicted, scores) == pytest.approx(10 / math.sqrt(17 * 17.5))
    # Means 20/3 and 13/4: the products 7·5 + 8·4.5 + 9·4 + 5·3 + 5·2 + 6·1 = 138 less 6 · 20/3 · 13/4 = 130 leave 8,
    # the squares 280 - 6 · 400/9 = 40/3 and 75.25 - 6 · 169/16 = 11.875.
    assert pcc(predicted, scores) == pytest.approx(8 / math.sqrt(40 / 3 * 11.875))
    boxes = [[0, 0, 100, 100], [0, 0, 100, 92], [0, 0, 100, 89], *[[0, 0, 10, 10]] * 3]
    # The best crop is crop 0. The first returned (crop 2) overlaps it by .89, the second by .92.
    assert [best_crop_recall(predicted, scores, boxes, n) for n in (1, 2)] == [0, 1]


def test_a_photo_with_too_few_crops_or_without_a_score_says_nothing() -> None:
    assert np.isnan(top_accuracy([1, 2, 3, 4], [1, 2, 3, 4], 5)).all()
    assert np.isnan(weighted_top_accuracy([1, 2, 3], [1, 2, 3], 1)).all()
    assert not np.isnan(top_accuracy([1, 2, 3, 4], [1, 2, 3, 4], 1)).any()
    assert np.isnan(top_accuracy([1, 2, 3, 4, 5], [1, 2, math.nan, 4, 5], 5)).all()
    assert math.isnan(best_crop_recall([1, 2], [1, 2], [[0, 0, 1, 1]] * 2, 3))
    assert math.isnan(srcc([1], [1]))


def test_metrics_of_the_best_refuse_what_they_cannot_read() -> None:
    for measure in (top_accuracy, weighted_top_accuracy):
        with pytest.raises(ValueError, match="n is at least 1, got 0"):
            measure([1, 2, 3, 4], [1, 2, 3, 4], 0)
        with pytest.raises(ValueError, match="ties is 'expected' or 'reference', got 'random'"):
            measure([1, 2, 3, 4], [1, 2, 3, 4], 4, "random")
    with pytest.raises(ValueError, match=r"boxes have shape \[2, 4\], as there are scores, got \(1, 4\)"):
        best_crop_recall([1, 2], [1, 2], [[0, 0, 1, 1]], 1)


def test_best_overlap_takes_iou_and_displacement_of_one_annotator() -> None:
    """Photo 100 × 200 (H × W), crop 0 0 100 50."""
    crop = [0, 0, 100, 50]
    # IoU 1/2 with both: twice as high, or twice as wide. Displacement (0 + 50 / 100) / 4 and (100 / 200 + 0) / 4.
    assert best_overlap(crop, [[0, 0, 100, 100]], (100, 200)) == (0.5, 0.125)
    # A third annotator lies nearer by displacement but overlaps less: it must not lend its displacement.
    far_but_over = [0, 0, 200, 50]
    near_but_off = [60, 0, 160, 50]  # IoU 40 / 160, displacement (60 + 60) / 200 / 4 = .15
    assert best_overlap(crop, [near_but_off, far_but_over], (100, 200)) == (0.5, 0.125)
    # Of two that tie in IoU the nearer counts: 0 0 100 100 on a photo 400 high moves by 50 / 400 / 4.
    assert best_overlap(crop, [far_but_over, [0, 0, 100, 100]], (400, 200)) == (0.5, 50 / 400 / 4)
    assert best_overlap(crop, [[150, 60, 200, 100]], (100, 200))[0] == 0


@pytest.mark.parametrize(("box", "annotations"), [([0, 0, 1], [[0, 0, 1, 1]]), ([0, 0, 1, 1], np.zeros((0, 4)))])
def test_best_overlap_needs_a_box_and_an_annotator(box: list[int], annotations: object) -> None:
    with pytest.raises(ValueError, match=r"expected a box \[4\] and annotations \[M, 4\] with M > 0"):
        best_overlap(box, annotations, (10, 10))
