"""The command lab."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from asm_interp.cli.console import named_errors, say

PROMPT = "--ServerApp.kernel_websocket_connection_class=asm_interp.prompt_websocket.PromptConnection"


def lab(
    context: typer.Context,
    folder: Annotated[Path, typer.Option(help="Where the notebooks go.")] = Path(),
) -> None:
    """Open JupyterLab on the notebooks; they are copied here first, and none that is here is overwritten.

    Other options go to JupyterLab, as --no-browser or --port 8899.
    """
    with named_errors():
        from asm_interp.notebooks import copy_notebooks, shipped_notebooks

        copied, kept = copy_notebooks(folder)
        first = shipped_notebooks()[0].name
    if copied:
        say(f"{len(copied)} notebooks copied to [bold]{escape(str(folder.resolve()))}[/]")
    if kept:
        say(f"kept as they are: {escape(', '.join(kept))}")
    # In this process's place, so that Ctrl-C and signals reach JupyterLab alone.
    os.chdir(folder)
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", first, PROMPT, *context.args])
