"""Photos from a menu, an upload or a path; a broken one leaves the old one in place and says why."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from asm_interp.data.photo import PhotoError, sample_photos
from asm_interp.widgets.guard import Guarded, guarded
from asm_interp.widgets.painter import shown
from asm_interp.widgets.photos import PhotoPicker

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
    with pytest.raises(ValueError, match="expected"):
        picker.photo = np.zeros((4, 4, 7))
    assert np.array_equal(picker.photo, sample_photos()["coffee"])
