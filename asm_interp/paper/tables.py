"""The paper's Tables 1 to 4: its rows, and ours beside them."""

from __future__ import annotations

import pandas as pd

from asm_interp.data.crops import CropDataset
from asm_interp.evaluation import BASELINES, EvaluationResult, Settings, evaluate, load_scorer
from asm_interp.evaluation.published import published_table
from asm_interp.geometry import patterns
from asm_interp.paper.drawing import Table, few_photos
from asm_interp.paper.inputs import Inputs
from asm_interp.sweep.grid import NAMED

_FAMILIES = {"photos": "photographs", "shapes-300": "drawn scenes"}
_DIGITS = {"IoU": 4, "Disp": 3, "SRCC": 3, "Acc_5": 1, "Acc_10": 1}
_BASELINES = {
    "fcdb": ("whole-photo", "centred-crop"),
    "flms": ("whole-photo", "centred-crop"),
    "gaicd": ("largest-crop", "position-prior"),
}


def table1(inputs: Inputs) -> Table:
    """Patterns and ranking accuracy, from the cards of the shipped families."""
    rows, n, deltas = [], {}, set()
    for spec in NAMED["table1"].patterns:
        row: dict[str, object] = {"pattern": spec, "partitions": patterns.get(spec).n_partitions}
        for prefix, what in _FAMILIES.items():
            # The pattern of the default model stands in the family over λ.
            name = f"{prefix}-lambda-0.1" if spec == "cross-rectangle" else f"{prefix}-{spec.replace(':', '-')}"
            metrics = inputs.card(name)["metrics"]
            n[what] = metrics["n_photos"]
            deltas.add(metrics["delta"])
            row |= {
                what: metrics["test_ranking_accuracy"],
                f"{what} low": metrics["ci_low"],
                f"{what} high": metrics["ci_high"],
            }
        rows.append(row)
    table = pd.DataFrame(rows)
    photos = ", ".join(f"{count} {what}" for what, count in n.items())
    least = ", ".join(f"{delta:g}" for delta in sorted(deltas))
    caption = (
        f"Table 1: ranking accuracy of composition patterns at λ = 0.1 on held-out photos ({photos}), pairs that "
        f"differ by at least δ = {least}; 95 % intervals over photos; planted scores, one model each. The paper's "
        "Table 1 lists the same patterns on people's scores; its numbers are not here, for we had no copy to read. It "
        "counts five partitions of multi-rectangle, its drawing three."
    )
    return Table(table, caption, {"partitions": 0} | dict.fromkeys(_FAMILIES.values(), 3))


def table2(inputs: Inputs) -> Table:
    """Free crops on FCDB."""
    return _published(inputs, "fcdb", "Table 2: free crops on FCDB")


def table3(inputs: Inputs) -> Table:
    """Free crops on FLMS."""
    return _published(inputs, "flms", "Table 3: free crops on FLMS, against the nearest of ten annotators")


def table4(inputs: Inputs) -> Table:
    """Ranked crops on GAICD."""
    return _published(inputs, "gaicd", "Table 4: ranked crops on GAICD of 1236 photos; Acc in percent")


def _published(inputs: Inputs, kind: str, title: str) -> Table:
    """The paper's rows on one data set, and ours where the data set was given."""
    table = published_table(kind)
    table = table[table["source"].str.startswith("Tu et al.")]
    metrics = [name for name in _DIGITS if name in table and table[name].notna().any()]
    theirs = table[["method", *metrics, "n"]].astype({"n": "float64"}).assign(source="paper")
    ours, notes = _ours(inputs, kind, metrics)
    rows = pd.concat([theirs.reindex(columns=ours.columns), ours], ignore_index=True)
    caption = f"{title}. The paper's rows as it prints them; ours with 95 % intervals over photos."
    digits = {name: _DIGITS[name] for name in metrics} | {"n": 0}
    return Table(rows, " ".join([caption, *notes]), digits, group="source")


def _ours(inputs: Inputs, kind: str, metrics: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Own rows, and what a reader has to know of them."""
    rows: list[dict[str, object]] = []
    if kind not in inputs.data:
        rows.append({"method": f"{inputs.checkpoint} (not measured)"})
        notes = [f"Ours is not measured: it needs the data set, which cannot be shipped (--data {kind}:FOLDER)."]
    else:
        dataset, notes = inputs.dataset(kind), []
        for name in (*_BASELINES[kind], inputs.checkpoint):
            try:
                result = _evaluated(inputs, name, dataset, kind)
            except ValueError:  # the scorer needs a photo, and none can be read
                rows.append({"method": f"{name} (not measured)"})
                notes.append(f"{name} is not measured: no photo of the test split is there.")
                continue
            values = result.table.set_index("metric")
            row: dict[str, object] = {"method": name, "n": float(len(result.per_photo))}
            for metric in metrics:
                row |= {
                    metric: values["value"][metric],
                    f"{metric} low": values["ci_low"][metric],
                    f"{metric} high": values["ci_high"][metric],
                }
            rows.append(row)
            if result.skipped:
                notes.append(f"{name}: {len(result.skipped)} photos are not there and left out.")
            notes.append(few_photos(len(result.per_photo)))
    numbers = [f"{metric}{end}" for metric in metrics for end in ("", " low", " high")]
    table = pd.DataFrame(rows, columns=["method", *numbers, "n"]).astype(dict.fromkeys([*numbers, "n"], "float64"))
    return table.assign(source="ours"), list(dict.fromkeys(filter(None, notes)))


def _evaluated(inputs: Inputs, name: str, dataset: CropDataset, kind: str) -> EvaluationResult:
    if name not in BASELINES:
        inputs.card(name)
    scorer = load_scorer(name, dataset, seed=inputs.seed)
    return evaluate(scorer, dataset.split("test"), kind, Settings(seed=inputs.seed, resamples=inputs.resamples))
