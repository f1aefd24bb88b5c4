"""One JupyterLab for all browser tests, a Chromium for each module, a page for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .lab_server import VIEWPORT, NoChromium, chromium, jupyter_lab
from .notebook_page import NotebookPage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


# One for each module: while Playwright runs, asyncio holds its loop for the running one, which other tests need free.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    try:
        with chromium() as found:
            yield found
    except NoChromium as error:
        pytest.skip(str(error))


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder for screenshots: ASM_INTERP_ARTIFACTS, or a temporary one."""
    folder = Path(os.environ.get("ASM_INTERP_ARTIFACTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def lab_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that JupyterLab runs in; `asm-interp lab` copies the notebooks to it."""
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="session")
def lab_url(lab_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with jupyter_lab(lab_folder, tmp_path_factory.mktemp("jupyter") / "home") as url:
        yield url


@pytest.fixture
def notebook(page: Page, lab_url: str, artifacts: Path) -> Iterator[NotebookPage]:
    """JupyterLab in a page; whatever the browser complained of fails the test, and its kernel is shut down."""
    lab = NotebookPage(page, lab_url, artifacts)
    yield lab
    lab.shut_down()
    with (artifacts / "interactions.txt").open("a") as log:
        log.write(f"{lab.name}: {lab.actions}\n")
    assert lab.complaints == []
