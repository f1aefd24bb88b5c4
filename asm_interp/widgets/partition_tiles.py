"""Small pictures of all channels over a crop, laid out as their partitions stand in the pattern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from asm_interp.geometry.patterns import CompositionPattern
from asm_interp.widgets import painter

_LONGEST = 760  # pixels; twice as many as it takes on the screen
_STRIP = 32  # a tile's title
_GAP = 10


@dataclass(frozen=True, eq=False)
class Tiles:
    """One picture of all channels.

    Attributes
    ----------
    base : array of uint8, [H, W, 3]
        The crop in luminance, once for each channel, with the rim of what the crop reads of it and a title.
    layer : array of uint8, [H, W]
        Index image of the channels, 0 between them.
    boxes : array of int, [L, 4]
        Where each channel stands, its title included.
    """

    base: painter.Photo
    layer: painter.Indices
    boxes: npt.NDArray[np.int64]

    def at(self, x: float, y: float) -> int | None:
        """Partition whose tile a point lies in."""
        x1, y1, x2, y2 = self.boxes.T
        found = np.flatnonzero((x1 <= x) & (x < x2) & (y1 <= y) & (y < y2))
        return int(found[0]) if found.size else None


def partition_tiles(
    photo: painter.Photo,
    channels: painter.Indices,
    crop: Sequence[float],
    pattern: CompositionPattern,
    titles: Sequence[str],
) -> Tiles:
    """Lay out the channels of a map over a crop.

    Parameters
    ----------
    photo : array of uint8, [H, W, 3]
    channels : array of uint8, [L, h, w]
        Index images of the whole photo.
    crop : sequence of float, [4]
        x1, y1, x2, y2 in photo pixels.
    pattern : CompositionPattern
    titles : sequence of str, [L]
    """
    (rows, columns), slots = _slots(pattern)
    x1, y1, x2, y2 = crop
    across, down = _LONGEST / columns - _GAP, _LONGEST / rows - _GAP - _STRIP  # room of a tile
    per = min(across / (x2 - x1), down / (y2 - y1))
    wide, high = max(8, round(per * (x2 - x1))), max(8, round(per * (y2 - y1)))
    size = (columns * (wide + _GAP) + _GAP, rows * (high + _STRIP + _GAP) + _GAP)
    base = Image.new("RGB", size, "white")
    layer = np.zeros((size[1], size[0]), np.uint8)
    draw = ImageDraw.Draw(base)
    # Height and width of the photo and of the map differ; both are read at the tiles' pixel centres.
    v, u = y1 + (np.arange(high) + 0.5) * (y2 - y1) / high, x1 + (np.arange(wide) + 0.5) * (x2 - x1) / wide
    height, width = photo.shape[:2]
    shown = Image.fromarray(photo[np.ix_(_places(v, height, height), _places(u, width, width))])
    thumbnail = painter.luminance(shown)
    found = channels[:, _places(v, height, channels.shape[1])][:, :, _places(u, width, channels.shape[2])]
    boxes = []
    for partition, (row, column) in enumerate(slots):
        left, top = _GAP + column * (wide + _GAP), _GAP // 2 + row * (high + _STRIP + _GAP)
        draw.text((left + 3, top + 7), titles[partition], fill=painter.INK, font=painter.font(20), anchor="lt")
        rim = _rim(pattern, partition, (high, wide))
        tile = np.array(thumbnail)
        tile[rim > 0] = np.where(rim[rim > 0, None] == 1, 255, 0)
        base.paste(Image.fromarray(tile), (left, top + _STRIP))
        layer[top + _STRIP : top + _STRIP + high, left : left + wide] = np.where(rim > 0, 0, found[partition])
        boxes.append((left - 3, top, left + wide + 3, top + _STRIP + high + 3))
    return Tiles(np.asarray(base), layer, np.array(boxes))


def _places(photo_pixels: npt.NDArray[np.float64], side: int, n: int) -> npt.NDArray[np.int64]:
    """Pixels of a picture with `n` of them to a photo's side."""
    return np.clip((photo_pixels * n / side).astype(np.int64), 0, n - 1)


@lru_cache(maxsize=32)
def _slots(pattern: CompositionPattern) -> tuple[tuple[int, int], npt.NDArray[np.int64]]:
    from asm_interp.plots.partition_maps import partition_slots

    return partition_slots(pattern)


@lru_cache(maxsize=512)
def _rim(pattern: CompositionPattern, partition: int, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Rim of a partition over a tile [h, w]: 2 on it, 1 beside it, 0 elsewhere."""
    v, u = ((np.arange(n) + 0.5) / n for n in size)
    padded = np.pad(pattern.partition_at(u[None, :], v[:, None]) == partition, 2)
    around = [
        padded[2 + dy : padded.shape[0] - 2 + dy, 2 + dx : padded.shape[1] - 2 + dx]
        for dy in (-2, -1, 0, 1, 2)
        for dx in (-2, -1, 0, 1, 2)
    ]
    near = [around[5 * row + column] for row in (1, 2, 3) for column in (1, 2, 3)]
    inside, every, some = padded[2:-2, 2:-2], np.logical_and.reduce(near), np.logical_or.reduce(around)
    return np.where(inside & ~every, 2, np.where(some & ~inside, 1, 0)).astype(np.uint8)
