"""Index images, colour tables and static pictures."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from asm_interp.analysis.normalisation import Normalisation
from asm_interp.plots.style import DIVERGING, SEQUENTIAL
from asm_interp.widgets import painter

NORM = Normalisation.fit([-1.0, 1.0], center=0.0)


@given(st.lists(st.floats(-2, 2) | st.just(float("nan")), min_size=1, max_size=30))
def test_an_index_is_within_half_a_level_of_the_value_and_only_nan_has_none(values: list[float]) -> None:
    found = painter.indices([values], NORM)[0].astype(float)
    expected = np.clip((np.array(values) + 1) / 2, 0, 1) * 254 + 1
    known = ~np.isnan(expected)
    assert np.array_equal(found == 0, ~known)
    assert np.abs(found - expected)[known].max(initial=0) <= 0.5 + 1e-9


def test_colours_are_those_of_the_figures_with_the_centre_in_the_middle() -> None:
    for name, colours in (("sequential", SEQUENTIAL), ("diverging", DIVERGING)):
        table = painter.lut(name)
        assert table.shape == (256, 3)
        assert np.abs(table[[1, 255]] / 255 - np.array([colours(0.0), colours(1.0)])[:, :3]).max() < 1 / 255
    assert painter.indices([[0.0]], NORM)[0, 0] == 128
    assert painter.lut("diverging")[128].min() > 220, "the middle of diverging colours is light"
    with pytest.raises(ValueError, match="'jet'"):
        painter.lut("jet")  # type: ignore[arg-type]


def test_a_palette_png_decodes_to_the_colours_of_its_values() -> None:
    values = np.array([[-1.0, 0.0, np.nan], [1.0, 0.5, -0.5]])
    image = Image.open(BytesIO(painter.palette_png(values, NORM, "diverging"))).convert("RGBA")
    pixels = np.asarray(image)
    assert np.array_equal(pixels[..., 3] == 0, np.isnan(values))
    known = ~np.isnan(values)
    assert np.array_equal(pixels[known][:, :3], painter.lut("diverging")[painter.indices(values, NORM)][known])


def test_an_overlay_mixes_map_and_luminance_by_its_opacity_inside_the_box_only() -> None:
    photo = np.full((20, 30, 3), (200, 100, 50), np.uint8)
    pixels = np.asarray(painter.overlay(photo, [[1.0]], NORM, "diverging", 0.5, box=[10, 5, 20, 15])).astype(float)
    grey = 0.2126 * 200 + 0.7152 * 100 + 0.0722 * 50
    assert np.abs(pixels[0, 0] - grey).max() <= 1
    assert np.abs(pixels[10, 15] - (grey + painter.lut("diverging")[255]) / 2).max() <= 2
    assert np.array_equal(pixels[5, 10], pixels[14, 19])
    assert np.array_equal(pixels[4, 10], pixels[5, 9])


def test_the_static_picture_places_each_pixel_of_the_map_over_its_part_of_the_photo() -> None:
    photo = np.zeros((40, 40, 3), np.uint8)
    values = np.array([[-1.0, 1.0], [np.nan, 0.0]])
    pixels = np.asarray(painter.overlay(photo, values, NORM, "diverging", 1.0))
    table, index = painter.lut("diverging"), painter.indices(values, NORM)
    for (row, column), place in {(0, 0): (19, 19), (0, 1): (19, 20), (1, 1): (20, 20)}.items():
        assert np.array_equal(pixels[place], table[index[row, column]])
    assert not pixels[20, 19].any(), "no value, no colour"


def test_panels_stand_side_by_side_over_a_caption() -> None:
    red, blue = (Image.new("RGB", (100, 50), colour) for colour in ("red", "blue"))
    page = painter.compose([("left", red), ("", blue)], "what it shows " * 20)
    pixels = np.asarray(page)
    assert page.width == 100 + 100 + 3 * 12
    assert (pixels == (255, 0, 0)).all(-1).sum() == (pixels == (0, 0, 255)).all(-1).sum() == 5000
    assert page.height > 50 + 2 * 12 + 3 * 12, "the caption takes several lines"
    stacked = painter.compose([("", red), ("", blue)], "", columns=1)
    assert (stacked.width, stacked.height) == (100 + 24, 100 + 12 + 24)


@given(st.floats(0.01, 0.99))
def test_an_outline_index_parts_a_map_at_the_share(share: float) -> None:
    image = np.random.default_rng(0).integers(0, 256, (30, 40)).astype(np.uint8)
    index, valued = painter.quantile_index(image, share), image[image > 0]
    assert (valued <= index).mean() >= share > (valued < index).mean()
    assert painter.quantile_index(np.zeros((2, 2), np.uint8), share) == 0
