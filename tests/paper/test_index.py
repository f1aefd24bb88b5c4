"""Stale figures are told from those that are up to date; the command draws, checks and describes."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from asm_interp.cli import app
from asm_interp.model.checkpoint import ENVIRONMENT_VARIABLE, find
from asm_interp.paper.drawing import Drawing, Entry
from asm_interp.paper.index import figures_in, stale, write_index
from asm_interp.paper.inputs import Inputs, current_digest
from asm_interp.paper.registry import ENTRIES, entries
from asm_interp.paper.run import draw_paper


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["figures", *map(str, arguments)], env={"COLUMNS": "200", "TERM": "dumb"})


@pytest.fixture
def own(tmp_path: Path, small_photos: Path) -> tuple[Path, Path, Path]:
    """Figure 1 of one's own checkpoint and photos: the folder, the checkpoint, the photos."""
    checkpoint = tmp_path / "own.safetensors"
    shutil.copy(find("photos-lambda-0.1"), checkpoint)
    photos = tmp_path / "photos"
    shutil.copytree(small_photos, photos)
    outcome = draw_paper(entries(["fig1", "fig3"]), Inputs(str(checkpoint), photos), tmp_path, formats=["png"])
    assert outcome.failed == {}
    return tmp_path, checkpoint, photos


def changes(out: Path) -> dict[str, list[str]]:
    return {path.stem: found for path, found in stale(out).items()}


def test_nothing_is_stale_at_first(own: tuple[Path, Path, Path]) -> None:
    assert changes(own[0]) == {"fig1": [], "fig3": []}


def test_a_changed_checkpoint_is_noticed(own: tuple[Path, Path, Path]) -> None:
    out, checkpoint, _ = own
    shutil.copy(find("photos-lambda-0"), checkpoint)
    assert changes(out) == {"fig1": [f"checkpoint {checkpoint} has changed"], "fig3": []}
    checkpoint.unlink()
    ((found,),) = [found for found in changes(out).values() if found]
    assert "no such checkpoint file" in found


def test_changed_photos_are_noticed(own: tuple[Path, Path, Path]) -> None:
    out, _, photos = own
    with Image.open(photos / "flower.png") as image:
        mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    mirrored.save(photos / "flower.png")
    assert changes(out)["fig1"] == [f"data photos:{photos} have changed"]
    shutil.rmtree(photos)
    assert "photos" in changes(out)["fig1"][0]


def test_another_version_is_noticed_and_another_commit_is_not(tmp_path: Path) -> None:
    draw_paper(entries(["table2"]), Inputs(), tmp_path)
    path = tmp_path / "paper" / "table2.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told | {"commit": "f" * 40}))
    assert changes(tmp_path) == {"table2": []}
    path.write_text(json.dumps(told | {"versions": told["versions"] | {"asm_interp": "0.0.1"}}))
    ((found,),) = changes(tmp_path).values()
    assert found.startswith("drawn by asm_interp 0.0.1, this is ")


def test_a_drawing_that_is_gone_is_noticed(own: tuple[Path, Path, Path]) -> None:
    (own[0] / "paper" / "fig3.png").unlink()
    assert changes(own[0]) == {"fig1": [], "fig3": ["the drawing is missing"]}


Damage = Callable[[Path], object]


def altered(path: Path) -> None:
    path.write_text(path.read_text("utf-8").replace("1", "2"), "utf-8")


@pytest.mark.parametrize(
    ("suffix", "damage", "told"),
    [
        ("png", lambda path: path.write_bytes(b"rubbish"), "found no provenance in it (no PNG)"),
        ("png", lambda path: path.write_bytes(path.read_bytes()[:5000]), "(image file is truncated"),
        ("png", lambda path: shutil.copy(path.with_stem("fig1"), path), "fig3.png is of another run than its JSON"),
        ("csv", Path.unlink, "fig3.csv is missing"),
        ("csv", altered, "fig3.csv was altered"),
    ],
)
def test_damaged_files_are_noticed(own: tuple[Path, Path, Path], suffix: str, damage: Damage, told: str) -> None:
    damage(own[0] / "paper" / f"fig3.{suffix}")
    found = changes(own[0])
    assert found["fig1"] == []
    assert len(found["fig3"]) == 1
    assert told in found["fig3"][0]


