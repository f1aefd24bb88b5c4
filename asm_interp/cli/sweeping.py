"""The command sweep."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from asm_interp.cli.console import named_errors, say

if TYPE_CHECKING:
    import pandas as pd

    from asm_interp.sweep.grid import Axes

Number = TypeVar("Number", int, float)

_SHOWN = ("ranking_accuracy", "SRCC", "Acc_5", "Acc_10", "gauge_share", "corner_std", "corner_avg")


def sweep(
    name: Annotated[
        str | None,
        typer.Argument(
            help="table1 (eight patterns, λ = 0.1) or figure5 (ten λ, cross-rectangle).", show_default=False
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of a training run, for all the rest.")] = None,
    patterns: Annotated[str | None, typer.Option(help="Composition patterns, separated by commas.")] = None,
    lambdas: Annotated[str | None, typer.Option(help="Values of λ, separated by commas.")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, separated by commas.")] = "0,1,2",
    root: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    pretrained: Annotated[str | None, typer.Option(help="Path of ImageNet weights, or 'download'.")] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="Another entry of the configuration, as epochs=6 or data=shapes; repeat for more."),
    ] = None,
    prefix: Annotated[str | None, typer.Option(help="Of the runs' names; the data set's if left out.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Runs at a time; half the cores if left out.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of each run; cores over jobs.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for runs and tables; several machines may share it.")] = Path(
        "sweep"
    ),
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Train and measure one model for each pattern, λ and seed; what is done is kept, and what broke off goes on.

    The same command on several machines with one shared folder divides the runs among them. Writes
    OUT/NAME-runs, -photos and -summary, as .csv and .parquet. Exit code 1 if a run failed.
    """
    with named_errors():
        from asm_interp.sweep.grid import grid
        from asm_interp.sweep.run import is_finished
        from asm_interp.sweep.runner import run_sweep
        from asm_interp.training.config import read_config

        entries: dict[str, Any] = {"root": root, "pretrained": True if pretrained == "download" else pretrained}
        base = read_config(config, **({} if config else {"name": "sweep"}), **entries | _entries(change or ()))
        configs = grid(base, _axes(name, patterns, lambdas), _numbers(seeds, int, "--seeds"), prefix)
        failed = run_sweep(configs, out, jobs=jobs, threads=threads, quiet=quiet)
        for run, why in failed.items():
            say(f"[red]failed[/] {escape(run)}: {escape(why)}; see {escape(str(out / run / 'log.txt'))}")
        finished = [out / each.name for each in configs if is_finished(each, out)]
        if finished:
            from asm_interp.sweep.tables import gather, write_tables

            tables = gather(finished)
            _show(tables["summary"])
            written = write_tables(tables, out, name or prefix or "sweep")
            say(f"{len(finished)} of {len(configs)} runs; tables in [bold]{escape(str(written[0].parent))}[/]")
    raise typer.Exit(1 if failed else 0)


def _axes(name: str | None, patterns: str | None, lambdas: str | None) -> Axes:
    """Axes of a named sweep, or those given; what is given replaces the named one's."""
    from asm_interp.sweep.grid import NAMED, Axes

    if name is not None and name not in NAMED:
        raise ValueError(f"no sweep {name!r}; there are {', '.join(NAMED)}, or give --patterns and --lambdas")
    named = NAMED[name] if name else Axes(("cross-rectangle",), (0.1,))
    return Axes(
        tuple(entry.strip() for entry in patterns.split(",")) if patterns else named.patterns,
        _numbers(lambdas, float, "--lambdas") if lambdas else named.lambdas,
    )


def _numbers(given: str, kind: Callable[[str], Number], option: str) -> tuple[Number, ...]:
    try:
        return tuple(kind(entry) for entry in given.split(","))
    except ValueError as error:
        raise ValueError(f"{option} takes numbers separated by commas, got {given!r}") from error


def _entries(given: Sequence[str]) -> dict[str, Any]:
    """Entries of a configuration as KEY=VALUE; the value is TOML, or a bare word."""
    entries = {}
    for entry in given:
        key, sign, value = entry.partition("=")
        if not sign:
            raise ValueError(f"--set is written like epochs=6, got {entry!r}")
        try:
            entries[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            entries[key] = value
    return entries


def _show(summary: pd.DataFrame) -> None:
    """Mean over seeds ± standard deviation between them."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, caption="mean over seeds ± standard deviation between them")
    for column in ("pattern", "λ", "seeds", *_SHOWN, "seconds"):
        table.add_column(column.replace("_", " "))
    for row in summary.to_dict("records"):
        cells = [escape(str(row["pattern"])), f"{row['lambda']:g}", str(row["n_seeds"])]
        spreads = {measure: f" ± {row[f'{measure}_sd']:.3f}" if row["n_seeds"] > 1 else "" for measure in _SHOWN}
        cells += [f"{row[measure]:.3f}{spread}" for measure, spread in spreads.items()]
        table.add_row(*cells, f"{row['seconds']:.1f}")
    console = Console()
    Console(width=None if console.is_terminal else 200).print(table)
