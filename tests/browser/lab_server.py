"""Chromium, and the JupyterLab that `asm-interp lab` opens; for the browser tests and for benchmarks/browser.py."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
QUIET += ["--disable-background-networking", "--disable-component-update"]
ANNOUNCEMENTS = "@jupyterlab/apputils-extension:announcements"  # a pop-up with news would cover the page
PATIENCE = 120  # seconds for the server to answer
VIEWPORT = {"width": 1280, "height": 720}  # the smallest window that views are made for
MISSING = (
    "no Chromium here: `apt-get install chromium` or `.venv/bin/playwright install chromium`, "
    "then `make test ARGS=tests/browser`"
)


class NoChromium(RuntimeError):
    """There is no Chromium; the message says how to get one."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium, or Playwright's own, without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = next(filter(None, map(shutil.which, BROWSERS)), playwright.chromium.executable_path)
        if not Path(found).is_file():
            raise NoChromium(MISSING)
        browser = playwright.chromium.launch(executable_path=found, args=QUIET)
        yield browser
        browser.close()


@contextmanager
def jupyter_lab(folder: Path, home: Path, program: tuple[str, ...] = ("asm-interp", "lab")) -> Iterator[str]:
    """Address of a JupyterLab in `folder`, on the loopback, without a token and without the user's settings."""
    (home / "labconfig").mkdir(parents=True)
    (home / "labconfig" / "page_config.json").write_text(json.dumps({"disabledExtensions": {ANNOUNCEMENTS: True}}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name(program[0])), *program[1:], "--no-browser", "--allow-root"]
    command += ["--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token="]
    command += ["--LabApp.extension_manager=readonly", "--expose-app-in-browser"]
    environ = {key: value for key, value in os.environ.items() if key not in ("ASM_INTERP_STRICT", "MPLBACKEND")}
    environ |= {f"JUPYTER_{kind}_DIR": str(home) for kind in ("CONFIG", "DATA", "RUNTIME")}
    environ |= {"IPYTHONDIR": str(home / "ipython")}
    log = home / "server.log"
    with log.open("w") as said:
        server = subprocess.Popen(command, cwd=folder, env=environ, stdout=said, stderr=said)
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_for(f"{url}/api/status", server, log)
            yield url
        finally:
            server.terminate()
            server.wait(timeout=PATIENCE)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")
