"""What figures are made from: checkpoints, photos, crops with scores. Opened once, and noted where it is used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from asm_interp.analysis.statistics import Resampling
from asm_interp.data.crops import CropDataset, CropSample
from asm_interp.data.photo import Photo, photo_paths, read_photo, sample_photos
from asm_interp.data.planted import PlantedWorld, Weights, shapes_world
from asm_interp.data.registry import KINDS, read_dataset
from asm_interp.files import file_digest
from asm_interp.model.asmnet import ASMNet
from asm_interp.model.checkpoint import DEFAULT_CHECKPOINT, find, list_checkpoints, load, read_card
from asm_interp.model.score_map import ScoreMap

MAX_PHOTOS = 12
"""Of a user's folder; the first ones."""

_SAMPLE = "sample photos"
_FAMILY = "checkpoints"
_ROOT = Path(__file__).resolve().parents[2]
_WORLD = ("crops", "n_crops", "best_share", "share_width", "best_area")


@dataclass
class Used:
    """What a figure rests on: SHA-256 of checkpoint files, and digests of data, by name."""

    checkpoints: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Inputs:
    """What figures are made from.

    Attributes
    ----------
    checkpoint : str
        Of figures that show one model of photographs: a name or a path.
    photos : path, optional
        Folder with photos, or one photo; the photographs that come with installed packages if left out.
    data : mapping of str to path
        Folders of data sets with people's scores or crops, by kind.
    audit : path, optional
        Folder that an audit was written to.
    seed : int
        Of all resampling.
    n_scenes : int
        Drawn scenes that models of *shapes* are examined on.
    resamples : int
    used : Used
        What was asked for so far.
    """

    checkpoint: str = DEFAULT_CHECKPOINT
    photos: Path | None = None
    data: Mapping[str, Path] = field(default_factory=dict)
    audit: Path | None = None
    seed: int = 0
    n_scenes: int = 40
    resamples: int = 2000
    used: Used = field(default_factory=Used)
    _opened: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if unknown := [kind for kind in self.data if kind not in KINDS]:
            raise ValueError(f"data sets are {', '.join(KINDS)}, got {', '.join(map(repr, unknown))}")

    def open(self) -> None:
        """Open checkpoint, photos and data sets now, and look for the audit.

        Raises
        ------
        ValueError, OSError
            What is wrong with the first that cannot be read.
        """
        self.model(self.checkpoint)
        self.photographs()
        for kind in self.data:
            self.dataset(kind)
        if self.audit is not None and not (self.audit / "grades.csv").is_file():
            raise ValueError(f"{self.audit}: expected a folder that asm-interp audit wrote, found no grades.csv in it")

    def fresh(self) -> Inputs:
        """The same inputs, of which nothing was used yet; what is open already is shared."""
        return replace(self, used=Used())

    @property
    def how(self) -> Resampling:
        """How intervals are made."""
        return Resampling(self.resamples, self.seed)

    def card(self, checkpoint: str) -> dict[str, Any]:
        """Card of a checkpoint."""
        path = find(checkpoint)
        if checkpoint not in self.used.checkpoints:
            self.used.checkpoints[checkpoint] = file_digest(path)
        return read_card(path)

    def family(self, prefix: str) -> list[str]:
        """Names of the checkpoints at hand that start alike; noted, so that a new member is noticed later.

        Raises
        ------
        ValueError
            If there is none.
        """
        names = _members(prefix)
        if not names:
            raise ValueError(f"no checkpoint at hand is called {prefix}...")
        self.used.data[f"{_FAMILY}:{prefix}*"] = ", ".join(names)
        return names

    def model(self, checkpoint: str) -> ASMNet:
        """The model of a checkpoint."""
        self.card(checkpoint)
        return self._once(("model", checkpoint), lambda: load(checkpoint))  # type: ignore[no-any-return]

    def score_map(self, checkpoint: str, name: str, photo: Photo) -> ScoreMap:
        """Score map of a photo, which its name stands for."""
        model = self.model(checkpoint)
        return self._once(("map", checkpoint, name), lambda: model.score_map(photo))  # type: ignore[no-any-return]

    def photographs(self) -> dict[str, Photo]:
        """The user's photos, or those that come with installed packages."""
        key = _SAMPLE if self.photos is None else f"photos:{self.photos}"
        found: dict[str, Photo] = self._once(("photos", key), lambda: _photographs(self.photos))
        self.used.data[key] = self._once(("digest", key), lambda: _photos_digest(found))
        return found

    def maps(self, checkpoint: str) -> dict[str, ScoreMap]:
        """Score maps of all `photographs`."""
        return {name: self.score_map(checkpoint, name, photo) for name, photo in self.photographs().items()}

    def dataset(self, kind: str) -> CropDataset:
        """The user's data set of a kind, all splits.

        Raises
        ------
        ValueError
            If none was given.
        """
        if kind not in self.data:
            raise ValueError(f"needs --data {kind}:FOLDER")
        key = f"{kind}:{self.data[kind]}"
        found: CropDataset = self._once(("data", key), lambda: _dataset(kind, self.data[kind]))
        self.used.data[key] = self._once(("digest", key), lambda: _crops_digest(found))
        return found

    def scenes(self, checkpoint: str) -> PlantedWorld:
        """Held-out drawn scenes of the world that a model of *shapes* was trained on, with the truth.

        Raises
        ------
        ValueError
            If it was trained on something else.
        """
        world = self.card(checkpoint).get("world") or {}
        if not str(self.card(checkpoint).get("data")).startswith("shapes"):
            raise ValueError(f"{checkpoint}: expected a model of drawn scenes, found one of other photos")
        options = {name: world[name] for name in _WORLD if name in world}
        # Drawn anew each time from numbers in the card and in the library, whose digests stand beside this.
        self.used.data["drawn scenes"] = f"test split, the first {self.n_scenes}"
        return shapes_world(
            "test", n_photos=self.n_scenes, rule=world["rule"], weights=Weights(**world["weights"]), **options
        )

    def _once(self, key: tuple[str, ...], make: Any) -> Any:
        if key not in self._opened:
            self._opened[key] = make()
        return self._opened[key]


