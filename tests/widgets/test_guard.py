"""A value that a view cannot show never enters a trait: not from code, not from a control, not into what is saved."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np
import numpy.typing as npt
import pytest
import torch
import traitlets as t

from asm_interp.audit.bench import Bench
from asm_interp.data.crops import CropDataset
from asm_interp.data.planted import shapes_world
from asm_interp.data.scenes import KeptScenes
from asm_interp.geometry import patterns
from asm_interp.model.checkpoint import find
from asm_interp.model.score_map import ScoreMap
from asm_interp.widgets.attribution_explorer import AttributionExplorer
from asm_interp.widgets.audit_explorer import AuditExplorer
from asm_interp.widgets.bias_explorer import BiasExplorer
from asm_interp.widgets.compare_crops import CompareCrops
from asm_interp.widgets.crop_canvas import CropCanvas
from asm_interp.widgets.guard import Guarded, Refused
from asm_interp.widgets.lambda_explorer import LambdaExplorer
from asm_interp.widgets.partition_explorer import PartitionExplorer
from asm_interp.widgets.pattern_explorer import PatternExplorer
from asm_interp.widgets.ranked_crops import RankedCrops
from asm_interp.widgets.score_maps import ScoreMaps
from asm_interp.widgets.theta_explorer import ThetaExplorer
from asm_interp.widgets.view import View

Photo = npt.NDArray[np.uint8]
MODEL, FAMILY = "shapes-lambda-0.1", "shapes-300"
ODD = "<i>a & b"  # a name that is no HTML
NAN = float("nan")
SHARED = [("checkpoint", "nope"), ("checkpoint", "nowhere/nope.safetensors"), ("checkpoint", 3), ("opacity", 1.5)]
OFF = [[0, 0, 65, 48], [9, 9, 3, 3], [0, 0, NAN, 9], [0, 0, 9], [], ["a", 0, 9, 9], [5, 5, 5.5, 9]]
DATA = [("data", "zzz"), ("split", "dev"), ("index", 3), ("index", -1)]

NONSENSE: dict[type[View], list[tuple[str, Any]]] = {
    CropCanvas: [*SHARED, *(("crop", box) for box in OFF), ("shape", "star"), ("aspect", "wide"), ("aspect", "17:1"),
                 ("layer", "x"), ("opacity", NAN), ("guides", "x"), ("score", 5.0)],
    CompareCrops: [*SHARED, *(("crop_a", box) for box in OFF), ("crop_b", [0, 0, 65, 48]), ("difference", 1.0)],
    PartitionExplorer: [*SHARED, *(("crop", box) for box in OFF), ("partition", 12), ("partition", -1), ("other", 12),
                        ("action", "burn"), ("dx", 0.6), ("dy", -3.0), ("dx", NAN)],
    ThetaExplorer: [*SHARED, ("kind", "x"), ("center", "x"), ("mode", "x"), ("contour", 0.3),
                    *(("pinned", pin) for pin in (("nope", "avg", "none"), (ODD, "x", "none"), (ODD, "avg", "x")))],
    AttributionExplorer: [*SHARED, *(("crop", box) for box in OFF), ("method", "x"), ("baseline", "x"),
                          ("effort", "x"), ("cell", 3)],
    PatternExplorer: [*SHARED, ("checkpoints", ["nope"]), ("checkpoints", []), ("layer", "x"), ("labels", [[0]])],
    LambdaExplorer: [("opacity", -0.1), ("family", "nope"), ("kind", "x"), ("center", "x"), ("mode", "per-map"),
                     *((name, lam) for name in ("lam", "pinned") for lam in (0.55, NAN))],
    RankedCrops: [*SHARED, *DATA, ("selected", 30), ("selected", -2)],
    BiasExplorer: [*SHARED[:3], *DATA, ("tolerance", 0.3), ("n_crops", -1), ("n_crops", 11)],
    AuditExplorer: [*SHARED, ("index", 2), ("index", -1), ("explanation", "x"), ("subject", [1, 1, 9, 9])],
}  # fmt: skip
CASES = [(kind, name, value) for kind, cases in NONSENSE.items() for name, value in cases]


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[type[View]], View]]:
    """One view of each kind, opened when it is asked for: nothing changes it here."""
    photo = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    values = torch.randn(12, 24, 32, generator=torch.Generator().manual_seed(0))
    maps = ScoreMaps()
    maps.put(photo, ODD, ScoreMap(values, patterns.get("cross-rectangle"), (48, 64)))
    world = shapes_world("test", n_photos=3, n_crops=30, crops="mixed")
    dataset = CropDataset(ODD, [replace(sample, id=f"{ODD} {place}") for place, sample in enumerate(world)])
    bench = Bench("shapes", replace(world, scenes=KeptScenes([world.scenes[i] for i in range(2)])))
    odd = shutil.copy(find(MODEL), tmp_path_factory.mktemp("odd") / f"{ODD}.safetensors")
    make: dict[type[View], Callable[[], View]] = {
        AttributionExplorer: lambda: AttributionExplorer(photo, odd, maps=maps),
        LambdaExplorer: lambda: LambdaExplorer(photo, FAMILY, maps=maps, photos={"one": photo, "two": photo[::-1]}),
        PatternExplorer: lambda: PatternExplorer(photo, f"{FAMILY}-grid-3x3", maps=maps),
        RankedCrops: lambda: RankedCrops(dataset, MODEL, maps=maps),
        BiasExplorer: lambda: BiasExplorer(dataset, MODEL, resamples=20, maps=maps),
        AuditExplorer: lambda: AuditExplorer(MODEL, bench=bench, maps=maps),
    }
    made: dict[type[View], View] = {}

    def view(kind: Any) -> View:
        if kind not in made:
            made[kind] = make[kind]() if kind in make else kind(photo, ODD, maps=maps)
        return made[kind]

    yield view
    for each in made.values():
        each.close()


def controls(box: widgets.Widget) -> Iterator[widgets.Widget]:
    for child in getattr(box, "children", ()):
        yield from controls(child)
        if child.has_trait("value") and not isinstance(child, widgets.HTML):
            yield child


def state(view: View) -> dict[str, Any]:
    """Everything that names what is on view."""
    own = sorted(set(view.trait_names()) - set(View.class_trait_names()))
    return {
        "traits": {name: getattr(view, name) for name in own},
        "numbers": view.numbers().to_csv(),
        "provenance": view.provenance(),
        "told": view.readout.value,
        "controls": [each.value for each in controls(view)],
        "options": [list(each.options) for each in controls(view) if each.has_trait("_options_labels")],
    }


@pytest.mark.parametrize(("kind", "name", "value"), CASES)
def test_what_cannot_be_shown_changes_nothing(
    views: Callable[[type[View]], View], kind: type[View], name: str, value: Any
) -> None:
    view = views(kind)
    before = state(view)
    with pytest.raises(t.TraitError) as refused:
        setattr(view, name, value)
    assert 'role="alert"' in view.status.value
    assert escape(str(refused.value)) in view.status.value
    assert state(view) == before
    view.set_trait(name, getattr(view, name))
    if name not in ("score", "difference"):
        setattr(view, name, getattr(view, name))
        assert view.status.value == "", "a value that is taken ends the message"


@pytest.mark.parametrize("kind", [kind for kind in NONSENSE if kind is not LambdaExplorer])
def test_a_mistyped_checkpoint_raises_where_it_was_typed_and_lists_those_there_are(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Guarded, "strict", False)
    with pytest.raises(Refused, match=r"no checkpoint 'flower'; there are .*photos-lambda-0\.1"):
        kind(checkpoint="flower")


@pytest.mark.parametrize("kind", [CropCanvas, CompareCrops, PartitionExplorer, ThetaExplorer, AttributionExplorer])
def test_a_mistyped_sample_lists_those_there_are(kind: Any) -> None:
    with pytest.raises(ValueError, match=r"no photo 'flowr'; there are astronaut, .*rocket"):
        kind("flowr")


@pytest.mark.parametrize("kind", [BiasExplorer, RankedCrops])
def test_data_that_cannot_be_opened_raise_where_they_were_named(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guarded, "strict", False)
    with pytest.raises(ValueError, match=r"is one of .*gaicd"):
        kind("zzz")
    with pytest.raises(ValueError, match="folder"):
        kind("gaicd")


@pytest.mark.parametrize("kind", [BiasExplorer, RankedCrops])
def test_settings_name_the_data_on_view(
    views: Callable[[type[View]], View], kind: type[View], monkeypatch: pytest.MonkeyPatch
) -> None:
    view: Any = views(kind)
    monkeypatch.setattr(Guarded, "strict", False)
    before = view.settings()
    view.data, view.root = "gaicd", "/nowhere"
    assert "/nowhere" in view.status.value
    assert (view.settings(), view.provenance()["settings"]) == (before, before)
    view.data, view.root = ODD, ""
    with pytest.raises(t.TraitError, match="photos of its data"):
        view.photo = np.zeros((40, 40, 3), np.uint8)


class TestControls:
    """As the browser sends it: the comm has no caller that an exception could reach."""

    @pytest.fixture
    def view(self, photo: Photo, maps: ScoreMaps, monkeypatch: pytest.MonkeyPatch) -> CropCanvas:
        monkeypatch.setattr(Guarded, "strict", False)
        return CropCanvas(photo, "hand", maps=maps)

    def test_a_text_box_goes_back(self, view: CropCanvas) -> None:
        view.aspect_box.set_state({"value": " 3:2 "})
        assert (view.aspect, view.aspect_box.value, view.canvas.aspect) == ("3:2", "3:2", 1.5)
        before = state(view)
        view.aspect_box.set_state({"value": "wide"})
        assert "like 16:9" in view.status.value
        assert state(view) == before
        view.aspect_box.set_state({"value": ""})
        assert (view.aspect, view.status.value) == ("", "")

    def test_a_menu_goes_back_and_gains_nothing(self, view: CropCanvas) -> None:
        view.menu.options = [*view.menu.options, "nope"]  # a file that was there when the view was made
        before = state(view)
        view.menu.set_state({"index": len(view.menu.options) - 1})
        assert "no checkpoint &#x27;nope&#x27;; there are" in view.status.value
        assert state(view) == before

    def test_a_dragged_crop_goes_back(self, view: CropCanvas) -> None:
        before = state(view)
        view.canvas.set_state({"crop": [5.0, 5.0, 5.5, 30.0]})
        assert "at least one photo pixel" in view.status.value
        assert view.canvas.crop == view.crop
        assert state(view) == before

    def test_control_and_trait_follow_each_other(self, view: CropCanvas) -> None:
        view.layer = "none"
        assert view.layer_menu.value == "none"
        view.layer_menu.set_state({"index": 1})
        assert view.layer == "avg"
        view.opacity_slider.set_state({"value": 0.25})
        assert (view.opacity, view.canvas.opacity) == (0.25, 0.25)

    def test_where_it_is_strict_the_control_raises_too(self, view: CropCanvas, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Guarded, "strict", True)
        with pytest.raises(Refused, match="like 16:9"):
            view.aspect_box.value = "wide"
        assert view.aspect_box.value == ""


def test_several_at_once_are_taken_whole_or_not_at_all(photo: Photo, maps: ScoreMaps) -> None:
    view = CompareCrops(photo, "hand", maps=maps)
    before = state(view)
    with pytest.raises(Refused, match="inside the photo"), view.hold_trait_notifications():
        view.crop_a, view.crop_b = [1.0, 1.0, 9.0, 9.0], [0, 0, 65, 48]
    assert state(view) == before


@pytest.mark.parametrize("kind", [kind for kind in NONSENSE if kind not in (LambdaExplorer, PatternExplorer)])
def test_names_are_no_markup(views: Callable[[type[View]], View], kind: type[View]) -> None:
    view = views(kind)
    named = view.sample.id if isinstance(view, AuditExplorer) else ODD
    assert "<i>" not in view.readout.value
    assert named in view.description()


def test_a_photo_may_be_called_anything(photo: Photo, views: Callable[[type[View]], View]) -> None:
    view = views(PatternExplorer)
    before = view.picker.shown
    view.picker.show(ODD, photo)
    assert f"on {ODD}:" in view.description()
    view.picker.shown = before