@pytest.mark.parametrize("suffix", ["md", "tex", "csv"])
def test_damaged_tables_are_noticed(tmp_path: Path, suffix: str) -> None:
    draw_paper(entries(["table2"]), Inputs(), tmp_path)
    assert changes(tmp_path) == {"table2": []}
    altered(tmp_path / "paper" / f"table2.{suffix}")
    assert changes(tmp_path) == {"table2": [f"table2.{suffix} was altered"]}


def test_what_earlier_versions_drew_is_stale(own: tuple[Path, Path, Path]) -> None:
    path = own[0] / "paper" / "fig3.json"
    told = json.loads(path.read_text())
    del told["files"]
    path.write_text(json.dumps(told))
    assert "drawn by an earlier version, which did not note its files" in changes(own[0])["fig3"]
    assert "fig3" in write_index(own[0]).read_text("utf-8")


def test_a_new_member_of_a_family_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path))
    shutil.copy(find("photos-lambda-0"), tmp_path / "mine-lambda-0.safetensors")

    def make(inputs: Inputs) -> Drawing:
        assert inputs.family("mine-") == ["mine-lambda-0"]
        return Drawing(plt.figure(), pd.DataFrame(), "", "")

    draw_paper([Entry("own", "Own", make)], Inputs(), tmp_path, formats=["svg"])
    assert changes(tmp_path) == {"own": []}
    shutil.copy(find("photos-lambda-1"), tmp_path / "mine-lambda-1.safetensors")
    assert changes(tmp_path) == {"own": ["data checkpoints:mine-* have changed"]}
    with pytest.raises(ValueError, match=r"no checkpoint at hand is called yours-\.\.\."):
        Inputs().family("yours-")


