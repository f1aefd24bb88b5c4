"""Protocols on data whose figures are known: by hand, by chance, and the floors of the published annotations."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from asm_interp.data.crops import SPLITS, CropDataset, CropSample, SamplesBySplit
from asm_interp.data.planted import shapes_world
from asm_interp.data.registry import read_dataset
from asm_interp.evaluation import (
    EvaluationResult,
    Scorer,
    Settings,
    bootstrap_interval,
    compare,
    evaluate,
    load_scorer,
    srcc,
    write_results,
)
from asm_interp.evaluation.baselines import LargestCrop
from asm_interp.geometry.boxes import area

QUICK = Settings(resamples=100)


@dataclass(frozen=True)
class Given(Scorer):
    """Scores as given, whatever the crops."""

    values: object = 0.0
    name: str = "given"

    def scores(self, sample: CropSample, boxes: object) -> np.ndarray:
        return np.broadcast_to(self.values, len(boxes)) if np.ndim(self.values) == 0 else np.asarray(self.values)


def photo(name: str, scores: object = None, **changes: object) -> CropSample:
    boxes = np.array([[0.0, 0, 100, 60 - i] for i in range(6 if scores is None else len(scores))])
    scores = None if scores is None else np.asarray(scores, dtype=float)
    return CropSample(**{"id": name, "boxes": boxes, "scores": scores, "photo_size": (60, 100)} | changes)


def figures(result: EvaluationResult) -> dict[str, float]:
    return dict(zip(result.table["metric"], result.table["value"], strict=True))


@pytest.fixture(scope="module")
def gaicd(shared_dir: Path) -> CropDataset:
    return read_dataset("gaicd", shared_dir / "data/gaicd")


def test_one_photo_by_hand() -> None:
    """The numbers of test_metrics' photo, through the protocol, in percent where the field has them so."""
    data = CropDataset("made", [photo("a", [5, 4.5, 4, 3, 2, 1])])
    found = figures(evaluate(Given([7, 8, 9, 5, 5, 6]), data, "gaicd", QUICK))
    assert found["SRCC"] == pytest.approx(10 / math.sqrt(17 * 17.5))
    assert found["PCC"] == pytest.approx(8 / math.sqrt(40 / 3 * 11.875))
    assert found["ranking_accuracy"] == pytest.approx(9.5 / 15)
    assert [found[f"Acc_{k}/5"] for k in (1, 2, 3, 4)] == pytest.approx([100, 100, 100, 75])
    assert found["Acc_5"] == pytest.approx(93.75)
    assert found["wAcc_5"] == pytest.approx(25 * (math.exp(-0.4) + math.exp(-0.2) + 1.75))
    assert math.isnan(found["Acc_10"])  # six crops only
    # Crops 100 wide and 60 to 55 high: the best one and the first returned overlap by 58 / 60.
    assert found["best_crop_recall_5"] == 100


def test_one_free_crop_by_hand() -> None:
    """Photo 60 × 100 (H × W), whole photo against 0 0 50 60 and 25 0 100 60: IoU .5 and .75."""
    data = CropDataset("made", [photo("a", boxes=np.array([[0.0, 0, 50, 60], [25, 0, 100, 60]]))])
    found = figures(evaluate(load_scorer("whole-photo", data), data, "flms", QUICK))
    assert found == pytest.approx({"IoU": 0.75, "Disp": 0.25 / 4, "recall_0.75": 100, "area_share": 1})


def test_ranked_pairs_by_hand() -> None:
    pairs = np.array([[0, 1], [2, 3], [4, 5]])
    data = CropDataset("made", [photo("a", [1, 4, 3, 2, 5, 0], pairs=pairs)])
    assert figures(evaluate(LargestCrop(), data, "fcdb-ranking", QUICK)) == {"ranking_accuracy": pytest.approx(2 / 3)}
    wide = Settings(resamples=100, delta=2)
    assert figures(evaluate(LargestCrop(), data, "fcdb-ranking", wide)) == {"ranking_accuracy": 0.5}
    with pytest.raises(ValueError, match="a: this protocol needs pairs of crops"):
        evaluate(LargestCrop(), CropDataset("made", [photo("a", [1, 2])]), "fcdb-ranking", QUICK)


