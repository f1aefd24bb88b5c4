import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from asm_interp.data.photo import PhotoError
from asm_interp.data.scenes import ShapeScenes, SubjectPhotos


def write_folder(folder: Path, *, size=(40, 24), mask_size=None, columns=("file", "mask", "split")) -> Path:
    """A folder with one photo of each split; sizes are width and height."""
    entries = {"file": "photo.png", "mask": "mask.png"}
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for split in ("train", "val", "test"):
            writer.writerow({key: value for key, value in (entries | {"split": split}).items() if key in columns})
    Image.new("RGB", size, "teal").save(folder / "photo.png")
    mask = Image.new("1", mask_size or size)
    mask.paste(1, (5, 2, 15, 12))
    mask.save(folder / "mask.png")
    return folder


@pytest.mark.parametrize("size", [(16, 16), (48, 64), (96, 37)])
def test_shapes_have_the_asked_size_and_types(size: tuple[int, int]) -> None:
    scenes = ShapeScenes(3, size, seed=4)
    assert len(scenes) == 3
    for index in range(3):
        scene = scenes[index]
        assert (scene.photo.shape, scene.photo.dtype) == ((*size, 3), np.uint8)
        assert (scene.subjects.shape, scene.subjects.dtype) == (size, np.uint8)
        assert scenes.photo_size(index) == size


def test_shapes_differ_by_seed_and_index_and_repeat() -> None:
    scenes = [ShapeScenes(6, (32, 48), seed)[index] for seed in (0, 1) for index in range(6)]
    assert len({scene.photo.tobytes() for scene in scenes}) == 12
    assert len({scene.id for scene in scenes}) == 12
    again = ShapeScenes(100, (32, 48), 1)[-100]  # the length is no part of the recipe
    assert again.photo.tobytes() == ShapeScenes(6, (32, 48), 1)[0].photo.tobytes()


def test_subjects_are_the_warm_shapes_and_some_scenes_have_none() -> None:
    counts = []
    for scene in (ShapeScenes(150, seed=2)[index] for index in range(150)):
        red, green, blue = scene.photo.astype(float).transpose(2, 0, 1)
        warm = (red > 150) & (blue < 0.4 * red) & (green < 0.95 * red)
        inside = scene.subjects > 0
        # The two differ along the rims alone, where colours mix.
        assert (warm & inside).sum() >= 0.9 * max(warm.sum(), inside.sum())
        assert 0 < inside.mean() < 0.5 or not inside.any()
        counts.append(int(scene.subjects.max()))
    share = np.bincount(counts, minlength=4) / len(counts)
    np.testing.assert_allclose(share, [0.1, 0.6, 0.2, 0.1], atol=0.12)  # three standard errors


def test_shapes_reject_what_they_cannot_draw() -> None:
    with pytest.raises(ValueError, match=r"at least one scene of at least 16×16 px, got n=0"):
        ShapeScenes(0)
    with pytest.raises(ValueError, match=r"size=\(15, 64\)"):
        ShapeScenes(1, (15, 64))
    with pytest.raises(IndexError, match="scene 3 of 3"):
        ShapeScenes(3)[3]


def test_subject_photo_and_mask(tmp_path: Path) -> None:
    scenes = SubjectPhotos(write_folder(tmp_path), "val")
    scene = scenes[0]
    assert (len(scenes), scene.id, scenes.photo_size(0)) == (1, "photo.png", (24, 40))
    assert scene.photo.tolist() == np.full((24, 40, 3), (0, 128, 128)).tolist()
    expected = np.zeros((24, 40))
    expected[2:12, 5:15] = 1
    np.testing.assert_array_equal(scene.subjects, expected)


def test_size_of_a_photo_that_exif_turns(tmp_path: Path) -> None:
    write_folder(tmp_path, size=(24, 40))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", (40, 24)).save(tmp_path / "photo.png", exif=exif)
    scenes = SubjectPhotos(tmp_path)
    assert scenes.photo_size(0) == scenes[0].photo.shape[:2] == (40, 24)


@pytest.mark.parametrize("content", [None, b"", b"file,mask\n", b"\xff\xfe,mask,split\n", b"file,mask,split\na,b\n"])
def test_index_that_is_none_names_the_file(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "index.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"index\.csv: expected (an index|the columns|a file)"):
        SubjectPhotos(tmp_path)


def test_missing_columns_and_splits_are_named(tmp_path: Path) -> None:
    write_folder(tmp_path, columns=("file", "split"))
    with pytest.raises(ValueError, match=r"index\.csv: expected the columns .* missing \['mask'\]"):
        SubjectPhotos(tmp_path)
    write_folder(tmp_path)
    with pytest.raises(ValueError, match=r"index\.csv: no photo of split 'tset'"):
        SubjectPhotos(tmp_path, "tset")
    (tmp_path / "index.csv").write_text("file,mask,split\n")
    with pytest.raises(ValueError, match=r"index\.csv: no photo of split 'train'"):
        SubjectPhotos(tmp_path)


def test_mask_of_another_size(tmp_path: Path) -> None:
    scenes = SubjectPhotos(write_folder(tmp_path, mask_size=(40, 23)))
    with pytest.raises(ValueError, match=r"mask\.png: expected \(24, 40\) .* found \(23, 40\)"):
        scenes[0]


@pytest.mark.parametrize("name", ["photo.png", "mask.png"])
@pytest.mark.parametrize("content", [None, b"no image", b"truncated"])
def test_missing_and_damaged_files_are_named(tmp_path: Path, name: str, content: bytes | None) -> None:
    scenes = SubjectPhotos(write_folder(tmp_path))
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).unlink()
    if content:
        (tmp_path / name).write_bytes(whole[:-30] if content == b"truncated" else content)
    with pytest.raises(PhotoError, match=name):
        scenes[0]


@pytest.mark.parametrize(("split", "n"), [("train", 1112), ("val", 139), ("test", 139)])
def test_real_folder_agrees_with_its_index(shared_dir: Path, split: str, n: int) -> None:
    scenes = SubjectPhotos(shared_dir / "data" / "subjects", split)
    assert len(scenes) == n
    for index, row in enumerate(scenes.rows):
        assert scenes.photo_size(index) == (int(row["h"]), int(row["w"]))
        if index % (n // 12):
            continue
        scene = scenes[index]
        assert scene.photo.shape == (int(row["h"]), int(row["w"]), 3)
        y, x = np.nonzero(scene.subjects)
        assert abs(len(y) / scene.subjects.size - float(row["mask_area"])) < 1e-4
        if len(y):
            centre = (y + 0.5).mean() / int(row["h"]), (x + 0.5).mean() / int(row["w"])
            expected = float(row["centroid_y"]), float(row["centroid_x"])
            np.testing.assert_allclose(centre, expected, atol=0.004)  # the index may count from pixel corners


def test_real_splits_share_no_photo(shared_dir: Path) -> None:
    splits = [SubjectPhotos(shared_dir / "data" / "subjects", split) for split in ("train", "val", "test")]
    assert len({row["file"] for split in splits for row in split.rows}) == 1390
    groups = [{row["group"] for row in split.rows} for split in splits]
    assert sum(map(len, groups)) == len(set.union(*groups))
