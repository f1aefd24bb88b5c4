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
    trained = ("backbone", "data", "lambda", "photos", "epochs", "input_size", "seed")
    assert {tuple(card[key] for key in trained) for card in cards} == {
        ("tiny", "shapes, rule thirds", 0.1, 300, 8, 96, 0)
    }
    assert all(card["world"] == cards[0]["world"] for card in cards)
    row = family.accuracies().set_index("checkpoint").loc[NINE]
    assert row["estimate"] == read_card(find(NINE))["metrics"]["test_ranking_accuracy"]
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
    assert family.ceilings.loc[NINE, "thirds"] == pytest.approx(ceiling(patterns.get("grid:3x3"), "thirds"))


PATTERNS = ("grid-1x1", "grid-1x3", "grid-3x1", "grid-3x3", "grid-5x5", "multi-direction", "multi-rectangle")


@pytest.mark.parametrize("family", ["photos", "shapes-300"])
def test_shipped_families_are_whole_and_hold_no_pattern_twice(family):
    names = {f"{family}-lambda-0.1", *(f"{family}-{pattern}" for pattern in PATTERNS)}
    for member in (f"{family}-lambda-0.1", f"{family}-grid-3x3"):
        found = PatternFamily.of(member)
        assert set(found.patterns) == names
        assert len({pattern.name for pattern in found.patterns.values()}) == len(names)


def test_a_checkpoint_of_more_scenes_and_epochs_is_a_family_of_its_own():
    assert list(PatternFamily.of("shapes-lambda-0.1").patterns) == ["shapes-lambda-0.1"]
    path = str(find(CROSS))
    assert list(PatternFamily.of(path).patterns) == [path]


def test_each_pattern_shows_its_best_crop(view, known, photo):
    assert len(view.row.children) == len(view.checkpoints) >= 4
    for card, name in zip(view._cards, view.checkpoints, strict=False):
        best = search_crops(known.get(photo, name), top=5)
        assert card.canvas.crop == best[["x1", "y1", "x2", "y2"]].iloc[0].tolist()
        assert card.canvas.title == view.family.patterns[name].name
        assert "accuracy" in card.text.value


def test_patterns_can_be_chosen(view):
    view.chosen.value = (NINE, CROSS)
    with pytest.raises(ValueError, match="one or more"):
        view.chosen.value = ()
    assert view.chosen.value == (NINE, CROSS)
    assert view.checkpoints == [NINE, CROSS]
    assert len(view.row.children) == 2
    assert view.numbers()["checkpoint"].tolist() == [NINE, CROSS, ""]
    with pytest.raises(ValueError, match=r"is one of shapes-300-.*, got 'nonsense'"):
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

    def test_many_partitions_are_printed_and_read_back(self):
        drawing, many = PatternCanvas([[0, 1]]), np.arange(81).reshape(9, 9)
        drawing.labels = many.tolist()
        assert drawing.status.value == ""
        assert drawing.text.value.split() == [str(each) for each in range(81)]
        assert parse_pattern(drawing.text.value).labels.tolist() == many.tolist()
        drawing.text.value = "0 10 9\n0 10 10"
        assert drawing.labels == [[0, 2, 1], [0, 2, 2]]

    def test_a_partition_that_is_not_there_is_not_painted(self):
        drawing = PatternCanvas([[0, 1]])
        with pytest.raises(ValueError, match="a partition to paint lies between 0 and 2, got 3"):
            drawing.brush = 3
        assert drawing.brush_slider.value == drawing.brush == 0

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
