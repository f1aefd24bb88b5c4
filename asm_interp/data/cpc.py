"""CPC: photos with 24 crops each, scored by several people."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

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
    read_text,
)
from asm_interp.geometry.boxes import FloatArray

CROPS = 24
"""Crops a photo."""

_JSON, _RAW = "image_crop.json", "CollectedAnnotationsRaw"
_VALIDATION = 2000  # photos, or a fifth of a smaller set

_Row = tuple[str, FloatArray, FloatArray]  # name, boxes [K, 4], scores [K]


def read_cpc(root: str | os.PathLike[str], seed: int = 0) -> CropDataset:
    """Read CPC, raw or condensed; the photos need not be there.

    Parameters
    ----------
    root : path
        A folder with `image_crop.json`, else `CollectedAnnotationsRaw/` (one text a photo); or one of these
        itself. Photos are in `images/`.
    seed : int
        Which 2000 photos are for validation; of fewer than 10,000, a fifth. The choice depends on the names
        alone, not on their order or form.

    Returns
    -------
    CropDataset
        A crop's score is its mean over the annotators. CPC has no published split; ours is train and val. Photo
        sizes are inferred as the extent of the crops, which may be too small.

    Raises
    ------
    DatasetError
        If there are no annotations or they are not of their form; the message names the file.

    References
    ----------
    Wei et al., "Good View Hunting: Learning Photo Composition from Dense View Pairs", CVPR 2018.
    """
    source = cpc_sources(root)[0]
    photos = PhotoFolder(source.parent)
    rows = list(_from_raw(source) if source.is_dir() else _from_json(source))
    names = sorted(name for name, _, _ in rows)
    order = np.random.default_rng(seed).permutation(len(names))
    validation = {names[i] for i in order[: min(_VALIDATION, len(names) // 5)]}
    samples, notes = [], []
    for name, boxes, scores in rows:
        clean, kept, new = clean_boxes(name, boxes)
        notes += new
        if len(boxes) != CROPS:
            notes.append(Note("number of crops", name, f"{len(boxes)}, of {CROPS}"))
        if not len(clean):
            notes.append(Note("photo without crops", name))
            continue
        split = "val" if name in validation else "train"
        samples.append(
            CropSample(
                id=name,
                boxes=clean,
                scores=scores[kept],
                split=split,
                photo_path=photos.path(name, split),
                photo_size=extent(clean),
                size_is_inferred=True,
            )
        )
    return assemble("cpc", source, samples, notes)


def cpc_sources(root: str | os.PathLike[str]) -> list[Path]:
    """Every form of the annotations that is there, the one that is read first.

    Raises
    ------
    DatasetError
        If there is none.
    """
    return forms_of(root, _forms, f"{_JSON} or {_RAW}/")


def _forms(folder: Path) -> list[Path]:
    sources = [path for path in (folder / _JSON, folder / _RAW) if path.exists()]
    if not sources and any(folder.glob("*.txt")):
        return [folder]  # the folder of texts itself
    return sources


def _from_json(path: Path) -> Iterator[_Row]:
    for name, entry in read_json(path, dict).items():
        where = f"{path}: {name}"
        boxes, scores = _entry(entry, where)
        yield _row(where, name, boxes, numbers(scores, 0, where))


def _from_raw(folder: Path) -> Iterator[_Row]:
    for path in sorted(folder.glob("*.txt")):
        try:
            entry = json.loads(read_text(path))
            if isinstance(entry, str):  # as published: a JSON string that holds JSON
                entry = json.loads(entry)
        except json.JSONDecodeError as error:
            raise fault(path, "a JSON string that holds JSON", error) from error
        boxes, scores = _entry(entry, path)
        yield _row(str(path), path.stem, boxes, numbers(scores, len(boxes), path).mean(axis=0))


def _entry(entry: Any, where: object) -> tuple[FloatArray, Any]:
    if not isinstance(entry, dict) or not {"bboxes", "scores"} <= entry.keys():
        found = list(entry) if isinstance(entry, dict) else entry
        singular = "; singular keys are GAICD's" if isinstance(entry, dict) and "bbox" in entry else ""
        raise fault(where, "the keys bboxes and scores", f"{found}{singular}")
    if not entry["scores"] or not entry["bboxes"]:
        raise fault(where, "boxes and their scores", "none")
    return numbers(entry["bboxes"], 4, where), entry["scores"]


def _row(where: str, name: str, boxes: FloatArray, scores: FloatArray) -> _Row:
    if len(scores) != len(boxes):
        raise fault(where, "one score a box", f"{len(boxes)} boxes, {len(scores)} scores")
    return name, boxes, scores
