"""Corner coverage: exact oracles on small data, planted effects, and how often the tests reject."""

import importlib.util
from itertools import combinations, permutations
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, rankdata, spearmanr

from asm_interp.analysis.corner_coverage import (
    corner_correlation,
    corner_delta,
    corner_estimates,
    extreme_weights,
    matched_difference,
    partial_correlation,
    risk_difference,
    tolerance_sweep,
)
from asm_interp.analysis.estimates import COLUMNS
from asm_interp.analysis.scored_crops import ScoredCrops, exchanges, ranks, stratum_means
from asm_interp.analysis.statistics import Resampling, cliffs_delta, sign_flip_p
from asm_interp.data.crops import CropDataset, CropSample
from asm_interp.data.registry import read_dataset
from asm_interp.geometry.candidates import gaic_grid

REPO = Path(__file__).parents[2]
SIZE = (600, 800)
CROPS = len(gaic_grid(SIZE))


@pytest.fixture(scope="module")
def calibration() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bias_calibration", REPO / "benchmarks" / "bias_calibration.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def crops_of(scores: np.ndarray, boxes: np.ndarray | None = None) -> ScoredCrops:
    """Photos with the same boxes and these scores, [N, K]."""
    boxes = gaic_grid(SIZE) if boxes is None else boxes
    samples = [CropSample(id=str(i), boxes=boxes, scores=row, photo_size=SIZE) for i, row in enumerate(scores)]
    return ScoredCrops.read(CropDataset("made", samples))


@given(st.lists(st.integers(0, 3), min_size=2, max_size=6), st.sampled_from([0.25, 0.4, 0.5]))
@settings(max_examples=60, deadline=None)
def test_groups_are_the_mean_over_orders_of_ties(scores: list[int], share: float) -> None:
    n = len(scores)
    size = max(min(int(np.ceil(share * n)), n // 2), 1)
    best, worst = np.zeros(n), np.zeros(n)
    orders = [order for order in permutations(range(n)) if all(np.diff([scores[i] for i in order]) >= 0)]
    for order in orders:
        worst[list(order[:size])] += 1 / (size * len(orders))
        best[list(order[-size:])] += 1 / (size * len(orders))
    # Padding behind the crops changes nothing.
    padded = np.array([[*scores, 99, 99]], dtype=float)
    found = extreme_weights(padded, np.array([[True] * n + [False] * 2]), share)
    np.testing.assert_allclose(found[0][0], [*best, 0, 0], atol=1e-12)
    np.testing.assert_allclose(found[1][0], [*worst, 0, 0], atol=1e-12)


def test_share_is_checked() -> None:
    with pytest.raises(ValueError, match=r"share is in \(0, 0.5\], got 0.6"):
        extreme_weights(np.ones((1, 2)), np.ones((1, 2), bool), 0.6)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_effects_are_those_of_the_two_groups(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, corners = rng.permutation(12)[None].astype(float), rng.integers(0, 5, (1, 12)).astype(float)
    best, worst = extreme_weights(scores, np.ones((1, 12), bool))
    order = scores[0].argsort()
    low, high = corners[0][order[:3]], corners[0][order[-3:]]
    assert corner_delta(corners, best, worst)[0] == pytest.approx(cliffs_delta(high, low))
    expected = (high > 0).mean() - (low > 0).mean()
    assert risk_difference((corners > 0).astype(float), best, worst)[0] == pytest.approx(expected)


@given(st.integers(0, 10_000), st.integers(0, 2))
@settings(max_examples=40, deadline=None)
def test_partial_correlation_is_that_of_residuals(seed: int, n_controls: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 3, 9))
    controls = list(rng.normal(size=(n_controls, 3, 9)))
    valid = np.ones((3, 9), bool)
    valid[1, 7:] = False
    found = partial_correlation(x, y, [*controls, *[2 * c + 1 for c in controls]], valid)  # said twice is said once
    for row in range(3):
        keep = valid[row]
        design = np.stack([np.ones(keep.sum()), *(c[row][keep] for c in controls)], axis=1)
        rest = [v[row][keep] - design @ np.linalg.lstsq(design, v[row][keep], rcond=None)[0] for v in (x, y)]
        assert found[row] == pytest.approx(np.corrcoef(*rest)[0, 1], abs=1e-9)


def test_without_controls_it_is_spearmans() -> None:
    scores = np.random.default_rng(0).normal(size=(4, CROPS))
    crops = crops_of(scores)
    found = corner_correlation(crops, "nothing")
    for row in range(4):
        assert found[row] == pytest.approx(spearmanr(scores[row], crops.corners()[row]).statistic)
    with pytest.raises(ValueError, match="held is one of nothing, area and aspect"):
        corner_correlation(crops, "colour")  # type: ignore[arg-type]


def test_nothing_to_correlate_is_nan() -> None:
    crops = crops_of(np.random.default_rng(0).normal(size=(3, CROPS)))
    assert np.isnan(corner_correlation(crops, "area and aspect", tolerance=1 / 32)).all()  # GAIC's grid stops at 1/24
    sizes = np.unique((crops.boxes[0, :, 2:] - crops.boxes[0, :, :2]).round(6), axis=0)
    each_once = crops_of(np.random.default_rng(0).normal(size=(3, 2)), gaic_grid(SIZE)[[0, -1]])
    assert len(sizes) < CROPS
    assert np.isnan(corner_correlation(each_once, "width and height")).all()


def test_exchange_stays_within_strata_and_reaches_every_order() -> None:
    strata = np.array([[0, 1, 0, 1, 1]])
    values = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])
    rng = np.random.default_rng(0)
    seen = [tuple(exchanges(strata)(values, rng)[0]) for _ in range(2000)]
    assert {frozenset(np.array(row)[[0, 2]]) for row in seen} == {frozenset([1.0, 3.0])}
    counts = np.unique(seen, axis=0, return_counts=True)[1]
    assert len(counts) == 12
    assert counts.min() > 2000 / 12 * 0.6
    np.testing.assert_allclose(stratum_means(values, strata), [[2, 11 / 3, 2, 11 / 3, 11 / 3]])
    np.testing.assert_allclose(np.mean(seen, axis=0), stratum_means(values, strata)[0], atol=0.1)


