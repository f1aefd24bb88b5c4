"""What every data set of scored crops gives: samples of a photo, boxes and scores."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from asm_interp.geometry.boxes import FloatArray, Size


class CropSample(Protocol):
    """One photo with scored crops."""

    @property
    def id(self) -> str:
        """Name, unique in its data set."""
        ...

    @property
    def photo(self) -> npt.NDArray[np.uint8]:
        """[H, W, 3] uint8."""
        ...

    @property
    def boxes(self) -> FloatArray:
        """[K, 4] x1, y1, x2, y2 in photo pixels."""
        ...

    @property
    def scores(self) -> FloatArray:
        """[K], higher is better; comparable within the photo."""
        ...


class CropDataset(Protocol):
    """A sequence of samples; index i always gives the same one."""

    def __len__(self) -> int: ...

    def photo_size(self, index: int, /) -> Size:
        """Height and width of a photo, without decoding it."""
        ...

    def __getitem__(self, index: int, /) -> CropSample: ...
