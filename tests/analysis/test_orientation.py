"""Sensitivity across and down the crop: against a plane at every pixel, and on maps that vary one way only."""

import numpy as np
import pytest

import asm_interp as asm
from asm_interp.analysis.orientation import orientation, unrelated_orientation


def made(pattern: str, values: np.ndarray) -> asm.ScoreMap:
    return asm.ScoreMap(values.astype(np.float32), asm.patterns.get(pattern), (60, 80))


@pytest.mark.parametrize("pattern", ["grid:3x3", "grid:2x4", "cross-rectangle", "multi-direction"])
def test_shares_are_those_of_planes_laid_out_at_every_pixel(pattern: str) -> None:
    shape = asm.patterns.get(pattern)
    values = (
        np.random.default_rng(0).normal(size=(shape.n_partitions, 6, 8)) + np.arange(shape.n_partitions)[:, None, None]
    )
    channels = values.astype(np.float32).astype(np.float64)
    channels -= channels.mean((1, 2), keepdims=True)
    planes = channels[shape.labels]  # [Y, X, h, w]
    total = planes.var(axis=(0, 1)).mean()
    across, down = planes.mean(axis=0).var(axis=0).mean(), planes.mean(axis=1).var(axis=0).mean()
    found = orientation(made(pattern, values))
    assert found["across"] == pytest.approx(across / total, rel=1e-6)
    assert found["down"] == pytest.approx(down / total, rel=1e-6)
    assert found["orientation"] == pytest.approx((across - down) / (across + down), rel=1e-6, abs=1e-9)


def test_maps_that_vary_one_way_only() -> None:
    rng = np.random.default_rng(1)
    columns, rows = rng.normal(size=(1, 3, 6, 8)), rng.normal(size=(3, 1, 6, 8))
    one_way = orientation(made("grid:3x3", np.broadcast_to(columns, (3, 3, 6, 8)).reshape(9, 6, 8)))
    assert one_way == pytest.approx({"across": 1, "down": 0, "orientation": 1}, abs=1e-9)
    other = orientation(made("grid:3x3", np.broadcast_to(rows, (3, 3, 6, 8)).reshape(9, 6, 8)))
    assert other == pytest.approx({"across": 0, "down": 1, "orientation": -1}, abs=1e-9)
    both = orientation(made("grid:3x3", (2 * columns + rows).reshape(9, 6, 8)))
    assert both["across"] + both["down"] == pytest.approx(1)  # additive: no interaction
    assert orientation(made("grid:3x1", rng.normal(size=(3, 6, 8))))["orientation"] == -1


def test_no_difference_between_places_is_nan() -> None:
    flat = np.arange(9.0)[:, None, None] + np.zeros((9, 6, 8))  # offsets alone: ranking leaves them open
    alike = np.broadcast_to(np.random.default_rng(2).normal(size=(6, 8)), (9, 6, 8))
    for found in (orientation(made("grid:3x3", flat)), orientation(made("grid:3x3", alike.copy()))):
        assert all(np.isnan(value) for value in found.values())
    assert all(np.isnan(value) for value in orientation(made("grid:1x1", alike[:1].copy())).values())


@pytest.mark.parametrize("pattern", ["grid:2x5", "cross-rectangle"])
def test_unrelated_channels_have_the_orientation_of_the_raster(pattern: str) -> None:
    shape = asm.patterns.get(pattern)
    found = orientation(made(pattern, np.random.default_rng(3).normal(size=(shape.n_partitions, 200, 300))))
    assert found["orientation"] == pytest.approx(unrelated_orientation(shape), abs=0.02)
