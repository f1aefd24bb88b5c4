"""FCDB: crops and ranked pairs, photo sizes from the ranked crops, and the published floors."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asm_interp.data.crops import CropDataset
from asm_interp.data.fcdb import read_fcdb, read_fcdb_ranking
from asm_interp.data.reading import DatasetError
from asm_interp.geometry.boxes import boundary_displacement, iou
from asm_interp.geometry.candidates import anchor_boxes

URL = "https://farm1.staticflickr.com/1"


def pairs(width: int, height: int) -> list[dict]:
    """Ten pairs as in the data set: crops of five, six, seven and eight tenths of the photo."""
    crops = [[i, 2 * i, int(width * s), int(height * s)] for i in range(5) for s in (0.5, 0.6, 0.7, 0.8)]
    return [
        {"crop_0": a, "crop_1": b, "vote_for_0": n % 6, "vote_for_1": 5 - n % 6}
        for n, (a, b) in enumerate(zip(crops[::2], crops[1::2], strict=True))
    ]


def write(folder: Path, crops: dict[str, tuple[str, list[int]]], sizes: dict[str, tuple[int, int]]) -> None:
    """Files of crops {name: (split, x y w h)}, and of pairs for photos of some sizes (width, height)."""
    for split, file in (("train", "cropping_training_set.json"), ("test", "cropping_testing_set.json")):
        rows = [{"url": f"{URL}/{name}", "crop": crop} for name, (part, crop) in crops.items() if part == split]
        (folder / file).write_text(json.dumps(rows))
    ranking = [{"url": f"{URL}/{name}", "crops": pairs(*size)} for name, size in sizes.items()]
    (folder / "ranking_annotation.json").write_text(json.dumps(ranking))


def floor(dataset: CropDataset, candidates: str) -> list[float]:
    found = []
    for sample in dataset.samples:
        height, width = sample.photo_size
        boxes = anchor_boxes((height, width)) if candidates == "anchors" else np.array([[0.0, 0, width, height]])
        best = boxes[iou(boxes, sample.boxes).argmax()]
        found.append([iou(best, sample.boxes[0]), boundary_displacement(best, sample.boxes[0], (height, width))])
    return [float(value) for value in np.mean(found, axis=0)]


@pytest.fixture(scope="module")
def real(shared_dir: Path) -> CropDataset:
    return read_fcdb(shared_dir / "data/fcdb")


def test_the_real_files_have_the_published_counts(real: CropDataset) -> None:
    assert Counter(s.split for s in real.samples) == {"train": 1369, "test": 345}
    assert all(s.boxes.shape == (1, 4) and s.scores is None for s in real.samples)
    by_name = {s.id: s for s in real.samples}
    sample = by_name["6931423716_4fb31feac6_c.jpg"]
    assert sample.boxes.tolist() == [[3, 130, 800, 409]]  # 3 130 797 279 as x y w h
    assert (sample.photo_size, sample.size_is_inferred) == ((450, 800), True)


def test_real_crops_leave_their_photos_by_a_pixel_at_most(real: CropDataset) -> None:
    assert {(note.kind, note.known) for note in real.notes} == {("repaired box", True)}
    assert len(real.notes) == 13
    for sample in real.samples:
        height, width = sample.photo_size
        assert (sample.boxes[0, 2:] <= [width, height]).all()


def test_the_names_of_real_photos_agree_with_their_inferred_longer_sides(real: CropDataset) -> None:
    longer = Counter((s.id.rpartition(".")[0][-2:], max(s.photo_size)) for s in real.samples)
    assert {side for (suffix, side) in longer if suffix == "_c"} <= set(range(801))
    assert longer["_c", 800] > 0.97 * sum(n for (suffix, _), n in longer.items() if suffix == "_c")
    assert longer["_b", 1024] > 0.9 * sum(n for (suffix, _), n in longer.items() if suffix == "_b")


def test_floors_of_the_real_test_set(real: CropDataset, shared_dir: Path) -> None:
    """The published floors take the reach of the sliding windows for the photo; the true photo is larger."""
    published = read_fcdb(shared_dir / "data/fcdb", sizes="windows").split("test")
    assert np.round(floor(published, "whole"), 4).tolist() == [0.647, 0.0975]
    assert np.round(floor(published, "anchors"), 3).tolist() == [0.878, 0.025]
    exact = real.split("test")
    assert np.round(floor(exact, "whole"), 3).tolist() == [0.640, 0.100]
    assert np.round(floor(exact, "anchors"), 3).tolist() == [0.876, 0.025]


def test_the_real_pairs(shared_dir: Path) -> None:
    dataset = read_fcdb_ranking(shared_dir / "data/fcdb")
    assert Counter(s.split for s in dataset.samples) == {"train": 3017, "test": 345}
    assert {s.boxes.shape for s in dataset.samples} == {(20, 4)}
    first = dataset[0]
    assert first.pairs.tolist() == [[2 * i, 2 * i + 1] for i in range(10)]
    votes = np.array([s.scores[s.pairs] for s in dataset.samples])
    assert (votes.sum(axis=-1) == 5).all()
    assert first.boxes[:2].tolist() == [[139, 234, 439, 634], [171, 281, 471, 681]]
    assert first.scores[:2].tolist() == [4, 1]
    assert first.photo_size == (800, 600)
    assert dataset.notes == ()


@settings(deadline=None, max_examples=60)
@given(st.integers(100, 3000), st.integers(100, 3000))
def test_a_photo_s_size_comes_back_from_its_ranked_crops(
    tmp_path_factory: pytest.TempPathFactory, width: int, height: int
) -> None:
    folder = tmp_path_factory.mktemp("fcdb")
    write(folder, {}, {"1_a_c.jpg": (width, height)})
    (sample,) = read_fcdb_ranking(folder).samples
    for found, side in zip(sample.photo_size, (height, width), strict=True):
        assert found == side or (side % 10 == 1 and found == side - 1)


def test_the_crop_settles_which_of_two_sizes_it_is(tmp_path: Path) -> None:
    crops = {"1_a_c.jpg": ("train", [0, 0, 800, 531]), "2_b_c.jpg": ("test", [9, 9, 700, 500])}
    write(tmp_path, crops, dict.fromkeys(crops, (800, 531)))
    dataset = read_fcdb(tmp_path)
    assert [s.photo_size for s in dataset.samples] == [(531, 800), (530, 800)]
    assert dataset.notes == ()


def test_crops_that_leave_the_photo_are_cut_and_by_more_than_a_pixel_is_a_fault(tmp_path: Path) -> None:
    crops = {"1_a_c.jpg": ("train", [4, 0, 803, 500]), "2_b_c.jpg": ("train", [4, 0, 804, 500])}
    write(tmp_path, crops, dict.fromkeys(crops, (806, 533)))
    dataset = read_fcdb(tmp_path)
    assert [s.boxes[0].tolist() for s in dataset.samples] == [[4, 0, 806, 500]] * 2
    assert {n.where: n.known for n in dataset.notes} == {"1_a_c.jpg": True, "2_b_c.jpg": False}


def test_without_pairs_the_name_tells_the_longer_side(tmp_path: Path) -> None:
    crops = {
        "1_a_b.jpg": ("train", [10, 20, 700, 300]),
        "2_b_c.jpg": ("train", [10, 20, 300, 700]),
        "3_c_o.jpg": ("test", [10, 20, 300, 280]),
    }
    write(tmp_path, crops, {})
    (tmp_path / "ranking_annotation.json").unlink()
    dataset = read_fcdb(tmp_path)
    assert [s.photo_size for s in dataset.samples] == [(320, 1024), (800, 310), (300, 310)]
    assert [(n.kind, n.where, n.known) for n in dataset.notes] == [("missing file", "ranking_annotation.json", False)]


def test_pairs_of_no_photo_s_scales_are_noted(tmp_path: Path) -> None:
    write(tmp_path, {"1_a_c.jpg": ("test", [0, 0, 90, 80])}, {"1_a_c.jpg": (800, 600)})
    text = (tmp_path / "ranking_annotation.json").read_text().replace("640", "655")
    (tmp_path / "ranking_annotation.json").write_text(text)
    (note,) = [note for note in read_fcdb(tmp_path).notes if note.where == "1_a_c.jpg"]
    assert (note.kind, note.known) == ("off the scales", False)


def test_one_file_alone_can_be_read(tmp_path: Path) -> None:
    write(tmp_path, {"1_a_c.jpg": ("test", [0, 0, 90, 80])}, {"1_a_c.jpg": (800, 600)})
    dataset = read_fcdb(tmp_path / "cropping_testing_set.json")
    assert [(s.id, s.split) for s in dataset.samples] == [("1_a_c.jpg", "test")]
    (tmp_path / "data").mkdir()
    assert read_fcdb(tmp_path)[0].photo_path == tmp_path / "data/1_a_c.jpg"
    (tmp_path / "cropping_training_set.json").unlink()
    assert [n.where for n in read_fcdb(tmp_path).notes] == ["cropping_training_set.json"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"url": "a/b.jpg"}], "entry 0: expected the keys url and crop, found"),
        ([{"url": "a/b.jpg", "crop": [1, 2, 3]}], "entry 0: expected 4 numbers a row"),
        ([{"url": "a/b.jpg", "crop": [1, 2, 30, 40]}] * 2, "expected each photo once, found b.jpg twice"),
        ({}, "expected a JSON array, found dict"),
        ([3], "entry 0: expected the keys url and crop, found 3"),
    ],
)
def test_crops_that_are_not_of_the_form_are_named(tmp_path: Path, rows: object, message: str) -> None:
    (tmp_path / "cropping_testing_set.json").write_text(json.dumps(rows))
    with pytest.raises(DatasetError, match=message):
        read_fcdb(tmp_path)


def test_other_errors(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"expected cropping_training_set\.json or cropping_testing_set\.json"):
        read_fcdb(tmp_path)
    with pytest.raises(DatasetError, match=r"ranking_annotation\.json: expected a readable text file"):
        read_fcdb_ranking(tmp_path)
    (tmp_path / "ranking_annotation.json").write_text('[{"url": "a.jpg", "crops": [{"crop_0": [1, 2, 3, 4]}]}]')
    with pytest.raises(DatasetError, match="entry 0: expected pairs with crop_0, crop_1, vote_for_0, vote_for_1"):
        read_fcdb_ranking(tmp_path)
    with pytest.raises(ValueError, match="sizes is 'photo' or 'windows', got 'exact'"):
        read_fcdb(tmp_path, sizes="exact")
