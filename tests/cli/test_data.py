"""`asm-interp data`: what it prints, its exit codes, and that it leaves the data alone."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from asm_interp.cli import app
from asm_interp.data.registry import KINDS, where


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["data", *map(str, arguments)], env={"COLUMNS": "200", "TERM": "dumb"})


def digest(folder: Path) -> dict[str, tuple[str, int]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p): (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns) for p in files}


@pytest.fixture
def flms(shared_dir: Path, tmp_path: Path) -> Path:
    """The annotations of the real data set, which a test may spoil."""
    shutil.copyfile(shared_dir / "data/flms/image_crop.json", tmp_path / "image_crop.json")
    return tmp_path


def test_check_names_the_known_faults_of_the_real_files_and_is_content(flms: Path) -> None:
    before = digest(flms)
    told = call("check", "flms", flms)
    assert told.exit_code == 0, told.output
    for line in (
        "465190454_Large.jpg: box 0 has its corners swapped",
        "693687448_Large.jpg: box 0 has its corners swapped",
        "1042532514_Large.jpg: box 2 leaves the photo of 768×1024",
        "photos on disk 0, missing 500",
        "nothing beyond the known faults",
    ):
        assert line in told.stdout
    assert digest(flms) == before


@pytest.mark.parametrize(("kind", "folder"), [("gaicd", "gaicd"), ("fcdb", "fcdb"), ("fcdb-ranking", "fcdb")])
def test_check_is_content_with_the_other_real_files(shared_dir: Path, kind: str, folder: str) -> None:
    told = call("check", kind, shared_dir / "data" / folder, "--no-decode")
    assert told.exit_code == 0, told.output
    assert told.stdout.strip().endswith("nothing beyond the known faults")


def test_check_fails_on_one_fault_more(flms: Path) -> None:
    path = flms / "image_crop.json"
    content = json.loads(path.read_text())
    content["1011366896_Large.jpg"][3] = [500, 400, 100, 90]
    path.write_text(json.dumps(content))
    before = digest(flms)
    told = call("check", "flms", flms)
    assert told.exit_code == 1
    assert "repaired box: 1 NOT KNOWN" in told.stdout
    assert "1011366896_Large.jpg: box 3 has its corners swapped: 500 400 100 90, now 100 90 500 400" in told.stdout
    assert told.stdout.strip().endswith("1 faults beyond the known ones")
    assert digest(flms) == before


def test_check_refuses_what_is_no_data_set(tmp_path: Path) -> None:
    unknown = call("check", "ava", tmp_path)
    assert unknown.exit_code == 2
    assert "a data set is one of gaicd, cpc, fcdb, fcdb-ranking, flms, table, got 'ava'" in unknown.stderr
    nothing = call("check", "gaicd", tmp_path / "nowhere")
    assert nothing.exit_code == 2
    assert "nowhere: expected a data set's folder or its annotation file, found nothing there" in nothing.stderr
    (tmp_path / "image_crop.json").write_text("{")
    assert call("check", "gaicd", tmp_path).exit_code == 2
    assert call("check", "gaicd").exit_code == 2


def test_where_tells_of_one_or_all() -> None:
    assert call("where").stdout.strip() == where()
    for kind in KINDS:
        assert call("where", kind).stdout.strip() == where(kind)
    assert call("where", "ava").exit_code == 2


def test_help_names_every_kind() -> None:
    for command in ("check", "where"):
        told = call(command, "--help").output
        assert all(kind in told for kind in KINDS), command
