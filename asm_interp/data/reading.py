"""What the loaders of annotations share: where files and photos stand, sound boxes, and errors that name the file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asm_interp.data.crops import SPLITS, CropDataset, CropSample, Note
from asm_interp.data.photo import PHOTO_SUFFIXES
from asm_interp.geometry.boxes import MIN_SIDE, FloatArray, Size, clip

_PHOTO_FOLDERS = ("images", "image", "data")  # in this order; beside the annotations


class DatasetError(ValueError):
    """Annotations that cannot be read; the message names the file, what was expected and what was found."""


def fault(where: object, expected: str, found: object) -> DatasetError:
    """Error about a file, with what was found cut to a readable length."""
    text = str(found)
    return DatasetError(f"{where}: expected {expected}, found {text if len(text) <= 160 else text[:157] + '...'}")


def folder_of(root: str | os.PathLike[str]) -> Path:
    """The data set's folder, given it or a file in it.

    Raises
    ------
    DatasetError
        If there is no such file or folder.
    """
    path = Path(root)
    if not path.exists():
        raise fault(path, "a data set's folder or its annotation file", "nothing there")
    return path if path.is_dir() else path.parent


def forms_of(root: str | os.PathLike[str], find: Callable[[Path], list[Path]], expected: str) -> list[Path]:
    """Forms of the annotations that are there: the file that was given, or what `find` finds in the folder.

    Raises
    ------
    DatasetError
        If there is none.
    """
    folder = folder_of(root)
    if folder != Path(root):
        return [Path(root)]
    if not (sources := find(folder)):
        raise fault(folder, expected, sorted(path.name for path in folder.iterdir()))
    return sources


def read_text(path: Path) -> str:
    """Contents of a UTF-8 file.

    Raises
    ------
    DatasetError
        If it is missing, unreadable or not text.
    """
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise fault(path, "a readable text file", error) from error


def read_json(path: Path, kind: type[dict[str, Any]] | type[list[Any]]) -> Any:
    """Contents of a JSON file whose outermost value is an object or an array.

    Raises
    ------
    DatasetError
        If it is missing, not JSON or of another kind.
    """
    try:
        value = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise fault(path, "JSON", error) from error
    if not isinstance(value, kind):
        names = {dict: "object", list: "array"}
        raise fault(path, f"a JSON {names[kind]}", f"{type(value).__name__} {str(value)[:40]!r}")
    return value


def read_mat(path: Path, variable: str) -> Any:
    """One variable of a MATLAB file, as nested record arrays.

    Raises
    ------
    DatasetError
        If the file is damaged, of version 7.3, or lacks the variable.
    """
    from scipy.io import loadmat

    try:
        contents = loadmat(path)
    except Exception as error:  # a damaged file makes the parser raise anything
        raise fault(path, "a MATLAB file of version 7.2 or older", repr(error)) from error
    if variable not in contents:
        raise fault(path, f"a variable {variable}", sorted(name for name in contents if name[0] != "_"))
    return contents[variable]


def numbers(values: object, columns: int, where: object) -> FloatArray:
    """Finite numbers [N, columns], or [N] if `columns` is 0.

    Raises
    ------
    DatasetError
        If they are of another shape, or not all finite numbers.
    """
    expected = f"{columns} numbers a row" if columns else "a list of numbers"
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise fault(where, expected, error) from error
    if array.size == 0:
        array = array.reshape((0, columns) if columns else 0)
    if array.ndim != (2 if columns else 1) or (columns and array.shape[1] != columns):
        raise fault(where, expected, f"an array of shape {array.shape}")
    if not np.isfinite(array).all():
        raise fault(where, f"{expected}, all finite", array[~np.isfinite(array)][0])
    return array


class PhotoFolder:
    """Which photos stand beside the annotations, flat or in folders by split; looked up once, none is opened.

    Parameters
    ----------
    folder : Path
        The data set's. Photos are in its `images`, `image` or `data`, or in folders within.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = next((folder / n for n in _PHOTO_FOLDERS if (folder / n).is_dir()), folder / _PHOTO_FOLDERS[0])
        self._found: dict[str, str] = {}
        for place, _, names in os.walk(self.folder, followlinks=True):
            photos = (name for name in names if name.lower().endswith(PHOTO_SUFFIXES))
            self._found.update((name, place) for name in photos if not name.startswith("."))
        self._by_split = {split for split in SPLITS if (self.folder / split).is_dir()}

    def split(self, name: str) -> str:
        """Split whose folder holds the photo; empty if none does."""
        place = Path(self._found.get(name, "")).name
        return place if place in self._by_split else ""

    def path(self, name: str, split: str) -> Path:
        """Where a photo is, else where it should be."""
        if name in self._found:
            return Path(self._found[name], name)
        return self.folder / split / name if split in self._by_split else self.folder / name


