import json
import pickle
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from asm_interp.geometry import candidates as cd
from asm_interp.geometry.boxes import area, check_boxes, check_circles

SIDES = st.integers(1, 6000)
RATIOS = st.one_of(
    st.sampled_from([1, 4 / 3, 3 / 4, 3 / 2, 16 / 9, 9 / 16, 21 / 9, 2.35, 3, 0.01, 100]),
    st.floats(0.01, 100),
)


def is_off_by_rounding(w: np.ndarray, h: np.ndarray, ratio: float) -> np.ndarray:
    """Whether the shorter side is within half a pixel of what the longer one asks for."""
    error = np.abs(h - w / ratio) if ratio >= 1 else np.abs(w - h * ratio)
    return error <= 0.5 + 1e-9


def test_anchors_are_those_of_the_published_code(shared_dir: Path) -> None:
    with (shared_dir / "data/anchors/pdefined_anchor_895.pkl").open("rb") as file:
        published = np.array(pickle.load(file, encoding="latin1"), dtype=float)[:, :4]
    assert len(published) == 895
    np.testing.assert_allclose(cd.anchors(), published, rtol=0, atol=1e-12)


def test_anchors_are_distinct_boxes_of_the_unit_square() -> None:
    anchors = cd.anchors()
    assert anchors.shape == (895, 4)
    assert anchors.min() == 0
    assert anchors.max() == 1
    assert len(np.unique(anchors.round(9), axis=0)) == 895
    assert area(anchors).min() == pytest.approx(0.114, abs=5e-4)
    with pytest.raises(ValueError, match="read-only"):
        anchors[0] = 0


def test_anchors_scale_with_the_photo() -> None:
    np.testing.assert_allclose(cd.anchor_boxes((300, 700)) / [700, 300, 700, 300], cd.anchors(), atol=1e-15)


# Published counts per aspect ratio.
@pytest.mark.parametrize(
    ("width", "height", "count"),
    [(1, 1, 90), (5, 4, 90), (4, 3, 87), (3, 2, 83), (16, 9, 60), (2, 1, 38), (21, 9, 18), (3, 1, 3)],
)
def test_grid_has_the_published_counts(width: int, height: int, count: int) -> None:
    assert len(cd.gaic_grid((100 * height, 100 * width))) == count
    assert len(cd.gaic_grid((100 * width, 100 * height))) == count


def test_grid_boxes_by_the_rule() -> None:
    height, width = 600, 960
    boxes = cd.gaic_grid((height, width))
    bins = boxes / np.array([width, height, width, height]) * 12 - 0.5
    np.testing.assert_allclose(bins, bins.round(), atol=1e-12)
    assert set(bins[:, :2].round().ravel()) <= {0, 1, 2, 3}
    assert set(bins[:, 2:].round().ravel()) <= {8, 9, 10, 11}
    kept = {tuple(row) for row in bins.round().astype(int).tolist()}
    for x1, y1, x2, y2 in product(range(4), range(4), range(8, 12), range(8, 12)):
        ratio = (x2 - x1) * width / ((y2 - y1) * height)
        wanted = (x2 - x1) * (y2 - y1) > 0.4999 * 144 and 0.5 < ratio < 2
        assert ((x1, y1, x2, y2) in kept) == wanted


def annotated(shared_dir: Path) -> dict[str, np.ndarray]:
    entries = json.loads((shared_dir / "data/gaicd/image_crop.json").read_text("utf-8"))
    return {name: np.array(entry["bbox"], dtype=float) for name, entry in entries.items()}


def cells_of(boxes: np.ndarray, photo_size: tuple[int, int]) -> set[tuple[int, ...]]:
    """Bins of the corners of boxes that were rounded to whole pixels."""
    height, width = photo_size
    bins = boxes / np.array([width, height, width, height]) * 12 - 0.5
    assert np.abs(bins - bins.round()).max() < 0.02, "corners stand in the centres of bins"
    return set(map(tuple, bins.round().astype(int).tolist()))


# The annotators also saw crops beyond 2:1, which the published filter leaves out: on a square photo there are none.
ALL_CELLS = cells_of(cd.gaic_grid((12, 12)), (12, 12))


def test_annotated_crops_lie_on_the_grid_of_their_photo(shared_dir: Path) -> None:
    boxes = annotated(shared_dir)
    paths = sorted((shared_dir / "data/gaicd/images").glob("*.jpg"))
    assert len(paths) == 3
    for path in paths:
        with Image.open(path) as photo:
            size = photo.height, photo.width
        found = cells_of(boxes[path.name], size)
        assert len(found) == len(boxes[path.name])
        assert cells_of(cd.gaic_grid(size), size) <= found <= ALL_CELLS


