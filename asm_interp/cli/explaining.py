"""The commands explain, crop and demo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from asm_interp.cli.console import Device, Out, Photos, check_device, named_errors, progress, say

if TYPE_CHECKING:
    from asm_interp.model.asmnet import ASMNet
    from asm_interp.report import Outcome, Source, Wish

LAMBDA_PAIR = ["photos-lambda-0", "photos-lambda-0.1"]

Aspect = Annotated[str | None, typer.Option(help="Width over height, as 16:9 or 1.78; free if left out.")]
Shape = Annotated[str, typer.Option(help="rectangle or circle.")]
Top = Annotated[int, typer.Option(min=1, help="How many distinct crops at most.")]


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
    with named_errors():
        from asm_interp.data.photo import photo_paths
        from asm_interp.model.checkpoint import DEFAULT_CHECKPOINT
        from asm_interp.report import sources_from

        wish = _wish(aspect, shape, top)
        sources = sources_from(photo_paths(*photos))
        outcome = _explain(sources, _load(checkpoint or [DEFAULT_CHECKPOINT], device), wish, out)
    raise typer.Exit(1 if outcome.skipped else 0)


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
    with named_errors():
        from asm_interp.data.photo import photo_paths
        from asm_interp.model.checkpoint import DEFAULT_CHECKPOINT
        from asm_interp.report import crop_photos, sources_from

        wish = _wish(aspect, shape, top)
        sources = sources_from(photo_paths(*photos))
        ((name, model),) = _load([checkpoint or DEFAULT_CHECKPOINT], device).items()
        outcome = _run(len(sources), lambda advance: crop_photos(sources, model, name, wish, out, advance))
    say(f"{len(sources) - len(outcome.skipped)} of {len(sources)} photos cropped into [bold]{escape(str(out))}[/]")
    raise typer.Exit(1 if outcome.skipped else 0)


def demo(out: Out = Path("demo"), device: Device = "cpu") -> None:
    """Explain photographs that come with installed packages: the default model, and λ = 0 beside λ = 0.1."""
    with named_errors():
        from asm_interp.data.photo import sample_photos
        from asm_interp.model.checkpoint import DEFAULT_CHECKPOINT
        from asm_interp.report import Wish, sources_from_arrays

        sources = sources_from_arrays(sample_photos(), "from scikit-image or scikit-learn")
        _explain(sources, _load([DEFAULT_CHECKPOINT, *LAMBDA_PAIR], device), Wish(), out)


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
    with progress(total) as advance:
        outcome = work(advance)
    for why in outcome.skipped.values():
        say(f"[yellow]skipped[/] {escape(why)}")
    return outcome


def _load(names: Sequence[str], device: str) -> dict[str, ASMNet]:
    """Models, each under a name that can be a folder."""
    from asm_interp.model.checkpoint import load
    from asm_interp.report import distinct_names

    check_device(device)
    shown = distinct_names(Path(name).name.removesuffix(".safetensors") for name in names)
    return {own: load(name, device) for own, name in zip(shown, names, strict=True)}


def _explain(sources: Sequence[Source], models: dict[str, ASMNet], wish: Wish, out: Path) -> Outcome:
    from asm_interp.report import explain_photos

    outcome = _run(2 * len(sources), lambda advance: explain_photos(sources, models, wish, out, advance))
    if outcome.written:
        say(f"{len(outcome.written)} files; open [bold]{escape(str(out / 'index.html'))}[/]")
    return outcome
