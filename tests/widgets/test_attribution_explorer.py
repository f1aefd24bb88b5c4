"""AttributionExplorer: Captum's answers, computed once, beside the exact one."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from asm_interp.analysis.attribution import Attribution, part_means
from asm_interp.analysis.attribution_agreement import agreement
from asm_interp.analysis.explanation import explain_crop
from asm_interp.model.checkpoint import load
from asm_interp.widgets import painter
from asm_interp.widgets.attribution_explorer import AttributionExplorer
from asm_interp.widgets.attribution_runs import EFFORTS, METHODS
from asm_interp.widgets.guard import Guarded

MODEL = "shapes-lambda-0.1"
QUICK = ("grad-cam", "feature ablation", "shapley values")

Photo = npt.NDArray[np.uint8]


@pytest.fixture
def view(photo: Photo) -> AttributionExplorer:
    return AttributionExplorer(photo, MODEL)


def drawn(view: AttributionExplorer) -> painter.Indices:
    return np.frombuffer(view.canvas.layer, np.uint8).reshape(view.canvas.layer_size)


def test_nothing_is_computed_before_run(view: AttributionExplorer, photo: Photo) -> None:
    assert view.canvas.layer == b""
    assert "Press Run" in view.readout.value
    assert "press Run" in view.canvas.title
    assert view.numbers().empty
    score = explain_crop(load(MODEL).score_map(photo), view.crop).score
    assert f"score {score:.4g}".replace("-", "\N{MINUS SIGN}") in view.readout.value
    assert view.exact.layer != b""
    assert view.exact.crop == view.canvas.crop == view.crop


@pytest.mark.parametrize("method", METHODS)
def test_run_shows_what_the_method_says(view: AttributionExplorer, photo: Photo, method: str) -> None:
    view.method, view.cell = method, 4
    view.run()
    options = EFFORTS["quick"].get(method, {})
    expected = METHODS[method](load(MODEL), photo, view.crop, **options)
    result = view.result
    assert result is not None
    np.testing.assert_allclose(result.values, expected.values, atol=1e-4 * np.abs(expected.values).max())
    height, width = result.values.shape
    cells = part_means(result.values, (0, height), (0, width), height // 4, width // 4)
    np.testing.assert_array_equal(drawn(view), painter.indices(cells, view.norm))
    row = agreement(load(MODEL), photo, [result], cell=4).iloc[-1]
    assert view.numbers().iloc[0][["spearman", "top_iou"]].tolist() == row[["spearman", "top_iou"]].tolist()
    assert f"rank correlation {row['spearman']:.2g}".replace("-", "\N{MINUS SIGN}") in view.readout.value
    assert (view.bars.value != "") == (result.partitions is not None)


def test_completeness_is_told_for_methods_that_promise_it(view: AttributionExplorer) -> None:
    view.run(*METHODS)
    told = {}
    for view.method in METHODS:
        told[view.method] = view.description()
    assert "complete but for less than 0.01 %" in told["shapley values"]
    assert re.search(r"complete but for [\d.]+ %", told["integrated gradients"])
    assert "does not promise" in told["feature ablation"]
    assert "nothing in particular" in told["occlusion"]
    assert "says nothing here" in told["grad-cam"]
    assert view.numbers()["method"].tolist() == list(METHODS)


def test_a_result_is_computed_once(view: AttributionExplorer, monkeypatch: pytest.MonkeyPatch) -> None:
    view.run("feature ablation", "grad-cam")

    def never(*_: Any, **__: Any) -> Attribution:
        raise AssertionError("computed again")

    for method in METHODS:
        monkeypatch.setitem(METHODS, method, never)
    view.run("feature ablation", "grad-cam")
    view.baseline, view.effort, view.method = "grey", "thorough", "grad-cam"
    assert list(view.results) == ["grad-cam"]  # it knows no baseline and no effort
    view.method = "feature ablation"
    assert view.canvas.layer == b""
    view.baseline = "mean"
    assert view.canvas.layer != b""
    with pytest.raises(AssertionError, match="computed again"):
        view.run("shapley values")


def test_another_crop_is_another_question(view: AttributionExplorer) -> None:
    view.run("feature ablation")
    view.method = "feature ablation"
    first, layer, phi = list(view.crop), view.canvas.layer, view.exact.layer
    view.canvas.crop = [0, 0, 40, 30]  # as the browser moves it
    assert view.crop == [0, 0, 40, 30] == view.exact.crop
    assert view.canvas.layer == b""
    assert view.exact.layer != phi
    view.crop = first
    assert view.canvas.layer == layer


def test_another_photo_starts_anew_and_another_model_keeps_the_crop(view: AttributionExplorer) -> None:
    view.crop = [1, 2, 40, 30]
    view.run("grad-cam")
    view.checkpoint = "shapes-lambda-0"
    assert view.crop == [1, 2, 40, 30] == view.canvas.crop
    assert view.results == {}
    view.photo = np.zeros((96, 72, 3), np.uint8)
    assert view.canvas.photo_size == view.exact.photo_size == [96, 72]
    assert view.crop == pytest.approx([0.15 * 72, 0.15 * 96, 0.85 * 72, 0.85 * 96])


def slow(entered: Event, go_on: Event, method: Callable[..., Attribution]) -> Callable[..., Attribution]:
    """A method that waits after it has begun."""

    def waiting(*arguments: Any, **options: Any) -> Attribution:
        entered.set()
        assert go_on.wait(20)
        return method(*arguments, **options)

    return waiting


@pytest.mark.parametrize("cancelled", [False, True])
def test_the_button_computes_in_the_background(
    view: AttributionExplorer, monkeypatch: pytest.MonkeyPatch, cancelled: bool
) -> None:
    entered, go_on = Event(), Event()
    view.method = "shapley values"
    monkeypatch.setitem(METHODS, view.method, slow(entered, go_on, METHODS[view.method]))
    view.task.start_button.click()
    assert entered.wait(20)
    assert "working" in view.status.value
    assert view.canvas.layer == b""
    if cancelled:
        view.task.cancel_button.click()
    go_on.set()
    view.task.wait(60)
    assert (view.result is None) == cancelled
    assert (view.canvas.layer == b"") == cancelled
    assert ("Cancelled" in view.status.value) == cancelled


def test_an_error_of_a_method_shows(view: AttributionExplorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guarded, "strict", False)

    def fails(*_: Any, **__: Any) -> Attribution:
        raise ValueError("a window is too large")

    monkeypatch.setitem(METHODS, "occlusion", fails)
    view.run("occlusion")
    assert 'role="alert"' in view.status.value
    assert "a window is too large" in view.status.value
    with pytest.raises(ValueError, match="'smoothgrad'"):
        view.run("smoothgrad")


def test_only_rectangles_are_attributed(view: AttributionExplorer) -> None:
    view.canvas.shape = "circle"  # key C on the picture
    assert view.canvas.shape == "rectangle"


def test_what_is_saved_is_what_is_shown(view: AttributionExplorer, tmp_path: Path) -> None:
    empty = view.to_html(tmp_path / "empty.html").read_text()
    assert 'type="range"' not in empty
    view.run(*QUICK)
    view.method = "feature ablation"
    png, csv, provenance = view.save(tmp_path / "attribution")
    assert png.stat().st_size > 1000
    assert len(csv.read_text().splitlines()) == 1 + len(QUICK)
    told = json.loads(provenance.read_text())
    assert told["settings"]["baseline"] == "mean"
    assert set(told["scales"]) == {"feature ablation", "φ"}
    page = view.to_html(tmp_path / "attribution.html").read_text()
    assert re.findall(r'"label": "([^"]+)"', page) == list(QUICK)
    assert view.method == "feature ablation"
    bundle = view._repr_mimebundle_()
    assert bundle["image/png"]
    assert "Feature ablation" in bundle["text/plain"]
