import hashlib
import io
import os
import pickle
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from asm_interp.model import backbones as bb

WEIGHTS = {
    "vgg16": "vgg16_features_imagenet_fp16.safetensors",
    "squeezenet1_1": "squeezenet1_1_imagenet_caffe_bgr.safetensors",
}
CAFFE_MEAN = torch.tensor([104.006, 116.669, 122.679]).view(3, 1, 1)  # blue, green, red


class Malicious:
    """Runs a command when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)


def random_image(height: int = 96, width: int = 128) -> Tensor:
    """RGB in 0..1, [3, h, w]."""
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))


def normalised(image: Tensor) -> Tensor:
    mean, std = torch.tensor(bb.ImageNetMean).view(3, 1, 1), torch.tensor(bb.ImageNetStd).view(3, 1, 1)
    return (image - mean) / std


@pytest.fixture(scope="module")
def tiny_state() -> dict[str, Tensor]:
    return bb.tiny().state_dict()


@pytest.mark.parametrize("name", WEIGHTS)
def test_keys_and_shapes_are_torchvisions(name: str, shared_dir: Path) -> None:
    theirs = load_file(shared_dir / "weights" / WEIGHTS[name])
    features = {key: tuple(tensor.shape) for key, tensor in theirs.items() if key.startswith("features.")}
    assert {key: tuple(tensor.shape) for key, tensor in bb.build(name).state_dict().items()} == features


@pytest.mark.parametrize(("name", "parameters"), [("vgg16", 14_714_688), ("squeezenet1_1", 722_496), ("tiny", 113_632)])
def test_number_of_parameters(name: str, parameters: int) -> None:
    backbone = bb.build(name)
    assert sum(parameter.numel() for parameter in backbone.parameters()) == parameters
    assert backbone.state_dict().keys() == dict(backbone.named_parameters()).keys()


def test_tiny_is_as_small_as_it_says() -> None:
    parameters = sum(parameter.numel() for parameter in bb.tiny().parameters())
    assert parameters <= 300_000
    assert f"{parameters / 1e6:.2f} M parameters" in str(bb.tiny.__doc__)


@pytest.mark.parametrize(
    ("name", "strides", "channels"),
    [
        ("vgg16", [4, 8, 16], [256, 512, 512]),
        ("squeezenet1_1", [4, 8, 16], [128, 256, 512]),
        ("tiny", [2, 4, 8], [32, 48, 64]),
    ],
)
def test_stages(name: str, strides: list[int], channels: list[int]) -> None:
    backbone = bb.build(name)
    with torch.inference_mode():
        features = backbone(torch.zeros(2, 3, 64, 96))
    assert list(backbone.stages.values()) == channels
    for stage, stride, width in zip(features, strides, channels, strict=True):
        # SqueezeNet's stem is not padded, which costs it the last column at most.
        assert stage.shape[:2] == (2, width)
        assert abs(stage.shape[2] - 64 / stride) <= 1
        assert abs(stage.shape[3] - 96 / stride) <= 1


def test_squeezenet_pools_what_sticks_out() -> None:
    """Its pools round up: 72 pixels are 35 after the unpadded stem, then 17, 8 and 4."""
    with torch.inference_mode():
        features = bb.squeezenet1_1()(torch.zeros(1, 3, 72, 72))
    assert [stage.shape[-1] for stage in features] == [17, 8, 4]


@pytest.mark.parametrize("name", bb.BACKBONES)
def test_stages_end_in_a_rectified_layer(name: str) -> None:
    with torch.inference_mode():
        features = bb.build(name)(normalised(random_image())[None])
    for stage in features:
        assert stage.min() == 0
        assert stage.max() > 0


def test_vgg_stages_are_the_third_convolutions() -> None:
    """conv3_3, conv4_3 and conv5_3, which end the blocks that have three convolutions each."""
    layers = [type(layer).__name__ for layer in bb.vgg16().features]
    block = ["Conv2d", "ReLU"]
    assert layers == [*block * 2, "MaxPool2d", *block * 2, *(["MaxPool2d", *block * 3] * 3)]
    assert list(bb.vgg16().stages) == [15, 22, 29]
    assert len(layers) == 30


def test_unknown_backbone() -> None:
    with pytest.raises(ValueError, match="no backbone 'resnet'; there are vgg16, squeezenet1_1, tiny"):
        bb.build("resnet")


def test_vgg_weights_load_as_they_are(shared_dir: Path) -> None:
    path = shared_dir / "weights" / WEIGHTS["vgg16"]
    backbone = bb.vgg16()
    bb.load_imagenet(backbone, "vgg16", path)
    for key, tensor in load_file(path).items():
        assert torch.equal(backbone.state_dict()[key], tensor.float()), key


def test_caffe_weights_are_converted(shared_dir: Path) -> None:
    """The converted net on normalised RGB is the published one on BGR in 0..255 minus Caffe's mean."""
    path = shared_dir / "weights" / WEIGHTS["squeezenet1_1"]
    published, ours = bb.squeezenet1_1(), bb.squeezenet1_1()
    published.load_state_dict({key: value for key, value in load_file(path).items() if key.startswith("features.")})
    bb.load_imagenet(ours, "squeezenet1_1", str(path))
    image = random_image(160, 224)
    with torch.inference_mode():
        expected = published((255 * image.flip(0) - CAFFE_MEAN)[None])
        found = ours(normalised(image)[None])
    for stage, other in zip(found, expected, strict=True):
        assert (stage - other).abs().max() <= 1e-4 * other.abs().max()


