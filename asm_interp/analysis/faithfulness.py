"""Whether a map tells what a crop's score rests on: insertion and deletion, infidelity, sensitivity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from asm_interp.analysis.crop_input import (
    MEMORY_BYTES,
    Baseline,
    CropInput,
    Progress,
    counted,
    crop_input,
)
from asm_interp.analysis.statistics import permutation_p
from asm_interp.data.photo import resize_photo
from asm_interp.data.saliency import spectral_residual
from asm_interp.geometry.boxes import FloatArray
from asm_interp.model.asmnet import ASMNet
from asm_interp.model.backbones import ImageNetMean, ImageNetStd

RANDOM = "random"
"""Name, in tables, of the random orders and maps that every map is measured against."""

Explanation = Callable[[Tensor], Tensor]
"""Images [B, 3, h, w] to their maps [B, h, w]."""


def perturbation_curves(
    model: ASMNet,
    photo: npt.NDArray[np.uint8],
    box: npt.ArrayLike,
    maps: Mapping[str, npt.NDArray[np.floating]],
    *,
    fill: Baseline = "mean",
    cells: int = 12,
    steps: int = 18,
    n_random: int = 20,
    seed: int = 0,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """The crop's score while its cells are removed (deletion) or brought back (insertion), highest first.

    The crop is divided into `cells` × `cells` cells. Each map ranks them by its mean over the cell, and random
    orders shuffle the same cells, so that they differ from a map in order alone and not in grain. What lies outside
    the crop stays as it is.

    Parameters
    ----------
    model : ASMNet
    photo : array of uint8, [H, W, 3]
    box : array_like, [4]
        x1, y1, x2, y2 in photo pixels.
    maps : mapping of str to array, [h, w]
        Maps of the whole photo, of any size; the highest values go first.
    fill : {"mean", "blur", "grey"}
        What a removed pixel becomes: the photo's mean colour, the photo blurred, or ImageNet's mean colour.
    cells, steps : int
        Cells per side, and parts of near-equal size in which they go.
    n_random, seed : int
        Random orders, the same in both modes, and their seed.
    memory_bytes : int
        What the images of one pass may take.
    progress : callable, optional
        Called with the number of images scored and of all.

    Returns
    -------
    DataFrame
        mode ("deletion", "insertion"), order (a map's name or "random"), draw (number of the random order, 0 for a
        map), fill, share (of the crop's cells gone through), score.

    Raises
    ------
    ValueError
        If the photo, box or fill is faulty, a map is not two-dimensional or not finite or is called "random", or
        the crop is too small for the cells.

    References
    ----------
    Petsiuk, Das & Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018.
    """
    crop = crop_input(model, photo, box)
    if min(cells, steps) < 1 or steps > cells**2 or n_random < 0:
        raise ValueError(f"1 <= steps <= cells², and n_random >= 0; got {steps}, {cells}², {n_random}")
    labels = _cell_labels(crop, cells)
    if RANDOM in maps:
        raise ValueError(f"a map cannot be called {RANDOM!r}: that is the name of the random orders")
    orders = {
        (name, 0): np.argsort(-_cell_means(name, values, labels, cells**2), kind="stable")
        for name, values in maps.items()
    }
    rng = np.random.default_rng(seed)
    orders |= {(RANDOM, draw): rng.permutation(cells**2) for draw in range(n_random)}
    counts = np.round(np.linspace(0, cells**2, steps + 1)).astype(np.int64)

    def removed() -> Iterator[npt.NDArray[np.bool_]]:
        for order in orders.values():
            for mode in MODES:
                for count in counts:
                    yield np.isin(labels, order[:count] if mode == "deletion" else order[count:])

    total = len(orders) * len(MODES) * len(counts)
    scores = crop.scores_without(
        removed(), crop.baseline(fill), crop.images_at_once(memory_bytes), counted(crop.score, total, progress)
    )
    keys = [(mode, name, draw) for name, draw in orders for mode in MODES]
    return pd.DataFrame(
        {
            "mode": np.repeat([mode for mode, _, _ in keys], len(counts)),
            "order": np.repeat([name for _, name, _ in keys], len(counts)),
            "draw": np.repeat([draw for _, _, draw in keys], len(counts)),
            "fill": fill,
            "share": np.tile(counts / cells**2, len(keys)),
            "score": scores,
        }
    )


MODES = ("deletion", "insertion")


def curve_areas(curves: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Areas under perturbation curves, each against those of the random orders.

    Parameters
    ----------
    curves : DataFrame
        As from `perturbation_curves`, of one photo and crop.
    level : float
        Of the random orders that lie between random_low and random_high.

    Returns
    -------
    DataFrame
        mode, order, fill, auc (mean score along the curve, trapezoidal), random_mean, random_low, random_high,
        advantage (how far the order beats the mean random one: lower for deletion, higher for insertion), p
        (one-sided, over random orders) and n_random. NaN without random orders.

    Raises
    ------
    KeyError
        If a column is missing.
    """
    areas = {
        key: float(np.trapezoid(curve["score"], curve["share"]))
        for key, curve in curves.groupby(["mode", "fill", "order", "draw"], sort=False)
    }
    rows = []
    for (mode, fill, order, _), auc in areas.items():
        if order == RANDOM:
            continue
        null = np.array([area for key, area in areas.items() if key[:3] == (mode, fill, RANDOM)])
        sign = -1 if mode == "deletion" else 1
        some = len(null) > 0
        low, high = np.quantile(null, [(1 - level) / 2, (1 + level) / 2]) if some else (np.nan, np.nan)
        rows.append(
            {
                "mode": mode,
                "order": order,
                "fill": fill,
                "auc": auc,
                "random_mean": null.mean() if some else np.nan,
                "random_low": low,
                "random_high": high,
                "advantage": sign * (auc - null.mean()) if some else np.nan,
                "p": permutation_p(sign * auc, sign * null, "greater") if some else np.nan,
                "n_random": len(null),
            }
        )
    return pd.DataFrame(rows)


def _cell_labels(crop: CropInput, cells: int) -> npt.NDArray[np.int64]:
    labels = crop.labels(np.arange(cells**2).reshape(cells, cells))
    if len(np.unique(labels[labels >= 0])) < cells**2:
        raise ValueError(
            f"{cells} × {cells} cells need a crop of at least as many pixels of the network's input "
            f"({crop.size[0]}×{crop.size[1]}), got box {crop.box.tolist()}"
        )
    return labels


def _on_input(name: str, values: npt.NDArray[np.floating], crop_size: tuple[int, int]) -> FloatArray:
    """A map of the whole photo at the network's input size."""
    array = np.asarray(values)
    if array.ndim != 2 or array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"map {name!r} should be finite and of shape [h, w], got shape {array.shape}")
    if array.shape == crop_size:
        return array.astype(np.float64)
    return np.asarray(resize_photo(array.astype(np.float32), crop_size), dtype=np.float64)


