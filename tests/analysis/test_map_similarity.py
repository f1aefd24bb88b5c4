"""Similarities of maps against closed forms and their own limits."""

import numpy as np
import pytest

from asm_interp.analysis.map_similarity import map_spearman, map_ssim, top_iou

RNG = np.random.default_rng(0)
MAP = RNG.normal(size=(40, 50))


def test_a_map_is_like_itself_under_any_rising_scale() -> None:
    assert map_spearman(MAP, np.exp(MAP)) == pytest.approx(1)
    assert top_iou(MAP, np.exp(MAP)) == 1
    assert map_ssim(MAP, 3 * MAP - 7) == pytest.approx(1)
    assert map_spearman(MAP, -MAP) == pytest.approx(-1)
    assert top_iou(MAP, -MAP) == 0


def test_unrelated_maps_have_the_stated_chance() -> None:
    found = [top_iou(RNG.random((60, 60)), RNG.random((60, 60))) for _ in range(50)]
    assert np.mean(found) == pytest.approx(0.1 / 1.9, abs=0.004)
    assert abs(map_ssim(RNG.random((60, 60)), RNG.random((60, 60)))) < 0.1


@pytest.mark.parametrize("measure", [map_spearman, top_iou, map_ssim])
def test_mute_maps_have_no_similarity(measure) -> None:  # type: ignore[no-untyped-def]
    for mute in (np.ones_like(MAP), np.where(MAP > 2, np.nan, MAP)):
        assert np.isnan(measure(MAP, mute))
        assert np.isnan(measure(mute, MAP))
    with pytest.raises(ValueError, match="one shape"):
        measure(MAP, MAP.T)


def test_limits() -> None:
    assert np.isnan(map_ssim(MAP[:10], MAP[:10]))
    with pytest.raises(ValueError, match="share"):
        top_iou(MAP, MAP, share=0)
