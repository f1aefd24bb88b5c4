"""The command line, ``asm-interp``: thin callers of the library, one module for each group of commands.

The heavy modules load inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from asm_interp import __version__
from asm_interp.cli.analysing import analyse
from asm_interp.cli.auditing import audit
from asm_interp.cli.bias import bias
from asm_interp.cli.checkpoints import checkpoints
from asm_interp.cli.data import data
from asm_interp.cli.evaluation import evaluate
from asm_interp.cli.explaining import crop, demo, explain
from asm_interp.cli.figures import figures
from asm_interp.cli.lab import lab
from asm_interp.cli.sweeping import sweep
from asm_interp.cli.training import train

app = typer.Typer(
    help="Why an automatic cropper prefers a crop: ASM-Net and its exact explanations.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (explain, crop, analyse, demo, checkpoints, evaluate, bias, audit, figures, train, sweep):
    app.command()(command)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(lab)
app.add_typer(data, name="data")


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


def main() -> None:
    """Entry point of the console script."""
    app()