def fitted_length(edges: np.ndarray) -> float:
    """Length of the photo's side on whose bins the edges stand."""
    edges = np.unique(edges)
    bins = np.round(edges / np.diff(edges).min() - 0.5) + 0.5
    return 12 * float(edges @ bins / (bins @ bins))


def test_all_annotated_crops_lie_on_a_grid(shared_dir: Path) -> None:
    """The other photos are not at hand; their sizes are read off the crops."""
    seen = set()
    for boxes in annotated(shared_dir).values():
        size = fitted_length(boxes[:, 1::2]), fitted_length(boxes[:, ::2])
        assert max(size) < 1026
        seen |= cells_of(boxes, size)
    assert seen == ALL_CELLS
    assert len(seen) == 90


@pytest.mark.parametrize(
    ("text", "ratio"),
    [("16:9", 16 / 9), (" 3 / 2 ", 1.5), ("4x5", 0.8), ("2.35:1", 2.35), ("1.5", 1.5), (2, 2.0), ("1:100", 0.01)],
)
def test_aspect_is_read(text: str | float, ratio: float) -> None:
    assert cd.parse_aspect(text) == ratio


@pytest.mark.parametrize("text", ["", "wide", "16:", "0:9", "-1", "nan", "inf", "16:9:4", "101:1", 0, None, "4:0"])
def test_no_aspect(text: object) -> None:
    with pytest.raises(ValueError, match=r"an aspect ratio .* got "):
        cd.parse_aspect(text)  # type: ignore[arg-type]


@given(SIDES, SIDES, RATIOS)
@example(1, 99, 99.0)
@example(1, 3, 1.5)
@example(3840, 2160, 16 / 9)
@settings(max_examples=150, deadline=None)
def test_aspect_boxes_are_exact_and_inside(height: int, width: int, ratio: float) -> None:
    widest = min(width, height * ratio)
    if min(widest, widest / ratio) < 1:
        with pytest.raises(ValueError, match=f"fits into a photo of {height}×{width}"):
            cd.aspect_boxes((height, width), ratio)
        return
    boxes = cd.aspect_boxes((height, width), ratio)
    check_boxes(boxes, (height, width))
    np.testing.assert_array_equal(boxes, boxes.round())
    w, h = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    assert is_off_by_rounding(w, h, ratio).all()
    assert len(np.unique(boxes, axis=0)) == len(boxes)
    assert len(boxes) <= 6 * 11 * 11
    # The first is the largest there is: a pixel more on the longer side leaves the photo.
    longer = w[0] if ratio >= 1 else h[0]
    assert longer == max(np.floor((widest if ratio >= 1 else widest / ratio) + 1e-9), round(max(ratio, 1 / ratio)))


def test_aspect_boxes_reach_every_border_at_every_size() -> None:
    boxes = cd.aspect_boxes((600, 800), 1.0)
    for side in np.unique(boxes[:, 2] - boxes[:, 0]):
        group = boxes[boxes[:, 2] - boxes[:, 0] == side]
        assert group.min(0)[:2].tolist() == [0, 0]
        assert group.max(0)[2:].tolist() == [800, 600]
        xs = np.unique(group[:, 0])
        assert len(xs) == 11, "tenths of the longer free direction"
        assert np.ptp(np.diff(xs)) <= 1
    assert np.unique(boxes[:, 2] - boxes[:, 0]).tolist() == [300, 360, 420, 480, 540, 600]


def test_photo_without_pixels() -> None:
    with pytest.raises(ValueError, match="at least one pixel, got 0×5"):
        cd.aspect_boxes((0, 5), 1.0)


@given(st.lists(st.floats(0.01, 5000), min_size=1, max_size=5), RATIOS)
@settings(deadline=None)
def test_fitted_sizes(widths: list[float], ratio: float) -> None:
    w, h = cd.fitted_size(widths, ratio)
    assert min(w.min(), h.min()) >= 1
    assert is_off_by_rounding(w, h, ratio).all()
    free = np.array(widths) if ratio >= 1 else np.array(widths) / ratio
    longer = w if ratio >= 1 else h
    large = free >= max(ratio, 1 / ratio) + 1
    assert ((longer <= free + 1e-6) & (longer > free - 1))[large].all()


@given(SIDES, SIDES)
@example(1, 9)
@example(3, 2)
@settings(max_examples=50, deadline=None)
def test_circles_touch_their_squares(height: int, width: int) -> None:
    circles = cd.circle_candidates((height, width))
    check_circles(circles, (height, width))
    squares = np.concatenate([circles[:, :2] - circles[:, 2:], circles[:, :2] + circles[:, 2:]], axis=1)
    boxes = cd.aspect_boxes((height, width), 1.0)
    np.testing.assert_array_equal(squares, boxes[boxes[:, 2] - boxes[:, 0] >= 2])
    assert 2 * circles[:, 2].max(initial=0) == (min(height, width) if min(height, width) > 1 else 0)
