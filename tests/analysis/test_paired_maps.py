"""Several models on the same photos: rows against direct calls, brute force on pairs, one pass, tables of a sweep."""

import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import asm_interp as asm
from asm_interp.analysis.map_similarity import map_spearman, top_iou
from asm_interp.analysis.mean_maps import to_grid
from asm_interp.analysis.orientation import orientation
from asm_interp.analysis.paired_maps import MappedPhoto, correct_pairs, from_sweep, mapped_photos, measure_paired
from asm_interp.analysis.partitions import split_scores
from asm_interp.analysis.photo_measures import photo_measures
from asm_interp.data.crops import CropSample
from asm_interp.evaluation.metrics import ranking_accuracy, srcc, top_accuracy

SIZE = (60, 80)


def noise_map(seed: int, pattern: str = "grid:2x2") -> asm.ScoreMap:
    shape = asm.patterns.get(pattern)
    values = np.random.default_rng(seed).normal(size=(shape.n_partitions, 12, 16))
    return asm.ScoreMap(values.astype(np.float32), shape, SIZE)


def boxes(seed: int, n: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    low, sides = rng.uniform(0, 0.4, (n, 2)), rng.uniform(0.3, 0.6, (n, 2))
    return np.concatenate([low, low + sides], axis=1) * [80, 60, 80, 60]


def photos() -> Iterator[MappedPhoto]:
    for i in range(3):
        maps = {("a", 0): noise_map(i), ("a", 1): noise_map(i + 10), ("b", 0): noise_map(i + 20, "grid:1x3")}
        yield MappedPhoto(f"p{i}", maps, boxes(i), np.random.default_rng(i).permutation(12).astype(float))


def test_a_photos_row_is_what_direct_calls_give() -> None:
    found = measure_paired(photos(), delta=2)
    assert found.settings == ["a", "b"]
    assert len(found.photos) == 9
    photo, score_map = list(photos())[1], noise_map(11)
    row = found.photos.query("setting == 'a' and seed == 1 and photo == 'p1'").iloc[0]
    predicted, split = asm.crop_scores(score_map, photo.boxes), split_scores(score_map, photo.boxes)
    assert row["ranking_accuracy"] == ranking_accuracy(predicted, photo.scores, 2)  # type: ignore[arg-type]
    assert row["SRCC"] == pytest.approx(srcc(predicted, photo.scores))  # type: ignore[arg-type]
    assert row["Acc_5"] == 100 * top_accuracy(predicted, photo.scores, 5).mean()  # type: ignore[arg-type]
    assert row["share"] == pytest.approx(split.composition.var() / split.score.var())
    assert row["n_crops"] == 12
    expected = photo_measures(score_map)[0] | orientation(score_map)
    assert row[list(expected)].astype(float).to_numpy() == pytest.approx(np.array(list(expected.values())))


def test_two_maps_are_compared_where_setting_or_seed_alone_differs() -> None:
    pairs = measure_paired(photos()).pairs
    runs = set(pairs[["setting_a", "seed_a", "setting_b", "seed_b"]].itertuples(index=False, name=None))
    assert runs == {("a", 0, "a", 1), ("a", 0, "b", 0)}
    row = pairs.query("setting_b == 'b' and photo == 'p2'").iloc[0]
    a, b = (asm.theta_maps(each, center="channel") for each in (noise_map(2), noise_map(22, "grid:1x3")))
    for name in ("avg", "std"):
        x, y = (to_grid(getattr(each, name), (64, 64)) for each in (a, b))
        assert row[f"{name}_spearman"] == pytest.approx(map_spearman(x, y))
        assert row[f"{name}_iou"] == pytest.approx(top_iou(x, y))
    scores = np.random.default_rng(2).permutation(12)
    p, q = (asm.crop_scores(each, boxes(2)) for each in (noise_map(2), noise_map(22, "grid:1x3")))
    only_a = only_b = 0
    for i in range(12):
        for j in range(i):
            right = [(s[i] > s[j]) == (scores[i] > scores[j]) for s in (p, q)]
            only_a, only_b = only_a + (right == [True, False]), only_b + (right == [False, True])
    assert (row["only_a"], row["only_b"], row["n_crop_pairs"]) == (only_a, only_b, 66)
    assert row["only_a"] + row["only_b"] > 0


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0, 3))
def test_the_share_of_pairs_ordered_right_is_the_ranking_accuracy(seed: int, delta: float) -> None:
    rng = np.random.default_rng(seed)
    predicted, scores = rng.normal(size=9), rng.integers(0, 5, 9).astype(float)
    right = correct_pairs(predicted, scores, delta)
    assert (right.mean() if right.size else np.nan) == pytest.approx(
        ranking_accuracy(predicted, scores, delta), nan_ok=True
    )
    assert not correct_pairs(np.zeros(9), scores, delta).any()


