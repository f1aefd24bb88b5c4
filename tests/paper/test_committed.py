"""The figures that the README shows are those of the checkpoints and data at hand."""

from pathlib import Path

import pytest

from asm_interp.paper.index import stale
from asm_interp.paper.registry import ENTRIES

REPO = Path(__file__).parents[2]


def test_committed_figures_are_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPO)
    changes = stale(REPO / "figures")
    assert {path.stem for path in changes} == set(ENTRIES)
    assert {path.stem: why for path, why in changes.items() if why} == {}
