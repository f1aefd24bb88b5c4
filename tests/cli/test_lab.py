"""The command lab: notebooks copied, JupyterLab called. That it opens them is tested in tests/browser."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from asm_interp.cli import app
from asm_interp.cli.lab import PROMPT

Started = list[tuple[list[str], Path]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Started:
    """Programs that would have taken the command's place, and where."""
    calls: Started = []
    monkeypatch.chdir(tmp_path)  # and back after the test
    monkeypatch.setattr(os, "execv", lambda _, command: calls.append((command[1:], Path.cwd())))
    return calls


def test_opens_the_first_notebook_and_hands_options_on(started: Started, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    done = CliRunner().invoke(app, ["lab", "--folder", str(folder), "--no-browser", "--port", "8899"])
    assert started == [(["-m", "jupyterlab", "01_quickstart.ipynb", PROMPT, "--no-browser", "--port", "8899"], folder)]
    assert (folder / "01_quickstart.ipynb").is_file()
    assert f"copied to {folder}" in done.output


def test_copies_to_the_current_folder_and_says_which_it_kept(started: Started, tmp_path: Path) -> None:
    (tmp_path / "01_quickstart.ipynb").write_text("my own")
    done = CliRunner().invoke(app, ["lab"])
    assert "kept as they are: 01_quickstart.ipynb" in done.output
    assert (tmp_path / "01_quickstart.ipynb").read_text() == "my own"
    assert started == [(["-m", "jupyterlab", "01_quickstart.ipynb", PROMPT], tmp_path)]


def test_the_server_knows_the_option() -> None:
    from jupyter_server.serverapp import ServerApp

    server = ServerApp()
    server.load_config_environ()
    server.parse_command_line([PROMPT])
    assert server.kernel_websocket_connection_class.__name__ == "PromptConnection"


def test_folder_that_cannot_be_written_is_one_line(started: Started, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = CliRunner().invoke(app, ["lab", "--folder", str(tmp_path / "file")])
    assert done.exit_code == 2
    assert "file" in done.output
    assert started == []
