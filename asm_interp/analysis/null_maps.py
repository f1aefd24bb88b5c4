"""Null maps: what a θ map looks like that knows nothing of cropping, to show beside the trained one."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from asm_interp.model.asmnet import ASMNet, evaluating, network_input, network_size
from asm_interp.model.backbones import ImageNetStd
from asm_interp.model.score_map import ScoreMap

FloatMap = npt.NDArray[np.float32]

_LUMINANCE = (0.2126, 0.7152, 0.0722)  # ITU-R BT.709
_CHANNELS = 64  # upsampled at once; bounds the memory


def _fill_normal(tensor: Tensor, std: float, generator: torch.Generator) -> None:
    # Drawn on the CPU, so that a seed gives the same numbers on any device.
    with torch.no_grad():
        tensor.copy_(torch.randn(tensor.shape, generator=generator) * std)


def random_head(model: ASMNet, seed: int = 0) -> ASMNet:
    """A copy of the model: the trained trunk under a random head.

    The model itself is not touched, so that others may use it meanwhile. Weights are normal with the root mean
    square of each stage's trained weights, so that the stages keep their say; the bias is zero.

    Parameters
    ----------
    model : ASMNet
    seed : int
        torch's own generator is left alone.

    Returns
    -------
    ASMNet

    Examples
    --------
    >>> model = ASMNet("tiny", "grid:1x2")
    >>> null = random_head(model)
    >>> torch.equal(null.bias, model.bias), torch.equal(null.heads[0].weight, model.heads[0].weight)
    (True, False)
    """
    generator, copy = torch.Generator().manual_seed(seed), deepcopy(model)
    for head in copy.heads:
        weight = head.get_parameter("weight")
        _fill_normal(weight, float(weight.detach().square().mean().sqrt()), generator)
    with torch.no_grad():
        copy.bias.zero_()
    return copy


def random_weights(model: ASMNet, seed: int = 0) -> ASMNet:
    """An untrained copy of the model, which itself is not touched.

    Convolutions of the trunk are normal with variance 2 / fan-in (He et al. 2015), the head normal with standard
    deviation 0.01 as at the start of training, all biases zero. Arguments as for `random_head`.
    """
    generator, copy = torch.Generator().manual_seed(seed), deepcopy(model)
    for name, parameter in copy.named_parameters():
        if parameter.ndim < 2:
            with torch.no_grad():
                parameter.zero_()
        else:
            fan_in = parameter[0].numel()
            _fill_normal(parameter, 0.01 if name.startswith("heads") else (2 / fan_in) ** 0.5, generator)
    return copy


def feature_norm(model: ASMNet, photo: npt.NDArray[np.uint8]) -> FloatMap:
    r"""Norm of the trunk's features at each pixel, their mean over the photo taken off; it needs no head at all.

    .. math:: n(p) = \Big( \sum_s \lVert f_s(p) - \bar f_s \rVert^2 \Big)^{1/2}

    over stages s, each upsampled to the network's input as the head does it. With independent normal head
    weights of variance σ² the expected squared θstd without channel offsets is
    :math:`\sigma^2 (1 - 1/L)\, n(p)^2`: θstd under a random head looks like this map.

    Parameters
    ----------
    model : ASMNet
    photo : array of uint8, [H, W, 3]

    Returns
    -------
    array of float32, [h, w]
        At the network's input size.

    Raises
    ------
    ValueError
        If `photo` is of another type or shape.
    """
    image, size = _input(model, photo)
    squares = torch.zeros(size, device=image.device)
    with evaluating(model):
        for features in model.backbone(image.contiguous(memory_format=torch.channels_last)):
            for some in features.split(_CHANNELS, dim=1):
                up = F.interpolate(some, size, mode="bilinear", align_corners=False)[0]
                squares += (up - up.mean((1, 2), keepdim=True)).square().sum(0)
    return squares.sqrt().cpu().numpy()


def edge_magnitude(model: ASMNet, photo: npt.NDArray[np.uint8]) -> FloatMap:
    """Sobel gradient magnitude of the photo's luminance at the network's input size.

    Kernels [1, 2, 1] ⊗ [-1, 0, 1] / 8, so that a ramp of one unit per pixel has magnitude one; luminance is in
    [0, 1], and the border is repeated outwards. Arguments, result and errors as for `feature_norm`.
    """
    from scipy.ndimage import sobel

    image, _ = _input(model, photo)
    # A gradient does not see the mean that the network's input has lost; the standard deviation comes back here.
    weights = torch.tensor(_LUMINANCE) * torch.tensor(ImageNetStd)
    grey = torch.einsum("chw,c->hw", image[0].cpu(), weights).numpy()
    return np.asarray(np.hypot(*(sobel(grey, axis=axis, mode="nearest") / 8 for axis in (0, 1))), np.float32)


def _input(model: ASMNet, photo: npt.NDArray[np.uint8]) -> tuple[Tensor, tuple[int, int]]:
    height, width = photo.shape[:2]
    size = network_size((height, width), model.input_size)
    return network_input(photo, size)[None].to(model.bias.device), size


@dataclass(frozen=True, eq=False)
class NullMaps:
    """The four null maps of one photo.

    Attributes
    ----------
    random_head, random_weights : ScoreMap
        Take their θ maps as those of the trained map are taken.
    feature_norm, edges : array of float32, [h, w]
        Of the same size as the score maps.
    seed : int
    """

    random_head: ScoreMap
    random_weights: ScoreMap
    feature_norm: FloatMap
    edges: FloatMap
    seed: int


def null_maps(model: ASMNet, photo: npt.NDArray[np.uint8], seed: int = 0) -> NullMaps:
    """All null maps of a photo; the model is not touched.

    Parameters
    ----------
    model : ASMNet
    photo : array of uint8, [H, W, 3]
    seed : int

    Returns
    -------
    NullMaps

    Raises
    ------
    ValueError
        If `photo` is of another type or shape.

    References
    ----------
    Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018.
    """
    norm = feature_norm(model, photo)
    headless, untrained = (make(model, seed).score_map(photo) for make in (random_head, random_weights))
    return NullMaps(headless, untrained, norm, edge_magnitude(model, photo), seed)
