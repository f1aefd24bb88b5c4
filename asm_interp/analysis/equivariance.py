"""Whether scores follow their content when the photo is mirrored or its content moved."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from asm_interp.analysis.estimates import Estimate, mean_estimate, ratio_estimate
from asm_interp.analysis.statistics import Resampling
from asm_interp.analysis.theta import theta_maps
from asm_interp.data.crops import CropSample
from asm_interp.data.photo import Photo
from asm_interp.evaluation.metrics import srcc
from asm_interp.geometry.boxes import FloatArray, check_boxes
from asm_interp.model.score_map import ScoreMap, crop_scores

Maps = Callable[[Photo], ScoreMap]

PLACES = ((0.0, 0.0), (0.0, 1.0), (0.5, 0.5), (1.0, 0.0), (1.0, 1.0))
"""Where the content is put on the larger canvas, in units of the free room down and across."""


def mirrored(photo: Photo, boxes: npt.ArrayLike) -> tuple[Photo, FloatArray]:
    """Photo and boxes [N, 4] mirrored left to right."""
    x1, y1, x2, y2 = check_boxes(boxes).T
    width = photo.shape[1]
    return np.ascontiguousarray(photo[:, ::-1]), np.stack([width - x2, y1, width - x1, y2], axis=1)


def shifted(
    photo: Photo, boxes: npt.ArrayLike, place: tuple[float, float], room: float = 0.25
) -> tuple[Photo, FloatArray]:
    """Photo on a larger canvas of its mean colour, and boxes [N, 4] moved along.

    Parameters
    ----------
    photo : array of uint8, [H, W, 3]
    boxes : array_like, [N, 4]
    place : (float, float)
        Share of the room that is above, and to the left of the photo, in [0, 1].
    room : float
        By how much the canvas is larger, in units of the photo's sides.
    """
    height, width, _ = photo.shape
    free = round(room * height), round(room * width)
    top, left = round(place[0] * free[0]), round(place[1] * free[1])
    canvas = np.empty((height + free[0], width + free[1], 3), dtype=np.uint8)
    canvas[:] = np.rint(photo.mean(axis=(0, 1)))
    canvas[top : top + height, left : left + width] = photo
    return canvas, check_boxes(boxes) + np.array([left, top, left, top])


def equivariance(maps: Maps, samples: Iterable[CropSample], room: float = 0.25) -> pd.DataFrame:
    r"""How far scores and θstd fail to follow their content.

    Parameters
    ----------
    maps : callable
        Photo to score map, as `ASMNet.score_map`.
    samples : iterable of CropSample
        With photos and at least two crops.
    room : float
        See `shifted`.

    Returns
    -------
    DataFrame
        One row per photo: flip_srcc, the rank correlation of scores on the photo and on its mirror image; flip_error,
        :math:`\lVert \theta(Tx) - T\theta(x) \rVert / \lVert \theta(x) \rVert` of the channel-centred θstd;
        shift_variance, the variance of a crop's score over five places of its content on a larger canvas, a mean over
        crops; crop_variance, that over crops, a mean over places; n_crops.

    References
    ----------
    Lenc & Vedaldi, "Understanding Image Representations by Measuring Their Equivariance and Equivalence", CVPR 2015;
    Kayhan & van Gemert, "On Translation Invariance in CNNs", CVPR 2020.
    """
    rows = {}
    for sample in samples:
        photo = sample.photo
        plain = maps(photo)
        photo_flipped, boxes_flipped = mirrored(photo, sample.boxes)
        flipped = maps(photo_flipped)
        theta, theta_flipped = (theta_maps(m, center="channel").std.astype(np.float64) for m in (plain, flipped))
        norm = np.linalg.norm(theta)
        moved = [shifted(photo, sample.boxes, place, room) for place in PLACES]
        scores = np.stack([crop_scores(maps(canvas), boxes) for canvas, boxes in moved])
        rows[sample.id] = {
            "flip_srcc": srcc(crop_scores(flipped, boxes_flipped), crop_scores(plain, sample.boxes)),
            "flip_error": np.linalg.norm(theta_flipped[:, ::-1] - theta) / norm if norm > 0 else np.nan,
            "shift_variance": scores.var(axis=0).mean(),
            "crop_variance": scores.var(axis=1).mean(),
            "n_crops": len(sample.boxes),
        }
    columns = ["flip_srcc", "flip_error", "shift_variance", "crop_variance", "n_crops"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("photo")


def equivariance_estimates(maps: Maps, samples: Iterable[CropSample], how: Resampling) -> list[Estimate]:
    """Rows on mirroring and moving; see `equivariance`. The last is mean shift variance over mean crop variance."""
    found = equivariance(maps, samples)
    n_crops = int(found["n_crops"].sum())
    return [
        mean_estimate(
            "flip: scores on the photo and on its mirror image",
            found["flip_srcc"],
            how,
            effect="Spearman's ρ",
            n_crops=n_crops,
            alternative=None,
        ),
        mean_estimate(
            "flip: error of θstd", found["flip_error"], how, effect="relative norm", n_crops=n_crops, alternative=None
        ),
        ratio_estimate(
            "shift: variance over places, over that of crops",
            found["shift_variance"],
            found["crop_variance"],
            how,
            effect="ratio of variances",
            n_crops=n_crops,
        ),
    ]
