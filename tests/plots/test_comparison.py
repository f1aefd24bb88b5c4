"""Comparisons: hatched areas and bars are those of the comparison, and the bars end at the difference."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt

import asm_interp as asm
from asm_interp.plots.comparison import By, comparison_figure, draw_comparison, draw_waterfall

PHOTO = np.zeros((60, 80, 3), np.uint8)
MAP = asm.ScoreMap(
    torch.randn(9, 30, 40, generator=torch.Generator().manual_seed(2)), asm.patterns.get("grid:3x3"), (60, 80)
)


def boxes() -> st.SearchStrategy[list[int]]:
    return st.tuples(st.integers(0, 70), st.integers(0, 50), st.integers(5, 80), st.integers(5, 60)).map(
        lambda box: [box[0], box[1], min(box[0] + box[2], 80), min(box[1] + box[3], 60)]
    )


def signed_area(vertices: np.ndarray) -> float:
    x, y = vertices.T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2)


@settings(max_examples=12, deadline=None)
@given(boxes(), boxes())
def test_hatched_regions_have_the_areas_of_the_table(a: list[int], b: list[int]) -> None:
    comparison = asm.compare_crops(MAP, a, b)
    areas = comparison.regions.set_index("region")["area"]
    ax = draw_comparison(comparison, PHOTO, ax=plt.figure().subplots())
    regions = {patch.get_label(): patch for patch in ax.patches if patch.get_label() in areas.index}
    for region, area in areas.items():
        if region in regions:
            rings = regions[region].get_path().vertices.reshape(-1, 5, 2)
            assert sum(signed_area(ring) for ring in rings) == pytest.approx(area, abs=1e-6)
        else:
            assert area == pytest.approx(0, abs=1e-6)
    plt.close("all")


@pytest.mark.parametrize("by", ["region", "partition"])
def test_bars_chain_up_to_the_difference(by: By) -> None:
    comparison = asm.compare_crops(MAP, [0, 0, 50, 40], [20, 10, 80, 60])
    ax = draw_waterfall(comparison, by=by)
    table = comparison.regions if by == "region" else comparison.partitions
    lengths = np.array([bar.get_width() for bar in ax.patches])
    starts = np.array([bar.get_x() for bar in ax.patches])
    np.testing.assert_allclose(lengths[:-1], table["difference"])
    np.testing.assert_allclose(starts[1:-1], (starts + lengths)[:-2])
    assert (starts + lengths)[-2] == pytest.approx(comparison.difference)
    assert (starts[0], starts[-1], lengths[-1]) == (0, 0, comparison.difference)
    assert ax.get_yticklabels()[-1].get_text().startswith("A − B")


def test_no_such_split() -> None:
    comparison = asm.compare_crops(MAP, [0, 0, 50, 40], [20, 10, 80, 60])
    with pytest.raises(ValueError, match="region or partition, got 'pixel'"):
        draw_waterfall(comparison, by="pixel")  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [3.3, 6.9])
def test_figure_of_equal_crops_at_both_widths(width: float) -> None:
    comparison = asm.compare_crops(MAP, [0, 0, 50, 40], [0, 0, 50, 40])
    figure = comparison_figure(comparison, PHOTO, note="Checkpoint x.", width=width)
    figure.canvas.draw()
    assert figure.get_figwidth() == width
    assert figure.get_supxlabel().startswith("Checkpoint x. Scores")
