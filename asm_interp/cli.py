"""The command line, ``asm-interp``: thin callers of the library."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from asm_interp import __version__

if TYPE_CHECKING:
    from asm_interp.model.asmnet import ASMNet
    from asm_interp.report import Outcome, Source, Wish

# The heavy modules load inside the commands, so that --help answers at once.

app = typer.Typer(
    help="Why an automatic cropper prefers a crop: ASM-Net and its exact explanations.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
console = Console(stderr=True)

DEMO_CHECKPOINTS = ["photos-lambda-0", "photos-lambda-0.1"]

Photos = Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.", show_default=False)]
Aspect = Annotated[str | None, typer.Option(help="Width over height, as 16:9 or 1.78; free if left out.")]
Shape = Annotated[str, typer.Option(help="rectangle or circle.")]
Top = Annotated[int, typer.Option(min=1, help="How many distinct crops at most.")]
Out = Annotated[Path, typer.Option(help="Folder for the results.")]
Device = Annotated[str, typer.Option(help="Where the network runs: cpu, cuda, mps.")]


def _say(message: str) -> None:
    """Print a line of rich markup to stderr; whatever comes from outside must be escaped."""
    console.print(message, highlight=False, soft_wrap=True)


@contextmanager
def _named_errors() -> Iterator[None]:
    """Faults of input end the command with one line and exit code 2; anything else keeps its traceback."""
    from asm_interp.training.loop import TrainingError

    try:
        yield
    except (ValueError, OSError, TrainingError) as error:
        _say(f"[bold red]error:[/] {escape(str(error))}")
        raise typer.Exit(2) from error


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"asm_interp {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def _wish(aspect: str | None, shape: str, top: int) -> Wish:
    from asm_interp.geometry.candidates import parse_aspect
    from asm_interp.report import Wish

    if shape not in ("rectangle", "circle"):
        raise ValueError(f"--shape is rectangle or circle, got {shape!r}")
    if aspect is not None:
        parse_aspect(aspect)
        if shape == "circle":
            raise ValueError("--aspect does not go with --shape circle")
    return Wish(aspect, shape, top)  # type: ignore[arg-type]


def _run(total: int, work: Callable[[Callable[[str], None]], Outcome]) -> Outcome:
    """Do the work under a progress bar, and list what was skipped."""
    from rich.progress import Progress

    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("photos", total=total)
        outcome = work(lambda name: progress.update(task, advance=1, description=escape(name)))
    for why in outcome.skipped.values():
        _say(f"[yellow]skipped[/] {escape(why)}")
    return outcome


def _load(names: Sequence[str], device: str) -> dict[str, ASMNet]:
    """Models, each under a name that can be a folder."""
    import torch

    from asm_interp.model.checkpoint import load
    from asm_interp.report import distinct_names

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"--device {device}: {str(error).splitlines()[0]}") from error
    shown = distinct_names(Path(name).name.removesuffix(".safetensors") for name in names)
    return {own: load(name, device) for own, name in zip(shown, names, strict=True)}


def _explain(sources: Sequence[Source], models: dict[str, ASMNet], wish: Wish, out: Path) -> Outcome:
    from asm_interp.report import explain_photos

    outcome = _run(2 * len(sources), lambda advance: explain_photos(sources, models, wish, out, advance))
    if outcome.written:
        _say(f"{len(outcome.written)} files; open [bold]{escape(str(out / 'index.html'))}[/]")
    return outcome


@app.command()
def explain(
    photos: Photos,
    checkpoint: Annotated[
        list[str] | None, typer.Option(help="Name or path; give it twice to see two side by side.")
    ] = None,
    aspect: Aspect = None,
    shape: Shape = "rectangle",
    top: Top = 5,
    out: Out = Path("explained"),
    device: Device = "cpu",
) -> None:
    """Best crops of photos, and figures of why they are preferred, in one page."""
    with _named_errors():
        from asm_interp.data.photo import photo_paths
        from asm_interp.model.checkpoint import DEFAULT_CHECKPOINT
        from asm_interp.report import sources_from

        wish = _wish(aspect, shape, top)
        sources = sources_from(photo_paths(*photos))
        outcome = _explain(sources, _load(checkpoint or [DEFAULT_CHECKPOINT], device), wish, out)
    raise typer.Exit(1 if outcome.skipped else 0)


@app.command()
def crop(
    photos: Photos,
    checkpoint: Annotated[str | None, typer.Option(help="Name or path.")] = None,
    aspect: Aspect = None,
    shape: Shape = "rectangle",
    top: Top = 5,
    out: Out = Path("crops"),
    device: Device = "cpu",
) -> None:
    """Best crops of photos, as JSON, CSV and image files. Exit code 1 if a photo was skipped."""
    with _named_errors():
        from asm_interp.data.photo import photo_paths
        from asm_interp.model.checkpoint import DEFAULT_CHECKPOINT
        from asm_interp.report import crop_photos, sources_from

        wish = _wish(aspect, shape, top)
        sources = sources_from(photo_paths(*photos))
        ((name, model),) = _load([checkpoint or DEFAULT_CHECKPOINT], device).items()
        outcome = _run(len(sources), lambda advance: crop_photos(sources, model, name, wish, out, advance))
    _say(f"{len(sources) - len(outcome.skipped)} of {len(sources)} photos cropped into [bold]{escape(str(out))}[/]")
    raise typer.Exit(1 if outcome.skipped else 0)


@app.command()
def demo(out: Out = Path("demo"), device: Device = "cpu") -> None:
    """Explain photographs that come with installed packages, λ = 0 beside λ = 0.1."""
    with _named_errors():
        from asm_interp.data.photo import sample_photos
        from asm_interp.report import Wish, sources_from_arrays

        sources = sources_from_arrays(sample_photos(), "from scikit-image or scikit-learn")
        _explain(sources, _load(DEMO_CHECKPOINTS, device), Wish(), out)


@app.command()
def checkpoints(
    name: Annotated[str | None, typer.Argument(help="Show this one's card.", show_default=False)] = None,
) -> None:
    """List shipped and local checkpoints, or show the card of one."""
    with _named_errors():
        import pandas as pd
        from rich import box
        from rich.table import Table

        from asm_interp.model.checkpoint import find, list_checkpoints, read_card

        if name is not None:
            Console().print_json(data=read_card(find(name)))
            return
        found = list_checkpoints()
        if found.empty:
            _say("no checkpoints: none came with the package, none in ./checkpoints or $ASM_INTERP_CHECKPOINTS")
        table = Table(box=box.SIMPLE_HEAD)
        for column in found.columns.drop("path"):
            table.add_column(column, overflow="fold", no_wrap=column in ("size", "sha256"))
        for row in found.drop(columns="path").to_dict("records"):
            row |= {"size": f"{row['size']:,}", "sha256": row["sha256"][:12]}
            table.add_row(*("" if pd.isna(value) else escape(str(value)) for value in row.values()))
        Console(width=None if sys.stdout.isatty() else 200).print(table)


@app.command()
def train(
    config: Annotated[Path | None, typer.Option(help="TOML file; options here replace its entries.")] = None,
    name: Annotated[str | None, typer.Option(help="Of the run and its checkpoint.")] = None,
    data: Annotated[str | None, typer.Option(help="shapes or subjects.")] = None,
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
    batch_size: Annotated[int | None, typer.Option()] = None,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    seed: Annotated[int | None, typer.Option()] = None,
    accelerator: Annotated[str | None, typer.Option(help="cpu, cuda, mps or auto.")] = None,
    devices: Annotated[int | None, typer.Option(help="Processes, or GPUs, per machine.")] = None,
    num_nodes: Annotated[int | None, typer.Option(help="Machines.")] = None,
    precision: Annotated[str | None, typer.Option(help="32-true, bf16-mixed or 16-mixed.")] = None,
    workers: Annotated[int | None, typer.Option(help="Loader processes.")] = None,
    out: Out = Path("runs"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that the folder holds.")] = False,
) -> None:
    """Train ASM-Net; writes a checkpoint, its configuration and its metrics to OUT/NAME."""
    options: dict[str, Any] = {
        key: value for key, value in locals().items() if key not in ("config", "weight", "out", "resume", "pretrained")
    }
    with _named_errors():
        from asm_interp.training.config import read_config
        from asm_interp.training.loop import train as run

        options["pretrained"] = True if pretrained == "download" else pretrained
        options["weights"] = _weights(weight) if weight else None
        checkpoint = run(read_config(config, **options), out, resume=resume)
        _say(f"wrote [bold]{escape(str(checkpoint))}[/]")


def _weights(given: Sequence[str]) -> dict[str, float]:
    try:
        return {key: float(value) for key, value in (entry.split("=", 1) for entry in given)}
    except ValueError as error:
        raise ValueError(f"--weight is written like corners=0.3, got {list(given)}") from error


def main() -> None:
    """Entry point of the console script."""
    app()
