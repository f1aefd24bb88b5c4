"""Figures along λ: ranking accuracy (Fig. 5) and the share of θstd that is channel offsets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from asm_interp.analysis.estimates import Estimate, mean_estimate
from asm_interp.analysis.paired_estimates import paired_differences
from asm_interp.analysis.paired_maps import from_sweep
from asm_interp.analysis.theta import theta_maps
from asm_interp.data.photo import Photo
from asm_interp.files import file_digest
from asm_interp.paper.drawing import Drawing, few_photos, quoted, text_width
from asm_interp.paper.inputs import Inputs
from asm_interp.plots.intervals import REFERENCE, asides, draw_series, long_summary, looks, number_text, rows_of
from asm_interp.plots.lambda_curve import lambda_axis

FAMILIES = {"photos-lambda-": "photographs", "shapes-300-lambda-": "drawn scenes"}
"""Shipped families of models that differ in λ alone, and what each learned from."""

SWEEPS = {"photographs": Path("figures/sweeps/subjects"), "drawn scenes": Path("figures/sweeps/shapes")}
"""Where tables of a sweep over λ are looked for, from the current folder."""

_MEASURE = "ranking_accuracy"
_SUMMARY, _PHOTOS = "figure5-summary.csv", "figure5-photos.parquet"


def accuracy(inputs: Inputs) -> Drawing:
    """Fig. 5: λ against ranking accuracy, from the tables of a sweep, or else from the cards of the shipped family."""
    tables, told = [], []
    for prefix, what in FAMILIES.items():
        kept = (SWEEPS[what] / _SUMMARY).is_file()
        table, words = _from_sweep(inputs, SWEEPS[what]) if kept else _from_cards(inputs, prefix)
        tables.append(table.assign(family=what))
        told.append(f"{what.capitalize()}: {words}.")
    table = pd.concat(tables).sort_values(["family", "lambda"], ignore_index=True)
    caption = (
        "Share of pairs of crops, their planted scores the training's δ or more apart, that a model orders rightly; "
        f"means over held-out photos with 95 % intervals. {' '.join(told)} {few_photos(table['n_photos'].min())}"
    )
    return _curves(table, "ranking accuracy", caption.rstrip(), chance=0.5)


def _from_sweep(inputs: Inputs, folder: Path) -> tuple[pd.DataFrame, str]:
    """A sweep's accuracies as its summary has them, and over several seeds, which λ its best one is told from."""
    for name in (_SUMMARY, _PHOTOS):
        inputs.used.data[f"file:{(folder / name).as_posix()}"] = file_digest(folder / name)
    summary = rows_of(long_summary(pd.read_csv(folder / _SUMMARY), "lambda"), _MEASURE)
    rows = from_sweep(pd.read_parquet(folder / _PHOTOS), "lambda").photos
    # Photos without a pair that counts have no accuracy, and seeds of drawn scenes have photos of their own.
    known = rows.dropna(subset=[_MEASURE]).groupby("setting")["photo"]
    table = summary.drop(columns="statistic").assign(n_photos=summary["setting"].map(known.nunique()))
    each = number_text(rows.groupby(["setting", "seed"])[_MEASURE].count()).removeprefix("n = ")
    seeds = number_text(table["n_seeds"], "seeds").removeprefix("n = ")
    several = table["n_seeds"].max() > 1
    words = f"{seeds}, {each}{' each' if several else ''} ({folder.as_posix()}); intervals over "
    words += "seeds and photos" if several else "photos alone"
    if table["n_seeds"].min() > 1:
        table, found = _against_best(inputs, table, rows)
        words += f". {found}"
    return table.rename(columns={"setting": "lambda"}).assign(source=folder.as_posix()), words


def _against_best(inputs: Inputs, table: pd.DataFrame, rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Paired differences from the best λ beside the estimates, and those λ whose interval reaches 0, in words."""
    best = table.iloc[int(table["estimate"].argmax())]
    others = [(each, best["setting"]) for each in table["setting"] if each != best["setting"]]
    found = paired_differences(rows, others, [_MEASURE], inputs.how).set_index("setting")
    level = found.index[found["ci_high"] >= 0]
    if len(level) == len(found):
        where = "reach 0 at every other"
    elif len(level):
        where = f"reach 0 at λ = {', '.join(f'{each:g}' for each in level)} and lie below it elsewhere"
    else:
        where = "lie below 0 at every other"
    ends = {"estimate": "difference", "ci_low": "difference_low", "ci_high": "difference_high"}
    told = (
        f"Highest at λ = {best['setting']:g}, {best['estimate']:.3f} [{best['ci_low']:.3f}, {best['ci_high']:.3f}]; "
        f"intervals of paired differences from it, each for itself, {where}"
    )
    return table.join(found[list(ends)].rename(columns=ends), on="setting"), told


def _from_cards(inputs: Inputs, prefix: str) -> tuple[pd.DataFrame, str]:
    """Accuracies as the cards of a family have them: one model for each λ."""
    rows = []
    for name in inputs.family(prefix):
        card = inputs.card(name)
        metrics = card["metrics"]
        rows.append(
            {
                "lambda": float(card["lambda"]),
                "estimate": metrics["test_ranking_accuracy"],
                "ci_low": metrics["ci_low"],
                "ci_high": metrics["ci_high"],
                "n_photos": metrics["n_photos"],
                "n_seeds": 1,
                "source": name,
            }
        )
    table = pd.DataFrame(rows)
    photos = number_text(table["n_photos"]).removeprefix("n = ")
    return table, f"1 seed, {photos} (cards of {quoted([f'{prefix}*'])}); intervals over photos alone"


def gauge(inputs: Inputs) -> Drawing:
    """Share of the paper's θstd that is offset between channels, along λ."""
    rows, counts = [], {}
    for (prefix, what), photos in zip(FAMILIES.items(), (inputs.photographs(), _scene_photos(inputs)), strict=True):
        counts[what] = len(photos)
        for name in inputs.family(prefix):
            shares = mean_estimate(what, list(_gauge_shares(inputs, name, photos)), inputs.how, alternative=None)
            rows.append(
                {"family": what, "checkpoint": name, "lambda": float(inputs.card(name)["lambda"])} | _ends(shares)
            )
    table = pd.DataFrame(rows).sort_values(["family", "lambda"], ignore_index=True)
    numbers = ", ".join(number_text([count], what).removeprefix("n = ") for what, count in counts.items())
    caption = (
        "Share of mean θstd² that is offset between channels, which ranking cannot see; 1: the map shows nothing else. "
        f"Means and 95 % intervals over {numbers}; one model each. {few_photos(min(counts.values()))}"
    )
    return _curves(table, "gauge share of θstd", caption.rstrip())


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


def _curves(table: pd.DataFrame, quantity: str, caption: str, chance: float | None = None) -> Drawing:
    """One line per family along λ."""
    figure, ax = plt.subplots(figsize=(text_width(), 0.68 * text_width()))
    for (name, look), aside in zip(looks(FAMILIES.values()).items(), asides(len(FAMILIES)), strict=True):
        own = table[table["family"] == name]
        draw_series(own["lambda"], own, ax=ax, look=look, label=str(name), aside=aside)
    if chance is not None:
        ax.axhline(chance, color=REFERENCE.color, linestyle=REFERENCE.line, linewidth=0.8, zorder=0, label="chance")
    lambda_axis(ax, table["lambda"].tolist())
    ax.tick_params(axis="x", labelrotation=45)
    ax.set_ylabel(quantity)
    ax.legend(frameon=False)
    return Drawing(figure, table, caption, "λ logarithmic, with 0 in its place; linear upwards")
