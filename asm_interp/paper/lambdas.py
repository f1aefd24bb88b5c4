"""Figures along λ: ranking accuracy (Fig. 5) and the share of θstd that is channel offsets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from asm_interp.analysis.estimates import Estimate, mean_estimate
from asm_interp.analysis.theta import theta_maps
from asm_interp.data.photo import Photo
from asm_interp.paper.drawing import Drawing, family, text_width
from asm_interp.paper.inputs import Inputs
from asm_interp.plots.intervals import draw_series, looks
from asm_interp.plots.lambda_curve import lambda_axis

FAMILIES = {"photos-lambda-": "photographs", "shapes-300-lambda-": "drawn scenes"}
"""Shipped families of models that differ in λ alone, and what each learned from."""


def accuracy(inputs: Inputs) -> Drawing:
    """Fig. 5: λ against ranking accuracy, from the cards of the shipped families."""
    rows = []
    for prefix, what in FAMILIES.items():
        for name in family(prefix):
            card = inputs.card(name)
            metrics = card["metrics"]
            rows.append(
                {
                    "family": what,
                    "checkpoint": name,
                    "lambda": float(card["lambda"]),
                    "estimate": metrics["test_ranking_accuracy"],
                    "ci_low": metrics["ci_low"],
                    "ci_high": metrics["ci_high"],
                    "n_photos": metrics["n_photos"],
                    "delta": metrics["delta"],
                }
            )
    table = pd.DataFrame(rows).sort_values(["family", "lambda"], ignore_index=True)
    best = table.loc[table.groupby("family")["estimate"].idxmax()]
    found = "; ".join(_told(row, table) for row in best.to_dict("records"))
    deltas = ", ".join(f"{delta:g}" for delta in sorted(table["delta"].unique()))
    caption = (
        "Ranking accuracy on held-out photos with 95 % intervals over photos; one model each, planted scores, pairs "
        f"that differ by δ ≥ {deltas}. Best: {found}."
    )
    return _curves(table, "ranking accuracy", caption)


def _told(best: Mapping[Any, Any], table: pd.DataFrame) -> str:
    """A family's best λ, and the others that its interval does not tell from it."""
    own = table[(table["family"] == best["family"]) & (table["lambda"] != best["lambda"])]
    level = own.loc[own["estimate"] >= best["ci_low"], "lambda"]
    others = f", not told from {', '.join(f'{lam:g}' for lam in level)}" if len(level) else ""
    return (
        f"{best['family']} (n = {best['n_photos']}), λ = {best['lambda']:g}{others}: "
        f"{best['estimate']:.3f} [{best['ci_low']:.3f}, {best['ci_high']:.3f}]"
    )


def gauge(inputs: Inputs) -> Drawing:
    """Share of the paper's θstd that is offset between channels, along λ."""
    rows, counts = [], {}
    for (prefix, what), photos in zip(FAMILIES.items(), (inputs.photographs(), _scene_photos(inputs)), strict=True):
        counts[what] = len(photos)
        for name in family(prefix):
            shares = mean_estimate(what, list(_gauge_shares(inputs, name, photos)), inputs.how, alternative=None)
            rows.append(
                {"family": what, "checkpoint": name, "lambda": float(inputs.card(name)["lambda"])} | _ends(shares)
            )
    table = pd.DataFrame(rows).sort_values(["family", "lambda"], ignore_index=True)
    numbers = ", ".join(f"{count} {what}" for what, count in counts.items())
    caption = (
        "Share of mean θstd² that is offset between channels, which ranking cannot see; 1: the map shows nothing else. "
        f"Means and 95 % intervals over {numbers}; one model each."
    )
    return _curves(table, "gauge share of θstd", caption)


def _scene_photos(inputs: Inputs) -> dict[str, Photo]:
    return {sample.id: sample.photo for sample in inputs.scenes("shapes-300-lambda-0")}


def _gauge_shares(inputs: Inputs, checkpoint: str, photos: Mapping[str, Photo]) -> Iterator[float]:
    for name, photo in photos.items():
        yield theta_maps(inputs.score_map(checkpoint, name, photo)).gauge_share


def _ends(estimate: Estimate) -> dict[str, float]:
    return {
        "estimate": estimate.estimate,
        "ci_low": estimate.ci_low,
        "ci_high": estimate.ci_high,
        "n_photos": estimate.n_photos,
    }


def _curves(table: pd.DataFrame, quantity: str, caption: str) -> Drawing:
    """One line per family along λ."""
    figure, ax = plt.subplots(figsize=(text_width(), 0.68 * text_width()))
    names: Iterable[object] = table["family"].unique()
    for name, look in looks(names).items():
        own = table[table["family"] == name]
        draw_series(own["lambda"], own, ax=ax, look=look, label=str(name))
    lambda_axis(ax, table["lambda"].tolist())
    ax.tick_params(axis="x", labelrotation=45)
    ax.set_ylabel(quantity)
    ax.legend(frameon=False)
    return Drawing(figure, table, caption, "λ logarithmic, with 0 in its place; linear upwards")
