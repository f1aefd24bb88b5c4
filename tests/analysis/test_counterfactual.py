"""Counterfactual maps against what pooling gives for them, and by hand."""

import numpy as np
import pytest
import torch

import asm_interp as asm
from asm_interp.analysis.counterfactual import (
    move_region,
    score_changes,
    silence_effects,
    silence_partition,
    silence_region,
    swap_effects,
    swap_partitions,
)

PHOTO = (40, 60)
BOXES = np.array([[3.2, 4.1, 50, 33.3], [0, 0, 60, 40], [20, 10, 41, 29]])


@pytest.fixture(params=["cross-rectangle", "multi-direction", "grid:2x3"])
def score_map(request: pytest.FixtureRequest) -> asm.ScoreMap:
    pattern = asm.patterns.get(request.param)
    values = torch.randn(pattern.n_partitions, 40, 60, generator=torch.Generator().manual_seed(5))
    return asm.ScoreMap(values + torch.arange(pattern.n_partitions).view(-1, 1, 1), pattern, PHOTO)


def test_effects_are_those_of_the_changed_maps(score_map: asm.ScoreMap) -> None:
    n = score_map.pattern.n_partitions
    for box in BOXES:
        silenced = [score_changes(score_map, silence_partition(score_map, k), [box])[0] for k in range(n)]
        np.testing.assert_allclose(silence_effects(score_map, box), silenced, atol=1e-6)
        swaps = swap_effects(score_map, box)
        np.testing.assert_allclose(swaps, swaps.T)
        for a in range(0, n, 2):
            for b in range(n):
                change = score_changes(score_map, swap_partitions(score_map, a, b), [box])[0]
                assert swaps[a, b] == pytest.approx(change, abs=1e-9)


def test_silencing_every_partition_leaves_content() -> None:
    values = torch.randn(4, 40, 60, generator=torch.Generator().manual_seed(1))
    score_map = asm.ScoreMap(values, asm.patterns.get("grid:2x2"), PHOTO)
    content = asm.ScoreMap(values.mean(0, keepdim=True), asm.patterns.get("grid:1x1"), PHOTO)
    left = asm.crop_scores(score_map, BOXES) + [silence_effects(score_map, box).sum() for box in BOXES]
    np.testing.assert_allclose(left, asm.crop_scores(content, BOXES), atol=1e-6)
    quiet = silence_partition(score_map, 2, fill="mean")
    assert quiet.values[2].std() == 0
    assert torch.equal(quiet.values[:2], values[:2])


def test_swapping_twice_is_nothing(score_map: asm.ScoreMap) -> None:
    assert torch.equal(swap_partitions(swap_partitions(score_map, 0, 3), 0, 3).values, score_map.values)


def test_regions_by_hand() -> None:
    """A bright block on a flat map: silenced it is gone, moved it is elsewhere, and scores know."""
    values = torch.zeros(2, 40, 60)
    values[0, 10:20, 10:20], values[1, 10:20, 10:20] = 4.0, -1.0
    score_map = asm.ScoreMap(values, asm.patterns.get("grid:1x2"), (80, 120))  # two photo pixels a map pixel
    block = [20, 20, 40, 40]
    assert (silence_region(score_map, block).values == 0).all()
    moved = move_region(score_map, block, dx=60, dy=0)
    expected = torch.zeros(2, 40, 60)
    expected[0, 10:20, 40:50], expected[1, 10:20, 40:50] = 4.0, -1.0
    assert torch.equal(moved.values, expected)
    # From the left half, which reads 4, to the right half, which reads -1: 100 of the map's 2400 pixels.
    assert score_changes(score_map, moved, [[0, 0, 120, 80]])[0] == pytest.approx(-5 * 100 / 2400)
    gone = move_region(score_map, block, dx=0, dy=-1000)
    assert torch.equal(gone.values, silence_region(score_map, block).values)


def test_a_moved_region_leaves_the_mean_of_the_rest() -> None:
    values = torch.randn(6, 40, 60, generator=torch.Generator().manual_seed(8))
    score_map = asm.ScoreMap(values, asm.patterns.get("grid:2x3"), PHOTO)
    mask = np.zeros(PHOTO, bool)
    mask[5:12, 30:44] = True
    moved = move_region(score_map, mask, -3, 4)
    assert torch.equal(moved.values[:, 9:16, 27:41], values[:, 5:12, 30:44])
    level = values[:, torch.from_numpy(~mask)].mean(1)
    torch.testing.assert_close(moved.values[:, 5, 40], level, rtol=1e-4, atol=1e-5)
    untouched = torch.ones(PHOTO, dtype=torch.bool)
    untouched[5:16, 27:44] = False
    assert torch.equal(moved.values[:, untouched], values[:, untouched])
    assert torch.equal(score_map.values, values), "the map that was given is left as it is"
    everywhere = silence_region(score_map, np.ones(PHOTO, bool))
    assert float(everywhere.values.std((1, 2)).max()) < 1e-6


def test_faults(score_map: asm.ScoreMap) -> None:
    n = score_map.pattern.n_partitions
    with pytest.raises(ValueError, match=f"no partition {n}: 0..{n - 1}"):
        silence_partition(score_map, n)
    with pytest.raises(ValueError, match=f"no partition -1: 0..{n - 1}"):
        swap_partitions(score_map, 0, -1)
    with pytest.raises(ValueError, match="fill is 'content' or 'mean', got 'zero'"):
        silence_partition(score_map, 0, "zero")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="two maps of one photo"):
        score_changes(score_map, asm.ScoreMap(score_map.values, score_map.pattern, (4, 6)), BOXES)
