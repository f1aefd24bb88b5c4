"""GAICD: three forms, two layouts, splits, sizes from the grid, and what is wrong with a file."""

import json
import tarfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from asm_interp.data.crops import CropDataset
from asm_interp.data.gaicd import photo_size_from_grid, read_gaicd
from asm_interp.data.reading import DatasetError
from asm_interp.geometry.candidates import gaic_grid

CROPS = {"a.jpg": ([[10, 20, 90, 80], [30, 20, 90, 60]], [4.5, 2.0]), "b.jpg": ([[5, 6, 70, 80]], [3.0])}


def write_json(folder: Path, crops: dict = CROPS) -> Path:
    content = {name: {"bbox": boxes, "score": scores} for name, (boxes, scores) in crops.items()}
    path = folder / "image_crop.json"
    path.write_text(json.dumps(content))
    return path


def write_text(path: Path, boxes: list, scores: list) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = (f"{y1:4d} {x1:4d} {y2:4d} {x2:4d} {s:.2f}" for (x1, y1, x2, y2), s in zip(boxes, scores, strict=True))
    path.write_text("\n".join(rows) + "\n")


def write_mat(path: Path, sets: list[int], crops: dict = CROPS) -> None:
    def cells(values: list) -> np.ndarray:
        array = np.empty((1, len(values)), dtype=object)
        array[0, :] = values
        return array

    boxes = cells([np.array(boxes, dtype=np.uint16).T[[1, 0, 3, 2]] for boxes, _ in crops.values()])
    scores = cells([np.array([scores]) for _, scores in crops.values()])
    names = cells([f"dataset/GAIC/images/train/{name}" for name in crops])
    imdb = {"bbox": {"boxes": boxes, "gt_scores": scores}, "images": {"set": [sets]}, "meta": {"img_path": names}}
    savemat(path, {"imdb": imdb})


def table(dataset: CropDataset) -> dict[str, set[tuple[float, ...]]]:
    rows = {s.id: np.column_stack([s.boxes, s.scores]).round(2).tolist() for s in dataset.samples}
    return {name: set(map(tuple, row)) for name, row in rows.items()}


def splits(dataset: CropDataset) -> dict[str, int]:
    return dict(Counter(sample.split for sample in dataset.samples))


