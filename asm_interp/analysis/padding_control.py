"""Padding control: how much of what a map shows at the border comes from the network's padding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal, get_args

import numpy.typing as npt
import pandas as pd
from torch import nn

from asm_interp.analysis.estimates import Estimate, mean_estimate
from asm_interp.analysis.null_maps import random_weights
from asm_interp.analysis.regions import region_z
from asm_interp.analysis.statistics import Resampling
from asm_interp.analysis.theta import theta_maps
from asm_interp.data.photo import Photo
from asm_interp.model.asmnet import ASMNet

Padding = Literal["zeros", "reflect", "replicate", "circular"]


@contextmanager
def padded_with(model: nn.Module, padding: Padding) -> Iterator[None]:
    """Pad all convolutions in another way inside the block; as before after it.

    Parameters
    ----------
    model : Module
    padding : {"zeros", "reflect", "replicate", "circular"}
        Convolutions without padding stay as they are.

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
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d) and layer.padding not in (0, (0, 0))]
    before = [layer.padding_mode for layer in layers]
    try:
        for layer in layers:
            layer.padding_mode = padding
        yield
    finally:
        for layer, mode in zip(layers, before, strict=True):
            layer.padding_mode = mode


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
        weights, padding, avg, std. The last two are `asm_interp.analysis.regions.region_z` of θavg and of θstd, with
        each channel's mean over the photo off.
    """
    weights: dict[str, Callable[[], AbstractContextManager[object]]] = {
        "trained": nullcontext,
        "random": lambda: random_weights(model, seed),
    }
    paddings: tuple[Padding, ...] = ("zeros", "reflect", "replicate")
    rows = []
    for name, drawn in weights.items():
        with drawn():
            for padding in paddings:
                with padded_with(model, padding):
                    rows += [
                        {"photo": key, "weights": name, "padding": padding} | _corners(model, photo)
                        for key, photo in photos.items()
                    ]
    return pd.DataFrame(rows)


def _corners(model: ASMNet, photo: npt.NDArray) -> dict[str, float]:  # type: ignore[type-arg]
    maps = theta_maps(model.score_map(photo), center="channel")
    return {"avg": region_z(maps.avg), "std": region_z(maps.std)}


def padding_estimates(model: ASMNet, photos: Mapping[str, Photo], how: Resampling) -> list[Estimate]:
    """Corner z of θavg and θstd for each pairing of weights and padding, means over photos; not tested."""
    rows = []
    for (weights, padding), group in corner_z(model, photos, how.seed).groupby(["weights", "padding"], sort=False):
        for column in ("avg", "std"):
            label = f"corner z of θ{column}, {weights} weights, {padding} padding"
            rows.append(mean_estimate(label, group[column], how, effect="σ of the map", alternative=None))
    return rows