def with_photos(dataset: CropDataset, most: int = MAX_PHOTOS) -> Iterator[CropSample]:
    """The first samples whose photos are there."""
    found = (sample for sample in dataset.samples if sample.has_photo)
    yield from (sample for sample, _ in zip(found, range(most), strict=False))


def current_digest(key: str, out: Path) -> str | None:
    """Digest, as it is now, of data under the name that `Used.data` gave them; None if it needs none.

    Parameters
    ----------
    key : str
    out : path
        Folder of the figures; see `located`.

    Raises
    ------
    ValueError, OSError
        If they cannot be read any more.
    """
    kind, _, where = key.partition(":")
    if kind == _FAMILY:
        return ", ".join(_members(where.removesuffix("*")))
    path = located(where, out)
    if key == _SAMPLE or kind == "photos":
        return _photos_digest(_photographs(None if key == _SAMPLE else path))
    if kind in KINDS:
        return _crops_digest(_dataset(kind, path))
    return file_digest(path) if kind == "file" else None


def located(where: str, out: Path) -> Path:
    """Where a path that a figure was made from leads now, from whatever folder it is asked.

    It counts from the first of these where it leads to something: the current folder, the folder of the figures, those
    above it, the library's repository.
    """
    folders = (Path(), out.resolve(), *out.resolve().parents, _ROOT)
    return next((folder / where for folder in folders if (folder / where).exists()), Path(where))


def _members(prefix: str) -> list[str]:
    return [str(name) for name in list_checkpoints()["name"] if str(name).startswith(prefix)]


def _dataset(kind: str, where: Path) -> CropDataset:
    # Sizes of FCDB's photos as far as its windows reach: what published floors stand on.
    return read_dataset(kind, where, **({"sizes": "windows"} if kind == "fcdb" else {}))


def _photographs(where: Path | None) -> dict[str, Photo]:
    if where is None:
        return sample_photos()
    paths = photo_paths(where)[:MAX_PHOTOS]
    return {path.stem: read_photo(path) for path in paths}


def _photos_digest(photos: Mapping[str, Photo]) -> str:
    sha = hashlib.sha256()
    for name, photo in photos.items():
        sha.update(f"{name} {photo.shape}".encode())
        sha.update(photo.tobytes())
    return sha.hexdigest()


def _crops_digest(dataset: CropDataset) -> str:
    """Of ids, boxes and scores: the same for all forms of one data set's annotations."""
    sha = hashlib.sha256(str(len(dataset)).encode())
    for sample in sorted(dataset.samples, key=lambda sample: sample.id):
        sha.update(f"{sample.id} {sample.split}".encode())
        sha.update(np.ascontiguousarray(sample.boxes, dtype="<f8").tobytes())
        if sample.scores is not None:
            sha.update(np.ascontiguousarray(sample.scores, dtype="<f8").tobytes())
    return sha.hexdigest()
