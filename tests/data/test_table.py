"""Tables of crops: a round trip, where photos are looked for, splits and sizes, and each fault by its row."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from asm_interp.data.check import check_dataset
from asm_interp.data.crops import CropDataset
from asm_interp.data.flms import read_flms
from asm_interp.data.gaicd import read_gaicd
from asm_interp.data.photo import PhotoError
from asm_interp.data.reading import DatasetError
from asm_interp.data.table import read_table
from asm_interp.evaluation import Settings, evaluate, load_scorer

BOX = ["x1", "y1", "x2", "y2"]
HEADER = "photo,x1,y1,x2,y2"
numbers = st.floats(0, 1e6, allow_subnormal=False)
sides = st.floats(1.001, 1e6)
scores = st.floats(allow_nan=False, allow_infinity=False)
boxes = st.builds(lambda x, y, w, h: (x, y, x + w, y + h), numbers, numbers, sides, sides)
crops = st.dictionaries(
    st.sampled_from(["a.jpg", "b.png", "c d/é, “f”.jpg", "01", "{x1}.jpg"]),
    st.lists(st.tuples(boxes, scores), min_size=1, max_size=4, unique_by=lambda crop: crop[0]),
    min_size=1,
)


def write(folder: Path, *lines: str, header: str = HEADER) -> Path:
    (folder / "crops.csv").write_text("\n".join([header, *lines]) + "\n", "utf-8")
    return folder


def photo(path: Path, size: tuple[int, int] = (64, 48)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


def as_table(dataset: CropDataset) -> pd.DataFrame:
    """Any data set as a table, with all columns that it can fill."""
    frames = []
    for sample in dataset.samples:
        height, width = sample.size()
        frame = pd.DataFrame(sample.boxes, columns=BOX)
        frame = frame.assign(photo=sample.id, split=sample.split, width=width, height=height)
        frames.append(frame if sample.scores is None else frame.assign(score=sample.scores))
    return pd.concat(frames)


def notes(dataset: CropDataset) -> list[tuple[str, str, str]]:
    assert not any(note.known for note in dataset.notes)
    return [(note.kind, note.where, note.detail) for note in dataset.notes]


@given(crops, st.booleans(), st.sampled_from(["crops.csv", "crops.parquet", "of any name.csv", "x.parquet"]))
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, written: dict, scored: bool, name: str
) -> None:
    rows = [(photo, *box, score) for photo, of_photo in written.items() for box, score in of_photo]
    table = pd.DataFrame(rows, columns=["photo", *BOX, "score"])
    table = table if scored else table.drop(columns="score")
    folder = tmp_path_factory.mktemp("table")
    if name.endswith("csv"):
        table.to_csv(folder / name, index=False)
    else:
        table.to_parquet(folder / name)
    dataset = read_table(folder if name.startswith("crops") else folder / name)
    assert dataset.notes == ()
    assert [sample.id for sample in dataset.samples] == list(written)
    for sample in dataset.samples:
        assert sample.boxes.tolist() == [list(box) for box, _ in written[sample.id]]
        assert sample.scores is None or sample.scores.tolist() == [score for _, score in written[sample.id]]
        assert ((sample.scores is not None), sample.split, sample.photo_size) == (scored, "test", None)


def test_rows_of_a_photo_need_not_stand_together_and_other_columns_are_left_alone(tmp_path: Path) -> None:
    lines = ("b.jpg,9,0,0,5,6,2", "a.jpg,8,1,1,7,7,3", "b.jpg,7,1,2,9,9,1")
    dataset = read_table(write(tmp_path, *lines, header="photo,who,x1,y1,x2,y2,score"))
    assert [(s.id, s.boxes.tolist(), s.scores.tolist()) for s in dataset.samples] == [
        ("b.jpg", [[0, 0, 5, 6], [1, 2, 9, 9]], [2, 1]),
        ("a.jpg", [[1, 1, 7, 7]], [3]),
    ]


@pytest.mark.parametrize("name", ["a.jpg", "train/a.jpg", "deep/er/a.jpg"])
@pytest.mark.parametrize("place", ["images", ""])
def test_photos_are_in_images_or_beside_the_table(tmp_path: Path, name: str, place: str) -> None:
    write(tmp_path, f"{name},0,0,40,30,train", header=f"{HEADER},split")
    photo(tmp_path / place / name)
    for root in (tmp_path, tmp_path / "crops.csv"):
        (sample,) = read_table(root).samples
        assert sample.photo_path == tmp_path / place / name
        assert (sample.id, sample.size(), sample.photo.shape) == (name, (48, 64), (48, 64, 3))


def test_the_path_that_is_given_comes_before_a_photo_of_the_same_name_elsewhere(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg,0,0,9,9", "b.jpg,0,0,9,9", "c/a.jpg,0,0,9,9", "d.jpg,0,0,9,9")
    for name in ("a.jpg", "z/a.jpg", "z/b.jpg"):
        photo(tmp_path / "images" / name)
    found = [sample.photo_path.relative_to(tmp_path).as_posix() for sample in read_table(tmp_path).samples]
    assert found == ["images/a.jpg", "images/z/b.jpg", "images/c/a.jpg", "images/d.jpg"]


def test_a_size_is_that_of_the_columns_else_of_the_photo_else_unknown(tmp_path: Path) -> None:
    lines = ("a.jpg,0,0,9,9,100,80", "a.jpg,1,1,9,9,,", "b.jpg,0,0,9,9,,", "c.jpg,0,0,9,9,,")
    dataset = read_table(write(tmp_path, *lines, header=f"{HEADER},width,height"))
    photo(tmp_path / "images/b.jpg")
    a, b, c = read_table(tmp_path).samples
    assert [a.size(), b.size()] == [(80, 100), (48, 64)]
    assert not any(sample.guesses_size for sample in dataset.samples)
    with pytest.raises(PhotoError, match=r"c\.jpg: its size is not known and its photo is not there"):
        c.size()
    assert check_dataset("table", tmp_path).missing_photos == (tmp_path / "images/a.jpg", tmp_path / "images/c.jpg")
    photo(tmp_path / "images/a.jpg")
    (fault,) = check_dataset("table", tmp_path).faults
    assert fault.detail == "48×64, where its annotations are for 80×100"


def test_a_split_is_the_photos_and_may_be_left_out(tmp_path: Path) -> None:
    lines = ("a.jpg,0,0,9,9,train", "a.jpg,0,0,8,9,", "b.jpg,0,0,9,9,val", "c.jpg,0,0,9,9,")
    dataset = read_table(write(tmp_path, *lines, header=f"{HEADER},split"))
    assert [sample.split for sample in dataset.samples] == ["train", "val", ""]
    assert notes(dataset) == [("no split", str(tmp_path / "crops.csv"), "1 photos belong to no split")]
    write(tmp_path, "a.jpg,0,0,9,9,train", "a.jpg,0,0,8,9,val", header=f"{HEADER},split")
    with pytest.raises(DatasetError, match=r"crops\.csv: expected each photo in one split, found a\.jpg in tr"):
        read_table(tmp_path)


SOUND = "a.jpg,0,0,9,9,1,train"


@pytest.mark.parametrize(
    ("line", "told", "left"),
    [
        ("a.jpg,0,0,8,8,,train", ("dropped row", "a.jpg, row 2", "expected a score, as others have, found none"), 1),
        ("a.jpg,0,0,8,8,nan,", ("dropped row", "a.jpg, row 2", "expected a score, as others have, found none"), 1),
        ("a.jpg,0,0,9,9,1,train", ("dropped row", "a.jpg, row 2", "repeats an earlier one: 0 0 9 9"), 1),
        ("a.jpg,5,5,5,9,1,train", ("dropped box", "a.jpg, row 2", "box 1 has no area: 5 5 5 9"), 1),
        ("a.jpg,-1,5,8,9,1,train", ("dropped row", "a.jpg, row 2", "box 1 is negative: -1 5 8 9"), 1),
        (
            "a.jpg,8,7,2,1,1,train",
            ("repaired box", "a.jpg, row 2", "box 1 has its corners swapped: 8 7 2 1, now 2 1 8 7"),
            2,
        ),
        (
            "a.jpg,2,1,30,21,1,train",
            ("repaired box", "a.jpg, row 2", "box 1 leaves the photo of 15×20: 2 1 30 21, now 2 1 20 15"),
            2,
        ),
        (
            "a.jpg,0,0,8,8,1,dev",
            ("unknown split", "a.jpg, row 2", "expected train, val, test or nothing, found dev"),
            2,
        ),
    ],
)
def test_faults_of_a_row_are_noted_with_it(tmp_path: Path, line: str, told: tuple[str, str, str], left: int) -> None:
    lines = [f"{each},20,15" for each in (SOUND, line, "a.jpg,0,1,9,9,3,train")]
    dataset = read_table(write(tmp_path, *lines, header=f"{HEADER},score,split,width,height"))
    assert notes(dataset) == [told]
    (sample,) = dataset.samples
    assert (len(sample.boxes), len(sample.scores), sample.split) == (left + 1, left + 1, "train")
    report = check_dataset("table", tmp_path)
    assert (report.ok, report.faults) == (False, dataset.notes)
    assert f"    {told[1]}: {told[2]}" in report.text().splitlines()


def test_a_sound_table_has_no_faults_and_its_boxes_are_held_against_its_photos(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg,0,0,60,40", "a.jpg,0,0,64,48", "b.jpg,0,0,64,48")
    for name in ("a", "b"):
        photo(tmp_path / f"{name}.jpg")
    report = check_dataset("table", tmp_path)
    assert (report.ok, report.photos_read, report.missing_photos) == (True, 2, ())
    photo(tmp_path / "b.jpg", (32, 48))
    (fault,) = check_dataset("table", tmp_path).faults
    assert (fault.kind, fault.where) == ("box leaves its photo", "b.jpg")


def test_both_files_are_compared(tmp_path: Path) -> None:
    table = pd.read_csv(write(tmp_path, "a.jpg,0,0,9,9", "b.jpg,0,0,9,9") / "crops.csv")
    table.to_parquet(tmp_path / "crops.parquet")
    report = check_dataset("table", tmp_path)
    assert ([path.name for path in report.files], report.ok) == (["crops.csv", "crops.parquet"], True)
    table.assign(x2=8).to_parquet(tmp_path / "crops.parquet")
    assert {fault.kind for fault in check_dataset("table", tmp_path).faults} == {"forms differ"}


def test_a_photo_none_of_whose_rows_is_sound_is_left_out(tmp_path: Path) -> None:
    lines = ("a.jpg,0,0,9,9,1", "b.jpg,3,3,3,3,1", "c.jpg,0,0,9,9,")
    dataset = read_table(write(tmp_path, *lines, header=f"{HEADER},score"))
    assert [sample.id for sample in dataset.samples] == ["a.jpg"]
    assert [where for kind, where, _ in notes(dataset) if kind == "photo without crops"] == ["b.jpg", "c.jpg"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "crops.csv: expected a CSV or .parquet table, found No columns"),
        (HEADER, "crops.csv: expected annotated photos, found none"),
        ("photo;x1;y1;x2;y2\na;1;2;3;4", "crops.csv: expected the columns photo, x1, y1, x2, y2, found photo;x1;y1"),
        ("photo,x1,y1,x2\na,1,2,3", "expected the columns photo, x1, y1, x2, y2, found photo, x1, y1, x2$"),
        (f"{HEADER}\na,1,2,3,4\na,1,2,,4", "crops.csv, row 2: expected a finite number under x2, found nan"),
        (f"{HEADER}\na,1,2,inf,4", "crops.csv, row 1: expected a finite number under x2, found inf"),
        (f"{HEADER}\na,1,2,3,4\na,1,zwei,3,4", "crops.csv, row 2: expected a finite number under y1, found zwei"),
        (f"{HEADER},score\na,1,2,3,4,good", "crops.csv, row 1: expected a finite number under score, found good"),
        (f"{HEADER},score\na,1,2,3,4,inf", "crops.csv, row 1: expected a finite number under score, found inf"),
        (f"{HEADER}\n,1,2,3,4", "crops.csv, row 1: expected the path of a photo, found none"),
        (f"{HEADER}\na,1,2,3,4,5", "crops.csv: expected as many values in a row as names in the header, found more"),
        (f"{HEADER}\na,1,2,3,4\na,1,2,3,4,5", "expected a CSV or .parquet table, found .* line 3, saw 6$"),
        (f"{HEADER},width,height\na,1,2,3,4,20,", "a: expected one height and width, in whole pixels"),
        (f"{HEADER},width,height\na,1,2,3,4,20,9.5", r"in whole pixels, found \[\[9.5, 20.0\]\]"),
        (f"{HEADER},width,height\na,1,2,3,4,20,9\na,1,2,3,5,20,8", r"found \[\[8.0, 20.0\], \[9.0, 20.0\]\]"),
    ],
)
def test_files_that_are_not_of_the_form_are_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "crops.csv").write_text(content)
    with pytest.raises(DatasetError, match=message):
        read_table(tmp_path)


def test_what_is_no_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "readme.md").touch()
    with pytest.raises(DatasetError, match=r"expected crops\.csv or crops\.parquet, found \['readme\.md'\]"):
        read_table(tmp_path)
    for name, content in (("crops.parquet", b"nothing of the kind"), ("crops.csv", b"\xff\xfe\x00")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DatasetError, match=f"{name}: expected a CSV or .parquet table, found"):
            read_table(tmp_path)


def test_a_parquet_table_may_have_names_without_letters_and_empty_cells(tmp_path: Path) -> None:
    table = pd.DataFrame({"photo": [7, 7], "x1": [0, 0], "y1": [0, 0], "x2": [9, 8], "y2": [9, 9]}, index=[5, 3])
    table["split"] = pd.Categorical(["val", None])
    table["score"] = pd.array([1, None], dtype="Int64")
    table.to_parquet(tmp_path / "crops.parquet")
    dataset = read_table(tmp_path)
    assert [(s.id, s.boxes.tolist(), s.scores.tolist(), s.split) for s in dataset.samples] == [
        ("7", [[0, 0, 9, 9]], [1], "val")
    ]
    assert [where for _, where, _ in notes(dataset)] == ["7, row 2"]


@pytest.mark.parametrize(("kind", "read", "n_repeated"), [("gaicd", read_gaicd, 0), ("flms", read_flms, 7)])
def test_the_real_data_as_a_table_are_the_same(
    shared_dir: Path, tmp_path: Path, kind: str, read: Callable[[Path], CropDataset], n_repeated: int
) -> None:
    original = read(shared_dir / "data" / kind)
    as_table(original).to_csv(tmp_path / "crops.csv", index=False)
    dataset = read_table(tmp_path)
    assert [note.kind for note in dataset.notes] == ["dropped row"] * n_repeated  # two people, one crop
    assert len(dataset) == len(original)
    for a, b in zip(dataset.samples, original.samples, strict=True):
        assert (a.id, a.split, a.size(), a.scores is None) == (b.id, b.split, b.size(), b.scores is None)
        np.testing.assert_array_equal(a.boxes, pd.DataFrame(b.boxes).drop_duplicates() if n_repeated else b.boxes)
        if a.scores is not None and b.scores is not None:
            np.testing.assert_array_equal(a.scores, b.scores)


@pytest.mark.parametrize(("kind", "scorer"), [("gaicd", "position-prior"), ("flms", "oracle-anchors")])
def test_evaluated_as_a_table_the_real_data_give_the_same_figures(
    shared_dir: Path, tmp_path: Path, kind: str, scorer: str
) -> None:
    original = {"gaicd": read_gaicd, "flms": read_flms}[kind](shared_dir / "data" / kind)
    splits = {sample.split for sample in original.samples}
    wanted = {sample.id for split in splits for sample in original.split(split).samples[:30]}
    original = original.where(lambda sample: sample.id in wanted)
    as_table(original).to_parquet(tmp_path / "crops.parquet")
    table = read_table(tmp_path)
    few = Settings(resamples=20)
    expected, found = (
        evaluate(load_scorer(scorer, data), data.split("test"), name, few)
        for name, data in ((kind, original), ("table", table))
    )
    pd.testing.assert_frame_equal(found.per_photo, expected.per_photo)
    pd.testing.assert_frame_equal(found.table, expected.table)
