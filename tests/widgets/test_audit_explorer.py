"""AuditExplorer: the planted truth, and what explanations make of it."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import traitlets as t
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from asm_interp.analysis.localisation import EXPLANATIONS, explanation_maps, localisation
from asm_interp.analysis.placement import placement_preference
from asm_interp.audit.bench import Bench
from asm_interp.data.photo import PhotoError
from asm_interp.data.planted import rule_grid, shapes_world
from asm_interp.data.scenes import KeptScenes
from asm_interp.geometry.candidates import anchor_boxes
from asm_interp.model.asmnet import ASMNet
from asm_interp.model.checkpoint import load, save
from asm_interp.model.score_map import crop_scores
from asm_interp.widgets import painter, planted_scenes
from asm_interp.widgets.audit_explorer import AuditExplorer
from asm_interp.widgets.graded_photo import middle
from asm_interp.widgets.guard import Guarded
from asm_interp.widgets.planted_scenes import mask_lines
from asm_interp.widgets.score_maps import ScoreMaps

MODEL = "shapes-lambda-0.1"


@pytest.fixture(scope="module")
def bench() -> Bench:
    """Three scenes with a subject, then one without."""
    world = shapes_world("test", n_photos=60)
    told = [index for index in range(60) if world.scenes.has_subject(index)]
    bare = next(index for index in range(60) if index not in told)
    return Bench("shapes", replace(world, scenes=KeptScenes([world.scenes[i] for i in (*told[:3], bare)])))


@pytest.fixture(scope="module")
def maps() -> ScoreMaps:
    return ScoreMaps()


@pytest.fixture
def view(bench: Bench, maps: ScoreMaps) -> AuditExplorer:
    return AuditExplorer(bench=bench, maps=maps)


def drawn(canvas: object) -> painter.Indices:
    return np.frombuffer(canvas.layer, np.uint8).reshape(canvas.layer_size)  # type: ignore[attr-defined]


@given(arrays(np.bool_, st.tuples(st.integers(1, 8), st.integers(1, 8))))
def test_lines_go_round_the_mask(mask: npt.NDArray[np.bool_]) -> None:
    upright = [line for line in mask_lines(mask) if line[0] == line[2]]
    level = [line for line in mask_lines(mask) if line[1] == line[3]]
    height, width = mask.shape
    for lines, across, inside in ((upright, False, mask), (level, True, mask.T)):
        # A pixel is inside if an odd number of lines lies before it.
        crossings = np.zeros(inside.shape, int)
        for x1, y1, x2, y2 in lines:
            at, start, stop = (y1, x1, x2) if across else (x1, y1, y2)
            crossings[int(start) : int(stop), int(at) :] += 1
        np.testing.assert_array_equal(crossings % 2 == 1, inside)
    assert len(upright) <= height * (width + 1)


def test_each_explanation_is_drawn_and_graded(view: AuditExplorer) -> None:
    model, sample = load(MODEL), view.sample
    maps = explanation_maps(model, model.score_map(sample.photo), sample.photo, sample.boxes)
    seen = set()
    for name, told in EXPLANATIONS.items():
        view.explanation = name
        np.testing.assert_array_equal(drawn(view.canvas), painter.indices(maps[name], view.norm))
        mark = localisation(maps[name], sample.mask)
        assert view.marks.loc[name].to_dict() == pytest.approx(mark)
        assert f"AUC {mark['auc']:.3g}" in view.canvas.title
        assert told in view.readout.value
        seen.add((view.canvas.layer, view.readout.value, view.bars.value))
    assert len(seen) == len(EXPLANATIONS)


def test_means_are_over_scenes_with_a_subject(view: AuditExplorer, bench: Bench) -> None:
    auc = np.array([view.scenes.explained(MODEL, index)[1]["auc"].loc["theta_avg"] for index in range(4)])
    assert np.isnan(auc[3])
    assert view.means.loc["theta_avg", "auc"] == pytest.approx(np.mean(auc[:3]))
    assert len(view.scenes) == len(bench.world) == 4


def test_the_mask_is_outlined_and_the_best_crops_drawn(view: AuditExplorer) -> None:
    view.index = 1
    sample = view.sample
    for canvas in (view.truth, view.canvas):
        assert canvas.outlines[0]["lines"] == mask_lines(sample.mask)
    scores = crop_scores(load(MODEL).score_map(sample.photo), sample.boxes)
    shown = [mark["box"] for mark in view.truth.outlines[1:]]
    assert shown == [sample.boxes[sample.scores.argmax()].tolist(), sample.boxes[scores.argmax()].tolist()]


def test_the_learned_rule_stands_beside_the_planted_one(view: AuditExplorer, bench: Bench) -> None:
    model, world = load(MODEL), view.scenes.world(MODEL)
    single = [sample for sample in world if sample.subjects.max() == 1]
    planes = [placement_preference(model.score_map(sample.photo), sample.mask) for sample in single]
    mean = np.mean([plane - plane.mean() for plane in planes], axis=0)
    np.testing.assert_allclose(view.rule.map, mean)
    g = rule_grid("thirds", len(mean))
    fit = np.corrcoef(mean.ravel(), g.ravel())[0, 1]
    assert f"correlation with the planted rule {fit:.3g}" in view.readout.value
    assert view.planted.title == "Planted: thirds"
    assert drawn(view.planted).shape == drawn(view.learned).shape == g.shape
    assert g.ravel()[drawn(view.planted).argmax()] == pytest.approx(g.max())
    assert "Nearest rule: thirds, the planted one" in view.readout.value


def test_a_scene_without_a_subject_says_so(view: AuditExplorer) -> None:
    view.index = 3
    assert "has no subject" in view.readout.value
    assert view.canvas.outlines[0]["lines"] == []
    assert "AUC –" in view.canvas.title
    view.stepper.after.click()
    assert view.index == 0
    assert "has no subject" not in view.readout.value


def test_another_model_is_another_answer(view: AuditExplorer) -> None:
    before = view.canvas.layer, view.learned.layer, view.readout.value
    view.menu.value = "shapes-300-grid-3x3"
    after = view.canvas.layer, view.learned.layer, view.readout.value
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert view.rule.pattern.name == "grid:3x3"
    assert all(name.startswith("shapes") for name in view.menu.options)


def test_a_model_without_composition_prefers_no_place(bench: Bench, maps: ScoreMaps) -> None:
    view = AuditExplorer("shapes-300-grid-1x1", bench=bench, maps=maps)
    assert (view.rule.map == 0).all()
    assert "No placement preference over" in view.readout.value
    assert "Nearest rule" not in view.readout.value


def test_a_model_without_a_planted_world_is_refused(bench: Bench, maps: ScoreMaps, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nowhere"):
        AuditExplorer(tmp_path / "nowhere.safetensors", bench=bench, maps=maps)
    bare = tmp_path / "bare.safetensors"
    save(ASMNet("tiny", pretrained=False), bare, {"data": "something else"})
    with pytest.raises(ValueError, match="no planted world"):
        AuditExplorer(bare, bench=bench, maps=maps)


def test_what_is_saved_is_what_is_shown(view: AuditExplorer, tmp_path: Path) -> None:
    view.explanation = "edges"
    _, csv, provenance = view.save(tmp_path / "audit")
    lines = csv.read_text().splitlines()
    assert len(lines) == 1 + 2 * len(EXPLANATIONS) + 5
    told = json.loads(provenance.read_text())
    assert told["photo"] == view.sample.id
    assert told["checkpoints"][MODEL]
    page = view.to_html(tmp_path / "audit.html").read_text()
    assert len(re.findall(r'"label": ', page)) == len(EXPLANATIONS)
    assert view.explanation == "edges"
    assert view.picture().width < 900


def test_a_photo_is_graded_against_the_box_around_its_subject(view: AuditExplorer) -> None:
    scene, rule = view.photo, view.learned.layer
    view.picker.sample.value = "coffee"
    photo, (height, width) = view.photo, view.photo.shape[:2]
    assert view.subject == view.truth.crop == middle((height, width))
    assert "your photo, coffee, subject not drawn: its middle" in view.readout.value
    view.truth.crop = [100, 60, 420, 300]
    assert view.truth.editable
    assert view.subject == [100, 60, 420, 300]
    assert view.canvas.outlines[0]["box"] == view.subject
    model, boxes, mask = load(MODEL), anchor_boxes((height, width)), np.zeros((height, width), bool)
    mask[60:300, 100:420] = True
    score_map = model.score_map(photo)
    maps = explanation_maps(model, score_map, photo, boxes)
    for name in EXPLANATIONS:
        view.explanation = name
        np.testing.assert_array_equal(drawn(view.canvas), painter.indices(maps[name], view.norm))
        mark = localisation(maps[name], mask)
        assert view.marks.loc[name].to_dict() == pytest.approx(mark)
        assert f"AUC {mark['auc']:.3g}" in view.canvas.title
    best = boxes[crop_scores(score_map, boxes).argmax()].tolist()
    assert [mark["box"] for mark in view.truth.outlines] == [best]
    told = view.description()
    assert "your photo, coffee, subject as you drew it (100, 60 – 420, 300)" in told
    assert "A box is a rough mask, and no truth of a photo's composition is known" in told
    assert f"covers {100 * mask.mean():.3g} %" in told
    assert "subject as you drew it" in view.bars.value
    assert "your photo" in view.bars.value
    assert view.learned.layer == rule
    view.subject = []
    assert view.photo is scene
    assert view.picker.name == view.sample.id
    assert not view.truth.editable


def test_dragging_only_grades_again(view: AuditExplorer, monkeypatch: pytest.MonkeyPatch) -> None:
    view.picker.sample.value = "coffee"
    layer, seen = view.canvas.layer, {view.readout.value}
    monkeypatch.setattr(planted_scenes, "explanation_maps", None)
    monkeypatch.setattr(view.canvas, "set_map", None)
    for x in (10, 20, 30):
        view.truth.crop = [x, 10, 200 + x, 150]
        seen.add(view.readout.value)
    assert len(seen) == 4
    assert view.canvas.layer == layer
    view.truth.shape = "circle"
    assert view.truth.shape == "rectangle"


def test_stepping_returns_to_scenes_and_a_photo_may_be_chosen_again(view: AuditExplorer) -> None:
    for step in (1, 2):
        view.picker.sample.value = "coffee"
        assert view.subject
        view.stepper.after.click()
        assert (view.index, view.subject, view.truth.crop) == (step, [], [])
        assert view.picker.sample.value is None, "nothing of the menu is on view"
        assert view.photo is view.sample.photo
        assert f"on {view.sample.id}" in view.readout.value
    assert set(view.picker.sample.options) >= {"coffee", "rocket"}
    assert "your photo" not in view.picker.sample.options


def test_another_model_keeps_the_photo_and_its_subject(
    view: AuditExplorer, photo: npt.NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    view.status.observe(lambda change: said.append(change["new"]), "value")
    view.photo = photo
    assert "explaining the photo…" in said[0]
    assert said[-1] == ""
    view.subject = [4, 4, 30, 40]
    before, marks = view.canvas.layer, view.marks
    view.menu.value = "shapes-300-grid-3x3"
    assert view.photo is photo
    assert view.subject == view.truth.crop == [4, 4, 30, 40]
    assert view.canvas.layer != before
    assert not view.marks.equals(marks)
    assert "your photo, subject as you drew it" in view.readout.value
    monkeypatch.setattr(planted_scenes, "explanation_maps", None)
    view.menu.value = MODEL
    assert view.marks.equals(marks), "explained once"


def test_an_unreadable_photo_leaves_what_is_on_view(
    view: AuditExplorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = view.truth.photo, view.readout.value
    (tmp_path / "broken.png").write_bytes(b"no photo")
    with pytest.raises(PhotoError, match=r"broken\.png"):
        view.picker.path.value = str(tmp_path / "broken.png")
    assert "broken.png" in view.picker.status.value
    monkeypatch.setattr(Guarded, "strict", False)
    view.picker.sample.value = "coffee"
    assert view.picker.status.value == ""
    view.picker.path.value = str(tmp_path / "nowhere.png")
    assert "nowhere.png" in view.picker.status.value
    assert view.picker.name == "coffee"
    view.subject = []
    assert (view.truth.photo, view.readout.value, view.picker.status.value) == (*before, "")


def test_the_subject_of_a_scene_is_not_drawn_and_a_box_lies_on_the_photo(
    view: AuditExplorer, photo: npt.NDArray[np.uint8]
) -> None:
    with pytest.raises(t.TraitError, match="a planted scene's subject is known"):
        view.subject = [1, 2, 30, 40]
    view.photo = photo
    with pytest.raises(ValueError, match="inside the photo"):
        view.subject = [1, 2, 65, 40]
    assert view.subject == middle((48, 64))


def test_a_graded_photo_is_saved_as_it_is_shown(view: AuditExplorer, tmp_path: Path) -> None:
    painter.shown(view.sample.photo).save(tmp_path / "a&b.png")
    view.picker.path.value = str(tmp_path / "a&b.png")
    view.subject = [4, 4, 30, 40]
    _, csv, provenance = view.save(tmp_path / "audit")
    assert csv.read_text().count(",photo,") == len(EXPLANATIONS)
    told = json.loads(provenance.read_text())
    assert (told["photo"], told["settings"]["subject"]) == ("a&b.png", [4, 4, 30, 40])
    assert "a&amp;b.png" in view.readout.value
    page = view.to_html(tmp_path / "audit.html").read_text()
    assert len(re.findall(r'"label": ', page)) == len(EXPLANATIONS)
    assert page.count("subject as you drew it") > len(EXPLANATIONS)
    assert view.subject == [4, 4, 30, 40]
    assert view.picture().width < 900
