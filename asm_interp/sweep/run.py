"""One run of a sweep: trained, measured, and kept in its folder."""

from __future__ import annotations

import csv
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from asm_interp.files import write_atomically
from asm_interp.sweep.claims import Claims
from asm_interp.training.config import TrainConfig, read_config

if TYPE_CHECKING:
    import pandas as pd

RESULT, PHOTOS, LOG = "result.parquet", "photos.parquet", "log.txt"
"""Files of a run's folder beside those of its training: its row of the table, one row for each photo, what it said."""

FAILED, BUSY = 1, 3
"""Exit codes of a run's process: it failed; somebody else is at it."""


def is_finished(config: TrainConfig, out: Path) -> bool:
    """Whether this very run, with this configuration, was trained and measured."""
    from asm_interp.training.loop import CONFIG

    result, own = out / config.name / RESULT, out / config.name / CONFIG
    return result.is_file() and own.is_file() and read_config(own) == config


def perform(config: TrainConfig, out: Path) -> None:
    """Train, or go on training, and measure; the result is written last.

    Parameters
    ----------
    config : TrainConfig
    out : path
        The run's folder is ``out / config.name``.

    Raises
    ------
    TrainingError, OSError, ValueError
        As `asm_interp.training.loop.train` and `asm_interp.evaluation.evaluate`.
    """
    import pandas as pd

    from asm_interp.sweep.measures import measure_photos, run_row
    from asm_interp.training.loop import METRICS, train

    folder = out / config.name
    checkpoint = train(config, out, resume=True, quiet=True)
    with (folder / METRICS).open(newline="", encoding="utf-8") as file:
        seconds = sum(float(row["seconds"]) for row in csv.DictReader(file))
    photos = measure_photos(config, checkpoint)
    row = run_row(config, checkpoint, photos, seconds)
    run = pd.DataFrame([row])
    own = run[["run", "pattern", "lambda", "seed"]].merge(photos.reset_index(names="photo"), how="cross")
    write_atomically(folder / PHOTOS, own.to_parquet(index=False))
    write_atomically(folder / RESULT, run.to_parquet(index=False))


def read_result(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A finished run's row, and the rows of its photos."""
    import pandas as pd

    return pd.read_parquet(folder / RESULT), pd.read_parquet(folder / PHOTOS)


def work(config: TrainConfig, out: Path, claims: Claims, number: int, threads: int) -> None:
    """Body of a run's process: claim, perform, and leave everything said in the run's log.

    Ends the process with `BUSY` if the claim is another's, with `FAILED` if the run fails; the log's last line then
    says why.
    """
    with claims.hold(config.name, number) as mine:
        if not mine:
            sys.exit(BUSY)
        log = out / config.name / LOG
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            # The descriptors, for what libraries and their own processes print.
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        try:
            _perform_unless_finished(config, out, threads)
        except Exception:
            traceback.print_exc()
            sys.exit(FAILED)


def _perform_unless_finished(config: TrainConfig, out: Path, threads: int) -> None:
    if is_finished(config, out):  # by another, between the runner's look and the claim
        return
    import torch

    torch.set_num_threads(threads)
    perform(config, out)


def last_words(config: TrainConfig, out: Path) -> str:
    """Last line of a run's log, empty if there is none."""
    log = out / config.name / LOG
    lines = log.read_text("utf-8", "replace").split("\n") if log.is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
