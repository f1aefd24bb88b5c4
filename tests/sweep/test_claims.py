import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from asm_interp.sweep import claims as module
from asm_interp.sweep.claims import Claims, machine


def until(condition: object, seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


def claim_of(folder: Path, task: str, **owner: object) -> Path:
    path = folder / f"{task}.1.json"
    path.write_text(json.dumps({"machine": machine(), "pid": os.getpid(), **owner}))
    return path


def dead_pid() -> int:
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


def test_claim_is_exclusive_and_ends_with_the_context(tmp_path: Path) -> None:
    claims = Claims(tmp_path)
    assert claims.next_number("a") == 1
    with claims.hold("a", 1) as mine:
        assert mine
        assert claims.next_number("a") is None
        assert claims.next_number("a.1") == 1, "another task, though its name begins alike"
        with Claims(tmp_path).hold("a", 1) as also_mine:
            assert not also_mine
        assert claims.next_number("a") is None, "the loser must not end the winner's claim"
    assert claims.next_number("a") == 2
    owner = json.loads((tmp_path / "a.1.json").read_text())
    assert owner["pid"] == os.getpid()
    assert owner["began"] <= owner["ended"]


def test_claim_ends_with_an_error(tmp_path: Path) -> None:
    claims = Claims(tmp_path)
    with pytest.raises(KeyboardInterrupt), claims.hold("a", 1):
        raise KeyboardInterrupt
    assert claims.next_number("a") == 2


def test_of_many_at_once_one_gets_it(tmp_path: Path) -> None:
    start, leave = threading.Barrier(8), threading.Event()
    got = []

    def take() -> None:
        start.wait()
        with Claims(tmp_path).hold("a", 1) as mine:
            got.append(mine)
            leave.wait(10)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert until(lambda: len(got) == 8)
    leave.set()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False] * 7 + [True]


def test_claim_of_a_dead_process_is_over(tmp_path: Path) -> None:
    claim_of(tmp_path, "a", pid=dead_pid())
    claim_of(tmp_path, "b")
    assert Claims(tmp_path).next_number("a") == 2
    assert Claims(tmp_path).next_number("b") is None


@pytest.mark.parametrize("content", ["elsewhere", "unwritten"])
def test_unknown_owner_is_trusted_while_the_claim_is_touched(tmp_path: Path, content: str) -> None:
    path = claim_of(tmp_path, "a", machine="elsewhere", pid=dead_pid())
    if content == "unwritten":
        path.write_text("")
    claims = Claims(tmp_path, patience=0.1)
    assert claims.next_number("a") is None, "never seen before"
    for second in (1, 2):
        time.sleep(0.15)
        os.utime(path, (second, second))  # long ago on this machine's clock, which does not matter
        assert claims.next_number("a") is None
    time.sleep(0.15)
    assert claims.next_number("a") == 2


def test_holder_shows_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT", 0.1)
    with Claims(tmp_path).hold("a", 1):
        path = tmp_path / "a.1.json"
        os.utime(path, (1, 1))
        assert until(lambda: path.stat().st_mtime > 1)


def test_holder_ends_with_its_parent(tmp_path: Path) -> None:
    script = tmp_path / "runner.py"
    script.write_text("""
import sys, time
from multiprocessing import get_context
from pathlib import Path
from asm_interp.sweep.claims import Claims

def work(folder):
    with Claims(folder).hold("a", 1):
        time.sleep(60)

if __name__ == "__main__":
    process = get_context("spawn").Process(target=work, args=(Path(sys.argv[1]),))
    process.start()
    process.join()
""")
    claims, path = Claims(tmp_path), tmp_path / "a.1.json"
    with subprocess.Popen([sys.executable, script, tmp_path]) as runner:
        assert until(lambda: path.is_file() and path.read_text())
        assert claims.next_number("a") is None
        assert json.loads(path.read_text())["pid"] != runner.pid
        runner.send_signal(signal.SIGKILL)
    assert until(lambda: claims.next_number("a") == 2)
