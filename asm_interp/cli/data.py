"""The commands data check and data where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from asm_interp.cli.console import named_errors

data = typer.Typer(help="Published data sets: what to download, and whether it is whole.", no_args_is_help=True)

# Named here too, for the help must not load the readers.
_KINDS = "gaicd, cpc, fcdb, fcdb-ranking, flms or table."


@data.command()
def check(
    kind: Annotated[str, typer.Argument(help=_KINDS, show_default=False)],
    root: Annotated[Path, typer.Argument(help="The data set's folder, or its file.", show_default=False)],
    decode: Annotated[
        bool, typer.Option("--decode/--no-decode", help="Decode photos to find damaged ones, 10 ms each.")
    ] = True,
) -> None:
    """Compare a data set on disk with the published one; it is never changed.

    Exit code 1 if there are faults beyond those that are known of the published files.
    """
    with named_errors():
        from asm_interp.data.check import check_dataset

        report = check_dataset(kind, root, decode=decode)
    typer.echo(report.text())
    raise typer.Exit(0 if report.ok else 1)


@data.command()
def where(
    kind: Annotated[str | None, typer.Argument(help=f"{_KINDS} All if left out.", show_default=False)] = None,
) -> None:
    """Tell what to download and where to put it."""
    with named_errors():
        from asm_interp.data.registry import where as instructions

        typer.echo(instructions(kind))
