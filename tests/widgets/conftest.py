"""Views under test raise what they show, as their guard does where the variable is set."""

import numpy as np
import numpy.typing as npt
import pytest
import torch

from asm_interp.geometry import patterns
from asm_interp.model.score_map import ScoreMap
from asm_interp.widgets.guard import ENVIRONMENT_VARIABLE
from asm_interp.widgets.score_maps import ScoreMaps


@pytest.fixture(autouse=True)
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "1")


@pytest.fixture
def photo() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


@pytest.fixture
def score_map() -> ScoreMap:
    """A map of the photo at half its size, with channels of unequal means."""
    values = torch.randn(12, 24, 32, generator=torch.Generator().manual_seed(0))
    return ScoreMap(values + torch.arange(12.0)[:, None, None] / 6, patterns.get("cross-rectangle"), (48, 64))


@pytest.fixture
def maps(photo: npt.NDArray[np.uint8], score_map: ScoreMap) -> ScoreMaps:
    """Score maps in which the photo has one under the name "hand"."""
    found = ScoreMaps()
    found.put(photo, "hand", score_map)
    return found
