"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

# Before anything imports pyplot: a terminal inside a notebook hands down its inline backend.
os.environ["MPLBACKEND"] = "Agg"

REPO = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run slow tests last, so that a mistake shows early."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder with the development data (`data/`, `weights/`), which no user's machine has."""
    folder = Path(os.environ.get("ASM_INTERP_SHARED", REPO.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"development data not here: set ASM_INTERP_SHARED to the folder that holds data/ (not {folder})")
    return folder
