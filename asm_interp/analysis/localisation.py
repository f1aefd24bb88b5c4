"""Whether a map marks a subject whose place is known: θ maps, gradients, saliency and what knows nothing of either."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from asm_interp.analysis.crop_input import to_input
from asm_interp.analysis.null_maps import null_maps, random_head
from asm_interp.analysis.pointing_game import hit
from asm_interp.analysis.saliency_metrics import auc_judd, centre_prior
from asm_interp.analysis.theta import theta_maps
from asm_interp.data.photo import resize_photo
from asm_interp.data.saliency import spectral_residual
from asm_interp.geometry.boxes import FloatArray, Size, check_boxes
from asm_interp.model.asmnet import ASMNet, evaluating, network_input, network_size
from asm_interp.model.pooling import composition_pool
from asm_interp.model.score_map import ScoreMap

FloatMap = npt.NDArray[np.float32]

EXPLANATIONS = {
    "theta_std": "θstd, as in the paper",
    "theta_std_centred": "θstd without channel offsets",
    "theta_avg": "θavg",
    "gradient": "|∂Φ|, gradient of crop scores",
    "saliency": "spectral-residual saliency",
    "random_head": "θstd under a random head",  # like the next, without channel offsets
    "random_weights": "θstd of an untrained network",
    "feature_norm": "norm of the features",
    "edges": "edges",
    "centre": "centre of the photo",
}
"""Maps that are graded, and what they are; from saliency on they know nothing of how crops were scored."""

MEASURES = ("auc", "pointing", "mass")
"""Measures of `localisation`."""

TOLERANCE = 0.06
"""How near the subject a peak may lie, in shorter sides of the photo; see `asm_interp.analysis.pointing_game`."""

_CROPS = 4  # whose gradients are averaged


def relevance_mass(values: npt.ArrayLike, mask: npt.ArrayLike) -> float:
    r"""Share of a map's mass that lies in a mask.

    .. math:: \sum_{p \in M} (\theta_p - \min\theta) \Big/ \sum_p (\theta_p - \min\theta)

    The least value is taken off, so that maps of either sign have mass and an offset makes no difference.

    Parameters
    ----------
    values : array_like, [h, w]
    mask : array_like of bool, [h, w]

    Returns
    -------
    float
        In [0, 1]; of a constant map the mask's share of the pixels, which is chance. NaN if the mask is empty or a
        value is not finite.

    References
    ----------
    Arras, Osman & Samek, "CLEVR-XAI: A benchmark dataset for the ground truth evaluation of neural network
    explanations", Inf. Fusion 2022: relevance mass accuracy, there of the positive part.

    Examples
    --------
    >>> relevance_mass([[5, 5, 6, 8]], [[False, False, False, True]])
    0.75
    """
    array, inside = np.asarray(values, dtype=np.float64), np.asarray(mask, dtype=bool)
    if not inside.any() or not np.isfinite(array).all():
        return float("nan")
    mass = array - array.min()
    total = float(mass.sum())
    return float(mass[inside].sum()) / total if total > 0 else float(inside.mean())


def localisation(values: npt.ArrayLike, mask: npt.NDArray[np.bool_], tolerance: float = TOLERANCE) -> dict[str, float]:
    """How well a map marks what a mask covers.

    Parameters
    ----------
    values : array_like, [h, w]
        Of any size; resized bilinearly to the mask's.
    mask : array of bool, [H, W]
    tolerance : float
        Of the pointing game, in shorter sides of the mask.

    Returns
    -------
    dict of str to float
        auc: chance that a pixel of the mask has more than another, ties counting half. pointing: whether the peak is
        on the mask or near it. mass: see `relevance_mass`. A constant map has what chance has; all are NaN for an
        empty mask, auc and mass also where a value of the map is NaN.

    Examples
    --------
    >>> mask = np.array([[False, False], [False, True]])
    >>> localisation(mask * 1.0, mask)
    {'auc': 1.0, 'pointing': 1.0, 'mass': 1.0}
    """
    resized = np.asarray(values, dtype=np.float32)
    if resized.shape != mask.shape:
        resized = resize_photo(resized, (mask.shape[0], mask.shape[1]))
    found = (auc_judd(resized, mask), hit(resized, mask, tolerance * min(mask.shape)), relevance_mass(resized, mask))
    return dict(zip(MEASURES, found, strict=True))


def gradient_map(model: ASMNet, photo: npt.NDArray[np.uint8], boxes: npt.ArrayLike) -> FloatMap:
    r"""Size of the gradient of crop scores with respect to the pixels.

    .. math:: \frac{1}{K} \sum_k \sum_c \left| \partial \Phi(X_k) / \partial x_c(p) \right|

    Parameters
    ----------
    model : ASMNet
    photo : array of uint8, [H, W, 3]
    boxes : array_like, [K, 4]
        x1, y1, x2, y2 in photo pixels; all K go through the network at once.

    Returns
    -------
    array of float32, [h, w]
        At the network's input size, per unit of its normalised input.

    Raises
    ------
    ValueError
        If the photo or a box is faulty.

    References
    ----------
    Simonyan, Vedaldi & Zisserman, "Deep Inside Convolutional Networks", ICLR workshop 2014.
    """
    height, width = photo.shape[:2]
    checked = check_boxes(np.asarray(boxes, dtype=np.float64), (height, width))
    size = network_size((height, width), model.input_size)
    image = network_input(photo, size).to(model.bias.device, model.bias.dtype)
    images = image.repeat(len(checked), 1, 1, 1).requires_grad_()
    mapped = np.stack([to_input(box, (height, width), size) for box in checked])
    with torch.enable_grad():
        scores = composition_pool(model(images), torch.from_numpy(mapped)[:, None], model.pattern)
        (gradients,) = torch.autograd.grad(scores.sum(), images)
    return np.asarray(gradients.abs().sum(1).mean(0).cpu().numpy(), dtype=np.float32)


def random_heads(model: ASMNet, seeds: Sequence[int]) -> Callable[[npt.NDArray[np.uint8]], list[ScoreMap]]:
    """The trained trunk under several random heads, which share its features.

    Parameters
    ----------
    model : ASMNet
        It is not touched.
    seeds : sequence of int
        One for each head, as `asm_interp.analysis.null_maps.random_head` draws it.

    Returns
    -------
    callable
        Takes a photo, array of uint8 [H, W, 3], and returns its score map under each head.

    Examples
    --------
    >>> scores = random_heads(ASMNet("tiny", "grid:1x2", input_size=32), seeds=[0, 1, 2])
    >>> [score_map.values.shape for score_map in scores(np.zeros((32, 64, 3), np.uint8))]
    [torch.Size([2, 32, 64]), torch.Size([2, 32, 64]), torch.Size([2, 32, 64])]
    """
    drawn = [random_head(model, seed) for seed in seeds]
    side_by_side = drawn[0]  # one network, with the channels of all heads
    for stage, head in enumerate(side_by_side.heads):
        weights = torch.cat([each.heads[stage].get_parameter("weight") for each in drawn])
        head.weight = nn.Parameter(weights)
    side_by_side.bias = nn.Parameter(torch.cat([each.bias for each in drawn]))

    def score_maps(photo: npt.NDArray[np.uint8]) -> list[ScoreMap]:
        size: Size = (photo.shape[0], photo.shape[1])
        image = network_input(photo, network_size(size, model.input_size)).to(model.bias.device)
        with evaluating(side_by_side):
            values = side_by_side(image[None])[0].float().cpu()
        # Clones made outside inference mode are ordinary tensors again.
        return [ScoreMap(part.clone(), model.pattern, size) for part in values.split(model.pattern.n_partitions)]

    return score_maps


def explanation_maps(
    model: ASMNet, score_map: ScoreMap, photo: npt.NDArray[np.uint8], boxes: FloatArray, *, seed: int = 0
) -> dict[str, npt.NDArray[np.floating]]:
    """Every map of `EXPLANATIONS` of one photo.

    Parameters
    ----------
    model : ASMNet
    score_map : ScoreMap
        That of the model for the photo.
    photo : array of uint8, [H, W, 3]
    boxes : array of float, [K, 4]
        Crops of the photo; the gradient is that of four of them, spread over the list.
    seed : int
        Of the random head and the random weights.

    Returns
    -------
    dict of str to array, [h, w] or [H, W]
        Of the network's input size; saliency of the photo's.
    """
    size: Size = (score_map.values.shape[1], score_map.values.shape[2])
    paper, centred = theta_maps(score_map), theta_maps(score_map, center="channel")
    nulls = null_maps(model, photo, seed)
    chosen = boxes[np.linspace(0, len(boxes) - 1, min(_CROPS, len(boxes))).astype(int)]
    maps = (
        paper.std,
        centred.std,
        paper.avg,
        gradient_map(model, photo, chosen),
        spectral_residual(photo),
        theta_maps(nulls.random_head, center="channel").std,
        theta_maps(nulls.random_weights, center="channel").std,
        nulls.feature_norm,
        nulls.edges,
        centre_prior(size),
    )
    return dict(zip(EXPLANATIONS, maps, strict=True))
