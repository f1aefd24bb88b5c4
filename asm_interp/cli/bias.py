"""The command bias."""

from __future__ import annotations

import json
from dataclasses import asdict
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from asm_interp.cli.console import Device, Out, check_device, named_errors, progress, say

if TYPE_CHECKING:
    import pandas as pd

    from asm_interp.data.crops import CropDataset


def bias(
    kind: Annotated[
        str, typer.Argument(help="gaicd, cpc, fcdb, fcdb-ranking, flms, table or planted.", show_default=False)
    ],
    root: Annotated[
        Path | None, typer.Argument(help="The data set's folder; planted worlds of shapes need none.")
    ] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="Examine this model's scores (name or path), not the annotations'.")
    ] = None,
    split: Annotated[str, typer.Option(help="train, val, test or all.")] = "all",
    tolerance: Annotated[
        float, typer.Option(min=0, max=0.5, help="How near a corner counts as covered, in units of the photo's sides.")
    ] = 1 / 16,
    resamples: Annotated[int, typer.Option(min=1, help="Of photos, and of exchanged crops.")] = 2000,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    photos: Annotated[int, typer.Option(min=0, help="With a model: at most so many are mirrored and moved.")] = 20,
    out: Out = Path("bias"),
    device: Device = "cpu",
) -> None:
    """Spatial bias of scores, people's or a model's: corners at fixed size, and what place alone predicts.

    Writes bias.csv (the table), tolerances.csv (other readings of "covers a corner"), lift.csv (inclusion lift over
    the photo, as it is and at fixed size) and bias.json (everything but the maps) to OUT.
    """
    with named_errors():
        import pandas as pd

        from asm_interp.analysis.corner_coverage import tolerance_sweep
        from asm_interp.analysis.estimates import table
        from asm_interp.analysis.lift_map import lift_map
        from asm_interp.analysis.scored_crops import ScoredCrops
        from asm_interp.analysis.spatial_bias import crop_estimates, network_estimates
        from asm_interp.analysis.statistics import Resampling
        from asm_interp.evaluation import ModelScorer
        from asm_interp.files import write_atomically

        dataset = _dataset(kind, root)
        dataset = dataset if split == "all" else dataset.split(split)
        model = None
        if checkpoint is not None:
            from asm_interp.model.checkpoint import load

            check_device(device)
            model = load(checkpoint, device)
        how = Resampling(resamples, seed)
        with progress(len(dataset)) as advance:
            scorer = None if model is None else ModelScorer(model, str(checkpoint))
            crops = ScoredCrops.read(dataset, scorer, advance)
        estimates = crop_estimates(crops, how, tolerance=tolerance)
        maps = [lift_map(crops, how, size_held=held) for held in (False, True)]
        if model is not None and photos:
            estimates += network_estimates(model, dataset, how, n_photos=photos, lift=maps)
        found, sweep = table(estimates), tolerance_sweep(crops, how)
        lift = pd.concat([one.to_frame().assign(held=one.held) for one in maps])
        whole = {
            "data": dataset.name,
            "scores": checkpoint or "annotations",
            "tolerance": tolerance,
            "resampling": asdict(how),
            "skipped": crops.skipped,
            "bias": json.loads(found.to_json(orient="records", double_precision=15)),
            "tolerances": json.loads(sweep.to_json(orient="records", double_precision=15)),
        }
        for name, frame in (("bias", found), ("tolerances", sweep), ("lift", lift)):
            write_atomically(out / f"{name}.csv", frame.to_csv(index=False, lineterminator="\n"))
        write_atomically(out / "bias.json", json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    _show(found, f"{dataset.name}: {checkpoint or 'annotated scores'}, seed {seed}, {resamples} resamples")
    drawn = found["p"].notna() & ~found["statistic"].str.startswith("equivalence")  # those are t tests
    n_tests, alpha = int(drawn.sum()), 1 - how.level
    if n_tests / (resamples + 1) >= alpha:
        say(
            f"[yellow]too few resamples[/]: corrected for {n_tests} tests, no p from {resamples} resamples is below "
            f"{n_tests / (resamples + 1):.2g}; for {alpha:.2g} it takes --resamples {ceil(n_tests / alpha - 1e-9)}"
        )
    if crops.skipped:
        say(f"[yellow]{len(crops.skipped)} photos left out[/] ({escape(next(iter(crops.skipped.values())))})")
    say(f"wrote bias.csv, tolerances.csv, lift.csv and bias.json to [bold]{escape(str(out))}[/]")


def _dataset(kind: str, root: Path | None) -> CropDataset:
    from asm_interp.cli.evaluation import planted_splits
    from asm_interp.data.registry import read_dataset

    if kind == "planted":
        return planted_splits(root)
    if root is None:
        raise ValueError(f"the data set's folder is needed, as in asm-interp bias {kind} FOLDER")
    return read_dataset(kind, root)


def _show(found: pd.DataFrame, title: str) -> None:
    import pandas as pd
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"[bold]{escape(title)}[/]", highlight=False)
    shown = Table(box=box.SIMPLE_HEAD)
    shown.add_column("statistic", overflow="fold")
    for column in ("estimate", "interval", "p adj.", "N"):
        shown.add_column(column, justify="right", no_wrap=True)
    for row in found.to_dict("records"):
        tested = "" if pd.isna(row["p_adj"]) else f"{row['p_adj']:.3g}"
        interval = "" if pd.isna(row["ci_low"]) else f"{row['ci_low']:.3f} to {row['ci_high']:.3f}"
        name = escape(f"{row['statistic']} [{row['effect']}]")
        shown.add_row(name, f"{row['estimate']:.3f}", interval, tested, f"{row['n_photos']}")
    console.print(shown)
