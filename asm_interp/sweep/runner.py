"""The sweep itself: runs side by side, each in its own process, until every one is finished or has failed."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from asm_interp.sweep.claims import PATIENCE, Claims
from asm_interp.sweep.run import BUSY, is_finished, last_words, work
from asm_interp.training.config import TrainConfig

CLAIMS = "claims"
"""Folder of the claims, beside those of the runs."""

_GLANCE = 2.0  # seconds between two looks at what others do


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_sweep(
    configs: Sequence[TrainConfig],
    out: Path,
    *,
    jobs: int | None = None,
    threads: int | None = None,
    quiet: bool = False,
    patience: float = PATIENCE,
) -> dict[str, str]:
    """Do all runs that are not finished; return when none is left to do, here or elsewhere.

    Several processes, on several machines, may do this with the same runs and the same folder: each run is done
    once. What was broken off goes on after its last finished epoch. A run that fails does not stop the others, and
    is not tried again by this call.

    Parameters
    ----------
    configs : sequence of TrainConfig
        With distinct names; all paths in them the same on every machine.
    out : path
        Folder that all share.
    jobs : int, optional
        Runs at a time; half the cores unless given.
    threads : int, optional
        Of each run; the cores shared out among the jobs unless given.
    quiet : bool
        No progress bar.
    patience : float
        Seconds without a sign of life after which another machine's run is taken over.

    Returns
    -------
    dict of str to str
        Runs that failed, and why.
    """
    out = Path(out).resolve()
    jobs = jobs or max(1, cores() // 2)
    threads = threads or max(1, cores() // jobs)
    claims = Claims(out / CLAIMS, patience)
    spawn = multiprocessing.get_context("spawn")
    waiting = list(configs)
    running: dict[SpawnProcess, TrainConfig] = {}
    failed: dict[str, str] = {}
    with _progress(len(configs), quiet) as show, _ended_with(running):
        while waiting or running:
            for process in [process for process in running if not process.is_alive()]:
                config = running.pop(process)
                if process.exitcode == BUSY:
                    waiting.append(config)
                elif process.exitcode or not is_finished(config, out):
                    failed[config.name] = _fault(process.exitcode, last_words(config, out))
                    show(f"[red]failed[/] {escape(config.name)}: {escape(failed[config.name])}", 1)
                else:
                    show(f"{escape(config.name)} finished", 1)
            for config in list(waiting):
                if is_finished(config, out):
                    waiting.remove(config)
                    show(f"{escape(config.name)} was finished", 1)
                elif len(running) < jobs and (number := claims.next_number(config.name)) is not None:
                    waiting.remove(config)
                    process = spawn.Process(target=work, args=(config, out, claims, number, threads), name=config.name)
                    process.start()
                    running[process] = config
            if waiting or running:
                show(", ".join(config.name for config in running.values()) or "waiting for other machines", 0)
                wait([process.sentinel for process in running], _GLANCE)
    return failed


def _fault(exitcode: int | None, words: str) -> str:
    if exitcode is not None and exitcode < 0:
        return f"its process was ended by signal {-exitcode}"
    return words or f"its process ended with code {exitcode}"


@contextmanager
def _ended_with(running: dict[SpawnProcess, TrainConfig]) -> Iterator[None]:
    """End the processes that are left when the context is, as by Ctrl-C."""
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.join()


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Callable[[str, int], None]]:
    """A bar over the runs, and a line for each that ends; yields a function of what to say and how many ended."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[running]}"),
    )
    with Progress(*columns, console=Console(stderr=True, quiet=quiet)) as bar:
        task = bar.add_task("runs", total=total, running="")

        def show(what: str, ended: int) -> None:
            if ended:
                bar.update(task, advance=ended)
                bar.console.print(what, highlight=False, soft_wrap=True)
            else:
                bar.update(task, running=what)

        yield show
