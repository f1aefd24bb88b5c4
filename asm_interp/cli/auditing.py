"""The command audit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from asm_interp.cli.console import Out, named_errors, progress, say

if TYPE_CHECKING:
    from asm_interp.audit.report import Audit


def audit(
    data: Annotated[
        list[str] | None, typer.Option(help="shapes or subjects (real photographs, with --root); repeat for both.")
    ] = None,
    root: Annotated[Path | None, typer.Option(help="Folder of subjects.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Grade shipped checkpoints; train nothing.")] = False,
    checkpoint: Annotated[
        list[str] | None, typer.Option(help="Grade this checkpoint (name or path), on its data; repeat for more.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of a training run, for the models trained.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Models of each world of shapes.")] = 5,
    photos: Annotated[int | None, typer.Option(min=2, help="Held-out photos; 80, or 16 if quick.")] = None,
    worlds: Annotated[int | None, typer.Option(min=2, help="Simulated annotations; 200, or 40 if quick.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Models trained at a time; one for each core.")] = None,
    out: Out = Path("audit"),
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Grade explanations against planted truth: place of the subject, composition rule, corner preference.

    Trains models on worlds of shapes (called again it goes on) and grades them; on subjects, and if quick, shipped
    checkpoints that differ in λ alone are graded. Writes grades.csv, verdicts.csv, audit.json and audit.md to OUT.
    Exit code 1 if a run failed.
    """
    with named_errors():
        from asm_interp.audit.plan import Plan, default_base
        from asm_interp.audit.run import run_audit
        from asm_interp.training.config import read_config

        if quick and config:
            raise ValueError("--quick trains nothing, and --config is for models that are trained: give one of them")
        found = run_audit(
            dict.fromkeys(data or ["shapes"]),
            root=root,
            base=None if quick else read_config(config) if config else default_base(),
            plan=Plan(seeds=tuple(range(seeds))),
            checkpoints=checkpoint or (),
            n_photos=photos or (16 if quick else 80),
            n_worlds=worlds or (40 if quick else 200),
            out=out,
            jobs=jobs,
            quiet=quiet,
            bar=progress,
        )
        written = found.write(out)
    _show(found)
    for run, why in found.failed.items():
        say(f"[red]failed[/] {escape(run)}: {escape(why)}")
    say(f"wrote {', '.join(path.name for path in written)} to [bold]{escape(str(out))}[/]")
    raise typer.Exit(1 if found.failed else 0)


def _show(found: Audit) -> None:
    """Grades of all parts, then what they say."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from asm_interp.audit.report import bar_text, estimate_text, world_name

    console = Console()
    table = Table(box=box.SIMPLE_HEAD, caption="estimate [95 % interval over seeds and photos]")
    for column in ("part", "explanation", "truth", "world", "λ", "N", "estimate", "bar"):
        table.add_column(column, overflow="fold")
    for row in found.table.to_dict("records"):
        lam = "" if row["lambda"] != row["lambda"] else f"{row['lambda']:g}"
        cells = [f"{row['data']}: {row['part']}", row["explanation"], row["truth"], world_name(row), lam]
        cells += [f"{row['n_seeds']} × {row['n_photos']}", estimate_text(row), bar_text(row)]
        table.add_row(*(escape(cell) for cell in cells))
    Console(width=None if console.is_terminal else 180).print(table)
    for text in found.verdicts["text"]:
        console.print(escape(text), highlight=False, soft_wrap=True)
    missed = found.missed
    if len(missed):
        say(f"[yellow]{len(missed)} of {found.table['bar'].ne('').sum()} bars missed[/]")
