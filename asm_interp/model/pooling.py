r"""Composition-aware pooling, exact for crops at any fractional place.

A score map is constant within each pixel, so its integral over a box is bilinear in the box's corners between the
nodes of the summed-area table: four look-ups a corner give it exactly. A crop's score is a sum of such integrals,
one per cell of the composition pattern, divided by the crop's area (paper eq. (1))

.. math:: \Phi(X) = \frac{1}{|X|} \sum_{l} \int_{X_l} m_l ,

where :math:`X_l` is the part of crop X that partition l covers and :math:`m_l` the l-th channel of the map. On a
raster of equal cells this is also eq. (2).

All boxes here are x1, y1, x2, y2 in pixels of the map, and all sums are float64.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from asm_interp.geometry.patterns import CompositionPattern


def integral_image(values: Tensor, level: Tensor | None = None) -> Tensor:
    """Summed-area table of each channel: [..., h, w] to float64 [..., h + 1, w + 1], zero in row and column 0.

    A level [..., 1, 1] is taken off first.
    """
    height, width = values.shape[-2:]
    table = values.new_zeros((*values.shape[:-2], height + 1, width + 1), dtype=torch.float64)
    inside = table[..., 1:, 1:]
    inside.copy_(values)  # in one go from any type and layout: memory is what this costs
    if level is not None:
        inside -= level
    table.cumsum_(-1).cumsum_(-2)
    return table


class _WeightedLookUp(torch.autograd.Function):
    """Sums of integrals over boxes from a corner to given points: one look-up in the summed-area table a point.

    values [B, L, h, w] less level [B, L, 1, 1]; channel [C] and weight [C]; y, x [B, N, C] in pixels -> [B, N]
    float64: the sum over C of weight times the integral of the channel over rows below y and columns below x. Its own
    gradient, in two running sums as its value is, takes half the time that automatic differentiation of the table does.
    """

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, level: Tensor, channel: Tensor, weight: Tensor, y: Tensor, x: Tensor
    ) -> Tensor:
        table = integral_image(values, level)
        rows, columns = table.shape[-2:]
        y, x = y.clamp(0, rows - 1), x.clamp(0, columns - 1)
        y0 = y.floor().clamp(max=rows - 2)
        x0 = x.floor().clamp(max=columns - 2)
        down, across = y - y0, x - x0
        node = ((channel * rows + y0.long()) * columns + x0.long()).flatten(1)
        flat = table.flatten(1)

        def corner(offset: int) -> Tensor:
            return flat.gather(1, node + offset).view_as(y)

        top = torch.lerp(corner(0), corner(1), across)
        bottom = torch.lerp(corner(columns), corner(columns + 1), across)
        ctx.save_for_backward(node, down, across, weight)
        ctx.shape, ctx.dtype = table.shape, values.dtype
        return torch.lerp(top, bottom, down) @ weight

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        node, down, across, weight = ctx.saved_tensors
        columns = ctx.shape[-1]
        share = gradients[0].unsqueeze(-1) * weight
        table = down.new_zeros(ctx.shape)
        flat = table.flatten(1)  # a view: the table is contiguous
        # A pixel enters every node below and right of it: running sums from the far corner. Laid out from there, they
        # run forwards.
        last = flat.shape[1] // ctx.shape[1] - 1
        channel_start = node - node % (last + 1)
        mirrored = channel_start + last - (node - channel_start)
        for offset, part in (
            (0, (1 - down) * (1 - across)),
            (1, (1 - down) * across),
            (columns, down * (1 - across)),
            (columns + 1, down * across),
        ):
            flat.scatter_add_(1, mirrored - offset, (share * part).flatten(1))
        table.cumsum_(-1).cumsum_(-2)
        return table[..., :-1, :-1].flip(-1, -2).to(ctx.dtype), None, None, None, None, None


def _corner_weights(pattern: CompositionPattern) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Where partitions have corners on the raster, and with which sign they enter the sum.

    The integral over a union of cells needs the table at the corners of the union alone: elsewhere the signs of
    neighbouring cells cancel. Returns partition, row, column and signed weight of each corner.
    """
    inside = np.pad(pattern.one_hot.astype(np.int64), ((0, 0), (1, 1), (1, 1)))
    weights = inside[:, :-1, :-1] - inside[:, :-1, 1:] - inside[:, 1:, :-1] + inside[:, 1:, 1:]
    partition, row, column = np.nonzero(weights)
    return (
        torch.from_numpy(partition),
        torch.from_numpy(row),
        torch.from_numpy(column),
        torch.from_numpy(weights[partition, row, column]).double(),
    )


