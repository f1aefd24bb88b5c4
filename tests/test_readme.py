"""What the README says is so."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import asm_interp as asm
from asm_interp.cli import app
from asm_interp.model.checkpoint import read_card

REPO = Path(__file__).parents[1]
README = (REPO / "README.md").read_text("utf-8")
CHECKPOINTS = (REPO / "checkpoints" / "README.md").read_text("utf-8")
SHIPPED = sorted((REPO / "checkpoints").glob("*.safetensors"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_checkpoint_row_is_that_of_its_card(path: Path) -> None:
    card = read_card(path)
    metrics = card["metrics"]
    row = re.search(rf"^\| `{re.escape(path.stem)}` \|.*$", CHECKPOINTS, re.MULTILINE)
    assert row, f"{path.stem} has no row"
    found = f"{metrics['test_ranking_accuracy']:.3f} [{metrics['ci_low']:.3f}, {metrics['ci_high']:.3f}]"
    assert found in row[0]
    assert f"n = {metrics['n_photos']}" in row[0]
    assert f"| {card['lambda']:g} |" in row[0]
    assert f"| {card['pattern']} |" in row[0]


def test_checkpoints_are_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in SHIPPED) < 40e6


def test_python_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    assert len(names["crops"]) > 0  # type: ignore[arg-type]


def test_named_commands_and_options_exist() -> None:
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL):
        for command, rest in re.findall(r"^asm-interp (\w+)([^#\n]*)", block, re.MULTILINE):
            told = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
            assert told.exit_code == 0, command
            for option in re.findall(r"--[a-z-]+", rest):
                assert option in told.output, f"{command} {option}"


def test_named_files_exist() -> None:
    for name in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (REPO / name).exists(), name


def test_default_checkpoint_is_shipped() -> None:
    assert (REPO / "checkpoints" / f"{asm.DEFAULT_CHECKPOINT}.safetensors").is_file()