def test_figures_are_means_over_photos_with_their_intervals_and_n() -> None:
    rng = np.random.default_rng(0)
    data = CropDataset("made", [photo(f"{i}", rng.normal(size=6)) for i in range(9)] + [photo("flat", np.ones(6))])
    result = evaluate(LargestCrop(), data, "gaicd", Settings(seed=5, resamples=300))
    row = result.table.set_index("metric").loc["SRCC"]
    every = [srcc(area(sample.boxes), sample.scores) for sample in data.samples]
    assert row["n"] == 9  # nothing to correlate with on the flat photo
    assert row["value"] == pytest.approx(np.nanmean(every))
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(bootstrap_interval(every, resamples=300, seed=5))
    assert result.table.set_index("metric").loc["Acc_5", "n"] == 10
    assert result.per_photo["SRCC"].tolist() == pytest.approx(every, nan_ok=True)


def test_a_constant_scorer_scores_what_chance_scores(gaicd: CropDataset) -> None:
    """On the test split 6.6 of 86.7 crops are in the top 5 and 12.0 in the top 10."""
    test = gaicd.split("test")
    found = figures(evaluate(Given(), test, "gaicd", QUICK))
    for n in (5, 10):
        chance = 100 * np.mean([np.mean(s.scores >= np.sort(s.scores)[-n]) for s in test.samples])
        assert [found[f"Acc_{k}/{n}"] for k in (1, 2, 3, 4)] == pytest.approx([chance] * 4)
    assert (found["Acc_5"], found["Acc_10"]) == pytest.approx((7.650, 13.914), abs=1e-3)
    assert (found["SRCC"], found["PCC"], found["ranking_accuracy"]) == (0, 0, 0.5)
    # This file is sorted by score, so that its order is perfect.
    sorted_file = figures(evaluate(Given(), test, "gaicd", Settings("reference", resamples=100)))
    assert (sorted_file["Acc_5"], sorted_file["Acc_10"]) == (100, 100)


def test_gaicd_floors(gaicd: CropDataset) -> None:
    largest = evaluate(load_scorer("largest-crop", gaicd), gaicd.split("test"), "gaicd", QUICK)
    found = figures(largest)
    assert (found["SRCC"], found["PCC"]) == pytest.approx((0.318, 0.326), abs=5e-4)
    # 20.2 and 36.1 were read off one random order of crops with equal areas; these are the means over all orders.
    assert (found["Acc_5"], found["Acc_10"]) == pytest.approx((20.54, 36.37), abs=0.01)
    assert (found["Acc_1/5"], found["Acc_1/10"]) == pytest.approx((24.5, 41.0))
    assert len(largest.per_photo) == 200
    assert len(largest.inferred_sizes) == 198
    assert largest.notes == ["the size of 198 of 200 photos was inferred from their annotations"]
    prior = figures(evaluate(load_scorer("position-prior", gaicd), gaicd.split("test"), "gaicd", QUICK))
    assert prior["SRCC"] == pytest.approx(0.369, abs=1e-3)


def test_one_order_of_equal_areas_gives_the_published_floor(gaicd: CropDataset) -> None:
    """Largest crop, Acc_5: 20.2 lies within two standard deviations of what a random order of ties gives."""
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(25):
        hits = []
        for sample in gaicd.split("test").samples:
            order = np.lexsort([rng.random(len(sample.boxes)), -area(sample.boxes)])[:4]
            good = sample.scores[order] >= np.sort(sample.scores)[-5]
            hits.append(np.mean(np.cumsum(good) / [1, 2, 3, 4]))
        draws.append(100 * np.mean(hits))
    assert np.mean(draws) == pytest.approx(20.54, abs=3 * np.std(draws) / 5)
    assert abs(20.2 - 20.54) < 2 * np.std(draws)


