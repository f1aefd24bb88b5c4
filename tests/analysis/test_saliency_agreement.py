"""Agreement with saliency over photos: planted maps, baselines, degenerate maps, and a model left as it was."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.ndimage import gaussian_filter

import asm_interp as asm
from asm_interp.analysis.saliency_agreement import (
    SaliencyPool,
    agreement_means,
    agreement_over_baselines,
    photo_agreement,
    saliency_agreement,
)
from asm_interp.analysis.saliency_metrics import METRICS
from asm_interp.analysis.statistics import Resampling
from asm_interp.data.saliency import spectral_residual

HOW = Resampling(300)
SHAPE = (48, 64)


def blob(y: float, x: float) -> np.ndarray:
    down, across = ((np.arange(n) + 0.5) / n for n in SHAPE)
    return np.exp(-0.5 * (((down[:, None] - y) / 0.1) ** 2 + ((across[None, :] - x) / 0.1) ** 2))


@pytest.fixture(scope="module")
def saliency() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {f"photo {i}": blob(*rng.uniform(0.1, 0.9, 2)) for i in range(20)}


@pytest.fixture(scope="module")
def table(saliency: dict[str, np.ndarray]) -> pd.DataFrame:
    """Of each photo: the saliency itself with some noise, noise alone, and on the first three photos a constant."""
    pool, rng, tables = SaliencyPool.collect(saliency.items()), np.random.default_rng(1), []
    for i, (name, own) in enumerate(saliency.items()):
        noise = gaussian_filter(rng.normal(size=SHAPE), 3)
        maps = {"good": own + 0.1 * noise, "bad": noise, "broken": np.zeros(SHAPE) if i < 3 else own}
        maps["random head good"] = gaussian_filter(rng.normal(size=SHAPE), 3)
        tables.append(photo_agreement(maps, own, pool.others(name)).assign(photo=name))
    return pd.concat(tables, ignore_index=True)


def test_saliency_agrees_with_itself_and_beats_every_baseline(table: pd.DataFrame) -> None:
    means = agreement_means(table, HOW).set_index(["map", "statistic"])
    assert means.loc[("broken", "CC"), "estimate"] == pytest.approx(1)
    assert means.loc[("broken", "SIM"), "estimate"] == pytest.approx(1, abs=1e-6)
    assert means.loc[("broken", "KL"), "estimate"] == pytest.approx(0, abs=1e-6)
    assert means.loc[("broken", "AUC_Judd"), "estimate"] == pytest.approx(1)
    assert abs(means.loc[("bad", "CC"), "estimate"]) < 0.2
    better = agreement_over_baselines(table, HOW).set_index(["map", "reference", "statistic"])
    assert set(better.index.get_level_values("reference")) == {"centre", "other photo", "random head good"}
    for metric in METRICS:
        row = better.loc[("good", "other photo", metric)]
        assert row["p_adj"] < 0.05
        assert (row["estimate"] < 0) == (metric == "KL")
    assert better.loc[("bad", "centre", "AUC_Judd"), "estimate"] < 0
    assert ("bad", "random head good", "CC") not in better.index


def test_degenerate_maps_are_flagged_counted_and_left_out(table: pd.DataFrame) -> None:
    broken = table[table["map"] == "broken"]
    assert (broken["flag"] == "map constant").sum() == 3
    assert broken.loc[broken["flag"] != "", list(METRICS)].isna().all().all()
    row = agreement_means(table, HOW).set_index(["map", "statistic"]).loc[("broken", "NSS")]
    assert (row["n_photos"], row["n_degenerate"]) == (17, 3)
    blank = photo_agreement({"good": blob(0.5, 0.5)}, np.zeros(SHAPE), np.stack([blob(0.2, 0.2), blob(0.8, 0.8)]))
    assert list(blank["flag"]) == ["saliency constant"] * 3
    assert blank[list(METRICS)].isna().all().all()


def test_saliency_is_brought_to_each_maps_size() -> None:
    large = np.kron(blob(0.3, 0.6), np.ones((2, 2)))
    rows = photo_agreement(
        {"a": blob(0.3, 0.6), "b": large}, large, np.stack([blob(0.5, 0.2), blob(0.9, 0.9)])
    ).set_index("map")
    assert rows.loc[["a", "b"], "CC"].to_numpy() == pytest.approx(1, abs=1e-6)
    assert rows.loc["a", "NSS"] > rows.loc["centre", "NSS"]


def test_the_other_photos_map_is_not_among_its_own_foils() -> None:
    others = np.stack([blob(0.2, 0.2), blob(0.8, 0.8)])
    rows = photo_agreement({"a": blob(0.2, 0.2)}, blob(0.2, 0.2), others).set_index("map")
    assert rows.loc["other photo", "sAUC"] == rows.loc["a", "sAUC"] == 1
    assert rows.loc["centre", "sAUC"] == pytest.approx(0.5, abs=0.05)  # as near to the foil as to the subject


def test_bad_input_is_named() -> None:
    others = np.stack([blob(0.5, 0.5), blob(0.2, 0.7)])
    with pytest.raises(ValueError, match="saliency is not negative, found -1"):
        photo_agreement({"a": blob(0.5, 0.5)}, -np.ones(SHAPE), others)
    with pytest.raises(ValueError, match="names of baselines"):
        photo_agreement({"centre": blob(0.5, 0.5)}, blob(0.5, 0.5), others)
    with pytest.raises(ValueError, match="saliency of two or more photos, got 1"):
        photo_agreement({"a": blob(0.5, 0.5)}, blob(0.5, 0.5), others[:1])
    with pytest.raises(ValueError, match="at least three photos with saliency, found 1"):
        SaliencyPool.collect([("a", blob(0.1, 0.1)), ("b", np.zeros(SHAPE))])


def test_the_pool_does_not_depend_on_the_order_and_never_holds_the_photo_itself(saliency: dict) -> None:  # type: ignore[type-arg]
    pool = SaliencyPool.collect(iter(saliency.items()), n=5)
    again = SaliencyPool.collect(reversed(list(saliency.items())), n=5)
    assert pool.ids == again.ids
    assert len(pool.ids) == 5
    assert np.array_equal(pool.maps, again.maps)
    assert pool.ids != SaliencyPool.collect(saliency.items(), n=5, seed=1).ids
    own = pool.ids[2]
    others = pool.others(own)
    assert len(others) == 4
    assert not any(np.array_equal(each, pool.maps[2]) for each in others)
    assert len(pool.others("elsewhere")) == 5


def test_a_models_rows_are_those_of_its_maps_and_the_model_is_left_alone() -> None:
    torch.manual_seed(0)
    model = asm.ASMNet("tiny", "grid:2x2", input_size=64)
    rng = np.random.default_rng(0)
    photos = {f"p{i}": rng.integers(0, 256, (64, 96, 3), dtype=np.uint8) for i in range(3)}
    pool = SaliencyPool.collect((name, spectral_residual(photo)) for name, photo in photos.items())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    rows = saliency_agreement(model, iter(photos.items()), pool)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    theta = ["theta_avg", "theta_std", "theta_std_centred"]
    expected = [*theta, *(f"random head {name}" for name in theta), "centre", "other photo"]
    assert list(rows.loc[rows["photo"] == "p1", "map"]) == expected
    assert (rows["flag"] == "").all()
    maps = {"theta_std": asm.theta_maps(model.score_map(photos["p1"])).std}
    alone = photo_agreement(maps, spectral_residual(photos["p1"]), pool.others("p1"))
    got = rows[(rows["photo"] == "p1") & (rows["map"] == "theta_std")]
    assert got[list(METRICS)].to_numpy() == pytest.approx(alone.iloc[:1][list(METRICS)].to_numpy())
    assert set(agreement_over_baselines(rows, HOW)["map"]) == set(theta)
