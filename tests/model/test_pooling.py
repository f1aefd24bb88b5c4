import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from asm_interp.geometry import patterns
from asm_interp.geometry.patterns import CompositionPattern, from_labels, get
from asm_interp.model.pooling import cell_means, circle_pool, composition_pool, edges, grid_integrals, integral_image

NAMES = [*patterns.names(), "grid:7x2"]
SEEDS = st.integers(0, 9999)


@st.composite
def random_patterns(draw: st.DrawFn) -> CompositionPattern:
    """Labels strewn over a raster of any shape, odd ones too."""
    shape = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    raw = np.random.default_rng(draw(SEEDS)).integers(0, draw(st.integers(1, 6)), shape)
    return from_labels(np.unique(raw, return_inverse=True)[1].reshape(shape), "random")


def random_map(pattern: CompositionPattern, height: int, width: int, seed: int = 0) -> Tensor:
    values = np.random.default_rng(seed).normal(size=(pattern.n_partitions, height, width))
    return torch.from_numpy(values)


def random_boxes(n: int, height: int, width: int, seed: int = 0, smallest: float = 1.0) -> Tensor:
    """Boxes at fractional places, from one pixel to the whole map."""
    rng = np.random.default_rng(seed)
    size = np.array([width, height])
    sides = rng.uniform(smallest, size, (n, 2))
    sides[0] = size
    sides[-1] = smallest
    corners = rng.uniform(0, 1, (n, 2)) * (size - sides)
    return torch.from_numpy(np.concatenate([corners, corners + sides], axis=1))


def overlaps(borders: np.ndarray, n: int) -> np.ndarray:
    """Length that each of the steps between `borders` has in common with each of n pixels, [steps, n]."""
    low, high = np.maximum(borders[:-1, None], np.arange(n)), np.minimum(borders[1:, None], np.arange(n) + 1)
    return np.maximum(high - low, 0)


def weighed_by_area(values: Tensor, box: Tensor, pattern: CompositionPattern) -> float:
    """Score of one crop: every pixel counts for each cell by the area that they share."""
    x1, y1, x2, y2 = box.tolist()
    rows, columns = pattern.shape
    down = overlaps(y1 + (y2 - y1) * np.arange(rows + 1) / rows, values.shape[1])
    across = overlaps(x1 + (x2 - x1) * np.arange(columns + 1) / columns, values.shape[2])
    channels = values.double().numpy()
    total = sum(
        down[row] @ channels[pattern.labels[row, column]] @ across[column]
        for row in range(rows)
        for column in range(columns)
    )
    return total / ((x2 - x1) * (y2 - y1))


def per_pixel(values: Tensor, box: list[int], pattern: CompositionPattern) -> float:
    """Score of a crop whose cells are whole pixels: the mean of what each pixel reads."""
    x1, y1, x2, y2 = box
    read = [
        float(values[int(pattern.partition_at((x + 0.5 - x1) / (x2 - x1), (y + 0.5 - y1) / (y2 - y1))), y, x])
        for y in range(y1, y2)
        for x in range(x1, x2)
    ]
    return sum(read) / len(read)


def in_circle(
    values: Tensor, circle: tuple[float, float, float], scale: tuple[float, float], pattern: CompositionPattern
) -> float:
    """Score of one circle: the mean over a mask of pixel centres."""
    cx, cy, r = circle
    rows, columns = pattern.shape
    read = []
    for i in range(values.shape[1]):
        for j in range(values.shape[2]):
            x, y = (j + 0.5) / scale[1] - cx, (i + 0.5) / scale[0] - cy
            if x * x + y * y <= r * r:
                row = min(int((y + r) / (2 * r) * rows), rows - 1)
                column = min(int((x + r) / (2 * r) * columns), columns - 1)
                read.append(float(values[pattern.labels[row, column], i, j]))
    return float(np.mean(read)) if read else np.nan


def test_integral_image_sums_from_the_top_left() -> None:
    values = torch.arange(24.0).view(2, 3, 4)
    table = integral_image(values)
    assert table.dtype == torch.float64
    for i in range(4):
        for j in range(5):
            assert table[:, i, j].tolist() == [float(channel[:i, :j].sum()) for channel in values]


@pytest.mark.parametrize("name", NAMES)
def test_whole_cells_are_the_mean_over_pixels(name: str) -> None:
    pattern = get(name)
    rows, columns = pattern.shape
    height, width = 2 * rows + 3, 3 * columns + 2
    values = random_map(pattern, height, width)
    boxes = [[0, 0, columns, rows], [1, 2, 1 + 3 * columns, 2 + 2 * rows], [2, 3, 2 + 2 * columns, 3 + rows]]
    found = composition_pool(values[None], torch.tensor([boxes]), pattern)
    assert found.dtype == torch.float64
    expected = [per_pixel(values, box, pattern) for box in boxes]
    np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_fractional_crops_are_the_area_weighed_mean(name: str) -> None:
    pattern = get(name)
    values, boxes = random_map(pattern, 17, 23), random_boxes(12, 17, 23)
    found = composition_pool(values[None], boxes[None], pattern)[0]
    expected = [weighed_by_area(values, box, pattern) for box in boxes]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@given(random_patterns(), st.integers(1, 20), st.integers(1, 20), SEEDS)
