"""PartitionExplorer: channels in their places, and what changes if one of them does."""

import json
from time import perf_counter

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from asm_interp.analysis.counterfactual import score_changes, silence_effects, silence_partition, swap_effects
from asm_interp.geometry import patterns
from asm_interp.model.score_map import ScoreMap, crop_scores
from asm_interp.search import search_crops
from asm_interp.widgets import painter
from asm_interp.widgets.partition_change import PartitionChange, partition_region
from asm_interp.widgets.partition_explorer import PartitionExplorer
from asm_interp.widgets.partition_tiles import partition_tiles
from asm_interp.widgets.score_maps import ScoreMaps

CROP = [8.0, 6.0, 52.0, 42.0]


@pytest.fixture
def view(photo, maps):
    found = PartitionExplorer(photo, "hand", maps=maps)
    found.crop = CROP
    return found


def layer(canvas):
    return np.frombuffer(canvas.layer, np.uint8).reshape(canvas.layer_size)


def test_the_chosen_channel_lies_over_the_photo(view, score_map):
    for partition in (0, 7):
        view.partition = partition
        channel = score_map.centred().values[partition].numpy()
        np.testing.assert_array_equal(layer(view.before), painter.indices(channel, view.reader.norm))
        assert view.before.title == f"Channel {partition}"


def test_each_tile_holds_its_channel_and_a_click_on_it_chooses_it(view):
    shown = layer(view.tiles_canvas)
    assert shown.shape == view._tiles.base.shape[:2]
    for partition, (x1, y1, x2, y2) in enumerate(view._tiles.boxes):
        tile = shown[y1:y2, x1:x2]
        found = np.setdiff1d(tile, 0)
        assert set(found) <= set(view.reader.channels[partition].ravel().tolist())
        view.tiles_canvas.clicked = [float(x1 + x2) / 2, float(y1 + y2) / 2, partition]
        assert view.partition == partition
        assert view.partition_slider.value == partition
    view.tiles_canvas.clicked = [0.0, 0.0, 99]  # between the tiles
    assert view.partition == 11


@pytest.mark.parametrize("name", ["multi-rectangle", "cross-rectangle", "grid:3x3", "grid:1x3", "grid:1x1"])
def test_tiles_lie_as_the_partitions_do_and_never_overlap(name, photo):
    pattern = patterns.get(name)
    n = pattern.n_partitions
    tiles = partition_tiles(photo, np.ones((n, 6, 8), np.uint8), (0, 0, 64, 48), pattern, [str(k) for k in range(n)])
    covered = np.zeros(tiles.layer.shape, int)
    for x1, y1, x2, y2 in tiles.boxes:
        covered[y1:y2, x1:x2] += 1
    assert covered.max() == 1
    assert [tiles.at((x1 + x2) / 2, (y1 + y2) / 2) for x1, y1, x2, y2 in tiles.boxes] == list(range(n))
    if name.startswith("grid"):
        middles = tiles.boxes[:, :2]
        rows, columns = pattern.shape
        assert (np.diff(middles.reshape(rows, columns, 2)[..., 0], axis=1) > 0).all()
        assert (np.diff(middles.reshape(rows, columns, 2)[..., 1], axis=0) > 0).all()


def test_silencing_changes_the_score_as_the_analysis_says(view, score_map):
    expected = silence_effects(score_map.centred(), CROP)
    view.action = "content"
    for partition in (0, 5, 11):
        view.partition = partition
        assert view.own_after.sum() - view.own.sum() == pytest.approx(expected[partition], abs=1e-6)
    after = silence_partition(score_map.centred(), 11).values[11].numpy()
    np.testing.assert_array_equal(layer(view.after), painter.indices(after, view.reader.norm))
    assert view.after.layout.display != "none"
    assert "says what all say" in view.description()


def test_swapping_changes_the_score_as_the_analysis_says(view, score_map):
    expected = swap_effects(score_map.centred(), CROP)
    view.partition, view.other, view.action = 2, 9, "swap"
    assert view.own_after.sum() - view.own.sum() == pytest.approx(expected[2, 9], abs=1e-6)


def test_saying_nothing_leaves_nothing(view):
    view.partition, view.action = 4, "mean"
    assert view.own_after[4] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(np.delete(view.own_after, 4), np.delete(view.own, 4), atol=1e-6)


