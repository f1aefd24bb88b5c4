"""Figures that say why: the composition rules that models learned, and what one crop has over another."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd

from asm_interp.analysis.explanation import compare_crops
from asm_interp.analysis.placement import LearnedRule, learned_rule, salient_region
from asm_interp.data.planted import RULES
from asm_interp.data.saliency import spectral_residual
from asm_interp.model.score_map import ScoreMap
from asm_interp.paper.drawing import Drawing, chosen, map_rows, text_width
from asm_interp.paper.inputs import Inputs
from asm_interp.paper.maps import LAMBDA_PAIR, PLANTED_MODEL
from asm_interp.plots.comparison import comparison_figure
from asm_interp.plots.placement import draw_placement, draw_rule_correlations
from asm_interp.search import search_crops

_NAMED = (*RULES, "lines")


def rules(inputs: Inputs) -> Drawing:
    """Placement preference of shipped models, beside the rule that was planted and other named ones."""
    found: dict[str, LearnedRule] = {}
    for checkpoint in dict.fromkeys((PLANTED_MODEL, LAMBDA_PAIR[0], inputs.checkpoint)):
        drawn = str(inputs.card(checkpoint).get("data")).startswith("shapes")
        regions = _subjects(inputs, checkpoint) if drawn else _salient(inputs, checkpoint)
        found[checkpoint] = learned_rule(regions, rules=_NAMED, how=inputs.how)
    figure, axes = plt.subplots(
        2, len(found), figsize=(text_width(), 0.72 * text_width()), squeeze=False, height_ratios=(1.15, 1)
    )
    rows = []
    for (checkpoint, rule), (top, bottom) in zip(found.items(), axes.T, strict=True):
        planted = (inputs.card(checkpoint).get("world") or {}).get("rule", "none")
        holds_zero = (rule.ci_low <= 0) & (rule.ci_high >= 0)
        draw_placement(rule.map, ax=top, open_cells=holds_zero, label="mean preference − its mean")
        top.set_title(f"{checkpoint}\nplanted: {planted}, n = {rule.n_photos}")
        draw_rule_correlations(rule, ax=bottom)
        if bottom is not axes[1, 0]:  # one legend for all
            bottom.get_legend().set_visible(False)
            top.set_ylabel("")
        rows += [
            map_rows({"preference": rule.map, "ci_low": rule.ci_low, "ci_high": rule.ci_high}, checkpoint=checkpoint),
            rule.correlations.assign(checkpoint=checkpoint, planted=planted, n_photos=rule.n_photos),
        ]
    caption = (
        f"{', '.join(found)}: what a region adds to a crop's score by where it stands in it. Region: the subject's "
        "mask on drawn scenes, the most salient tenth on photographs, where it need not be the subject. Dots: the "
        "cell's 95 % interval over photos holds 0. Ceiling: the most that a map constant on the pattern's partitions "
        "reaches."
    )
    return Drawing(
        figure, pd.concat(rows, ignore_index=True), caption, "each map its own, centred at 0, in units of its score"
    )


def _subjects(inputs: Inputs, checkpoint: str) -> Iterator[tuple[ScoreMap, npt.NDArray[np.bool_]]]:
    for sample in inputs.scenes(checkpoint):
        if sample.mask.any():
            yield inputs.score_map(checkpoint, sample.id, sample.photo), sample.mask


def _salient(inputs: Inputs, checkpoint: str) -> Iterator[tuple[ScoreMap, npt.NDArray[np.bool_]]]:
    for name, photo in inputs.photographs().items():
        yield inputs.score_map(checkpoint, name, photo), salient_region(spectral_residual(photo))


def why(inputs: Inputs) -> Drawing:
    """Why the best crop beats the whole photo, or the next best crop where the whole photo is the best."""
    ((name, photo),) = chosen(inputs.photographs(), ["flower"]).items()
    score_map = inputs.score_map(inputs.checkpoint, name, photo)
    boxes = search_crops(score_map, top=2)[["x1", "y1", "x2", "y2"]].to_numpy(float)
    whole = np.array([0.0, 0.0, photo.shape[1], photo.shape[0]])
    best = boxes[0]
    other, what = (boxes[-1], "the next best crop") if np.array_equal(best, whole) else (whole, "the whole photo")
    comparison = compare_crops(score_map, best, other)
    figure = comparison_figure(comparison, photo, width=text_width())
    sides = ("x1", "y1", "x2", "y2")
    corners = dict(zip([f"a_{side}" for side in sides] + [f"b_{side}" for side in sides], [*best, *other], strict=True))
    numbers = comparison.regions.assign(photo=name, score_a=comparison.score_a, score_b=comparison.score_b, **corners)
    caption = (
        f"Photo {name}, checkpoint {inputs.checkpoint}. A is its best crop, B {what}. The parts sum exactly to the "
        "difference of the scores: gained and lost count beyond the photo's average, moved is the same content at "
        "another place of the crop."
    )
    return Drawing(figure, numbers, caption, "units of the score; one photo, so no interval")
