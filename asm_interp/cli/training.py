"""The commands that train."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from asm_interp.cli.console import Out, named_errors, say


def train(
    config: Annotated[Path | None, typer.Option(help="TOML file; options here replace its entries.")] = None,
    name: Annotated[str | None, typer.Option(help="Of the run and its checkpoint.")] = None,
    data: Annotated[str | None, typer.Option(help="shapes, subjects, gaicd, cpc or table.")] = None,
    root: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    rule: Annotated[str | None, typer.Option(help="Planted rule: centre, thirds, left, right, headroom.")] = None,
    weight: Annotated[
        list[str] | None, typer.Option(help="Strength of a planted term, as corners=0.3; repeat for more.")
    ] = None,
    backbone: Annotated[str | None, typer.Option(help="vgg16, squeezenet1_1 or tiny.")] = None,
    pattern: Annotated[str | None, typer.Option(help="Composition pattern.")] = None,
    pretrained: Annotated[str | None, typer.Option(help="Path of ImageNet weights, or 'download'.")] = None,
    input_size: Annotated[int | None, typer.Option(help="Shorter side of the network's input.")] = None,
    lam: Annotated[float | None, typer.Option("--lambda", help="λ of the saliency-aware loss.")] = None,
    epochs: Annotated[int | None, typer.Option()] = None,
    batch_size: Annotated[int | None, typer.Option(help="Photos, of all processes together.")] = None,
    accumulate: Annotated[int | None, typer.Option(help="Batches per optimiser step.")] = None,
    delta: Annotated[float | None, typer.Option(help="Least difference of scores of a pair, in their units.")] = None,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    seed: Annotated[int | None, typer.Option()] = None,
    accelerator: Annotated[str | None, typer.Option(help="cpu, cuda, mps or auto.")] = None,
    devices: Annotated[int | None, typer.Option(help="Processes, or GPUs, per machine.")] = None,
    num_nodes: Annotated[int | None, typer.Option(help="Machines.")] = None,
    precision: Annotated[str | None, typer.Option(help="32-true, bf16-mixed or 16-mixed.")] = None,
    workers: Annotated[int | None, typer.Option(help="Loader processes.")] = None,
    save_every: Annotated[int | None, typer.Option(help="Steps between states kept within an epoch.")] = None,
    out: Out = Path("runs"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that the folder holds.")] = False,
) -> None:
    """Train ASM-Net; writes a checkpoint, its configuration and its metrics to OUT/NAME."""
    options: dict[str, Any] = {
        key: value for key, value in locals().items() if key not in ("config", "weight", "out", "resume", "pretrained")
    }
    from asm_interp.training.loop import TrainingError

    with named_errors(TrainingError):
        from asm_interp.training.config import read_config
        from asm_interp.training.loop import leave
        from asm_interp.training.loop import train as run

        options["pretrained"] = True if pretrained == "download" else pretrained
        options["weights"] = _weights(weight) if weight else None
        checkpoint = run(read_config(config, **options), out, resume=resume)
        say(f"wrote [bold]{escape(str(checkpoint))}[/]")
        leave()


def _weights(given: Sequence[str]) -> dict[str, float]:
    try:
        return {key: float(value) for key, value in (entry.split("=", 1) for entry in given)}
    except ValueError as error:
        raise ValueError(f"--weight is written like corners=0.3, got {list(given)}") from error
