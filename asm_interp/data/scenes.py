"""Scenes: photos with subject masks, drawn on the fly or read from a folder."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from asm_interp.data.photo import PhotoError, read_photo
from asm_interp.geometry.boxes import FloatArray, Size

_SUBJECT_COUNTS = (0.1, 0.6, 0.2, 0.1)  # chances of 0, 1, 2 and 3 subjects
MAX_DISTRACTORS = 4
"""Most distractors of a scene of shapes; each has at least one."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A photo [H, W, 3] uint8 and its subjects [H, W] uint8: 0 for background, 1.. for each subject."""

    id: str
    photo: npt.NDArray[np.uint8]
    subjects: npt.NDArray[np.uint8]


class Scenes(Protocol):
    """Scenes that are made or read one at a time; scene i is always the same."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Scene: ...

    def photo_size(self, index: int, /) -> Size:
        """Height and width of a scene's photo, without drawing or decoding it."""
        ...

    def has_subject(self, index: int, /) -> bool:
        """Whether a scene has a subject, without decoding its photo."""
        ...


def _hsv(hue: float, saturation: float, value: float) -> FloatArray:
    """One colour, RGB in [0, 1]."""
    phase = (np.array([5.0, 3.0, 1.0]) + hue * 6) % 6
    ramp = np.clip(np.minimum(phase, 4 - phase), 0, 1)
    return np.asarray(value - value * saturation * ramp)


def _outline(kind: int, radius: float, angle: FloatArray) -> FloatArray:
    """Distance of a shape's rim from its centre in each direction: disc, triangle, square, hexagon, star."""
    if kind == 0:
        return np.full_like(angle, radius)
    if kind == 4:
        return np.asarray(radius * (0.5 + 0.5 * np.cos(2.5 * angle) ** 2))
    sides = (3, 4, 6)[kind - 1]
    wedge = 2 * np.pi / sides
    return np.asarray(radius * np.cos(wedge / 2) / np.cos(angle % wedge - wedge / 2))


@dataclass(frozen=True)
class ShapeScenes:
    """Procedural scenes: warm-coloured subjects and cool-coloured distractors on a textured gradient.

    Subjects and distractors have the same kinds of shape; only their hue tells them apart. Some scenes
    hold no subject.

    Parameters
    ----------
    n : int
        Number of scenes.
    size : (int, int)
        Height and width in pixels.
    seed : int
        Scene i of a seed is always the same.
    without : tuple of int
        Numbers of distractors, from 0, that are not painted; the rest of each scene stays as it is.
    """

    n: int
    size: Size = (96, 128)
    seed: int = 0
    without: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.n < 1 or min(self.size) < 16:
            raise ValueError(f"at least one scene of at least 16×16 px, got n={self.n}, size={self.size}")

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> Scene:
        if not -self.n <= index < self.n:
            raise IndexError(f"scene {index} of {self.n}")
        index %= self.n
        rng = np.random.default_rng([self.seed, index, 0])
        canvas = self._background(rng)
        subjects = np.zeros(self.size, dtype=np.uint8)
        for number in range(rng.integers(1, MAX_DISTRACTORS + 1)):
            colour = _hsv(rng.uniform(0.3, 0.8), rng.uniform(0.6, 1), rng.uniform(0.5, 1))
            # One that is left out is drawn too, elsewhere, so that all that follows has the same random numbers.
            self._draw(canvas.copy() if number in self.without else canvas, colour, rng.uniform(0.06, 0.16), rng)
        for label in range(1, 1 + int(rng.choice(len(_SUBJECT_COUNTS), p=_SUBJECT_COUNTS))):
            colour = _hsv(rng.uniform(0, 0.14), rng.uniform(0.8, 1), rng.uniform(0.8, 1))
            inside = self._draw(canvas, colour, rng.uniform(0.12, 0.26), rng)
            subjects[inside] = label
        photo = np.clip(np.rint(canvas * 255), 0, 255).astype(np.uint8)
        return Scene(f"shapes-{self.seed}-{index:05d}", photo, subjects)

    def photo_size(self, index: int) -> Size:  # noqa: ARG002 (all scenes are of one size)
        """Height and width of a scene, without drawing it."""
        return self.size

    def has_subject(self, index: int) -> bool:
        """Whether a scene has a subject."""
        return bool(self[index].subjects.any())

    def _background(self, rng: np.random.Generator) -> FloatArray:
        height, width = self.size
        y, x = np.mgrid[:height, :width] / min(self.size)
        angle, pitch, phase = rng.uniform(0, 2 * np.pi), rng.uniform(4, 14), rng.uniform(0, 2 * np.pi)
        along = x * np.cos(angle) + y * np.sin(angle)
        ramp = (along - along.min()) / np.ptp(along)
        ends = [_hsv(rng.uniform(), rng.uniform(0, 0.3), rng.uniform(0.2, 0.85)) for _ in range(2)]
        canvas = (1 - ramp)[..., None] * ends[0] + ramp[..., None] * ends[1]
        stripes = np.sin(2 * np.pi * pitch * (x * np.sin(angle) + y * np.cos(angle)) + phase)
        canvas += rng.uniform(0, 0.06) * stripes[..., None]
        return np.asarray(canvas + rng.normal(0, 0.02, canvas.shape))

    def _draw(
        self, canvas: FloatArray, colour: FloatArray, radius: float, rng: np.random.Generator
    ) -> npt.NDArray[np.bool_]:
        """Paint one shape, wholly inside the photo, and return the pixels it covers by at least half."""
        height, width = self.size
        radius *= min(self.size)
        cy, cx = rng.uniform(radius, height - radius), rng.uniform(radius, width - radius)
        y, x = np.mgrid[:height, :width] + 0.5
        angle = np.arctan2(y - cy, x - cx) + rng.uniform(0, 2 * np.pi)
        rim = _outline(int(rng.integers(5)), radius, angle)
        cover = np.clip(0.5 + rim - np.hypot(y - cy, x - cx), 0, 1)
        shading = 1 + 0.15 * (y - cy) / radius
        canvas += cover[..., None] * (colour * shading[..., None] - canvas)
        return np.asarray(cover >= 0.5)


