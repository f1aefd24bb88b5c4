"""Explanations of crops against area-weighted brute force, and the sums that they promise."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import asm_interp as asm

PATTERNS = [*asm.patterns.names(), "grid:7x4"]
PHOTO = (200, 300)
CHECKPOINTS = sorted((Path(__file__).resolve().parents[2] / "checkpoints").glob("*.safetensors"))

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


def overlaps(start: float, stop: float, n_steps: int, n_pixels: int) -> npt.NDArray[np.float64]:
    """Length that each of `n_steps` equal steps shares with each pixel, [steps, pixels]."""
    ends, pixels = np.linspace(start, stop, n_steps + 1), np.arange(n_pixels)
    low = np.maximum(ends[:-1, None], pixels[None])
    high = np.minimum(ends[1:, None], pixels[None] + 1)
    return np.maximum(high - low, 0)


def brute_pooled(score_map: asm.ScoreMap, box: list[float]) -> npt.NDArray[np.float64]:
    """Mean of every channel over every cell, [cells, L], from overlap lengths alone."""
    n_channels, height, width = score_map.values.shape
    down, across = height / PHOTO[0], width / PHOTO[1]
    rows, columns = score_map.pattern.shape
    y = overlaps(box[1] * down, box[3] * down, rows, height)
    x = overlaps(box[0] * across, box[2] * across, columns, width)
    means = np.einsum("yi,lij,xj->yxl", y, score_map.values.double().numpy(), x)
    return (means / (y.sum(1)[:, None, None] * x.sum(1)[None, :, None])).reshape(-1, n_channels)


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(deadline=None, max_examples=12)
@given(box=boxes())
def test_all_splits_add_up_to_the_score(pattern: str, box: list[float]) -> None:
    score_map = random_map(pattern)
    why = asm.explain_crop(score_map, box)
    pooled = brute_pooled(score_map, box)
    labels = score_map.pattern.labels.ravel()
    score = pooled[np.arange(len(labels)), labels].mean()
    assert asm.crop_scores(score_map, [box])[0] == pytest.approx(score, rel=1e-9, abs=1e-9)
    assert why.score == pytest.approx(score, rel=1e-9, abs=1e-9)
    assert why.partitions["contribution"].sum() == pytest.approx(why.score, rel=1e-9, abs=1e-12)
    assert why.pixel_scores.mean() == pytest.approx(score, rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(why.pooled, pooled, rtol=1e-7, atol=1e-7)
    for partition in range(score_map.pattern.n_partitions):
        own = pooled[labels == partition, partition]
        row = why.partitions.loc[partition]
        assert row["contribution"] == pytest.approx(own.sum() / len(labels), rel=1e-8, abs=1e-8)
        assert row["mean"] == pytest.approx(own.mean(), rel=1e-8, abs=1e-8)
        assert row["area"] == np.mean(labels == partition)


@pytest.mark.parametrize("pattern", ["cross-rectangle", "multi-direction", "grid:5x5"])
@settings(deadline=None, max_examples=10)
@given(box=boxes())
def test_columns_of_the_partition_table_mean_what_they_say(pattern: str, box: list[float]) -> None:
    score_map = random_map(pattern)
    table = asm.explain_crop(score_map, box).partitions
    # Without channel offsets, what is left of a contribution is what the offset column does not hold.
    centred = asm.explain_crop(score_map.centred(), box).partitions
    np.testing.assert_allclose(table["contribution"] - table["offset"], centred["contribution"], atol=1e-6)
    np.testing.assert_allclose(centred["offset"], 0, atol=1e-6)
    # A map whose channels all are θavg holds the content alone.
    average = torch.from_numpy(asm.theta_maps(score_map).avg).expand_as(score_map.values)
    content = asm.explain_crop(asm.ScoreMap(average, score_map.pattern, PHOTO), box).partitions
    np.testing.assert_allclose(table["content"], content["contribution"], atol=1e-6)
    np.testing.assert_allclose(content["composition"], 0, atol=1e-9)
    # To the last bit, and as a difference: where content and composition cancel, their sum has rounding of its own.
    np.testing.assert_array_equal(table["composition"], table["contribution"] - table["content"])


@pytest.mark.parametrize("pattern", PATTERNS)
def test_pixel_scores_of_an_aligned_crop_are_the_map_that_it_reads(pattern: str) -> None:
    score_map = random_map(pattern, size=PHOTO)  # a map pixel is a photo pixel
    rows, columns = score_map.pattern.shape
    x1, y1, height, width = 31, 17, 4 * rows, 3 * columns
    why = asm.explain_crop(score_map, [x1, y1, x1 + width, y1 + height])
    assert why.pixel_scores.shape == (height, width)
    for y in range(height):
        for x in range(width):
            partition = int(score_map.pattern.partition_at((x + 0.5) / width, (y + 0.5) / height))
            assert why.pixel_scores[y, x] == pytest.approx(float(score_map.values[partition, y1 + y, x1 + x]), abs=1e-7)


def test_a_pixel_that_two_partitions_share_is_weighted_by_area() -> None:
    values = torch.tensor([2.0, 5.0]).view(2, 1, 1).expand(2, 4, 6)
    score_map = asm.ScoreMap(values, asm.patterns.get("grid:1x2"), (4, 6))
    why = asm.explain_crop(score_map, [1, 0, 4, 2])
    np.testing.assert_allclose(why.pixel_scores, [[2, 3.5, 5]] * 2)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("corner", [(0, 0), (299, 199), (150.25, 99.5)])
def test_crops_of_one_pixel(pattern: str, corner: tuple[float, float]) -> None:
    x, y = corner
    score_map = random_map(pattern, size=PHOTO)
    why = asm.explain_crop(score_map, [x, y, x + 1, y + 1])
    assert why.pixel_scores.shape == (1, 1)
    assert why.pixel_scores[0, 0] == pytest.approx(why.score, rel=1e-9)
    assert why.partitions["contribution"].sum() == pytest.approx(why.score, rel=1e-9)
    if x == int(x):
        pixel = score_map.values[:, int(y), int(x)].double().numpy()
        assert why.score == pytest.approx(score_map.pattern.areas @ pixel, rel=1e-9)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([10, 10, 5, 20], "x1 < x2"),
        ([0, 0, 0.5, 9], "at least one photo pixel"),
        ([0, 0, 301, 9], "200×300"),
        ([0, 0, float("nan"), 9], "finite"),
        ([0, 0, 9], r"shape \[N, 4\]"),
    ],
)
def test_faulty_boxes_are_named(box: list[float], message: str) -> None:
    score_map = random_map("grid:3x3")
    with pytest.raises(ValueError, match=message):
        asm.explain_crop(score_map, box)
    with pytest.raises(ValueError, match=message if len(box) == 4 else "same shape"):
        asm.compare_crops(score_map, [0, 0, 9, 9], box)


@pytest.mark.parametrize("path", CHECKPOINTS or [None], ids=lambda path: path.stem if path else "none")
@pytest.mark.parametrize("photo", ["china", "chelsea"])
def test_shipped_checkpoints_are_explained_exactly(path: Path | None, photo: str) -> None:
    if path is None:
        pytest.skip(f"no checkpoints in {os.fspath(Path('checkpoints'))} to test")
    score_map = asm.load(path).score_map(asm.sample_photos()[photo])
    height, width = score_map.photo_size
    a, b = [0, 0, width, height], [0.21 * width, 0.1 * height, 0.9 * width, 0.77 * height]
    for box in (a, b, [5, 5, 6, 6]):
        why = asm.explain_crop(score_map, box)
        score = asm.crop_scores(score_map, [box])[0]
        assert why.partitions["contribution"].sum() == pytest.approx(score, rel=1e-6)
        assert why.pixel_scores.mean() == pytest.approx(score, rel=1e-6)
    split = asm.compare_crops(score_map, a, b)
    for table in (split.partitions, split.regions, split.parts):
        assert table["difference"].sum() == pytest.approx(split.difference, rel=1e-6)
