"""Ceilings of patterns: published figures, brute-force least squares, and properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asm_interp.analysis.expressivity import by_partition, ceiling, correlation, pattern_expressivity
from asm_interp.data.planted import RULES, rule_grid
from asm_interp.geometry import patterns

TABLE = {
    "cross-rectangle": (0.913, 0.837, 0.909, 0.909, 0.900),
    "grid:3x3": (0.879, 0.401, 0.701, 0.701, 0.644),
    "grid:5x5": (0.908, 0.892, 0.921, 0.921, 0.895),
}


def test_table() -> None:
    table = pattern_expressivity(TABLE)
    assert list(table.columns) == ["n_partitions", *RULES]
    for name, expected in TABLE.items():
        np.testing.assert_allclose(table.loc[name, list(RULES)].to_numpy(float), expected, atol=0.01)
    assert set(pattern_expressivity(rules=["centre"]).index) == set(patterns.names())
    assert pattern_expressivity(["grid:1x1"]).loc["grid:1x1", "centre"] == 0


@pytest.mark.parametrize("spec", ["cross-rectangle", "multi-direction", "grid:1x3"])
def test_ceiling_is_the_multiple_correlation_of_least_squares(spec: str) -> None:
    pattern, places = patterns.get(spec), (np.arange(120) + 0.5) / 120
    labels = pattern.partition_at(places[None, :], places[:, None]).ravel()
    members = (labels[:, None] == np.arange(pattern.n_partitions)).astype(float)
    for rule in RULES:
        plane = rule_grid(rule, 120).ravel()
        fitted = members @ np.linalg.lstsq(members, plane, rcond=None)[0]
        assert ceiling(pattern, rule) == pytest.approx(np.corrcoef(fitted, plane)[0, 1], abs=1e-9)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), rule=st.sampled_from(sorted(RULES)))
def test_no_partition_constant_map_is_above_the_ceiling(seed: int, rule: str) -> None:
    pattern = patterns.get("cross-rectangle")
    values = np.random.default_rng(seed).normal(size=pattern.n_partitions)
    places = (np.arange(120) + 0.5) / 120
    plane = values[pattern.partition_at(places[None, :], places[:, None])]
    np.testing.assert_allclose(by_partition(plane, pattern), plane)
    assert abs(correlation(plane, rule_grid(rule, 120))) <= ceiling(pattern, rule) + 1e-12


def test_faults() -> None:
    with pytest.raises(ValueError, match=r"shape \[n, n\], got \(2, 3\)"):
        by_partition(np.ones((2, 3)), patterns.get("grid:1x1"))
    with pytest.raises(ValueError, match="no composition rule 'golden'"):
        pattern_expressivity(["grid:3x3"], ["golden"])
    assert np.isnan(correlation(np.full((4, 4), 0.1), rule_grid("centre", 4)))
