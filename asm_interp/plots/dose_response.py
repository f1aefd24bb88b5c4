"""Response of corner statistics to the corner preference that worlds were given."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from asm_interp.analysis.dose_response import line_fit
from asm_interp.plots.intervals import legend_above, looks, number_text
from asm_interp.plots.style import MUTED


def draw_dose_response(simulated: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Responses over planted β: a dot per world, and for each statistic the line fitted through all of them.

    Parameters
    ----------
    simulated : DataFrame
        As `asm_interp.analysis.dose_response.simulate` gives it.
    ax : Axes, optional
        The current axes if left out.

    Returns
    -------
    Axes
        Dots of the statistics stand beside one another; lines are at β itself. The legend has each line's slope and
        R² as `asm_interp.analysis.dose_response.line_fit` gives them.
    """
    ax = ax or plt.gca()
    betas = np.sort(simulated["beta"].unique())
    gap = 0.1 * (np.diff(betas).min() if len(betas) > 1 else 1.0)
    named = looks(simulated["held"])
    ax.axhline(0, color=MUTED, linewidth=0.7, zorder=0)
    worlds = []
    for i, (held, look) in enumerate(named.items()):
        wide = simulated[simulated["held"] == held].pivot(index="world", columns="beta", values="response").dropna()
        worlds.append(len(wide))
        dose, responses = wide.columns.to_numpy(float), wide.to_numpy(float)
        aside = gap * (i - (len(named) - 1) / 2)
        dots = {"marker": look.marker, "s": 4, "color": look.color, "linewidth": 0}
        alpha = max(0.15, min(0.6, 10 / max(len(wide), 1)))
        sns.scatterplot(x=np.tile(dose + aside, len(wide)), y=responses.ravel(), alpha=alpha, ax=ax, **dots)
        if len(wide) and len(dose) > 1:
            fit = line_fit(dose, responses)
            slope = float(fit.slopes.mean())
            label = f"{held} held: slope {slope:.2f}, R² {fit.r_squared:.2f}".replace("-", "\N{MINUS SIGN}")
            line = responses.mean() + slope * (dose - dose.mean())
            ax.plot(dose, line, color=look.color, linestyle=look.line, label=label)
    ax.set_xticks(betas, [f"{beta:g}" for beta in betas])
    ax.set_xlabel(f"planted corner preference β\ndots: one world each, {number_text(worlds, 'worlds')}")
    ax.set_ylabel("response (correlation)")
    if any(worlds):
        legend_above(ax, columns=1)
    return ax
