"""Shifts of a map around the torus, and the tests that rest on them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asm_interp.analysis.mean_maps import GRID
from asm_interp.analysis.regions import concentration, region_z
from asm_interp.analysis.statistics import Resampling
from asm_interp.analysis.theta import ThetaMaps
from asm_interp.analysis.toroidal_null import map_correlation, region_estimates, toroidal_shifts

FEW = Resampling(500)


def maps(avg: np.ndarray, std: np.ndarray | None = None) -> ThetaMaps:
    std = np.abs(avg) if std is None else std
    return ThetaMaps(avg.astype(np.float32), std.astype(np.float32), 0.0, "channel")


def smooth(rng: np.random.Generator) -> np.ndarray:
    """A map whose neighbouring pixels are alike, and that has no border."""
    noise = np.fft.fft2(rng.normal(size=GRID))
    down, across = np.meshgrid(np.fft.fftfreq(GRID[0]), np.fft.fftfreq(GRID[1]), indexing="ij")
    return np.fft.ifft2(noise * np.exp(-200 * (down**2 + across**2))).real


@given(st.integers(1, 5), st.integers(1, 5))
def test_shifts_are_those_of_numpy(height: int, width: int) -> None:
    values = np.random.default_rng(0).normal(size=(height, width))
    expected = [np.roll(values, (i, j), (0, 1)) for i in range(height) for j in range(width)]
    np.testing.assert_array_equal(toroidal_shifts(values), expected)


def test_rows_are_means_of_the_photos_statistics() -> None:
    rng = np.random.default_rng(1)
    photos = [maps(smooth(rng), 1 + np.abs(smooth(rng))) for _ in range(4)]
    rows = {row.statistic: row for row in region_estimates(photos, FEW)}
    corners = np.mean([region_z(one.avg) for one in photos])
    assert rows["z of θavg, corners"].estimate == pytest.approx(corners, abs=1e-5)
    expected = np.log2(np.mean([2 ** concentration(one.std, "centre") for one in photos]))
    assert rows["concentration of θstd, centre"].estimate == pytest.approx(expected, abs=1e-5)
    assert {row.n_photos for row in rows.values()} == {4}


def test_a_corner_is_found_and_its_absence_is_not() -> None:
    rng = np.random.default_rng(2)
    corner = np.zeros(GRID)
    corner[:4, :4] = corner[:4, -4:] = corner[-4:, :4] = corner[-4:, -4:] = 1
    with_corner = [maps(smooth(rng) / 5 + corner) for _ in range(8)]
    assert region_estimates(with_corner, FEW)[0].p < 0.01
    p = [region_estimates([maps(smooth(rng)) for _ in range(8)], FEW)[0].p for _ in range(60)]
    assert 0 <= np.mean(np.array(p) < 0.05) <= 0.15  # P(more than 9 of 60 at 5 %) < .001


def test_regions_without_mass_have_a_density_of_zero() -> None:
    rng, photos = np.random.default_rng(4), []
    for _ in range(20):
        block = np.zeros(GRID)
        i, j = rng.integers(4, 13, 2)
        block[i : i + 15, j : j + 15] = 1  # never in a corner, nor on the border
        photos.append(maps(block))
    rows = {row.statistic: row for row in region_estimates(photos, FEW)}
    corners, centre = (rows[f"concentration of θstd, {region}"] for region in ("corners", "centre"))
    assert corners.estimate == corners.ci_low == corners.ci_high == -np.inf
    assert 0 < centre.ci_low < centre.estimate < centre.ci_high
    assert corners.p < 0.01
    for region in ("corners", "border", "centre"):  # a block of ones says the same as its z
        assert rows[f"concentration of θstd, {region}"].p == pytest.approx(rows[f"z of θavg, {region}"].p, abs=0.01)


def test_constant_maps_are_left_out() -> None:
    rows = region_estimates([maps(np.zeros(GRID))], FEW)
    assert len(rows) == 6
    assert all(np.isnan(row.estimate) and row.n_photos == 0 for row in rows)
    assert np.isnan(map_correlation(np.zeros((3, 3)), np.eye(3)).p)


def test_correlation_of_maps_is_tested_by_shifting() -> None:
    rng = np.random.default_rng(3)
    one = smooth(rng)
    holed = one.copy()
    holed[:3] = np.nan
    same = map_correlation(holed, 2 * one + 1)
    assert same.estimate == pytest.approx(1)
    assert same.p == pytest.approx(1 / one.size)  # no other shift is as good
    level = [map_correlation(smooth(rng), smooth(rng)).p for _ in range(60)]
    assert np.mean(np.array(level) < 0.05) <= 0.15
    with pytest.raises(ValueError, match="one shape"):
        map_correlation(one, one[1:])
