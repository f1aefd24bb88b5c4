"""What λ does: Page's test against scipy and planted trends, the curve by hand, gauge shares, like maps."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import page_trend_test, spearmanr

import asm_interp as asm
from asm_interp.analysis.lambda_comparison import compare_lambdas, page_concordance, page_trends, trade_off
from asm_interp.analysis.paired_maps import MappedPhoto, from_sweep, measure_paired
from asm_interp.analysis.statistics import Resampling

HOW = Resampling(400)
LAMBDAS = (0.0, 0.1, 1.0, 10.0)


def sweep(n_photos: int = 30, n_seeds: int = 2) -> pd.DataFrame:
    """Corner mass falls with λ, accuracy falls at λ = 10 only, gauge share does nothing; photos differ far more."""
    rng = np.random.default_rng(0)
    mass, accuracy = rng.normal(0, 3, n_photos), rng.uniform(0.6, 0.9, n_photos)
    return pd.DataFrame(
        [
            {
                "run": f"{lam}-{seed}",
                "pattern": "cross-rectangle",
                "lambda": lam,
                "seed": seed,
                "photo": f"p{i}",
                "ranking_accuracy": accuracy[i] - 0.2 * (lam == 10) + rng.normal(0, 0.01),
                "gauge_share": rng.uniform(0.2, 0.4),
                "corner_std": mass[i] - 0.3 * k + 0.05 * seed + rng.normal(0, 0.1),
            }
            for k, lam in enumerate(LAMBDAS)
            for seed in range(n_seeds)
            for i in range(n_photos)
        ]
    ).sample(frac=1, random_state=0)  # in no order


def test_planted_effects_of_lambda_are_recovered_from_a_sweep() -> None:
    found = compare_lambdas(from_sweep(sweep(), "lambda"), reference=0.1, how=HOW)
    differences = found.differences.set_index(["setting", "statistic"])
    assert set(found.differences["setting"]) == {0.0, 1.0, 10.0}
    for lam, planted in ((0.0, 0.3), (1.0, -0.3), (10.0, -0.6)):
        row = differences.loc[(lam, "corner_std")]
        assert row["ci_low"] < planted < row["ci_high"]
        assert row["p_adj"] < 0.05
    assert differences.loc[(10.0, "ranking_accuracy"), "estimate"] == pytest.approx(-0.2, abs=0.01)
    assert differences.loc[(1.0, "ranking_accuracy"), "p_adj"] > 0.05
    assert (differences.xs("gauge_share", level="statistic")["p_adj"] > 0.05).all()
    trends = found.trends.set_index("statistic")
    assert trends.loc["corner_std", "estimate"] < -0.9
    assert trends.loc["corner_std", "p_adj"] < 1e-6
    assert trends.loc["gauge_share", "p_adj"] > 0.05
    assert list(found.gauge_share["setting"]) == list(LAMBDAS)
    assert found.similarity.empty


def test_the_curve_has_a_point_for_each_seed_and_one_over_them() -> None:
    table = sweep(n_photos=8)
    curve = compare_lambdas(from_sweep(table, "lambda"), 0.0, [], HOW).trade_off
    assert len(curve) == len(LAMBDAS) * 3
    for _, point in curve.iterrows():
        own = table[table["lambda"] == point["lambda"]]
        own = own if pd.isna(point["seed"]) else own[own["seed"] == point["seed"]]
        assert point["accuracy"] == pytest.approx(own["ranking_accuracy"].mean())
        assert point["corner_mass"] == pytest.approx(own["corner_std"].mean())
        assert point["corner_mass_low"] < point["corner_mass"] < point["corner_mass_high"]
        assert point["n_photos"] == 8
    with pytest.raises(ValueError, match="no measure 'beauty'"):
        trade_off(from_sweep(table, "lambda").photos, accuracy="beauty")


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(3, 7))
def test_concordance_is_spearmans_correlation_and_pages_l(seed: int, k: int) -> None:
    values = np.random.default_rng(seed).normal(size=(5, k))
    found = page_concordance(values)
    assert found == pytest.approx([spearmanr(row, np.arange(k)).statistic for row in values])
    statistic = page_trend_test(values).statistic
    mean = 12 * statistic / (5 * k * (k**2 - 1)) - 3 * (k + 1) / (k - 1)
    assert found.mean() == pytest.approx(mean)


def test_pages_p_is_scipys_on_both_sides_and_photos_that_lack_a_value_are_left_out() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(20, 4)) + 0.4 * np.arange(4)
    rows = pd.DataFrame(
        [
            {"setting": lam, "seed": 0, "photo": f"p{i}", "up": values[i, k], "down": -values[i, k]}
            for k, lam in enumerate(LAMBDAS)
            for i in range(20)
        ]
    )
    rows.loc[rows["photo"] == "p19", "down"] = [np.nan, 1.0, 2.0, 3.0]
    found = page_trends(rows, ["up", "down"], HOW).set_index("statistic")
    assert found.loc["up", "p"] == pytest.approx(2 * page_trend_test(values).pvalue)
    assert found.loc["up", "page_l"] == page_trend_test(values).statistic
    assert found.loc["down", "p"] == pytest.approx(2 * page_trend_test(values[:19]).pvalue)
    assert found.loc["down", "estimate"] < 0 < found.loc["up", "estimate"]
    assert found["n_photos"].to_list() == [20, 19]
    assert found.loc["up", "p_adj"] >= found.loc["up", "p"]
    one = page_trends(rows[rows["photo"] == "p0"], ["up"], HOW).iloc[0]
    assert np.isnan(one["p"])
    with pytest.raises(ValueError, match=r"at least three λ, found \[0.0, 0.1\]"):
        page_trends(rows[rows["setting"] < 1], ["up"], HOW)


def test_offsets_are_seen_as_offsets_and_like_maps_as_alike() -> None:
    """λ = 0: large channel offsets on the very map of λ = 0.1; λ = 1: another map."""
    shape, boxes = asm.patterns.get("grid:1x3"), [[0, 0, 40, 60], [20, 10, 80, 60], [10, 0, 60, 50]]
    offsets = np.array([-50.0, 0, 50]).reshape(3, 1, 1)

    def photos():  # type: ignore[no-untyped-def]
        rng = np.random.default_rng(0)
        for i in range(4):
            plain, other = rng.normal(size=(2, 3, 12, 16))
            plain -= plain.mean((1, 2), keepdims=True)
            other -= other.mean((1, 2), keepdims=True)
            maps = {(0.0, 0): plain + offsets, (0.1, 0): plain, (1.0, 0): other}
            yield MappedPhoto(
                f"p{i}",
                {run: asm.ScoreMap(v.astype(np.float32), shape, (60, 80)) for run, v in maps.items()},
                boxes,
                [1, 2, 3],
            )

    found = compare_lambdas(measure_paired(photos()), 0.1, how=HOW)
    gauge = found.gauge_share.set_index("setting")["estimate"]
    assert gauge[0.0] > 0.99
    assert gauge[0.1] == pytest.approx(0, abs=1e-6)
    alike = found.similarity.set_index(["setting", "reference", "statistic"])["estimate"]
    assert alike[0.0, 0.1, "std_spearman"] == pytest.approx(1, abs=1e-3)
    assert alike[0.0, 0.1, "std_iou"] > 0.99
    assert alike[0.1, 1.0, "std_spearman"] < 0.5
    same = found.differences.set_index(["setting", "statistic"])
    assert same.loc[(0.0, "std_mean"), "estimate"] == pytest.approx(0, abs=1e-5)
    assert same.loc[(0.0, "gauge_share"), "estimate"] > 0.99
    assert set(found.differences["statistic"]) >= {"ranking_accuracy", "share", "std_concentration_corners", "across"}
    assert (found.trade_off["n_photos"] == 4).all()


def test_what_is_no_lambda_is_named() -> None:
    table = from_sweep(sweep(4, 1), "lambda")
    with pytest.raises(ValueError, match=r"the reference λ is one of \[0.0, 0.1, 1.0, 10.0\], got 0.2"):
        compare_lambdas(table, 0.2)
    table.photos["setting"] = table.photos["setting"].astype(str)
    with pytest.raises(ValueError, match="λ is a number, found settings"):
        compare_lambdas(table, 0.1)
