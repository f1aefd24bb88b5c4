"""Random crops."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from asm_interp.data.sampling import mixed_boxes, random_boxes
from asm_interp.geometry.candidates import gaic_grid


@given(st.integers(16, 400), st.integers(16, 400), st.integers(0, 2**32))
@settings(deadline=None, max_examples=50)
def test_random_boxes_are_whole_pixels_inside_the_photo(height: int, width: int, seed: int) -> None:
    boxes = random_boxes((height, width), 40, np.random.default_rng(seed))
    assert boxes.shape == (40, 4)
    np.testing.assert_array_equal(boxes, np.rint(boxes))
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= [width, height]).all()
    assert (boxes[:, 2:] - boxes[:, :2] >= np.floor(0.29 * np.array([width, height]))).all()


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_mixed_boxes_are_whole_pixels_inside_the_photo(height: int, width: int, n: int, seed: int) -> None:
    subjects = (np.random.default_rng(seed).random((height, width)) > 0.98).astype(np.uint8)
    boxes = mixed_boxes(subjects, n, np.random.default_rng(seed))
    assert boxes.shape == (n, 4)
    np.testing.assert_array_equal(boxes, np.rint(boxes))
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert (boxes[:, 2:] <= [width, height]).all()


def test_mixed_boxes_hold_the_whole_photo_grid_crops_and_frames() -> None:
    subjects = np.zeros((300, 400), np.uint8)
    subjects[100:160, 200:280] = 1
    boxes = mixed_boxes(subjects, 48, np.random.default_rng(0))
    grid = {tuple(box) for box in np.rint(gaic_grid((300, 400)))}
    assert [0, 0, 400, 300] in boxes.tolist()
    assert sum(tuple(box) in grid for box in boxes) >= 16
    framed = boxes[-16:-8]
    kept = [subjects[y1:y2, x1:x2].mean() * (x2 - x1) * (y2 - y1) / 4800 for x1, y1, x2, y2 in framed.astype(int)]
    assert min(kept) > 0.6
    trimmed = boxes[-8:] / [400, 300, 400, 300]
    assert (np.minimum(trimmed, 1 - trimmed).max(axis=1) <= 0.26).all()


def test_random_boxes_reach_the_borders_and_every_size() -> None:
    boxes = random_boxes((100, 200), 20_000, np.random.default_rng(0)) / [200, 100, 200, 100]
    at_border = [(boxes[:, 0] == 0).mean(), (boxes[:, 1] == 0).mean(), (boxes[:, 2:] == 1).mean()]
    np.testing.assert_allclose(at_border, 0.3, atol=0.02)
    sides = boxes[:, 2:] - boxes[:, :2]
    assert sides.min() < 0.31
    assert sides.max() == 1
