"""Small sweeps from end to end; each run is a real process that trains."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import asm_interp as asm
from asm_interp.cli import app
from asm_interp.evaluation import bootstrap_interval
from asm_interp.model.checkpoint import read_card
from asm_interp.sweep.claims import machine
from asm_interp.sweep.grid import Axes, grid
from asm_interp.sweep.measures import MEASURES, map_measures
from asm_interp.sweep.runner import CLAIMS, run_sweep
from asm_interp.training.config import TrainConfig

pytestmark = pytest.mark.slow

SIZES = {"n_photos": 6, "photo_height": 32, "photo_width": 48, "n_crops": 12, "input_size": 32, "epochs": 1}
SIZES |= {"half": False}
BASE = TrainConfig(name="base", **SIZES)  # type: ignore[arg-type]
CONFIGS = grid(BASE, Axes(("grid:1x1", "cross-rectangle"), (0.1,)), [0, 1])
NAMES = [config.name for config in CONFIGS]
OPTIONS = ["--patterns", "grid:1x1,cross-rectangle", "--lambdas", "0.1", "--seeds", "0,1"]
OPTIONS += [part for key, value in SIZES.items() for part in ("--set", f"{key}={str(value).lower()}")]


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder of a sweep that two runners did together."""
    out = tmp_path_factory.mktemp("swept")
    failed: list[dict[str, str]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        runners = [
            threading.Thread(target=lambda: failed.append(run_sweep(CONFIGS, out, jobs=1, threads=1, quiet=True)))
            for _ in range(2)
        ]
        for runner in runners:
            runner.start()
        for runner in runners:
            runner.join()
        assert failed == [{}, {}]
        yield out


def sweep(out: Path) -> Result:
    return CliRunner().invoke(app, ["sweep", *OPTIONS, "--jobs", "2", "--threads", "1", "--out", str(out)])


def claims(out: Path) -> set[str]:
    return {path.name for path in (out / CLAIMS).iterdir()}


def test_two_runners_do_each_run_once(swept: Path) -> None:
    assert claims(swept) == {f"{name}.1.json" for name in NAMES}
    owners = [json.loads((swept / CLAIMS / f"{name}.1.json").read_text()) for name in NAMES]
    assert len({owner["pid"] for owner in owners}) == len(NAMES), "one process each"
    assert all("ended" in owner for owner in owners)


def test_finished_runs_are_skipped_and_tabled(swept: Path, tmp_path: Path) -> None:
    out = shutil.copytree(swept, tmp_path / "out")
    result = sweep(out)
    assert result.exit_code == 0, result.output
    assert claims(out) == claims(swept), "nothing was claimed again"

    runs, photos, summary = (pd.read_parquet(out / f"sweep-{name}.parquet") for name in ("runs", "photos", "summary"))
    about = ["run", "pattern", "lambda", "seed", "backbone", "data", "n_photos", "n_test", "epochs"]
    intervals = [name + end for name in MEASURES for end in ("", "_low", "_high")]
    assert list(runs) == [*about, *intervals, "seconds", "sha256", "library"]
    assert list(photos) == ["run", "pattern", "lambda", "seed", "photo", *MEASURES]
    assert runs["run"].tolist() == NAMES
    assert summary[["pattern", "lambda", "n_seeds"]].to_numpy().tolist() == [
        ["grid:1x1", 0.1, 2],
        ["cross-rectangle", 0.1, 2],
    ]
    pd.testing.assert_frame_equal(pd.read_csv(out / "sweep-runs.csv"), runs)


def test_row_is_that_of_the_checkpoint(swept: Path) -> None:
    for config in CONFIGS:
        folder = swept / config.name
        checkpoint = folder / f"{config.name}.safetensors"
        row = pd.read_parquet(folder / "result.parquet").loc[0]
        card = read_card(checkpoint)["metrics"]
        assert row["ranking_accuracy"] == pytest.approx(card["test_ranking_accuracy"])
        listed = subprocess.run(["sha256sum", checkpoint], capture_output=True, text=True, check=True)
        assert row["sha256"] == listed.stdout.split()[0]

        photos = pd.read_parquet(folder / "photos.parquet")
        world, model = config.world("test"), asm.load(checkpoint)
        assert photos["photo"].tolist() == [world[index].id for index in range(len(world))]
        own = pd.DataFrame([map_measures(model.score_map(world[index].photo)) for index in range(len(world))])
        np.testing.assert_allclose(photos[own.columns], own, rtol=1e-5)
        for measure in MEASURES:
            low_high = row[f"{measure}_low"], row[f"{measure}_high"]
            np.testing.assert_allclose(low_high, bootstrap_interval(photos[measure]), rtol=1e-12)


def test_one_channel_has_no_composition(swept: Path) -> None:
    flat, crossed = (pd.read_parquet(swept / name / "result.parquet").loc[0] for name in NAMES[:2])
    assert flat[["gauge_share", "corner_std", "corner_std_uncentred"]].isna().all()
    assert np.isfinite(flat["corner_avg"])
    assert crossed[list(MEASURES)].notna().all()


def test_broken_off_run_goes_on_and_failing_one_is_reported(swept: Path, tmp_path: Path) -> None:
    out = shutil.copytree(swept, tmp_path / "out")
    broken, foreign = NAMES[0], NAMES[3]
    before = pd.read_parquet(out / broken / "result.parquet")
    (out / broken / "result.parquet").unlink()
    (out / broken / f"{broken}.safetensors").unlink()
    with subprocess.Popen(["true"]) as gone:
        pass
    (out / CLAIMS / f"{broken}.1.json").write_text(json.dumps({"machine": machine(), "pid": gone.pid}))
    (out / foreign / "config.toml").write_text(CONFIGS[0].to_toml())

    result = sweep(out)
    assert result.exit_code == 1
    assert f"failed {foreign}: " in result.output
    assert "is of another run" in result.output
    assert "3 of 4 runs" in result.output
    assert claims(out) - claims(swept) == {f"{broken}.2.json", f"{foreign}.2.json"}
    after = pd.read_parquet(out / broken / "result.parquet")
    # The order of a safetensors header is left open, and so is the digest of the file.
    pd.testing.assert_frame_equal(after.drop(columns="sha256"), before.drop(columns="sha256"))
    assert "TrainingError" in (out / foreign / "log.txt").read_text()
    assert pd.read_csv(out / "sweep-runs.csv")["run"].tolist() == NAMES[:3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["table2"], "no sweep 'table2'; there are table1, figure5"),
        (["--lambdas", "0,x"], "--lambdas takes numbers separated by commas, got '0,x'"),
        (["--set", "epochs"], "--set is written like epochs=6, got 'epochs'"),
        (["--set", "epoch=6"], "epoch: "),
        (["--set", "data=subjects"], "needs root"),
    ],
)
def test_faults_of_the_command_are_named(arguments: list[str], message: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["sweep", *arguments, "--out", str(tmp_path / "out")], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert message in result.output
    assert os.listdir(tmp_path) == []  # noqa: PTH208
