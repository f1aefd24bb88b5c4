"""Figures on score maps: what crops read (Fig. 4), θ maps for two λ (Fig. 6)."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from asm_interp.analysis.estimates import mean_estimate
from asm_interp.analysis.explanation import explain_crop
from asm_interp.analysis.regions import MARGIN, concentration
from asm_interp.analysis.theta import theta_maps
from asm_interp.data.crops import CropSample
from asm_interp.data.photo import Photo
from asm_interp.model.score_map import crop_scores
from asm_interp.paper.drawing import (
    Drawing,
    chosen,
    few_photos,
    fitted,
    interval,
    map_rows,
    quoted,
    shown_map,
    text_width,
)
from asm_interp.paper.inputs import Inputs, with_photos
from asm_interp.plots.intervals import number_text
from asm_interp.plots.maps import color_bar, draw_crops, draw_map
from asm_interp.plots.style import DIVERGING, SEQUENTIAL, shared_norm

PLANTED_MODEL = "shapes-lambda-0.1"
LAMBDA_PAIR = ("photos-lambda-0", "photos-lambda-0.1")
ANNOTATED = ("gaicd", "cpc", "table")
"""Data sets whose crops people scored."""

_CLIP = 0.02  # share of a crop-level map's pixels beyond each end of the scale: a few pixels hold most of a score
_OPACITY = 0.75  # of maps over photos
_CONTOUR = 0.9  # quantile of θstd that is outlined
_WIDE = 6.0  # inches of a page that leave room for titles in two lines
_LARGE = 0.08  # share of a drawn scene that subjects fill, for one to be shown


def crop_maps(inputs: Inputs) -> Drawing:
    """Fig. 4: what three crops of one photo read, with annotated and predicted scores."""
    sample, checkpoint, origin = _annotated_photo(inputs)
    assert sample.scores is not None
    score_map = inputs.score_map(checkpoint, sample.id, sample.photo)
    predicted = crop_scores(score_map, sample.boxes)
    order = np.argsort(-sample.scores, kind="stable")
    picked = order[[0, len(order) // 2, -1]]
    phi = [shown_map(explain_crop(score_map.centred(), box).pixel_scores) for box in sample.boxes[picked]]
    norm = shared_norm(phi, center=0.0, clip=_CLIP)
    shape = sample.photo.shape[0] / sample.photo.shape[1]
    wide = text_width() > _WIDE
    height = 0.23 * shape * text_width() + (0.62 if wide else 0.9)
    figure, axes = plt.subplots(1, 4, figsize=(text_width(), height))
    crops = pd.DataFrame(sample.boxes[picked], columns=["x1", "y1", "x2", "y2"])
    draw_crops(sample.photo, crops, ax=axes[0], labels=list("abc")).set_title("photo and crops")
    rows = []
    for ax, letter, i, values in zip(axes[1:], "abc", picked, phi, strict=True):
        box = sample.boxes[i]
        draw_map(values, sample.photo, ax=ax, norm=norm, cmap=DIVERGING, label="", box=box, opacity=_OPACITY, bar=False)
        places = [int((scores > scores[i]).sum()) + 1 for scores in (sample.scores, predicted)]
        told = [f"{letter}: annotated {sample.scores[i]:.2f}", f"rank {places[0]}"]
        told += [f"predicted {predicted[i]:.2f}", f"rank {places[1]}"]
        lines = [", ".join(told[:2]), ", ".join(told[2:])] if wide else told
        ax.set_title("\n".join(lines).replace("-", "\N{MINUS SIGN}"))
        labels = dict(zip(("x1", "y1", "x2", "y2"), box.tolist(), strict=True))
        rows.append(map_rows({"phi": values}, **labels, annotated=sample.scores[i], predicted=predicted[i]))
    color_bar(list(axes[1:]), norm, DIVERGING, "φ, channel means taken off", maps=phi, opacity=_OPACITY)
    caption = (
        f"What each of three crops reads (φ; its mean is the score, up to a constant of the photo). {origin}; highest, "
        f"middle and lowest of its {len(order)} annotated crops. Model: {quoted([checkpoint])}. Annotated and "
        "predicted scores have units of their own; their ranks can be compared."
    )
    return Drawing(
        figure,
        pd.concat(rows),
        caption,
        f"one for all maps, ±{norm.vmax:.3g}, centred at 0, ends at the outermost {100 * _CLIP:g} % quantile",
    )


def _annotated_photo(inputs: Inputs) -> tuple[CropSample, str, str]:
    """A photo with scored crops, the model that predicts them, and where the scores are from."""
    for kind in ANNOTATED:
        if kind in inputs.data:
            scored = inputs.dataset(kind).where(lambda sample: sample.scores is not None)
            sample = next(with_photos(scored), None)
            if sample is None:
                raise ValueError(f"no photo with scored crops of {inputs.data[kind]} is there, and maps need one")
            return sample, inputs.checkpoint, f"Photo {sample.id} of {kind}, scored by people"
    world = inputs.scenes(PLANTED_MODEL)
    sample = next((sample for sample in world if sample.mask.mean() > _LARGE), world[0])
    return sample, PLANTED_MODEL, f"Drawn scene {sample.id}, scored by the planted rule {world.rule}"


def theta_pair(inputs: Inputs) -> Drawing:
    """Fig. 6: θavg and θstd for λ = 0 and λ = 0.1, side by side."""
    photos = chosen(inputs.photographs(), ("coffee", "flower"))
    lambdas = [float(inputs.card(name)["lambda"]) for name in LAMBDA_PAIR]
    theta = {
        name: [theta_maps(inputs.score_map(each, name, photo), center="channel") for each in LAMBDA_PAIR]
        for name, photo in photos.items()
    }
    avg = {name: [shown_map(each.avg - each.avg.mean()) for each in pair] for name, pair in theta.items()}
    std = {name: [shown_map(each.std) for each in pair] for name, pair in theta.items()}
    every = [[each for pair in maps.values() for each in pair] for maps in (avg, std)]
    norms = shared_norm(every[0], center=0.0), shared_norm(every[1])
    shape = np.mean([photo.shape[0] / photo.shape[1] for photo in photos.values()])
    height = len(photos) * shape * text_width() / 4 + 0.8
    figure, axes = plt.subplots(len(photos), 4, figsize=(text_width(), height), squeeze=False)
    rows = []
    for (name, photo), line in zip(photos.items(), axes, strict=True):
        for ax, values in zip(line, [*avg[name], *std[name]], strict=True):
            norm, cmap = (norms[0], DIVERGING) if ax in line[:2] else (norms[1], SEQUENTIAL)
            contour = _CONTOUR if cmap is SEQUENTIAL else None
            draw_map(values, photo, ax=ax, norm=norm, cmap=cmap, label="", bar=False, opacity=_OPACITY, contour=contour)
        line[0].set_ylabel(fitted(name, shape * text_width() / 4))
        drawn = [*avg[name], *std[name]]
        keys = [f"{kind}, λ = {lam:g}" for kind in ("theta_avg", "theta_std") for lam in lambdas]
        rows.append(map_rows(dict(zip(keys, drawn, strict=True)), photo=name))
    for ax, kind, lam in zip(axes[0], ("θavg",) * 2 + ("θstd",) * 2, lambdas * 2, strict=True):
        ax.set_title(f"{kind}, λ = {lam:g}")
    look: dict[str, Any] = {"location": "bottom", "shrink": 0.7, "aspect": 30, "opacity": _OPACITY}
    color_bar(list(axes[:, :2].flat), norms[0], DIVERGING, "θavg − photo mean", maps=every[0], **look)
    color_bar(list(axes[:, 2:].flat), norms[1], SEQUENTIAL, "θstd, channel means off", maps=every[1], **look)
    scale = f"one for both λ and all photos; θavg ±{norms[0].vmax:.3g} around 0, θstd 0 to {norms[1].vmax:.3g}"
    caption = f"Models {quoted(LAMBDA_PAIR)}. Contour: quantile {_CONTOUR:g} of each θstd. {_corners(inputs)}"
    return Drawing(figure, pd.concat(rows), caption, scale)


def _corners(inputs: Inputs) -> str:
    """How much θstd is drawn to the corners under each λ, and how much of it was offset, over all photos."""
    photos: dict[str, Photo] = inputs.photographs()
    masses, gauges = [], []
    for name in LAMBDA_PAIR:
        maps = [theta_maps(inputs.score_map(name, key, photo), center="channel") for key, photo in photos.items()]
        corners = mean_estimate("", [concentration(each.std) for each in maps], inputs.how, alternative=None)
        lam = f"at λ = {float(inputs.card(name)['lambda']):g}"
        masses.append(f"{interval(corners)} {lam}")
        gauges.append(f"{np.mean([each.gauge_share for each in maps]):.2f} {lam}")
    told = (
        f"Mass of this θstd in the corners (1/{1 / MARGIN:g} of each side), log2 of its density over the photo's: "
        f"{', '.join(masses)}. Channel means, which are off, would make up {', '.join(gauges)} of mean θstd² (gauge "
        "share). "
        f"Means over {number_text([len(photos)]).removeprefix('n = ')}; in brackets 95 % intervals. "
    )
    return (told + few_photos(len(photos))).rstrip()
