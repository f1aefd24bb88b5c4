"""Pages for people without Python: what views export, and the gallery, opened with the network off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from asm_interp import widgets
from asm_interp.audit.bench import Bench
from asm_interp.gallery import build_gallery

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

VIEWS = {
    "attribution": lambda: computed(widgets.AttributionExplorer("coffee", "shapes-lambda-0.1")),
    "audit": lambda: widgets.AuditExplorer(bench=Bench.make("shapes", 3)),
    "bias": lambda: widgets.BiasExplorer(n_photos=5, resamples=20),
    "compare": lambda: widgets.CompareCrops("coffee", "shapes-lambda-0.1"),
    "crop": lambda: widgets.CropCanvas("flower", "shapes-lambda-0.1"),
    "lambda": lambda: widgets.LambdaExplorer("coffee", "shapes-300"),
    "partition": lambda: widgets.PartitionExplorer("coffee", "shapes-lambda-0.1"),
    "pattern": lambda: widgets.PatternExplorer("coffee", "shapes-300-lambda-0.1"),
    "ranked": widgets.RankedCrops,
    "theta": lambda: widgets.ThetaExplorer("coffee", "shapes-lambda-0.1"),
}
QUESTION = "# A title\n\n**Question.** Does it open?"
CODE = """
from asm_interp.widgets import CropCanvas
CropCanvas("flower", "shapes-lambda-0.1")
"""


def computed(view: widgets.AttributionExplorer) -> widgets.AttributionExplorer:
    """The view with three methods computed, each of which is a step of its page."""
    view.run("integrated gradients", "grad-cam", "feature ablation")
    return view


@pytest.fixture
def offline(browser: Browser) -> Iterator[Page]:
    """A page without a network; asking for anything but files, and any complaint of the browser, fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, offline=True)
    page, wrong = context.new_page(), []
    page.on("request", lambda request: request.url.startswith(("file:", "data:")) or wrong.append(request.url))
    page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    context.close()
    assert wrong == []


@pytest.mark.parametrize("name", VIEWS)
def test_exported_view_moves_without_a_network(name: str, offline: Page, tmp_path: Path, artifacts: Path) -> None:
    path = VIEWS[name]().to_html(tmp_path / f"{name}.html")
    offline.goto(path.as_uri())
    picture, slider = offline.locator("#picture"), offline.locator("input[type=range]")
    assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
    seen, told = set(), set()
    for key in ("Home", "ArrowRight", "ArrowRight", "End"):  # the first two may be the same crop
        slider.press(key)
        offline.wait_for_function("() => document.getElementById('picture').naturalWidth > 0")
        seen.add((picture.get_attribute("src"), offline.locator("#readout").inner_text()))
        told.add(offline.locator("#provenance").text_content())
        assert offline.locator("#numbers td").count() > 0
    assert len(seen) >= 3, "each step has its own picture and numbers"
    assert len(told) >= 3, "each step says where it comes from"
    assert picture.get_attribute("alt")
    offline.screenshot(path=artifacts / f"export-{name}.png")


def test_gallery_shows_views_without_a_network(offline: Page, tmp_path: Path, artifacts: Path) -> None:
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    cells = [new_markdown_cell(QUESTION), new_code_cell(CODE)]
    nbformat.write(new_notebook(cells=cells, metadata=kernel), tmp_path / "one.ipynb")
    index = build_gallery([tmp_path / "one.ipynb"], tmp_path / "gallery")[-1]
    offline.goto(index.as_uri())
    assert "Does it open?" in offline.locator("li").inner_text()
    offline.get_by_role("link", name="A title").click()
    picture = offline.locator(".jp-OutputArea-output img")
    assert picture.evaluate("image => image.naturalWidth") > 400
    assert "score" in str(picture.get_attribute("alt"))
    offline.screenshot(path=artifacts / "gallery-page.png", full_page=True)


def test_gallery_refuses_a_notebook_whose_view_failed(tmp_path: Path) -> None:
    code = "import ipywidgets\nipywidgets.HTML('<p role=\"alert\">no such photo</p>')"
    nbformat.write(new_notebook(cells=[new_markdown_cell(QUESTION), new_code_cell(code)]), tmp_path / "bad.ipynb")
    with pytest.raises(ValueError, match=r"bad\.ipynb: no such photo"):
        build_gallery([tmp_path / "bad.ipynb"], tmp_path / "gallery")
