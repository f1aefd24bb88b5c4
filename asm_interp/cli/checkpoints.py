"""The command checkpoints."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from asm_interp.cli.console import named_errors, say


def checkpoints(
    name: Annotated[str | None, typer.Argument(help="Show this one's card.", show_default=False)] = None,
) -> None:
    """List shipped and local checkpoints, or show the card of one."""
    with named_errors():
        import pandas as pd
        from rich import box
        from rich.table import Table

        from asm_interp.model.checkpoint import find, list_checkpoints, read_card

        if name is not None:
            Console().print_json(data=read_card(find(name)))
            return
        found = list_checkpoints()
        if found.empty:
            say("no checkpoints: none came with the package, none in ./checkpoints or $ASM_INTERP_CHECKPOINTS")
        table = Table(box=box.SIMPLE_HEAD)
        for column in found.columns.drop("path"):
            table.add_column(column, overflow="fold", no_wrap=column in ("size", "sha256"))
        for row in found.drop(columns="path").to_dict("records"):
            row |= {"size": f"{row['size']:,}", "sha256": row["sha256"][:12]}
            table.add_row(*("" if pd.isna(value) else escape(str(value)) for value in row.values()))
        Console(width=None if sys.stdout.isatty() else 200).print(table)
