"""FLMS: both forms, the faults of the published files, and the published floors."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from asm_interp.data.crops import CropDataset, CropSample
from asm_interp.data.flms import read_flms
from asm_interp.data.reading import DatasetError
from asm_interp.geometry.boxes import FloatArray, boundary_displacement, iou
from asm_interp.geometry.candidates import anchor_boxes, gaic_grid


def floor(sample: CropSample, candidates: FloatArray) -> tuple[float, float]:
    """IoU with the annotator who overlaps most, and the displacement from that one, of the best candidate."""
    overlap = iou(candidates[:, None], sample.boxes[None])
    best, annotator = np.unravel_index(overlap.argmax(), overlap.shape)
    off = boundary_displacement(candidates[best], sample.boxes[annotator], sample.photo_size)
    return float(overlap.max()), float(off)


def whole(sample: CropSample) -> FloatArray:
    height, width = sample.photo_size
    return np.array([[0, 0, width, height]], dtype=float)


def write_mat(path: Path, entries: list[tuple[str, list]]) -> None:
    records = np.empty((len(entries), 1), dtype=[("filename", object), ("bbox", object)])
    for i, (name, boxes) in enumerate(entries):
        records[i, 0] = (name, np.array(boxes, dtype=float))
    savemat(path, {"img_gt": records})


@pytest.fixture(scope="module")
def real(shared_dir: Path) -> CropDataset:
    return read_flms(shared_dir / "data/flms")


def test_the_real_faults_are_repaired_and_named(real: CropDataset) -> None:
    assert (len(real), sum(len(s.boxes) for s in real.samples)) == (500, 4988)
    assert {s.split for s in real.samples} == {"test"}
    assert all(s.scores is None for s in real.samples)
    notes = {note.where: note for note in real.notes}
    assert sorted(notes) == ["1042532514_Large.jpg", "465190454_Large.jpg", "693687448_Large.jpg"]
    assert all(note.kind == "repaired box" and note.known for note in notes.values())
    assert "768×1024: 0 128 1024 776, now 0 128 1024 768" in notes["1042532514_Large.jpg"].detail
    boxes = {s.id: s.boxes.tolist() for s in real.samples}
    assert [76, 68, 779, 1006] in boxes["465190454_Large.jpg"]
    assert [0, 91, 1020, 525] in boxes["693687448_Large.jpg"]


def test_the_real_mat_says_the_same_and_lacks_twelve_annotators(real: CropDataset, shared_dir: Path) -> None:
    of_mat = read_flms(shared_dir / "data/flms/500_image_dataset_rebuilt.mat")
    assert [s.id for s in of_mat.samples] == [s.id for s in real.samples]
    for a, b in zip(of_mat.samples, real.samples, strict=True):
        np.testing.assert_array_equal(a.boxes, b.boxes)
    dropped = [note for note in of_mat.notes if note.kind == "dropped row"]
    assert len(dropped) == 12
    assert all(note.known for note in dropped)


def test_the_photos_that_are_there_have_their_own_size(real: CropDataset) -> None:
    there = {s.id: s.size() for s in real.samples if s.photo_path.is_file()}
    assert there["1022974255_Large.jpg"] == (768, 1024)  # its boxes reach 733 × 940
    assert len(there) == 5
    assert sum(s.guesses_size for s in real.samples) == 495


def test_the_real_boxes_give_the_published_floor_of_the_whole_photo(real: CropDataset) -> None:
    overlap, displacement = np.mean([floor(s, whole(s)) for s in real.samples], axis=0)
    assert (round(overlap, 3), round(displacement, 3)) == (0.846, 0.040)


def test_the_real_boxes_give_the_published_oracles(real: CropDataset) -> None:
    grid = np.mean([floor(s, gaic_grid(s.photo_size)) for s in real.samples], axis=0)
    assert grid.round(3).tolist() == [0.909, 0.020]
    anchors = np.mean([floor(s, anchor_boxes(s.photo_size)) for s in real.samples], axis=0)
    assert anchors.round(3).tolist() == [0.961, 0.007]


def test_a_mat_holds_y_before_x_and_negative_boxes_for_missing_ones(tmp_path: Path) -> None:
    write_mat(tmp_path / "any.mat", [("a.jpg", [[10, 20, 70, 90], [-1, -1, -1, -1]]), ("b.jpg", [[0, 0, 9, 8]])])
    dataset = read_flms(tmp_path)
    assert [s.boxes.tolist() for s in dataset.samples] == [[[20, 10, 90, 70]], [[0, 0, 8, 9]]]
    assert dataset[0].photo_size == (70, 90)
    assert [(n.kind, n.where, n.known) for n in dataset.notes] == [("dropped row", "a.jpg", True)]


def test_new_faults_are_noted_as_not_known(tmp_path: Path) -> None:
    boxes = {"a.jpg": [[5, 5, 5, 60], [60, 70, 10, 20]], "b.jpg": [[3, 3, 3, 3]]}
    (tmp_path / "image_crop.json").write_text(json.dumps(boxes))
    (tmp_path / "image_crop.json").chmod(0o444)
    dataset = read_flms(tmp_path / "image_crop.json")
    assert [(s.id, s.boxes.tolist()) for s in dataset.samples] == [("a.jpg", [[10, 20, 60, 70]])]
    kinds = [(n.kind, n.where) for n in dataset.notes if not n.known]
    assert kinds == [
        ("dropped box", "a.jpg"),
        ("repaired box", "a.jpg"),
        ("dropped box", "b.jpg"),
        ("photo without crops", "b.jpg"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("image_crop.json", b'{"a.jpg": [[1, 2, 3]]}', "a.jpg: expected 4 numbers a row"),
        ("image_crop.json", b'{"a.jpg": null}', "a.jpg: expected 4 numbers a row"),
        ("image_crop.json", b"\xff\xfe", "expected a readable text file"),
        ("x.mat", b"nothing of the kind", "x.mat: expected a MATLAB file of version 7.2 or older"),
        ("readme.md", b"", "expected image_crop.json or a .mat file, found"),
    ],
)
def test_files_that_are_not_of_the_form_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        read_flms(tmp_path)


def test_a_mat_of_another_data_set_is_told_by_its_variables(tmp_path: Path) -> None:
    savemat(tmp_path / "x.mat", {"imdb": 1})
    with pytest.raises(DatasetError, match=r"expected a variable img_gt, found \['imdb'\]"):
        read_flms(tmp_path)
    savemat(tmp_path / "x.mat", {"img_gt": np.eye(3)})
    with pytest.raises(DatasetError, match="expected img_gt with the fields filename and bbox"):
        read_flms(tmp_path)
