"""Crop readers that were prepared once, and which photos and checkpoints they are for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from asm_interp.widgets.crop_reader import CropReader
from asm_interp.widgets.guard import Guarded
from asm_interp.widgets.kept import fresh
from asm_interp.widgets.score_maps import Key, Photo, ScoreMaps


class Readers:
    """Readers by photo and checkpoint; those longest unused are dropped.

    Parameters
    ----------
    maps : ScoreMaps
    keep : int
        How many at most.
    """

    def __init__(self, maps: ScoreMaps, keep: int = 12) -> None:
        self.maps, self.keep = maps, keep
        self._readers: OrderedDict[Key, CropReader] = OrderedDict()

    def has(self, photo: Photo, checkpoint: str) -> bool:
        """Whether `get` would answer at once."""
        return self.maps.key(photo, checkpoint) in self._readers

    def get(self, photo: Photo, checkpoint: str) -> CropReader:
        """Reader of a photo's score map under a checkpoint.

        Raises
        ------
        CheckpointError
            If there is no such checkpoint.
        """
        key = self.maps.key(photo, checkpoint)
        if key not in self._readers:
            self._readers[key] = CropReader(self.maps.get(photo, checkpoint))
        return fresh(self._readers, key, self.keep)

    def opened(
        self, view: Guarded, photo: Photo, checkpoint: str, prepare: Callable[[CropReader], object] | None = None
    ) -> CropReader:
        """As `get`, with the view's sign while a reader that was not there is made and prepared.

        Raises
        ------
        CheckpointError
            If there is no such checkpoint.
        """
        if not self.has(photo, checkpoint):
            with view.working():
                reader = self.get(photo, checkpoint)
                if prepare is not None:
                    prepare(reader)
        return self.get(photo, checkpoint)