def test_moving_takes_along_what_lies_in_the_partition(view, score_map):
    view.partition, view.dx, view.dy, view.action = 0, 0.25, 0.0, "move"
    region = partition_region(score_map.pattern, 0, CROP, (48, 64))
    assert region.sum() == pytest.approx(score_map.pattern.areas[0] * 44 * 36, abs=8)
    before, after = score_map.centred(), view.changed
    inside = np.argwhere(region[::2, ::2])
    y, x = inside[len(inside) // 2]
    torch.testing.assert_close(after.values[:, y, x + 8], before.values[:, y, x])
    change = score_changes(before, after, [CROP])[0]
    assert view.own_after.sum() - view.own.sum() == pytest.approx(change, abs=1e-6)


def test_best_crops_before_and_after_are_those_of_the_search(view, score_map):
    view.partition, view.action = 10, "content"
    pd.testing.assert_frame_equal(view.best, search_crops(score_map, top=5))
    pd.testing.assert_frame_equal(view.best_after, search_crops(silence_partition(score_map.centred(), 10), top=5))
    assert len(view.after.outlines) == 3
    scores = crop_scores(score_map.centred(), view.best[["x1", "y1", "x2", "y2"]].to_numpy())
    np.testing.assert_allclose(view._crops()["score before"], scores, atol=1e-6)


def test_numbers_sum_to_the_score(view, score_map):
    table = view.numbers()
    total = float((table["own"] + table["offset"]).sum())
    assert total == pytest.approx(crop_scores(score_map, [CROP])[0], abs=1e-6)
    assert f"Crop {8}, 6 – 52, 42" in view.description()


def test_the_crop_follows_the_mouse_and_stays_a_rectangle(view):
    before = view.tiles_canvas.photo, view.bars.value
    view.before.crop = [0.0, 0.0, 30.0, 20.0]
    assert view.crop == [0, 0, 30, 20]
    assert view.after.crop == [0, 0, 30, 20]
    assert (view.tiles_canvas.photo, view.bars.value) != before
    view.before.shape = "circle"
    assert view.before.shape == "rectangle"
    assert "CropCanvas" in view.status.value


def test_a_partition_that_is_not_there_is_an_error_in_red(view):
    with pytest.raises(ValueError, match="a partition lies between 0 and 11, got 12"):
        view.partition = 12
    assert 'role="alert"' in view.status.value


def test_another_photo_and_pattern_are_taken_whole(view, maps):
    other = np.zeros((30, 90, 3), np.uint8)
    values = torch.randn(3, 10, 30, generator=torch.Generator().manual_seed(3))
    maps.put(other, "hand", ScoreMap(values, patterns.get("multi-rectangle"), (30, 90)))
    view.partition = 11
    view.photo = other
    assert view.partition == 2
    assert view.partition_slider.max == 2
    assert view.numbers()["partition"].tolist() == [0, 1, 2]


def test_what_is_saved_is_what_is_shown(view, tmp_path):
    view.partition, view.action = 3, "content"
    png, csv, about = view.save(tmp_path / "partitions")
    with Image.open(png) as image:
        assert image.width > 900
    assert pd.read_csv(csv)["own_after"].tolist() == pytest.approx(view.own_after.tolist(), rel=1e-4)
    told = json.loads(about.read_text())
    assert told["settings"]["partition"] == 3
    assert told["settings"]["action"] == "content"
    page = view.to_html(tmp_path / "page.html").read_text()
    assert page.count("data:image") >= 12
    assert "://" not in page.replace("http://www.w3.org", "")
    assert (view.partition, view.action) == (3, "content")


def test_unknown_changes_are_refused(score_map):
    with pytest.raises(ValueError, match="a change is one of none"):
        PartitionChange("burn", 0).apply(score_map, CROP)  # type: ignore[arg-type]


def test_choosing_a_partition_is_fast_enough_to_follow_a_slider():
    photo = np.zeros((512, 512, 3), np.uint8)
    maps, pattern = ScoreMaps(), patterns.get("cross-rectangle")
    maps.put(photo, "large", ScoreMap(torch.randn(12, 512, 512), pattern, (512, 512)))
    view = PartitionExplorer(photo, "large", maps=maps)
    times = []
    for step in range(30):
        start = perf_counter()
        view.partition = (5 * step + 1) % 12
        times.append(perf_counter() - start)
    assert np.median(times) < 0.045
