"""The command line, ``asm-interp``: thin callers of the library."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from rich.console import Console

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
Aspect = Annotated[Optional[str], typer.Option(help="Width over height, as 16:9 or 1.78; free if left out.")]
Shape = Annotated[str, typer.Option(help="rectangle or circle.")]
Top = Annotated[int, typer.Option(min=1, help="How many distinct crops at most.")]
Out = Annotated[Path, typer.Option(help="Folder for the results.")]
Device = Annotated[str, typer.Option(help="Where the network runs: cpu, cuda, mps.")]


@contextmanager
def _named_errors() -> Iterator[None]:
    """Faults of input end the command with one line and exit code 2; anything else keeps its traceback."""
    from asm_interp.training.loop import TrainingError

    try:
        yield
    except (ValueError, OSError, TrainingError) as error:
        console.print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"asm_interp {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
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
        outcome = work(lambda name: progress.update(task, advance=1, description=name))
    for why in outcome.skipped.values():
        console.print(f"[yellow]skipped[/] {why}", highlight=False, soft_wrap=True)
    return outcome


def _load(names: Sequence[str], device: str) -> dict[str, ASMNet]:
    from asm_interp.model.checkpoint import load

    return {Path(name).stem if Path(name).suffix == ".safetensors" else name: load(name, device) for name in names}


def _explain(sources: Sequence[Source], models: dict[str, ASMNet], wish: Wish, out: Path) -> Outcome:
    from asm_interp.report import explain_photos

    outcome = _run(2 * len(sources), lambda advance: explain_photos(sources, models, wish, out, advance))
    if outcome.written:
        console.print(f"{len(outcome.written)} files; open [bold]{out / 'index.html'}[/]", soft_wrap=True)
    return outcome


@app.command()
def explain(
    photos: Photos,
    checkpoint: Annotated[
        Optional[list[str]], typer.Option(help="Name or path; give it twice to see two side by side.")
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
    checkpoint: Annotated[Optional[str], typer.Option(help="Name or path.")] = None,
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
    console.print(f"{len(sources) - len(outcome.skipped)} of {len(sources)} photos cropped into [bold]{out}[/]")
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
    name: Annotated[Optional[str], typer.Argument(help="Show this one's card.", show_default=False)] = None,
) -> None:
    """List shipped and local checkpoints, or show the card of one."""
    with _named_errors():
        from rich.table import Table

        from asm_interp.model.checkpoint import find, list_checkpoints, read_card

        if name is not None:
            Console().print_json(data=read_card(find(name)))
            return
        found = list_checkpoints()
        table = Table()
        for column in found.columns.drop("path"):
            table.add_column(column, overflow="fold")
        for row in found.itertuples():
            table.add_row(row.name, row.backbone, row.pattern, f"{row[4]}", row.data, f"{row.size:,}", row.sha256[:12])
        Console().print(table)


@app.command()
def train(
    config: Annotated[Optional[Path], typer.Option(help="TOML file; options here replace its entries.")] = None,
    name: Annotated[Optional[str], typer.Option(help="Of the run and its checkpoint.")] = None,
    data: Annotated[Optional[str], typer.Option(help="shapes or subjects.")] = None,
    root: Annotated[Optional[Path], typer.Option(help="Folder of the data set.")] = None,
    rule: Annotated[Optional[str], typer.Option(help="Planted rule: centre, thirds, left, right, headroom.")] = None,
    weight: Annotated[
        Optional[list[str]], typer.Option(help="Strength of a planted term, as corners=0.3; repeat for more.")
    ] = None,
    backbone: Annotated[Optional[str], typer.Option(help="vgg16, squeezenet1_1 or tiny.")] = None,
    pattern: Annotated[Optional[str], typer.Option(help="Composition pattern.")] = None,
    pretrained: Annotated[Optional[str], typer.Option(help="Path of ImageNet weights, or 'download'.")] = None,
    input_size: Annotated[Optional[int], typer.Option(help="Shorter side of the network's input.")] = None,
    lam: Annotated[Optional[float], typer.Option("--lambda", help="λ of the saliency-aware loss.")] = None,
    epochs: Annotated[Optional[int], typer.Option()] = None,
    batch_size: Annotated[Optional[int], typer.Option()] = None,
    lr: Annotated[Optional[float], typer.Option(help="Peak learning rate.")] = None,
    seed: Annotated[Optional[int], typer.Option()] = None,
    accelerator: Annotated[Optional[str], typer.Option(help="cpu, cuda, mps or auto.")] = None,
    devices: Annotated[Optional[int], typer.Option(help="Processes, or GPUs, per machine.")] = None,
    num_nodes: Annotated[Optional[int], typer.Option(help="Machines.")] = None,
    precision: Annotated[Optional[str], typer.Option(help="32-true, bf16-mixed or 16-mixed.")] = None,
    workers: Annotated[Optional[int], typer.Option(help="Loader processes.")] = None,
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
        console.print(f"wrote [bold]{checkpoint}[/]", soft_wrap=True)


def _weights(given: Sequence[str]) -> dict[str, float]:
    try:
        return {key: float(value) for key, value in (entry.split("=", 1) for entry in given)}
    except ValueError as error:
        raise ValueError(f"--weight is written like corners=0.3, got {list(given)}") from error


def main() -> None:
    """Entry point of the console script."""
    app()
