"""The command evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from rich.markup import escape

from asm_interp.cli.console import Device, Out, check_device, named_errors, progress, say

if TYPE_CHECKING:
    from asm_interp.data.crops import CropDataset

_USAGE = "asm-interp evaluate largest-crop photos --data gaicd FOLDER"


def evaluate(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="SCORER... ROOT",
            help="Baselines and checkpoints (a name or path each), then the data set's folder; planted worlds of "
            "shapes need none. Baselines: whole-photo, centred-crop, random, largest-crop, position-prior, saliency, "
            "oracle-anchors, oracle-gaic-grid.",
            show_default=False,
        ),
    ],
    data: Annotated[
        str,
        typer.Option(help="gaicd, fcdb, fcdb-ranking, flms, table or planted (ROOT: subjects).", show_default=False),
    ],
    split: Annotated[str, typer.Option(help="train, val, test or all.")] = "test",
    with_photos: Annotated[
        bool, typer.Option("--with-photos", help="Only photos that are there: the same for all scorers.")
    ] = False,
    ties: Annotated[str, typer.Option(help="Equal predicted scores: expected, or reference (the file's order).")] = (
        "expected"
    ),
    delta: Annotated[float, typer.Option(min=0, help="Least difference of scores in the ranking accuracy.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the intervals and of random crops.")] = 0,
    fine: Annotated[
        bool, typer.Option("--fine/--anchors", help="A model's best crop: two-stage search, or best of 895 anchors.")
    ] = False,
    sizes: Annotated[
        str, typer.Option(help="FCDB without photos: sizes as far as its windows reach, or the photo's.")
    ] = "windows",
    config: Annotated[Path | None, typer.Option(help="Planted: TOML of the training run whose world it is.")] = None,
    out: Out = Path("evaluation"),
    device: Device = "cpu",
) -> None:
    """Judge croppers on a data set: means over photos, 95 % intervals, and what papers report.

    Writes metrics.csv, photos.csv, comparison.csv and results.json to OUT.
    """
    with named_errors():
        from asm_interp.cli.result_tables import print_results
        from asm_interp.evaluation import BASELINES, Settings, load_scorer, write_results
        from asm_interp.evaluation import evaluate as judge
        from asm_interp.evaluation.metrics import Ties

        if ties not in get_args(Ties):
            raise ValueError(f"--ties is {' or '.join(get_args(Ties))}, got {ties!r}")
        names, root = _names_and_root(what, data)
        dataset = _dataset(data, root, sizes, config)
        tested = dataset if split == "all" else dataset.split(split)
        if with_photos:
            tested = tested.where(lambda sample: sample.has_photo)
        if not BASELINES.keys() >= set(names):
            check_device(device)
        settings = Settings(ties=ties, delta=delta, seed=seed)  # type: ignore[arg-type]
        scorers = [load_scorer(name, dataset, device=device, seed=seed, fine=fine) for name in names]
        with progress(len(scorers) * len(tested)) as advance:
            results = [judge(scorer, tested, data, settings, advance) for scorer in scorers]
        files = write_results(results, out)
    print_results(results)
    say(f"wrote {', '.join(path.name for path in files)} to [bold]{escape(str(out))}[/]")


def _names_and_root(given: Sequence[str], kind: str) -> tuple[list[str], Path | None]:
    *names, last = given
    if kind == "planted" and not Path(last).is_dir():
        return list(given), None
    if not names:
        raise ValueError(f"scorers and the data set's folder are needed, as in {_USAGE}; got only {last!r}")
    return names, Path(last)


def _dataset(kind: str, root: Path | None, sizes: str, config: Path | None) -> CropDataset:
    """All splits of a data set."""
    from asm_interp.data.registry import read_dataset
    from asm_interp.evaluation.published import HEADLINE

    if kind not in HEADLINE:
        raise ValueError(f"--data is one of {', '.join(HEADLINE)}, got {kind!r}")
    if kind == "planted":
        return planted_splits(root, config)
    if config is not None:
        raise ValueError("--config goes with --data planted only")
    assert root is not None  # only planted worlds need none
    return read_dataset(kind, root, **({"sizes": sizes} if kind == "fcdb" else {}))


def planted_splits(root: Path | None, config: Path | None = None) -> CropDataset:
    """All splits of the planted world of a training run: *subjects* with a folder, *shapes* without."""
    from asm_interp.data.crops import SPLITS, CropDataset, SamplesBySplit
    from asm_interp.training.config import read_config

    own: dict[str, Any] = {} if config else {"name": "planted", "data": "subjects" if root else "shapes"}
    run = read_config(config, root=root, **own)
    return CropDataset(f"planted {run.data}", SamplesBySplit({split: run.world(split) for split in SPLITS}))
