"""θ maps against their definition, and the share of θstd that is offset between channels."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import asm_interp as asm


def score_map(values: torch.Tensor, photo_size: tuple[int, int] = (300, 400)) -> asm.ScoreMap:
    return asm.ScoreMap(values, asm.patterns.get(f"grid:1x{len(values)}"), photo_size)


def random_values(n_channels: int = 12, offset: float = 0.0, seed: int = 0) -> torch.Tensor:
    values = torch.randn(n_channels, 24, 36, generator=torch.Generator().manual_seed(seed))
    return values + offset * torch.arange(n_channels).view(-1, 1, 1)


@pytest.mark.parametrize("n_channels", [1, 2, 12, 25])
@pytest.mark.parametrize("offset", [0.0, 1.0, -1000.0])
def test_maps_are_mean_and_standard_deviation_over_channels(n_channels: int, offset: float) -> None:
    values = random_values(n_channels, offset)
    maps = asm.theta_maps(score_map(values))
    exact = values.numpy().astype(np.float64)
    np.testing.assert_allclose(maps.avg, exact.mean(0), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(maps.std, exact.std(0), rtol=1e-6, atol=1e-6)
    assert maps.avg.dtype == maps.std.dtype == np.float32
    assert maps.center == "none"


def test_centring_takes_off_each_channels_mean_first() -> None:
    values = random_values(offset=5.0)
    maps = asm.theta_maps(score_map(values), center="channel")
    exact = values.numpy().astype(np.float64)
    exact -= exact.mean((1, 2), keepdims=True)
    np.testing.assert_allclose(maps.avg, exact.mean(0), atol=1e-6)
    np.testing.assert_allclose(maps.std, exact.std(0), rtol=1e-6, atol=1e-7)
    assert maps.center == "channel"
    assert abs(maps.avg.mean()) < 1e-6


@settings(deadline=None, max_examples=25)
@given(offsets=st.lists(st.floats(-100, 100, width=32), min_size=4, max_size=4))
def test_centred_maps_ignore_channel_offsets(offsets: list[float]) -> None:
    values = random_values(4)
    moved = asm.theta_maps(score_map(values + torch.tensor(offsets).view(-1, 1, 1)), center="channel")
    still = asm.theta_maps(score_map(values), center="channel")
    np.testing.assert_allclose(moved.std, still.std, atol=2e-5)
    np.testing.assert_allclose(moved.avg, still.avg, atol=2e-5)


@settings(deadline=None, max_examples=25)
@given(offsets=st.lists(st.floats(-50, 50, width=32), min_size=12, max_size=12))
def test_channel_offsets_move_all_crop_scores_alike(offsets: list[float]) -> None:
    pattern = asm.patterns.get("cross-rectangle")
    values = random_values()
    boxes = [[0, 0, 400, 300], [20.5, 31, 180, 90.25], [399, 299, 400, 300], [7, 0, 61, 260]]
    before = asm.crop_scores(asm.ScoreMap(values, pattern, (300, 400)), boxes)
    shifted = values + torch.tensor(offsets).view(-1, 1, 1)
    moves = asm.crop_scores(asm.ScoreMap(shifted, pattern, (300, 400)), boxes) - before
    np.testing.assert_allclose(moves, pattern.areas @ np.array(offsets), atol=1e-5)


@pytest.mark.parametrize("center", ["none", "channel"])
def test_gauge_share_in_closed_form(center: str) -> None:
    offsets = torch.tensor([-3.0, 0.0, 1.0, 2.0]).view(-1, 1, 1)
    pure = offsets.expand(4, 6, 8)
    assert asm.theta_maps(score_map(pure), center).gauge_share == 1.0  # type: ignore[arg-type]
    # Columns of +s and -s alternate, in channels of opposite sign: no channel has an offset, and θstd is s.
    ripple = torch.tensor([1.0, -1.0]).repeat(4) * torch.tensor([1.0, -1.0, 1.0, -1.0]).view(-1, 1, 1)
    ripple = ripple.expand(4, 6, 8)
    assert asm.theta_maps(score_map(ripple), center).gauge_share == 0.0  # type: ignore[arg-type]
    variance = 3.5  # of -3, 0, 1, 2
    both = asm.theta_maps(score_map(pure + 2 * ripple), center).gauge_share  # type: ignore[arg-type]
    assert both == pytest.approx(variance / (variance + 4), abs=1e-12)


@pytest.mark.parametrize("offset", [0.0, 0.3, 10.0])
def test_gauge_share_is_of_the_uncentred_map_and_what_centring_takes(offset: float) -> None:
    values = random_values(offset=offset)
    plain, centred = (asm.theta_maps(score_map(values), center) for center in ("none", "channel"))
    assert plain.gauge_share == pytest.approx(centred.gauge_share, abs=1e-12)
    lost = 1 - np.square(centred.std, dtype=np.float64).mean() / np.square(plain.std, dtype=np.float64).mean()
    assert plain.gauge_share == pytest.approx(lost, abs=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.7, 1e4])
@pytest.mark.parametrize("center", ["none", "channel"])
def test_channels_that_are_all_alike_have_no_gauge_share(value: float, center: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        maps = asm.theta_maps(score_map(torch.full((12, 20, 31), value)), center)  # type: ignore[arg-type]
    assert math.isnan(maps.gauge_share)
    assert maps.std.max() == 0
    np.testing.assert_array_equal(maps.avg, np.float32(0 if center == "channel" else value))


def test_one_channel_has_no_spread() -> None:
    maps = asm.theta_maps(score_map(random_values(1)))
    assert maps.std.max() == 0
    assert math.isnan(maps.gauge_share)


def test_unknown_centring_is_an_error() -> None:
    with pytest.raises(ValueError, match="center is 'none' or 'channel', got 'photo'"):
        asm.theta_maps(score_map(random_values()), center="photo")  # type: ignore[arg-type]
