"""Composition guides lie where they are said to."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from asm_interp.plots.guides import GUIDES, Guide, draw_guides


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("thirds", [[40, 20, 40, 80], [70, 20, 70, 80], [10, 40, 100, 40], [10, 60, 100, 60]]),
        ("centre", [[55, 20, 55, 80], [10, 50, 100, 50]]),
        ("diagonals", [[10, 20, 100, 80], [100, 20, 10, 80]]),
    ],
)
def test_lines_in_a_box(kind: Guide, expected: list[list[float]]) -> None:
    ax = draw_guides([10, 20, 100, 80], kind)
    (lines,) = ax.collections
    np.testing.assert_allclose(np.reshape(lines.get_segments(), (-1, 4)), expected)
    assert (ax.get_xlim(), ax.get_ylim()) == ((0, 1), (0, 1))  # guides leave the view as it is


def test_guides_are_told_apart_without_colour() -> None:
    ax = plt.gca()
    for kind in GUIDES:
        draw_guides([0, 0, 1, 1], kind, ax=ax)
    assert len({str(lines.get_linestyle()) for lines in ax.collections}) == len(GUIDES)


def test_no_such_guide() -> None:
    with pytest.raises(ValueError, match="thirds, centre, diagonals, got 'golden'"):
        draw_guides([0, 0, 1, 1], "golden")  # type: ignore[arg-type]
