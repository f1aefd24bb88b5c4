"""Captum's attributions of a crop's score, each in one call."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asm_interp.analysis.crop_input import (
    MEMORY_BYTES,
    Baseline,
    CropInput,
    Progress,
    counted,
    crop_input,
    crop_score_fn,
    to_input,
)
from asm_interp.geometry.boxes import FloatArray, Size
from asm_interp.model.asmnet import ASMNet
from asm_interp.model.pooling import edges, grid_integrals

__all__ = [
    "SURROUNDINGS",
    "Attribution",
    "crop_score_fn",
    "feature_ablation",
    "grad_cam",
    "integrated_gradients",
    "occlusion",
    "part_means",
    "shapley_values",
]

SURROUNDINGS = -1
"""Number of the player, in tables of partitions, that is all pixels outside the crop."""


@dataclass(frozen=True, eq=False)
class Attribution:
    """What one method says each pixel of a photo adds to one crop's score.

    Attributes
    ----------
    method : str
    box : array of float64, [4]
        x1, y1, x2, y2 in photo pixels.
    baseline : {"mean", "blur", "grey", ""}
        What the score is compared with; "" for a method that knows none.
    values : array of float64, [h, w]
        At the network's input size, summed over colour channels, signed and not normalised. A partition's share
        is spread evenly over its pixels.
    photo_size : (int, int)
        Height and width of the photo.
    score, baseline_score : float
        The crop's score in the photo and in the baseline; NaN for a method without.
    delta : float
        Sum of the values less (score - baseline_score), zero for a perfect run of a method that promises
        completeness (Integrated Gradients, Shapley values); NaN for the others.
    partitions : DataFrame, optional
        For Feature Ablation and Shapley values: partition, pixels, attribution, and for the latter
        standard_error. Partition -1 is all that lies outside the crop.
    """

    method: str
    box: FloatArray
    baseline: str
    values: FloatArray
    photo_size: Size
    score: float
    baseline_score: float
    delta: float
    partitions: pd.DataFrame | None = None

    @property
    def leak_share(self) -> float:
        """Share of the absolute attribution on pixels that the crop does not touch; NaN if all is zero.

        A network sees past the crop's border as far as its receptive field reaches, so that pixels outside take
        part in the score.
        """
        (height, width), magnitude = self.values.shape, np.abs(self.values)
        x1, y1, x2, y2 = to_input(self.box, self.photo_size, (height, width))
        y, x = np.arange(height)[:, None], np.arange(width)
        touched = (y + 1 > y1) & (y < y2) & (x + 1 > x1) & (x < x2)
        total = magnitude.sum()
        return float(magnitude[~touched].sum() / total) if total > 0 else float("nan")

    def over_crop(self, rows: int, columns: int) -> FloatArray:
        """Mean value on each of rows × columns equal parts of the crop."""
        x1, y1, x2, y2 = to_input(self.box, self.photo_size, (self.values.shape[0], self.values.shape[1]))
        return part_means(self.values, (y1, y2), (x1, x2), rows, columns)


def part_means(
    values: FloatArray, y: tuple[float, float], x: tuple[float, float], rows: int, columns: int
) -> FloatArray:
    """Exact means of a map [h, w] over rows × columns equal parts of the window from y[0] to y[1], x[0] to x[1]."""
    y_edges, x_edges = (
        edges(torch.tensor(start), torch.tensor(stop), n) for (start, stop), n in ((y, rows), (x, columns))
    )
    integrals = grid_integrals(torch.from_numpy(values)[None], y_edges, x_edges)[0].numpy()
    return np.asarray(integrals * (rows * columns) / ((y[1] - y[0]) * (x[1] - x[0])))


def _result(
    crop: CropInput,
    method: str,
    baseline: Baseline,
    values: FloatArray,
    *,
    complete: bool = False,
    partitions: pd.DataFrame | None = None,
) -> Attribution:
    with torch.no_grad():
        score, base = (float(crop.score(image)) for image in (crop.image, crop.baseline(baseline)))
    delta = float(values.sum()) - (score - base) if complete else float("nan")
    return Attribution(method, crop.box, baseline, values, crop.photo_size, score, base, delta, partitions)


def integrated_gradients(
    model: ASMNet,
    photo: npt.NDArray[np.uint8],
    box: npt.ArrayLike,
    *,
    baseline: Baseline = "mean",
    steps: int = 50,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress | None = None,
) -> Attribution:
    r"""Integrated Gradients of a crop's score, by Captum with Gauss-Legendre steps.

    .. math:: a_p = (x_p - x^0_p) \int_0^1 \partial_p \Phi\bigl(x^0 + t (x - x^0)\bigr)\,dt

    Parameters
    ----------
    model : ASMNet
    photo : array of uint8, [H, W, 3]
    box : array_like, [4]
        x1, y1, x2, y2 in photo pixels.
    baseline : {"mean", "blur", "grey"}
        :math:`x^0`: the photo's mean colour, the photo blurred, or ImageNet's mean colour.
    steps : int
    memory_bytes : int
        What the images of one pass may take; more of them go in turns.
    progress : callable, optional
        Called with the number of images done and of all.

    Returns
    -------
    Attribution

    Raises
    ------
    ValueError
        If the photo, the box, the baseline or the memory is faulty, or there is no step.

    References
    ----------
    Sundararajan, Taly & Yan, "Axiomatic Attribution for Deep Networks", ICML 2017.
    """
    from captum.attr import IntegratedGradients

    if steps < 1:
        raise ValueError(f"steps is at least 1, got {steps}")
    crop = crop_input(model, photo, box)
    shares = IntegratedGradients(counted(crop.score, steps, progress)).attribute(
        crop.image,
        crop.baseline(baseline),
        n_steps=steps,
        internal_batch_size=min(steps, crop.images_at_once(memory_bytes)),
    )
    return _result(crop, "integrated gradients", baseline, _summed(shares), complete=True)


def occlusion(
    model: ASMNet,
    photo: npt.NDArray[np.uint8],
    box: npt.ArrayLike,
    *,
    baseline: Baseline = "mean",
    window: int = 32,
    stride: int = 16,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress | None = None,
) -> Attribution:
    """What the crop's score loses when a square window of the photo is replaced, by Captum.

    Parameters
    ----------
    model, photo, box, baseline, memory_bytes, progress
        As in `integrated_gradients`.
    window, stride : int
        Side of the window and its step, in pixels of the network's input.

    Returns
    -------
    Attribution
        A pixel has the mean loss over the windows that cover it.

    Raises
    ------
    ValueError
        As in `integrated_gradients`, and if a window does not fit or windows leave gaps.

    References
    ----------
    Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014.
    """
    from captum.attr import Occlusion

    crop = crop_input(model, photo, box)
    if not 1 <= stride <= window <= min(crop.size):
        raise ValueError(
            f"window is at most the input's shorter side ({min(crop.size)}) and stride at most window, "
            f"got window {window} and stride {stride}"
        )
    windows = int(np.prod([-((window - side) // stride) + 1 for side in crop.size]))
    losses = Occlusion(counted(crop.score, windows + 1, progress)).attribute(
        crop.image,
        sliding_window_shapes=(3, window, window),
        strides=(3, stride, stride),
        baselines=crop.baseline(baseline),
        perturbations_per_eval=min(windows, crop.images_at_once(memory_bytes)),
    )
    # The window covers all channels, so that each of them carries the loss.
    return _result(crop, "occlusion", baseline, losses[0, 0].double().cpu().numpy())


def grad_cam(
    model: ASMNet, photo: npt.NDArray[np.uint8], box: npt.ArrayLike, *, layer: nn.Module | None = None
) -> Attribution:
    """Grad-CAM of a crop's score, by Captum, without the final ReLU.

    The gradients are averaged over the whole photo, so that the map also speaks outside the crop: its leak says
    nothing of the receptive field.

    Parameters
    ----------
    model, photo, box
        As in `integrated_gradients`.
    layer : Module, optional
        A module of the model with output [1, C, h', w']. Default: the end of the backbone's last stage.

    Returns
    -------
    Attribution
        Upsampled bilinearly to the input size.

    Raises
    ------
    ValueError
        If the photo or the box is faulty, or the layer is not in the model.

    References
    ----------
    Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017.
    """
    from captum.attr import LayerGradCam

    names = {module: name for name, module in model.named_modules()}
    if layer is None:
        layer = model.backbone.features[max(model.backbone.stages)]
    elif layer not in names:
        raise ValueError("layer is a module of the model, but this one is not among its modules")
    hooked = deepcopy(model)  # Captum hooks into the layer, which others may use meanwhile
    crop = crop_input(hooked, photo, box)
    coarse = LayerGradCam(crop.score, hooked.get_submodule(names[layer])).attribute(crop.image)
    fine = F.interpolate(coarse.detach(), crop.size, mode="bilinear", align_corners=False)[0, 0]
    with torch.no_grad():
        score = float(crop.score(crop.image))
    unknown = float("nan")
    return Attribution("grad-cam", crop.box, "", fine.double().cpu().numpy(), crop.photo_size, score, unknown, unknown)


def feature_ablation(
    model: ASMNet,
    photo: npt.NDArray[np.uint8],
    box: npt.ArrayLike,
    *,
    baseline: Baseline = "mean",
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress | None = None,
) -> Attribution:
    """What the crop's score loses when the pixels of one partition are replaced, by Captum.

    A pixel belongs to the partition that its centre falls in; all pixels outside the crop are one more player.

    Parameters
    ----------
    model, photo, box, baseline, memory_bytes, progress
        As in `integrated_gradients`.

    Returns
    -------
    Attribution
        With `partitions`.

    Raises
    ------
    ValueError
        As in `integrated_gradients`.
    """
    from captum.attr import FeatureAblation

    crop = crop_input(model, photo, box)
    players = _Players(crop)
    losses = FeatureAblation(counted(crop.score, len(players.present) + 1, progress)).attribute(
        crop.image,
        crop.baseline(baseline),
        feature_mask=players.mask,
        perturbations_per_eval=min(len(players.present), crop.images_at_once(memory_bytes)),
    )
    table = players.table(attribution=players.read(losses))
    return _result(crop, "feature ablation", baseline, players.spread(table), partitions=table)


def shapley_values(
    model: ASMNet,
    photo: npt.NDArray[np.uint8],
    box: npt.ArrayLike,
    *,
    baseline: Baseline = "mean",
    permutations: int = 25,
    seed: int = 0,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress | None = None,
) -> Attribution:
    """Shapley values of the crop's partitions, by Captum's sampling of permutations.

    Each partition's pixels are a player, and so are all pixels outside the crop. A player's value is its mean gain
    when players enter the baseline in random order.

    Parameters
    ----------
    model, photo, box, baseline, memory_bytes, progress
        As in `integrated_gradients`.
    permutations : int
    seed : int
        Of the permutations; the global generator is left as it is.

    Returns
    -------
    Attribution
        With `partitions`, whose standard_error is that of the mean over permutations (NaN for one).

    Raises
    ------
    ValueError
        As in `integrated_gradients`, and if there is no permutation.

    References
    ----------
    Castro, Gómez & Tejada, "Polynomial calculation of the Shapley value based on sampling", Comput. Oper. Res. 2009.
    """
    from captum.attr import ShapleyValueSampling

    if permutations < 1:
        raise ValueError(f"permutations is at least 1, got {permutations}")
    crop = crop_input(model, photo, box)
    players = _Players(crop)
    n = len(players.present)
    method = ShapleyValueSampling(counted(crop.score, permutations * (n + 1), progress))
    base, at_once = crop.baseline(baseline), min(n, crop.images_at_once(memory_bytes))
    draws = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for _ in range(permutations):  # one by one: Captum returns the mean alone, and we want its error too
            gains = method.attribute(
                crop.image, base, feature_mask=players.mask, n_samples=1, perturbations_per_eval=at_once
            )
            draws.append(players.read(gains))
    mean = np.mean(draws, axis=0)
    error = np.std(draws, axis=0, ddof=1) / np.sqrt(permutations) if permutations > 1 else np.full(len(mean), np.nan)
    table = players.table(attribution=mean, standard_error=error)
    return _result(crop, "shapley values", baseline, players.spread(table), complete=True, partitions=table)


class _Players:
    """Partitions of a crop, and its surroundings, as groups of input pixels.

    `mask` numbers the groups that hold a pixel without gaps, as Captum wants them.
    """

    def __init__(self, crop: CropInput) -> None:
        self._labels = crop.labels(crop.model.pattern.labels)
        self._numbers = np.arange(SURROUNDINGS, crop.model.pattern.n_partitions)
        self.present, first, compact = np.unique(self._labels, return_index=True, return_inverse=True)
        self._first = first
        self.mask = torch.from_numpy(compact.reshape(1, 1, *self._labels.shape)).to(crop.image.device)

    def read(self, shares: Tensor) -> FloatArray:
        """Each player's number, from a tensor [1, 3, h, w] that has it at all of its pixels; 0 without pixels."""
        values = np.zeros(len(self._numbers))
        values[self.present - SURROUNDINGS] = shares[0, 0].flatten().double().cpu().numpy()[self._first]
        return values

    def table(self, **columns: FloatArray) -> pd.DataFrame:
        pixels = np.bincount(self._labels.ravel() - SURROUNDINGS, minlength=len(self._numbers))
        return pd.DataFrame({"partition": self._numbers, "pixels": pixels, **columns})

    def spread(self, table: pd.DataFrame) -> FloatArray:
        """Attributions of a table spread evenly over the players' pixels, [h, w]."""
        density = (table["attribution"] / table["pixels"].clip(lower=1)).to_numpy()
        return np.asarray(density[self._labels - SURROUNDINGS])


def _summed(shares: Tensor) -> FloatArray:
    """[1, 3, h, w] summed over colour channels."""
    return np.asarray(shares.detach().double().sum(1)[0].cpu().numpy())