def test_matched_difference_is_beyond_the_mean_of_every_exchange() -> None:
    boxes = gaic_grid(SIZE)[[0, 4, 40, 47, 60, 82]]
    scores = np.random.default_rng(2).normal(size=(1, 6))
    crops = crops_of(scores, boxes)
    covers = (crops.corners()[0] > 0).astype(float)
    assert 0 < covers.sum() < 6
    best, worst = extreme_weights(crops.scores, crops.valid)
    weights = (best - worst)[0]
    null = np.array([weights @ np.isin(range(6), chosen) for chosen in combinations(range(6), int(covers.sum()))])
    found = matched_difference(crops, "none")
    assert found == pytest.approx([weights @ covers - null.mean()])


@given(st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_order_of_crops_and_scale_of_scores_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(2, CROPS))
    order = rng.permutation(CROPS)
    plain, mixed = crops_of(scores), crops_of(np.exp(3 * scores[:, order]), gaic_grid(SIZE)[order])
    for held in ("nothing", "area and aspect", "size, curved", "size and centrality", "width and height"):
        np.testing.assert_allclose(corner_correlation(plain, held), corner_correlation(mixed, held), atol=1e-9)


def test_mirroring_changes_nothing() -> None:
    scores = np.random.default_rng(3).normal(size=(2, CROPS))
    boxes = gaic_grid(SIZE)
    flipped = boxes.copy()
    flipped[:, [0, 2]] = SIZE[1] - boxes[:, [2, 0]]
    for held in ("area and aspect", "width and height"):
        plain, mirrored = (corner_correlation(crops_of(scores, b), held) for b in (boxes, flipped))
        np.testing.assert_allclose(plain, mirrored, atol=1e-9)


def test_a_planted_corner_effect_is_found_beside_a_larger_one_of_area(calibration: ModuleType) -> None:
    rng = np.random.default_rng(4)
    rows = {row.statistic: row for row in corner_estimates(calibration.worlds(60, "area", rng, 0.4), Resampling(500))}
    exact = rows["score and corner count, width and height held fixed"]
    assert exact.p < 0.01
    assert 0 < exact.ci_low < exact.estimate < exact.ci_high
    assert rows["corner coverage, best less worst, within width and height"].p < 0.01


def test_area_alone_looks_like_corners_until_size_is_held(calibration: ModuleType) -> None:
    crops = calibration.worlds(200, "area", np.random.default_rng(5))
    rows = {row.statistic: row for row in corner_estimates(crops, Resampling(500))}
    assert rows["corner count, best against worst"].estimate > 0.3
    exact = rows["score and corner count, width and height held fixed"]
    assert exact.ci_low < 0 < exact.ci_high
    assert abs(exact.estimate) < 0.05


@pytest.mark.parametrize("null", ["pure null", "heterogeneity", "area", "area, curved"])
def test_the_size_held_test_rejects_as_often_as_it_says(calibration: ModuleType, null: str) -> None:
    n = 200
    rates = calibration.rejections(n, 60, null, [11, 0])
    tests = ["partial ρ, width and height held", "matched within width and height"]
    if not null.startswith("area"):
        tests += ["matched within thirds by area", "partial ρ, area and aspect held", "Cliff's δ, photo by photo"]
    for name in tests:
        # 200 simulations of an exact test leave these bounds once in 10,000 runs on either side.
        assert binom.ppf(1e-4, n, 0.05) <= round(n * rates[name]) <= binom.ppf(1 - 1e-4, n, 0.05), name
    if null == "heterogeneity":
        assert rates["Mann-Whitney, pooled crops"] > 0.15
    if null.startswith("area"):
        assert rates["Mann-Whitney, pooled crops"] > 0.9
        assert rates["Cliff's δ, photo by photo"] > 0.9


