import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from asm_interp.data import cache as caches
from asm_interp.data.planted import SubjectPhotos
from asm_interp.model.checkpoint import read_card
from asm_interp.training.config import TrainConfig
from asm_interp.training.inputs import NetworkPhotos
from asm_interp.training.loop import train


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def gaicd(tmp_path: Path) -> Path:
    """Three train photos of which one is missing, one test photo, and crops up to the edge."""
    root = tmp_path / "gaicd"
    (root / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    boxes = [[0, 0, 96, 64], [8, 5, 88, 59], [40, 27, 96, 64], [0, 0, 48, 32]]
    crops = {f"{name}.jpg": {"bbox": boxes, "score": [4, 3, 2, 1]} for name in "abcd"}
    for name in "abd":
        Image.fromarray(rng.integers(0, 256, (64, 96, 3), dtype=np.uint8)).save(root / "images" / f"{name}.jpg")
    (root / "image_crop.json").write_text(json.dumps(crops))
    (root / "original_data_split.json").write_text(
        json.dumps({"train": ["a.jpg", "b.jpg", "c.jpg"], "test": ["d.jpg"]})
    )
    return root


def config(root: Path, **options: object) -> TrainConfig:
    return TrainConfig(**{"name": "run", "data": "gaicd", "root": root, "input_size": 32, "epochs": 2, **options})


def test_trains_on_the_photos_that_are_there(tmp_path: Path, gaicd: Path) -> None:
    with pytest.warns(UserWarning, match=r"gaicd: 1 of 3 train photos are missing and left out"):
        path = train(config(gaicd, lr=1e-3), tmp_path, quiet=True)
    card = read_card(path)
    assert (card["data"], card["photos"]) == ("gaicd", 2)
    assert "world" not in card
    assert card["metrics"]["n_photos"] == 1
    assert 0 <= card["metrics"]["test_ranking_accuracy"] <= 1


def test_no_photo_at_all(tmp_path: Path, gaicd: Path) -> None:
    for path in (gaicd / "images").iterdir():
        path.unlink()
    with (
        pytest.warns(UserWarning, match="3 of 3 train photos"),
        pytest.raises(ValueError, match="expected photos of gaicd in its split train"),
    ):
        train(config(gaicd), tmp_path, quiet=True)


@pytest.mark.parametrize("memory", [0, 1e9])
def test_second_time_decodes_nothing(gaicd: Path, monkeypatch: pytest.MonkeyPatch, memory: float) -> None:
    photos = NetworkPhotos(config(gaicd).photos("train"), 32, with_saliency=True, memory=memory)
    assert [photos.size(index) for index in range(len(photos))] == [(32, 64)] * 2
    first = [photos[index] for index in range(2)]
    np.testing.assert_allclose(
        first[0].boxes,
        np.array([[0, 0, 64, 32], [16 / 3, 2.5, 176 / 3, 29.5], [80 / 3, 13.5, 64, 32], [0, 0, 32, 16]]),
    )
    monkeypatch.setattr(caches, "read_photo", None)
    for index, photo in enumerate(first):
        again = photos[index]
        assert (again is photo) == (memory > 0)
        for part in ("image", "boxes", "scores", "saliency"):
            assert torch.equal(getattr(again, part), getattr(photo, part))
        twice = photo.mirrored().mirrored()
        assert torch.equal(twice.image, photo.image)
        torch.testing.assert_close(twice.boxes, photo.boxes)


@pytest.mark.parametrize("data", ["gaicd", "cpc"])
def test_a_data_set_needs_its_folder(data: str) -> None:
    with pytest.raises(ValueError, match=f"data = '{data}' needs root, the folder of the data set"):
        TrainConfig(name="a", data=data)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.* photos are missing and left out")
@pytest.mark.parametrize("data", ["subjects", "gaicd"])
def test_vgg16_from_imagenet(tmp_path: Path, shared_dir: Path, monkeypatch: pytest.MonkeyPatch, data: str) -> None:
    weights = shared_dir / "weights" / "vgg16_features_imagenet_fp16.safetensors"
    if not weights.is_file():
        pytest.skip(f"no weights: {weights}")
    rows = SubjectPhotos.rows.func  # type: ignore[attr-defined]
    monkeypatch.setattr(SubjectPhotos, "rows", property(lambda self: rows(self)[:3]))
    options = {"backbone": "vgg16", "pretrained": weights, "input_size": 96, "batch_size": 2, "lr": 1e-4, "delta": 0.5}
    path = train(config(shared_dir / "data" / data, data=data, **options), tmp_path, quiet=True)
    card = read_card(path)
    assert card["backbone"] == "vgg16"
    assert card["photos"] == {"subjects": 3, "gaicd": 1}[data]
    assert 0 <= card["metrics"]["test_ranking_accuracy"] <= 1
