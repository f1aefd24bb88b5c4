"""The cache of score maps."""

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from asm_interp.analysis.null_maps import random_head
from asm_interp.analysis.theta import theta_maps
from asm_interp.data.photo import sample_photos
from asm_interp.model.asmnet import ASMNet
from asm_interp.model.checkpoint import CheckpointError, load, save
from asm_interp.model.score_map import ScoreMap
from asm_interp.widgets.score_maps import ScoreMaps, shared_maps

Photo = npt.NDArray[np.uint8]


def test_a_photo_passes_the_network_once(monkeypatch: pytest.MonkeyPatch) -> None:
    maps, photo = ScoreMaps(), sample_photos()["coffee"]
    first = maps.get(photo, "shapes-lambda-0")
    assert np.array_equal(first.values, load("shapes-lambda-0").score_map(photo).values)
    monkeypatch.setattr(maps, "model", lambda name: pytest.fail("asked again"))
    assert maps.get(photo.copy(), "shapes-lambda-0") is first
    assert maps.has(photo, "shapes-lambda-0")
    other = photo.copy()
    other[0, 0, 0] ^= 1
    assert not maps.has(other, "shapes-lambda-0")


def test_theta_maps_are_those_of_the_map_and_kept(maps: ScoreMaps, photo: Photo, score_map: ScoreMap) -> None:
    for center in ("none", "channel"):
        found = maps.theta(photo, "hand", center)
        assert np.array_equal(found.std, theta_maps(score_map, center).std)
        assert maps.theta(photo, "hand", center) is found


def test_the_longest_unused_is_dropped_when_room_runs_out(score_map: ScoreMap) -> None:
    photos = [np.full((48, 64, 3), shade, np.uint8) for shade in range(3)]
    maps = ScoreMaps(max_bytes=2 * score_map.values.nbytes)
    maps.put(photos[0], "hand", score_map)
    maps.put(photos[1], "hand", score_map)
    maps.get(photos[0], "hand")
    maps.put(photos[2], "hand", score_map)
    assert [maps.has(photo, "hand") for photo in photos] == [True, False, True]
    assert maps.n_bytes <= maps.max_bytes


def test_a_map_of_another_photo_and_an_unknown_checkpoint_are_refused(score_map: ScoreMap, photo: Photo) -> None:
    with pytest.raises(ValueError, match="the map is of a photo of"):
        ScoreMaps().put(photo[:40], "hand", score_map)
    with pytest.raises(CheckpointError, match="no checkpoint 'nowhere'"):
        ScoreMaps().get(photo, "nowhere")


def test_a_checkpoint_that_was_written_anew_is_read_again(photo: Photo, tmp_path: Path) -> None:
    maps, path = ScoreMaps(), tmp_path / "model.safetensors"
    for seed in (0, 1):
        torch.manual_seed(seed)
        save(ASMNet("tiny", "grid:2x2", input_size=32), path, {})
        assert not maps.has(photo, path)
        model = load(path)
        assert torch.equal(maps.get(photo, path).values, model.score_map(photo).values)
        assert np.array_equal(maps.theta(photo, path).avg, theta_maps(model.score_map(photo)).avg)
        assert torch.equal(maps.model(path).bias, model.bias)
        null = random_head(model).score_map(photo)
        assert torch.equal(maps.get(photo, path, "random head").values, null.values)
        assert maps.sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
        assert maps.get(photo, path) is maps.get(photo, str(path))


def test_views_share_one_cache_by_default() -> None:
    assert shared_maps() is shared_maps()