@settings(max_examples=60, deadline=None)
def test_any_pattern_on_any_map(pattern: CompositionPattern, height: int, width: int, seed: int) -> None:
    values = random_map(pattern, height, width, seed)
    fractional = random_boxes(6, height, width, seed)
    whole = torch.cat([fractional[:, :2].floor(), fractional[:, 2:].ceil()], dim=1)
    boxes = torch.cat([fractional, whole])
    found = composition_pool(values[None], boxes[None], pattern)[0]
    expected = [weighed_by_area(values, box, pattern) for box in boxes]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


def test_large_map_with_an_offset_keeps_its_digits() -> None:
    pattern = get("cross-rectangle")
    values = 100 + random_map(pattern, 384, 512)
    corners = torch.tensor([[380.3, 500.1], [300.0, 200.7], [350.5, 420.2]], dtype=torch.float64).flip(1)
    boxes = torch.cat([corners, corners + torch.tensor([[1.0, 1.0], [40.5, 9.25], [1.5, 3.0]])], dim=1)
    found = composition_pool(values[None], boxes[None], pattern)[0]
    expected = [weighed_by_area(values, box, pattern) for box in boxes]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_parts_of_pixels_count_by_their_area() -> None:
    values = torch.tensor([[[1.0, 5.0], [3.0, 7.0]]])
    boxes = torch.tensor([[[0.0, 0.0, 1.5, 1.0], [0.5, 0.5, 1.5, 1.5], [0.25, 1.0, 1.25, 2.0]]])
    found = composition_pool(values[None], boxes, get("grid:1x1"))
    np.testing.assert_allclose(found[0], [(1 + 0.5 * 5) / 1.5, 4, 0.75 * 3 + 0.25 * 7], rtol=1e-15)


def test_batches_are_photos_apart() -> None:
    pattern = get("cross-rectangle:frame")
    maps = torch.stack([random_map(pattern, 9, 14, seed) for seed in range(3)])
    boxes = torch.stack([random_boxes(5, 9, 14, seed) for seed in range(3)])
    # Also from memory that is not contiguous, as a network in channels-last order gives it.
    found = composition_pool(maps.contiguous(memory_format=torch.channels_last), boxes, pattern)
    for photo in range(3):
        expected = [weighed_by_area(maps[photo], box, pattern) for box in boxes[photo]]
        np.testing.assert_allclose(found[photo], expected, rtol=0, atol=1e-12)


def test_no_crops_have_no_scores() -> None:
    assert composition_pool(torch.zeros(2, 1, 4, 4), torch.zeros(2, 0, 4), get("grid:1x1")).shape == (2, 0)


@pytest.mark.parametrize("pattern", [get("grid:2x3"), from_labels([[0, 1, 0], [1, 1, 0], [2, 0, 2]], "odd")], ids=str)
def test_gradient(pattern: CompositionPattern) -> None:
    values = random_map(pattern, 5, 6)[None].expand(2, -1, -1, -1).clone().requires_grad_()
    boxes = torch.stack([random_boxes(3, 5, 6, seed) for seed in (1, 2)])
    assert torch.autograd.gradcheck(lambda maps: composition_pool(maps, boxes, pattern), (values,))


def test_gradient_of_a_crop_is_its_share_of_each_pixel() -> None:
    pattern = get("grid:1x2")
    values = torch.zeros(1, 2, 2, 4, requires_grad=True)
    composition_pool(values, torch.tensor([[[0.5, 0.0, 3.5, 2.0]]]), pattern).sum().backward()
    assert values.grad is not None
    sixth = torch.tensor([[0.5, 1, 0, 0], [0, 0, 1, 0.5]]) / 6
    torch.testing.assert_close(values.grad[0], sixth[:, None].expand(2, 2, 4))


