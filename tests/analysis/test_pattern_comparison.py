"""Patterns on the same photos: planted orderings, McNemar's test and its clustered form, orientation, sweep tables."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

import asm_interp as asm
from asm_interp.analysis.expressivity import ceiling
from asm_interp.analysis.paired_maps import MappedPhoto, from_sweep, measure_paired
from asm_interp.analysis.pattern_comparison import PatternComparison, compare_patterns, mcnemar, mid_p
from asm_interp.analysis.statistics import Resampling

HOW = Resampling(400)


def photos(n: int = 12) -> Iterator[MappedPhoto]:
    """Crops are scored by the map of 1×3; the other patterns see that map without its columns, or noise."""
    rng = np.random.default_rng(0)
    for i in range(n):
        truth = rng.normal(size=(3, 12, 16)).astype(np.float32)
        low, sides = rng.uniform(0, 0.4, (14, 2)), rng.uniform(0.3, 0.6, (14, 2))
        boxes = np.concatenate([low, low + sides], axis=1) * [80, 60, 80, 60]
        values = {
            "grid:1x3": truth,
            "grid:1x1": truth.mean(axis=0, keepdims=True),
            "grid:3x1": rng.normal(size=(3, 12, 16)).astype(np.float32),
        }
        maps = {(name, 0): asm.ScoreMap(v, asm.patterns.get(name), (60, 80)) for name, v in values.items()}
        yield MappedPhoto(f"p{i}", maps, boxes, asm.crop_scores(maps["grid:1x3", 0], boxes))


@pytest.fixture(scope="module")
def comparison() -> PatternComparison:
    return compare_patterns(measure_paired(photos()), how=HOW)


def test_the_pattern_that_made_the_scores_is_found_to_order_best(comparison: PatternComparison) -> None:
    means = comparison.means.set_index(["setting", "statistic"])["estimate"]
    assert means["grid:1x3", "ranking_accuracy"] == 1
    assert means["grid:1x3", "SRCC"] == pytest.approx(1)
    assert means["grid:1x3", "Acc_5"] == 100
    assert means["grid:1x1", "ranking_accuracy"] < 0.95
    assert (means["grid:1x1", "share"], means["grid:1x1", "gauge_share"]) == (0, pytest.approx(np.nan, nan_ok=True))
    differences = comparison.differences.set_index(["setting", "reference", "statistic"])
    row = differences.loc[("grid:1x3", "grid:3x1", "SRCC")]
    assert row["estimate"] == pytest.approx(1 - means["grid:3x1", "SRCC"])
    assert row["ci_low"] > 0
    assert row["p_adj"] < 0.05
    assert set(comparison.differences["reference"]) == {"grid:1x1", "grid:3x1"}


def test_all_tables_stand_beside_each_other(comparison: PatternComparison) -> None:
    shares = comparison.composition.set_index(["setting", "statistic"])["estimate"]
    for name in ("grid:1x3", "grid:3x1"):
        assert sum(shares[name, f"{part} share"] for part in ("content", "composition", "covariance")) == pytest.approx(
            1
        )
    assert shares["grid:1x1", "composition share"] == pytest.approx(0, abs=1e-12)
    alike = comparison.similarity.set_index(["setting", "reference", "statistic"])["estimate"]
    assert alike["grid:1x3", "grid:1x1", "avg_spearman"] == pytest.approx(1, abs=1e-6)
    assert np.isnan(alike["grid:1x3", "grid:1x1", "std_spearman"])  # one partition has no θstd
    assert abs(alike["grid:1x1", "grid:3x1", "avg_spearman"]) < 0.2
    assert set(comparison.expressivity.index) == {"grid:1x3", "grid:1x1", "grid:3x1"}
    assert comparison.expressivity.loc["grid:1x3", "left"] == ceiling(asm.patterns.get("grid:1x3"), "left")


def test_pairs_that_one_alone_has_right_are_tested_by_photo(comparison: PatternComparison) -> None:
    row = comparison.mcnemar.set_index(["setting", "reference"]).loc[("grid:1x3", "grid:3x1")]
    means = comparison.means.set_index(["setting", "statistic"])["estimate"]
    assert (row["only_b"], row["n_crop_pairs"]) == (0, 12 * 91)
    assert row["estimate"] == pytest.approx(1 - means["grid:3x1", "ranking_accuracy"])
    assert row["p_independent"] == pytest.approx(2.0 ** -row["only_a"])
    assert row["p"] <= 0.02
    assert row["ci_low"] > 0


@pytest.mark.parametrize(("b", "c"), [(0, 0), (3, 3), (1, 8), (8, 1), (120, 90)])
def test_mid_p_is_the_exact_p_less_half_the_observed_weight(b: int, c: int) -> None:
    if b + c == 0:
        assert np.isnan(mid_p(b, c))
        return
    exact, fewer, n = binomtest(b, b + c).pvalue, min(b, c), b + c
    weight = binomtest(fewer, n, alternative="less").pvalue - (
        binomtest(fewer - 1, n, alternative="less").pvalue if fewer else 0
    )
    assert mid_p(b, c) == pytest.approx(1.0 if b == c else exact - weight)


def test_pairs_of_a_photo_do_not_count_as_independent() -> None:
    """On each photo one model, either with equal chance, has all disputed pairs right: only photos count."""
    rng = np.random.default_rng(0)
    rejected = {"p": 0, "p_independent": 0}
    for _ in range(60):
        first = np.where(rng.random(20) < 0.5, 50, 0)
        table = pd.DataFrame({"only_a": first, "only_b": 50 - first, "n_crop_pairs": 100, "photo": range(20)})
        row = mcnemar(table.assign(setting_a="a", setting_b="b"), Resampling(200)).iloc[0]
        for name in rejected:
            rejected[name] += row[name] < 0.05
    assert rejected["p"] <= 8  # 3 are expected
    assert rejected["p_independent"] > 40


def test_orientation_is_measured_beyond_what_the_raster_makes_of_it(comparison: PatternComparison) -> None:
    found = comparison.orientation.set_index(["setting", "reference", "statistic"])
    assert found.loc[("grid:1x3", "", "across"), "estimate"] == pytest.approx(1)
    assert found.loc[("grid:3x1", "", "down"), "estimate"] == pytest.approx(1)
    only = found.loc[("grid:1x3", "unrelated channels", "orientation")]
    assert (only["estimate"], only["p"]) == (0, 1)
    assert np.isnan(found.loc[("grid:1x1", "", "across"), "estimate"])
    claim = found.loc[("grid:1x3", "grid:3x1", "ranking_accuracy")]
    assert claim["estimate"] > 0.2
    assert claim["p_adj"] < 0.05
    assert found["p_adj"].dropna().ge(found["p"].dropna()).all()


def test_a_grid_that_reads_columns_alone_is_oriented_across() -> None:
    rng = np.random.default_rng(1)

    def maps() -> Iterator[MappedPhoto]:
        for i in range(8):
            columns = np.broadcast_to(rng.normal(size=(1, 3, 12, 16)), (3, 3, 12, 16)).reshape(9, 12, 16)
            values = columns + 0.1 * rng.normal(size=(9, 12, 16))
            mixed = rng.normal(size=(9, 12, 16))
            shape = asm.patterns.get("grid:3x3")
            both = {("columns", 0): values, ("mixed", 0): mixed}
            views = {run: asm.ScoreMap(v.astype(np.float32), shape, (60, 80)) for run, v in both.items()}
            yield MappedPhoto(f"p{i}", views, [[0, 0, 40, 40], [10, 10, 80, 60]])

    found = compare_patterns(measure_paired(maps()), how=HOW)
    rows = found.orientation.set_index(["setting", "statistic"])
    assert rows.loc[("columns", "orientation"), "ci_low"] > 0.9
    assert rows.loc[("columns", "orientation"), "p_adj"] < 0.05
    assert rows.loc[("mixed", "orientation"), "estimate"] == pytest.approx(0, abs=0.1)
    assert found.mcnemar.empty
    assert list(found.expressivity.index) == ["grid:3x3"]
    assert set(found.means["statistic"]) == {"share", "gauge_share", "std_concentration_corners"}


def test_tables_of_a_sweep_give_what_needs_no_map() -> None:
    rng = np.random.default_rng(2)
    base = rng.uniform(0.5, 0.7, 25)
    table = pd.DataFrame(
        [
            {
                "run": f"{name}-{seed}",
                "pattern": name,
                "lambda": 0.1,
                "seed": seed,
                "photo": f"p{i}",
                "ranking_accuracy": base[i] + gain + rng.normal(0, 0.02),
                "SRCC": base[i],
                "corner_std": rng.normal(),
            }
            for name, gain in (("grid:1x3", 0.1), ("grid:3x1", 0.0), ("cross-rectangle", 0.1))
            for seed in range(3)
            for i in range(25)
        ]
    )
    found = compare_patterns(from_sweep(table, "pattern"), how=HOW)
    row = found.differences.set_index(["setting", "reference", "statistic"]).loc[
        ("grid:1x3", "grid:3x1", "ranking_accuracy")
    ]
    assert row["ci_low"] < 0.1 < row["ci_high"]
    assert (row["n_seeds"], row["n_photos"]) == (3, 25)
    claim = found.orientation.set_index("statistic").loc["ranking_accuracy"]
    assert claim["estimate"] == row["estimate"]
    assert set(found.orientation["statistic"]) == {"ranking_accuracy", "SRCC"}
    assert all(each.empty for each in (found.mcnemar, found.similarity, found.composition))
    assert len(found.expressivity) == 3
