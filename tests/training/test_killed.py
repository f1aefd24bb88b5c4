"""A run that is killed at any moment, and gone on with, ends as if nothing had happened."""

import subprocess
import sys
from pathlib import Path

import pytest

# Children are forked from a process that has imported everything and computed nothing: a start costs milliseconds.
SCRIPT = """
import os, random, signal, sys, time
from pathlib import Path
import lightning.fabric, torch
import asm_interp as asm
from asm_interp.training.config import TrainConfig
from asm_interp.training.loop import train

torch.set_num_threads(1)
root = Path(sys.argv[1])
config = TrainConfig(name="run", rule="centre", n_photos=24, n_held_out=4, photo_height=32, photo_width=48, n_crops=8,
                     input_size=32, epochs=6, batch_size=4, save_every=2)

def start(out, write=0):
    # In a child; the one that is to die while it writes its n-th file does so after its content, before its rename.
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        if write:
            sync, left = os.fsync, [write]
            def last(descriptor):
                sync(descriptor)
                left[0] -= 1
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)
            os.fsync = last
        train(config, out, resume=True, quiet=True)
        status = 0
    finally:
        os._exit(status)

def ended(child, limit):
    # None if it is killed after `limit` seconds, else its exit status.
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

def results(out):
    rows = [line.rsplit(",", 1)[0] for line in (out / "run" / "metrics.csv").read_text().splitlines()]
    weights = asm.load(out / "run" / "run.safetensors").state_dict()
    left = sorted(path.name for path in (out / "run").iterdir())
    return rows, {key: value.numpy().tobytes() for key, value in weights.items()}, left

started = time.monotonic()
assert ended(start(root / "undisturbed"), 300) == 0
duration = time.monotonic() - started
chance, runs, kills, writes = random.Random(int(sys.argv[2])), 1, 0, 0
while kills < 10:  # at random moments; a run that gets through is followed by another
    status = ended(start(root / f"run{runs}"), chance.uniform(.05, .6) * duration)
    assert status in (None, 0), status
    kills += status is None
    runs += status == 0
assert ended(start(root / f"run{runs}"), 300) == 0
for write in (1, 2, 3, 4, 5, 9, 14):  # configuration, states, metrics
    writes += ended(start(root / f"write{write}", write), 300) == -signal.SIGKILL
    assert ended(start(root / f"write{write}"), 300) == 0
for leftover in (root / "checkpoint" / "run",):  # and while the finished checkpoint is written
    child = start(root / "checkpoint")
    assert ended(child, 300) == 0
    (leftover / "run.safetensors").unlink()
    writes += ended(start(root / "checkpoint", 2), 300) == -signal.SIGKILL
    assert not (leftover / "run.safetensors").exists()
    assert ended(start(root / "checkpoint"), 300) == 0
expected = results(root / "undisturbed")
for name in sorted(path.name for path in root.iterdir() if (path / "run").is_dir()):
    assert results(root / name) == expected, name
print(kills, writes, runs)
"""


@pytest.mark.slow
def test_killed_runs_end_with_the_weights_of_an_undisturbed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    kills, writes, runs = map(int, done.stdout.split())
    assert kills == 10
    assert writes == 8
    assert runs >= 1
