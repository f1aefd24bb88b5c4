"""Agreement of maps with saliency, beside what needs no trained model."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from asm_interp.analysis.saliency_agreement import CENTRE, OTHER, RANDOM_HEAD
from asm_interp.analysis.saliency_metrics import METRICS
from asm_interp.plots.intervals import (
    REFERENCE,
    Look,
    draw_forest,
    figure_width,
    joined,
    number_text,
    readable,
    rows_of,
)
from asm_interp.plots.style import ACCENT

_CHANCE = {"CC": 0.0, "NSS": 0.0, "AUC_Judd": 0.5, "sAUC": 0.5}


def draw_agreement(means: pd.DataFrame, metric: str = "CC", *, ax: Axes | None = None) -> Axes:
    """Agreement with saliency by one metric: maps of the model in colour, baselines as grey squares.

    Parameters
    ----------
    means : DataFrame
        As `asm_interp.analysis.saliency_agreement.agreement_means` gives it.
    metric : str
        One of `asm_interp.analysis.saliency_metrics.METRICS`.
    ax : Axes, optional
        The current axes if left out.

    Returns
    -------
    Axes
        With a line at chance where the metric has it.

    Raises
    ------
    ValueError
        If the table lacks the metric.
    """
    ax = ax or plt.gca()
    own = rows_of(means, metric)
    names = own["map"].astype(str)
    baseline = (names.isin([CENTRE, OTHER]) | names.str.startswith(RANDOM_HEAD)).to_numpy()
    places = np.arange(len(own), dtype=float)
    for chosen, look in ((~baseline, Look(ACCENT)), (baseline, REFERENCE)):
        draw_forest([], own[chosen], ax=ax, look=look, places=places[chosen], reference=_CHANCE.get(metric))
    ax.set_yticks(places, [readable(name) for name in names])
    ax.set_ylim(len(own) - 0.4, -0.6)
    better = " (lower: alike)" if metric == "KL" else ""
    ax.set_xlabel(joined(f"{readable(metric)}{better}", number_text(own["n_photos"])))
    return ax


def agreement_figure(means: pd.DataFrame, metrics: Sequence[str] = METRICS) -> Figure:
    """Agreement with saliency by several metrics, a panel each with the same rows.

    Parameters
    ----------
    means : DataFrame
        As for `draw_agreement`.
    metrics : sequence of str

    Returns
    -------
    Figure
        As wide as the style says.
    """
    width = figure_width()
    columns = min(len(metrics), 3 if width > 5 else 1)
    lines = -(-len(metrics) // columns)
    height = 0.16 * means["map"].nunique() + 0.55
    figure, axes = plt.subplots(
        lines, columns, sharey=True, squeeze=False, figsize=(width, height * lines), layout="constrained"
    )
    for ax, metric in zip(axes.flat, metrics, strict=False):
        draw_agreement(means, metric, ax=ax)
    for ax in axes.flat[len(metrics) :]:
        ax.set_axis_off()
    return figure
