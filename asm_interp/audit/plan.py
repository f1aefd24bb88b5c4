"""Which models an audit trains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from asm_interp.data.planted import RULES
from asm_interp.sweep.grid import Axes, grid
from asm_interp.sweep.run import is_finished
from asm_interp.sweep.runner import cores, run_sweep
from asm_interp.training.config import TrainConfig, read_config


def default_base() -> TrainConfig:
    """Configuration of the audit's own models, small enough that dozens of them train in minutes."""
    return read_config(name="audit", n_photos=200, n_held_out=50, epochs=6)


@dataclass(frozen=True)
class Plan:
    """Which models are trained.

    Attributes
    ----------
    rules : tuple of str
        Worlds, at the base configuration's λ. Its own rule comes in also if it is not among them.
    lambdas, betas : tuple of float
        On the base's rule: corner preferences at the base's λ, and the other λ without and with the largest preference.
    seeds : tuple of int
        Of each world and λ; intervals of fewer than five are too narrow.
    """

    rules: tuple[str, ...] = tuple(RULES)
    lambdas: tuple[float, ...] = (0.0,)
    betas: tuple[float, ...] = (0.0, 0.2, 0.4)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)


def training_runs(base: TrainConfig, plan: Plan) -> list[TrainConfig]:
    """Configurations of a plan's models, as a sweep takes them.

    Raises
    ------
    ConfigError
        If an entry is out of range, or there is no seed.
    """
    runs: dict[str, TrainConfig] = {}

    def add(rule: str, beta: float, lambdas: tuple[float, ...]) -> None:
        entries = base.model_dump() | {"rule": rule, "weights": base.weights | {"corners": beta}}
        axes = Axes((base.pattern,), lambdas)
        for run in grid(read_config(**entries), axes, plan.seeds, f"{base.data}-{rule}-beta-{beta:g}"):
            runs[run.name] = run

    for rule in dict.fromkeys((base.rule, *plan.rules)):
        add(rule, 0.0, (base.lam,))
    for beta in plan.betas:
        lambdas = (base.lam, *plan.lambdas) if beta in (0.0, max(plan.betas)) else (base.lam,)
        add(base.rule, beta, lambdas)
    return list(runs.values())


def train_models(
    base: TrainConfig, plan: Plan, out: Path, *, jobs: int | None = None, quiet: bool = False
) -> tuple[list[Path], dict[str, str]]:
    """Train a plan's models, or what is left of them; called again it goes on.

    Returns
    -------
    list of Path
        Checkpoints of finished runs.
    dict of str to str
        Runs that failed, and why.
    """
    runs = training_runs(base, plan)
    # Models this small gain nothing from a second thread: two at a time take 14 s each where one takes 20.
    failed = run_sweep(runs, out, jobs=jobs or cores(), quiet=quiet)
    return [out / run.name / f"{run.name}.safetensors" for run in runs if is_finished(run, out)], failed
