"""Streaming means against numpy on all arrays at once, and merging against one stream."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from asm_interp.analysis.mean_maps import RunningMean, to_grid

stacks = arrays(
    np.float64,
    st.tuples(st.integers(0, 9), st.just(2), st.just(3)),
    elements=st.one_of(st.floats(-1e3, 1e3), st.just(np.nan)),
)


def running(stack: npt.NDArray[np.float64]) -> RunningMean:
    result = RunningMean((2, 3))
    for values in stack:
        result.add(values)
    return result


@given(stacks)
def test_moments_are_those_of_all_arrays_at_once(stack: npt.NDArray[np.float64]) -> None:
    result = running(stack)
    for cell in np.ndindex(2, 3):
        known = stack[:, *cell][~np.isnan(stack[:, *cell])]
        assert result.n[cell] == len(known)
        mean = known.mean() if len(known) else np.nan
        variance = known.var(ddof=1) if len(known) > 1 else np.nan
        np.testing.assert_allclose(result.mean[cell], mean, atol=1e-9)
        np.testing.assert_allclose(result.variance[cell], variance, rtol=1e-9, atol=1e-6)


@given(stacks, stacks)
def test_merging_is_as_one_stream(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> None:
    whole, merged, other = running(np.concatenate([first, second])), running(first), running(second)
    merged.merge(RunningMean.from_state(**other.state()))
    np.testing.assert_array_equal(merged.n, whole.n)
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(merged.variance, whole.variance, rtol=1e-10, atol=1e-7)


def test_interval_is_students() -> None:
    sample = np.random.default_rng(0).normal(3, 2, (12, 2, 3))
    low, high = running(sample).interval(0.9)
    for cell in np.ndindex(2, 3):
        expected = stats.ttest_1samp(sample[:, *cell], 0).confidence_interval(0.9)
        assert (low[cell], high[cell]) == pytest.approx((expected.low, expected.high))


def test_estimates_are_mean_95_percent_interval_and_n() -> None:
    result = running(np.random.default_rng(0).normal(3, 2, (5, 2, 3)))
    low, high = result.interval(0.95)
    expected = {"mean": result.mean, "ci_low": low, "ci_high": high, "n": result.n}
    np.testing.assert_equal(result.estimates(), expected)


def test_interval_covers_as_often_as_it_says() -> None:
    sample = np.random.default_rng(1).normal(0, 1, (8, 4000))
    result = RunningMean((4000,))
    for values in sample:
        result.add(values)
    low, high = result.interval()
    assert ((low <= 0) & (high >= 0)).mean() == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 4000))


def test_one_photo_has_a_mean_and_no_interval() -> None:
    result = running(np.ones((1, 2, 3)))
    assert (result.mean == 1).all()
    assert np.isnan(result.interval()).all()


def test_a_large_offset_costs_no_digits() -> None:
    assert running(1e9 + np.arange(5.0)[:, None, None] * np.ones((5, 2, 3))).variance == pytest.approx(2.5)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 9), st.integers(1, 9))
def test_cells_are_means_by_area(height: int, width: int, rows: int, columns: int) -> None:
    values = np.random.default_rng(height * 61 + width).normal(size=(height, width))
    fine = values.repeat(rows, axis=0).repeat(columns, axis=1)  # on which every cell edge is a pixel edge
    expected = fine.reshape(rows, height, columns, width).mean((1, 3))
    np.testing.assert_allclose(to_grid(values, (rows, columns)), expected, atol=1e-12)


def test_cells_pass_over_what_is_not_finite() -> None:
    values = np.array([[1.0, np.nan, 3.0, np.inf]])
    np.testing.assert_array_equal(to_grid(values, (1, 2)), [[1, 3]])
    np.testing.assert_array_equal(to_grid(values, (1, 4)), [[1, np.nan, 3, np.nan]])


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"shape \[2, 3\], got \[3\]"):
        RunningMean((2, 3)).add([1, 2, 3])
    with pytest.raises(ValueError, match=r"shape \[2, 3\], got \[3, 2\]"):
        RunningMean((2, 3)).merge(RunningMean((3, 2)))
    with pytest.raises(ValueError, match="level lies between 0 and 1, got 95"):
        RunningMean((1,)).interval(95)
    with pytest.raises(ValueError, match=r"a map has shape \[h, w\]"):
        to_grid([1.0])
    with pytest.raises(ValueError, match="at least one cell"):
        to_grid([[1.0]], (0, 3))
