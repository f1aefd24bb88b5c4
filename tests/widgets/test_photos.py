"""Photos from a menu, an upload or a path; a broken one leaves the old one in place and says why."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import traitlets as t

from asm_interp.data.photo import PhotoError, sample_photos
from asm_interp.geometry import patterns
from asm_interp.model.score_map import ScoreMap
from asm_interp.widgets.compare_crops import CompareCrops
from asm_interp.widgets.crop_canvas import CropCanvas
from asm_interp.widgets.guard import Guarded, guarded
from asm_interp.widgets.painter import shown
from asm_interp.widgets.partition_explorer import PartitionExplorer
from asm_interp.widgets.photos import NamedPhoto, PhotoPicker
from asm_interp.widgets.score_maps import ScoreMaps

Photo = npt.NDArray[np.uint8]


def upload(name: str, content: bytes) -> tuple[dict[str, Any], ...]:
    about = {"name": name, "type": "image/png", "size": len(content), "last_modified": datetime.now(UTC)}
    return (about | {"content": memoryview(content)},)


@pytest.fixture
def png(photo: Photo, tmp_path: Path) -> Path:
    path = tmp_path / "mine.png"
    shown(photo).save(path)
    return path


def test_a_sample_is_chosen_from_the_menu() -> None:
    picker, seen = PhotoPicker(), []
    picker.observe(lambda change: seen.append(picker.name), "photo")
    picker.sample.value = "rocket"
    assert np.array_equal(picker.photo, sample_photos()["rocket"])
    assert seen == ["rocket"], "one change, and the name is there when it comes"


def test_a_photo_is_taken_from_a_path_an_upload_and_an_array(photo: Photo, png: Path) -> None:
    by_path, by_upload, by_array = PhotoPicker(), PhotoPicker(), PhotoPicker(photo)
    by_path.path.value = str(png)
    by_upload.upload.value = upload("mine.png", png.read_bytes())
    for picker in (by_path, by_upload, by_array):
        assert np.array_equal(picker.photo, photo)
    assert (by_path.name, by_upload.name, by_array.name) == ("mine.png", "mine.png", "your photo")
    assert by_upload.sample.value == "mine.png"
    by_upload.sample.value = "coffee"
    by_upload.sample.value = "mine.png"
    assert np.array_equal(by_upload.photo, photo), "it stays in the menu"


def test_pixels_may_be_set_from_code(photo: Photo) -> None:
    picker = PhotoPicker()
    picker.photo = photo
    assert (picker.name, picker.sample.value) == ("your photo", "your photo")


@pytest.mark.parametrize("content", [b"", b"no photo at all"])
def test_a_broken_upload_says_why_and_leaves_the_old_photo(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PhotoPicker, "strict", False)
    picker = PhotoPicker("coffee")
    picker.upload.value = upload("broken.jpg", content)
    assert picker.name == "coffee"
    assert 'role="alert"' in picker.status.value
    assert "broken.jpg" in picker.status.value
    picker.sample.value = "rocket"
    assert picker.status.value == "", "a photo that can be read takes the message away"


def test_a_missing_path_is_named_and_raises_where_that_is_wanted(tmp_path: Path) -> None:
    picker = PhotoPicker()
    with pytest.raises(PhotoError, match=r"nowhere\.jpg"):
        picker.path.value = str(tmp_path / "nowhere.jpg")
    assert "nowhere.jpg" in picker.status.value


class Broken(Guarded):
    @guarded
    def divide(self, by: float) -> float:
        return 1 / by


def test_the_guard_shows_every_error_and_raises_it_only_where_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    view = Broken()
    assert view.divide(2) == 0.5
    with pytest.raises(ZeroDivisionError):
        view.divide(0)
    assert "division by zero" in view.status.value
    monkeypatch.delenv("ASM_INTERP_STRICT")
    assert view.divide(0) is None
    with view.working("thinking…"):
        assert "thinking…" in view.status.value
        assert "alert" not in view.status.value
    assert view.status.value == ""


def test_what_is_shown_beside_the_choice_is_not_offered(photo: Photo) -> None:
    picker = PhotoPicker("coffee")
    before = list(picker.sample.options)
    picker.show("scene 3", photo)
    assert (picker.name, picker.photo is photo, picker.chosen, picker.sample.value) == ("scene 3", True, False, None)
    picker.sample.value = "coffee"
    assert (picker.name, picker.chosen) == ("coffee", True)
    assert list(picker.sample.options) == before


def test_what_is_no_photo_leaves_the_photo_before() -> None:
    picker = PhotoPicker("coffee")
    wrong: Any
    for wrong in (np.zeros((4, 4, 7)), np.zeros((40, 40), "U1"), None):
        with pytest.raises(t.TraitError, match="expected"):
            picker.photo = wrong
        assert 'role="alert"' in picker.status.value
        assert np.array_equal(picker.photo, sample_photos()["coffee"])
    with pytest.raises(t.TraitError):
        picker.name = "mine"
    assert (picker.name, picker.shown.name, picker.sample.value) == ("coffee",) * 3


def test_a_mistyped_sample_names_the_samples() -> None:
    with pytest.raises(PhotoError, match=r"no photo 'flowr'; there are astronaut, .*flower, rocket, and paths"):
        PhotoPicker("flowr")


def test_linked_pickers_show_one_photo_under_one_name(photo: Photo, png: Path) -> None:
    one, other = PhotoPicker("coffee"), PhotoPicker()
    t.link((one, "shown"), (other, "shown"))
    seen: list[str] = []
    other.observe(lambda change: seen.append(other.name), "photo")
    assert other.name == "coffee"
    one.sample.value = "rocket"
    other.path.value = str(png)
    assert (one.name, one.sample.value) == ("mine.png", "mine.png")
    assert np.array_equal(one.photo, photo)
    one.sample.value = "china"
    one.photo = photo
    one.show("scene 3", photo[::-1].copy())
    assert (other.name, other.sample.value) == ("scene 3", "scene 3")
    assert seen == ["rocket", "mine.png", "china", "your photo", "scene 3"], "one change each"
    assert one.photo is other.photo


@pytest.mark.parametrize(
    ("kind", "crop"), [(CropCanvas, "crop"), (PartitionExplorer, "crop"), (CompareCrops, "crop_b")]
)
def test_two_views_are_linked_on_their_photo_and_their_crop(
    photo: Photo, maps: ScoreMaps, score_map: ScoreMap, kind: Any, crop: str
) -> None:
    upright = np.ascontiguousarray(photo.swapaxes(0, 1))
    maps.put(upright, "hand", ScoreMap(score_map.values.swapaxes(1, 2), score_map.pattern, (64, 48)))
    for name, (height, width) in (("tall", (64, 48)), ("wide", (48, 64))):
        values = torch.randn(3, height, width, generator=torch.Generator().manual_seed(1))
        shot = upright if name == "tall" else photo
        maps.put(shot, "other", ScoreMap(values, patterns.get("multi-rectangle"), (height, width)))
    one, other = CropCanvas(photo, "hand", maps=maps), kind(photo, "other", maps=maps)
    t.link((one.picker, "shown"), (other.picker, "shown"))
    t.link((one, "crop"), (other, crop))
    whole = [0.0, 0.0, 64.0, 48.0]
    for turn, (view, mate) in enumerate(((one, other), (other, one))):
        one.crop = whole
        view.photo = upright
        assert view.photo is mate.photo is upright
        assert one.crop == getattr(other, crop) != whole
        assert (one.status.value, other.status.value) == ("", "")
        mate.picker.shown = NamedPhoto(f"photo {turn}", photo)
        assert view.photo is mate.photo is photo
        assert one.provenance()["photo"] == other.provenance()["photo"] == f"photo {turn}"
        assert one.crop == getattr(other, crop) == one.canvas.crop
        for here, there, name in ((one, other, "crop"), (other, one, crop)):
            setattr(here, name, [4.0, 4.0, 30.0, 40.0 + turn])
            assert one.crop == getattr(other, crop) == [4, 4, 30, 40 + turn]
            assert (here.status.value, there.status.value) == ("", "")
