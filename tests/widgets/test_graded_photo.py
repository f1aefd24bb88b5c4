"""GradedPhoto: a box is graded as its mask is."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from asm_interp.analysis.localisation import MEASURES, localisation
from asm_interp.widgets.graded_photo import GradedPhoto, middle

SIZE = (17, 23)


def masked(size: tuple[int, int], x1: int, y1: int, x2: int, y2: int) -> npt.NDArray[np.bool_]:
    mask = np.zeros(size, bool)
    mask[y1:y2, x1:x2] = True
    return mask


@st.composite
def boxes(draw: st.DrawFn) -> list[int]:
    x1, y1 = draw(st.integers(0, SIZE[1] - 1)), draw(st.integers(0, SIZE[0] - 1))
    return [x1, y1, draw(st.integers(x1 + 1, SIZE[1])), draw(st.integers(y1 + 1, SIZE[0]))]


@settings(max_examples=40, deadline=None)  # the first loads OpenCV and SciPy
@given(arrays(np.float64, SIZE, elements=st.integers(-2, 2).map(float)), st.integers(0, 99), boxes())
def test_a_box_is_graded_as_its_mask_is(tied: npt.NDArray[np.float64], seed: int, box: list[int]) -> None:
    rng = np.random.default_rng(seed)
    maps = {"tied": tied, "free": rng.normal(size=SIZE), "small": rng.random((5, 6)), "constant": np.ones((4, 4))}
    graded = GradedPhoto(maps, SIZE)
    marks, mask = graded.marks([float(each) for each in box]), masked(SIZE, *box)
    for name, values in maps.items():
        assert marks.loc[name].to_dict() == pytest.approx(localisation(values, mask), abs=1e-12, nan_ok=True)
        assert graded.maps[name] is values
    assert graded.covered([float(each) for each in box]) == pytest.approx(mask.mean())


def test_a_pixel_belongs_to_the_box_that_its_centre_lies_in() -> None:
    graded = GradedPhoto({"any": np.random.default_rng(0).random(SIZE)}, SIZE)
    expected = graded.marks([3, 2, 9, 10])
    np.testing.assert_array_equal(graded.marks([2.6, 2.5, 9.5, 10.4]), expected)
    assert not graded.marks([2.4, 2.5, 9.5, 10.4]).equals(expected)


def test_the_whole_photo_leaves_nothing_to_be_told_from() -> None:
    marks = GradedPhoto({"any": np.random.default_rng(0).random(SIZE)}, SIZE).marks([0, 0, SIZE[1], SIZE[0]])
    assert marks.loc["any"].tolist() == pytest.approx([np.nan, 1, 1], nan_ok=True)


def test_a_large_photo_is_graded_on_a_grid_of_bounded_size() -> None:
    values = np.random.default_rng(0).random((1920, 2560)).astype(np.float32).astype(np.float64)
    graded = GradedPhoto({"full": values, "small": values[:48, :64]}, (1920, 2560))
    assert graded.grid == (480, 640)
    assert graded.maps["full"].shape == (480, 640)
    assert graded.maps["small"].shape == (48, 64)
    marks, mask = graded.marks([400, 200, 800, 1000]), masked(graded.grid, 100, 50, 200, 250)
    for name, own in graded.maps.items():
        assert marks.loc[name].to_dict() == pytest.approx(localisation(own, mask))
    # Between two centres of the grid there is none: the pixel under the box's middle stands for it.
    np.testing.assert_array_equal(graded.marks([403, 203, 404, 204]), graded.marks([400, 200, 404, 204]))
    assert graded.covered([403, 203, 404, 204]) == 1 / (480 * 640)


def test_a_faulty_box_is_refused() -> None:
    graded = GradedPhoto({"any": np.eye(4)}, SIZE)
    assert list(graded.marks(middle(SIZE)).columns) == list(MEASURES)
    for box, why in (([5, 5, 2, 9], "x1 < x2"), ([0, 0, 24, 9], "inside the photo"), ([1, 2, 3], "shape")):
        with pytest.raises(ValueError, match=why):
            graded.marks([float(each) for each in box])
