"""PatternExplorer: patterns side by side, and one that is drawn."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from asm_interp.analysis.expressivity import ceiling
from asm_interp.analysis.merged_patterns import merge_partitions
from asm_interp.geometry import patterns
from asm_interp.model.checkpoint import find, read_card
from asm_interp.model.score_map import ScoreMap
from asm_interp.search import search_crops
from asm_interp.widgets import painter
from asm_interp.widgets.pattern_canvas import PatternCanvas, checked, parse_pattern, pattern_image
from asm_interp.widgets.pattern_explorer import PatternExplorer
from asm_interp.widgets.pattern_family import PatternFamily
from asm_interp.widgets.score_maps import ScoreMaps

NINE, CROSS = "shapes-300-grid-3x3", "shapes-300-lambda-0.1"


@pytest.fixture(scope="module")
def family():
    return PatternFamily.of(NINE)


@pytest.fixture
def known(photo, family):
    maps = ScoreMaps()
    for seed, (name, pattern) in enumerate(family.patterns.items()):
        values = torch.randn(pattern.n_partitions, 12, 16, generator=torch.Generator().manual_seed(seed))
        maps.put(photo, name, ScoreMap(values, pattern, (48, 64)))
    return maps


@pytest.fixture
def view(photo, known):
    return PatternExplorer(photo, NINE, maps=known)


def test_a_family_differs_in_its_pattern_alone(family):
    cards = [read_card(find(name)) for name in family.patterns]
    assert {(card["backbone"], card["data"], card["lambda"]) for card in cards} == {
        ("tiny", "shapes, rule thirds", 0.1)
    }
    assert {pattern.name for pattern in family.patterns.values()} >= {"grid:3x3", "multi-direction", "cross-rectangle"}
    row = family.accuracies().set_index("checkpoint").loc[NINE]
    assert row["estimate"] == read_card(find(NINE))["metrics"]["test_ranking_accuracy"]
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
    assert family.ceilings.loc[NINE, "thirds"] == pytest.approx(ceiling(patterns.get("grid:3x3"), "thirds"))


def test_each_pattern_shows_its_best_crop(view, known, photo):
    assert len(view.row.children) == len(view.checkpoints) >= 4
    for card, name in zip(view._cards, view.checkpoints, strict=False):
        best = search_crops(known.get(photo, name), top=5)
        assert card.canvas.crop == best[["x1", "y1", "x2", "y2"]].iloc[0].tolist()
        assert card.canvas.title == view.family.patterns[name].name
        assert "accuracy" in card.text.value


def test_patterns_can_be_chosen(view):
    view.chosen.value = (NINE, CROSS)
    assert view.checkpoints == [NINE, CROSS]
    assert len(view.row.children) == 2
    assert view.numbers()["checkpoint"].tolist() == [NINE, CROSS, ""]
    with pytest.raises(ValueError, match="got nonsense"):
        view.checkpoints = ["nonsense"]
    assert 'role="alert"' in view.status.value


def test_layers_change_every_map(view):
    before, cards = [card.canvas.layer for card in view._cards], view.row.children
    view.layer = "avg"
    assert view.row.children == cards, "new widgets would be drawn from nothing"
    assert all(card.canvas.layer not in (b"", old) for card, old in zip(view._cards, before, strict=True))
    view.layer = "none"
    assert all(card.canvas.layer == b"" for card in view._cards)


def test_a_union_of_trained_partitions_is_scored_with_them(view, known, photo):
    view.labels = patterns.get("grid:3x3").labels.clip(max=7).tolist()  # the last two cells are one
    assert view.nearest.name == NINE
    assert view.nearest.cut == []
    merged = merge_partitions(known.get(photo, NINE), view.drawing.pattern)
    best = search_crops(merged, top=5)
    assert view.own_canvas.crop == best[["x1", "y1", "x2", "y2"]].iloc[0].tolist()
    assert f"{view.own_srcc:.3g}" in view.verdict.value
    assert NINE in view.used_checkpoints()


def test_a_pattern_that_cuts_trained_partitions_is_not_scored_and_the_view_says_why(view):
    view.labels = [[0, 1, 0, 1]]
    assert view.own is None
    assert "Not scored" in view.verdict.value
    assert view.nearest.cut
    assert str(view.nearest.cut[0]) in view.verdict.value
    assert view.own_canvas.layer == b""
    assert np.isnan(view.numbers().iloc[-1]["x1"])
    assert view.numbers().iloc[-1]["ceiling_left"] == pytest.approx(ceiling(view.drawing.pattern, "left"))


def test_what_is_saved_is_what_is_shown(view, tmp_path):
    view.checkpoints = [NINE]
    _, csv, about = view.save(tmp_path / "patterns")
    assert pd.read_csv(csv)["pattern"].tolist() == ["grid:3x3", "your pattern"]
    assert json.loads(about.read_text())["settings"]["checkpoints"] == [NINE]
    page = view.to_html(tmp_path / "patterns.html").read_text()
    assert page.count("data:image") >= len(view.family.patterns)
    assert view.checkpoints == [NINE]


class TestDrawing:
    def test_a_click_paints_a_cell(self):
        drawing = PatternCanvas([[0, 0, 1], [0, 0, 1]])
        drawing.brush = 2
        drawing.canvas.clicked = [10.0, 470.0, 1]
        assert drawing.labels == [[0, 0, 1], [2, 0, 1]]
        assert drawing.text.value == "001\n201"
        assert drawing.brush_slider.max == 3

    def test_numbers_close_up_when_a_partition_goes(self):
        drawing = PatternCanvas([[0, 1, 2]])
        drawing.brush = 0
        drawing.canvas.clicked = [240.0, 240.0, 1]
        assert drawing.labels == [[0, 0, 1]]

    def test_the_last_two_partitions_stay_two(self):
        drawing = PatternCanvas([[0, 1]])
        with pytest.raises(ValueError, match="at least two"):
            drawing.canvas.clicked = [470.0, 10.0, 1]
        assert drawing.labels == [[0, 1]]
        assert 'role="alert"' in drawing.status.value

    def test_rows_can_be_typed(self):
        drawing = PatternCanvas([[0, 1]])
        drawing.text.value = "aab\nccb"
        assert drawing.labels == [[0, 0, 1], [2, 2, 1]]
        with pytest.raises(ValueError, match="equally long"):
            drawing.text.value = "aab\ncb"
        assert drawing.labels == [[0, 0, 1], [2, 2, 1]]

    def test_a_ready_pattern_can_be_the_start(self):
        drawing = PatternCanvas([[0, 1]])
        drawing.ready.value = "multi-direction"
        assert drawing.pattern.labels.tolist() == patterns.get("multi-direction").labels.tolist()

    @pytest.mark.parametrize("name", [name for name in patterns.names() if name != "grid:1x1"])
    def test_what_a_pattern_prints_is_read_back(self, name):
        pattern = patterns.get(name)
        assert parse_pattern(str(pattern)).labels.tolist() == pattern.labels.tolist()

    @pytest.mark.parametrize("labels", [[], [1, 2], [[0]], np.zeros((2, 30)).tolist()])
    def test_what_is_no_pattern_is_refused(self, labels):
        with pytest.raises(ValueError, match="pattern"):
            checked(labels)

    def test_cells_of_one_partition_share_a_grey(self):
        pattern = checked([[0, 0], [1, 0]])
        pixels = np.asarray(pattern_image(pattern, 200))
        corner = [tuple(pixels[y, x]) for y, x in ((15, 15), (15, 185), (185, 15), (185, 185))]
        assert corner[0] == corner[1] == corner[3] != corner[2]
        assert tuple(pixels[100, 50]) == (0, 0, 0), "a border between two partitions"
        assert painter.INK
