"""Backbones: convolutional trunks that return the features of their last three stages.

State dicts use torchvision's key names (``features.N...``), so its ImageNet weights load as they are. torchvision
itself is not needed.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

ImageNetMean = (0.485, 0.456, 0.406)
ImageNetStd = (0.229, 0.224, 0.225)

WEIGHT_URLS = {
    "vgg16": "https://download.pytorch.org/models/vgg16-397923af.pth",
    "squeezenet1_1": "https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
}
"""Official ImageNet weights; the end of the name is the start of the file's SHA-256."""


class Backbone(nn.Module):
    """A trunk `features` and the places in it where stages end.

    Parameters
    ----------
    features : nn.Sequential
        Layers, under torchvision's names.
    stages : dict of int to int
        Index of the layer that ends a stage, and its number of channels.
    """

    def __init__(self, features: nn.Sequential, stages: dict[int, int]) -> None:
        super().__init__()
        self.features = features
        self.stages = stages

    def forward(self, images: Tensor) -> list[Tensor]:
        """Normalised images [B, 3, h, w] to the stages' features, shallow to deep."""
        outputs = []
        for index, layer in enumerate(self.features):
            images = layer(images)
            if index in self.stages:
                outputs.append(images)
        return outputs


def vgg16() -> Backbone:
    """VGG16 up to conv5_3 (Simonyan & Zisserman 2015); stages conv3_3, conv4_3, conv5_3 at strides 4, 8, 16."""
    layers: list[nn.Module] = []
    channels = 3
    for stage, (width, depth) in enumerate([(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]):
        if stage:
            layers.append(nn.MaxPool2d(2, 2))
        for _ in range(depth):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=False)]
            channels = width
    return Backbone(nn.Sequential(*layers), {15: 256, 22: 512, 29: 512})


