"""Placement preference: brute force, closed forms, and rules planted in maps and in trained models."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import asm_interp as asm
from asm_interp.analysis.expressivity import by_partition, ceiling
from asm_interp.analysis.placement import (
    contrast,
    learned_rule,
    placement_preference,
    region_mask,
    salient_region,
)
from asm_interp.analysis.statistics import Resampling
from asm_interp.data.planted import RULES, rule_grid, shapes_world

CROSS = asm.patterns.get("cross-rectangle")
QUICK = Resampling(resamples=200)


def partition_means(rule: str) -> np.ndarray:
    """Mean of a rule over each partition of the cross-rectangle pattern."""
    places = (np.arange(24) + 0.5) / 24
    labels = CROSS.partition_at(places[None, :], places[:, None])
    return np.bincount(labels.ravel(), rule_grid(rule, 24).ravel()) / np.bincount(labels.ravel())


def planted_map(rule: str, seed: int, noise: float = 0.0) -> tuple[asm.ScoreMap, list[int]]:
    """One map pixel speaks, as the rule asks of each partition; channels have offsets of their own."""
    rng = np.random.default_rng(seed)
    y, x = int(rng.integers(5, 55)), int(rng.integers(5, 75))
    values = noise * rng.normal(size=(12, 60, 80)) + rng.normal(size=(12, 1, 1))
    values[:, y, x] += partition_means(rule)
    return asm.ScoreMap(torch.from_numpy(values), CROSS, (60, 80)), [x, y, x + 1, y + 1]


@pytest.mark.parametrize("rule", RULES)
def test_a_planted_rule_is_recovered_exactly(rule: str) -> None:
    """A region of one pixel, at a size where places on the raster put it inside one cell: no blur is left.

    R is what the pixel reads in the partition it stands in, less what it reads on average over the crop plane.
    """
    score_map, box = planted_map(rule, 1)
    found = placement_preference(score_map, box, n=24, sizes=[0.9], reach=0.0)
    # Crops are 72 × 54 pixels, partitions at least 9 wide; only places next to a border straddle it.
    inside = [k for k in range(24) if k % 4 not in (0, 3)]
    means = by_partition(rule_grid(rule, 24), CROSS)
    expected = (means - means.mean()) / (72 * 54)
    np.testing.assert_allclose(found[np.ix_(inside, inside)], expected[np.ix_(inside, inside)], atol=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_the_learned_rule_of_planted_maps(rule: str) -> None:
    learned = learned_rule((planted_map(rule, seed, 0.01) for seed in range(12)), reach=0.0, how=QUICK)
    assert (learned.best, learned.n_photos) == (rule, 12)
    row = learned.correlations.iloc[0]
    assert row["ci_low"] <= row["correlation"] <= row["ci_high"]
    assert row["ceiling"] == ceiling(CROSS, rule, 24)
    assert row["of_ceiling"] == pytest.approx(row["partition_correlation"] / row["ceiling"])
    assert row["partition_correlation"] >= 0.95 * row["ceiling"]
    assert (learned.ci_low <= learned.map).all()
    assert (learned.map <= learned.ci_high).all()
    assert abs(learned.map.mean()) < 1e-12


def test_the_interval_narrows_with_photos() -> None:
    few, many = (
        learned_rule((planted_map("left", seed, 0.05) for seed in range(count)), reach=0.1, n=8, how=QUICK)
        for count in (8, 32)
    )
    assert np.mean(many.ci_high - many.ci_low) < 0.7 * np.mean(few.ci_high - few.ci_low)


@pytest.mark.parametrize("reach", [0.0, 0.2, None])
def test_without_composition_there_is_no_preference(reach: float | None) -> None:
    """Channels that differ in offsets alone: exactly 0 at every place, and no rule is named."""
    rng = np.random.default_rng(5)
    content = rng.normal(size=(40, 60)).astype(np.float32)
    for offsets in (np.zeros(12), rng.normal(size=12)):
        values = (content + offsets[:, None, None]).astype(np.float32)
        score_map = asm.ScoreMap(values, CROSS, (80, 120))
        assert (contrast(score_map, [10, 10, 50, 40], reach)[0] == 0).all()
        learned = learned_rule([(score_map, [10, 10, 50, 40])] * 2, reach=reach, n=6, how=QUICK)
        assert (learned.map == 0).all()
        assert learned.correlations[["correlation", "ci_low", "of_ceiling"]].isna().all(axis=None)
        assert learned.best == ""


def test_a_trained_model_of_one_partition_has_no_preference() -> None:
    model = asm.load("shapes-300-grid-1x1")
    sample = next(one for one in shapes_world("test", n_photos=8) if one.subjects.max() == 1)
    assert (placement_preference(model.score_map(sample.photo), sample.mask) == 0).all()


def test_content_makes_no_difference() -> None:
    """Whatever is added to all channels alike; and all channels of content alone add up to nothing."""
    score_map, box = planted_map("thirds", 3, 0.1)
    content = torch.randn(60, 80, generator=torch.Generator().manual_seed(0))
    fuller = asm.ScoreMap(score_map.values + content, CROSS, score_map.photo_size)
    before, after = (placement_preference(each, box, n=6) for each in (score_map, fuller))
    np.testing.assert_allclose(after, before, atol=1e-7)
    difference, _ = contrast(fuller, box)
    assert np.abs(np.tensordot(CROSS.areas, difference, 1)).max() < 1e-12


@pytest.mark.parametrize("rule", RULES)
def test_composition_alone_is_recovered_beside_any_content(rule: str) -> None:
    """Channels differ by the rule's means alone, under content of their own in each photo: the closed form again."""
    rng = np.random.default_rng(1)
    values = np.broadcast_to(3 * rng.normal(size=(60, 80)), (12, 60, 80)).copy()
    values[:, 30, 40] += partition_means(rule)
    found = placement_preference(asm.ScoreMap(values, CROSS, (60, 80)), [40, 30, 41, 31], sizes=[0.9], reach=0.0)
    means = by_partition(rule_grid(rule, 24), CROSS)
    inside = np.ix_(*[[k for k in range(24) if k % 4 not in (0, 3)]] * 2)
    np.testing.assert_allclose(found[inside], ((means - means.mean()) / (72 * 54))[inside], atol=2e-9)


