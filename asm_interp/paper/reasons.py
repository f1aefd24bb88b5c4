"""Figures that say why: the composition rules that models learned, and what one crop has over another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd

from asm_interp.analysis.explanation import compare_crops
from asm_interp.analysis.placement import LearnedRule, learned_rule, salient_region
from asm_interp.data.planted import RULES
from asm_interp.data.saliency import spectral_residual
from asm_interp.model.score_map import ScoreMap
from asm_interp.paper.drawing import Drawing, chosen, few_photos, map_rows, quoted, text_width
from asm_interp.paper.inputs import Inputs
from asm_interp.paper.maps import LAMBDA_PAIR, PLANTED_MODEL
from asm_interp.plots.comparison import comparison_figure
from asm_interp.plots.intervals import number_text
from asm_interp.plots.maps import color_bar, own_norm
from asm_interp.plots.placement import draw_placement, draw_rule_correlations, undecided_cells
from asm_interp.plots.style import DIVERGING
from asm_interp.search import search_crops

_NAMED = (*RULES, "lines")


def rules(inputs: Inputs) -> Drawing:
    """Placement preference of shipped models, beside the rule that was planted and other named ones."""
    found: dict[str, LearnedRule] = {}
    planted, units = {}, {}
    for checkpoint in dict.fromkeys((PLANTED_MODEL, LAMBDA_PAIR[0], inputs.checkpoint)):
        card = inputs.card(checkpoint)
        drawn = str(card.get("data")).startswith("shapes")
        regions = _subjects(inputs, checkpoint) if drawn else _salient(inputs, checkpoint)
        found[checkpoint] = learned_rule(regions, rules=_NAMED, how=inputs.how)
        planted[checkpoint] = str((card.get("world") or {}).get("rule", "none"))
        units[checkpoint] = number_text([found[checkpoint].n_photos], "scenes" if drawn else "photos")
    heights = (0.28 * text_width() + 0.8, 1.9)
    figure = plt.figure(figsize=(text_width(), sum(heights)))
    parts: Any = figure.subfigures(2, 1, height_ratios=heights)
    above = parts[0].subplots(1, len(found), squeeze=False, sharey=True)[0]
    below = parts[1].subplots(1, len(found), squeeze=False, sharex=True, sharey=True)[0]
    # Models' scores have units of their own; in standard deviations their maps stand on one scale.
    spread = {checkpoint: float(rule.map.std()) or 1.0 for checkpoint, rule in found.items()}
    planes = {name: rule.map / spread[name] for name, rule in found.items()}
    norm = own_norm(planes.values(), DIVERGING, clip=0)
    rows = []
    for (checkpoint, rule), top, bottom in zip(found.items(), above, below, strict=True):
        draw_placement(planes[checkpoint], ax=top, norm=norm, open_cells=undecided_cells(rule), bar=False)
        top.set_title(f"{quoted([checkpoint])}\nplanted: {planted[checkpoint]}\n{units[checkpoint]}")
        draw_rule_correlations(rule, ax=bottom, order=_NAMED, planted=planted[checkpoint])
        bottom.get_legend().remove()
        maps = {"preference": rule.map, "ci_low": rule.ci_low, "ci_high": rule.ci_high, "drawn": planes[checkpoint]}
        rows += [
            map_rows(maps, checkpoint=checkpoint),
            rule.correlations.assign(checkpoint=checkpoint, planted=planted[checkpoint], n_photos=rule.n_photos),
        ]
    for ax in above[1:]:
        ax.set_ylabel("")
    below[0].set(xlim=(min(ax.get_xlim()[0] for ax in below), 1.05), xticks=(0, 0.5, 1))
    color_bar(list(above), norm, DIVERGING, "preference − its mean, in SD", maps=planes.values())
    handles = {label: handle for ax in below for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    parts[1].legend(list(handles.values()), list(handles), loc="outside upper center", ncols=4, frameon=False)
    caption = (
        "What a region adds to a crop's score by where it stands in it, beyond its content. Region: the subject's mask "
        "on drawn scenes, the most salient tenth on photographs, where it need not be the subject. Dots: the cell's "
        "95 % interval over photos holds 0, or there is none. Ceiling: the most that a map constant on the pattern's "
        "partitions reaches. "
        "‘lines’ prefers the places of ‘thirds’ and the centre lines; the audit names a rule among "
        f"{', '.join(RULES)}, and ‘lines’ only where it was planted. {_first(found, planted)} "
        f"{few_photos(min(rule.n_photos for rule in found.values()))}"
    ).rstrip()
    scale = "maps on one, centred at 0, each in standard deviations over its cells; correlations on one axis"
    return Drawing(figure, pd.concat(rows, ignore_index=True), caption, scale)


def _first(found: Mapping[str, LearnedRule], planted: Mapping[str, str]) -> str:
    """For which models the planted rule correlates most among those that the audit would choose from, in words."""
    said: dict[str, list[str]] = {}
    for checkpoint, rule in found.items():
        fits = rule.correlations[rule.correlations["rule"].isin([*RULES, planted[checkpoint]])]
        best, fit = fits[["rule", "correlation"]].iloc[0]
        if planted[checkpoint] in _NAMED:
            first = best == planted[checkpoint] and not np.isnan(fit)
            said.setdefault("correlates most" if first else "does not correlate most", []).append(checkpoint)
    words = [f"{fits} for {quoted(names)}" for fits, names in sorted(said.items())]
    return f"Of these the planted rule {' and '.join(words)}." if words else ""


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
        f"Photo {quoted([name])}, checkpoint {quoted([inputs.checkpoint])}. A is its best crop, B {what}. The parts "
        "sum exactly to the difference of the scores: gained and lost count beyond the photo's average, moved is the "
        "same content at another place of the crop. One photo, so no interval."
    )
    return Drawing(figure, numbers, caption, "bars in units of the score")
