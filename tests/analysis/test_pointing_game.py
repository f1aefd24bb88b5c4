"""The pointing game on masks whose answer is known."""

import numpy as np
import pytest

from asm_interp.analysis.pointing_game import hit, pointing_game


def peak_at(y: int, x: int, shape: tuple[int, int] = (60, 80)) -> np.ndarray:
    values = np.zeros(shape)
    values[y, x] = 1
    return values


def square(y: int, x: int, side: int = 10, shape: tuple[int, int] = (60, 80)) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    mask[y : y + side, x : x + side] = True
    return mask


def test_tolerance_is_a_distance() -> None:
    mask = square(20, 20)
    assert [hit(peak_at(19, 25), mask, tolerance) for tolerance in (0, 0.9, 1.0)] == [0, 0, 1]
    assert hit(peak_at(16, 17), mask, tolerance=5) == 1  # 4 down, 3 across
    assert hit(peak_at(16, 17), mask, tolerance=4.9) == 0


def test_constant_maps_have_the_chance_of_a_random_pixel_and_empty_masks_none() -> None:
    assert hit(np.full((60, 80), 3.0), square(0, 0, 24)) == pytest.approx(24**2 / 4800)
    assert np.isnan(hit(peak_at(1, 1), np.zeros((60, 80), bool)))
    assert np.isnan(hit(np.full((60, 80), np.nan), square(0, 0)))


def test_rates_beside_the_centre_and_chance() -> None:
    masks = [square(5, 5), square(25, 35), square(45, 60), np.zeros((60, 80), bool)]
    maps = {
        "true": [peak_at(10, 10), peak_at(30, 40), peak_at(50, 65), peak_at(0, 0)],
        "flat": [np.ones((30, 40))] * 4,
    }
    table = pointing_game(maps, masks).set_index("map")
    assert table.index.tolist() == ["true", "flat", "centre", "chance"]
    assert table["n_photos"].tolist() == [3, 3, 3, 3]
    assert table.loc["true", ["hit_rate", "ci_low", "ci_high"]].tolist() == [1, 1, 1]
    assert table.loc["centre", "hit_rate"] == pytest.approx(1 / 3)
    assert table.loc["true", "over_centre"] == pytest.approx(2 / 3)
    assert table.loc["flat", "hit_rate"] == pytest.approx(table.loc["chance", "hit_rate"])
    assert table["degenerate"].tolist() == [0, 4, 0, 0]
    assert 10**2 / 4800 < table.loc["chance", "hit_rate"] < (10 + 2 * 3.6) ** 2 / 4800


def test_maps_that_are_not_finite_are_counted_as_degenerate() -> None:
    mask = square(5, 5)
    some = peak_at(10, 10)
    some[0, 0] = np.nan
    maps = {"nan": [np.full((60, 80), np.nan), peak_at(10, 10)], "some": [some, peak_at(10, 10)]}
    table = pointing_game(maps, [mask, mask]).set_index("map")
    assert table["degenerate"].tolist() == [1, 1, 0, 0]
    assert table["n_photos"].tolist() == [1, 2, 2, 2]
    assert table.loc["nan", "hit_rate"] == 1


def test_faulty_calls_are_named() -> None:
    with pytest.raises(ValueError, match="one shape"):
        hit(np.ones((3, 4)), np.ones((4, 3), bool))
    with pytest.raises(ValueError, match="2 masks, but 1 maps 'a'"):
        pointing_game({"a": [peak_at(0, 0)]}, [square(0, 0), square(1, 1)])
    with pytest.raises(ValueError, match="reference rows"):
        pointing_game({"centre": []}, [])
