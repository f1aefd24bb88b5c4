"""What storing a trained network in float16 does to the scores of crops."""

from pathlib import Path

import numpy as np
import pytest
import torch

import asm_interp as asm
from asm_interp.data.planted import shapes_world

SHIPPED = asm.list_checkpoints().drop_duplicates("backbone").set_index("backbone")["path"]


@pytest.mark.parametrize("backbone", ["tiny", "squeezenet1_1"])
def test_scores_differ_by_less_than_a_hundredth_of_their_spread(backbone: str, tmp_path: Path) -> None:
    full = asm.load(SHIPPED[backbone])
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():  # back between the numbers that float16 has, as training left them
        for weight in full.parameters():
            weight.mul_(1 + (torch.rand(weight.shape, generator=generator) - 0.5) / 2**10)
    asm.save(full, tmp_path / "full.safetensors", {})
    asm.save(full, tmp_path / "half.safetensors", {}, half=True)
    assert (tmp_path / "half.safetensors").stat().st_size < 0.6 * (tmp_path / "full.safetensors").stat().st_size

    half = asm.load(tmp_path / "half.safetensors")
    for sample in shapes_world("test", n_photos=4):
        scores = asm.crop_scores(full.score_map(sample.photo), sample.boxes)
        difference = asm.crop_scores(half.score_map(sample.photo), sample.boxes) - scores
        assert 0 < np.abs(difference).max() < 0.01 * scores.std()
