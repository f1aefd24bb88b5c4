"""Score maps of a photo, and the scores of crops and circles on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from asm_interp.geometry.boxes import FloatArray, Size, check_boxes, check_circles
from asm_interp.geometry.patterns import CompositionPattern
from asm_interp.model.pooling import circle_pool, composition_pool

# How many are pooled at once; bounds the memory of a search.
_CROPS = 4096
_CIRCLES = 256


@dataclass(frozen=True, eq=False)
class ScoreMap:
    """Composition-aware score map of one photo.

    Parameters
    ----------
    values : Tensor of float32, [L, h, w]
        Score of each pixel for each partition it may fall in, at the network's input size. Pixel i covers
        [i, i + 1). Arrays are taken too.
    pattern : CompositionPattern
        With L partitions.
    photo_size : (int, int)
        Height and width (H, W) of the photo in pixels.

    Raises
    ------
    ValueError
        If the shape does not fit the pattern or a value is not finite.

    Examples
    --------
    >>> from asm_interp.geometry import patterns
    >>> flat = ScoreMap(torch.ones(9, 4, 6), patterns.get("grid:3x3"), photo_size=(40, 60))
    >>> crop_scores(flat, [[0, 0, 30, 20]])
    array([1.])
    """

    values: Tensor
    pattern: CompositionPattern
    photo_size: Size

    def __post_init__(self) -> None:
        array = self.values if isinstance(self.values, Tensor) else torch.tensor(np.asarray(self.values))
        values = array.detach().to("cpu", torch.float32)
        if values.ndim != 3 or values.shape[0] != self.pattern.n_partitions or 0 in values.shape:
            raise ValueError(
                f"a score map for {self.pattern.name} has shape [{self.pattern.n_partitions}, h, w], "
                f"got {tuple(values.shape)}"
            )
        if not torch.isfinite(torch.stack(torch.aminmax(values))).all():  # both are NaN if any value is
            raise ValueError("a score map must be finite, but some of its values are NaN or infinite")
        height, width = (int(side) for side in self.photo_size)
        if min(height, width) < 1:
            raise ValueError(f"photo_size is height and width in pixels, got {self.photo_size}")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "photo_size", (height, width))

    @property
    def scale(self) -> tuple[float, float]:
        """Map pixels per photo pixel, down and across."""
        return self.values.shape[1] / self.photo_size[0], self.values.shape[2] / self.photo_size[1]

    def at_photo_size(self) -> Tensor:
        """Values resized bilinearly to the photo, [L, H, W] float32."""
        return F.interpolate(self.values[None], size=self.photo_size, mode="bilinear", align_corners=False)[0]

    def centred(self) -> ScoreMap:
        """The map with each channel's mean over the photo taken off.

        All crop scores move by one constant: every crop holds every partition with the same weight.
        """
        return ScoreMap(self.values - self.values.mean((1, 2), keepdim=True), self.pattern, self.photo_size)

    def to_map(self, boxes: FloatArray) -> Tensor:
        """Boxes [N, 4] from photo pixels to map pixels, float64."""
        down, across = self.scale
        return torch.from_numpy(boxes * np.array([across, down, across, down]))


def crop_scores(score_map: ScoreMap, boxes: npt.ArrayLike) -> FloatArray:
    """Scores of crops, exact for boxes at any fractional place (paper eq. (1)).

    Parameters
    ----------
    score_map : ScoreMap
    boxes : array_like, [N, 4]
        x1, y1, x2, y2 in photo pixels.

    Returns
    -------
    array of float64, [N]

    Raises
    ------
    ValueError
        If a box is malformed, thinner than one photo pixel or outside the photo.
    """
    mapped = score_map.to_map(check_boxes(boxes, score_map.photo_size))
    values = score_map.values[None]
    parts = [composition_pool(values, part[None], score_map.pattern)[0] for part in torch.split(mapped, _CROPS)]
    return torch.cat(parts).numpy()


def circle_scores(score_map: ScoreMap, circles: npt.ArrayLike) -> FloatArray:
    """Scores of circular crops (paper eq. (9)).

    Parameters
    ----------
    score_map : ScoreMap
    circles : array_like, [N, 3]
        cx, cy, r in photo pixels.

    Returns
    -------
    array of float64, [N]

    Raises
    ------
    ValueError
        If a circle is malformed, its radius below one photo pixel, or it leaves the photo.
    """
    checked = torch.from_numpy(check_circles(circles, score_map.photo_size))
    values, scale = score_map.values, score_map.scale
    parts = [circle_pool(values, part, scale, score_map.pattern) for part in torch.split(checked, _CIRCLES)]
    return torch.cat(parts).numpy()