@pytest.mark.parametrize(
    ("kind", "sizes", "baseline", "iou", "displacement", "n", "inferred"),
    [
        ("flms", {}, "whole-photo", 0.846, 0.040, 500, 495),
        ("flms", {}, "centred-crop", 0.823, 0.045, 500, 495),
        ("flms", {}, "oracle-anchors", 0.961, 0.007, 500, 495),
        ("flms", {}, "oracle-gaic-grid", 0.909, 0.020, 500, 495),
        ("fcdb", {"sizes": "windows"}, "whole-photo", 0.647, 0.0975, 345, 345),
        ("fcdb", {"sizes": "windows"}, "centred-crop", 0.670, 0.087, 345, 345),
        ("fcdb", {"sizes": "windows"}, "oracle-anchors", 0.878, 0.025, 345, 345),
        ("fcdb", {"sizes": "windows"}, "oracle-gaic-grid", 0.821, 0.039, 345, 345),
        # The photos' own sizes: 1024 or 800 px on the longer side of 19 in 20, where windows reach 1022 or 784.
        ("fcdb", {"sizes": "photo"}, "whole-photo", 0.640, 0.0998, 345, 345),
    ],
)
def test_floors_of_free_crops(
    shared_dir: Path, kind: str, sizes: dict, baseline: str, iou: float, displacement: float, n: int, inferred: int
) -> None:
    data = read_dataset(kind, shared_dir / "data" / kind, **sizes)
    result = evaluate(load_scorer(baseline, data), data.split("test"), kind, QUICK)
    assert figures(result)["IoU"] == pytest.approx(iou, abs=6e-4)
    assert figures(result)["Disp"] == pytest.approx(displacement, abs=6e-4)
    assert (len(result.per_photo), len(result.inferred_sizes)) == (n, inferred)


def test_planted_worlds_are_crop_data_like_any_other() -> None:
    worlds = {split: shapes_world(split, n_photos=6, size=(48, 64), n_crops=12) for split in SPLITS}
    data = CropDataset("planted shapes", SamplesBySplit(worlds))
    result = evaluate(load_scorer("position-prior", data), data.split("test"), "planted", QUICK)
    assert result.data == "planted shapes/test"
    assert list(result.per_photo.index) == [sample.id for sample in worlds["test"]]
    assert result.notes == []
    sample = worlds["test"][0]
    perfect = Given(sample.scores)
    assert figures(evaluate(perfect, CropDataset("one", [sample]), "planted", QUICK))["SRCC"] == pytest.approx(1)


def test_missing_photos_are_skipped_and_noted(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (60, 100, 3), dtype=np.uint8)
    there = photo("there", rng.normal(size=6), pixels=pixels)
    gone = photo("gone", rng.normal(size=6), photo_path=tmp_path / "gone.jpg", size_is_inferred=True)
    data = CropDataset("made", [there, gone])
    seen: list[str] = []
    saliency = evaluate(load_scorer("saliency", data), data, "gaicd", QUICK, seen.append)
    assert seen == ["there", "gone"]
    assert saliency.skipped == {"gone": f"{tmp_path / 'gone.jpg'}: no such photo"}
    assert saliency.notes == [f"1 of 2 photos were skipped ({tmp_path / 'gone.jpg'}: no such photo)"]
    largest = evaluate(load_scorer("largest-crop", data), data, "gaicd", QUICK)
    assert largest.notes == ["the size of 1 of 2 photos was inferred from their annotations"]
    with pytest.raises(ValueError, match=r"saliency could be evaluated on none of the 1 photos of made: .*gone\.jpg"):
        evaluate(load_scorer("saliency", data), CropDataset("made", [gone]), "gaicd", QUICK)


