"""The audit itself: photos, models, grades."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from asm_interp.analysis.dose_response import simulate
from asm_interp.analysis.planted_audit import audit_grades, simulation_grades
from asm_interp.analysis.statistics import Resampling
from asm_interp.audit.bench import FAMILIES, Bench, grade_models
from asm_interp.audit.plan import Plan, train_models
from asm_interp.audit.report import Audit
from asm_interp.training.config import TrainConfig

Bar = Callable[[int], AbstractContextManager[Callable[[str], None]]]
"""Makes a progress bar of so many steps; what it yields is called with the name of each step done."""


def run_audit(
    kinds: Iterable[str],
    *,
    root: Path | None = None,
    base: TrainConfig | None = None,
    plan: Plan | None = None,
    checkpoints: Sequence[str | Path] = (),
    n_photos: int = 80,
    n_worlds: int = 200,
    seed: int = 0,
    out: Path,
    jobs: int | None = None,
    quiet: bool = False,
    bar: Bar = lambda total: nullcontext(lambda name: None),  # noqa: ARG005
) -> Audit:
    """Audit explanations on planted worlds.

    Parameters
    ----------
    kinds : iterable of {"shapes", "subjects"}
    root : path, optional
        Folder of *subjects*.
    base : TrainConfig, optional
        Of the models that are trained, on *shapes*. Left out, no model is trained.
    plan : Plan, optional
        Which models are trained.
    checkpoints : sequence of str or path
        Graded instead of training; left out where none is trained, `asm_interp.audit.bench.FAMILIES`.
    n_photos, n_worlds : int
        Held-out photos, and simulated annotations of them.
    seed : int
        Of resampling and simulation.
    out : path
        Trained models are kept in its folder ``models``, so that a second call goes on.
    jobs : int, optional
        Models trained at a time.
    quiet : bool
        No progress of training.
    bar : callable, optional

    Returns
    -------
    Audit

    Raises
    ------
    ValueError
        If the data, a checkpoint or a configuration is faulty.
    """
    found = Audit([], {})
    how = Resampling(2000, seed)
    for kind in kinds:
        with _timed(found, f"{kind}: photos"):
            bench = Bench.make(kind, n_photos, root)
        trains = base is not None and kind == base.data and not checkpoints
        if base is not None and trains:
            with _timed(found, f"{kind}: training"):
                paths, failed = train_models(base, plan or Plan(), out / "models", jobs=jobs, quiet=quiet)
            found.failed.update(failed)
        else:
            paths = [Path(name) for name in checkpoints or FAMILIES[kind]]
        with _timed(found, f"{kind}: grading"), bar(len(paths)) as advance:
            rule = base.rule if base is not None and trains else None
            models = grade_models(bench, paths, explained_rule=rule, advance=advance)
            found.models[kind] = [model.name for model in models]
            found.grades.extend(audit_grades(kind, models, how))
        with _timed(found, f"{kind}: simulation"), bar(n_worlds) as advance:
            simulated = simulate(bench.world, n_worlds=n_worlds, how=Resampling(999, seed), advance=advance)
            found.grades.extend(simulation_grades(kind, bench.world.rule, simulated, len(bench.world)))
    return found


@contextmanager
def _timed(found: Audit, part: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    found.seconds[part] = time.monotonic() - start
