"""Scales of maps against their definitions, and degenerate maps flagged."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from asm_interp.analysis.normalisation import Mode, Normalisation

MODES: list[Mode] = ["raw", "per-map", "percentile", "ratio", "rank"]
NAN = float("nan")

maps = arrays(np.float64, (3, 4), elements=st.floats(allow_nan=True, allow_infinity=True))


@settings(deadline=None)  # ranks load scipy when first asked for
@given(maps, maps, st.sampled_from(MODES))
def test_any_map_comes_out_in_the_unit_interval(
    fitted: npt.NDArray[np.float64], other: npt.NDArray[np.float64], mode: Mode
) -> None:
    norm = Normalisation.fit(fitted, mode=mode)
    for values in (fitted, other):
        scaled = norm(values)
        assert scaled.shape == values.shape
        known = scaled[~np.isnan(scaled)]
        assert ((known >= 0) & (known <= 1)).all()
    assert str(norm)


def test_raw_scale_is_shared() -> None:
    norm = Normalisation.fit([[-1.0, 1.0]], [[0.0, 3.0]])
    assert norm.limits == (-1, 3)
    np.testing.assert_array_equal(norm([[-1, 0, 1, 3, 9]]), [[0, 0.25, 0.5, 1, 1]])
    assert str(norm) == "one scale for 2 maps: -1 to 3"


def test_per_map_scale_is_the_maps_own() -> None:
    norm = Normalisation.fit([[5.0, 6.0]], mode="per-map")
    np.testing.assert_array_equal(norm([[2.0, 4.0, NAN, 3.0]]), [[0, 1, NAN, 0.5]])
    assert norm.limits is None
    assert str(norm) == "each map on its own scale, least to greatest value"


def test_percentiles_are_the_outermost_of_the_maps() -> None:
    ramp = np.arange(101.0)[None]
    norm = Normalisation.fit(ramp, ramp + 50, mode="percentile", percentiles=(10, 90))
    assert norm.limits == (10, 140)
    assert str(norm) == "one scale for 2 maps, percentiles 10 to 90: 10 to 140"


def test_ratio_is_to_the_mean_and_free_of_units() -> None:
    values = np.array([[1.0, 2.0, 3.0]])
    norm = Normalisation.fit(values, mode="ratio")
    np.testing.assert_allclose(norm.units(values), [[0.5, 1, 1.5]])
    np.testing.assert_allclose(norm(7 * values), norm(values))
    assert norm.flag(-values) == "mean not positive"
    assert np.isnan(norm(-values)).all()


def test_a_mean_that_is_zero_but_for_rounding_has_no_multiples() -> None:
    values = np.random.default_rng(0).normal(0, 20, (48, 64)).astype(np.float32)
    values -= values.mean(dtype=np.float64).astype(np.float32)
    deviation = float(values.std(dtype=np.float64))
    for share, flag in ((0.0, "mean not positive"), (1e-7, "mean not positive"), (1e-5, "")):
        moved = values - values.mean(dtype=np.float64) + share * deviation
        norm = Normalisation.fit(moved, mode="ratio")
        assert (norm.flag(moved), norm.n_degenerate) == (flag, bool(flag)), share
        assert np.isnan(norm(moved)).all() == bool(flag)
    assert Normalisation.fit(values, mode="ratio").flag(values) == "mean not positive", "as float32 leaves it"
    lone = np.zeros(10**6)
    lone[0] = 1e300  # no map without negative values is flagged: its mean is at least its deviation by √n
    assert Normalisation.fit(lone, mode="ratio").units(lone).max() == pytest.approx(1e6)


@given(arrays(np.float64, (2, 5), elements=st.integers(-9, 9).map(float), unique=True))
def test_rank_ignores_monotone_change(values: npt.NDArray[np.float64]) -> None:
    norm = Normalisation.fit(values, mode="rank")
    np.testing.assert_array_equal(np.sort(norm(values), axis=None), np.arange(10) / 9)
    np.testing.assert_array_equal(norm(np.exp(values)), norm(values))


def test_ties_share_a_rank() -> None:
    np.testing.assert_allclose(Normalisation.fit([[0.0]], mode="rank")([[1, 1, 5, NAN]]), [[0.25, 0.25, 1, NAN]])


def test_centre_stands_at_one_half() -> None:
    norm = Normalisation.fit([[-1.0, 3.0]], center=0.0)
    assert norm.limits == (-3, 3)
    assert norm([[0.0]]) == 0.5
    assert str(norm).endswith(", centred at 0")


@pytest.mark.parametrize("mode", MODES)
def test_degenerate_maps_are_flagged(mode: Mode) -> None:
    constant, empty = np.full((2, 2), 3.0), np.full((2, 2), NAN)
    norm = Normalisation.fit(constant, empty, mode=mode)
    assert (norm.flag(constant), norm.flag(empty), norm.n_degenerate) == ("constant", "empty", 2)
    np.testing.assert_array_equal(norm(constant), 0.5)
    assert np.isnan(norm(empty)).all()
    assert str(norm).endswith("(2 degenerate)")


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"mode is one of raw, .*, got 'minmax'"):
        Normalisation.fit([[1.0]], mode="minmax")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="got none"):
        Normalisation.fit()
    with pytest.raises(ValueError, match="percentiles ascend"):
        Normalisation.fit([[1.0]], mode="percentile", percentiles=(90, 10))
    with pytest.raises(ValueError, match="no shared scale"):
        Normalisation.fit([[1.0]], mode="rank", center=0)