def composition_pool(values: Tensor, boxes: Tensor, pattern: CompositionPattern) -> Tensor:
    """Scores of crops: the exact mean over each crop of the channel that each place of the crop reads.

    Differentiable in `values`. The cost does not depend on the crops' sizes.

    Parameters
    ----------
    values : Tensor, [B, L, h, w]
        Score maps of B photos.
    boxes : Tensor, [B, N, 4]
        x1, y1, x2, y2 in map pixels, inside the map and not empty (`crop_scores` checks its boxes).
    pattern : CompositionPattern
        With L partitions.

    Returns
    -------
    Tensor of float64, [B, N]

    Raises
    ------
    ValueError
        If the number of channels is not that of the pattern's partitions, or the shapes do not fit.

    References
    ----------
    Tu et al., AAAI 2020, eq. (1); Crow, "Summed-area tables for texture mapping", SIGGRAPH 1984.
    """
    if values.ndim != 4 or values.shape[1] != pattern.n_partitions:
        raise ValueError(
            f"score maps for {pattern.name} have shape [B, {pattern.n_partitions}, h, w], got {tuple(values.shape)}"
        )
    if boxes.ndim != 3 or boxes.shape[0] != values.shape[0] or boxes.shape[2] != 4:
        raise ValueError(f"boxes must have shape [{values.shape[0]}, N, 4], got {tuple(boxes.shape)}")
    boxes = boxes.to(values.device, torch.float64)
    partition, row, column, weight = (part.to(values.device) for part in _corner_weights(pattern))
    rows, columns = pattern.shape
    x1, y1, x2, y2 = boxes.unsqueeze(-1).unbind(-2)  # each [B, N, 1]
    x = torch.lerp(x1, x2, column.double() / columns)  # [B, N, corners]
    y = torch.lerp(y1, y2, row.double() / rows)
    # A channel's mean adds the same to every crop. Left out of the table, it costs small crops no digits.
    level = values.detach().mean((2, 3), keepdim=True, dtype=torch.float64)  # [B, L, 1, 1]
    sums = cast(Tensor, _WeightedLookUp.apply(values, level, partition, weight, y, x))  # type: ignore[no-untyped-call]
    areas = torch.from_numpy(pattern.areas).to(values.device)
    return sums / ((x2 - x1) * (y2 - y1)).squeeze(-1) + level.flatten(1) @ areas[:, None]


def edges(start: Tensor, stop: Tensor, n: int) -> Tensor:
    """Borders of `n` equal steps from `start` to `stop`: [...] to float64 [..., n + 1], ends exact."""
    steps = torch.arange(n + 1, dtype=torch.float64, device=start.device) / n
    return torch.lerp(start.double().unsqueeze(-1), stop.double().unsqueeze(-1), steps)


def grid_integrals(values: Tensor, y_edges: Tensor, x_edges: Tensor) -> Tensor:
    """Exact integrals of every channel over the cells between given edges.

    Parameters
    ----------
    values : Tensor, [L, h, w]
    y_edges, x_edges : Tensor, [R + 1] and [C + 1]
        Ascending positions in map pixels; equal neighbours make an empty cell.

    Returns
    -------
    Tensor of float64, [L, R, C]
    """
    return table_integrals(integral_image(values), y_edges, x_edges)


def table_integrals(table: Tensor, y_edges: Tensor, x_edges: Tensor) -> Tensor:
    """`grid_integrals` from a summed-area table [L, h + 1, w + 1] that is there already."""
    # Edges form a grid, so that one axis can be interpolated after the other.
    for axis, places in ((1, y_edges.double()), (2, x_edges.double())):
        node = places.floor().clamp(0, table.shape[axis] - 2).long()
        share = (places - node).unsqueeze(-1) if axis == 1 else places - node
        table = torch.lerp(table.index_select(axis, node), table.index_select(axis, node + 1), share)
    return table.diff(dim=-1).diff(dim=-2)