def test_what_does_not_fit_the_protocol_is_refused() -> None:
    scored, free = CropDataset("made", [photo("a", [1, 2, 3])]), CropDataset("made", [photo("a")])
    with pytest.raises(ValueError, match="no protocol 'ava'; there are gaicd, fcdb, fcdb-ranking, flms, planted"):
        evaluate(LargestCrop(), scored, "ava")
    with pytest.raises(ValueError, match="a: this protocol needs a score for each crop, and there are none"):
        evaluate(LargestCrop(), free, "gaicd")
    for values in ([1.0, 2.0], [1.0, math.nan, 2.0]):
        with pytest.raises(ValueError, match=r"a: given returned .* where 3 finite scores, one for each crop"):
            evaluate(Given(values), scored, "gaicd")
    with pytest.raises(ValueError, match="the data set is empty"):
        evaluate(LargestCrop(), CropDataset("made", []), "gaicd")


def test_own_rows_stand_on_top_of_the_published_ones() -> None:
    data = CropDataset("made", [photo("a")])
    results = [evaluate(load_scorer(name, data), data, "flms", QUICK) for name in ("whole-photo", "centred-crop")]
    table = compare(results)
    assert list(table.columns) == ["method", "IoU", "Disp", "n", "trained on", "source"]
    assert table["method"].tolist()[:3] == ["whole-photo", "centred-crop", "Suh et al. 2003"]
    assert table.loc[0, "IoU"] == figures(results[0])["IoU"]
    assert table["n"].tolist()[:3] == [1, 1, 500]
    assert table.loc[0, "source"] == "measured on made"
    assert table.iloc[1:].reset_index(drop=True).equals(compare(results[1:]))
    pd.testing.assert_frame_equal(compare(results[:1]), results[0].with_published())
    planted = evaluate(LargestCrop(), CropDataset("made", [photo("a", [1, 2, 3])]), "planted", QUICK)
    assert len(planted.with_published()) == 1
    for mixed in ([results[0], planted], []):
        with pytest.raises(ValueError, match="results of one protocol can be compared"):
            compare(mixed)


def test_results_are_written_as_tables_and_json(tmp_path: Path) -> None:
    data = CropDataset("made", [photo("a", [1, 2, 3, 4, 5, 6]), photo("b", [2, 1, 3, 4, 5, 5])])
    results = [evaluate(load_scorer(name, data), data, "gaicd", QUICK) for name in ("largest-crop", "random")]
    paths = write_results(results, tmp_path / "new/out")
    assert [path.name for path in paths] == ["metrics.csv", "photos.csv", "comparison.csv", "results.json"]
    metrics, photos, comparison = (pd.read_csv(path) for path in paths[:3])
    assert metrics.columns.tolist() == ["scorer", "data", "metric", "value", "ci_low", "ci_high", "n"]
    own = metrics[metrics["scorer"] == "random"].drop(columns=["scorer", "data"]).reset_index(drop=True)
    np.testing.assert_allclose(own[["value", "ci_low"]], results[1].table[["value", "ci_low"]])
    assert photos["photo"].tolist() == ["a", "b"] * 2
    assert len(comparison) == len(compare(results))
    content = json.loads(paths[3].read_text())
    assert [entry["scorer"] for entry in content] == ["largest-crop", "random"]
    assert content[0]["settings"] == {"ties": "expected", "delta": 0.0, "seed": 0, "resamples": 100}
    by_name = {row["metric"]: row for row in content[0]["metrics"]}
    assert by_name["SRCC"]["value"] == pytest.approx(figures(results[0])["SRCC"])
    assert by_name["Acc_10"]["value"] is None
    assert content[0]["published"][0]["source"] == "Tu et al., AAAI 2020, Table 4"


def test_scorers_by_name(tmp_path: Path) -> None:
    data = CropDataset("made", [photo("a")])
    assert load_scorer("random", data, seed=3).seed == 3
    with pytest.raises((ValueError, OSError), match="nonesuch"):
        load_scorer("nonesuch", data)
