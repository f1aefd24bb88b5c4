"""One sample type and one data set type for crops, whatever the source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from asm_interp.data.photo import Photo, PhotoError, read_photo
from asm_interp.geometry.boxes import FloatArray, Size


@dataclass(frozen=True, eq=False, kw_only=True)
class CropSample:
    """One photo with crops. Annotations are there; the photo is opened only when asked for.

    Parameters
    ----------
    id : str
        Name, unique in its data set.
    boxes : array of float64, [K, 4]
        x1, y1, x2, y2 in photo pixels.
    scores : array of float64, [K], or None
        Higher is better, comparable within the photo. None where a data set only says which crops are good.
    pairs : array of int, [P, 2], optional
        Crops that were judged against each other, where scores can be compared within these pairs only.
    split : str
        "train", "val" or "test".
    photo_path : Path, optional
        Where the photo is, or should be.
    photo_size : (int, int), optional
        Height and width, if known without opening the photo.
    size_is_inferred : bool
        Whether `photo_size` was guessed from the annotations.
    pixels : array of uint8, [H, W, 3], optional
        The photo itself, where it is made and not read.
    """

    id: str
    boxes: FloatArray
    scores: FloatArray | None = None
    pairs: npt.NDArray[np.int64] | None = None
    split: str = ""
    photo_path: Path | None = None
    photo_size: Size | None = None
    size_is_inferred: bool = False
    pixels: Photo | None = field(default=None, repr=False)

    @property
    def photo(self) -> Photo:
        """The photo, [H, W, 3] uint8.

        Raises
        ------
        PhotoError
            If the data set came without its photos, or this one cannot be read.
        """
        if self.pixels is not None:
            return self.pixels
        if self.photo_path is None:
            raise PhotoError(f"{self.id}: the data set was read without its photos")
        return read_photo(self.photo_path)

    @property
    def guesses_size(self) -> bool:
        """Whether `size` can only give the inferred size, because the photo is missing."""
        there = self.pixels is not None or (self.photo_path is not None and self.photo_path.is_file())
        return self.size_is_inferred and not there

    def size(self) -> Size:
        """Height and width of the photo: as known, else from the file's header.

        Raises
        ------
        PhotoError
            If it is not known and the photo is missing or unreadable.
        """
        if self.photo_size is not None and not self.size_is_inferred:
            return self.photo_size
        if self.pixels is not None:
            return self.pixels.shape[0], self.pixels.shape[1]
        if self.photo_path is None or not self.photo_path.is_file():
            if self.photo_size is not None:
                return self.photo_size
            raise PhotoError(f"{self.id}: its size is not known and its photo is not there ({self.photo_path})")
        try:
            with Image.open(self.photo_path) as image:
                upright = image.getexif().get(0x0112, 1) < 5  # orientations 5 to 8 stand on their side
                return (image.height, image.width) if upright else (image.width, image.height)
        except OSError as error:
            raise PhotoError(f"{self.photo_path}: expected a photo ({error})") from error


@dataclass(frozen=True, eq=False)
class CropDataset:
    """A sequence of samples with a name and what happened to it on the way in.

    Parameters
    ----------
    name : str
    samples : sequence of CropSample
        A list, or anything that makes sample i on demand, always the same.
    notes : tuple of Note
        Rows that were dropped or repaired, and what is missing.
    """

    name: str
    samples: Sequence[CropSample]
    notes: tuple[Note, ...] = ()

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> CropSample:
        return self.samples[index]

    def photo_size(self, index: int) -> Size:
        """Height and width of a photo, without decoding it."""
        return self.samples[index].size()

    def split(self, name: str) -> CropDataset:
        """The samples of one split; the notes stay with the whole.

        Raises
        ------
        ValueError
            If there is none; the message lists the splits.
        """
        chosen = [sample for sample in self.samples if sample.split == name]
        if not chosen:
            there = sorted({sample.split for sample in self.samples})
            raise ValueError(f"{self.name}: no split {name!r}; there are {there}")
        return CropDataset(f"{self.name}/{name}", chosen, self.notes)


@dataclass(frozen=True)
class Note:
    """Something a loader did or found.

    Attributes
    ----------
    kind : str
        Short and the same for all notes of a kind, such as "dropped box" or "missing photo".
    where : str
        File or photo it concerns.
    detail : str
    known : bool
        Whether the fault is known of the published files, and so expected.
    """

    kind: str
    where: str
    detail: str = ""
    known: bool = False
