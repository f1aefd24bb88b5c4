"""Parameter randomisation: how alike maps stay while the model loses what it has learned."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from asm_interp.plots.intervals import draw_series, legend_above, looks, number_text, readable
from asm_interp.plots.style import MUTED

_NAMES = {"spearman": "Spearman's ρ", "ssim": "SSIM"}


def draw_cascade(summary: pd.DataFrame, similarity: str = "spearman", *, ax: Axes | None = None) -> Axes:
    """Similarity of maps to those of the trained model, from the heads down; the random head stands apart.

    Parameters
    ----------
    summary : DataFrame
        As `asm_interp.analysis.sanity.summarise_cascade` gives it.
    similarity : {"spearman", "ssim"}
    ax : Axes, optional
        The current axes if left out.

    Returns
    -------
    Axes
        x is the depth; 0 is the random head, which is no step of the cascade and so not joined to it.

    Raises
    ------
    ValueError
        If the table lacks the similarity.
    """
    ax = ax or plt.gca()
    own = summary[summary["similarity"] == similarity].rename(columns={"mean": "estimate"})
    if own.empty:
        raise ValueError(f"no similarity {similarity!r}; there are {', '.join(summary['similarity'].unique())}")
    ax.axhline(0, color=MUTED, linewidth=0.7, zorder=0)
    named = looks(own["map"])
    for i, (name, look) in enumerate(named.items()):
        aside = 0.12 * (i - (len(named) - 1) / 2)
        rows = own[own["map"] == name].sort_values("depth")
        apart = rows["depth"] == 0
        draw_series(rows["depth"][~apart] + aside, rows[~apart], ax=ax, look=look, label=readable(name))
        draw_series(rows["depth"][apart] + aside, rows[apart], ax=ax, look=look)
    layers = own.drop_duplicates("depth").sort_values("depth")
    names = [str(layer).removeprefix("backbone.") for layer in layers["layer"]]
    ax.set_xticks(layers["depth"], names, rotation=45, ha="right", rotation_mode="anchor")
    if (layers["depth"] == 0).any():
        ax.axvline(0.5, color=MUTED, linewidth=0.7, linestyle=(0, (2, 2)))
    ax.set_ylabel(f"{_NAMES.get(similarity, similarity)} to the trained map\n{number_text(own['n_photos'])}")
    ax.set_xlabel("weights drawn anew down to this layer")
    legend_above(ax)
    return ax
