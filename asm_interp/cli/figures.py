"""The command figures."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from asm_interp.cli.console import named_errors, progress, say


def figures(
    only: Annotated[list[str] | None, typer.Option(help="Name of a figure or table, as fig6; repeat for more.")] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="Model of figures that show one model of photographs: name or path.")
    ] = None,
    photos: Annotated[Path | None, typer.Option(help="Your photos: a folder or a file.")] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(help="KIND:FOLDER of gaicd, cpc, fcdb, fcdb-ranking, flms or table; repeat for more."),
    ] = None,
    audit: Annotated[Path | None, typer.Option(help="Folder that asm-interp audit wrote.")] = None,
    venue: Annotated[str, typer.Option(help="Whose columns: aaai, cvpr, neurips or ieee.")] = "aaai",
    formats: Annotated[str, typer.Option(help="Of png, pdf and svg, separated by commas.")] = "png,pdf,svg",
    seed: Annotated[int, typer.Option(min=0, help="Of all resampling.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the figures.")] = Path("figures"),
    check: Annotated[bool, typer.Option("--check", help="Draw nothing; tell which figures in OUT are stale.")] = False,
    describe: Annotated[
        Path | None, typer.Option(help="Draw nothing; tell where this figure comes from (PNG, PDF, SVG or JSON).")
    ] = None,
) -> None:
    """Draw the paper's figures and tables from shipped checkpoints and sample photos, or your own.

    Each is written to OUT/paper as PDF, PNG and SVG, its numbers as CSV, where it comes from as JSON and inside the
    file; tables as CSV, Markdown and LaTeX; OUT/README.md shows all. Exit code 1 if a figure failed, or is stale.
    """
    with named_errors():
        if describe is not None:
            from asm_interp.plots.provenance import read_provenance

            typer.echo(str(read_provenance(describe)))
            return
        if check:
            _check(out)
            return
        from asm_interp.model.checkpoint import DEFAULT_CHECKPOINT
        from asm_interp.paper.inputs import Inputs
        from asm_interp.paper.registry import entries
        from asm_interp.paper.run import draw_paper

        wanted = entries(only or ())
        inputs = Inputs(checkpoint or DEFAULT_CHECKPOINT, photos, _folders(data or ()), audit, seed)
        inputs.open()
        command = _command(checkpoint=checkpoint, photos=photos, data=data, audit=audit, venue=venue, seed=seed)
        written_as = [each.strip() for each in formats.split(",")]
        with progress(len(wanted)) as advance:
            outcome = draw_paper(wanted, inputs, out, venue=venue, formats=written_as, command=command, advance=advance)
    for name, seconds in outcome.seconds.items():
        say(
            f"{name:<12}{seconds:6.1f} s"
            + (f"  [red]failed:[/] {escape(outcome.failed[name])}" if name in outcome.failed else "")
        )
    if outcome.written:
        took = sum(outcome.seconds.values())
        say(f"{len(outcome.written)} files in {took:.0f} s; see [bold]{escape(str(outcome.written[-1]))}[/]")
    raise typer.Exit(1 if outcome.failed else 0)


def _check(out: Path) -> None:
    from asm_interp.paper.index import stale

    found = stale(out)
    for path, changes in found.items():
        typer.echo(f"{path.with_suffix('')}: {'; '.join(changes) or 'up to date'}")
    raise typer.Exit(1 if any(found.values()) else 0)


def _folders(given: Sequence[str]) -> dict[str, Path]:
    """Folders of data sets by kind."""
    folders = {}
    for each in given:
        kind, colon, folder = each.partition(":")
        if not (colon and folder):
            raise ValueError(f"--data is KIND:FOLDER, as gaicd:GAICD, got {each!r}")
        folders[kind] = Path(folder)
    return folders


def _command(**options: object) -> str:
    """The command with the options that a figure depends on; those left out are not told."""
    words = ["asm-interp", "figures"]
    for name, value in options.items():
        for each in value if isinstance(value, list) else [] if value is None else [value]:
            words += [f"--{name}", str(each)]
    return shlex.join(words)
