"""The canvas's traits and its static picture."""

import base64
from io import BytesIO

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from traitlets import TraitError

from asm_interp.analysis.normalisation import Normalisation
from asm_interp.geometry import patterns
from asm_interp.widgets import painter
from asm_interp.widgets.canvas import MapCanvas, outline

Photo = npt.NDArray[np.uint8]


@pytest.fixture
def canvas(photo: Photo) -> MapCanvas:
    found = MapCanvas(title="a map", alt="a map of noise")
    found.set_photo(photo)
    return found


def test_the_photo_arrives_as_a_jpeg_no_larger_than_a_screen_needs(canvas: MapCanvas, photo: Photo) -> None:
    assert canvas.photo_size == [48, 64]
    assert Image.open(BytesIO(canvas.photo)).size == (64, 48)
    canvas.set_photo(np.zeros((900, 3000, 3), np.uint8))
    assert canvas.photo_size == [900, 3000]
    assert Image.open(BytesIO(canvas.photo)).size == (1120, 336)


def test_a_map_arrives_as_indices_colours_and_a_printed_scale(canvas: MapCanvas) -> None:
    values = np.linspace(-2, 3, 48).reshape(6, 8)
    values[0, 0] = np.nan
    norm = Normalisation.fit(values, center=0.0)
    canvas.set_map(values, norm, "diverging", "noise", box=[8, 8, 40, 32], contour=0.9)
    image = np.frombuffer(canvas.layer, np.uint8).reshape(canvas.layer_size)
    assert np.array_equal(image, painter.indices(values, norm))
    assert canvas.lut == painter.lut("diverging").tobytes()
    assert canvas.layer_box == [8, 8, 40, 32]
    assert canvas.scale == {"low": "−3", "high": "3", "mid": "0", "label": "noise"}
    assert (image >= canvas.contour).sum() == 4, "a tenth of 47 pixels"
    canvas.clear_map()
    assert (canvas.layer, canvas.scale) == (b"", {})


def test_each_map_on_its_own_scale_has_its_own_ends(canvas: MapCanvas) -> None:
    norm = Normalisation.fit([[1.0, 5.0]], mode="per-map")
    canvas.set_map([[1.0, 5.0]], norm, "sequential", "own")
    assert (canvas.scale["low"], canvas.scale["high"]) == ("1", "5")


@pytest.mark.parametrize("crop", [[0, 0, 65, 20], [10, 10, 10, 20], [-1, 0, 5, 5], [1, 2, 3], [0, 0, float("nan"), 9]])
def test_a_crop_outside_the_photo_is_refused(canvas: MapCanvas, crop: list[float]) -> None:
    with pytest.raises(TraitError, match="inside the photo of 64 × 48"):
        canvas.crop = crop


def test_another_photo_takes_map_crop_and_outlines_away(canvas: MapCanvas) -> None:
    canvas.crop, canvas.outlines = [0, 0, 64, 48], [outline([1, 2, 30, 40], "1")]
    canvas.set_photo(np.zeros((20, 20, 3), np.uint8))
    assert (canvas.crop, canvas.outlines, canvas.layer) == ([], [], b"")


def test_the_pattern_in_the_crop_is_its_inner_borders_and_a_number_in_each_partition(canvas: MapCanvas) -> None:
    pattern = patterns.get("grid:2x2")
    canvas.set_pattern(pattern)
    assert sorted(map(tuple, canvas.borders)) == [
        (0, 0.5, 0.5, 0.5),
        (0.5, 0, 0.5, 0.5),
        (0.5, 0.5, 0.5, 1),
        (0.5, 0.5, 1, 0.5),
    ]
    assert {text: int(pattern.partition_at(x, y)) for x, y, text in canvas.marks} == {"0": 0, "1": 1, "2": 2, "3": 3}
    ring = patterns.get("multi-rectangle")
    canvas.set_pattern(ring)
    assert all(int(ring.partition_at(x, y)) == int(text) for x, y, text in canvas.marks)
    canvas.set_pattern(None)
    assert canvas.borders == canvas.marks == []


def test_the_static_picture_shows_map_crop_and_outlines(canvas: MapCanvas) -> None:
    canvas.photo_size, canvas.width, canvas.title = [48, 64], 320, ""
    bare = np.asarray(canvas.image())
    assert bare.shape == (240, 320, 3)
    norm = Normalisation.fit([0.0, 1.0])
    canvas.opacity = 1.0
    canvas.set_map(np.ones((3, 4)), norm, "sequential", "", box=[0, 0, 32, 48])
    shown = np.asarray(canvas.image())
    assert np.abs(shown[:240, :158].astype(int) - painter.lut("sequential")[255]).max() <= 1
    assert shown.shape[0] > 240, "a colour bar stands below"
    canvas.clear_map()
    canvas.crop = [16, 12, 48, 36]
    framed = np.asarray(canvas.image())
    orange = np.abs(framed.astype(int) - np.array([0xD5, 0x5E, 0x00])).max(-1) < 30
    rows, columns = np.nonzero(orange)
    assert (rows.min(), columns.min(), rows.max(), columns.max()) == pytest.approx((60, 80, 180, 240), abs=3)
    canvas.shape = "circle"
    assert (canvas.circle, np.array_equal(np.asarray(canvas.image()), framed)) == ([32, 24, 12], False)


def test_where_no_browser_draws_it_the_bundle_has_a_picture(canvas: MapCanvas) -> None:
    bundle, _ = canvas._repr_mimebundle_()
    picture = Image.open(BytesIO(base64.b64decode(bundle["image/png"])))
    assert picture.size == canvas.image().size
    assert bundle["text/plain"] == "a map of noise"
    assert "application/vnd.jupyter.widget-view+json" in bundle