def clean_boxes(
    name: str, boxes: FloatArray, size: Size | None = None, *, known: bool = False, negative_known: bool = False
) -> tuple[FloatArray, npt.NDArray[np.bool_], list[Note]]:
    """Boxes that can be used: corners in order, inside the photo, at least a pixel wide and high.

    Parameters
    ----------
    name : str
        Photo, for the notes.
    boxes : array of float, [K, 4]
    size : (int, int), optional
        Height and width; boxes that leave it are cut.
    known : bool
        Whether faults of this photo are expected.
    negative_known : bool
        Whether negative boxes are, where they stand for a missing one.

    Returns
    -------
    boxes : array of float, [N, 4]
    kept : array of bool, [K]
        The others had a negative coordinate or no area.
    notes : list of Note
        One for each box that was repaired or dropped.
    """
    notes = []
    missing = np.any(boxes < 0, axis=1)
    in_order = np.sort(boxes.reshape(-1, 2, 2), axis=1).reshape(-1, 4)
    sound = in_order if size is None else clip(in_order, size)
    thin = np.any(sound[:, 2:] - sound[:, :2] < MIN_SIDE, axis=1) & ~missing
    for row in np.flatnonzero(np.any(sound != boxes, axis=1) | missing | thin):
        was = " ".join(f"{value:g}" for value in boxes[row])
        if missing[row]:
            notes.append(Note("dropped row", name, f"box {row} is negative: {was}", known or negative_known))
        elif thin[row]:
            notes.append(Note("dropped box", name, f"box {row} has no area: {was}", known))
        else:
            swapped = np.any(in_order[row] != boxes[row])
            why = "has its corners swapped" if swapped else f"leaves the photo of {size[0]}×{size[1]}" if size else ""
            now = " ".join(f"{value:g}" for value in sound[row])
            notes.append(Note("repaired box", name, f"box {row} {why}: {was}, now {now}", known))
    kept = ~missing & ~thin
    return sound[kept], kept, notes


def extent(boxes: FloatArray) -> Size:
    """Height and width of the smallest photo that holds boxes [K, 4], in whole pixels."""
    right, bottom = np.ceil(boxes[:, 2:].max(axis=0))
    return int(bottom), int(right)


def split_of(names: Iterable[str], listed: Mapping[str, Iterable[str]], where: Path) -> dict[str, str]:
    """Split of each name, from lists of names by split.

    Raises
    ------
    DatasetError
        If a listed name stands in two splits.
    """
    splits: dict[str, str] = {}
    for split, members in listed.items():
        for name in members:
            if splits.setdefault(name, split) != split:
                raise fault(where, "each photo in one split", f"{name} in {splits[name]} and {split}")
    return {name: splits.get(name, "") for name in names}


def assemble(name: str, where: Path, samples: list[CropSample], notes: list[Note]) -> CropDataset:
    """The data set, once it is sure that it has samples and that their names differ.

    Raises
    ------
    DatasetError
        If there is no sample, or two have one name.
    """
    if not samples:
        raise fault(where, "annotated photos", "none")
    seen: set[str] = set()
    for sample in samples:
        if sample.id in seen:
            raise fault(where, "each photo once", f"{sample.id} twice")
        seen.add(sample.id)
    unsplit = sum(not sample.split for sample in samples)
    if unsplit:
        detail = f"{unsplit} photos belong to no split"
        notes = [*notes, Note("no split", str(where), detail)]
    return CropDataset(name, samples, tuple(notes))
