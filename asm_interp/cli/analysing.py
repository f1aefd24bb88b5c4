"""The command analyse."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from asm_interp.cli.console import Device, Out, check_device, named_errors, progress, say


def analyse(
    photos: Annotated[
        list[Path], typer.Argument(help="Photos, or folders with photos at any depth.", show_default=False)
    ],
    checkpoint: Annotated[str | None, typer.Option(help="Name or path.")] = None,
    out: Out = Path("analysis"),
    part_size: Annotated[int, typer.Option(min=1, help="Photos whose results are written at once.")] = 64,
    shard: Annotated[
        str | None, typer.Option(help="RANK/COUNT of this process; torchrun and fabric run give it themselves.")
    ] = None,
    device: Device = "cpu",
) -> None:
    """Measure the maps of a whole data set: a row per photo (Parquet); mean maps, profiles, a summary with intervals.

    Called again it goes on where it was. Exit code 1 if a photo was skipped.
    """
    with named_errors():
        from asm_interp.analysis.dataset import Shard, analyse_photos, find_photos
        from asm_interp.model.checkpoint import DEFAULT_CHECKPOINT, load

        mine = Shard.from_environment() if shard is None else Shard.parse(shard)
        if device == "cuda" and "LOCAL_RANK" in os.environ:
            device = f"cuda:{os.environ['LOCAL_RANK']}"
        check_device(device)
        found = find_photos(*photos)
        model = load(checkpoint or DEFAULT_CHECKPOINT, device)
        with progress(len(found) if mine.count == 1 else None) as advance:
            result = analyse_photos(model, found, out, part_size=part_size, shard=mine, advance=advance)
    if result is None:
        say(f"shard {mine.rank}/{mine.count} is done; the one that finishes last sums up")
        return
    if result.n_skipped:
        say(f"[yellow]skipped[/] {result.n_skipped} photos; the column error says why")
    say(f"{result.n_photos - result.n_skipped} of {result.n_photos} photos analysed into [bold]{escape(str(out))}[/]")
    raise typer.Exit(1 if result.n_skipped else 0)
