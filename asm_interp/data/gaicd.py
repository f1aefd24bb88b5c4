"""GAICD: photos with up to 90 crops on a grid, each scored by people (mean opinion score, 1 to 5)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from asm_interp.data.crops import SPLITS, CropDataset, CropSample, Note
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
    read_text,
    split_of,
)
from asm_interp.geometry.boxes import FloatArray, Size

NOT_SCORED = -2.0
"""Score of a crop that nobody annotated."""

_LONG_SIDE = 1024  # pixels, of the published photos
_JSON, _SPLIT, _TEXT = "image_crop.json", "original_data_split.json", "annotations"
_MAT_SETS = {1: "train", 2: "test", 3: "val"}


class _Row(NamedTuple):
    name: str
    split: str
    boxes: FloatArray  # [K, 4] x1, y1, x2, y2
    scores: FloatArray  # [K]


def read_gaicd(root: str | os.PathLike[str]) -> CropDataset:
    """Read GAICD, of 1236 or 3336 photos, in any of its three forms; the photos need not be there.

    Parameters
    ----------
    root : path
        A folder with `image_crop.json`, else `annotations/` (text, flat or in train, val and test), else
        `*.mat`; or one of these itself. Photos are in `images/`, flat or by split.

    Returns
    -------
    CropDataset
        Crops that nobody scored are dropped and noted. The split is that of the text folders or of the .mat
        (1000 train, 36 val, 200 test), else of `original_data_split.json` (1036 train, 200 test), else of
        the folders of photos. Photo sizes are inferred from the grid of crops, to the pixel for nine in ten
        of the published photos and within one pixel for the others.

    Raises
    ------
    DatasetError
        If there are no annotations or they are not of their form; the message names the file.

    References
    ----------
    Zeng et al., "Reliable and Efficient Image Cropping: A Grid Anchor based Approach", CVPR 2019; and "Grid Anchor
    based Image Cropping: A New Benchmark and An Efficient Model", TPAMI 2022 (the larger set).
    """
    source = gaicd_sources(root)[0]
    folder = source.parent
    photos = PhotoFolder(folder)
    reader = _from_text if source.is_dir() else _READERS[source.suffix]
    rows = list(reader(source))
    splits = {row.name: row.split or photos.split(row.name) for row in rows}
    if (folder / _SPLIT).is_file() and not any(row.split for row in rows):
        listed = _listed_splits(folder / _SPLIT)
        splits = {name: split or splits[name] for name, split in split_of(splits, listed, folder / _SPLIT).items()}
    samples, notes = [], []
    for row in rows:
        sample, new = _sample(row, splits[row.name], photos)
        notes += new
        samples += [sample] if sample else []
    return assemble("gaicd", source, samples, notes)


def gaicd_sources(root: str | os.PathLike[str]) -> list[Path]:
    """Every form of the annotations that is there, the one that is read first.

    Raises
    ------
    DatasetError
        If there is none.
    """
    root = Path(root)
    if root.is_file() and root.suffix not in _READERS:
        raise fault(root, "a folder, a .json or a .mat file", f"a {root.suffix or 'nameless'} file")
    return forms_of(root, _forms, f"{_JSON}, {_TEXT}/ or a .mat file")


def _forms(folder: Path) -> list[Path]:
    sources = [path for path in (folder / _JSON, folder / _TEXT, *sorted(folder.glob("*.mat"))) if path.exists()]
    if not sources and (any(folder.glob("*.txt")) or any(folder.glob("*/*.txt"))):
        return [folder]  # the folder of text itself
    return sources


def _listed_splits(path: Path) -> dict[str, list[str]]:
    listed: dict[str, list[str]] = read_json(path, dict)
    if not all(split in SPLITS and isinstance(names, list) for split, names in listed.items()):
        raise fault(path, f"lists of names under {', '.join(SPLITS)}", sorted(listed))
    return listed


def _sample(row: _Row, split: str, photos: PhotoFolder) -> tuple[CropSample | None, list[Note]]:
    scored = row.scores != NOT_SCORED
    reason = f"without a score ({NOT_SCORED:g})"
    notes = [Note("dropped row", row.name, f"box {i} is {reason}", known=True) for i in np.flatnonzero(~scored)]
    boxes, kept, repairs = clean_boxes(row.name, row.boxes[scored])
    notes += repairs
    if not len(boxes):
        return None, [*notes, Note("photo without crops", row.name)]
    size = photo_size_from_grid(boxes)
    if size is None:
        notes.append(Note("off the grid", row.name, "crops not on a 12×12 grid, so the photo's size is a guess"))
    return CropSample(
        id=row.name,
        boxes=boxes,
        scores=row.scores[scored][kept],
        split=split,
        photo_path=photos.path(row.name, split),
        photo_size=size or extent(boxes * 12 / 11.5),
        size_is_inferred=True,
    ), notes


def photo_size_from_grid(boxes: npt.ArrayLike) -> Size | None:
    """Height and width of a photo from its GAICD crops, whose edges are bin centres rounded to pixels.

    Left and top edges are at ``round((i + 1/2) S / 12)``, i in 0..3, right and bottom ones at i in 8..11. Of two
    sides S that fit, 1024 (the longer side of every published photo) is taken, else the larger.

    Parameters
    ----------
    boxes : array_like, [K, 4]

    Returns
    -------
    (int, int) or None
        None if no size fits.

    Examples
    --------
    >>> photo_size_from_grid([[43, 28, 981, 597], [299, 199, 981, 654]])
    (682, 1024)
    """
    edges = np.asarray(boxes, dtype=np.float64)
    width, height = (_side(tuple(set(edges[:, i])), tuple(set(edges[:, i + 2]))) for i in (0, 1))
    return (height, width) if height and width else None


@lru_cache(maxsize=4096)
def _side(low: tuple[float, ...], high: tuple[float, ...]) -> int | None:
    for bins in (11.5, 10.5, 9.5, 8.5):  # where the farthest edge may be
        guess = max(high) * 12 / bins
        fits = [side for side in range(int(guess) - 1, int(guess) + 3) if _fits(side, low, high)]
        if fits:
            return _LONG_SIDE if _LONG_SIDE in fits else fits[-1]
    return None


def _fits(side: int, low: tuple[float, ...], high: tuple[float, ...]) -> bool:
    grid = [int((i + 0.5) * side / 12 + 0.5) for i in range(12)]
    return set(low) <= set(grid[:4]) and set(high) <= set(grid[8:])


def _from_json(path: Path) -> Iterator[_Row]:
    for name, entry in read_json(path, dict).items():
        if not isinstance(entry, dict) or not {"bbox", "score"} <= entry.keys():
            found = list(entry) if isinstance(entry, dict) else entry
            plural = "; plural keys are CPC's" if isinstance(entry, dict) and "bboxes" in entry else ""
            raise fault(f"{path}: {name}", "the keys bbox and score", f"{found}{plural}")
        yield _row(f"{path}: {name}", name, "", numbers(entry["bbox"], 4, f"{path}: {name}"), entry["score"])


def _from_text(folder: Path) -> Iterator[_Row]:
    files = sorted([*folder.glob("*.txt"), *folder.glob("*/*.txt")], key=lambda path: (path.name, path))
    for path in files:
        lines = [line.split() for line in read_text(path).splitlines() if line.strip()]
        for number, line in enumerate(lines, 1):
            if len(line) != 5:
                raise fault(f"{path}, row {number}", "y1 x1 y2 x2 score", " ".join(line))
        table = numbers(lines, 5, path)
        inside = path.parent.name
        split = inside if path.parent != folder and inside in SPLITS else ""
        yield _Row(f"{path.stem}.jpg", split, table[:, [1, 0, 3, 2]], table[:, 4])


def _from_mat(path: Path) -> Iterator[_Row]:
    imdb = read_mat(path, "imdb")
    try:
        entry = imdb[0, 0]
        boxes, scores = (entry["bbox"][0, 0][name].ravel() for name in ("boxes", "gt_scores"))
        sets = entry["images"][0, 0]["set"].ravel()
        names = [PurePosixPath(str(item[0])).name for item in entry["meta"][0, 0]["img_path"].ravel()]
    except (ValueError, IndexError, KeyError, TypeError) as error:
        expected = "imdb with bbox.boxes, bbox.gt_scores, images.set and meta.img_path"
        raise fault(path, expected, error) from error
    if not len(boxes) == len(scores) == len(sets) == len(names):
        found = f"{len(boxes)} boxes, {len(scores)} scores, {len(sets)} sets, {len(names)} names"
        raise fault(path, "one entry a photo in every list", found)
    for name, corners, values, number in zip(names, boxes, scores, sets, strict=True):
        if int(number) not in _MAT_SETS:
            raise fault(f"{path}: {name}", "set 1, 2 or 3", number)
        where = f"{path}: {name}"
        table = numbers(np.transpose(corners), 4, where)[:, [1, 0, 3, 2]]
        yield _row(where, name, _MAT_SETS[int(number)], table, np.ravel(values))


def _row(where: str, name: str, split: str, boxes: FloatArray, values: Any) -> _Row:
    scores = numbers(values, 0, where)
    if len(scores) != len(boxes):
        raise fault(where, "one score a box", f"{len(boxes)} boxes, {len(scores)} scores")
    return _Row(name, split, boxes, scores)


_READERS: dict[str, Callable[[Path], Iterator[_Row]]] = {".json": _from_json, ".mat": _from_mat}
