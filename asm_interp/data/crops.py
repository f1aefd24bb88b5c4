"""One sample type and one data set type for crops, whatever the source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from asm_interp.data.photo import Photo, PhotoError, read_photo
from asm_interp.geometry.boxes import FloatArray, Size

SPLITS = ("train", "val", "test")


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
        if not self.has_photo:
            raise PhotoError(f"{self.photo_path}: no such photo")
        return read_photo(self.photo_path)

    @property
    def has_photo(self) -> bool:
        """Whether the photo is there."""
        return self.pixels is not None or (self.photo_path is not None and self.photo_path.is_file())

    @property
    def guesses_size(self) -> bool:
        """Whether `size` can only give the inferred size, because the photo is missing."""
        return self.size_is_inferred and not self.has_photo

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
        if self.photo_path is None or not self.has_photo:
            if self.photo_size is not None:
                return self.photo_size
            raise PhotoError(f"{self.id}: its size is not known and its photo is not there ({self.photo_path})")
        try:
            with Image.open(self.photo_path) as image:
                upright = image.getexif().get(0x0112, 1) < 5  # orientations 5 to 8 stand on their side
                return (image.height, image.width) if upright else (image.width, image.height)
        except OSError as error:
            raise PhotoError(f"{self.photo_path}: expected a photo ({error})") from error


class Samples(Protocol):
    """A list of samples, or anything that makes sample i when asked for, always the same."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> CropSample: ...

    def __iter__(self) -> Iterator[CropSample]: ...


class SamplesBySplit:
    """Samples that know their splits without being made: one part for each, in this order.

    Parameters
    ----------
    parts : mapping of str to Samples
    """

    def __init__(self, parts: Mapping[str, Samples]) -> None:
        self.parts = dict(parts)

    def __len__(self) -> int:
        return sum(map(len, self.parts.values()))

    def __getitem__(self, index: int) -> CropSample:
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        index %= len(self)
        for part in self.parts.values():
            if index < len(part):
                return part[index]
            index -= len(part)
        raise AssertionError("unreachable")

    def __iter__(self) -> Iterator[CropSample]:
        return chain.from_iterable(self.parts.values())


@dataclass(frozen=True, eq=False)
class CropDataset:
    """Samples with a name, and what happened to them on the way in.

    Parameters
    ----------
    name : str
    samples : Samples
    notes : tuple of Note
        Rows that were dropped or repaired, and what is missing.
    """

    name: str
    samples: Samples
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
        chosen: Samples | None
        if isinstance(self.samples, SamplesBySplit):
            chosen, there = self.samples.parts.get(name), sorted(self.samples.parts)
        else:
            chosen = [sample for sample in self.samples if sample.split == name]
            there = sorted({sample.split for sample in self.samples})
        if not chosen:
            raise ValueError(f"{self.name}: no split {name!r}; there are {there}")
        return CropDataset(f"{self.name}/{name}", chosen, self.notes)

    def where(self, holds: Callable[[CropSample], bool]) -> CropDataset:
        """The samples for which a condition holds."""
        return CropDataset(self.name, [sample for sample in self.samples if holds(sample)], self.notes)


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
