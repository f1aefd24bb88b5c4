"""Whether a data set on disk is what was published: counts, faults of the annotations, and the photos."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asm_interp.data.crops import SPLITS, CropDataset, CropSample, Note
from asm_interp.data.photo import PhotoError, read_photo
from asm_interp.data.registry import annotation_forms, read_dataset
from asm_interp.geometry.boxes import FloatArray

# Versions of each data set; the one that agrees best is compared with.
_PUBLISHED: dict[str, list[dict[str, int]]] = {
    "gaicd": [
        {"photos": 1236, "crops": 106_853, "train": 1036, "test": 200},
        {"photos": 1236, "crops": 106_853, "train": 1000, "val": 36, "test": 200},
        {"photos": 3336, "train": 2636, "val": 200, "test": 500},
    ],
    "cpc": [],
    "fcdb": [{"photos": 1714, "train": 1369, "test": 345}, {"photos": 1743, "train": 1395, "test": 348}],
    "fcdb-ranking": [{"photos": 3362, "pairs": 33_620}],
    "flms": [{"photos": 500, "crops": 4988, "test": 500}],
    "table": [],
}
_SCORE_RANGE = {"gaicd": (1.0, 5.0), "fcdb-ranking": (0.0, 5.0)}
_HISTOGRAMS = {"gaicd": (8, (1.0, 5.0)), "fcdb-ranking": (6, (-0.5, 5.5))}  # bins and range
_SIZES_ARE_EXACT = ("gaicd", "fcdb", "fcdb-ranking")  # as inferred, to within `_PIXELS`
_PIXELS = 2  # by which a photo may differ from its inferred size, and a box pass its photo's edge
_NAMED = 5  # notes of one kind that the text names


@dataclass(frozen=True)
class Count:
    """How many there are, and how many were published (None: not known, or varies)."""

    what: str
    found: int
    published: int | None


@dataclass(frozen=True, eq=False)
class CheckReport:
    """What `check_dataset` found.

    Attributes
    ----------
    kind : str
    root : Path
    files : tuple of Path
        Forms of the annotations that were read and compared.
    counts : tuple of Count
        Photos, crops, pairs, and photos of each split.
    notes : tuple of Note
        Everything out of order, known or not.
    missing_photos : tuple of Path
        Where photos should be and are not; no fault.
    photos_read : int
        Photos that were opened.
    scores : array of float64, [N]
        All crops' scores; empty if the data set has none.
    """

    kind: str
    root: Path
    files: tuple[Path, ...]
    counts: tuple[Count, ...]
    notes: tuple[Note, ...]
    missing_photos: tuple[Path, ...]
    photos_read: int
    scores: FloatArray

    @property
    def faults(self) -> tuple[Note, ...]:
        """Notes on faults beyond those that are known of the published files."""
        return tuple(note for note in self.notes if not note.known)

    @property
    def ok(self) -> bool:
        """Whether there are no such faults."""
        return not self.faults

    def histogram(self) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """Crops by score, [n], and the edges of the bins, [n + 1]; empty if there are no scores."""
        if not len(self.scores):
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        bins, limits = _HISTOGRAMS.get(self.kind, (8, (float(self.scores.min()), float(self.scores.max()))))
        counts, edges = np.histogram(self.scores, bins=bins, range=limits)
        return counts, edges

    def text(self) -> str:
        """The report, for people to read; every fault beyond the known ones is named."""
        lines = [f"{self.kind} in {self.root}", "  read " + ", ".join(path.name for path in self.files), ""]
        for count in self.counts:
            published = "" if count.published is None else f"  published {count.published:,}"
            lines.append(f"  {count.what:<8}{count.found:>9,}{published}")
        present = self.photos_read
        lines.append(f"  photos on disk {present:,}, missing {len(self.missing_photos):,}")
        lines += [f"    missing {path}" for path in self.missing_photos[:_NAMED]]
        lines += self._note_lines()
        if len(self.scores):
            counts, edges = self.histogram()
            lines += ["", f"  scores: mean {self.scores.mean():.3f}, standard deviation {self.scores.std():.3f}"]
            for n, low, high in zip(counts, edges, edges[1:], strict=False):
                lines.append(f"  {low:7.2f} to {high:5.2f} {n:>8,} {'█' * round(40 * n / counts.max())}")
        verdict = "nothing beyond the known faults" if self.ok else f"{len(self.faults)} faults beyond the known ones"
        return "\n".join([*lines, "", verdict])

    def _note_lines(self) -> list[str]:
        lines = []
        groups = Counter((note.known, note.kind) for note in self.notes)
        for (known, kind), n in sorted(groups.items()):
            lines += ["", f"  {kind}: {n:,} {'known' if known else 'NOT KNOWN'}"]
            members = [note for note in self.notes if (note.known, note.kind) == (known, kind)]
            shown = members[: 3 * _NAMED] if known else members
            lines += [f"    {note.where}: {note.detail}".rstrip(": ") for note in shown]
            lines += [f"    and {n - len(shown):,} more"] if len(shown) < n else []
        return lines


def check_dataset(kind: str, root: str | os.PathLike[str], *, decode: bool = True) -> CheckReport:
    """Read all of a data set and report what differs from the published one; nothing is changed.

    Where the annotations are there in several forms, each is read and they are compared.

    Parameters
    ----------
    kind : str
        One of `registry.KINDS`.
    root : path
        As for its loader.
    decode : bool
        Whether photos are decoded, so that damaged ones are found (about 10 ms each); else only their sizes are
        read.

    Raises
    ------
    ValueError
        If there is no such kind, or the annotations are not there or not of their form.
    """
    files = annotation_forms(kind, root)
    forms = [read_dataset(kind, file) for file in files]
    dataset = forms[0]
    notes = dict.fromkeys(note for form in forms for note in form.notes)  # each once, in order
    notes |= dict.fromkeys(_differences(forms, files))
    counts, unexpected = _counts(kind, dataset)
    notes |= dict.fromkeys(unexpected)
    samples: list[CropSample] = list(dataset.samples)
    missing, read = [], 0
    for sample in samples:
        path = sample.photo_path
        if path is None or not path.is_file():
            missing.append(path or Path(sample.id))
        else:
            read += 1
            notes |= dict.fromkeys(_photo_notes(kind, sample, path, decode))
    scores = [sample.scores for sample in samples if sample.scores is not None]
    values = np.concatenate(scores) if scores else np.zeros(0)
    notes |= dict.fromkeys(_score_notes(kind, samples))
    return CheckReport(kind, Path(root), tuple(files), counts, tuple(notes), tuple(missing), read, values)


def _counts(kind: str, dataset: CropDataset) -> tuple[tuple[Count, ...], list[Note]]:
    found = {"photos": len(dataset), "crops": sum(len(sample.boxes) for sample in dataset.samples)}
    pairs = sum(len(sample.pairs) for sample in dataset.samples if sample.pairs is not None)
    found |= {"pairs": pairs} if pairs else {}
    members = Counter(sample.split for sample in dataset.samples)
    found |= {split: members[split] for split in SPLITS if members[split]}
    versions = _PUBLISHED[kind]
    published = max(versions, key=lambda v: sum(found.get(k, 0) == n for k, n in v.items()), default={})
    names = [*found, *(name for name in published if name not in found)]
    counts = tuple(Count(name, found.get(name, 0), published.get(name)) for name in names)
    notes = [
        Note("count", count.what, f"{count.found:,}, published {count.published:,}")
        for count in counts
        if count.published is not None and count.found != count.published
    ]
    return counts, notes


def _differences(forms: list[CropDataset], files: list[Path]) -> list[Note]:
    """What the first form and the others do not have in common."""
    notes = []
    first = {sample.id: sample for sample in forms[0].samples}
    for other, file in zip(forms[1:], files[1:], strict=True):
        pair = f"{files[0].name} and {file.name}"
        second = {sample.id: sample for sample in other.samples}
        notes += [Note("forms differ", name, f"only in one of {pair}") for name in sorted(first.keys() ^ second.keys())]
        for name in first.keys() & second.keys():
            a, b = _table(first[name]), _table(second[name])
            if a.shape != b.shape or not np.allclose(a, b, atol=0.006):  # scores may be rounded to two digits
                notes.append(Note("forms differ", name, f"other crops or scores in {pair}"))
    return notes


def _table(sample: CropSample) -> FloatArray:
    """Boxes and scores in an order that does not depend on the file's."""
    table = sample.boxes if sample.scores is None else np.column_stack([sample.boxes, sample.scores])
    ordered: FloatArray = table[np.lexsort(table.T[::-1])]
    return ordered