class Fire(nn.Module):
    """Squeeze and expand module of SqueezeNet (Iandola et al. 2016)."""

    def __init__(self, inputs: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeeze, 1)
        self.squeeze_activation = nn.ReLU()
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand1x1_activation = nn.ReLU()
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)
        self.expand3x3_activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, h, w] to [B, 2 * expand, h, w]."""
        x = self.squeeze_activation(self.squeeze(x))
        return torch.cat(
            [self.expand1x1_activation(self.expand1x1(x)), self.expand3x3_activation(self.expand3x3(x))], dim=1
        )


def squeezenet1_1() -> Backbone:
    """SqueezeNet 1.1 (Iandola et al. 2016); stages after fire3, fire5 and fire9 at strides 4, 8, 16."""
    features = nn.Sequential(
        nn.Conv2d(3, 64, 3, stride=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, ceil_mode=True),
        Fire(64, 16, 64),
        Fire(128, 16, 64),
        nn.MaxPool2d(3, stride=2, ceil_mode=True),
        Fire(128, 32, 128),
        Fire(256, 32, 128),
        nn.MaxPool2d(3, stride=2, ceil_mode=True),
        Fire(256, 48, 192),
        Fire(384, 48, 192),
        Fire(384, 64, 256),
        Fire(512, 64, 256),
    )
    return Backbone(features, {4: 128, 7: 256, 12: 512})


def tiny() -> Backbone:
    """A trunk of 0.11 M parameters for planted worlds and tests; stages at strides 2, 4, 8."""
    layers: list[nn.Module] = []
    channels = 3
    for width, stride in [(16, 1), (32, 2), (32, 1), (48, 2), (48, 1), (64, 2), (64, 1)]:
        layers += [nn.Conv2d(channels, width, 3, stride=stride, padding=1), nn.ReLU()]
        channels = width
    backbone = Backbone(nn.Sequential(*layers), {5: 32, 9: 48, 13: 64})
    for layer in backbone.features:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return backbone


BACKBONES = {"vgg16": vgg16, "squeezenet1_1": squeezenet1_1, "tiny": tiny}


def build(name: str) -> Backbone:
    """Backbone by name, with random weights.

    Raises
    ------
    ValueError
        If there is no such backbone.
    """
    if name not in BACKBONES:
        raise ValueError(f"no backbone {name!r}; there are {', '.join(BACKBONES)}")
    return BACKBONES[name]()


def load_imagenet(backbone: Backbone, name: str, source: str | Path | bool) -> None:
    """Load ImageNet weights into `backbone`.

    Parameters
    ----------
    backbone : Backbone
    name : str
        Its name in `BACKBONES`.
    source : path or True
        A .safetensors file, or a .pth file (read with ``weights_only``), with torchvision's keys; classifier
        weights in it are passed over. True downloads the official file into torch's hub folder and checks its
        hash. Weights made for Caffe's inputs (BGR, 0..255, mean subtracted) are converted to RGB/255 with
        ImageNet's mean and standard deviation; a file says so by ``caffe_bgr`` in its name.

    Raises
    ------
    ValueError
        If the file is not a weight file, its keys or shapes are not the backbone's, or the downloaded file does
        not have the official hash.
    OSError
        If the file is missing, or the download fails.
    """
    path = _download(name) if source is True else Path(str(source))
    state = {key: tensor.float() for key, tensor in _read_weights(path).items() if key.startswith("features.")}
    own = backbone.state_dict()
    missing, surplus = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    wrong = [key for key in own.keys() & state.keys() if own[key].shape != state[key].shape]
    if missing or surplus or wrong:
        raise ValueError(
            f"{path}: not the weights of {name}: {len(missing)} missing {missing[:2]}, {len(surplus)} unknown "
            f"{surplus[:2]}, {len(wrong)} of another shape {sorted(wrong)[:2]}"
        )
    backbone.load_state_dict(_from_caffe(state) if "caffe_bgr" in path.name else state)


def _read_weights(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such weight file")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path}: not a readable safetensors file ({error})") from error
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # on a file that is no pickle the unpickler may raise anything, KeyError for one
        raise ValueError(f"{path}: not a PyTorch weight file that loads with weights_only ({error})") from error
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise ValueError(f"{path}: expected a state dict of tensors, found a {type(loaded).__name__} of other things")
    return {str(key): value for key, value in loaded.items()}


def _from_caffe(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """First convolution for inputs ``(rgb / 255 - mean) / std`` instead of ``255 bgr - caffe_mean``.

    Exact where the first convolution is not padded, since padding with zeros is the only step that differs.
    """
    weight = state["features.0.weight"].flip(1)
    mean, std = torch.tensor(ImageNetMean).view(1, 3, 1, 1), torch.tensor(ImageNetStd).view(1, 3, 1, 1)
    caffe_mean = torch.tensor([122.679, 116.669, 104.006]).view(1, 3, 1, 1)
    bias = state["features.0.bias"] + (weight * (255 * mean - caffe_mean)).sum((1, 2, 3))
    return state | {"features.0.weight": weight * 255 * std, "features.0.bias": bias}


def _download(name: str) -> Path:
    """Official weight file, from torch's hub folder or the network, with its hash checked."""
    if name not in WEIGHT_URLS:
        raise ValueError(f"there are no ImageNet weights for {name!r}; only for {', '.join(WEIGHT_URLS)}")
    url = WEIGHT_URLS[name]
    target = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[1]
    expected = target.stem.rsplit("-", 1)[1]
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            partial = Path(folder) / target.name
            try:
                torch.hub.download_url_to_file(url, str(partial))
            except OSError as error:
                raise OSError(
                    f"cannot download {url} ({error}); fetch it elsewhere and give its path as `pretrained`"
                ) from error
            _check_hash(partial, expected, url)
            partial.replace(target)
    _check_hash(target, expected, f"{target} (delete it and try again)")
    return target


def _check_hash(path: Path, expected: str, what: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(expected):
        raise ValueError(f"{what}: SHA-256 should start with {expected}, found {found[:16]}")
