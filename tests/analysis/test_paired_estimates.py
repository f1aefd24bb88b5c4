"""Means and paired differences over photos and seeds: planted differences, Holm's families, missing values."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from asm_interp.analysis.paired_estimates import (
    paired_differences,
    present,
    seeded_estimate,
    setting_means,
    similarities,
)
from asm_interp.analysis.statistics import Resampling, bootstrap_interval, holm, sign_flip_p

HOW = Resampling(500, seed=3)


def rows(shifts: dict[str, float], n_photos: int = 40, n_seeds: int = 1) -> pd.DataFrame:
    """Photos differ much, seeds a little; each setting adds its shift, and a small noise of its own, to x but not y."""
    rng = np.random.default_rng(0)
    photo = rng.normal(0, 5, n_photos)
    return pd.DataFrame(
        [
            {
                "setting": name,
                "seed": seed,
                "photo": f"p{i}",
                "n_crops": 10,
                "x": photo[i] + shift + rng.normal(0, 0.1),
                "y": photo[i],
            }
            for name, shift in shifts.items()
            for seed in range(n_seeds)
            for i in range(n_photos)
        ]
    )


def test_a_planted_difference_is_found_though_photos_differ_far_more() -> None:
    table = rows({"a": 0.2, "b": 0.0, "c": 0.0})
    found = paired_differences(table, [("a", "b"), ("c", "b")], ["x", "y"], HOW).set_index(["setting", "statistic"])
    a, c = found.loc[("a", "x")], found.loc[("c", "x")]
    wide = table.pivot(index="photo", columns="setting", values="x")
    difference = (wide["a"] - wide["b"]).to_numpy()
    assert a["estimate"] == pytest.approx(difference.mean())
    assert a["ci_low"] < 0.2 < a["ci_high"]
    assert a["ci_low"] > 0
    assert a["d_z"] == pytest.approx(difference.mean() / difference.std(ddof=1))
    assert a["p"] == sign_flip_p(difference, HOW)
    assert (a["n_photos"], a["n_crops"], a["n_seeds"]) == (40, 400, 1)
    assert c["ci_low"] < 0 < c["ci_high"]
    assert c["p"] > 0.05
    by_statistic = found.xs("x", level="statistic")
    assert by_statistic["p_adj"].to_numpy() == pytest.approx(holm(by_statistic["p"]))  # y is a family of its own
    assert found.loc[("a", "y"), "p"] == 1
    assert np.isnan(found.loc[("a", "y"), "d_z"])


def test_the_interval_of_one_seed_is_near_the_bootstrap_over_photos() -> None:
    values = np.random.default_rng(1).normal(size=60)
    row = seeded_estimate("x", values[None], Resampling(4000))
    assert (row.ci_low, row.ci_high) == pytest.approx(bootstrap_interval(values, resamples=4000), abs=0.03)


def test_seeds_widen_the_interval_and_are_reported() -> None:
    one, table = rows({"a": 0.0}, n_seeds=1), rows({"a": 0.0}, n_seeds=4)
    table["x"] += table["seed"] * 3.0
    one["x"] -= one["x"].mean()
    found, alone = (setting_means(each, ["x"], HOW).iloc[0] for each in (table, one))
    assert found["n_seeds"] == 4
    assert found["sd_seeds"] == pytest.approx(3 * np.std(range(4), ddof=1), abs=0.1)
    assert np.isnan(alone["sd_seeds"])
    assert found["ci_high"] - found["ci_low"] > alone["ci_high"] - alone["ci_low"]
    assert (found["n_photos"], found["n_crops"]) == (40, 400)


def test_differences_are_between_runs_of_the_same_seed_and_photo() -> None:
    table = rows({"a": 1.0, "b": 0.0}, n_seeds=3)
    table["x"] += 100 * table["seed"]  # common to both settings
    table = table[~((table["setting"] == "b") & ((table["seed"] == 2) | (table["photo"] == "p0")))]
    found = paired_differences(table, [("a", "b")], ["x"], HOW).iloc[0]
    assert (found["n_seeds"], found["n_photos"]) == (2, 39)
    assert found["estimate"] == pytest.approx(1, abs=0.1)
    assert found["d_z"] > 5


def test_one_photo_has_no_interval() -> None:
    found = setting_means(rows({"a": 0.0}, n_photos=1, n_seeds=2), ["x"], HOW).iloc[0]
    assert (found["n_photos"], found["n_seeds"]) == (1, 2)
    assert np.isfinite(found["estimate"])
    assert np.isnan(found[["ci_low", "ci_high"]].astype(float)).all()


def test_missing_and_infinite_values_leave_a_photo_out() -> None:
    table = rows({"a": 1.0, "b": 0.0}, n_photos=10)
    table.loc[0, "x"], table.loc[1, "x"] = np.nan, -np.inf
    table["nothing"] = np.nan
    found = paired_differences(table, [("a", "b")], ["x", "nothing"], HOW).set_index("statistic")
    assert found.loc["x", "n_photos"] == 8
    assert found.loc["x", "estimate"] == pytest.approx(1, abs=0.2)
    assert found.loc["nothing", "n_photos"] == 0
    assert found.loc["nothing", ["estimate", "ci_low", "ci_high", "p", "p_adj", "d_z"]].isna().all()
    assert present(table, ["x", "nothing", "elsewhere"]) == ["x"]


def test_what_cannot_be_compared_is_named() -> None:
    table = rows({"a": 1.0, "b": 0.0}, n_photos=4)
    with pytest.raises(ValueError, match=r"no setting 'c'; there are \['a', 'b'\]"):
        paired_differences(table, [("a", "c")], ["x"])
    with pytest.raises(ValueError, match="no measure 'z'"):
        setting_means(table, ["z"])
    table.loc[table["setting"] == "b", "photo"] += " of another data set"
    with pytest.raises(ValueError, match="'a' and 'b' have no photo and seed in common"):
        paired_differences(table, [("a", "b")], ["x"])


def test_similarities_are_means_over_photos_beside_those_between_seeds() -> None:
    pairs = pd.DataFrame(
        [
            {"setting_a": a, "setting_b": b, "seed_a": s, "seed_b": other, "photo": f"p{i}"}
            | {"avg_spearman": value + 0.01 * i, "avg_iou": value, "std_spearman": np.nan, "std_iou": value}
            for a, b, s, other, value in (("a", "b", 0, 0, 0.2), ("a", "b", 1, 1, 0.4), ("a", "a", 0, 1, 0.9))
            for i in range(5)
        ]
    )
    found = similarities(pairs, HOW).set_index(["setting", "reference", "statistic"])
    assert found.loc[("a", "b", "avg_spearman"), "estimate"] == pytest.approx(0.32)
    half = t.ppf(0.975, 1) * 0.1  # of 0.2 and 0.4, whose mean has a standard error of 0.1
    assert found.loc[("a", "b", "avg_iou"), ["ci_low", "ci_high"]].tolist() == pytest.approx([0.3 - half, 0.3 + half])
    assert found.loc[("a", "a", "std_iou"), "estimate"] == pytest.approx(0.9)
    assert np.isnan(found.loc[("a", "b", "std_spearman"), "estimate"])
    assert found["p"].isna().all()
    assert similarities(pairs.iloc[:0], HOW).empty
