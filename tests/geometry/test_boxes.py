import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asm_interp.geometry import boxes as bx

SIDE = 20


@st.composite
def whole_boxes(draw: st.DrawFn) -> np.ndarray:
    """A box with whole corners in a square of SIDE pixels; inverted and empty ones too."""
    return np.array(draw(st.lists(st.integers(0, SIDE), min_size=4, max_size=4)), dtype=float)


def mask(box: np.ndarray) -> np.ndarray:
    """Pixels that a whole box covers."""
    x1, y1, x2, y2 = box.astype(int)
    y, x = np.mgrid[:SIDE, :SIDE]
    return (x >= x1) & (x < x2) & (y >= y1) & (y < y2)


def test_boxes_come_back_as_float64() -> None:
    found = bx.check_boxes([[0, 0, 10, 5], [2, 3, 4, 20]], (20, 10))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [[0, 0, 10, 5], [2, 3, 4, 20]])


@pytest.mark.parametrize("empty", [[], np.empty((0, 4))])
def test_no_boxes_are_an_empty_table(empty: object) -> None:
    assert bx.check_boxes(empty, (5, 5)).shape == (0, 4)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([0, 0, 5, 5], r"boxes must have shape \[N, 4\], got \(4,\)"),
        ([[0, 0, 5]], r"boxes must have shape \[N, 4\], got \(1, 3\)"),
        ([[0, 0, 5, 5], [0, np.nan, 5, 5]], r"finite, but row 1 is \[0.0, nan, 5.0, 5.0\]"),
        ([[0, 0, np.inf, 5]], "finite, but row 0"),
        ([[0, 0, 5, 5], [5, 0, 1, 5], [0, 9, 5, 9]], r"x1 < x2 and y1 < y2; row 1 is .* \(2 such rows\)"),
        ([[0, 0, 0.9, 5]], "at least one photo pixel; row 0"),
        ([[0, 0, 5, 0.5]], "at least one photo pixel; row 0"),
        ([[0, 0, 11, 5]], r"inside the photo of 20×10 \(H×W\) px; row 0 is \[0.0, 0.0, 11.0, 5.0\]"),
        ([[0, 0, 5, 21]], "inside the photo"),
        ([[-1, 0, 5, 5]], "inside the photo"),
        ([[0, -0.001, 5, 5]], "inside the photo"),
    ],
)
def test_bad_boxes_are_named(boxes: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bx.check_boxes(boxes, (20, 10))


def test_without_a_photo_a_box_may_lie_anywhere() -> None:
    assert bx.check_boxes([[-5, -5, 500, 500]]).tolist() == [[-5, -5, 500, 500]]


def test_rounding_noise_at_the_rim_is_cut_off() -> None:
    noisy = [[-1e-9, 0, 10 + 1e-9, 20 + 1e-9]]
    assert bx.check_boxes(noisy, (20, 10)).tolist() == [[0, 0, 10, 20]]


def test_circle_of_one_pixel_radius_is_the_smallest() -> None:
    np.testing.assert_array_equal(bx.check_circles([[1, 19, 1]], (20, 10)), [[1, 19, 1]])


@pytest.mark.parametrize(
    ("circles", "message"),
    [
        ([[5, 5, 5, 5]], r"circles must have shape \[N, 3\], got \(1, 4\)"),
        ([[5, np.nan, 2]], "circles must be finite"),
        ([[5, 5, 0.99]], "radius is at least one photo pixel; row 0"),
        ([[5, 5, -3]], "radius is at least one photo pixel"),
        (
            [[5, 5, 5], [6, 5, 4.1]],
            r"circles must lie inside the photo of 20×10 \(H×W\) px; row 1 is \[6.0, 5.0, 4.1\]",
        ),
        ([[5, 18, 2.5]], "circles must lie inside"),
    ],
)
def test_bad_circles_are_named(circles: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bx.check_circles(circles, (20, 10))


def test_circle_bounds() -> None:
    assert bx.circle_bounds(np.array([[5.0, 7.0, 2.0]])).tolist() == [[3, 5, 7, 9]]


@given(whole_boxes(), whole_boxes())
def test_area_and_iou_count_pixels(a: np.ndarray, b: np.ndarray) -> None:
    union = (mask(a) | mask(b)).sum()
    assert bx.area(a) == mask(a).sum()
    expected = (mask(a) & mask(b)).sum() / union if union else 0
    assert float(bx.iou(a, b)) == pytest.approx(expected, abs=1e-15)
    assert float(bx.iou(b, a)) == float(bx.iou(a, b))


def test_iou_of_all_pairs() -> None:
    boxes = np.array([[0, 0, 4, 4], [0, 0, 4, 2], [4, 4, 8, 8.0]])
    np.testing.assert_array_equal(bx.iou(boxes[:, None], boxes[None]), [[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]])


def test_aspect_is_width_over_height() -> None:
    assert bx.aspect(np.array([[0, 0, 16, 9], [1, 1, 2, 5.0]])).tolist() == [16 / 9, 0.25]


def test_clip_knows_height_from_width() -> None:
    assert bx.clip(np.array([-5, -5, 99, 99.0]), (20, 10)).tolist() == [0, 0, 10, 20]


def test_boundary_displacement_measures_each_edge_by_its_side() -> None:
    photo_size = (50, 200)
    box = np.array([20, 10, 180, 40.0])
    for edge, share in zip(np.eye(4), (1 / 200, 1 / 50, 1 / 200, 1 / 50), strict=True):
        assert float(bx.boundary_displacement(box, box - 5 * edge, photo_size)) == pytest.approx(5 * share / 4)
    assert float(bx.boundary_displacement(box, box, photo_size)) == 0


def test_boundary_displacement_takes_one_size_per_photo() -> None:
    whole, half = np.array([[0, 0, 10, 10], [0, 0, 20, 40.0]]), np.array([[0, 0, 5, 10], [0, 20, 20, 40.0]])
    sizes = np.array([[10, 10], [40, 20.0]])
    np.testing.assert_allclose(bx.boundary_displacement(whole, half, sizes), [0.125, 0.125])


@given(st.lists(whole_boxes(), min_size=1, max_size=12), st.floats(0, 1))
def test_suppression_keeps_what_no_kept_box_overlaps(boxes: list[np.ndarray], max_iou: float) -> None:
    kept = bx.non_maximum_suppression(np.array(boxes), max_iou).tolist()
    for index in range(len(boxes)):
        before = [other for other in kept if other < index]
        free = all(bx.iou(boxes[other], boxes[index]) <= max_iou for other in before)
        assert (index in kept) == free
    assert kept == sorted(kept)
    assert bx.non_maximum_suppression(np.array(boxes), max_iou, limit=2).tolist() == kept[:2]


def test_suppression_of_nothing() -> None:
    assert bx.non_maximum_suppression(np.empty((0, 4)), 0.5).shape == (0,)