def photo(path: Path, size: tuple[int, int] = (64, 48)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


def test_the_real_json_has_the_published_crops_and_split(shared_dir: Path) -> None:
    dataset = read_gaicd(shared_dir / "data/gaicd")
    assert splits(dataset) == {"train": 1036, "test": 200}
    assert (len(dataset), sum(len(s.boxes) for s in dataset.samples), dataset.notes) == (1236, 106_853, ())
    scores = np.concatenate([s.scores for s in dataset.samples])
    assert (scores.mean().round(3), scores.std().round(3)) == (2.943, 0.814)
    assert (scores.min(), scores.max()) == (1.0, 5.0)


def test_the_real_forms_hold_the_same_crops(shared_dir: Path, tmp_path: Path) -> None:
    data = shared_dir / "data/gaicd"
    with tarfile.open(data / "annotations-txt.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    of_json, of_text = read_gaicd(data), read_gaicd(tmp_path)
    of_mat = read_gaicd(data / "imdb_GAIC1000.mat")
    assert table(of_json) == table(of_text) == table(of_mat)
    assert splits(of_mat) == {"train": 1000, "val": 36, "test": 200}
    assert {s.id: s.split for s in of_text.samples} == {s.id: s.split for s in of_json.samples}
    assert {s.id for s in of_mat.split("test").samples} == {s.id for s in of_json.split("test").samples}


def test_reading_the_real_json_is_fast(shared_dir: Path) -> None:
    read_gaicd(shared_dir / "data/gaicd")
    start = time.perf_counter()
    read_gaicd(shared_dir / "data/gaicd")
    assert time.perf_counter() - start < 2  # measured .1 to .25


def test_sizes_from_the_grid_are_those_of_the_real_photos(shared_dir: Path) -> None:
    dataset = read_gaicd(shared_dir / "data/gaicd")
    assert all(max(s.photo_size) in (1024, 1000, 950, 849, 640) for s in dataset.samples)
    there = [s for s in dataset.samples if s.photo_path.is_file()]
    assert [s.photo_size for s in there] == [s.size() for s in there]
    assert len(there) == 3
    assert not any(s.guesses_size for s in there)
    assert sum(s.guesses_size for s in dataset.samples) == 1233


@settings(deadline=None, max_examples=60)
@given(st.integers(513, 1024), st.booleans(), st.integers(0, 2**31))
def test_the_size_comes_back_from_any_crops_of_the_grid(short: int, upright: bool, seed: int) -> None:
    size = (1024, short) if upright else (short, 1024)
    grid = np.floor(gaic_grid(size) + 0.5)
    largest = np.argmax((grid[:, 2:] - grid[:, :2]).prod(axis=1))
    chosen = np.random.default_rng(seed).random(len(grid)) < 0.5
    chosen[largest] = True
    found = photo_size_from_grid(grid[chosen])
    assert np.abs(np.subtract(found, size)).max() <= 1
    assert 1024 in found


def test_boxes_off_the_grid_give_no_size_but_a_note(tmp_path: Path) -> None:
    assert photo_size_from_grid([[43, 28, 981, 597], [50, 28, 981, 597]]) is None
    write_json(tmp_path)
    (tmp_path / "original_data_split.json").write_text('{"train": ["a.jpg"], "test": ["b.jpg"]}')
    notes = read_gaicd(tmp_path).notes
    assert {note.kind for note in notes} == {"off the grid"}
    assert not any(note.known for note in notes)


@pytest.mark.parametrize("split_folders", [True, False])
def test_text_flat_or_by_split_with_photos_flat_or_by_split(tmp_path: Path, split_folders: bool) -> None:
    for name, split in (("a", "train"), ("b", "test")):
        write_text(tmp_path / "annotations" / (split if split_folders else "") / f"{name}.txt", *CROPS[f"{name}.jpg"])
        photo(tmp_path / "images" / ("" if split_folders else split) / f"{name}.jpg")
    dataset = read_gaicd(tmp_path)
    assert {s.id: s.split for s in dataset.samples} == {"a.jpg": "train", "b.jpg": "test"}
    assert dataset[0].boxes.tolist() == CROPS["a.jpg"][0]
    assert dataset[0].scores.tolist() == CROPS["a.jpg"][1]
    assert [s.photo.shape for s in dataset.samples] == [(48, 64, 3)] * 2
    assert read_gaicd(tmp_path / "annotations")[0].photo_path == dataset[0].photo_path


def test_a_missing_photo_is_where_its_split_says(tmp_path: Path) -> None:
    write_text(tmp_path / "annotations/test/a.txt", *CROPS["a.jpg"])
    assert read_gaicd(tmp_path)[0].photo_path == tmp_path / "images/a.jpg"
    (tmp_path / "images/test").mkdir(parents=True)
    assert read_gaicd(tmp_path)[0].photo_path == tmp_path / "images/test/a.jpg"


def test_reading_opens_no_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json(tmp_path)
    photo(tmp_path / "images/train/a.jpg")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a photo was opened")

    monkeypatch.setattr(Image, "open", refuse)
    assert read_gaicd(tmp_path)[0].split == "train"


def test_crops_without_a_score_are_dropped_and_noted(tmp_path: Path) -> None:
    write_text(tmp_path / "annotations/train/a.txt", CROPS["a.jpg"][0], [-2, 3.5])
    write_text(tmp_path / "annotations/train/b.txt", CROPS["b.jpg"][0], [-2])
    dataset = read_gaicd(tmp_path)
    assert [(s.id, s.scores.tolist()) for s in dataset.samples] == [("a.jpg", [3.5])]
    dropped = [(n.where, n.known) for n in dataset.notes if n.kind == "dropped row"]
    assert dropped == [("a.jpg", True), ("b.jpg", True)]
    assert [n.where for n in dataset.notes if n.kind == "photo without crops"] == ["b.jpg"]


def test_the_mat_brings_its_own_split(tmp_path: Path) -> None:
    write_mat(tmp_path / "imdb.mat", [1, 3])
    dataset = read_gaicd(tmp_path)
    assert {s.id: s.split for s in dataset.samples} == {"a.jpg": "train", "b.jpg": "val"}
    assert dataset[0].boxes.tolist() == CROPS["a.jpg"][0]


def test_without_any_split_there_is_a_note(tmp_path: Path) -> None:
    write_json(tmp_path)
    dataset = read_gaicd(tmp_path)
    assert [n.detail for n in dataset.notes if n.kind == "no split"] == ["2 photos belong to no split"]
    with pytest.raises(ValueError, match=r"no split 'test'; there are \[''\]"):
        dataset.split("test")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "image_crop.json: expected JSON, found"),
        ("[1]", "expected a JSON object, found list"),
        ('{"a.jpg": {"bboxes": [], "scores": []}}', "a.jpg: expected the keys bbox and score, found .*CPC"),
        ('{"a.jpg": {"bbox": [[1, 2, 3]], "score": [1]}}', r"a.jpg: expected 4 numbers a row, found .*\(1, 3\)"),
        ('{"a.jpg": {"bbox": [[1, 2, 3, 4]], "score": [1, 2]}}', "one score a box, found 1 boxes, 2 scores"),
        ('{"a.jpg": {"bbox": [[1, 2, 3, NaN]], "score": [1]}}', "all finite, found nan"),
        ('{"a.jpg": {"bbox": 3, "score": [1]}}', "a.jpg: expected 4 numbers a row"),
        ("{}", "expected annotated photos, found none"),
    ],
)
def test_json_that_is_not_of_the_form_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "image_crop.json").write_text(content)
    with pytest.raises(DatasetError, match=message):
        read_gaicd(tmp_path)


def test_other_errors_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere: expected a data set's folder .* found nothing there"):
        read_gaicd(tmp_path / "nowhere")
    (tmp_path / "notes.md").touch()
    with pytest.raises(
        DatasetError, match=r"expected image_crop.json, annotations/ or a .mat file, found \['notes.md'\]"
    ):
        read_gaicd(tmp_path)
    with pytest.raises(DatasetError, match=r"found a \.md file"):
        read_gaicd(tmp_path / "notes.md")
    (tmp_path / "a.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(200))
    with pytest.raises(DatasetError, match=r"a\.mat: expected"):
        read_gaicd(tmp_path)
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/a.txt").write_text("1 2 30 40 3.5\n1 2 3\n")
    with pytest.raises(DatasetError, match=r"a\.txt, row 2: expected y1 x1 y2 x2 score, found 1 2 3"):
        read_gaicd(tmp_path)


def test_a_photo_listed_in_two_splits_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path)
    (tmp_path / "original_data_split.json").write_text('{"train": ["a.jpg"], "test": ["a.jpg", "b.jpg"]}')
    with pytest.raises(DatasetError, match=r"each photo in one split, found a\.jpg in train and test"):
        read_gaicd(tmp_path)
