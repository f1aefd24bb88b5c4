"""The runs of a sweep: one training configuration for each pattern, λ and seed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from asm_interp.training.config import ConfigError, TrainConfig, read_config


@dataclass(frozen=True)
class Axes:
    """Patterns and λ of a sweep."""

    patterns: tuple[str, ...]
    lambdas: tuple[float, ...]


NAMED = {
    "table1": Axes(
        (
            "grid:1x1",
            "grid:1x3",
            "grid:3x1",
            "grid:3x3",
            "grid:5x5",
            "multi-rectangle",
            "multi-direction",
            "cross-rectangle",
        ),
        (0.1,),
    ),
    "figure5": Axes(("cross-rectangle",), (0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)),
}
"""The ablations of Tu et al., AAAI 2020: patterns (Table 1) and λ (Figure 5, whose range is [0, 100])."""


def run_name(prefix: str, pattern: str, lam: float, seed: int) -> str:
    """Name of a run and its folder.

    Examples
    --------
    >>> run_name("shapes", "grid:3x3", 0.1, 2)
    'shapes-grid-3x3-lambda-0.1-seed-2'
    """
    return f"{prefix}-{re.sub('[^A-Za-z0-9._]+', '-', pattern)}-lambda-{lam:.12g}-seed-{seed}"


def grid(base: TrainConfig, axes: Axes, seeds: Sequence[int], prefix: str | None = None) -> list[TrainConfig]:
    """Configurations of all runs, seed by seed, so that an early look compares like with like.

    Parameters
    ----------
    base : TrainConfig
        Everything but name, pattern, λ and seed.
    axes : Axes
        An entry that occurs again counts once.
    seeds : sequence of int
    prefix : str, optional
        Of the runs' names; the data set's unless given.

    Returns
    -------
    list of TrainConfig

    Raises
    ------
    ConfigError
        If an entry is out of range, there is none on an axis, or the base asks for more than one device: runs go
        side by side instead, and each starts no processes of its own.
    """
    if base.devices > 1 or base.num_nodes > 1:
        raise ConfigError(f"a sweep's runs use one device each, found devices {base.devices}, nodes {base.num_nodes}")
    runs = {}
    for seed, pattern, lam in product(seeds, axes.patterns, axes.lambdas):
        name = run_name(prefix or base.data, pattern, lam, seed)
        entries = base.model_dump() | {"name": name, "pattern": pattern, "lam": lam, "seed": seed}
        runs[name] = read_config(**entries)
    if not runs:
        raise ConfigError("a sweep needs at least one pattern, one λ and one seed")
    return list(runs.values())