def test_paths_count_from_where_they_were_given(
    tmp_path: Path, small_photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, elsewhere = tmp_path / "work", tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copytree(small_photos, work / "photos")
    shutil.copy(find("photos-lambda-0.1"), work / "own.safetensors")
    monkeypatch.chdir(work)

    def make(inputs: Inputs) -> Drawing:
        inputs.photographs()
        inputs.card(inputs.checkpoint)
        inputs.used.data["file:own.safetensors"] = inputs.used.checkpoints["own.safetensors"]
        return Drawing(plt.figure(), pd.DataFrame(), "", "")

    inputs = Inputs("own.safetensors", Path("photos"))
    draw_paper([Entry("own", "Own", make)], inputs, Path("figures"), formats=["png"])
    assert changes(Path("figures")) == {"own": []}
    monkeypatch.chdir(elsewhere)
    assert changes(work / "figures") == {"own": []}
    (work / "own.safetensors").unlink()
    assert len(changes(work / "figures")["own"]) == 2


def test_readme_of_another_hand_is_never_overwritten(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("# My project\n")
    for refused in (lambda: draw_paper(entries(["fig3"]), Inputs(), tmp_path), lambda: write_index(tmp_path)):
        with pytest.raises(ValueError, match="not an index of figures, and is not overwritten"):
            refused()
    assert page.read_text() == "# My project\n"
    assert list(tmp_path.iterdir()) == [page]
    page.unlink()
    for _ in range(2):  # its own it renews
        draw_paper(entries(["fig3"]), Inputs(), tmp_path, formats=["png"])
    assert page.read_text("utf-8").count("## fig3") == 1


def test_the_network_runs_on_one_thread_meanwhile(tmp_path: Path) -> None:
    threads = []

    def make(inputs: Inputs) -> Drawing:
        threads.append(torch.get_num_threads())
        raise ValueError("no figure")

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        draw_paper([Entry("own", "Own", make)], Inputs(), tmp_path)
        assert (threads, torch.get_num_threads()) == ([1], 3)
    finally:
        torch.set_num_threads(before)
    assert list(tmp_path.iterdir()) == [], "an index of nothing"


def test_every_kind_of_data_set_is_taken(tmp_path: Path) -> None:
    made = {"a.jpg": {"bboxes": [[0, 0, 30, 40], [5, 5, 25, 30]], "scores": [1, 2]}}
    (tmp_path / "image_crop.json").write_text(json.dumps(made))
    inputs = Inputs(data={"cpc": tmp_path})
    assert len(inputs.dataset("cpc")) == 1
    ((key, digest),) = inputs.used.data.items()
    assert current_digest(key, tmp_path) == digest
    with pytest.raises(ValueError, match="needs --data gaicd:FOLDER"):
        inputs.dataset("gaicd")


def test_other_json_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"a": 1}')
    assert list(figures_in(tmp_path)) == []
    with pytest.raises(ValueError, match="expected figures with their provenance"):
        stale(tmp_path)


def test_command_draws_checks_and_describes(tmp_path: Path, small_photos: Path) -> None:
    out = tmp_path / "figures"
    result = call(
        *("--only", "fig3", "--only", "fig1", "--photos", small_photos, "--venue", "cvpr"),
        *("--formats", "png, svg", "--out", out),
    )
    assert result.exit_code == 0, result.output
    assert {path.name for path in (out / "paper").iterdir()} == {
        f"{name}.{suffix}" for name in ("fig1", "fig3") for suffix in ("png", "svg", "csv", "json")
    }
    with Image.open(out / "paper" / "fig1.png") as image:
        assert image.width == 975
    checked = call("--check", "--out", out)
    assert checked.exit_code == 0
    assert checked.stdout.count("up to date") == 2
    told = call("--describe", out / "paper" / "fig1.svg")
    assert told.exit_code == 0
    assert f"command: asm-interp figures --photos {small_photos} --venue cvpr --seed 0 --only fig1" in told.stdout
    assert "checkpoint photos: sha256 " in told.stdout
    assert "csv: sha256 " in told.stdout
    (out / "paper" / "fig1.json").write_text(
        (out / "paper" / "fig1.json").read_text().replace('"photos": "', '"photos": "0')
    )
    checked = call("--check", "--out", out)
    assert checked.exit_code == 1
    assert "is of another run than its JSON; checkpoint photos has changed" in checked.stdout


def test_command_reports_what_fails_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Inputs) -> Drawing:
        raise ValueError("[no] such luck")

    monkeypatch.setitem(ENTRIES, "fig1", replace(ENTRIES["fig1"], make=fail))
    result = call("--only", "fig1", "--only", "fig3", "--out", tmp_path, "--formats", "png")
    assert result.exit_code == 1
    assert "failed: ValueError: [no] such luck" in result.stderr
    assert (tmp_path / "paper" / "fig3.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "fig2"], "no figure 'fig2'"),
        (["--data", "gaicd"], "--data is KIND:FOLDER"),
        (["--data", "imagenet:x"], "data sets are gaicd, cpc, fcdb"),
        (["--data", "gaicd:nowhere"], "nowhere"),
        (["--photos", "nowhere"], "nowhere"),
        (["--audit", "nowhere"], "nowhere: expected a folder that asm-interp audit wrote"),
        (["--venue", "nature"], "a venue is one of aaai"),
        (["--formats", "gif"], "formats are pdf, png, svg"),
        (["--checkpoint", "nobody"], "no checkpoint 'nobody'"),
        (["--describe", "nothing.txt"], "expected a figure"),
        (["--check"], "expected figures with their provenance"),
    ],
)
def test_wrong_options_are_named(tmp_path: Path, arguments: list[str], message: str) -> None:
    result = call(*arguments, "--out", tmp_path)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not list(tmp_path.iterdir())
