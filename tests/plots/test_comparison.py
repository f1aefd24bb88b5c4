"""Comparisons: hatched areas and bars are those of the comparison, and the bars end at the difference."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgba

import asm_interp as asm
from asm_interp.plots.comparison import HATCHES, By, comparison_figure, draw_comparison, draw_waterfall

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


def test_a_colour_says_which_region_on_the_photo_and_in_the_sum() -> None:
    comparison = asm.compare_crops(MAP, [0, 0, 50, 40], [20, 10, 80, 60])
    crops, parts = plt.figure().subplots(1, 2)
    draw_comparison(comparison, PHOTO, ax=crops)
    draw_waterfall(comparison, ax=parts)
    regions = comparison.regions["region"].tolist()
    on_photo = {patch.get_label(): patch for patch in crops.patches if patch.get_label() in regions}
    *bars, total = parts.patches
    in_sum = dict(zip(regions, bars, strict=True))
    assert {name: bar.get_hatch() for name, bar in in_sum.items()} == HATCHES
    for region in ("gained", "lost"):
        assert in_sum[region].get_facecolor()[:3] == on_photo[region].get_facecolor()[:3]
    assert in_sum["moved"].get_facecolor() == to_rgba("white")
    assert len({bar.get_facecolor() for bar in (*bars, total)}) == 4


def test_bars_of_partitions_have_one_colour() -> None:
    comparison = asm.compare_crops(MAP, [0, 0, 50, 40], [20, 10, 80, 60])
    *bars, _ = draw_waterfall(comparison, by="partition", ax=plt.figure().subplots()).patches
    widths = [bar.get_width() for bar in bars]
    assert min(widths) < 0 < max(widths)
    assert {bar.get_facecolor() for bar in bars} == {to_rgba("white")}


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
    assert figure.get_supxlabel().startswith("Checkpoint x. The parts sum")
    score = f"{comparison.score_a:.3f}".replace("-", "−")
    assert figure.axes[0].get_title() == f"score of A {score}, of B {score}"
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()][-1] == "A − B  0"
