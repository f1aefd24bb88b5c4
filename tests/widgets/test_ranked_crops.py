"""RankedCrops: annotated against predicted order."""

import numpy as np
import pytest
import torch

from asm_interp.data.crops import CropDataset, CropSample
from asm_interp.evaluation.metrics import ranking_accuracy, srcc
from asm_interp.geometry import patterns
from asm_interp.model.score_map import ScoreMap, crop_scores
from asm_interp.widgets.ranked_crops import RankedCrops
from asm_interp.widgets.score_maps import ScoreMaps

BOXES = np.array([[0, 0, 64, 48], [0, 0, 30, 20], [10, 8, 50, 40], [20, 20, 64, 48], [5, 5, 25, 40]], float)
SCORES = np.array([3.0, 1.0, 2.0, 2.0, 0.5])


def sample(name, seed, **options):
    photo = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return CropSample(id=name, pixels=photo, **({"boxes": BOXES, "scores": SCORES} | options))


@pytest.fixture
def dataset():
    return CropDataset("three photos", [sample("a", 0), sample("b", 1), sample("c", 2)])


@pytest.fixture
def known(dataset):
    maps = ScoreMaps()
    for seed, each in enumerate(dataset.samples):
        values = torch.randn(9, 12, 16, generator=torch.Generator().manual_seed(seed))
        maps.put(each.photo, "hand", ScoreMap(values, patterns.get("grid:3x3"), (48, 64)))
    return maps


@pytest.fixture
def view(dataset, known):
    return RankedCrops(dataset, "hand", maps=known)


def test_both_orders_and_their_agreement(view, dataset, known):
    predicted = crop_scores(known.get(dataset[0].photo, "hand"), BOXES)
    table = view.numbers()
    np.testing.assert_allclose(table["predicted"], predicted)
    assert table["rank_annotated"].tolist() == [1, 4, 2, 2, 5]  # equal scores share a rank
    assert view.srcc == pytest.approx(srcc(predicted, SCORES))
    assert view.accuracy == pytest.approx(ranking_accuracy(predicted, SCORES))
    assert f"{100 * view.accuracy:.1f} %" in view.description()
    assert "a (1 of 3 in three photos)" in view.description()
    ordered = [crop for _, crop in view.lists["predicted"].options]
    assert ordered == np.argsort(-predicted).tolist()


def chosen(view):
    return view.scatter.selected, view.lists["annotated"].value, view.lists["predicted"].value


def test_a_choice_anywhere_is_a_choice_everywhere(view):
    view.lists["annotated"].value = 3
    assert (view.selected, *chosen(view)) == (3, 3, 3, 3)
    view.scatter.selected = 1
    assert (view.selected, *chosen(view)) == (1, 1, 1, 1)
    assert view.canvas.crop == BOXES[1].tolist()
    assert view.scatter.svg.count('r="7"') == 1
    view.canvas.clicked = [62.0, 46.5, 1]  # nearest the right edge of crop 3 and of the photo
    assert view.selected in (0, 3)
    view.canvas.clicked = [11.0, 15.0, 2]
    assert (view.selected, *chosen(view)) == (2, 2, 2, 2)
    assert "Crop 2 (10, 8 – 50, 40): annotated 2, rank 2" in view.description()
    view.selected = -1
    assert chosen(view) == (-1, None, None)
    assert view.canvas.crop == []


def test_a_click_beside_all_crops_chooses_none(known):
    corner_free = CropDataset("inner", [sample("a", 0, boxes=BOXES[2:], scores=SCORES[2:])])
    view = RankedCrops(corner_free, "hand", maps=known)
    view.selected = 1
    view.canvas.clicked = [2.0, 2.0, 1]
    assert (view.selected, *chosen(view)) == (-1, -1, None, None)


def test_a_given_data_set_is_shown_by_split(known):
    splits = CropDataset("two splits", [sample("a", 0, split="train"), sample("b", 1, split="test")])
    view = RankedCrops(splits, "hand", split="test", maps=known)
    assert [each.id for each in view.dataset] == ["b"]
    assert (view.sample.id, view.stepper.count) == ("b", 1)
    assert "b (1 of 1 in two splits/test)" in view.description()
    view.split = "all"
    assert (view.sample.id, view.stepper.count) == ("a", 2)
    with pytest.raises(ValueError, match=r"no split 'val'; there are \['test', 'train'\]"):
        view.split = "val"
    assert view.sample.id == "a", "what was on view stays"


def test_the_chosen_crop_shows_what_it_reads(view):
    view.selected = 2
    reading = view.reader.read(BOXES[2].tolist())
    assert view.canvas.layer == reading.phi.tobytes()
    assert view.canvas.layer_box == reading.box


def test_next_photo_forgets_the_choice(view):
    view.selected = 4
    view.stepper.after.click()
    assert (view.index, view.selected) == (1, -1)
    assert view.sample.id == "b"
    assert view.provenance()["photo"] == "b"
    assert view.provenance()["data"] == "three photos"
    view.stepper.before.click()
    view.stepper.before.click()
    assert view.sample.id == "c"


def test_arrow_keys_go_along_the_annotated_scores(view):
    assert [SCORES[crop] for crop in view.scatter.order] == sorted(SCORES)


def test_pairs_alone_are_compared_within_pairs(known):
    judged = CropDataset("judged", [sample("a", 0, pairs=np.array([[0, 1], [2, 4]]))])
    view = RankedCrops(judged, "hand", maps=known)
    assert np.isnan(view.srcc)
    predicted = view.crops["predicted"]
    assert view.accuracy == np.mean([predicted[0] > predicted[1], predicted[2] > predicted[4]])
    assert "within pairs only" in view.description()


def test_without_scores_there_is_no_order(known):
    with pytest.raises(ValueError, match="an order needs scores and photos, and none of 1 samples has both"):
        RankedCrops(CropDataset("boxes", [sample("a", 0, scores=None)]), "hand", maps=known)


def test_a_crop_or_photo_that_is_not_there_is_an_error_in_red(view):
    with pytest.raises(ValueError, match="a crop of a, or -1 for none, lies between -1 and 4, got 5"):
        view.selected = 5
    assert 'role="alert"' in view.status.value


def test_a_published_data_set_without_its_folder_says_what_to_do(view):
    with pytest.raises(ValueError, match="folder"):
        view.data = "gaicd"
    assert "HuiZeng" in view.status.value
    assert view.sample.id == "a", "what was on view stays"


def test_what_is_saved_is_what_is_shown(view, tmp_path):
    view.selected = 2
    png, _csv, _ = view.save(tmp_path / "ranks")
    assert png.stat().st_size > 5000
    page = view.to_html(tmp_path / "ranks.html").read_text()
    assert page.count("data:image") >= 3
    assert view.index == 0


def test_the_planted_world_needs_no_files():
    view = RankedCrops()
    assert view.srcc > 0.5, "the model was taught this rule"
    assert view.checkpoint == "shapes-lambda-0.1"
