"""The search: what it promises of its crops, peaks that it must find, and its rule for ties."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

import asm_interp as asm
from asm_interp.geometry.boxes import FloatArray, iou
from asm_interp.geometry.candidates import anchor_boxes, aspect_boxes, circle_candidates, parse_aspect

ODD_SIZES = [(683, 1024), (1023, 767), (333, 333), (97, 613)]


def smooth_map(pattern: str = "cross-rectangle", photo: tuple[int, int] = (683, 1024), seed: int = 0) -> asm.ScoreMap:
    """Hills of about an eighth of the photo, different in each channel."""
    shape = asm.patterns.get(pattern)
    coarse = torch.randn(1, shape.n_partitions, 8, 8, generator=torch.Generator().manual_seed(seed))
    return asm.ScoreMap(F.interpolate(coarse, (64, 96), mode="bicubic")[0], shape, photo)


def flat_map(photo: tuple[int, int], value: float = 0.0) -> asm.ScoreMap:
    shape = asm.patterns.get("cross-rectangle")
    return asm.ScoreMap(torch.full((shape.n_partitions, 64, 96), value), shape, photo)


def corners(crops: pd.DataFrame) -> FloatArray:
    return crops[["x1", "y1", "x2", "y2"]].to_numpy(dtype=np.float64)


def check(score_map: asm.ScoreMap, crops: pd.DataFrame) -> None:
    """Whole pixels, inside, distinct, best first, and each with the score that it really has."""
    height, width = score_map.photo_size
    boxes = corners(crops)
    assert all(np.issubdtype(kind, np.integer) for kind in crops[["x1", "y1", "x2", "y2"]].dtypes)
    assert boxes[:, :2].min() >= 0
    assert boxes[:, 2].max() <= width
    assert boxes[:, 3].max() <= height
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    for a, b in itertools.combinations(boxes, 2):
        assert iou(a, b) <= 0.8
    assert (np.diff(crops["score"]) <= 1e-8).all()
    assert list(crops.index) == list(range(len(crops)))
    assert set(crops["stage"]) <= {"coarse", "fine"}
    if "r" in crops:
        circles = crops[["cx", "cy", "r"]].to_numpy()
        np.testing.assert_array_equal(circles[:, :1] - circles[:, 2:], boxes[:, :1])
        np.testing.assert_array_equal(circles[:, 1:2] + circles[:, 2:], boxes[:, 3:])
        np.testing.assert_array_equal(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
        scores = asm.circle_scores(score_map, circles)
    else:
        scores = asm.crop_scores(score_map, boxes)
    np.testing.assert_allclose(crops["score"], scores, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("photo", ODD_SIZES)
@pytest.mark.parametrize("pattern", ["cross-rectangle", "grid:1x1"])
def test_free_crops_beat_all_anchors(photo: tuple[int, int], pattern: str) -> None:
    score_map = smooth_map(pattern, photo)
    crops = asm.search_crops(score_map)
    check(score_map, crops)
    assert len(crops) == 10
    anchors = np.rint(anchor_boxes(photo))
    assert crops["score"][0] >= asm.crop_scores(score_map, anchors).max()
    assert crops["stage"][0] == "fine"


@pytest.mark.parametrize("photo", ODD_SIZES)
@pytest.mark.parametrize("aspect", ["16:9", "9:16", "1:1", "4:3", "2:3", "21:9", 1.91, "1:7"])
def test_aspect_is_exact_to_one_pixel(photo: tuple[int, int], aspect: str | float) -> None:
    score_map, ratio = smooth_map(photo=photo), parse_aspect(aspect)
    crops = asm.search_crops(score_map, aspect)
    check(score_map, crops)
    sides = corners(crops)[:, 2:] - corners(crops)[:, :2]
    width, height = sides.T
    # The shorter side is the one that is rounded.
    miss = np.abs(height - width / ratio) if ratio >= 1 else np.abs(width - height * ratio)
    assert miss.max() <= 0.5
    assert crops["score"][0] >= asm.crop_scores(score_map, aspect_boxes(photo, ratio)).max()


@pytest.mark.parametrize("photo", ODD_SIZES)
@pytest.mark.parametrize("options", [{}, {"aspect": "1:1"}, {"shape": "circle"}], ids=str)
def test_no_crop_is_smaller_than_the_smallest_candidate(photo: tuple[int, int], options: dict[str, str]) -> None:
    """A spike of one pixel would draw the crop ever closer."""
    values = torch.zeros(1, 64, 96)
    values[0, 20, 30] = 1
    score_map = asm.ScoreMap(values, asm.patterns.get("grid:1x1"), photo)
    x1, y1, x2, y2 = corners(asm.search_crops(score_map, top=5, **options)).T  # type: ignore[arg-type]
    candidates = aspect_boxes(photo, 1.0) if options else np.rint(anchor_boxes(photo))
    smallest = ((candidates[:, 2] - candidates[:, 0]) * (candidates[:, 3] - candidates[:, 1])).min()
    assert ((x2 - x1) * (y2 - y1)).min() >= smallest


@pytest.mark.parametrize("photo", ODD_SIZES)
def test_circles(photo: tuple[int, int]) -> None:
    score_map = smooth_map(photo=photo)
    crops = asm.search_crops(score_map, shape="circle", top=5)
    check(score_map, crops)
    assert crops["score"][0] >= asm.circle_scores(score_map, circle_candidates(photo)).max()


@pytest.mark.parametrize("photo", [(16, 16), (16, 300), (300, 16), (5000, 300), (3, 3), (2, 9), (1, 1), (1, 40)])
@pytest.mark.parametrize("options", [{}, {"aspect": "1:1"}, {"shape": "circle"}], ids=str)
def test_photos_of_extreme_size(photo: tuple[int, int], options: dict[str, str]) -> None:
    score_map = smooth_map(photo=photo)
    if options.get("shape") == "circle" and min(photo) < 2:
        with pytest.raises(ValueError, match=f"no circle .* photo of {photo[0]}×{photo[1]}"):
            asm.search_crops(score_map, **options)  # type: ignore[arg-type]
        return
    crops = asm.search_crops(score_map, **options)  # type: ignore[arg-type]
    check(score_map, crops)
    assert len(crops) >= 1


def test_more_crops_than_there_are() -> None:
    crops = asm.search_crops(smooth_map(photo=(16, 16)), aspect="1:1", top=100_000)
    check(smooth_map(photo=(16, 16)), crops)
    assert 5 < len(crops) < 100_000
    assert len(asm.search_crops(flat_map((1, 1)), top=7)) == 1


def test_fewer_crops_are_the_first_of_more() -> None:
    few, many = (asm.search_crops(smooth_map(), "3:2", top=top) for top in (3, 12))
    pd.testing.assert_frame_equal(few, many[:3])


@pytest.mark.parametrize("options", [{}, {"aspect": "4:5"}, {"shape": "circle"}], ids=str)
def test_same_map_same_crops(options: dict[str, str]) -> None:
    first, second = (asm.search_crops(smooth_map(seed=3), **options) for _ in range(2))  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(first, second, check_exact=True)


@pytest.mark.parametrize("value", [0.0, 0.3, -7.7, 1e4])
def test_ties_go_to_the_larger_then_the_upper_then_the_left(value: float) -> None:
    crops = asm.search_crops(flat_map((100, 150), value))
    assert corners(crops)[0].tolist() == [0, 0, 150, 100]
    for options in ({"aspect": "1:1"}, {"shape": "circle"}):
        square = corners(asm.search_crops(flat_map((150, 100), value), **options))  # type: ignore[arg-type]
        assert square[0].tolist() == [0, 0, 100, 100]
        across = corners(asm.search_crops(flat_map((100, 150), value), **options))  # type: ignore[arg-type]
        assert across[0].tolist() == [0, 0, 100, 100]
    tall = corners(crops)
    sizes = (tall[:, 2] - tall[:, 0]) * (tall[:, 3] - tall[:, 1])
    order = np.lexsort((tall[:, 0], tall[:, 1], -sizes))
    assert order.tolist() == list(range(len(tall)))


@pytest.mark.parametrize(
    "target", [(30, 40, 170, 140), (100, 80, 290, 190), (0, 0, 200, 120), (80, 20, 180, 180)], ids=str
)
def test_a_planted_rectangle_is_found(target: tuple[int, int, int, int]) -> None:
    """Channel l earns in cell l of the target and costs elsewhere: only the target itself reads nothing but ones."""
    x1, y1, x2, y2 = target
    pattern = asm.patterns.get("grid:3x3")
    values = torch.full((9, 200, 300), -1.0)
    x, y = np.linspace(x1, x2, 4).round().astype(int), np.linspace(y1, y2, 4).round().astype(int)
    for row, column in itertools.product(range(3), range(3)):
        values[pattern.labels[row, column], y[row] : y[row + 1], x[column] : x[column + 1]] = 1
    score_map = asm.ScoreMap(values, pattern, (200, 300))
    crop = asm.search_crops(score_map, top=1).iloc[0]
    assert iou(crop[["x1", "y1", "x2", "y2"]].to_numpy(dtype=float), np.array(target, dtype=float)) > 0.9
    assert crop.score > 0.9 * float(asm.crop_scores(score_map, [target])[0])


@pytest.mark.parametrize("circle", [(90.0, 110.0, 60.0), (220.0, 120.0, 75.0)])
def test_a_planted_disc_is_found(circle: tuple[float, float, float]) -> None:
    cx, cy, r = circle
    y, x = np.mgrid[:200, :300] + 0.5
    distance = np.hypot(x - cx, y - cy) / r
    values = torch.from_numpy(np.where(distance <= 1, distance**4, -(distance**4))).float()[None]
    best = asm.search_crops(asm.ScoreMap(values, asm.patterns.get("grid:1x1"), (200, 300)), shape="circle", top=1)
    exact = np.array([cx - r, cy - r, cx + r, cy + r])
    assert iou(corners(best)[0], exact) > 0.9


def test_content_is_framed_as_the_pattern_wants_it() -> None:
    """A subject that earns in the right column of a 1×3 grid only stands in the right third of the best crop."""
    values = torch.zeros(3, 200, 300)
    values[2, 60:140, 120:180] = 1
    values[:2, 60:140, 120:180] = -1
    crop = asm.search_crops(asm.ScoreMap(values, asm.patterns.get("grid:1x3"), (200, 300)), top=1).iloc[0]
    assert crop.x1 + 2 / 3 * (crop.x2 - crop.x1) == pytest.approx(120, abs=6)
    assert crop.x2 == pytest.approx(180, abs=6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": "oval"}, "shape is 'rectangle' or 'circle', got 'oval'"),
        ({"top": 0}, "top is at least 1, got 0"),
        ({"shape": "circle", "aspect": "1:1"}, "a circle has no aspect ratio to choose, got '1:1'"),
        ({"aspect": "wide"}, "written like 16:9 or 1.78, got 'wide'"),
        ({"aspect": "1:0"}, "written like 16:9"),
        ({"aspect": -1.0}, "between 1:100 and 100:1"),
        ({"aspect": float("nan")}, "between 1:100 and 100:1"),
        ({"aspect": "100:1"}, "no crop of aspect ratio 100 fits into a photo of 40×50"),
    ],
)
def test_faulty_wishes_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        asm.search_crops(flat_map((40, 50)), **options)  # type: ignore[arg-type]