def test_photos_without_scores_and_with_judged_pairs() -> None:
    plain = MappedPhoto("plain", {("a", 0): noise_map(0), ("b", 0): noise_map(1)}, boxes(0))
    found = measure_paired([plain])
    assert "ranking_accuracy" not in found.photos
    assert found.photos["share"].notna().all()
    assert (found.pairs["n_crop_pairs"] == 0).all()
    votes, judged = np.arange(12.0), np.array([[0, 1], [4, 2]])
    found = measure_paired([MappedPhoto("p", plain.maps, boxes(0), votes, judged)])
    expected = ranking_accuracy(asm.crop_scores(noise_map(0), boxes(0)), votes, pairs=judged)
    assert found.photos["ranking_accuracy"].iloc[0] == expected
    assert found.photos["SRCC"].isna().all()
    assert found.pairs["n_crop_pairs"].tolist() == [2]


def test_a_photo_that_comes_twice_and_none_at_all_are_errors() -> None:
    with pytest.raises(ValueError, match="photo 'p0' comes twice"):
        measure_paired([*photos(), next(photos())])
    with pytest.raises(ValueError, match="there are none"):
        measure_paired([])


def test_maps_are_let_go_once_they_are_measured() -> None:
    references: list[weakref.ref[asm.ScoreMap]] = []
    alive = []

    def counted() -> Iterator[MappedPhoto]:
        for i in range(6):
            score_map = noise_map(i)
            references.append(weakref.ref(score_map))
            alive.append(sum(each() is not None for each in references))
            yield MappedPhoto(f"p{i}", {("a", 0): score_map}, boxes(i))

    measure_paired(counted())
    assert max(alive) <= 2  # the one in work, and the next


def test_models_and_checkpoints_map_one_photo_at_a_time(tmp_path: Path) -> None:
    torch.manual_seed(0)
    first, second = (asm.ASMNet("tiny", "grid:1x2", input_size=32) for _ in range(2))
    path = tmp_path / "second.safetensors"
    asm.save(second, path, {})
    opened = []

    def samples() -> Iterator[CropSample]:
        for i in range(2):
            opened.append(i)
            pixels = np.random.default_rng(i).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
            yield CropSample(id=f"s{i}", boxes=boxes(i), scores=np.arange(12.0), pixels=pixels)

    stream = mapped_photos({0.0: [first, path], 0.1: second}, samples())
    photo = next(stream)
    assert opened == [0]
    assert list(photo.maps) == [(0.0, 0), (0.0, 1), (0.1, 0)]
    assert torch.equal(photo.maps[0.0, 1].values, photo.maps[0.1, 0].values)
    assert not torch.equal(photo.maps[0.0, 0].values, photo.maps[0.1, 0].values)
    found = measure_paired([photo, *stream])
    assert set(found.photos["photo"]) == {"s0", "s1"}


def sweep(lambdas: tuple[float, ...] = (0.0, 0.1), patterns: tuple[str, ...] = ("grid:3x3",)) -> pd.DataFrame:
    rows = [
        {"run": f"{p}-{lam}-{seed}", "pattern": p, "lambda": lam, "seed": seed, "photo": str(i), "SRCC": i + lam + seed}
        for p in patterns
        for lam in lambdas
        for seed in (0, 1)
        for i in range(3)
    ]
    return pd.DataFrame(rows)


def test_tables_of_a_sweep_are_taken_as_they_are() -> None:
    found = from_sweep(sweep(), "lambda")
    assert list(found.photos.columns) == ["setting", "seed", "photo", "SRCC"]
    assert (found.settings, found.patterns) == ([0.0, 0.1], {0.0: "grid:3x3", 0.1: "grid:3x3"})
    assert found.pairs.empty
    assert from_sweep(sweep((0.1,), ("grid:1x1", "grid:3x3")), "pattern").settings == ["grid:1x1", "grid:3x3"]


def test_tables_that_mix_what_must_be_the_same_are_refused() -> None:
    with pytest.raises(ValueError, match=r"choose one lambda to compare by pattern, found \[0.0, 0.1\]"):
        from_sweep(sweep(), "pattern")
    with pytest.raises(ValueError, match="has a column 'seed', found"):
        from_sweep(sweep().drop(columns="seed"), "lambda")
    with pytest.raises(ValueError, match=r"two runs of lambda 0.0, seed 0, have photo '0'"):
        from_sweep(pd.concat([sweep(), sweep()]), "lambda")
    with pytest.raises(ValueError, match="by is 'pattern' or 'lambda'"):
        from_sweep(sweep(), "seed")  # type: ignore[arg-type]
