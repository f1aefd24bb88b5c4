"""The figures that the README shows are those of the checkpoints and data at hand."""

from pathlib import Path

import pandas as pd
import pytest
from matplotlib.testing.compare import compare_images

from asm_interp.paper.index import stale
from asm_interp.paper.inputs import Inputs
from asm_interp.paper.registry import ENTRIES, entries
from asm_interp.paper.run import draw_paper

REPO = Path(__file__).parents[2]


def test_committed_figures_are_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # from whatever folder it is asked
    changes = stale(REPO / "figures")
    assert {path.stem for path in changes} == set(ENTRIES)
    assert {path.stem: why for path, why in changes.items() if why} == {}


@pytest.mark.slow
def test_figures_drawn_again_look_the_same(tmp_path: Path) -> None:
    """The few whose pixels hang on our drawing alone: guides, patterns, and one score map of a shipped model."""
    names = ["fig1", "fig3", "fig4"]
    assert draw_paper(entries(names), Inputs(), tmp_path, formats=["png"]).failed == {}
    for name in names:
        committed, again = (folder / "paper" / f"{name}.png" for folder in (REPO / "figures", tmp_path))
        # Root mean square of 255; another machine's rounding moves a contour by a pixel.
        assert compare_images(str(committed), str(again), tol=2.0) is None
        tables = [pd.read_csv(path.with_suffix(".csv")) for path in (committed, again)]
        pd.testing.assert_frame_equal(*tables, rtol=1e-3, atol=1e-4)
