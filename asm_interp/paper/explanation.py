"""The page that explains one crop, as the command explain makes it of each photo."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from asm_interp.paper.drawing import Drawing, chosen, map_rows, quoted, shown_map, text_width
from asm_interp.paper.inputs import Inputs
from asm_interp.plots.explanation import explanation_figure
from asm_interp.report import Analysis, Wish, shared_scales


def explanation(inputs: Inputs) -> Drawing:
    """The best crops of one photo, what the first reads, what its score is made of, and the photo's θ maps."""
    ((name, photo),) = chosen(inputs.photographs(), ["flower"]).items()
    model, score_map = inputs.model(inputs.checkpoint), inputs.score_map(inputs.checkpoint, name, photo)
    found = Analysis.of(score_map, Wish())
    why = replace(found.explanation, pixel_scores=shown_map(found.explanation.pixel_scores))
    avg, std = (shown_map(each).astype(np.float32) for each in (found.theta.avg, found.theta.std))
    shown = Analysis(found.crops, why, replace(found.theta, avg=avg, std=std))
    scales = shared_scales([shown.ends()])
    figure = explanation_figure(photo, shown.crops, why, shown.theta, model.pattern, scales, width=text_width())
    numbers = [
        shown.crops.rename_axis("rank").rename(lambda rank: rank + 1).reset_index().assign(what="crops"),
        why.partitions.assign(what="partitions of crop 1"),
        map_rows({"phi": why.pixel_scores}, what="read by crop 1"),
        map_rows({"theta_avg": avg - avg.mean(), "theta_std": std}, what="photo"),
    ]
    lam = model.card.get("lambda", "?")
    caption = (
        f"Photo {name}, checkpoint {quoted([inputs.checkpoint])} (λ = {lam}, {model.pattern.name}). "
        "Why the network prefers crop 1: the map that it reads (φ; its mean is the score, up to a constant of the "
        "photo), and what each partition adds. θavg: a pixel's mean score over the places it may have in a crop; θstd: "
        "how much its score depends on that place. One photo, so no interval."
    )
    scale = (
        f"φ and gain ±{scales.phi.vmax:.3g}, θavg ±{scales.avg.vmax:.3g} around 0, θstd 0 to {scales.std.vmax:.3g}; "
        "each ends at the outermost 0.5 % quantile"
    )
    return Drawing(figure, pd.concat(numbers, ignore_index=True), caption, scale)
