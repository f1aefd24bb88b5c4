"""How far attributions of a crop's score agree with its exact pixel scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from asm_interp.analysis.attribution import Attribution, part_means
from asm_interp.analysis.crop_input import crop_input
from asm_interp.analysis.explanation import explain_crop
from asm_interp.analysis.map_similarity import map_spearman, top_iou
from asm_interp.model.asmnet import ASMNet
from asm_interp.model.score_map import ScoreMap


def agreement(
    model: ASMNet, photo: npt.NDArray[np.uint8], attributions: Sequence[Attribution], *, cell: int = 1
) -> pd.DataFrame:
    r"""How far input attributions agree with the exact pixel scores φ of the crop, and how much leaks out of it.

    φ is compared as it is ("score"), and less the φ of the baseline image ("score above baseline"), which is what
    an attribution against that baseline splits and in which channel offsets cancel.

    Parameters
    ----------
    model : ASMNet
    photo : array of uint8, [H, W, 3]
        The photo that was attributed.
    attributions : sequence of Attribution
    cell : int
        Side, in pixels of the network's input, of the squares over which both are averaged first. Gradients are
        noisy from pixel to pixel, while φ is smooth at the scale of the backbone's stride.

    Returns
    -------
    DataFrame
        method, baseline, reference, cell, spearman, top_iou (of the highest tenth), leak_share; NaN where a map
        is constant.

    Raises
    ------
    ValueError
        If an attribution is of a photo or a network input of another size, or `cell` is below one.
    """
    if cell < 1:
        raise ValueError(f"cell is at least 1, got {cell}")
    rows = []
    for attribution in attributions:
        crop = crop_input(model, photo, attribution.box)
        if (attribution.photo_size, attribution.values.shape) != (crop.photo_size, crop.size):
            raise ValueError(
                f"the photo has {crop.photo_size} (H, W) pixels and a map of {crop.size}, "
                f"but an attribution is of {attribution.photo_size} and {attribution.values.shape}"
            )
        with torch.no_grad():
            values = {"score": model(crop.image)[0]}
            if attribution.baseline:
                base = model(crop.baseline(attribution.baseline))[0]  # type: ignore[arg-type]
                values["score above baseline"] = values["score"] - base
        references = {name: ScoreMap(value, model.pattern, crop.photo_size) for name, value in values.items()}
        for name, reference in references.items():
            phi = explain_crop(reference, attribution.box).pixel_scores
            parts = [max(1, round(side / cell)) for side in phi.shape]
            own = attribution.over_crop(*parts)
            exact = part_means(phi, (0.0, float(phi.shape[0])), (0.0, float(phi.shape[1])), *parts)
            rows.append(
                {
                    "method": attribution.method,
                    "baseline": attribution.baseline,
                    "reference": name,
                    "cell": cell,
                    "spearman": map_spearman(own, exact),
                    "top_iou": top_iou(own, exact),
                    "leak_share": attribution.leak_share,
                }
            )
    return pd.DataFrame(rows)