def _cell_means(name: str, values: npt.NDArray[np.floating], labels: npt.NDArray[np.int64], n_cells: int) -> FloatArray:
    own = _on_input(name, values, (labels.shape[0], labels.shape[1]))
    inside = labels >= 0
    sums = np.bincount(labels[inside], own[inside], n_cells)
    return np.asarray(sums / np.bincount(labels[inside], minlength=n_cells))


def infidelity(
    model: ASMNet,
    photo: npt.NDArray[np.uint8],
    box: npt.ArrayLike,
    maps: Mapping[str, npt.NDArray[np.floating]],
    *,
    baseline: Baseline = "mean",
    n_samples: int = 50,
    cells: int = 12,
    n_random: int = 5,
    seed: int = 0,
    memory_bytes: int = MEMORY_BYTES,
) -> pd.DataFrame:
    r"""How badly a map foretells what happens to the score when squares of the crop are replaced, by Captum.

    .. math:: \min_\beta \mathrm{E}_I\bigl[(\beta \sum_{p \in I} a_p - (\Phi(x) - \Phi(x_{\setminus I})))^2\bigr]

    over random squares I of a quarter to three quarters of the crop's sides. Since the best factor β is found for
    each map (Captum's ``normalize=True``), any map can be measured, whatever its unit or sign.

    Parameters
    ----------
    model, photo, box, memory_bytes
        As in `perturbation_curves`.
    maps : mapping of str to array, [h, w]
        Maps of the whole photo, of any size.
    baseline : {"mean", "blur", "grey"}
        What a replaced pixel becomes.
    n_samples : int
        Squares, the same for every map.
    cells : int
        Cells a side of the random maps, which are uniform noise in the crop. Being positive they still know how
        large a square is, so that random maps leave less unexplained than 1.
    n_random, seed : int
        Random maps, and the seed of maps and squares.

    Returns
    -------
    DataFrame
        order (a map's name or "random"), draw, infidelity (squared score) and unexplained, which is infidelity over
        the mean squared change of the score: 0 for a perfect map, 1 for one that says nothing. NaN if nothing
        changes the score.

    Raises
    ------
    ValueError
        As in `perturbation_curves`.

    References
    ----------
    Yeh et al., "On the (In)fidelity and Sensitivity of Explanations", NeurIPS 2019.
    """
    from captum.metrics import infidelity as captum_infidelity

    crop = crop_input(model, photo, box)
    if n_samples < 1 or n_random < 0:
        raise ValueError(f"n_samples is at least 1 and n_random at least 0, got {n_samples}, {n_random}")
    if RANDOM in maps:
        raise ValueError(f"a map cannot be called {RANDOM!r}: that is the name of the random maps")
    labels, fill = _cell_labels(crop, cells), crop.baseline(baseline)
    rng = np.random.default_rng(seed)
    squares = torch.from_numpy(np.stack([_random_square(crop, rng) for _ in range(n_samples)]))
    candidates = {(name, 0): _on_input(name, values, crop.size) for name, values in maps.items()}
    for draw in range(n_random):
        candidates[RANDOM, draw] = np.append(rng.random(cells**2), 0.0)[labels]  # label -1, outside, is the last
    at_once = min(n_samples, crop.images_at_once(memory_bytes))

    def measured(values: FloatArray, normalize: bool) -> float:
        start = 0

        def replace_squares(images: Tensor) -> tuple[Tensor, Tensor]:
            nonlocal start
            inside = squares[start : start + len(images), None].to(images.device).expand_as(images)
            start += len(images)
            return inside.to(images.dtype), torch.where(inside, fill, images)

        # Captum sums over channels; a third in each of them is the map.
        shares = torch.from_numpy(values).to(crop.image) / 3
        found = captum_infidelity(
            crop.score,
            replace_squares,
            crop.image,
            shares.expand_as(crop.image),
            n_perturb_samples=n_samples,
            max_examples_per_batch=at_once,
            normalize=normalize,
        )
        return float(found)

    changed = measured(np.zeros(crop.size), False)
    rows = []
    for (name, draw), values in candidates.items():
        found = max(0.0, measured(values, True))  # the best fit's error may round to just below zero
        rows.append(
            {
                "order": name,
                "draw": draw,
                "infidelity": found,
                "unexplained": found / changed if changed > 0 else float("nan"),
            }
        )
    return pd.DataFrame(rows)


