"""Maps of partitions: each is the channel's, and its place tells where the partition is."""

import numpy as np
import pytest
import torch

import asm_interp as asm
from asm_interp.analysis.partitions import PartitionView, partition_view
from asm_interp.plots.partition_maps import draw_partition_maps, partition_slots


def view_of(name: str) -> tuple[PartitionView, asm.CompositionPattern]:
    pattern = asm.patterns.get(name)
    values = torch.randn(pattern.n_partitions, 24, 32, generator=torch.Generator().manual_seed(1))
    return partition_view(asm.ScoreMap(values, pattern, (48, 64)), [8, 4, 56, 40]), pattern


@pytest.mark.parametrize("name", ["grid:1x1", "multi-rectangle", "multi-direction", "cross-rectangle"])
def test_insets_show_their_channels(name: str) -> None:
    view, pattern = view_of(name)
    ax = draw_partition_maps(view, pattern)
    assert len(ax.child_axes) == pattern.n_partitions
    for partition, inset in enumerate(ax.child_axes):
        (image,) = inset.images
        np.testing.assert_array_equal(image.get_array(), view.channels[partition])
        strong = np.broadcast_to(image.get_alpha(), view.used.shape) == 1
        np.testing.assert_array_equal(strong, view.used == partition)
        mean = f"{view.matrix[partition, partition]:+.3g}".replace("-", "\N{MINUS SIGN}")
        assert inset.get_title() == f"{partition}: {mean}"
    assert len({image.norm for inset in ax.child_axes for image in inset.images}) == 1
    ax.figure.canvas.draw()


@pytest.mark.parametrize("name", [*asm.patterns.names(), "grid:2x7"])
def test_places_are_distinct_and_inside(name: str) -> None:
    pattern = asm.patterns.get(name)
    (rows, columns), slots = partition_slots(pattern)
    assert slots.shape == (pattern.n_partitions, 2)
    assert len({tuple(slot) for slot in slots.tolist()}) == pattern.n_partitions
    assert (slots >= 0).all()
    assert (slots < [rows, columns]).all()


def test_cells_keep_their_raster_and_rings_stand_in_order() -> None:
    shape, slots = partition_slots(asm.patterns.get("grid:2x3"))
    assert (shape, slots.tolist()) == ((2, 3), [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]])
    shape, slots = partition_slots(asm.patterns.get("multi-rectangle:5"))
    assert (shape, slots.tolist()) == ((2, 3), [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1]])
    swapped = asm.patterns.from_labels([[1], [0]], "swapped")
    assert partition_slots(swapped)[1].tolist() == [[1, 0], [0, 0]]


@pytest.mark.parametrize("name", ["cross-rectangle", "multi-direction"])
def test_mirrored_partitions_have_mirrored_places(name: str) -> None:
    pattern = asm.patterns.get(name)
    (_, columns), slots = partition_slots(pattern)
    for partition, (row, column) in enumerate(slots):
        mirrored = pattern.labels[:, ::-1][pattern.labels == partition]
        assert len(set(mirrored.tolist())) == 1
        assert slots[mirrored[0]].tolist() == [row, columns - 1 - column]


def test_constant_and_missing_channels_are_drawn_and_another_pattern_refused() -> None:
    view, pattern = view_of("grid:2x2")
    flat = PartitionView(
        view.box,
        0.0,
        np.zeros_like(view.channels),
        view.used,
        np.full_like(view.pixel_scores, np.nan),
        np.full((4, 4), np.nan),
        view.areas,
    )
    draw_partition_maps(flat, pattern).figure.canvas.draw()
    with pytest.raises(ValueError, match="has 12 partitions, the view 4"):
        draw_partition_maps(view, asm.patterns.get("cross-rectangle"))
