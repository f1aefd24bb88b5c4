"""Crops of one's own: a table with one row a crop, and the photos beside it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from asm_interp.data.crops import SPLITS, CropDataset, CropSample, Note
from asm_interp.data.reading import PhotoFolder, assemble, clean_boxes, fault, forms_of, split_of
from asm_interp.geometry.boxes import FloatArray, Size

if TYPE_CHECKING:
    import pandas as pd

_FILES = ("crops.csv", "crops.parquet")
_BOX, _SIZE = ["x1", "y1", "x2", "y2"], ["height", "width"]


def read_table(root: str | os.PathLike[str]) -> CropDataset:
    """Read a table of crops; the photos need not be there.

    Parameters
    ----------
    root : path
        A folder with `crops.csv`, else `crops.parquet`; or a .csv or .parquet file itself. Of its columns are read

        - photo: path in the folder's `images/`, else in the folder itself;
        - x1, y1, x2, y2: the crop in photo pixels;
        - score, if any: higher is better. Without scores each crop is a best one, as FLMS has them;
        - split, if any: train, val or test. Without the column all photos are for the test;
        - width, height, if any: of the photo in pixels. Without them its header tells, so it has to be there.

    Returns
    -------
    CropDataset
        Photos in the order of their first rows. Dropped are rows without a score beside others with one, rows with
        photo, box and score of an earlier one, and boxes that are negative or have no area; swapped corners are put
        right, and boxes cut to width and height. A split of another name is none. All are noted by row, from 1 below
        the header.

    Raises
    ------
    DatasetError
        If there is no such table, a cell is not of its form, or the rows of a photo contradict each other; the
        message names the file, and the row or the photo.
    """
    source = table_sources(root)[0]
    rows = _rows(source)
    has_scores = bool(rows["score"].notna().any())
    unscored = rows["score"].isna() & has_scores
    repeated = rows.duplicated(["photo", *_BOX, "score"]) & ~unscored
    notes = _notes("dropped row", "expected a score, as others have, found none", rows[unscored])
    notes += _notes("dropped row", "repeats an earlier one: {x1:g} {y1:g} {x2:g} {y2:g}", rows[repeated])
    unknown = rows[~rows["split"].isin([*SPLITS, ""])]
    notes += _notes("unknown split", f"expected {', '.join(SPLITS)} or nothing, found {{split}}", unknown)
    names = rows["photo"].tolist()
    listed = {split: rows["photo"][rows["split"] == split].unique() for split in SPLITS}
    splits = split_of(dict.fromkeys(names), listed, source)
    places: dict[str, list[int]] = {name: [] for name in splits}
    for place in np.flatnonzero(~(unscored | repeated)).tolist():
        places[names[place]].append(place)
    boxes, scores, sizes = (rows[columns].to_numpy() for columns in (_BOX, "score", _SIZE))
    photos, samples = PhotoFolder(source.parent), []
    for name, own in places.items():
        size = _size(sizes[own], f"{source}: {name}")
        clean, kept, new = clean_boxes(name, boxes[own], size)
        sound = kept.copy()
        sound[kept] = (clean == boxes[own][kept]).all(axis=1)  # each of the others has one note
        for i, note in zip(np.flatnonzero(~sound), new, strict=True):
            notes.append(replace(note, where=f"{name}, row {own[i] + 1}"))
        if not len(clean):
            notes.append(Note("photo without crops", name))
            continue
        given = (place / name for place in (photos.folder, source.parent))
        samples.append(
            CropSample(
                id=name,
                boxes=clean,
                scores=scores[own][kept] if has_scores else None,
                split=splits[name],
                photo_path=next((path for path in given if path.is_file()), photos.path(name, "")),
                photo_size=size,
            )
        )
    return assemble("table", source, samples, notes)


def table_sources(root: str | os.PathLike[str]) -> list[Path]:
    """Every form of the table that is there, the one that is read first.

    Raises
    ------
    DatasetError
        If there is none.
    """
    return forms_of(root, _files, " or ".join(_FILES))


def _files(folder: Path) -> list[Path]:
    return [folder / name for name in _FILES if (folder / name).is_file()]


def _rows(path: Path) -> pd.DataFrame:
    """All columns by row number; an empty cell is "" among texts, NaN among numbers."""
    import pandas as pd

    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype="str")
    except (OSError, ValueError) as error:
        raise fault(path, "a CSV or .parquet table", str(error).strip()) from error
    if path.suffix != ".parquet" and not isinstance(table.index, pd.RangeIndex):
        raise fault(path, "as many values in a row as names in the header", "more")
    if not {"photo", *_BOX} <= set(table.columns):
        raise fault(path, f"the columns photo, {', '.join(_BOX)}", ", ".join(map(str, table.columns)))
    rows = table.reindex(columns=["photo", *_BOX, "score", "split", *_SIZE]).set_axis(range(1, len(table) + 1))
    for name in ("photo", "split"):
        rows[name] = np.where(rows[name].isna(), "", rows[name].astype(str)) if name in table else "test"
    for name in [*_BOX, "score", *_SIZE]:
        values = pd.to_numeric(rows[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        wrong = ~np.isfinite(values) & (rows[name].notna() | (name in _BOX))
        if wrong.any():
            raise fault(f"{path}, row {wrong.idxmax()}", f"a finite number under {name}", rows[name][wrong.idxmax()])
        rows[name] = values
    if (nameless := rows["photo"] == "").any():
        raise fault(f"{path}, row {nameless.idxmax()}", "the path of a photo", "none")
    return rows


def _size(given: FloatArray, where: str) -> Size | None:
    """Height and width of a photo from its rows, [K, 2]; None if they say nothing."""
    sizes = np.unique(given[~np.isnan(given).all(axis=1)], axis=0)
    if len(sizes) > 1 or not np.all((sizes >= 1) & (sizes % 1 == 0)):
        raise fault(where, "one height and width, in whole pixels", sizes.tolist())
    return (int(sizes[0, 0]), int(sizes[0, 1])) if len(sizes) else None


def _notes(kind: str, detail: str, rows: pd.DataFrame) -> list[Note]:
    """A note on each row, with its values in the detail."""
    return [Note(kind, f"{row['photo']}, row {n}", detail.format_map(row)) for n, row in rows.to_dict("index").items()]