def _random_square(crop: CropInput, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Input pixels of a random box inside the crop, similar to it, with sides of a quarter to three quarters."""
    side = rng.uniform(0.25, 0.75)
    u, v = rng.uniform(0, 1 - side, 2)
    fine = 64
    centre = (np.arange(fine) + 0.5) / fine
    raster = ((centre >= v) & (centre < v + side))[:, None] & ((centre >= u) & (centre < u + side))[None, :]
    return np.asarray(crop.labels(raster.astype(np.int64)) == 1)


def max_sensitivity(
    model: ASMNet,
    photo: npt.NDArray[np.uint8],
    box: npt.ArrayLike,
    maps: Mapping[str, Explanation] | None = None,
    *,
    radius: float = 0.02,
    n_samples: int = 10,
    seed: int = 0,
    memory_bytes: int = MEMORY_BYTES,
) -> pd.DataFrame:
    r"""Largest relative change of maps under noise too weak to see, by Captum, beside saliency and random maps.

    .. math:: \max_{\|\delta\|_\infty \le r} \|a(x + \delta) - a(x)\|_2 / \|a(x)\|_2

    over random δ, the same for every map. What is constant in a map makes it look steady: the level of θavg, channel
    offsets in θstd.

    Parameters
    ----------
    model, photo, box, memory_bytes
        As in `perturbation_curves`.
    maps : mapping of str to callable, optional
        Your own explanations: images [B, 3, h, w], normalised as the network wants them, to maps [B, h, w].
    radius : float
        r, in units of the network's input (one is a standard deviation of ImageNet's colours, some 57 grey levels).
    n_samples, seed : int
        Draws of the noise, and the seed of noise and random maps; the global generator is left as it is.

    Returns
    -------
    DataFrame
        explanation and sensitivity: your own, "theta_avg", "theta_std" and "gradient" (of the crop's score), then
        "saliency", which knows no model, and "random", a map of Gaussian noise drawn anew for each image: some
        :math:`\sqrt 2`, as for any two maps that have nothing in common.

    Raises
    ------
    ValueError
        If the photo or box is faulty, `radius` is not positive, `n_samples` is below one, or a map of yours has the
        name of another.

    References
    ----------
    Yeh et al., NeurIPS 2019.
    """
    from captum.metrics import sensitivity_max

    crop = crop_input(model, photo, box)
    if n_samples < 1 or not 0 < radius < float("inf"):
        raise ValueError(f"n_samples is at least 1 and radius positive, got {n_samples} and {radius}")
    own, known = dict(maps or {}), _explanations(crop, seed)
    if taken := sorted(own.keys() & known.keys()):
        raise ValueError(f"maps cannot be called {', '.join(taken)}: these are measured anyway")
    at_once = min(n_samples, crop.images_at_once(memory_bytes))
    rows = []
    for name, explain in (own | known).items():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            # Captum hands the images over in a tuple and wants the maps back in one.
            found = sensitivity_max(
                lambda images, explain=explain: (explain(images[0]),),
                crop.image,
                perturb_radius=radius,
                n_perturb_samples=n_samples,
                norm_ord=2,
                max_examples_per_batch=at_once,
            )
        rows.append({"explanation": name, "sensitivity": float(found)})
    return pd.DataFrame(rows)


def _explanations(crop: CropInput, seed: int) -> dict[str, Explanation]:
    generator = torch.Generator().manual_seed(seed)  # its own: the noise on the photo is the same for every map

    def gradient(images: Tensor) -> Tensor:
        with torch.enable_grad():
            images = images.detach().requires_grad_()
            (slope,) = torch.autograd.grad(crop.score(images).sum(), images)
        return slope.sum(1)

    def saliency(images: Tensor) -> Tensor:
        mean, std = (torch.tensor(each).view(3, 1, 1) for each in (ImageNetMean, ImageNetStd))
        colours = ((images.cpu() * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)
        found = [spectral_residual(each.permute(1, 2, 0).numpy()) for each in colours]
        return torch.from_numpy(np.stack(found)).to(images)

    return {
        "theta_avg": lambda images: crop.model(images).mean(1),
        "theta_std": lambda images: crop.model(images).std(1, correction=0),
        "gradient": gradient,
        "saliency": saliency,
        RANDOM: lambda images: torch.randn(images[:, 0].shape, generator=generator).to(images),
    }
