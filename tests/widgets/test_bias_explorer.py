"""BiasExplorer: what it shows is what the analysis says."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asm_interp.analysis.corner_coverage import TOLERANCES, corner_correlation, corner_estimates
from asm_interp.analysis.estimates import table
from asm_interp.analysis.lift_map import lift_map
from asm_interp.analysis.scored_crops import ScoredCrops
from asm_interp.analysis.statistics import Resampling
from asm_interp.data.crops import CropDataset, CropSample
from asm_interp.data.planted import shapes_world
from asm_interp.evaluation.baselines import ModelScorer
from asm_interp.model.checkpoint import load
from asm_interp.widgets import painter
from asm_interp.widgets.bias_explorer import BiasExplorer
from asm_interp.widgets.bias_panel import BEST, WORST
from asm_interp.widgets.bias_reading import CENTRAL, MATCHED, PLANTED, RAW, BiasReading, open_data
from asm_interp.widgets.guard import Guarded

HOW = Resampling(40)
MODEL = "shapes-lambda-0.1"


@pytest.fixture(scope="module")
def dataset() -> CropDataset:
    return CropDataset("ten scenes", list(shapes_world("test", n_photos=10, n_crops=40, crops="mixed")))


@pytest.fixture
def view(dataset: CropDataset) -> BiasExplorer:
    return BiasExplorer(dataset, MODEL, resamples=HOW.resamples)


@pytest.fixture(scope="module")
def crops(dataset: CropDataset) -> tuple[ScoredCrops, ScoredCrops]:
    return ScoredCrops.read(dataset), ScoredCrops.read(dataset, ModelScorer(load(MODEL)))


def test_the_tables_hold_the_correlations_of_both_kinds_of_scores(
    view: BiasExplorer, crops: tuple[ScoredCrops, ScoredCrops]
) -> None:
    for reading, own in zip(view.readings, crops, strict=True):
        for tolerance in TOLERANCES:
            expected = np.nanmean(corner_correlation(own, "area and aspect", tolerance))
            found = reading.row("score and corner count, area and aspect held fixed", tolerance)["estimate"]
            assert found == pytest.approx(expected)
            assert reading.coverage(tolerance) == (own.corners(tolerance) > 0)[own.valid].mean()


def test_the_slider_moves_table_marker_zones_and_words(view: BiasExplorer) -> None:
    before = view.annotated.forest.value, view.annotated.curve.value, view.readout.value
    zones = [mark["box"] for mark in view.annotated.crops.outlines[:4]]
    view.tolerance_slider.value = 1 / 4
    assert view.tolerance == 1 / 4
    after = view.annotated.forest.value, view.annotated.curve.value, view.readout.value
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert "τ = 1/4" in view.readout.value
    raw = view.readings[0].row(RAW, 1 / 4)["estimate"]
    assert f"raw {raw:.3g}".replace("-", "\N{MINUS SIGN}") in view.readout.value
    height, width = view.sample.size()
    assert [mark["box"] for mark in view.annotated.crops.outlines[:4]] != zones
    assert view.annotated.crops.outlines[3]["box"] == [0.75 * width, 0.75 * height, width, height]


def test_the_lift_maps_share_one_scale_and_change_with_size_held(view: BiasExplorer) -> None:
    for held in (False, True):
        view.size_held = held
        for panel in view.panels:
            assert panel.reading is not None
            lift = panel.reading.lifts[held].lift
            drawn = np.frombuffer(panel.lift.layer, np.uint8).reshape(32, 32)
            np.testing.assert_array_equal(drawn, painter.indices(lift, view.norm))
            assert (drawn == 0).sum() == np.isnan(lift).sum()
    assert "size held fixed" in view.annotated.lift.title
    low, high = view.norm.limits or (0, 0)
    assert low == -high


def test_the_number_under_the_mouse_is_that_of_its_cell(view: BiasExplorer) -> None:
    view.annotated.lift.pointer = [64.0, 48.0]  # the middle of the plane
    lift = view.readings[0].lifts[False]
    assert f"{100 * lift.coverage[16, 16]:.0f} % of crops hold it" in view.annotated.under.value
    view.annotated.lift.pointer = []
    assert "Highest lift" in view.annotated.under.value


def test_the_best_and_the_worst_crops_are_drawn_on_the_photo(view: BiasExplorer, dataset: CropDataset) -> None:
    view.n_crops, view.index = 2, 4
    sample = dataset[4]
    assert view.sample.id == sample.id == view.picker.name
    np.testing.assert_array_equal(view.photo, sample.photo)
    for panel, scores in zip(view.panels, (sample.scores, None), strict=True):
        own = ModelScorer(load(MODEL)).scores(sample, sample.boxes) if scores is None else scores
        order = np.argsort(-own, kind="stable")
        best = [mark["box"] for mark in panel.crops.outlines if mark["color"] == BEST]
        worst = [mark["box"] for mark in panel.crops.outlines if mark["color"] == WORST]
        np.testing.assert_allclose(sorted(best), sorted(sample.boxes[order[:2]].tolist()))
        np.testing.assert_allclose(sorted(worst), sorted(sample.boxes[order[-2:]].tolist()))
    view.stepper.after.click()
    assert view.sample.id == dataset[5].id


@pytest.mark.parametrize("in_thread", [False, True])
def test_the_button_adds_permutation_tests_for_every_tolerance(
    view: BiasExplorer, crops: tuple[ScoredCrops, ScoredCrops], in_thread: bool
) -> None:
    assert "matched: run tests" in view.scored.forest.value
    assert view.significance_box.disabled
    assert "p_adj" not in view.numbers().query("what == 'lift'").dropna(axis=1)
    if in_thread:
        view.tests.start_button.click()
        view.tests.wait(60)
    else:
        view.run()
    for reading, own in zip(view.readings, crops, strict=True):
        assert reading.tested
        for tolerance in TOLERANCES:
            expected = table(corner_estimates(own, HOW, tolerance))
            np.testing.assert_array_equal(reading.rows[tolerance]["p"], expected["p"])
        np.testing.assert_array_equal(reading.lifts[True].p_adj, lift_map(own, HOW, size_held=True).p_adj)
    lift = view.readings[0].lifts[False]
    view.significance_box.value = True
    shown = np.frombuffer(view.annotated.lift.layer, np.uint8).reshape(lift.lift.shape) > 0
    np.testing.assert_array_equal(shown, lift.p_adj < 0.05)
    assert "within thirds by area" in view.scored.forest.value
    assert "p &lt; 0.05 over the map" in view.annotated.under.value
    assert view.tests.told.value == "12 of 12"
    assert {"ci_low", "p_adj"} <= set(view.numbers().query("what == 'lift'").dropna(axis=1, how="all"))


def test_data_without_photos_shows_annotations_and_says_why_there_is_no_model(dataset: CropDataset) -> None:
    bare = [
        CropSample(id=sample.id, boxes=sample.boxes, scores=sample.scores, photo_size=sample.size())
        for sample in dataset.samples
    ]
    view = BiasExplorer(CropDataset("bare", bare), MODEL, resamples=20)
    assert len(view.readings) == 1
    assert "needs photos" in view.scored.heading.value
    assert view.scored.pictures.layout.display == "none"
    assert "photo not here" in view.annotated.crops.title
    assert len(view.annotated.crops.outlines) == 4 + 6
    assert view.used_checkpoints() == []
    assert view.picture().width < 600


def test_data_that_cannot_be_read_leave_the_old_on_view(view: BiasExplorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guarded, "strict", False)
    before = view.readout.value
    view.data = "gaicd"
    assert 'role="alert"' in view.status.value
    assert "put" in view.status.value
    view.root = "/nowhere"
    assert "/nowhere" in view.status.value
    assert view.readout.value == before
    assert view.provenance()["data"] == "ten scenes"
    view.data = "ten scenes"
    assert view.status.value == ""
    monkeypatch.setattr(Guarded, "strict", True)
    with pytest.raises(ValueError, match="no such"):
        view.checkpoint = "no such checkpoint"
    assert 'role="alert"' in view.status.value


def test_drawn_scenes_have_no_split() -> None:
    with pytest.raises(ValueError, match="drawn scenes have no split 'test'; choose all"):
        open_data(next(iter(PLANTED)), split="test")


def test_a_split_is_a_part_of_the_data(dataset: CropDataset) -> None:
    samples = list(dataset.samples)
    halves = [
        CropSample(id=s.id, boxes=s.boxes, scores=s.scores, pixels=s.photo, split=split)
        for s, split in zip(samples, ["train"] * 6 + ["test"] * 4, strict=True)
    ]
    view = BiasExplorer(CropDataset("halves", halves), MODEL, resamples=20)
    view.index = 9
    view.split = "test"
    assert len(view.reading.crops) == 4
    assert (view.index, view.stepper.count) == (0, 4)
    assert view.sample.id == samples[6].id


def test_what_is_saved_is_what_is_shown(view: BiasExplorer, tmp_path: Path) -> None:
    png, csv, provenance = view.save(tmp_path / "bias")
    with Image.open(png) as image:
        assert image.size == view.picture().size
        assert json.loads(image.text["asm_interp"])["resampling"]["resamples"] == HOW.resamples  # type: ignore[attr-defined]
    assert MATCHED in csv.read_text()
    told = json.loads(provenance.read_text())
    assert told["checkpoints"][MODEL]
    assert told["settings"]["tolerance"] == 1 / 16
    page = view.to_html(tmp_path / "bias.html").read_text()
    assert re.findall(r'"label": "([^"]+)"', page) == ["1/32", "1/16", "1/6", "1/4"]
    assert "http" not in page.replace("http://www.w3.org", "")
    assert view.tolerance == 1 / 16


def test_the_planted_worlds_differ_in_what_was_planted() -> None:
    plain, corners = (BiasReading.read(name, open_data(name), HOW) for name in PLANTED)
    for statistic in (RAW, MATCHED, CENTRAL):
        assert corners.row(statistic, 1 / 16)["estimate"] > plain.row(statistic, 1 / 16)["estimate"] + 0.1
    assert plain.row(MATCHED, 1 / 16)["estimate"] < 0.05
    assert corners.row(MATCHED, 1 / 16)["ci_low"] > 0


@pytest.mark.slow
def test_people_of_a_published_data_set(shared_dir: Path) -> None:
    view = BiasExplorer("gaicd", root=shared_dir / "data" / "gaicd", resamples=20)
    assert len(view.reading.crops) == 1236
    assert view.sample.has_photo
    assert view.reading.row(MATCHED, 1 / 16)["estimate"] == pytest.approx(-0.214, abs=0.001)
    assert view.checkpoint == "photos"
    assert "3 photos" in view.scored.heading.value
