import warnings
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asm_interp.geometry.patterns import get
from asm_interp.model.score_map import ScoreMap, circle_scores, crop_scores

PATTERN = get("grid:2x3")


def random_score_map(
    spec: str = "grid:2x3", size: tuple[int, int] = (16, 24), photo_size: tuple[int, int] = (120, 200)
) -> ScoreMap:
    pattern = get(spec)
    values = np.random.default_rng(0).normal(size=(pattern.n_partitions, *size)).astype(np.float32)
    return ScoreMap(torch.from_numpy(values), pattern, photo_size)


def score_by_hand(score_map: ScoreMap, box: list[float]) -> float:
    """Crop score with the map blown up so that every piece of it is constant: no table, no interpolation."""
    height, width = score_map.photo_size
    rows, columns = score_map.pattern.shape
    x1, y1, x2, y2 = box
    _, h, w = score_map.values.shape
    ys = np.unique(np.clip([*np.arange(h + 1) * height / h, *np.linspace(y1, y2, rows + 1)], y1, y2))
    xs = np.unique(np.clip([*np.arange(w + 1) * width / w, *np.linspace(x1, x2, columns + 1)], x1, x2))
    total = 0.0
    for top, bottom in pairwise(ys.tolist()):
        for left, right in pairwise(xs.tolist()):
            x, y = (left + right) / 2, (top + bottom) / 2
            label = int(score_map.pattern.partition_at((x - x1) / (x2 - x1), (y - y1) / (y2 - y1)))
            total += float(score_map.values[label, int(y * h / height), int(x * w / width)]) * (
                (right - left) * (bottom - top)
            )
    return total / ((x2 - x1) * (y2 - y1))


