"""CPC: raw and condensed annotations, the mean over annotators, and the validation set."""

import json
from pathlib import Path

import numpy as np
import pytest

from asm_interp.data.cpc import CROPS, read_cpc
from asm_interp.data.crops import CropDataset
from asm_interp.data.reading import DatasetError


def annotations(n_photos: int, workers: int = 3) -> dict[str, dict]:
    rng = np.random.default_rng(n_photos)
    made = {}
    for i in range(n_photos):
        low, high = rng.integers(0, 100, (CROPS, 2)), rng.integers(200, 400, (CROPS, 2))
        scores = rng.integers(0, 5, (workers, CROPS))
        made[f"photo{i}.jpg"] = {"bboxes": np.hstack([low, high]).tolist(), "scores": scores.tolist()}
    return made


def write_raw(folder: Path, made: dict[str, dict]) -> None:
    raw = folder / "CollectedAnnotationsRaw"
    raw.mkdir(parents=True)
    for name, entry in made.items():
        (raw / f"{name}.txt").write_text(json.dumps(json.dumps(entry)))


def write_condensed(folder: Path, made: dict[str, dict]) -> None:
    means = {n: {"bboxes": e["bboxes"], "scores": np.mean(e["scores"], 0).tolist()} for n, e in made.items()}
    (folder / "image_crop.json").write_text(json.dumps(means))


def validation(dataset: CropDataset) -> set[str]:
    return {sample.id for sample in dataset.samples if sample.split == "val"}


def test_the_score_is_the_mean_over_the_annotators(tmp_path: Path) -> None:
    made = {"a.jpg": {"bboxes": [[0, 0, 30, 40], [5, 5, 25, 30]], "scores": [[1, 0], [2, 3], [3, 3]]}}
    write_raw(tmp_path, made)
    (sample,) = read_cpc(tmp_path).samples
    assert sample.id == "a.jpg"
    assert sample.boxes.tolist() == [[0, 0, 30, 40], [5, 5, 25, 30]]
    assert sample.scores.tolist() == [2, 2]
    assert (sample.photo_size, sample.size_is_inferred) == ((40, 30), True)
    assert sample.photo_path == tmp_path / "images/a.jpg"


def test_raw_and_condensed_are_one_data_set(tmp_path: Path) -> None:
    made = annotations(40)
    write_raw(tmp_path / "raw", made)
    write_condensed(tmp_path, dict(reversed(made.items())))
    raw, condensed = read_cpc(tmp_path / "raw"), read_cpc(tmp_path)
    by_name = {sample.id: sample for sample in condensed.samples}
    assert len(by_name) == len(raw) == 40
    for sample in raw.samples:
        np.testing.assert_array_equal(sample.boxes, by_name[sample.id].boxes)
        np.testing.assert_allclose(sample.scores, by_name[sample.id].scores)
        assert sample.split == by_name[sample.id].split
    assert raw.notes == condensed.notes == ()
    assert len(read_cpc(tmp_path / "raw/CollectedAnnotationsRaw")) == 40


def test_the_validation_set_follows_the_seed_and_nothing_else(tmp_path: Path) -> None:
    write_condensed(tmp_path, annotations(100))
    first = validation(read_cpc(tmp_path))
    assert len(first) == 20
    assert validation(read_cpc(tmp_path, seed=0)) == first
    others = [validation(read_cpc(tmp_path, seed=seed)) for seed in range(1, 6)]
    assert all(len(other) == 20 and other != first for other in others)


def test_2000_photos_are_set_aside_of_a_full_set(tmp_path: Path) -> None:
    entry = {"bboxes": [[0, 0, 30, 40]] * CROPS, "scores": [1.0] * CROPS}
    (tmp_path / "image_crop.json").write_text(json.dumps({f"{i}.jpg": entry for i in range(10_800)}))
    dataset = read_cpc(tmp_path)
    assert (len(dataset.split("val")), len(dataset.split("train"))) == (2000, 8800)


def test_faulty_boxes_and_odd_numbers_of_crops_are_noted(tmp_path: Path) -> None:
    made = annotations(1)["photo0.jpg"]
    made["bboxes"][3] = [10, 20, 10, 50]
    made["bboxes"][4] = [90, 80, 20, 10]
    short = {"bboxes": made["bboxes"][:2], "scores": [[1, 2]]}
    write_raw(tmp_path, {"a.jpg": made, "b.jpg": short})
    dataset = read_cpc(tmp_path)
    assert [len(s.boxes) for s in dataset.samples] == [23, 2]
    assert [len(s.scores) for s in dataset.samples] == [23, 2]
    np.testing.assert_allclose(dataset[0].scores, np.delete(np.mean(made["scores"], axis=0), 3))
    assert dataset[0].boxes[3].tolist() == [20, 10, 90, 80]
    found = {(note.kind, note.where) for note in dataset.notes}
    assert found == {("dropped box", "a.jpg"), ("repaired box", "a.jpg"), ("number of crops", "b.jpg")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"a\.jpg\.txt: expected a JSON string that holds JSON"),
        (json.dumps("{"), r"a\.jpg\.txt: expected a JSON string that holds JSON"),
        (json.dumps(json.dumps({"bbox": [], "score": []})), "expected the keys bboxes and scores, found .*GAICD"),
        (json.dumps(json.dumps([1])), "expected the keys bboxes and scores, found"),
        (json.dumps(json.dumps({"bboxes": [], "scores": []})), "expected boxes and their scores, found none"),
        (json.dumps(json.dumps({"bboxes": [[0, 0, 9, 9]], "scores": [[1, 2]]})), r"1 numbers a row, .*\(1, 2\)"),
    ],
)
def test_raw_text_that_is_not_of_the_form_is_named(tmp_path: Path, text: str, message: str) -> None:
    write_raw(tmp_path, {})
    (tmp_path / "CollectedAnnotationsRaw/a.jpg.txt").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_cpc(tmp_path)


def test_condensed_scores_must_go_with_the_boxes(tmp_path: Path) -> None:
    (tmp_path / "image_crop.json").write_text('{"a.jpg": {"bboxes": [[0, 0, 9, 9]], "scores": [1, 2]}}')
    with pytest.raises(DatasetError, match=r"a\.jpg: expected one score a box, found 1 boxes, 2 scores"):
        read_cpc(tmp_path)


def test_an_empty_folder_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"expected image_crop.json or CollectedAnnotationsRaw/, found \[\]"):
        read_cpc(tmp_path)