def cell_means(values: Tensor, box: Tensor, pattern: CompositionPattern) -> Tensor:
    """Mean of every channel over every cell of the pattern's raster, laid on one crop.

    This is the pooled matrix M' of the paper's Sec. 3.2, of which a crop's score reads one channel per cell.

    Parameters
    ----------
    values : Tensor, [L, h, w]
    box : Tensor, [4]
        In map pixels.

    Returns
    -------
    Tensor of float64, [Y * X, L]
        Cells row by row.
    """
    rows, columns = pattern.shape
    x1, y1, x2, y2 = box.double()
    integrals = grid_integrals(values, edges(y1, y2, rows), edges(x1, x2, columns))
    cell_area: Tensor = (y2 - y1) * (x2 - x1) / (rows * columns)
    return integrals.flatten(1).T / cell_area


def circle_pool(values: Tensor, circles: Tensor, scale: tuple[float, float], pattern: CompositionPattern) -> Tensor:
    """Scores of circular crops (paper eq. (9)): the mean over the map pixels whose centres lie in the circle.

    The pattern is laid on the circumscribed square; a pixel reads the channel of the partition that its centre
    falls in. A circle so small that it holds no pixel centre takes the pixel under its own centre.

    Parameters
    ----------
    values : Tensor, [L, h, w]
    circles : Tensor, [N, 3]
        cx, cy, r in photo pixels.
    scale : (float, float)
        Map pixels per photo pixel, down and across; a circle may be an ellipse on the map.
    pattern : CompositionPattern

    Returns
    -------
    Tensor of float64, [N]
    """
    _, height, width = values.shape
    down, across = scale
    rows, columns = pattern.shape
    circles = circles.double()
    cx, cy, r = circles[:, :1], circles[:, 1:2], circles[:, 2:]

    # Per map row: the chord of the circle, cut at the borders of the raster's columns.
    y = (torch.arange(height, dtype=torch.float64) + 0.5)[None] / down  # [1, h] photo px
    half_chord = (r**2 - (y - cy) ** 2).clamp(min=0).sqrt()  # [N, h]
    crossed = (y - cy).abs() <= r
    raster_row = ((y - (cy - r)) / (2 * r) * rows).floor().clamp(0, rows - 1).long()

    def first_centre_from(x: Tensor) -> Tensor:
        return (x * across - 0.5).ceil().clamp(0, width).long()

    def first_centre_past(x: Tensor) -> Tensor:
        return ((x * across - 0.5).floor() + 1).clamp(0, width).long()

    chord_start = first_centre_from(cx - half_chord)
    chord_stop = torch.where(crossed, first_centre_past(cx + half_chord), chord_start)
    borders = first_centre_from(edges(cx - r, cx + r, columns)[:, 0])  # [N, X + 1]
    borders[:, -1] = width  # the circle's own rim, not the raster's, ends the last column
    start = torch.minimum(torch.maximum(borders[:, None, :-1], chord_start[..., None]), chord_stop[..., None])
    stop = torch.minimum(torch.maximum(borders[:, None, 1:], chord_start[..., None]), chord_stop[..., None])

    labels = torch.from_numpy(pattern.labels.copy())[raster_row]  # [N, h, X]
    prefix = F.pad(values.double().cumsum(-1), (1, 0))  # [L, h, w + 1]
    base = (labels * height + torch.arange(height).view(1, -1, 1)) * (width + 1)
    sums = (prefix.flatten()[base + stop] - prefix.flatten()[base + start]).sum((1, 2))
    counts = (stop - start).sum((1, 2))

    centre_x = (cx[:, 0] * across).long().clamp(max=width - 1)
    centre_y = (cy[:, 0] * down).long().clamp(max=height - 1)
    own = values[int(pattern.partition_at(0.5, 0.5)), centre_y, centre_x].double()
    return torch.where(counts > 0, sums / counts.clamp(min=1), own)
