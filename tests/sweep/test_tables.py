import math
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import t

from asm_interp.sweep.measures import MEASURES
from asm_interp.sweep.tables import gather, summarise, write_tables


def made_up() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two seeds of one setting, one of another; seed s has s at each photo, a third photo counts nowhere."""
    shared = {"data": "shapes", "backbone": "tiny", "pattern": "grid:1x1", "n_test": 3, "seconds": 2.0}
    runs = [
        {"run": f"r{lam}{seed}", "lambda": lam, "seed": seed, **dict.fromkeys(MEASURES, float(seed)), **shared}
        for lam, seed in [(0.1, 1), (0.1, 2), (0.0, 1)]
    ]
    photos = [
        {"run": run["run"], "photo": photo, **dict.fromkeys(MEASURES, math.nan if photo == "c" else run["seed"])}
        for run in runs
        for photo in "abc"
    ]
    return pd.DataFrame(runs), pd.DataFrame(photos)


def test_summary_is_over_seeds() -> None:
    summary = summarise(*made_up())
    assert summary["lambda"].tolist() == [0.1, 0.0]
    assert summary["n_seeds"].tolist() == [2, 1]
    first, second = summary.to_dict("records")
    for measure in MEASURES:
        assert first[measure] == 1.5
        assert first[f"{measure}_sd"] == pytest.approx(math.sqrt(0.5))
        half = t.ppf(0.975, 1) * 0.5  # photos do not differ, and the standard error of two seeds is 0.5
        assert first[f"{measure}_low"] == pytest.approx(1.5 - half)
        assert first[f"{measure}_high"] == pytest.approx(1.5 + half)
        assert (second[measure], second[f"{measure}_low"], second[f"{measure}_high"]) == (1, 1, 1)
        assert math.isnan(second[f"{measure}_sd"])
        assert (first[f"{measure}_n"], second[f"{measure}_n"]) == (2, 2)


def test_photos_count_where_a_measure_is_defined_in_any_run() -> None:
    runs, photos = made_up()
    photos.loc[(photos["run"] == "r0.12") & (photos["photo"] == "a"), "SRCC"] = math.nan
    photos["photo"] = photos["photo"].where(photos["run"] != "r0.12", photos["photo"] + " of seed 2")
    summary = summarise(runs, photos)
    assert summary["SRCC_n"].tolist() == [3, 2]
    assert summary["PCC_n"].tolist() == [4, 2]


def test_measure_that_no_photo_defines_stays_empty() -> None:
    runs, photos = made_up()
    runs["gauge_share"] = photos["gauge_share"] = math.nan
    summary = summarise(runs, photos)
    assert (summary.pop("gauge_share_n") == 0).all()
    assert summary.filter(like="gauge_share").isna().all(axis=None)
    assert summary["SRCC_low"].notna().all()


def test_both_formats_hold_the_same(tmp_path: Path) -> None:
    runs, _ = made_up()
    paths = write_tables({"runs": runs}, tmp_path, "x")
    assert [path.name for path in paths] == ["x-runs.csv", "x-runs.parquet"]
    pd.testing.assert_frame_equal(pd.read_parquet(paths[1]), runs)
    pd.testing.assert_frame_equal(pd.read_csv(paths[0]), runs)


def test_no_run_is_no_table() -> None:
    with pytest.raises(ValueError, match="no run is finished"):
        gather([])
