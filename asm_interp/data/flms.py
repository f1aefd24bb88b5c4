"""FLMS: 500 photos, each cropped by ten people; there are no scores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from asm_interp.data.crops import CropDataset, CropSample, Note
from asm_interp.data.reading import (
    PhotoFolder,
    assemble,
    clean_boxes,
    extent,
    fault,
    forms_of,
    numbers,
    read_json,
    read_mat,
)
from asm_interp.geometry.boxes import FloatArray

_JSON = "image_crop.json"
_KNOWN_FAULTS = {"465190454_Large.jpg", "693687448_Large.jpg"}  # each with one box with swapped corners
_KNOWN_SIZES = {"1042532514_Large.jpg": (768, 1024)}  # one of its boxes ends at 776 and would pass for the edge


def read_flms(root: str | os.PathLike[str]) -> CropDataset:
    """Read FLMS; the photos need not be there.

    Parameters
    ----------
    root : path
        A folder with `image_crop.json`, else `*.mat` with the variable `img_gt`; or one of these itself.
        Photos are in `images/`.

    Returns
    -------
    CropDataset
        All in the split "test", without scores: every box is one annotator's best crop. Boxes with swapped
        corners are put right, one that leaves its photo is cut, and negative ones (the .mat marks missing
        annotators so) are dropped; all are noted.

        Sizes are inferred as the extent of the boxes, as the published floors take them. Nearly all photos are
        1024 pixels on the longer side, of which the boxes of about one in twelve fall short.

    Raises
    ------
    DatasetError
        If there are no annotations or they are not of their form; the message names the file.

    References
    ----------
    Fang et al., "Automatic Image Cropping using Visual Composition, Boundary Simplicity and Content Preservation
    Models", ACM MM 2014.
    """
    source = flms_sources(root)[0]
    photos = PhotoFolder(source.parent)
    samples, notes = [], []
    for name, rows in _from_mat(source) if source.suffix == ".mat" else _from_json(source):
        size = _KNOWN_SIZES.get(name)
        known = name in _KNOWN_FAULTS or size is not None
        boxes, _, new = clean_boxes(name, rows, size, known=known, negative_known=True)
        notes += new
        if not len(boxes):
            notes.append(Note("photo without crops", name))
            continue
        samples.append(
            CropSample(
                id=name,
                boxes=boxes,
                split="test",
                photo_path=photos.path(name, "test"),
                photo_size=size or extent(boxes),
                size_is_inferred=size is None,
            )
        )
    return assemble("flms", source, samples, notes)


def flms_sources(root: str | os.PathLike[str]) -> list[Path]:
    """Every form of the annotations that is there, the one that is read first.

    Raises
    ------
    DatasetError
        If there is none.
    """
    return forms_of(root, _files, f"{_JSON} or a .mat file")


def _files(folder: Path) -> list[Path]:
    return [path for path in (folder / _JSON, *sorted(folder.glob("*.mat"))) if path.is_file()]


def _from_json(path: Path) -> Iterator[tuple[str, FloatArray]]:
    for name, boxes in read_json(path, dict).items():
        yield name, numbers(boxes, 4, f"{path}: {name}")


def _from_mat(path: Path) -> Iterator[tuple[str, FloatArray]]:
    entries = read_mat(path, "img_gt").ravel()
    if not {"filename", "bbox"} <= set(entries.dtype.names or ()):
        raise fault(path, "img_gt with the fields filename and bbox", entries.dtype.names or entries.dtype)
    for entry in entries:
        name = str(entry["filename"].ravel()[0])
        yield name, numbers(entry["bbox"], 4, f"{path}: {name}")[:, [1, 0, 3, 2]]