@dataclass(frozen=True)
class KeptScenes:
    """Scenes in memory, for several worlds of the same photos.

    Parameters
    ----------
    scenes : sequence of Scene
    """

    scenes: Sequence[Scene]

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> Scene:
        return self.scenes[index]

    def photo_size(self, index: int) -> Size:
        """Height and width of a scene's photo."""
        height, width = self.scenes[index].subjects.shape
        return height, width

    def has_subject(self, index: int) -> bool:
        """Whether a scene has a subject."""
        return bool(self.scenes[index].subjects.any())


@contextmanager
def _mask(path: Path) -> Iterator[Image.Image]:
    """Open a mask; whatever goes wrong with it names the file."""
    try:
        with Image.open(path) as image:
            yield image
    except Exception as error:  # fed with damaged bytes, a parser raises anything
        raise PhotoError(f"{path}: expected a mask image ({error})") from error


@dataclass(frozen=True)
class SubjectPhotos:
    """Real photographs with a mask of the main subject, read one at a time.

    Parameters
    ----------
    folder : path
        Holds ``index.csv`` (UTF-8) with at least the columns file, mask and split; file and mask are paths in
        the folder, and a mask is an image of the upright photo's size, white where the subject is.
    split : {"train", "val", "test"}

    Raises
    ------
    ValueError
        If the index is missing or no such table, lacks a column or an entry, or has no photo of the split;
        when a sample is read, if its photo or mask is missing or damaged, or the mask is not of the photo's
        size. Each names the file.
    """

    folder: str | os.PathLike[str]
    split: str = "train"

    def __post_init__(self) -> None:
        if not self.rows:
            raise ValueError(f"{self._index}: no photo of split {self.split!r}")

    @property
    def _index(self) -> Path:
        return Path(self.folder) / "index.csv"

    @cached_property
    def rows(self) -> list[dict[str, str]]:
        """Rows of the index that belong to the split."""
        try:
            with self._index.open(newline="", encoding="utf-8") as file:
                table = csv.DictReader(file)
                columns, rows = table.fieldnames or (), list(table)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{self._index}: expected an index of photos and masks ({error})") from error
        lacking = sorted({"file", "mask", "split"} - set(columns))
        if lacking:
            raise ValueError(f"{self._index}: expected the columns file, mask and split; missing {lacking}")
        for number, row in enumerate(rows, 1):
            if not (row["file"] and row["mask"] and row["split"]):
                raise ValueError(f"{self._index}: expected a file, a mask and a split; photo {number} lacks one")
        return [row for row in rows if row["split"] == self.split]

    def __len__(self) -> int:
        return len(self.rows)

    def photo_size(self, index: int) -> Size:
        """Height and width of a photo, from its mask's header (EXIF may turn the photo itself)."""
        with _mask(Path(self.folder) / self.rows[index]["mask"]) as image:
            return image.height, image.width

    def has_subject(self, index: int) -> bool:
        """Whether a photo has a subject, from its mask alone, which is read once for this."""
        if index not in self._with_subject:
            with _mask(Path(self.folder) / self.rows[index]["mask"]) as image:
                self._with_subject[index] = bool((np.asarray(image.convert("L")) >= 128).any())
        return self._with_subject[index]

    @cached_property
    def _with_subject(self) -> dict[int, bool]:
        return {}

    def __getitem__(self, index: int) -> Scene:
        row = self.rows[index]
        photo = read_photo(Path(self.folder) / row["file"])
        mask_path = Path(self.folder) / row["mask"]
        with _mask(mask_path) as image:
            mask = np.asarray(image.convert("L")) >= 128
        if mask.shape != photo.shape[:2]:
            raise ValueError(f"{mask_path}: expected {photo.shape[:2]} (H, W) as its photo has, found {mask.shape}")
        return Scene(row["file"], photo, mask.astype(np.uint8))
