"""Comparisons of two crops: exact sums, symmetry, geometry, and brute force on a small map."""

from collections import defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import asm_interp as asm

PATTERNS = ["cross-rectangle", "multi-direction", "multi-rectangle:5", "grid:1x1", "grid:5x5"]
PHOTO = (200, 300)

fraction = st.floats(0, 1)


@st.composite
def boxes(draw: st.DrawFn) -> list[float]:
    """x1, y1, x2, y2 inside the photo, from one pixel to all of it."""
    height, width = (1 + draw(fraction) * (side - 1) for side in PHOTO)
    x1, y1 = draw(fraction) * (PHOTO[1] - width), draw(fraction) * (PHOTO[0] - height)
    return [x1, y1, x1 + width, y1 + height]


def random_map(pattern: str, size: tuple[int, int] = (64, 96), photo: tuple[int, int] = PHOTO) -> asm.ScoreMap:
    """A map of noise, with an offset of its own in every channel."""
    shape = asm.patterns.get(pattern)
    values = torch.randn(shape.n_partitions, *size, generator=torch.Generator().manual_seed(7))
    return asm.ScoreMap(values + torch.arange(shape.n_partitions).view(-1, 1, 1), shape, photo)


def by_region(split: asm.CropComparison, column: str = "difference") -> dict[str, float]:
    return dict(zip(split.regions["region"], split.regions[column], strict=True))


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(deadline=None, max_examples=15)
@given(a=boxes(), b=boxes())
def test_every_split_adds_up_to_the_difference(pattern: str, a: list[float], b: list[float]) -> None:
    score_map = random_map(pattern)
    split = asm.compare_crops(score_map, a, b)
    score_a, score_b = asm.crop_scores(score_map, [a, b])
    assert split.difference == split.score_a - split.score_b
    assert (split.score_a, split.score_b) == pytest.approx((score_a, score_b), rel=1e-9)
    for table in (split.partitions, split.regions, split.parts):
        assert table["difference"].sum() == pytest.approx(score_a - score_b, rel=1e-7, abs=1e-9)
    assert split.partitions["a"].sum() == pytest.approx(score_a, rel=1e-9)
    assert split.partitions["b"].sum() == pytest.approx(score_b, rel=1e-9)
    finest = split.parts.groupby("region")["difference"].sum()
    for region, difference in by_region(split).items():
        assert difference == pytest.approx(finest.get(region, 0.0), abs=1e-12)


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(deadline=None, max_examples=10)
@given(a=boxes(), b=boxes())
def test_swapping_the_crops_swaps_signs_and_regions(pattern: str, a: list[float], b: list[float]) -> None:
    score_map = random_map(pattern)
    there, back = asm.compare_crops(score_map, a, b), asm.compare_crops(score_map, b, a)
    assert there.difference == -back.difference
    one, other = by_region(there), by_region(back)
    for region, mirrored in (("gained", "lost"), ("lost", "gained"), ("moved", "moved")):
        assert one[region] == pytest.approx(-other[mirrored], abs=1e-12)
    np.testing.assert_allclose(there.partitions["difference"], -back.partitions["difference"])


