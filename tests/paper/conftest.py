"""Small photos, so that every figure draws in a moment."""

from pathlib import Path

import pytest
from PIL import Image

from asm_interp.data.photo import resize_photo, sample_photos


@pytest.fixture(scope="session")
def small_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with three small photographs."""
    folder = tmp_path_factory.mktemp("photos")
    for name in ("chelsea", "coffee", "flower"):
        Image.fromarray(resize_photo(sample_photos()[name], (64, 96))).save(folder / f"{name}.png")
    return folder
