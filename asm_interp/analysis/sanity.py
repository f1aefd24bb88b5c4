"""Parameter randomisation: whether a map depends on what the model has learned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from asm_interp.analysis.map_similarity import map_spearman, map_ssim
from asm_interp.analysis.null_maps import random_head
from asm_interp.analysis.statistics import bootstrap_interval
from asm_interp.analysis.theta import theta_maps
from asm_interp.model.asmnet import ASMNet

Photo = npt.NDArray[np.uint8]
Explain = Callable[[ASMNet, Photo], npt.NDArray[np.floating]]
"""A model and a photo to a map [h, w]."""

HEADS = "heads"
RANDOM_HEAD = "random head"
"""Row of a cascade in which the heads are random but keep the size of each stage's trained weights."""


def theta_explanations() -> dict[str, Explain]:
    """θavg, θstd, and θstd with each channel's mean over the photo taken off."""
    return {
        "theta_avg": lambda model, photo: theta_maps(model.score_map(photo)).avg,
        "theta_std": lambda model, photo: theta_maps(model.score_map(photo)).std,
        "theta_std_centred": lambda model, photo: theta_maps(model.score_map(photo), center="channel").std,
    }


def layers(model: ASMNet) -> list[str]:
    """Parts of the model that hold weights, from the heads down to the first convolution.

    Examples
    --------
    >>> layers(ASMNet("tiny", "grid:1x1"))[:3]
    ['heads', 'backbone.features.12', 'backbone.features.10']
    """
    convolutions = [
        f"backbone.features.{index}"
        for index, layer in enumerate(model.backbone.features)
        if any(True for _ in layer.parameters())
    ]
    return [HEADS, *reversed(convolutions)]


def randomised(model: ASMNet, parts: Iterable[str], seed: int) -> ASMNet:
    """A copy of the model in which some parts have weights as before any training.

    The model itself is not touched, and the global random generator is left as it is.

    Parameters
    ----------
    model : ASMNet
    parts : iterable of str
        Names from `layers`; "heads" takes the bias along.
    seed : int
        Of the fresh weights, which follow the initialisation of `ASMNet`.

    Returns
    -------
    ASMNet
        On the model's device and of its dtype, in evaluation mode.

    Raises
    ------
    ValueError
        If the model has no such part.
    """
    chosen = set(parts)
    unknown = sorted(chosen - set(layers(model)))
    if unknown:
        raise ValueError(f"no part {unknown[0]!r}; there are {', '.join(layers(model))}")
    prefixes = tuple(f"{part}." for part in chosen) + (("bias",) if HEADS in chosen else ())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        copy = ASMNet(model.backbone_name, model.pattern, input_size=model.input_size)
    trained = {name: value for name, value in model.state_dict().items() if not name.startswith(prefixes)}
    copy.load_state_dict(copy.state_dict() | trained)
    return copy.to(model.bias.device, model.bias.dtype).eval()


def randomisation_cascade(
    model: ASMNet,
    photos: Mapping[str, Photo],
    explanations: Mapping[str, Explain] | None = None,
    *,
    seeds: Sequence[int] = (0,),
    cascade: bool = True,
) -> pd.DataFrame:
    """Similarity of maps to those of the trained model while its layers lose their weights, from the heads down.

    A map that stays alike does not show what was learned. Beside the layers stands
    the null of `asm_interp.analysis.null_maps.random_head`, at depth 0: the trained backbone under a random head that
    keeps the size of each stage's weights, where the heads' own initialisation (depth 1) does not.

    Parameters
    ----------
    model : ASMNet
        Not touched.
    photos : mapping of str to array of uint8, [H, W, 3]
    explanations : mapping of str to callable, optional
        Each takes a model and a photo and returns a map [h, w]; `theta_explanations` by default. An attribution
        fits as ``lambda model, photo: integrated_gradients(model, photo, box).values``.
    seeds : sequence of int
        Of the fresh weights; one run each.
    cascade : bool
        Whether layers stay randomised while one goes down, or each is randomised alone.

    Returns
    -------
    DataFrame
        photo, map, layer, depth (1 for the heads), seed, spearman, ssim (see
        `asm_interp.analysis.map_similarity`); NaN where a map is constant.

    References
    ----------
    Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018.
    """
    explanations = theta_explanations() if explanations is None else explanations
    trained = {
        (photo, name): explain(model, pixels)
        for photo, pixels in photos.items()
        for name, explain in explanations.items()
    }
    names, rows = layers(model), []

    def compare(other: ASMNet, layer: str, depth: int, seed: int) -> None:
        for (photo, name), reference in trained.items():
            values = explanations[name](other, photos[photo])
            similarity = {"spearman": map_spearman(values, reference), "ssim": map_ssim(values, reference)}
            rows.append({"photo": photo, "map": name, "layer": layer, "depth": depth, "seed": seed, **similarity})

    for seed in seeds:
        compare(random_head(model, seed), RANDOM_HEAD, 0, seed)
        for depth, layer in enumerate(names, start=1):
            compare(randomised(model, names[:depth] if cascade else [layer], seed), layer, depth, seed)
    return pd.DataFrame(rows)


def summarise_cascade(table: pd.DataFrame, level: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Mean over photos of a cascade's similarities, each photo's mean over seeds first.

    Parameters
    ----------
    table : DataFrame
        As from `randomisation_cascade`.
    level, seed
        Of the intervals, which resample photos.

    Returns
    -------
    DataFrame
        map, depth, layer, similarity ("spearman" or "ssim"), mean, ci_low, ci_high, n_photos (with a number).
    """
    rows = []
    per_photo = table.groupby(["map", "depth", "layer", "photo"], sort=False)[["spearman", "ssim"]].mean()
    for key, group in per_photo.groupby(["map", "depth", "layer"], sort=False):
        for similarity in ("spearman", "ssim"):
            values = group[similarity].to_numpy()
            low, high = bootstrap_interval(values, level, seed=seed)
            known = values[~np.isnan(values)]
            rows.append(
                {
                    **dict(zip(("map", "depth", "layer"), key, strict=True)),
                    "similarity": similarity,
                    "mean": known.mean() if len(known) else np.nan,
                    "ci_low": low,
                    "ci_high": high,
                    "n_photos": len(known),
                }
            )
    return pd.DataFrame(rows)