def test_brute_force_over_pixels() -> None:
    """Crops of whole cells at whole pixels, some beyond the photo, against a loop over map pixels."""
    pattern = asm.patterns.get("grid:3x3")
    values = torch.randn(9, 24, 24, generator=torch.Generator().manual_seed(3))
    score_map = asm.ScoreMap(values, pattern, (48, 48))
    region = [12, 16, 24, 28]
    found = placement_preference(score_map, region, n=3, sizes=[0.5], reach=0.2)
    _, (x, y) = contrast(score_map, region, 0.2)
    assert (x, y) == (9, 11)
    inside = [(v, u) for v in range(8, 14) for u in range(6, 12)]
    near = np.array(
        [[min(np.hypot(v - a, u - b) for a, b in inside) <= 0.2 * 24 for u in range(24)] for v in range(24)]
    )
    apart = values.double().numpy() - values.double().numpy().mean(axis=0)  # nine partitions of one area
    difference = np.where(near, apart - apart[:, ~near].mean(axis=1)[:, None, None], 0)
    for row in range(3):
        for column in range(3):
            left, top = int(x - (column + 0.5) / 3 * 12), int(y - (row + 0.5) / 3 * 12)
            total = sum(
                difference[(v - top) // 4 * 3 + (u - left) // 4, v, u]
                for v in range(max(top, 0), min(top + 12, 24))
                for u in range(max(left, 0), min(left + 12, 24))
            )
            assert found[row, column] == pytest.approx(total / 144, abs=1e-9)


def test_for_a_region_that_is_all_there_is_the_preference_is_the_score() -> None:
    """Inside the photo R differs from crop scores by one constant, its content, if nothing but the region speaks."""
    score_map, box = planted_map("thirds", 4)
    n, size = 9, 0.5
    found = placement_preference(score_map, box, n=n, sizes=[size], reach=0.0)
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    differences = []
    for row in range(n):
        for column in range(n):
            x1, y1 = x - (column + 0.5) / n * 40, y - (row + 0.5) / n * 30
            if 0 <= x1 <= 40 and 0 <= y1 <= 30:
                differences.append(found[row, column] - asm.crop_scores(score_map, [[x1, y1, x1 + 40, y1 + 30]])[0])
    assert len(differences) > 9
    assert np.ptp(differences) < 1e-9 + 1e-6 * np.abs(differences).max()


def test_channel_offsets_and_scale() -> None:
    score_map, box = planted_map("left", 2, 0.1)
    offsets = torch.linspace(-9, 9, 12).view(-1, 1, 1)
    shifted = asm.ScoreMap(2 * score_map.values + offsets, CROSS, score_map.photo_size)
    before, after = (placement_preference(each, box, n=6) for each in (score_map, shifted))
    np.testing.assert_allclose(after, 2 * before, atol=1e-6)


def test_mirroring_map_and_pattern_mirrors_the_preference() -> None:
    score_map, box = planted_map("left", 2, 0.1)
    opposite = [label ^ 1 for label in range(12)]  # partitions come in pairs, left and right
    mirrored = asm.ScoreMap(score_map.values[opposite].flip(-1), CROSS, score_map.photo_size)
    there = placement_preference(score_map, box, n=6)
    back = placement_preference(mirrored, [80 - box[2], box[1], 80 - box[0], box[3]], n=6)
    np.testing.assert_allclose(back, there[:, ::-1], atol=1e-9)


def test_regions() -> None:
    score_map = asm.ScoreMap(torch.zeros(12, 32, 48), CROSS, (64, 96))
    box = region_mask(score_map, [20, 10, 40, 30])
    assert (box.shape, box.sum()) == ((32, 48), 100)
    mask = np.zeros((64, 96), bool)
    mask[10:30, 20:40] = True
    np.testing.assert_array_equal(region_mask(score_map, mask), box)
    speck = np.zeros((64, 96), bool)
    speck[63, 0] = True
    assert np.argwhere(region_mask(score_map, speck)).tolist() == [[31, 0]]
    assert np.argwhere(region_mask(score_map, [94.9, 0, 95.9, 1])).tolist() == [[0, 47]]
    for region, message in (
        ([0, 0, 100, 10], "inside the photo"),
        (np.zeros((64, 96), bool), "no pixel"),
        (np.zeros((4, 5), bool), "a bool mask of the photo's size"),
        (np.zeros((64, 96)), "a region is a box"),
    ):
        with pytest.raises(ValueError, match=message):
            region_mask(score_map, region)


def test_salient_region() -> None:
    saliency = np.zeros((20, 30))
    saliency[5:9, 10:14] = np.linspace(0.5, 1, 16).reshape(4, 4)
    assert salient_region(saliency, 0.02).sum() == 12
    assert salient_region(saliency, 0.5).sum() == 16  # zeros are not salient, whatever the share
    with pytest.raises(ValueError, match="constant"):
        salient_region(np.ones((4, 4)))
    with pytest.raises(ValueError, match=r"in \(0, 1\), got 1"):
        salient_region(saliency, 1)


def test_a_map_that_says_nothing() -> None:
    flat = asm.ScoreMap(torch.ones(12, 16, 24), CROSS, (16, 24))
    learned = learned_rule([(flat, [2, 2, 8, 8])] * 3, n=6, how=QUICK)
    assert (learned.map == 0).all()
    assert learned.correlations["correlation"].isna().all()
    assert learned.best == ""


def test_faults() -> None:
    score_map, box = planted_map("left", 0)
    with pytest.raises(ValueError, match="no photo"):
        learned_rule([])
    with pytest.raises(ValueError, match="two patterns"):
        learned_rule(
            [(score_map, box), (asm.ScoreMap(torch.ones(1, 6, 8), asm.patterns.get("grid:1x1"), (60, 80)), box)]
        )
    faulty: list[dict[str, Any]] = [{"n": 0}, {"sizes": []}, {"sizes": [0.5, 0.0]}]
    for options in faulty:
        with pytest.raises(ValueError, match="n and sizes are positive"):
            placement_preference(score_map, box, **options)
    for reach in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="reach is at least 0"):
            placement_preference(score_map, box, reach=reach)


def test_a_trained_model_shows_the_rule_of_its_world() -> None:
    """The shipped model was trained on thirds; photos here are held out."""
    model = asm.load("shapes-lambda-0.1")

    def maps() -> Iterator[tuple[asm.ScoreMap, np.ndarray]]:
        for sample in shapes_world("test", n_photos=24, seed=0):
            if sample.subjects.max() == 1:
                yield model.score_map(sample.photo), sample.mask

    learned = learned_rule(maps(), how=QUICK)
    assert learned.best == "thirds"
    assert learned.correlations["of_ceiling"].iloc[0] >= 0.85
