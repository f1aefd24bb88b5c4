"""CompareCrops: the difference of two crops' scores, as sums."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asm_interp.analysis.explanation import compare_crops
from asm_interp.geometry import patterns
from asm_interp.model.score_map import ScoreMap, crop_scores
from asm_interp.widgets.compare_crops import CompareCrops, difference_map

A, B = [4.0, 4.0, 40.0, 36.0], [20.0, 10.0, 60.0, 46.0]


@pytest.fixture
def view(photo, maps):
    found = CompareCrops(photo, "hand", maps=maps)
    found.crop_a, found.crop_b = A, B
    return found


def test_both_splits_sum_to_the_difference_of_the_scores(view, score_map):
    a, b = crop_scores(score_map, [A, B])
    assert view.difference == pytest.approx(a - b, abs=1e-6)
    table = view.numbers().groupby("split")["difference"].sum()
    assert table.tolist() == pytest.approx([a - b] * 3, abs=1e-6)
    assert view.regions["region"].tolist() == ["gained", "lost", "moved"]
    for value in view.regions["difference"]:
        assert f"{value:+.3g}".replace("-", "−") in view.description()


def test_swapping_turns_the_sign_and_gained_becomes_lost(view):
    before = view.difference, view.regions["difference"].to_numpy()
    view.swap_button.click()
    assert (view.crop_a, view.crop_b) == (B, A)
    assert view.difference == pytest.approx(-before[0])
    np.testing.assert_allclose(view.regions["difference"], -before[1][[1, 0, 2]], atol=1e-12)


whole = st.tuples(st.integers(0, 50), st.integers(0, 36), st.integers(10, 64), st.integers(10, 48)).map(
    lambda b: [b[0] - b[0] % 2, b[1] - b[1] % 2, min(64, (b[0] + b[2]) // 2 * 2), min(48, (b[1] + b[3]) // 2 * 2)]
)


@settings(deadline=None, max_examples=40)
@given(whole, whole)
def test_the_map_holds_the_difference_where_a_pattern_of_one_partition_is_read(a, b):
    values = np.random.default_rng(4).normal(size=(1, 24, 32))
    score_map = ScoreMap(values, patterns.get("grid:1x1"), (48, 64)).centred()  # crops on borders of map pixels
    found = difference_map(score_map, compare_crops(score_map, a, b))
    expected = np.subtract(*crop_scores(score_map, [a, b]))
    assert np.nanmean(found) == pytest.approx(expected, abs=1e-5)
    covered = np.zeros((24, 32), bool)
    for x1, y1, x2, y2 in (a, b):
        covered[y1 // 2 : y2 // 2, x1 // 2 : x2 // 2] = True
    np.testing.assert_array_equal(np.isfinite(found), covered)


side = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)


@settings(deadline=None, max_examples=60)
@given(side, side, side, side, st.sampled_from(["grid:3x3", "multi-direction", "cross-rectangle"]))
def test_the_mean_of_the_map_is_the_difference_at_any_place_and_pattern(x, y, u, v, name):
    pattern = patterns.get(name)
    values = np.random.default_rng(5).normal(size=(pattern.n_partitions, 7, 9))
    score_map = ScoreMap(values, pattern, (48, 65)).centred()
    a, b = ([across[0] * 62, down[0] * 45, 3 + across[1] * 62, 3 + down[1] * 45] for across, down in ((x, y), (u, v)))
    comparison = compare_crops(score_map, a, b)
    found = difference_map(score_map, comparison)
    assert np.nanmean(found) == pytest.approx(comparison.difference, abs=1e-6)
    alone = difference_map(score_map, compare_crops(score_map, a, a))
    np.testing.assert_allclose(alone[np.isfinite(alone)], 0, atol=1e-12)


def test_a_pixel_counts_with_what_of_it_lies_inside():
    values = np.arange(4.0).reshape(1, 1, 4)
    score_map = ScoreMap(values - values.mean(), patterns.get("grid:1x1"), (10, 40))
    found = difference_map(score_map, compare_crops(score_map, [0, 0, 5, 10], [25, 0, 40, 10]))
    # A is half of the first pixel; B half of the third and the whole of the fourth, in 15 columns. Three are touched.
    np.testing.assert_allclose(found, [[3 * -1.5, np.nan, -3 * 0.5 / 3, -3 * 1.5 * 2 / 3]])


def test_the_map_on_view_sums_to_the_difference(view):
    for a, b in ((A, B), ([0, 0, 3.3, 3.1], [30.7, 20.2, 64, 48])):
        view.crop_a, view.crop_b = a, b
        found = difference_map(view.reader.centred, view.comparison)
        assert np.nanmean(found) == pytest.approx(view.difference, abs=1e-6)
        assert np.array_equal(np.frombuffer(view.map.layer, np.uint8) > 0, np.isfinite(found).ravel())


def test_canvases_move_the_crops_and_show_the_other_one(view):
    view.canvases["b"].crop = [10.0, 10.0, 30.0, 30.0]
    assert view.crop_b == [10, 10, 30, 30]
    assert view.canvases["a"].outlines[0]["box"] == [10, 10, 30, 30]
    assert view.canvases["a"].outlines[0]["label"] == "B"
    assert view.presets["b"].value == ""
    with view.canvases["a"].hold_trait_notifications():  # as the browser sends it
        view.canvases["a"].shape, view.canvases["a"].crop = "circle", [4.0, 4.0, 36.0, 36.0]
    assert view.canvases["a"].shape == "rectangle"
    assert "CropCanvas" in view.status.value
    view.canvases["a"].crop = [5.0, 4.0, 37.0, 36.0]
    assert view.status.value == ""


def test_ready_crops_can_be_chosen_and_are_named(view):
    view.presets["b"].value = "whole photo"
    assert view.crop_b == [0, 0, 64, 48]
    view.presets["a"].value = "best crop 1"
    assert view.crop_a == view.reader.best()[["x1", "y1", "x2", "y2"]].iloc[0].tolist()
    view.crop_b = list(view.crop_a)
    assert view.presets["b"].value == "best crop 1"
    assert view.difference == 0
    assert "the same crop" in view.description()


def test_a_crop_outside_the_photo_is_an_error_in_red(view):
    with pytest.raises(ValueError, match="must lie inside the photo"):
        view.crop_a = [0, 0, 100, 20]
    assert 'role="alert"' in view.status.value


def test_a_new_photo_starts_anew_and_is_saved(view, maps, tmp_path):
    other = np.zeros((40, 30, 3), np.uint8)
    values = np.random.default_rng(1).normal(size=(3, 40, 30))
    maps.put(other, "hand", ScoreMap(values, patterns.get("multi-rectangle"), (40, 30)))
    view.photo = other
    assert view.crop_a != view.crop_b
    assert view.comparison.partitions["partition"].tolist() == [0, 1, 2]
    _, csv, _ = view.save(tmp_path / "pair")
    assert pd.read_csv(csv)["split"].tolist() == ["region"] * 3 + ["partition"] * 3 + ["sum"]
    page = view.to_html(tmp_path / "pair.html").read_text()
    assert page.count("data:image") >= len(view.ready)