def test_pth_loads_without_its_classifier(tmp_path: Path, tiny_state: dict[str, Tensor]) -> None:
    path = tmp_path / "official.pth"
    torch.save(tiny_state | {"classifier.6.weight": torch.ones(2, 2)}, path)
    backbone = bb.tiny()
    bb.load_imagenet(backbone, "tiny", path)
    for key, tensor in tiny_state.items():
        assert torch.equal(backbone.state_dict()[key], tensor), key


def test_malicious_pickle_is_refused(tmp_path: Path) -> None:
    path, trace = tmp_path / "weights.pth", tmp_path / "trace"
    for write in (lambda: torch.save({"features.0.weight": Malicious(trace)}, path), lambda: dump(path, trace)):
        write()
        with pytest.raises(ValueError, match=r"weights\.pth: not a PyTorch weight file that loads with weights_only"):
            bb.load_imagenet(bb.tiny(), "tiny", path)
        assert not trace.exists()


def dump(path: Path, trace: Path) -> None:
    path.write_bytes(pickle.dumps({"features.0.weight": Malicious(trace)}))


def torch_bytes(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    "content",
    [b"", b"hello, these are words\n", b"PK\x03\x04", b"\x80\x02", torch_bytes({"a": torch.ones(9)})[:-40]],
    ids=["empty", "text", "zip", "pickle", "truncated"],
)
def test_files_that_hold_no_weights(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"weights{suffix}: not a"):
        bb.load_imagenet(bb.tiny(), "tiny", path)


@pytest.mark.parametrize("content", [{"state_dict": {"features.0.weight": torch.ones(1)}}, [torch.ones(1)]])
def test_pth_must_be_a_state_dict(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=r"expected a state dict of tensors, found a (dict|list)"):
        bb.load_imagenet(bb.tiny(), "tiny", tmp_path / "weights.pth")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pth: no such weight file"):
        bb.load_imagenet(bb.tiny(), "tiny", tmp_path / "nowhere.pth")


@pytest.mark.parametrize("name", ["weights.safetensors", "weights-caffe_bgr.safetensors"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features.0.weight": None}, r"1 missing \['features.0.weight'\], 0 unknown \[\], 0 of another shape"),
        ({"features.99.bias": torch.ones(1)}, r"0 missing \[\], 1 unknown \['features.99.bias'\], 0 of"),
        ({"features.0.bias": torch.ones(5)}, r"0 unknown \[\], 1 of another shape \['features.0.bias'\]"),
    ],
)
def test_weights_of_another_network(
    tmp_path: Path, tiny_state: dict[str, Tensor], name: str, change: dict[str, Tensor | None], message: str
) -> None:
    state = {key: tensor for key, tensor in (tiny_state | change).items() if tensor is not None}
    save_file(state, tmp_path / name)
    backbone = bb.tiny()
    before = {key: tensor.clone() for key, tensor in backbone.state_dict().items()}
    with pytest.raises(ValueError, match=f"{name}: not the weights of tiny: .*{message}"):
        bb.load_imagenet(backbone, "tiny", tmp_path / name)
    assert all(torch.equal(tensor, before[key]) for key, tensor in backbone.state_dict().items())


class Hub:
    """A stand-in for the network: what the official address answers."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.content = torch_bytes(bb.tiny().state_dict())
        self.asked: list[str] = []
        self.folder = folder / "checkpoints"
        name = f"tiny-{hashlib.sha256(self.content).hexdigest()[:8]}.pth"
        self.target = self.folder / name
        monkeypatch.setitem(bb.WEIGHT_URLS, "tiny", f"https://example.org/models/{name}")
        monkeypatch.setattr(torch.hub, "get_dir", lambda: str(folder))
        monkeypatch.setattr(torch.hub, "download_url_to_file", self.download)

    def download(self, url: str, target: str) -> None:
        self.asked.append(url)
        if not self.content:
            raise URLError("no network")
        Path(target).write_bytes(self.content)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    return Hub(tmp_path, monkeypatch)


def test_official_weights_are_fetched_once(hub: Hub) -> None:
    for _ in range(2):
        bb.load_imagenet(bb.tiny(), "tiny", True)
    assert hub.asked == [bb.WEIGHT_URLS["tiny"]]
    assert list(hub.folder.iterdir()) == [hub.target]


def test_wrong_download_is_not_kept(hub: Hub) -> None:
    hub.content = b"a login page"
    with pytest.raises(ValueError, match=r"https://example\.org/.*: SHA-256 should start with .*, found "):
        bb.load_imagenet(bb.tiny(), "tiny", True)
    assert list(hub.folder.iterdir()) == []


def test_altered_file_is_refused(hub: Hub) -> None:
    hub.folder.mkdir()
    hub.target.write_bytes(hub.content + b" ")
    with pytest.raises(ValueError, match="delete it and try again"):
        bb.load_imagenet(bb.tiny(), "tiny", True)


def test_without_a_network_the_message_says_what_to_do(hub: Hub) -> None:
    hub.content = b""
    with pytest.raises(OSError, match=r"cannot download .* fetch it elsewhere and give its path as `pretrained`"):
        bb.load_imagenet(bb.tiny(), "tiny", True)
    assert list(hub.folder.iterdir()) == []


def test_tiny_has_no_official_weights() -> None:
    with pytest.raises(ValueError, match="no ImageNet weights for 'tiny'; only for vgg16, squeezenet1_1"):
        bb.load_imagenet(bb.tiny(), "tiny", True)
