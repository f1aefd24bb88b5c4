"""Who works on which task, in a folder that several processes and machines share."""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Any

from asm_interp.files import write_atomically

BEAT = 20.0
"""Seconds between two signs of life of a claim."""

PATIENCE = 300.0
"""Seconds without one after which another machine's claim counts as abandoned."""


class Claims:
    """The claims in a folder, as one process sees them.

    The claims on a task are numbered files, ``<task>.1.json``, ``<task>.2.json``, ..., and the last one counts. Each
    is made exclusively and never removed, so that of all who find a claim abandoned exactly one succeeds in making
    the next. A claim is over when its owner says so, when its owner's process on this machine is gone, or when its
    file has not been touched for `patience` seconds while it was watched. Only changes of the time of last touch
    count, so that clocks of different machines need not agree.

    Parameters
    ----------
    folder : path
    patience : float
        In seconds.
    """

    def __init__(self, folder: Path, patience: float = PATIENCE) -> None:
        self.folder, self.patience = Path(folder), patience
        self._seen: dict[Path, tuple[int, float]] = {}

    def next_number(self, task: str) -> int | None:
        """Number that the next claim on a task takes; None while somebody works on it."""
        last = 0
        while self._path(task, last + 1).is_file():
            last += 1
        return last + 1 if not last or self._is_over(self._path(task, last)) else None

    def _path(self, task: str, number: int) -> Path:
        return self.folder / f"{task}.{number}.json"

    def _is_over(self, path: Path) -> bool:
        owner = _read(path)
        if "ended" in owner:
            return True
        if owner.get("machine") == machine() and not _is_alive(owner["pid"]):
            return True
        touched, now = path.stat().st_mtime_ns, time.monotonic()
        before, since = self._seen.get(path, (None, now))
        self._seen[path] = touched, since if touched == before else now
        return touched == before and now - since > self.patience

    @contextmanager
    def hold(self, task: str, number: int) -> Iterator[bool]:
        """Claim a task for this process while the context lasts; yields False if another was faster.

        A thread touches the claim meanwhile. If the process is a child, that thread ends it together with its
        parent: work that nobody waits for would keep others from it.
        """
        path = self._path(task, number)
        self.folder.mkdir(parents=True, exist_ok=True)
        owner = {"machine": machine(), "pid": os.getpid(), "began": _now()}
        try:
            with path.open("x", encoding="utf-8") as file:
                json.dump(owner, file)
        except FileExistsError:
            yield False
            return
        done = threading.Event()
        thread = threading.Thread(target=_beat, args=(path, done), daemon=True)
        thread.start()
        try:
            yield True
        finally:
            done.set()
            thread.join()
            write_atomically(path, json.dumps(owner | {"ended": _now()}))


def machine() -> str:
    """Name of this machine since it was started; process numbers mean something within it only."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{platform.node()} {boot.read_text('ascii').strip()}" if boot.is_file() else platform.node()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _beat(path: Path, done: threading.Event) -> None:
    parent = parent_process()
    while not done.is_set():
        os.utime(path)
        started = time.monotonic()
        while not done.wait(0.2) and time.monotonic() - started < BEAT:
            if parent is not None and connection.wait([parent.sentinel], 0):
                os._exit(1)  # all files are whole at any moment


def _read(path: Path) -> dict[str, Any]:
    """Owner of a claim; empty while it is being written."""
    try:
        owner = json.loads(path.read_text("utf-8"))
    except ValueError:
        return {}
    return owner if isinstance(owner, dict) else {}


def _is_alive(pid: int) -> bool:
    if os.name == "nt":  # where asking would end the process: its signs of life must do
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
