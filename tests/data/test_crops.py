"""A sample knows its size without its photo, reads the photo when asked, and a data set gives its splits."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asm_interp.data.crops import SPLITS, CropDataset, CropSample, Note, SamplesBySplit
from asm_interp.data.photo import PhotoError
from asm_interp.data.planted import PlantedWorld, shapes_world

BOXES = np.array([[0.0, 0, 20, 10], [5, 5, 30, 30]])


def sample(**changes: object) -> CropSample:
    return CropSample(**{"id": "a.jpg", "boxes": BOXES, "split": "train"} | changes)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (60, 40), (200, 30, 30)).save(path)
    return path


def test_the_photo_is_read_when_asked_for(photo: Path) -> None:
    made = sample(photo_path=photo)
    assert made.photo.shape == (40, 60, 3)
    assert made.size() == (40, 60)


def test_a_known_size_needs_no_photo(tmp_path: Path) -> None:
    made = sample(photo_path=tmp_path / "gone.jpg", photo_size=(70, 80))
    assert made.size() == (70, 80)
    assert not made.guesses_size
    with pytest.raises(PhotoError, match=r"gone\.jpg"):
        _ = made.photo


def test_an_inferred_size_gives_way_to_the_photo_s_own(photo: Path, tmp_path: Path) -> None:
    there = sample(photo_path=photo, photo_size=(39, 58), size_is_inferred=True)
    assert (there.size(), there.guesses_size) == ((40, 60), False)
    gone = sample(photo_path=tmp_path / "gone.jpg", photo_size=(39, 58), size_is_inferred=True)
    assert (gone.size(), gone.guesses_size) == ((39, 58), True)
    nowhere = sample(photo_size=(39, 58), size_is_inferred=True)
    assert (nowhere.size(), nowhere.guesses_size) == ((39, 58), True)


@pytest.mark.parametrize(("orientation", "size"), [(1, (40, 60)), (3, (40, 60)), (6, (60, 40)), (8, (60, 40))])
def test_the_size_is_that_of_the_upright_photo(photo: Path, orientation: int, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (60, 40)).save(photo, exif=exif)
    made = sample(photo_path=photo)
    assert made.size() == size == made.photo.shape[:2]


def test_pixels_stand_for_the_photo() -> None:
    pixels = np.full((30, 50, 3), 7, dtype=np.uint8)
    made = sample(pixels=pixels, photo_size=(3, 5), size_is_inferred=True)
    assert made.photo is pixels
    assert (made.size(), made.guesses_size) == ((30, 50), False)


def test_errors_name_the_sample_or_the_file(photo: Path, tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"a\.jpg: the data set was read without its photos"):
        _ = sample().photo
    with pytest.raises(PhotoError, match=r"a\.jpg: its size is not known and its photo is not there .*gone"):
        sample(photo_path=tmp_path / "gone.jpg").size()
    photo.write_bytes(b"no photo")
    with pytest.raises(PhotoError, match=r"a\.jpg: expected a photo"):
        sample(photo_path=photo).size()


def test_splits_keep_order_name_and_notes() -> None:
    samples = [sample(id=name, split=split) for name, split in (("a", "test"), ("b", "train"), ("c", "test"))]
    notes = (Note("dropped box", "b"),)
    dataset = CropDataset("world", samples, notes)
    test = dataset.split("test")
    assert ([s.id for s in test.samples], test.name, test.notes) == (["a", "c"], "world/test", notes)
    assert (len(dataset), dataset[1].id) == (3, "b")
    with pytest.raises(ValueError, match=r"world: no split 'val'; there are \['test', 'train'\]"):
        dataset.split("val")


def test_a_condition_chooses_samples(photo: Path, tmp_path: Path) -> None:
    dataset = CropDataset("world", [sample(id="gone", photo_path=tmp_path / "no.jpg"), sample(photo_path=photo)])
    there = dataset.where(lambda one: one.has_photo)
    assert ([s.id for s in there.samples], there.name) == (["a.jpg"], "world")


def test_planted_samples_are_crop_samples_and_worlds_are_made_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds = {split: shapes_world(split, n_photos=n, size=(24, 32)) for n, split in enumerate(SPLITS, 2)}
    made: list[str] = []
    draw = PlantedWorld.__getitem__
    monkeypatch.setattr(PlantedWorld, "__getitem__", lambda world, i: made.append(world.split) or draw(world, i))
    dataset = CropDataset("planted", SamplesBySplit(worlds))
    test = dataset.split("test")
    assert (len(dataset), len(test), test.name, made) == (9, 4, "planted/test", [])
    one = test[1]
    assert isinstance(one, CropSample)
    assert (made, one.split, one.size(), one.has_photo, one.guesses_size) == (["test"], "test", (24, 32), True, False)
    assert one.photo is one.pixels
    assert [s.split for s in dataset.samples] == ["train"] * 2 + ["val"] * 3 + ["test"] * 4
    assert [dataset[i].id for i in range(9)] == [s.id for s in dataset.samples]
    np.testing.assert_array_equal(dataset[-1].boxes, test[3].boxes)
    with pytest.raises(IndexError, match="sample 9 of 9"):
        dataset[9]
    with pytest.raises(ValueError, match=r"planted: no split 'all'; there are \['test', 'train', 'val'\]"):
        dataset.split("all")
