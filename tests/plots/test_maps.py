"""Photos, crops and maps: what is drawn is what was given, where it belongs."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import Colormap, Normalize
from matplotlib.patches import Circle, Rectangle

from asm_interp.plots.maps import (
    color_bar,
    draw_crop_score_map,
    draw_crops,
    draw_ground,
    draw_map,
    draw_photo,
    luminance,
    own_norm,
)
from asm_interp.plots.style import DIVERGING, SEQUENTIAL, shared_norm

RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)
VALUES = RNG.normal(size=(8, 12))


def bar_of(ax: plt.Axes) -> plt.Axes:
    return next(other for other in ax.figure.axes if other is not ax)


def test_photo_in_colour_and_in_luminance() -> None:
    ax = draw_photo(PHOTO)
    assert ax is plt.gca()
    np.testing.assert_array_equal(ax.images[0].get_array(), PHOTO)
    gray = draw_photo(PHOTO, ax=plt.figure().subplots(), gray=True)
    np.testing.assert_allclose(gray.images[0].get_array(), luminance(PHOTO))
    assert gray.images[0].get_clim() == (0, 1)
    assert (gray.get_xlim(), gray.get_ylim()) == ((0, 60), (40, 0))


def test_ground_keeps_the_order_of_luminance_around_one_grey() -> None:
    shown = draw_ground(PHOTO).images[0].get_array()
    luma = luminance(PHOTO)
    expected = 0.6 + 0.1 * (luma - luma.mean()) / luma.std()
    np.testing.assert_allclose(shown, expected.clip(0.4, 0.8))
    for value in (0, 128, 255):
        even = draw_ground(np.full((4, 6, 3), value, np.uint8), ax=plt.figure().subplots())
        np.testing.assert_allclose(even.images[0].get_array(), 0.6)
    dim = draw_ground(PHOTO // 100, ax=plt.figure().subplots()).images[0].get_array()  # luma within 0.01
    assert np.ptp(dim) < 0.05


@pytest.mark.parametrize("cmap", [SEQUENTIAL, DIVERGING])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_bar_has_the_colours_that_the_map_has_over_an_even_photo(cmap: Colormap, value: int) -> None:
    ramp = np.broadcast_to(np.arange(64.0), (8, 64))
    figure = plt.figure(figsize=(6, 4), dpi=100)
    ax = draw_map(
        ramp, np.full((40, 64, 3), value, np.uint8), label="θ", cmap=cmap, norm=Normalize(0, 63), ax=figure.subplots()
    )
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)  # type: ignore[attr-defined]
    x, y = ax.transData.transform(np.column_stack([np.arange(64) + 0.5, np.full(64, 20)])).astype(int).T
    seen = pixels[len(pixels) - 1 - y, x]
    bar = bar_of(ax).collections[-1]
    told = 255 * bar.cmap(np.arange(64) / 63)[:, :3]
    assert np.abs(seen - told).max() <= 2


def test_large_photo_is_thinned_in_place() -> None:
    ax = draw_photo(np.zeros((100, 3000, 3), np.uint8))
    assert max(ax.images[0].get_array().shape) <= 1024
    assert ax.images[0].get_extent() == [0, 3000, 100, 0]


def test_crops_of_both_shapes_stand_where_they_are() -> None:
    crops = pd.DataFrame(
        {"x1": [0, 10, 20], "y1": [0, 5, 10], "x2": [30, 50, 40], "y2": [20, 35, 30]}
        | {"cx": [np.nan, np.nan, 30.0], "cy": [np.nan, np.nan, 20.0], "r": [np.nan, np.nan, 10.0]}
    )
    ax = draw_crops(PHOTO, crops)
    circle, second, best = ax.patches  # the best is drawn last, over the others
    assert isinstance(circle, Circle)
    assert (circle.center, circle.radius) == ((30.0, 20.0), 10.0)
    for patch, row in ((second, 1), (best, 0)):
        assert isinstance(patch, Rectangle)
        assert np.ravel(patch.get_bbox().get_points()).tolist() == crops.loc[row, ["x1", "y1", "x2", "y2"]].tolist()
    assert best.get_linewidth() > second.get_linewidth()
    assert [text.get_text() for text in ax.texts] == ["3", "2", "1"]
    x, y = ax.texts[0].get_position()
    assert np.hypot(x - 30, y - 20) == pytest.approx(10)  # on the circle


def test_crop_labels_replace_ranks_one_for_one() -> None:
    crops = pd.DataFrame({"x1": [0], "y1": [0], "x2": [30], "y2": [20]})
    assert draw_crops(PHOTO, crops, labels=["0.42"]).texts[0].get_text() == "0.42"
    with pytest.raises(ValueError, match="zip"):
        draw_crops(PHOTO, crops, labels=["a", "b"])


def test_map_over_the_photo_and_over_a_box() -> None:
    norm = Normalize(-1, 2)
    ax = draw_map(VALUES, PHOTO, label="θ", norm=norm)
    np.testing.assert_array_equal(ax.images[1].get_array(), VALUES)
    assert ax.images[1].norm is norm
    assert bar_of(ax).get_ylabel() == "θ"
    boxed = draw_map(VALUES, PHOTO, label="φ", box=[10, 5, 50, 35], ax=plt.figure().subplots(), bar=False)
    assert boxed.images[1].get_extent() == [10, 50, 35, 5]
    assert boxed.get_xlim() == (0, 60)
    assert boxed.figure.axes == [boxed]


@pytest.mark.parametrize(("cmap", "center"), [(SEQUENTIAL, None), (DIVERGING, 0.0)])
def test_a_map_without_a_scale_gets_the_shared_one_of_itself(cmap: object, center: float | None) -> None:
    norm = draw_map(VALUES, PHOTO, label="θ", cmap=cmap).images[1].norm  # type: ignore[arg-type]
    expected = shared_norm([VALUES], center=center)
    assert (norm.vmin, norm.vmax) == (expected.vmin, expected.vmax)


@pytest.mark.parametrize(
    "values", [np.full((4, 6), np.nan), np.zeros((4, 6)), np.full((4, 6), -3.0), [[np.nan, np.inf, 1.0]]]
)
@pytest.mark.parametrize("cmap", [SEQUENTIAL, DIVERGING])
def test_degenerate_maps_are_drawn(values: np.ndarray, cmap: object) -> None:
    ax = draw_map(values, PHOTO, label="θ", cmap=cmap, contour=0.9)  # type: ignore[arg-type]
    assert "no contour" in bar_of(ax).get_ylabel()
    ax.figure.canvas.draw()
    assert own_norm([values], SEQUENTIAL).vmax > own_norm([values], SEQUENTIAL).vmin


def test_contour_at_its_quantile_in_photo_pixels() -> None:
    ramp = np.broadcast_to(np.arange(12.0), (8, 12))  # column j has its centre at 5 j + 2.5 px and the value j
    ax = draw_map(ramp, PHOTO, label="θ", contour=0.75)
    (lines,) = (each for each in ax.collections if hasattr(each, "levels"))
    assert lines.levels.tolist() == [np.quantile(ramp, 0.75)]
    path = np.concatenate([each.vertices for each in lines.get_paths()])
    np.testing.assert_allclose(path[:, 0], 5 * np.quantile(ramp, 0.75) + 2.5)
    assert bar_of(ax).get_ylabel() == "θ\ncontour: quantile 0.75"
    with pytest.raises(ValueError, match=r"in \(0, 1\), got 1"):
        draw_map(ramp, PHOTO, label="θ", contour=1.0)


@pytest.mark.parametrize(
    ("values", "extend"), [([0, 1], "neither"), ([-1, 1], "min"), ([0, 2], "max"), ([-1, 2, np.nan], "both")]
)
def test_bar_is_pointed_only_where_values_lie_beyond(values: list[float], extend: str) -> None:
    bar = color_bar(plt.gca(), Normalize(0, 1), SEQUENTIAL, "θ", maps=[values])
    assert bar.extend == extend
    assert color_bar(plt.gca(), Normalize(0, 1), SEQUENTIAL, "θ").extend == "both"


def test_crop_score_map_of_a_circle() -> None:
    scores = np.where(np.hypot(*np.mgrid[-1:1:9j, -1:1:9j]) < 1, 2.0, np.nan)
    ax = draw_crop_score_map(scores, PHOTO, [10, 5, 40, 35])
    np.testing.assert_array_equal(np.ma.filled(ax.images[1].get_array(), np.nan), scores)
    assert (ax.images[1].norm.vmin, ax.images[1].norm.vmax) == (-2, 2)