@pytest.mark.parametrize(
    ("values", "boxes", "message"),
    [
        ((1, 3, 4, 4), (1, 2, 4), r"grid:2x2 have shape \[B, 4, h, w\], got \(1, 3, 4, 4\)"),
        ((4, 4, 4), (1, 2, 4), r"got \(4, 4, 4\)"),
        ((2, 4, 4, 4), (1, 2, 4), r"boxes must have shape \[2, N, 4\], got \(1, 2, 4\)"),
        ((1, 4, 4, 4), (2, 4), r"boxes must have shape \[1, N, 4\], got \(2, 4\)"),
        ((1, 4, 4, 4), (1, 2, 5), r"got \(1, 2, 5\)"),
    ],
)
def test_shapes_that_do_not_fit(values: tuple[int, ...], boxes: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        composition_pool(torch.zeros(values), torch.ones(boxes), get("grid:2x2"))


def test_edges_end_exactly() -> None:
    start, stop = torch.tensor([0.1, 3.0]), torch.tensor([0.7, 4.0])
    found = edges(start, stop, 3)
    np.testing.assert_allclose(found, [[0.1, 0.3, 0.5, 0.7], [3, 10 / 3, 11 / 3, 4]], rtol=1e-7)
    assert found[:, 0].tolist() == start.double().tolist()
    assert found[:, -1].tolist() == stop.double().tolist()


@given(st.integers(1, 9), st.integers(1, 9), SEEDS)
@settings(max_examples=40, deadline=None)
def test_grid_integrals(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = torch.from_numpy(rng.normal(size=(2, height, width)))
    y = np.sort(np.append(rng.uniform(0, height, 4), [0, height, height // 2, height // 2]))  # one empty row
    x = np.sort(np.append(rng.uniform(0, width, 3), [0, width]))
    found = grid_integrals(values, torch.from_numpy(y), torch.from_numpy(x))
    assert found.shape == (2, 7, 4)
    expected = [overlaps(y, height) @ channel @ overlaps(x, width).T for channel in values.numpy()]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_cell_means_hold_every_channel_of_every_cell(name: str) -> None:
    pattern = get(name)
    rows, columns = pattern.shape
    values, box = random_map(pattern, 13, 17), torch.tensor([1.3, 2.6, 16.1, 12.9], dtype=torch.float64)
    found = cell_means(values, box, pattern)
    assert found.shape == (rows * columns, pattern.n_partitions)
    x1, y1, x2, y2 = box.tolist()
    for cell in {0, columns - 1, (rows * columns) // 2, rows * columns - 1}:
        row, column = divmod(cell, columns)
        left, top = x1 + (x2 - x1) * column / columns, y1 + (y2 - y1) * row / rows
        part = torch.tensor([left, top, left + (x2 - x1) / columns, top + (y2 - y1) / rows], dtype=torch.float64)
        expected = [weighed_by_area(channel[None], part, get("grid:1x1")) for channel in values]
        np.testing.assert_allclose(found[cell], expected, rtol=0, atol=1e-12)
    read = found.numpy()[np.arange(rows * columns), pattern.labels.ravel()]
    assert float(read.mean()) == pytest.approx(weighed_by_area(values, box, pattern), abs=1e-12)


@given(random_patterns(), st.floats(0.2, 3), st.floats(0.2, 3), SEEDS)
@settings(max_examples=50, deadline=None)
def test_circles_are_the_mean_of_a_mask(pattern: CompositionPattern, down: float, across: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = random_map(pattern, 15, 22, seed)
    height, width = 15 / down, 22 / across  # of the photo: on the map a circle is an ellipse
    radii = rng.uniform(0.1, min(height, width) / 2, 4)
    circles = [(float(rng.uniform(r, width - r)), float(rng.uniform(r, height - r)), float(r)) for r in radii]
    found = circle_pool(values, torch.tensor(circles, dtype=torch.float64), (down, across), pattern)
    for circle, score in zip(circles, found.tolist(), strict=True):
        expected = in_circle(values, circle, (down, across), pattern)
        if not np.isnan(expected):
            assert score == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_named_patterns_in_a_circle(name: str) -> None:
    pattern = get(name)
    values = random_map(pattern, 40, 31)
    circles = [(14.9, 20.2, 14.7), (9.03, 30.4, 8.31), (20.0, 20.0, 10.0)]
    found = circle_pool(values, torch.tensor(circles, dtype=torch.float64), (1.0, 1.0), pattern)
    expected = [in_circle(values, circle, (1.0, 1.0), pattern) for circle in circles]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)


def test_circle_takes_the_centres_on_its_rim() -> None:
    values = torch.zeros(1, 11, 11)
    values[0, 5, 5], values[0, 8, 9], values[0, 0, 5] = 1.0, 10.0, 100.0  # centre, and two centres 5 px away
    found = circle_pool(values, torch.tensor([[5.5, 5.5, 5.0], [5.5, 5.5, 4.99]]), (1.0, 1.0), get("grid:1x1"))
    np.testing.assert_allclose(found, [111 / 81, 1 / 69], rtol=1e-12)


def test_circle_without_a_pixel_centre_takes_the_pixel_under_it() -> None:
    pattern = get("grid:2x2")
    values = random_map(pattern, 6, 8)
    # A photo of 60 × 160 pixels: the circles lie inside map pixels (4, 2) and (5, 7), beside their centres.
    circles = torch.tensor([[42.0, 41.0, 1.0], [159.5, 59.5, 0.5]])
    found = circle_pool(values, circles, (0.1, 0.05), pattern)
    assert found.tolist() == [float(values[3, 4, 2]), float(values[3, 5, 7])]
