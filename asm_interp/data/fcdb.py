"""FCDB: Flickr photos with one crop each, made by experts, and pairs of crops that people voted on."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np

from asm_interp.data.crops import CropDataset, CropSample, Note
from asm_interp.data.reading import (
    PhotoFolder,
    assemble,
    clean_boxes,
    extent,
    fault,
    folder_of,
    forms_of,
    numbers,
    read_json,
)
from asm_interp.geometry.boxes import FloatArray, Size

SizeRule = Literal["photo", "windows"]

_FILES = {"train": "cropping_training_set.json", "test": "cropping_testing_set.json"}
_RANKING = "ranking_annotation.json"
# Sides of the crops that people voted on, relative to the photo's; as binary fractions, where ⌊.7 · 680⌋ is 475.
_SCALES = (0.5, 0.6, 0.7, 0.8)
_WINDOW_SCALES = (*_SCALES, 0.9)
_LONG_SIDES = {"_c": 800, "_b": 1024}  # pixels at most, by the end of a Flickr photo's name


def read_fcdb(root: str | os.PathLike[str], sizes: SizeRule = "photo") -> CropDataset:
    """Read FCDB's crops; the photos need not be there.

    Parameters
    ----------
    root : path
        A folder with `cropping_training_set.json` and `cropping_testing_set.json`, or one of them itself.
        Photos are in `images/` or `data/`.
    sizes : str
        How a photo's size is inferred. "photo": its own, from the ranked crops. "windows": as far as the data
        set's sliding windows and the crop reach, about 2 % less, which the published floors of a whole photo
        (IoU .647, displacement .0975) stand on.

    Returns
    -------
    CropDataset
        One box a photo, without scores. A crop that leaves its photo is cut and noted; by one pixel is known.

    Raises
    ------
    DatasetError
        If there are no annotations or they are not of their form; the message names the file.

    Notes
    -----
    The crops of `ranking_annotation.json` measure ⌊.5 S⌋, ⌊.6 S⌋, ⌊.7 S⌋ and ⌊.8 S⌋ for a photo's side S, which
    tells S up to the choice between 10 k and 10 k + 1; the smaller is taken where the crop allows. Without that
    file, the longer side is 800 or 1024 by the photo's name, and the rest as far as the crop reaches.

    References
    ----------
    Chen et al., "Quantitative Analysis of Automatic Image Cropping Algorithms: A Dataset and Comparative Study",
    WACV 2017.
    """
    if sizes not in ("photo", "windows"):
        raise ValueError(f"sizes is 'photo' or 'windows', got {sizes!r}")
    folder = folder_of(root)
    files = fcdb_sources(root)
    photos = PhotoFolder(folder)
    notes = [Note("missing file", path.name) for path in map(folder.joinpath, _FILES.values()) if not path.is_file()]
    sides: dict[str, FloatArray] = {}
    if (folder / _RANKING).is_file():
        sides = {name: pairs[..., 2:].reshape(-1, 2) for name, pairs, _ in _ranking(folder / _RANKING)}
    else:
        notes.append(Note("missing file", _RANKING, "sizes of missing photos are a rough guess"))
    samples = []
    for path in files:
        split = "test" if "test" in path.stem else "train"
        for name, crop in _crops(path):
            size, off = _photo_size(name, crop, sides.get(name))
            beyond = max(extent(crop)[0] - size[0], extent(crop)[1] - size[1])
            boxes, _, new = clean_boxes(name, crop, size, known=beyond == 1)
            notes += off + new
            if not len(boxes):
                notes.append(Note("photo without crops", name))
                continue
            samples.append(
                CropSample(
                    id=name,
                    boxes=boxes,
                    split=split,
                    photo_path=photos.path(name, split),
                    photo_size=size if sizes == "photo" else _reach(size, boxes),
                    size_is_inferred=True,
                )
            )
    return assemble("fcdb" if sizes == "photo" else "fcdb (window sizes)", folder, samples, notes)


def read_fcdb_ranking(root: str | os.PathLike[str]) -> CropDataset:
    """Read FCDB's ten pairs of crops a photo that five people each voted on; the photos need not be there.

    Parameters
    ----------
    root : path
        A folder with `ranking_annotation.json`, or that file.

    Returns
    -------
    CropDataset
        20 boxes a photo; a crop's score is its number of votes and compares with the other one of its pair
        only, as `CropSample.pairs` says. Photos whose crop is in the test set are in the split "test".

    Raises
    ------
    DatasetError
        If the file is missing or not of its form.
    """
    folder = folder_of(root)
    path = folder / _RANKING if folder == Path(root) else Path(root)
    photos = PhotoFolder(folder)
    test_file = folder / _FILES["test"]
    test = {name for name, _ in _crops(test_file)} if test_file.is_file() else set()
    notes = [] if test else [Note("missing file", test_file.name, "all photos are in the split train")]
    samples = []
    for name, pairs, votes in _ranking(path):
        corners = _corners(pairs.reshape(-1, 4))
        size, off = _photo_size(name, corners, pairs[..., 2:].reshape(-1, 2))
        boxes, kept, new = clean_boxes(name, corners, size)
        notes += off + new
        if not kept.all():
            raise fault(f"{path}: {name}", "boxes with an area", new[0].detail)
        split = "test" if name in test else "train"
        samples.append(
            CropSample(
                id=name,
                boxes=boxes,
                scores=votes.ravel(),
                pairs=np.arange(len(boxes)).reshape(-1, 2),
                split=split,
                photo_path=photos.path(name, split),
                photo_size=size,
                size_is_inferred=True,
            )
        )
    return assemble("fcdb-ranking", path, samples, notes)


def fcdb_sources(root: str | os.PathLike[str]) -> list[Path]:
    """The files of crops that are there: of the train set, of the test set.

    Raises
    ------
    DatasetError
        If there is none.
    """
    return forms_of(root, _files, " or ".join(_FILES.values()))


def _files(folder: Path) -> list[Path]:
    return [folder / name for name in _FILES.values() if (folder / name).is_file()]


def _name(entry: Any, key: str, where: str) -> str:
    if not isinstance(entry, dict) or not {"url", key} <= entry.keys():
        raise fault(where, f"the keys url and {key}", list(entry) if isinstance(entry, dict) else entry)
    return PurePosixPath(str(entry["url"])).name


def _crops(path: Path) -> list[tuple[str, FloatArray]]:
    """Name and crop, [1, 4] as corners, of each photo."""
    rows = []
    for number, entry in enumerate(read_json(path, list)):
        where = f"{path}: entry {number}"
        name = _name(entry, "crop", where)
        rows.append((name, _corners(numbers([entry["crop"]], 4, where))))
    return rows


def _ranking(path: Path) -> list[tuple[str, FloatArray, FloatArray]]:
    """Name, pairs [P, 2, 4] of x y w h, and votes [P, 2] of each photo."""
    keys = ("crop_0", "crop_1", "vote_for_0", "vote_for_1")
    rows = []
    for number, entry in enumerate(read_json(path, list)):
        where = f"{path}: entry {number}"
        name = _name(entry, "crops", where)
        try:
            flat = [
                [*pair["crop_0"], *pair["crop_1"], pair["vote_for_0"], pair["vote_for_1"]] for pair in entry["crops"]
            ]
        except (TypeError, KeyError) as error:
            raise fault(where, f"pairs with {', '.join(keys)}", repr(error)) from error
        table = numbers(flat, 10, where)
        rows.append((name, table[:, :8].reshape(-1, 2, 4), table[:, 8:]))
    return rows


def _corners(boxes: FloatArray) -> FloatArray:
    """x1 y1 x2 y2 from x y w h."""
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def _photo_size(name: str, boxes: FloatArray, sides: FloatArray | None) -> tuple[Size, list[Note]]:
    """Height and width, from `sides` [N, 2] (width, height) of the ranked crops, else from the name and `boxes`."""
    height, width = extent(boxes)
    notes = []
    if sides is not None:
        exact = [_side(tuple(np.unique(sides[:, axis])), needed) for axis, needed in ((1, height), (0, width))]
        if exact[0] and exact[1]:
            return (exact[0], exact[1]), []
        notes = [Note("off the scales", name, "ranked crops are not .5 to .8 of a photo, so its size is a guess")]
    longest = _LONG_SIDES.get(name.rpartition(".")[0][-2:], 0)
    return ((height, max(width, longest)) if width >= height else (max(height, longest), width)), notes


@lru_cache(maxsize=8192)
def _side(cuts: tuple[float, ...], needed: int) -> int | None:
    """The side of a photo whose ranked crops have these sides; if several fit, the smallest that holds `needed`."""
    guess = int(max(cuts) / _SCALES[-1])
    fits = [side for side in range(guess - 1, guess + 3) if [int(side * scale) for scale in _SCALES] == list(cuts)]
    return next((side for side in fits if side >= needed), fits[-1]) if fits else None


def _reach(size: Size, boxes: FloatArray) -> Size:
    """How far the sliding windows of FCDB's evaluation and the crop reach."""

    def reach(side: int) -> int:
        widths = [int(side * scale) for scale in _WINDOW_SCALES]
        return max(range(0, side - width, (side - width) // 5 or 1)[-1] + width for width in widths)

    height, width = extent(boxes)
    return max(reach(size[0]), height), max(reach(size[1]), width)
