"""Several processes, or smaller batches more often, go the way of one process with the same global batch."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import asm_interp as asm
from asm_interp.training.config import TrainConfig
from asm_interp.training.loop import METRICS, train

OPTIONS = {
    "rule": "centre",
    "n_photos": 21,  # the last batch is odd: one process has no photo of it
    "photo_height": 32,
    "photo_width": 48,
    "n_crops": 8,
    "input_size": 32,
    "epochs": 3,
    "lr": 2e-4,  # steps of Adam amplify rounding where gradients are small
    "batch_size": 4,
    "half": False,
}
PARTS = ("loss", "ranking_loss", "saliency_loss", "train_accuracy", "val_accuracy")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        return train(TrainConfig(name="run", **OPTIONS), folder, quiet=True)


def figures(checkpoint: Path) -> np.ndarray:
    with (checkpoint.parent / METRICS).open(newline="") as file:
        return np.array([[float(row[part]) for part in PARTS] for row in csv.DictReader(file)])


def assert_same(checkpoint: Path, other: Path) -> None:
    np.testing.assert_allclose(figures(checkpoint), figures(other), rtol=0, atol=1e-5)
    expected = asm.load(other).state_dict()
    for key, value in asm.load(checkpoint).state_dict().items():
        np.testing.assert_allclose(value, expected[key], rtol=0, atol=1e-4, err_msg=key)


@pytest.mark.parametrize(("batch_size", "accumulate"), [(2, 2), (1, 4), (3, 2)])
def test_accumulated_batches_are_one_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alone: Path, batch_size: int, accumulate: int
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    options = OPTIONS | {"batch_size": batch_size, "accumulate": accumulate}
    path = train(TrainConfig(name="run", **options), tmp_path, quiet=True)
    if batch_size * accumulate == 4:
        assert_same(path, alone)
    else:
        assert abs(figures(path) - figures(alone)).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["torchrun", "fabric", "devices"])
def test_two_processes_are_like_one(tmp_path: Path, alone: Path, launcher: str) -> None:
    options = OPTIONS | ({"batch_size": 2, "accumulate": 2} if launcher == "fabric" else {})
    options |= {"devices": 2} if launcher == "devices" else {}
    (tmp_path / "run.toml").write_text(TrainConfig(name="run", **options).to_toml())
    scripts = Path(sys.executable).parent
    command = {
        "torchrun": [scripts / "torchrun", "--standalone", "--nproc-per-node=2", "-m", "asm_interp"],
        "fabric": [scripts / "fabric", "run", "--accelerator=cpu", "--devices=2", scripts / "asm-interp"],
        "devices": [sys.executable, "-m", "asm_interp"],
    }[launcher]
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "train", "--config", tmp_path / "run.toml", "--out", tmp_path],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    path = tmp_path / "run" / "run.safetensors"
    assert path.exists(), done.stderr
    assert done.returncode == 0, done.stderr
    assert_same(path, alone)