def _photo_notes(kind: str, sample: CropSample, path: Path, decode: bool) -> list[Note]:
    try:
        height, width = read_photo(path).shape[:2] if decode else sample.size()
    except PhotoError as error:
        return [Note("unreadable photo", str(path), str(error))]
    notes = []
    size = sample.photo_size
    exact = size is not None and (kind in _SIZES_ARE_EXACT or not sample.size_is_inferred)
    if size is not None and exact and max(abs(height - size[0]), abs(width - size[1])) > _PIXELS:
        detail = f"{height}×{width}, where its annotations are for {size[0]}×{size[1]}"
        notes.append(Note("photo of another size", str(path), detail))
    beyond = np.flatnonzero((sample.boxes[:, 2:] > np.array([width, height]) + _PIXELS).any(axis=1))
    if len(beyond):
        detail = f"box {beyond[0]} leaves the photo of {height}×{width} ({len(beyond)} such boxes)"
        notes.append(Note("box leaves its photo", sample.id, detail))
    return notes


def _score_notes(kind: str, samples: list[CropSample]) -> list[Note]:
    low, high = _SCORE_RANGE.get(kind, (-np.inf, np.inf))
    notes = []
    for sample in samples:
        scores = np.zeros(0) if sample.scores is None else sample.scores
        beyond = scores[(scores < low) | (scores > high)]
        if len(beyond):
            notes.append(Note("score out of range", sample.id, f"{beyond[0]:g}, not in {low:g} to {high:g}"))
    return notes
