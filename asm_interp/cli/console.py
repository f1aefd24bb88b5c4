"""What the commands share: messages, named errors, a progress bar, options that several have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

console = Console(stderr=True)

Photos = Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.", show_default=False)]
Out = Annotated[Path, typer.Option(help="Folder for the results.")]
Device = Annotated[str, typer.Option(help="Where the network runs: cpu, cuda, mps.")]


def say(message: str) -> None:
    """Print a line of rich markup to stderr; whatever comes from outside must be escaped."""
    console.print(message, highlight=False, soft_wrap=True)


@contextmanager
def named_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Faults of input end the command with one line and exit code 2; so do `kinds`; others keep their traceback."""
    expected: tuple[type[Exception], ...] = (ValueError, OSError, *kinds)
    try:
        yield
    except expected as error:
        say(f"[bold red]error:[/] {escape(str(error))}")
        raise typer.Exit(2) from error


@contextmanager
def progress(total: int | None) -> Iterator[Callable[[str], None]]:
    """Show a bar that steps on by one, under a new name, whenever the yielded function is called."""
    from rich.progress import Progress

    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("photos", total=total)
        yield lambda name: bar.update(task, advance=1, description=escape(name))


def check_device(device: str) -> None:
    """Refuse a device that this machine does not have.

    Raises
    ------
    ValueError
        With what torch says of it.
    """
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"--device {device}: {str(error).splitlines()[0]}") from error