def test_the_simulated_tests_are_those_of_the_table(calibration: ModuleType) -> None:
    crops, how = calibration.worlds(60, "heterogeneity", np.random.default_rng(8)), Resampling(200)
    rows = {row.statistic: row for row in corner_estimates(crops, how)}
    names = {
        "Cliff's δ, photo by photo": "corner count, best against worst",
        "matched within thirds by area": "corner coverage, best less worst, within thirds by area",
        "matched within width and height": "corner coverage, best less worst, within width and height",
        "partial ρ, area and aspect held": "score and corner count, area and aspect held fixed",
        "partial ρ, size curved held": "score and corner count, size, curved held fixed",
        "partial ρ, width and height held": "score and corner count, width and height held fixed",
    }
    for name, per_photo in calibration.photo_wise(crops).items():
        row = rows[names[name]]
        assert (row.estimate, row.p) == (np.nanmean(per_photo), sign_flip_p(per_photo, how))


def test_a_photo_with_one_pair_to_compare_weighs_as_any_other() -> None:
    boxes = gaic_grid(SIZE)
    scores = np.random.default_rng(9).normal(size=(40, CROPS))
    samples = [CropSample(id=str(i), boxes=boxes, scores=row, photo_size=SIZE) for i, row in enumerate(scores)]
    # Two crops of one size, one of them in a corner: ρ is 1.
    pair = np.array([[0.04, 0.04, 0.8, 0.8], [0.1, 0.1, 0.86, 0.86]]) * np.array([SIZE[1], SIZE[0]] * 2)
    samples.append(CropSample(id="pair", boxes=pair, scores=np.array([2.0, 1.0]), photo_size=SIZE))
    crops = ScoredCrops.read(CropDataset("made", samples))
    per_photo = corner_correlation(crops, "width and height")
    assert per_photo[-1] == pytest.approx(1)
    rows = {row.statistic: row for row in corner_estimates(crops, Resampling(200))}
    row = rows["score and corner count, width and height held fixed"]
    assert row.estimate == pytest.approx((per_photo[:-1].sum() + 1) / 41)
    assert row.p > 0.05


def test_sweep_and_columns() -> None:
    crops = crops_of(np.random.default_rng(6).normal(size=(20, CROPS)))
    sweep = tolerance_sweep(crops, Resampling(50))
    assert list(sweep.columns) == ["tolerance", "coverage", *COLUMNS]
    by_tolerance = sweep.groupby("tolerance").coverage.first()
    assert by_tolerance.iloc[0] == 0
    assert by_tolerance.is_monotonic_increasing
    assert sweep[sweep.coverage == 0].estimate.isna().all()
    assert (sweep.p_adj.dropna() >= sweep.p.dropna()).all()


def test_padding_takes_no_part() -> None:
    rng = np.random.default_rng(7)
    boxes, scores = gaic_grid(SIZE), rng.normal(size=CROPS)
    few = CropSample(id="few", boxes=boxes[:30], scores=scores[:30], photo_size=SIZE)
    many = CropSample(id="many", boxes=boxes, scores=scores, photo_size=SIZE)
    together = ScoredCrops.read(CropDataset("two", [few, many]))
    alone = ScoredCrops.read(CropDataset("one", [few]))
    assert together.n_crops == 30 + CROPS
    np.testing.assert_allclose(ranks(together.scores, together.valid)[0, :30], rankdata(scores[:30]))
    for held in ("nothing", "area and aspect", "size, curved", "size and centrality", "width and height"):
        assert corner_correlation(together, held)[0] == pytest.approx(corner_correlation(alone, held)[0])


def test_photos_that_say_nothing_are_named() -> None:
    boxes = gaic_grid(SIZE)[:3]
    flat = CropSample(id="flat", boxes=boxes, scores=np.ones(3), photo_size=SIZE)
    unscored = CropSample(id="unscored", boxes=boxes, photo_size=SIZE)
    told = CropSample(id="told", boxes=boxes, scores=np.arange(3.0), photo_size=SIZE)
    crops = ScoredCrops.read(CropDataset("some", [flat, unscored, told]))
    assert crops.ids == ("told",)
    assert crops.skipped == {
        "flat": "flat: its crops do not have two different scores",
        "unscored": "unscored: its crops have no scores",
    }
    with pytest.raises(ValueError, match="some: none of the 1 photos has crops to compare: flat: its crops do not"):
        ScoredCrops.read(CropDataset("some", [flat]))


def test_people_prefer_size_and_centre_to_corners(shared_dir: Path) -> None:
    crops = ScoredCrops.read(read_dataset("gaicd", shared_dir / "data" / "gaicd"))
    assert (len(crops), crops.n_crops) == (1236, 106_853)
    means = {held: np.nanmean(corner_correlation(crops, held)) for held in ("area and aspect", "width and height")}
    assert means["area and aspect"] < -0.1
    assert means["width and height"] < -0.15
    assert 0 < np.nanmean(corner_correlation(crops, "size and centrality")) < 0.05
