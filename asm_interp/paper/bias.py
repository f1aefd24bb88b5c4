"""Figures on spatial bias: corners of high- and low-score crops (Fig. 7), and what padding alone paints there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from asm_interp.analysis.corner_coverage import corner_estimates, extreme_weights
from asm_interp.analysis.estimates import table
from asm_interp.analysis.lift_map import holds
from asm_interp.analysis.padding_control import padding_estimates
from asm_interp.analysis.scored_crops import ScoredCrops
from asm_interp.analysis.statistics import Resampling
from asm_interp.data.crops import CropDataset, CropSample
from asm_interp.data.planted import CORNER_TOLERANCE
from asm_interp.geometry.boxes import FloatArray
from asm_interp.geometry.candidates import gaic_grid
from asm_interp.model.score_map import crop_scores
from asm_interp.paper.drawing import FEW_PHOTOS, Drawing, few_photos, map_rows, quoted, text_width
from asm_interp.paper.inputs import Inputs
from asm_interp.paper.maps import ANNOTATED, LAMBDA_PAIR, PLANTED_MODEL
from asm_interp.plots.intervals import ALPHA, draw_forest, legend_above, looks, not_significant, number_text
from asm_interp.plots.maps import color_bar
from asm_interp.plots.style import SEQUENTIAL

BETAS = (0.0, 0.4)
"""Corner preferences of the planted annotations."""

SHARE = 0.25
"""Of a photo's crops that count as its high-score crops, and as its low-score ones."""

_NOISE = 0.1  # standard deviation, about a third of that of content
_GRID = (24, 24)
_RESAMPLES = 500  # exchanges cost a second each thousand photos
CORNER_ROWS = {
    "corner coverage, best less worst": "coverage, high less low: raw",
    "corner coverage, best less worst, within thirds by area": "… within thirds by area",
    "corner coverage, best less worst, within width and height": "… at equal width and height",
    "score and corner count, nothing held fixed": "ρ of score and corners: raw",
    "score and corner count, area and aspect held fixed": "… area and aspect held",
    "score and corner count, width and height held fixed": "… width and height held",
    "score and corner count, size and centrality held fixed": "… size and centrality held",
}
"""What Fig. 7 draws of the rows of `corner_estimates`, and how it calls them."""


