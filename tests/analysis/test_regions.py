"""Regions, concentration and profiles in closed form."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asm_interp.analysis.regions import (
    REGIONS,
    Region,
    concentration,
    edge_distance,
    edge_slope,
    evenness,
    gini,
    peaks,
    radial_profile,
    region_mean,
    region_weights,
    region_z,
)

AREA = {"corners": 1 / 16, "border": 7 / 16, "centre": 1 / 4}


@pytest.mark.parametrize("region", REGIONS)
@given(rows=st.integers(1, 70), columns=st.integers(1, 70))
def test_a_region_has_its_area_at_any_size(region: Region, rows: int, columns: int) -> None:
    weights = region_weights((rows, columns), region)
    assert weights.mean() == pytest.approx(AREA[region], abs=1e-12)
    np.testing.assert_allclose(weights, weights[::-1, ::-1], atol=1e-12)


def test_corners_lie_in_the_corners() -> None:
    expected = np.zeros((16, 24))
    for rows in (slice(0, 2), slice(14, 16)):
        for columns in (slice(0, 3), slice(21, 24)):
            expected[rows, columns] = 1
    np.testing.assert_array_equal(region_weights((16, 24), "corners"), expected)


@pytest.mark.parametrize("region", REGIONS)
def test_concentration_in_closed_form(region: Region) -> None:
    weights, share = region_weights((16, 24), region), AREA[region]
    assert concentration(np.full((16, 24), 3.0), region) == 0
    assert concentration(weights, region) == pytest.approx(-math.log2(share))
    assert concentration(1 + weights, region) == pytest.approx(math.log2(2 / (1 + share)))
    assert concentration(1 - weights, region) == -math.inf
    assert region_z(weights, region) == pytest.approx((1 - share) / math.sqrt(share * (1 - share)))


@given(st.floats(1e-3, 1e3), st.floats(-100, 100), st.integers(0, 99))
def test_units_do_not_matter(scale: float, offset: float, seed: int) -> None:
    theta = np.random.default_rng(seed).uniform(0.1, 1, (16, 20))
    assert concentration(scale * theta) == pytest.approx(concentration(theta), abs=1e-9)
    assert region_z(scale * theta + offset) == pytest.approx(region_z(theta), abs=1e-4)
    assert gini(scale * theta) == pytest.approx(gini(theta), abs=1e-9)
    assert evenness(scale * theta) == pytest.approx(evenness(theta), abs=1e-9)


def test_pixels_that_are_not_finite_do_not_count() -> None:
    theta = np.ones((16, 16))
    theta[3:9, 0:5] = np.nan
    theta[0, 0] = np.inf
    assert concentration(theta, "corners") == 0
    assert radial_profile(theta)["mean"].dropna().eq(1).all()
    assert radial_profile(theta)["n_pixels"].sum() == 256 - 31
    theta[12, 12] = 9
    assert peaks(theta, (16, 16)).to_numpy().tolist() == [[12.5, 12.5, 9]]


@pytest.mark.parametrize("values", [np.zeros((8, 8)), np.full((8, 8), np.nan)])
def test_maps_without_mass_have_no_answer(values: np.ndarray) -> None:
    for measure in (concentration, region_z, gini, evenness):
        assert math.isnan(measure(values))
    assert len(peaks(values, (80, 80))) == 0


def test_extreme_units() -> None:
    for unit in (1e-320, 1e308):
        assert concentration(np.full((8, 8), unit)) == pytest.approx(0, abs=1e-9)
        assert evenness(np.full((8, 8), unit)) == pytest.approx(1)


@given(st.integers(2, 40), st.integers(2, 40), st.floats(-5, 5))
def test_slope_and_profile_of_a_pyramid(rows: int, columns: int, slope: float) -> None:
    distance = edge_distance((rows, columns))
    theta = 2 + slope * distance
    if np.ptp(distance) > 0:
        assert edge_slope(theta) == pytest.approx(slope, abs=1e-9)
    else:
        assert math.isnan(edge_slope(theta))
    profile = radial_profile(theta, 4)
    assert profile["n_pixels"].sum() == rows * columns
    assert np.average(profile["mean"].fillna(0), weights=profile["n_pixels"]) == pytest.approx(theta.mean())


def test_inequality_in_closed_form() -> None:
    one = np.zeros((4, 5))
    one[1, 2] = 7
    assert gini(one) == pytest.approx(19 / 20)
    assert evenness(one) == 0
    half = np.zeros((4, 4))
    half[:2] = 1
    assert gini(half) == pytest.approx(0.5)
    assert evenness(half) == pytest.approx(math.log(8) / math.log(16))


def test_peaks_are_where_they_were_planted() -> None:
    theta = np.zeros((40, 60))
    theta[5, 7], theta[30, 50], theta[6, 8] = 3, 5, 2  # the last too near the first
    found = peaks(theta, (400, 600))
    assert found.to_numpy().tolist() == [[505, 305, 5], [75, 55, 3]]
    assert len(peaks(theta, (400, 600), top=1)) == 1


def test_errors() -> None:
    with pytest.raises(ValueError, match="without negative values, found -1"):
        concentration(-np.ones((8, 8)))
    with pytest.raises(ValueError, match=r"a map has shape \[h, w\], got \[3\]"):
        region_mean(np.ones(3), "centre")
    with pytest.raises(ValueError, match="region is one of corners, border, centre, got 'sky'"):
        concentration(np.ones((8, 8)), "sky")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"margin lies between 0 and 0.5, got 0.5"):
        concentration(np.ones((8, 8)), margin=0.5)
