"""Patterns: every cell belongs to the patch of its partition, and neighbours are told apart."""

import numpy as np
import pytest

from asm_interp.geometry import patterns
from asm_interp.plots.patterns import draw_pattern, patterns_figure


@pytest.mark.parametrize("name", patterns.names())
def test_patches_cover_their_partitions(name: str) -> None:
    pattern = patterns.get(name)
    ax = draw_pattern(pattern)
    assert len(ax.patches) == pattern.n_partitions
    for partition, patch in enumerate(ax.patches):
        assert patch.get_label() == str(partition)
        corners = patch.get_path().vertices.reshape(-1, 5, 2).min(axis=1)
        cells = np.argwhere(pattern.labels == partition)[:, ::-1]
        assert sorted(map(tuple, corners)) == sorted(map(tuple, cells))


@pytest.mark.parametrize("name", patterns.names())
def test_neighbours_differ_in_hatch_and_numbers_lie_inside(name: str) -> None:
    pattern = patterns.get(name)
    ax = draw_pattern(pattern)
    labels = pattern.labels
    for a, b in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        touching = a != b
        for one, other in zip(a[touching], b[touching], strict=True):
            assert ax.patches[one].get_hatch() != ax.patches[other].get_hatch()
    assert [text.get_text() for text in ax.texts] == [str(partition) for partition in range(pattern.n_partitions)]
    for partition, text in enumerate(ax.texts):
        x, y = text.get_position()
        assert labels[int(y), int(x)] == partition


def test_borders_are_the_patterns() -> None:
    pattern = patterns.get("multi-direction")
    lines = next(
        each for each in draw_pattern(pattern).collections if len(each.get_segments()) == len(pattern.borders())
    )
    np.testing.assert_array_equal(np.reshape(lines.get_segments(), (-1, 4)), pattern.borders())


def test_several_side_by_side() -> None:
    chosen = [patterns.get(name) for name in ("grid:1x1", "grid:3x3", "cross-rectangle")]
    figure = patterns_figure(chosen, columns=2, width=3.3)
    shown = [ax for ax in figure.axes if ax.axison]
    assert [ax.get_title().split("\n")[0] for ax in shown] == [pattern.name for pattern in chosen]
    assert "1 partition," in shown[0].get_title()
    assert "12 partitions, 6×6 cells" in shown[2].get_title()
    assert figure.get_figwidth() == 3.3
    with pytest.raises(ValueError, match="no pattern"):
        patterns_figure([])
