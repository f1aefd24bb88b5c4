"""ASM-Net: a photo to its composition-aware score map."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asm_interp.geometry import patterns
from asm_interp.geometry.boxes import Size
from asm_interp.geometry.patterns import CompositionPattern
from asm_interp.model.backbones import ImageNetMean, ImageNetStd, build, load_imagenet
from asm_interp.model.score_map import ScoreMap

_MULTIPLE = 32  # the sides of a network input are multiples of this, as in GAIC
_LONGEST = 4  # a network input is at most this many times as long as it is short


def network_size(photo_size: Size, input_size: int) -> Size:
    """Height and width of the network's input for a photo: shorter side `input_size`, both multiples of 32.

    The longer side keeps the photo's shape to within 16 pixels, up to four times the shorter; photos that are
    longer than that are squeezed.

    Examples
    --------
    >>> network_size((682, 1024), 256)
    (256, 384)
    """
    height, width = photo_size
    factor = input_size / min(height, width)

    def fitted(side: int) -> int:
        return int(np.clip(round(side * factor / _MULTIPLE) * _MULTIPLE, _MULTIPLE, _LONGEST * input_size))

    return fitted(height), fitted(width)


def _check_photo(photo: object) -> None:
    if not isinstance(photo, np.ndarray):
        found = type(photo).__name__
    elif photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or photo.size == 0:
        found = f"{photo.dtype} {list(photo.shape)}"
    else:
        return
    raise ValueError(f"a photo is an array [H, W, 3] uint8 as read_photo returns it, got {found}")


def network_input(photo: npt.NDArray[np.uint8], size: Size) -> Tensor:
    """Photo [H, W, 3] uint8 as a normalised float32 image [3, h, w], resized with antialiasing.

    Raises
    ------
    ValueError
        If `photo` is not [H, W, 3] uint8, as `asm_interp.read_photo` returns it.
    """
    _check_photo(photo)
    image = torch.tensor(np.ascontiguousarray(photo)).permute(2, 0, 1)[None]
    image = F.interpolate(image.float(), size=size, mode="bilinear", align_corners=False, antialias=True)[0] / 255
    mean, std = torch.tensor(ImageNetMean).view(3, 1, 1), torch.tensor(ImageNetStd).view(3, 1, 1)
    return (image - mean) / std


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients inside the block; every module's training flag as before after it."""
    flags = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module, training in flags.items():
            module.training = training


class ASMNet(nn.Module):
    """Fully convolutional network whose L output channels score a pixel for each partition it may fall in.

    The features of three stages go through one 1×1 convolution each to L channels, are upsampled bilinearly to
    the input size, and added. Since both steps are linear and bilinear weights sum to one, this is the paper's
    "upsample, concatenate, convolve", at a fraction of its memory.

    Parameters
    ----------
    backbone : {"vgg16", "squeezenet1_1", "tiny"}
    pattern : str or CompositionPattern
        Composition pattern; its number of partitions is L.
    pretrained : path or bool, optional
        ImageNet weights for the backbone; see `asm_interp.model.backbones.load_imagenet`. None or False leaves
        it at random weights.
    input_size : int
        Shorter side of the network's input, a multiple of 32.

    Raises
    ------
    ValueError
        If the backbone, the pattern or the input size does not exist, or the weights do not fit.

    References
    ----------
    Tu et al., "Image Cropping with Composition and Saliency Aware Aesthetic Score Map", AAAI 2020, Sec. 3.1.
    The input size is not given there; 256 and multiples of 32 are those of Zeng et al., CVPR 2019.

    Examples
    --------
    >>> model = ASMNet("tiny", "grid:3x3")
    >>> model.score_map(np.zeros((300, 400, 3), np.uint8)).values.shape
    torch.Size([9, 256, 352])
    """

    def __init__(
        self,
        backbone: str = "vgg16",
        pattern: str | CompositionPattern = "cross-rectangle",
        pretrained: str | Path | bool | None = None,
        input_size: int = 256,
    ) -> None:
        super().__init__()
        if input_size < _MULTIPLE or input_size % _MULTIPLE:
            raise ValueError(f"input_size is a multiple of {_MULTIPLE}, got {input_size}")
        self.backbone_name = backbone
        self.pattern = patterns.get(pattern) if isinstance(pattern, str) else pattern
        self.input_size = input_size
        self.card: dict[str, Any] = {}  # what a checkpoint says of itself
        self.backbone = build(backbone)
        if pretrained:
            load_imagenet(self.backbone, backbone, pretrained)
        n_partitions = self.pattern.n_partitions
        heads = [nn.Conv2d(channels, n_partitions, 1, bias=False) for channels in self.backbone.stages.values()]
        for head in heads:
            nn.init.normal_(head.weight, std=0.01)
        self.heads = nn.ModuleList(heads)
        # One bias: upsampling leaves a constant as it is, so the stages' biases would only add up.
        self.bias = nn.Parameter(torch.zeros(n_partitions))

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images [B, 3, h, w] to score maps [B, L, h, w]."""
        images = images.contiguous(memory_format=torch.channels_last)
        scores = self.bias.view(1, -1, 1, 1)
        for head, features in zip(self.heads, self.backbone(images), strict=True):
            coarse = head(features)  # [B, L, h / s, w / s]
            scores = scores + F.interpolate(coarse, images.shape[-2:], mode="bilinear", align_corners=False)
        return scores  # [B, L, h, w]

    def score_map(self, photo: npt.NDArray[np.uint8]) -> ScoreMap:
        """Score map of one photo.

        Parameters
        ----------
        photo : array of uint8, [H, W, 3]
            As `asm_interp.read_photo` returns it.

        Returns
        -------
        ScoreMap
            On the CPU, at the network's input size.

        Raises
        ------
        ValueError
            If `photo` is of another type or shape.
        """
        _check_photo(photo)
        height, width, _ = photo.shape
        image = network_input(photo, network_size((height, width), self.input_size)).to(self.bias.device)
        with evaluating(self):
            values = self(image[None])[0].float().cpu()
        # A clone made outside inference mode is an ordinary tensor again.
        return ScoreMap(values.clone(), self.pattern, (height, width))