@settings(deadline=None, max_examples=20)
@given(a=boxes(), b=boxes())
def test_areas_are_those_of_the_geometry(a: list[float], b: list[float]) -> None:
    split = asm.compare_crops(random_map("cross-rectangle"), a, b)
    width, height = (max(0.0, min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
    area_a, area_b = ((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    areas = by_region(split, "area")
    assert areas["moved"] == pytest.approx(width * height, abs=1e-6)
    assert areas["gained"] == pytest.approx(area_a - width * height, abs=1e-6)
    assert areas["lost"] == pytest.approx(area_b - width * height, abs=1e-6)
    assert split.parts["area"].sum() == pytest.approx(area_a + area_b - width * height, abs=1e-6)


def test_identical_crops_differ_in_nothing() -> None:
    box = [12.3, 4.5, 250.1, 111.7]
    split = asm.compare_crops(random_map("cross-rectangle"), box, box)
    assert split.difference == 0
    for table in (split.partitions, split.regions, split.parts):
        assert (table["difference"] == 0).all()
    assert set(split.parts["region"]) == {"moved"}
    assert (split.parts["partition_a"] == split.parts["partition_b"]).all()


@pytest.mark.parametrize("b", [[150.3, 20, 250, 180], [200, 0, 300, 110]], ids=["touching", "apart"])
def test_disjoint_crops_have_nothing_that_moved(b: list[float]) -> None:
    split = asm.compare_crops(random_map("multi-direction"), [3.7, 10, 150.3, 190], b)
    assert by_region(split)["moved"] == by_region(split, "area")["moved"] == 0
    assert "moved" not in set(split.parts["region"])
    # Nothing in common: the two regions are the crops' own scores over the photo's average.
    centred = asm.crop_scores(random_map("multi-direction").centred(), [split.box_a, split.box_b])
    assert by_region(split)["gained"] == pytest.approx(centred[0], abs=1e-6)
    assert by_region(split)["lost"] == pytest.approx(-centred[1], abs=1e-6)


@pytest.mark.parametrize("b", [[50.3, 40, 99.9, 60.5], [0.1, 0.2, 100, 60]], ids=["inside", "shared corner"])
def test_a_crop_that_holds_the_other_loses_nothing(b: list[float]) -> None:
    split = asm.compare_crops(random_map("cross-rectangle"), [0.1, 0.2, 280.3, 190.7], b)
    assert by_region(split)["lost"] == by_region(split, "area")["lost"] == 0
    assert (split.parts["partition_a"] >= 0).all()
    gained = split.parts[split.parts["region"] == "gained"]
    assert (gained["partition_b"] == -1).all()


def test_regions_ignore_channel_offsets() -> None:
    plain = random_map("cross-rectangle")
    offsets = torch.linspace(-20, 30, 12).view(-1, 1, 1)
    shifted = asm.ScoreMap(plain.values + offsets, plain.pattern, PHOTO)
    pair = [10, 20, 200.5, 180], [90.25, 0, 300, 120]
    before, after = (asm.compare_crops(each, *pair) for each in (plain, shifted))
    np.testing.assert_allclose(after.regions["difference"], before.regions["difference"], atol=1e-6)
    np.testing.assert_allclose(after.parts["difference"], before.parts["difference"], atol=1e-6)
    np.testing.assert_allclose(after.partitions["difference"], before.partitions["difference"], atol=1e-6)


def test_brute_force_over_pixels() -> None:
    photo = (24, 36)
    score_map = random_map("grid:2x3", size=photo, photo=photo)
    values = score_map.values.double().numpy()
    values = values - values.mean((1, 2), keepdims=True)
    a, b = (2, 4, 20, 20), (11, 0, 35, 12)
    differences: dict[tuple[str, int, int], float] = defaultdict(float)
    areas: dict[tuple[str, int, int], int] = defaultdict(int)

    def partition(box: tuple[int, int, int, int], x: int, y: int) -> int:
        """Of the pixel in a crop whose cells are whole pixels, -1 outside."""
        x1, y1, x2, y2 = box
        if not (x1 <= x < x2 and y1 <= y < y2):
            return -1
        return 3 * ((y - y1) * 2 // (y2 - y1)) + (x - x1) * 3 // (x2 - x1)

    for y in range(photo[0]):
        for x in range(photo[1]):
            in_a, in_b = partition(a, x, y), partition(b, x, y)
            if in_a < 0 and in_b < 0:
                continue
            region = "lost" if in_a < 0 else "gained" if in_b < 0 else "moved"
            areas[region, in_a, in_b] += 1
            differences[region, in_a, in_b] += (values[in_a, y, x] / (18 * 16) if in_a >= 0 else 0) - (
                values[in_b, y, x] / (24 * 12) if in_b >= 0 else 0
            )
    parts = asm.compare_crops(score_map, a, b).parts
    keys = list(zip(parts["region"], parts["partition_a"], parts["partition_b"], strict=True))
    assert set(keys) == set(differences)
    np.testing.assert_allclose(parts["difference"], [differences[key] for key in keys], atol=1e-9)
    np.testing.assert_allclose(parts["area"], [areas[key] for key in keys], atol=1e-9)
