"""Stale figures are told from those that are up to date; the command draws, checks and describes."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from asm_interp.cli import app
from asm_interp.model.checkpoint import find
from asm_interp.paper.index import figures_in, stale
from asm_interp.paper.inputs import Inputs
from asm_interp.paper.registry import entries
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


def test_another_version_is_noticed_and_another_commit_is_not(own: tuple[Path, Path, Path]) -> None:
    out = own[0]
    path = out / "paper" / "fig3.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told | {"commit": "f" * 40}))
    assert changes(out)["fig3"] == []
    path.write_text(json.dumps(told | {"versions": told["versions"] | {"asm_interp": "0.0.1"}}))
    assert changes(out)["fig3"][0].startswith("drawn by asm_interp 0.0.1")
    path.with_suffix(".png").unlink()
    assert changes(out)["fig3"][1] == "only the JSON is there"


def test_other_json_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"a": 1}')
    assert list(figures_in(tmp_path)) == []
    with pytest.raises(ValueError, match="expected figures with their provenance"):
        stale(tmp_path)


def test_command_draws_checks_and_describes(tmp_path: Path, small_photos: Path) -> None:
    out = tmp_path / "figures"
    result = call("--only", "fig3", "--only", "fig5", "--venue", "cvpr", "--formats", "png,svg", "--out", out)
    assert result.exit_code == 0, result.output
    assert {path.name for path in (out / "paper").iterdir()} == {
        f"{name}.{suffix}" for name in ("fig3", "fig5") for suffix in ("png", "svg", "csv", "json")
    }
    with Image.open(out / "paper" / "fig5.png") as image:
        assert image.width == 975
    checked = call("--check", "--out", out)
    assert checked.exit_code == 0
    assert checked.stdout.count("up to date") == 2
    told = call("--describe", out / "paper" / "fig5.svg")
    assert told.exit_code == 0
    assert "command: asm-interp figures --venue cvpr --seed 0 --only fig5" in told.stdout
    assert f"checkpoint photos-lambda-0.1: sha256 {''}" in told.stdout
    (out / "paper" / "fig5.json").write_text(
        (out / "paper" / "fig5.json").read_text().replace('"photos-lambda-0": "', '"photos-lambda-0": "0')
    )
    checked = call("--check", "--out", out)
    assert checked.exit_code == 1
    assert "fig5: checkpoint photos-lambda-0 has changed" in checked.stdout


def test_command_reports_what_fails_and_goes_on(tmp_path: Path) -> None:
    result = call(
        "--photos", tmp_path / "none", "--only", "fig1", "--only", "fig3", "--out", tmp_path, "--formats", "png"
    )
    assert result.exit_code == 1
    assert "failed" in result.stderr
    assert (tmp_path / "paper" / "fig3.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "fig2"], "no figure 'fig2'"),
        (["--data", "gaicd"], "--data is KIND:FOLDER"),
        (["--data", "imagenet:x"], "data sets are gaicd, fcdb"),
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
