import pytest

from asm_interp.geometry import patterns
from asm_interp.sweep.grid import NAMED, Axes, grid
from asm_interp.training.config import ConfigError, TrainConfig


def test_table1_has_the_papers_eight_patterns() -> None:
    axes = NAMED["table1"]
    assert axes.lambdas == (0.1,)
    assert [patterns.get(name).n_partitions for name in axes.patterns] == [1, 3, 3, 9, 25, 3, 8, 12]


def test_figure5_spans_the_papers_range() -> None:
    axes = NAMED["figure5"]
    assert axes.patterns == ("cross-rectangle",)
    assert axes.lambdas == (0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)


def test_grid_is_the_product_and_keeps_the_rest() -> None:
    base = TrainConfig(name="base", epochs=3, weights={"corners": 0.3})
    runs = grid(base, Axes(("grid:1x1", "cross-rectangle:frame"), (0, 0.1, 0.1)), [4, 5])
    assert [run.name for run in runs] == [
        f"shapes-{pattern}-lambda-{lam}-seed-{seed}"
        for seed in (4, 5)
        for pattern in ("grid-1x1", "cross-rectangle-frame")
        for lam in ("0", "0.1")
    ]
    last = runs[-1]
    assert (last.pattern, last.lam, last.seed) == ("cross-rectangle:frame", 0.1, 5)
    own = {"name", "pattern", "lam", "seed"}
    assert all(run.model_dump(exclude=own) == base.model_dump(exclude=own) for run in runs)


def test_prefix_names_the_runs() -> None:
    (run,) = grid(TrainConfig(name="base"), Axes(("grid:1x1",), (1,)), [0], prefix="mine")
    assert run.name == "mine-grid-1x1-lambda-1-seed-0"


@pytest.mark.parametrize(
    ("axes", "seeds", "message"),
    [
        (Axes(("grid:0x1",), (0.1,)), [0], "grid:0x1"),
        (Axes(("grid:1x1",), (-1.0,)), [0], "lam: .*found -1.0"),
        (Axes(("grid:1x1",), (0.1,)), [-1], "seed: .*found -1"),
        (Axes((), (0.1,)), [0], "at least one pattern"),
    ],
)
def test_faults_are_named(axes: Axes, seeds: list[int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        grid(TrainConfig(name="base"), axes, seeds)


def test_runs_of_several_devices_are_refused() -> None:
    with pytest.raises(ConfigError, match="one device each, found devices 2"):
        grid(TrainConfig(name="base", devices=2), NAMED["table1"], [0])