def corners(inputs: Inputs) -> Drawing:
    """Fig. 7: where high- and low-score crops lie, and corner coverage raw and with size and place held fixed."""
    sources = dict(_sources(inputs))
    how = Resampling(min(inputs.resamples, _RESAMPLES), inputs.seed)
    found = {name: table(corner_estimates(crops, how, share=SHARE)) for name, crops in sources.items()}
    mapped = next(iter(sources))
    high, low = _held(sources[mapped])
    columns = 2 if text_width() > 6 else 1  # of the legend
    figure, axes = plt.subplot_mosaic(
        [["a", "c"], ["b", "c"]],
        figsize=(text_width(), 2.6 + 0.1 * -(-len(sources) // columns)),
        width_ratios=(1, text_width() - 1.8),
    )
    norm = Normalize(0, 1)
    for key, values, name in (("a", high, "high"), ("b", low, "low")):
        _draw_share(values, norm, axes[key])
        axes[key].set_title(f"{name}-score crops")
    color_bar(
        [axes["a"], axes["b"]],
        norm,
        SEQUENTIAL,
        f"share of crops holding a place\n({mapped})",
        maps=[high, low],
        location="left",
    )
    for i, (source, look) in enumerate(looks(sources).items()):
        rows = found[str(source)].set_index("statistic").loc[list(CORNER_ROWS)]
        draw_forest(
            [],
            rows,
            ax=axes["c"],
            look=look,
            hollow=not_significant(rows),
            places=np.arange(len(CORNER_ROWS)) + 0.18 * (i - (len(sources) - 1) / 2),
            label=f"{source}, {_number(str(source), sources[str(source)])}",
            reference=0.0 if i == 0 else None,
        )
    axes["c"].set_yticks(range(len(CORNER_ROWS)), list(CORNER_ROWS.values()))
    axes["c"].set_ylim(len(CORNER_ROWS) - 0.4, -0.6)
    axes["c"].set_xlabel(f"difference of proportions, or Spearman's ρ\nhollow: p adj. ≥ {ALPHA:g}")
    legend_above(axes["c"], columns)
    maps = map_rows({"high": high, "low": low}, what=f"share held, {mapped}")
    estimates = pd.concat(rows.assign(what=name) for name, rows in found.items())
    n_tests, fewest = max(rows["p"].notna().sum() for rows in found.values()), min(map(len, sources.values()))
    models = [name for name in sources if not name.startswith("planted")]
    caption = (
        f"Scores of {', '.join(models)} and of planted rules. High and low: the best and worst {100 * SHARE:g} % of "
        f"each photo's crops; a crop covers a corner within 1/{1 / CORNER_TOLERANCE:g} of the sides; size is area and "
        "aspect, centrality the distance of the crop's "
        f"centre from the photo's. 95 % intervals over photos, {how.resamples} resamples. p: photos' signs "
        f"flipped; Holm's over the {n_tests} rows of a source in the CSV{_least(fewest)}. "
        f"{few_photos(fewest)} Planted: drawn scenes of the world of {quoted([PLANTED_MODEL])}, with corner preference "
        "β. Where β = 0 no corner is preferred, but subjects stand off the border: at equal size, crops in corners can "
        "score lower there, which holding centrality allows for."
    ).replace("  ", " ")
    scale = "share of crops from 0 to 1; estimates on one axis"
    return Drawing(figure, pd.concat([maps, estimates], ignore_index=True), caption, scale)


def _number(source: str, crops: ScoredCrops) -> str:
    return number_text([len(crops)], "scenes" if source.startswith("planted") else "photos")


def _least(n_photos: int) -> str:
    """The least p that flipped signs of few photos can have, in words."""
    few = 1 < n_photos < FEW_PHOTOS
    return f" (before that, {n_photos} flipped signs give p ≥ {2.0 ** (1 - n_photos):.2g})" if few else ""


def _sources(inputs: Inputs) -> Iterator[tuple[str, ScoredCrops]]:
    """Scored crops by name: people's where given, models' on photos, and planted ones."""
    for kind in ANNOTATED:
        if kind in inputs.data:
            yield f"people, {kind}", ScoredCrops.read(inputs.dataset(kind))
    for checkpoint in dict.fromkeys((inputs.checkpoint, LAMBDA_PAIR[0])):
        maps = inputs.maps(checkpoint)
        boxes = {name: gaic_grid(each.photo_size) for name, each in maps.items()}
        samples = [
            CropSample(id=name, boxes=boxes[name], scores=crop_scores(each, boxes[name]), photo_size=each.photo_size)
            for name, each in maps.items()
        ]
        yield quoted([checkpoint]), ScoredCrops.read(CropDataset(checkpoint, samples))
    for beta in BETAS:
        yield f"planted, β = {beta:g}", ScoredCrops.read(CropDataset("planted", list(_planted(inputs, beta))))


def _planted(inputs: Inputs, beta: float) -> Iterator[CropSample]:
    """Drawn scenes whose grid crops are scored by content, by corners covered, and by chance."""
    world = inputs.scenes(PLANTED_MODEL)
    world = replace(world, weights=replace(world.weights, corners=beta))
    for i, scene in enumerate(world.scenes[index] for index in range(len(world.scenes))):
        size = (scene.photo.shape[0], scene.photo.shape[1])
        boxes = np.rint(gaic_grid(size))
        noise = _NOISE * np.random.default_rng([inputs.seed, i]).standard_normal(len(boxes))
        scores = np.sum(list(world.terms(scene.subjects, boxes).values()), axis=0) + noise
        yield CropSample(id=scene.id, boxes=boxes, scores=scores, photo_size=size)


def _held(crops: ScoredCrops) -> tuple[FloatArray, FloatArray]:
    """Share of high-score and of low-score crops that hold each cell of the photo, means over photos."""
    down, across = holds(crops.boxes, crops.valid, _GRID)
    high, low = (
        np.minimum(np.einsum("nk,nkh,nkw->hw", weights, down, across, optimize=True) / len(crops), 1)
        for weights in extreme_weights(crops.scores, crops.valid, SHARE)
    )
    return high, low


def _draw_share(values: FloatArray, norm: Normalize, ax: Axes) -> None:
    ax.imshow(values, extent=(0, 1, 1, 0), cmap=SEQUENTIAL, norm=norm, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def padding(inputs: Inputs) -> Drawing:
    """How θ maps stand out in the corners with trained and random weights, with and without content, by padding."""
    photos = inputs.photographs()
    rows = table(padding_estimates(inputs.model(inputs.checkpoint), photos, inputs.how), correct=False)
    parts = rows["statistic"].str.extract(r"corner z of (?P<map>\S+), (?P<network>[^,]+), (?P<padding>\w+) padding")
    rows = pd.concat([parts, rows], axis=1)
    wide = text_width() > 5
    height = 0.4 * text_width() + (0.6 if wide else 0.9)
    figure, axes = plt.subplots(1, 2, figsize=(text_width(), height), sharey=True, sharex=True)
    paddings = rows["padding"].unique().tolist()
    for ax, (kind, of_map) in zip(axes, rows.groupby("map"), strict=True):
        for i, (network, look) in enumerate(looks(rows["network"].unique()).items()):
            own = of_map[of_map["network"] == network]
            places = np.arange(len(paddings)) + 0.18 * (i - 1.5)
            draw_forest([], own, ax=ax, look=look, places=places, label=str(network))
        ax.set_title(str(kind))
        ax.set_yticks(range(len(paddings)), paddings)
        ax.set_ylim(len(paddings) - 0.5, -0.5)
        ax.set_xlabel("z of the corners")
    axes[0].set_ylabel("padding")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2 if wide else 1, frameon=False)
    caption = (
        f"θ maps of the checkpoint {quoted([inputs.checkpoint])}: mean over the corners (an eighth of each side), "
        "channel means off, in standard deviations of the map (for a constant photo of the same mean colour: of the "
        "photo's own map); means and 95 % intervals, "
        f"{number_text([len(photos)])}. {few_photos(len(photos))}"
    ).rstrip()
    return Drawing(figure, rows, caption, "one axis for both maps")