@pytest.fixture
def every_warning() -> Iterator[None]:
    """Torch repeats a warning that it would give once per process."""
    torch.set_warn_always(True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    torch.set_warn_always(False)


def test_built_by_hand_from_what_there_is(every_warning: None) -> None:
    array = np.arange(24.0).reshape(6, 2, 2)
    array.setflags(write=False)
    for values in (array, array.tolist(), torch.from_numpy(array.copy()).requires_grad_(), array.astype(np.float16)):
        score_map = ScoreMap(values, PATTERN, (20, 10))
        assert score_map.values.dtype == torch.float32
        assert not score_map.values.requires_grad
        np.testing.assert_array_equal(score_map.values, array)
        assert score_map.photo_size == (20, 10)
        assert score_map.scale == (0.1, 0.2)


@pytest.mark.parametrize(
    ("shape", "photo_size", "message"),
    [
        ((5, 4, 4), (9, 9), r"grid:2x3 has shape \[6, h, w\], got \(5, 4, 4\)"),
        ((6, 4), (9, 9), r"got \(6, 4\)"),
        ((6, 0, 4), (9, 9), r"got \(6, 0, 4\)"),
        ((6, 4, 4), (0, 9), r"height and width in pixels, got \(0, 9\)"),
    ],
)
def test_shapes_that_do_not_fit(shape: tuple[int, ...], photo_size: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ScoreMap(torch.zeros(shape), PATTERN, photo_size)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_must_be_finite(bad: float) -> None:
    values = torch.zeros(6, 3, 3)
    values[2, 1, 1] = bad
    with pytest.raises(ValueError, match="must be finite"):
        ScoreMap(values, PATTERN, (9, 9))


def test_fields_cannot_be_replaced() -> None:
    with pytest.raises(AttributeError):
        random_score_map().photo_size = (1, 1)  # type: ignore[misc]


def test_at_photo_size() -> None:
    ramp = torch.arange(4.0).expand(6, 2, 4)
    found = ScoreMap(ramp, PATTERN, (6, 8)).at_photo_size()
    assert found.shape == (6, 6, 8)
    # Pixel i covers [i, i + 1): centres fall on quarters, and the rim repeats the last value.
    np.testing.assert_allclose(found[3, 2], [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3], atol=1e-6)
    same = random_score_map(photo_size=(16, 24))
    torch.testing.assert_close(same.at_photo_size(), same.values)


@pytest.mark.parametrize("spec", ["grid:1x1", "grid:2x3", "multi-direction", "cross-rectangle"])
def test_crop_scores_in_photo_pixels(spec: str) -> None:
    score_map = random_score_map(spec)
    boxes = [[0, 0, 200, 120], [10.25, 3.5, 150.75, 100.125], [199, 119, 200, 120], [33, 44, 34, 120], [7, 8, 9, 10]]
    expected = [score_by_hand(score_map, box) for box in boxes]
    found = crop_scores(score_map, boxes)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_any_photo_size(height: int, width: int, seed: int) -> None:
    score_map = random_score_map(size=(5, 7), photo_size=(height, width))
    rng = np.random.default_rng(seed)
    sides = rng.uniform(1, [width, height])
    corner = rng.uniform(0, np.array([width, height]) - sides)
    boxes = [[*corner, *(corner + sides)], [0, 0, width, height], [width - 1, height - 1, width, height]]
    expected = [score_by_hand(score_map, [float(edge) for edge in box]) for box in boxes]
    np.testing.assert_allclose(crop_scores(score_map, boxes), expected, rtol=0, atol=1e-9)


def test_large_numbers_of_crops_are_pooled_in_parts() -> None:
    score_map = random_score_map()
    corners = np.random.default_rng(1).uniform(0, 100, (9000, 2))
    boxes = np.concatenate([corners, corners + np.array([50, 20])], axis=1)
    some = [0, 4095, 4096, 8191, 8192, 8999]
    np.testing.assert_allclose(crop_scores(score_map, boxes)[some], crop_scores(score_map, boxes[some]), rtol=1e-12)
    circles = np.concatenate([corners[:600] + 9, np.full((600, 1), 8.5)], axis=1)
    some = [0, 255, 256, 511, 512, 599]
    np.testing.assert_allclose(circle_scores(score_map, circles)[some], circle_scores(score_map, circles[some]))


def test_no_crops() -> None:
    assert crop_scores(random_score_map(), []).shape == (0,)
    assert circle_scores(random_score_map(), np.empty((0, 3))).shape == (0,)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([0, 0, 0.99, 50], "at least one photo pixel"),
        ([0, 0, 201, 50], r"inside the photo of 120×200 \(H×W\) px"),
        ([50, 50, 40, 60], "x1 < x2"),
        ([0, 0, np.nan, 5], "finite"),
    ],
)
def test_bad_boxes(box: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        crop_scores(random_score_map(), [[0, 0, 9, 9], box])


@pytest.mark.parametrize(
    ("circle", "message"),
    [([60, 60, 0.9], "radius is at least one photo pixel"), ([10, 60, 11], r"inside the photo of 120×200")],
)
def test_bad_circles(circle: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        circle_scores(random_score_map(), [circle])


def test_circle_scores_are_means_over_map_pixels() -> None:
    score_map = random_score_map("cross-rectangle")  # 0.1333 × 0.12 map pixels a photo pixel
    circles = np.array([[100.0, 60, 59.5], [31.3, 77.7, 25.1]])
    y, x = np.meshgrid((np.arange(16) + 0.5) * 7.5, (np.arange(24) + 0.5) * 200 / 24, indexing="ij")
    expected = []
    for cx, cy, r in circles:
        inside = (x - cx) ** 2 + (y - cy) ** 2 <= r**2
        labels = score_map.pattern.partition_at((x[inside] - cx + r) / (2 * r), (y[inside] - cy + r) / (2 * r))
        expected.append(score_map.values.numpy()[labels, *np.nonzero(inside)].mean(dtype=np.float64))
    np.testing.assert_allclose(circle_scores(score_map, circles), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("spec", ["grid:2x3", "multi-rectangle"])
def test_centring_moves_all_scores_alike(spec: str) -> None:
    score_map = random_score_map(spec)
    centred = score_map.centred()
    means = score_map.values.double().mean((1, 2))
    np.testing.assert_allclose(centred.values.mean((1, 2)), 0, atol=1e-6)
    boxes = [[0, 0, 200, 120], [5, 5, 60, 25], [100, 20, 101, 90]]
    moved = crop_scores(score_map, boxes) - crop_scores(centred, boxes)
    np.testing.assert_allclose(moved, float(means @ torch.tensor(score_map.pattern.areas)), atol=1e-6)
