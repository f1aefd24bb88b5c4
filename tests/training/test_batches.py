from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from asm_interp.data.photo import resize_photo
from asm_interp.data.planted import PlantedWorld, shapes_world
from asm_interp.data.saliency import spectral_residual
from asm_interp.data.scenes import ShapeScenes
from asm_interp.geometry import patterns
from asm_interp.geometry.boxes import Size
from asm_interp.model.asmnet import network_input
from asm_interp.model.pooling import composition_pool
from asm_interp.training.batches import Batch, TrainingSet, epoch_plan
from asm_interp.training.inputs import NetworkPhotos, cache_folder
from asm_interp.training.losses import ranking_loss

SIZES: list[Size] = [(32, 64)] * 7 + [(64, 32)] * 5 + [(32, 32)] * 3


@dataclass(frozen=True)
class Crops:
    """A sample with as many boxes as there are scores."""

    id: str
    photo: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray


def world(n: int = 6, n_crops: int = 5) -> PlantedWorld:
    return PlantedWorld(ShapeScenes(n, (40, 60), seed=1), n_crops=n_crops)


def batch_of(data, *, flip: bool = False, saliency: bool = False, cache: Path | None = None, epoch: int = 0) -> Batch:
    plan = [list(range(len(data)))]
    photos = NetworkPhotos(data, 32, with_saliency=saliency, cache=cache)
    return TrainingSet(photos, plan, seed=0, epoch=epoch, flip=flip)[0]


@pytest.mark.parametrize("batch_size", [1, 2, 4, 100])
def test_plan_takes_each_photo_once_and_one_size_per_batch(batch_size: int) -> None:
    for epoch in range(5):
        plan = epoch_plan(SIZES, batch_size, 0, epoch)
        assert Counter(index for batch in plan for index in batch) == Counter(range(15))
        assert all(len({SIZES[index] for index in batch}) == 1 for batch in plan)
        full = sum(count // batch_size for count in Counter(SIZES).values())
        assert [len(batch) == batch_size for batch in plan].count(True) == full
        assert len(plan) == sum(-(-count // batch_size) for count in Counter(SIZES).values())


def test_plan_depends_on_seed_and_epoch_alone() -> None:
    plans = [epoch_plan(SIZES, 4, seed, epoch) for seed in range(3) for epoch in range(3)]
    assert plans == [epoch_plan(SIZES, 4, seed, epoch) for seed in range(3) for epoch in range(3)]
    assert len({str(plan) for plan in plans}) == 9
    firsts = Counter(SIZES[epoch_plan(SIZES, 4, 0, epoch)[0][0]] for epoch in range(60))
    assert len(firsts) == 3  # the sizes take turns in being first


def test_batch_in_map_pixels() -> None:
    data = world()
    batch = batch_of(data)
    assert batch.images.shape == (6, 3, 32, 64)  # 32 × 48 to multiples of 32
    assert batch.saliency.numel() == 0
    scale = np.array([64 / 60, 32 / 40, 64 / 60, 32 / 40])
    for index in range(6):
        sample = data[index]
        torch.testing.assert_close(batch.images[index], network_input(sample.photo, (32, 64)))
        np.testing.assert_allclose(batch.boxes[index], sample.boxes * scale)
        np.testing.assert_array_equal(batch.scores[index], sample.scores)


def test_mirrored_photos_keep_what_their_crops_hold() -> None:
    plain, mirrored = batch_of(world(20)), batch_of(world(20), flip=True)
    turned = [not torch.equal(a, b) for a, b in zip(plain.images, mirrored.images, strict=True)]
    assert 4 < sum(turned) < 16
    for index in np.flatnonzero(turned):
        assert torch.equal(mirrored.images[index], plain.images[index].flip(-1))
    pattern = patterns.from_labels([[0, 1, 2]], "columns")  # its mirror image reads the channels backwards
    held = composition_pool(plain.images, plain.boxes, pattern)
    same = composition_pool(mirrored.images, mirrored.boxes, pattern)
    backwards = composition_pool(mirrored.images.flip(1), mirrored.boxes, pattern)
    for index in range(20):
        expected = backwards if turned[index] else same
        torch.testing.assert_close(expected[index], held[index], rtol=1e-5, atol=1e-5)
    assert torch.equal(mirrored.scores, plain.scores)


def test_which_photos_are_mirrored_depends_on_the_epoch() -> None:
    boxes = [batch_of(world(20), flip=True, epoch=epoch).boxes for epoch in (0, 0, 1)]
    assert torch.equal(boxes[0], boxes[1])
    assert not torch.equal(boxes[0], boxes[2])


def test_photos_with_fewer_crops_are_padded() -> None:
    photo = np.zeros((32, 32, 3), np.uint8)
    boxes = np.array([[0, 0, 20, 20], [0, 4, 30, 32], [8, 8, 32, 32]], float)
    data = [Crops(str(k), photo, boxes[:k], np.arange(k, dtype=float)) for k in (3, 1, 2)]
    batch = batch_of(data)
    assert batch.boxes.shape == (3, 3, 4)
    assert batch.scores.isnan().tolist() == [[False] * 3, [False, True, True], [False, False, True]]
    assert batch.boxes[1].tolist() == [boxes[0].tolist()] * 3
    alone = [ranking_loss(torch.zeros(1, k), torch.arange(k)[None].double(), reduction="sum") for k in (3, 1, 2)]
    assert ranking_loss(torch.zeros(3, 3), batch.scores, reduction="sum") == sum(alone) / 3


def test_saliency_is_the_photos_own_and_turns_with_it(tmp_path: Path) -> None:
    data = world(8)
    plain = batch_of(data, saliency=True, cache=tmp_path)
    mirrored = batch_of(data, saliency=True, cache=tmp_path, flip=True)
    assert plain.saliency.shape == (8, 32, 64)
    assert len(list(tmp_path.iterdir())) == 8
    for index in range(8):
        expected = resize_photo(spectral_residual(data[index].photo), (32, 64))
        assert np.corrcoef(plain.saliency[index].ravel(), expected.ravel())[0, 1] > 0.97
        turned = not torch.equal(plain.images[index], mirrored.images[index])
        expected = plain.saliency[index].flip(-1) if turned else plain.saliency[index]
        assert torch.equal(mirrored.saliency[index], expected)


def test_saliency_goes_to_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "asm_interp"
    batch_of(world(2), saliency=True)
    assert len(list((tmp_path / "asm_interp").iterdir())) == 2
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "asm_interp"


def test_batch_moves_whole() -> None:
    moved = batch_of(world(2)).to(torch.device("meta"))
    assert {part.device.type for part in (moved.images, moved.boxes, moved.scores, moved.saliency)} == {"meta"}


def test_colours_vary_with_the_seed_and_the_epoch_alone() -> None:
    def images(seed: int, epoch: int, recolour: bool) -> list[torch.Tensor]:
        photos = NetworkPhotos(shapes_world(n_photos=4, size=(32, 40)), 32, once=True)
        plan = [[index] for index in range(4)]
        batches = TrainingSet(photos, plan, seed=seed, epoch=epoch, flip=False, recolour=recolour)
        return [batches[step].images for step in range(4)]

    plain, first, again, other = (
        images(*choice) for choice in [(1, 0, False), (1, 0, True), (1, 0, True), (1, 1, True)]
    )
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, plain, strict=True))
