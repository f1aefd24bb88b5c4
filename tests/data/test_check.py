"""The check finds what differs from the published data, tells known faults from others, and changes nothing."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asm_interp.data.check import CheckReport, check_dataset
from asm_interp.data.reading import DatasetError
from asm_interp.data.registry import KINDS, read_dataset, where
from asm_interp.geometry.candidates import gaic_grid


def kinds(report: CheckReport) -> dict[str, int]:
    """Number of faults beyond the known ones, by kind."""
    return {kind: sum(n.kind == kind for n in report.faults) for kind in dict.fromkeys(n.kind for n in report.faults)}


def counts(report: CheckReport) -> dict[str, tuple[int, int | None]]:
    return {count.what: (count.found, count.published) for count in report.counts}


def digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() + str(p.stat().st_mtime_ns) for p in files}


@pytest.fixture
def gaicd(tmp_path: Path) -> Path:
    """Two photos of 90 × 120 pixels with crops on the grid, in text and json."""
    boxes = np.floor(gaic_grid((90, 120)) + 0.5).astype(int)
    (tmp_path / "annotations/train").mkdir(parents=True)
    content = {}
    for name in ("1", "2"):
        scores = [1 + i % 9 / 2 for i in range(len(boxes))]
        content[f"{name}.jpg"] = {"bbox": boxes.tolist(), "score": scores}
        rows = [f"{y1} {x1} {y2} {x2} {s:.2f}" for (x1, y1, x2, y2), s in zip(boxes.tolist(), scores, strict=True)]
        (tmp_path / f"annotations/train/{name}.txt").write_text("\n".join(rows[::-1]))
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.new("RGB", (120, 90)).save(tmp_path / f"images/{name}.jpg")
    (tmp_path / "image_crop.json").write_text(json.dumps(content))
    (tmp_path / "original_data_split.json").write_text('{"train": ["1.jpg", "2.jpg"]}')
    return tmp_path


@pytest.mark.parametrize(
    ("kind", "folder", "published", "missing"),
    [
        ("gaicd", "gaicd", {"photos": 1236, "crops": 106_853, "train": 1036, "test": 200}, 1233),
        ("flms", "flms", {"photos": 500, "crops": 4988, "test": 500}, 495),
        ("fcdb", "fcdb", {"photos": 1714, "crops": None, "train": 1369, "test": 345}, 1714),
        ("fcdb-ranking", "fcdb", {"photos": 3362, "pairs": 33_620}, 3362),
    ],
)
def test_the_real_files_have_nothing_beyond_the_known_faults(
    shared_dir: Path, kind: str, folder: str, published: dict[str, int | None], missing: int
) -> None:
    report = check_dataset(kind, shared_dir / "data" / folder)
    assert report.ok, report.faults
    assert {what: counts(report)[what][1] for what in published} == published
    assert all(found == count for found, count in counts(report).values() if count is not None)
    assert len(report.missing_photos) == missing


def test_the_real_flms_report_names_its_faults(shared_dir: Path) -> None:
    report = check_dataset("flms", shared_dir / "data/flms")
    assert [path.suffix for path in report.files] == [".json", ".mat"]
    assert sum(note.kind == "dropped row" for note in report.notes) == 12
    text = report.text()
    for line in (
        "  repaired box: 3 known",
        "    465190454_Large.jpg: box 0 has its corners swapped: 779 1006 76 68, now 76 68 779 1006",
        "    693687448_Large.jpg: box 0 has its corners swapped: 0 525 1020 91, now 0 91 1020 525",
        "    1042532514_Large.jpg: box 2 leaves the photo of 768×1024: 0 128 1024 776, now 0 128 1024 768",
        "  dropped row: 12 known",
        "  photos on disk 5, missing 495",
        "nothing beyond the known faults",
    ):
        assert line in text.splitlines()


def test_the_real_gaicd_histogram(shared_dir: Path) -> None:
    report = check_dataset("gaicd", shared_dir / "data/gaicd/imdb_GAIC1000.mat")
    n, edges = report.histogram()
    assert edges.tolist() == [1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]
    assert n.sum() == 106_853
    assert n.argmax() == 4
    assert counts(report)["val"] == (36, 36)
    assert "scores: mean 2.943, standard deviation 0.814" in report.text()


def test_fewer_photos_than_published_is_all_that_a_sound_small_set_lacks(gaicd: Path) -> None:
    report = check_dataset("gaicd", gaicd)
    assert kinds(report) == {"count": 4}
    assert counts(report)["photos"] == (2, 1236)
    assert [path.name for path in report.files] == ["image_crop.json", "annotations"]
    assert (report.photos_read, report.missing_photos) == (2, ())


def test_it_changes_nothing(gaicd: Path) -> None:
    before = digest(gaicd)
    check_dataset("gaicd", gaicd)
    assert digest(gaicd) == before


def test_forms_that_differ_are_found(gaicd: Path) -> None:
    path = gaicd / "annotations/train/1.txt"
    path.write_text(path.read_text().replace("5.00", "4.90", 1))
    (gaicd / "annotations/train/2.txt").rename(gaicd / "annotations/train/3.txt")
    report = check_dataset("gaicd", gaicd)
    different = {n.where: n.detail for n in report.faults if n.kind == "forms differ"}
    assert sorted(different) == ["1.jpg", "2.jpg", "3.jpg"]
    assert different["1.jpg"] == "other crops or scores in image_crop.json and annotations"
    assert different["3.jpg"].startswith("only in one")


def test_photos_are_judged(gaicd: Path) -> None:
    photo = gaicd / "images/1.jpg"
    photo.write_bytes(photo.read_bytes()[:-20])
    Image.new("RGB", (240, 180)).save(gaicd / "images/2.jpg")
    report = check_dataset("gaicd", gaicd)
    assert kinds(report) == {"count": 4, "unreadable photo": 1, "photo of another size": 1}
    assert kinds(check_dataset("gaicd", gaicd, decode=False)) == {"count": 4, "photo of another size": 1}
    assert "180×240, where its annotations are for 90×120" in report.text()
    Image.new("RGB", (60, 45)).save(gaicd / "images/2.jpg")
    assert kinds(check_dataset("gaicd", gaicd))["box leaves its photo"] == 1
    photo.unlink()
    report = check_dataset("gaicd", gaicd)
    assert "unreadable photo" not in kinds(report)
    assert report.missing_photos == (photo,)


def test_scores_and_boxes_out_of_order_are_found(gaicd: Path) -> None:
    path = gaicd / "image_crop.json"
    content = json.loads(path.read_text())
    content["1.jpg"]["score"][:3] = [-2, 7.5, 3]
    content["2.jpg"]["bbox"][0] = [50, 50, 50, 80]
    path.write_text(json.dumps(content))
    report = check_dataset("gaicd", path)
    assert kinds(report) == {"dropped box": 1, "count": 4, "score out of range": 1}
    assert [n.where for n in report.notes if n.known] == ["1.jpg"]
    assert not report.ok
    assert "7.5, not in 1 to 5" in report.text()
    assert "score out of range: 1 NOT KNOWN" in report.text()
    assert report.text().endswith("6 faults beyond the known ones")


def test_cpc_has_no_published_counts_to_differ_from(tmp_path: Path) -> None:
    entry = {"bboxes": [[0, 0, 30, 40]] * 24, "scores": list(range(24))}
    (tmp_path / "image_crop.json").write_text(json.dumps({f"{i}.jpg": entry for i in range(10)}))
    report = check_dataset("cpc", tmp_path)
    assert report.ok
    assert counts(report) == {"photos": (10, None), "crops": (240, None), "train": (8, None), "val": (2, None)}
    assert report.histogram()[0].tolist() == [30] * 8


def test_every_kind_says_where_it_comes_from() -> None:
    assert set(KINDS) == {"gaicd", "cpc", "fcdb", "fcdb-ranking", "flms", "table"}
    for kind in KINDS:
        assert {line[:6].strip() for line in where(kind).splitlines()[1:]} == {"from", "put", "size", ""}
        assert where(kind) in where()


def test_unknown_kinds_and_missing_data_are_refused(tmp_path: Path) -> None:
    for call in (lambda: check_dataset("ava", tmp_path), lambda: read_dataset("ava", tmp_path), lambda: where("ava")):
        with pytest.raises(ValueError, match="one of gaicd, cpc, fcdb, fcdb-ranking, flms, table, got 'ava'"):
            call()
    for kind in KINDS:
        with pytest.raises(DatasetError, match="expected"):
            check_dataset(kind, tmp_path)
