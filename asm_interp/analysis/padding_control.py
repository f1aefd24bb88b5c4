"""Padding control: how much of what a map shows at the border comes from the network's padding."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import nn

from asm_interp.analysis.estimates import Estimate, mean_estimate
from asm_interp.analysis.null_maps import random_weights
from asm_interp.analysis.regions import region_mean
from asm_interp.analysis.statistics import Resampling
from asm_interp.analysis.theta import theta_maps
from asm_interp.data.photo import Photo
from asm_interp.model.asmnet import ASMNet

Padding = Literal["zeros", "reflect", "replicate", "circular"]


def padded_with(model: ASMNet, padding: Padding) -> ASMNet:
    """A copy of the model in which all convolutions pad in another way.

    Parameters
    ----------
    model : ASMNet
        Not touched, so that others may use it meanwhile.
    padding : {"zeros", "reflect", "replicate", "circular"}
        Convolutions without padding stay as they are.

    Returns
    -------
    ASMNet

    Raises
    ------
    ValueError
        If there is no such way.

    References
    ----------
    Alsallakh et al., "Mind the Pad: CNNs can develop blind spots", ICLR 2021; Islam et al., "How Much Position
    Information Do Convolutional Neural Networks Encode?", ICLR 2020.
    """
    if padding not in get_args(Padding):
        raise ValueError(f"padding is one of {', '.join(get_args(Padding))}, got {padding!r}")
    copy = deepcopy(model)
    for layer in copy.modules():
        if isinstance(layer, nn.Conv2d) and layer.padding not in (0, (0, 0)):
            layer.padding_mode = padding
    return copy


def corner_z(model: ASMNet, photos: Mapping[str, Photo], seed: int = 0) -> pd.DataFrame:
    """How θ maps stand out in the photo's corners, with the padding and the weights as they are and swapped.

    Parameters
    ----------
    model : ASMNet
    photos : mapping of str to array of uint8, [H, W, 3]
    seed : int
        Of the random weights.

    Returns
    -------
    DataFrame
        One row per photo, weights ("trained", "random") and padding ("zeros", "reflect", "replicate"): photo,
        weights, padding, avg, std, avg_constant, std_constant. avg and std are `asm_interp.analysis.regions.region_z`
        of θavg and of θstd, with each channel's mean over the photo off. The last two say how far the corners stand
        out where there is no content, in the maps of a constant photo of the same size and mean colour, in standard
        deviations of the maps of the photo itself. NaN where the photo's map is constant.
    """
    paddings: tuple[Padding, ...] = ("zeros", "reflect", "replicate")
    rows = []
    for name, drawn in {"trained": model, "random": random_weights(model, seed)}.items():
        for padding in paddings:
            padded = padded_with(drawn, padding)
            rows += [
                {"photo": key, "weights": name, "padding": padding} | _corners(padded, photo)
                for key, photo in photos.items()
            ]
    return pd.DataFrame(rows)


def _corners(model: ASMNet, photo: Photo) -> dict[str, float]:
    mean_colour = photo.mean((0, 1)).round().astype(np.uint8)
    photos = {"": photo, "_constant": np.tile(mean_colour, (*photo.shape[:2], 1))}
    maps = {suffix: theta_maps(model.score_map(each), center="channel") for suffix, each in photos.items()}
    return {
        f"{name}{suffix}": _excess(getattr(each, name)) / _spread(getattr(maps[""], name))
        for suffix, each in maps.items()
        for name in ("avg", "std")
    }


def _excess(values: npt.NDArray[np.float32]) -> float:
    return region_mean(values, "corners") - float(values.mean(dtype=np.float64))


def _spread(values: npt.NDArray[np.float32]) -> float:
    return float(values.std(dtype=np.float64)) if np.ptp(values) > 0 else float("nan")


def padding_estimates(model: ASMNet, photos: Mapping[str, Photo], how: Resampling) -> list[Estimate]:
    """Corner z of θavg and θstd for each pairing of weights and padding, means over photos; not tested.

    Each with the row of a constant photo beside it; see `corner_z`.
    """
    kinds = {"": "σ of the map", "_constant": "σ of the photo's map"}
    rows = []
    for (weights, padding), group in corner_z(model, photos, how.seed).groupby(["weights", "padding"], sort=False):
        for suffix, effect in kinds.items():
            told = " on a constant photo" if suffix else ""
            for name in ("avg", "std"):
                label = f"corner z of θ{name}, {weights} weights{told}, {padding} padding"
                rows.append(mean_estimate(label, group[name + suffix], how, effect=effect, alternative=None))
    return rows
