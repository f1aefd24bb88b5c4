"""Score maps that were computed once, kept for as long as memory allows: no view asks the network twice."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from threading import RLock
from typing import Literal

import numpy as np
import numpy.typing as npt

from asm_interp.analysis.null_maps import random_head, random_weights
from asm_interp.analysis.theta import Center, ThetaMaps, theta_maps
from asm_interp.files import file_digest
from asm_interp.model.asmnet import ASMNet
from asm_interp.model.checkpoint import CheckpointError, find, load
from asm_interp.model.score_map import ScoreMap
from asm_interp.widgets.kept import fresh

Photo = npt.NDArray[np.uint8]
Weights = Literal["trained", "random head", "random weights"]
"""Those of a checkpoint, or of a null; see `asm_interp.analysis.null_maps`."""

Key = tuple[str, str, Weights, str]
"""Checkpoint, SHA-256 of its file, weights, and digest of the photo: all that a score map depends on."""

_NULLS: dict[Weights, Callable[[ASMNet], ASMNet]] = {"random head": random_head, "random weights": random_weights}
_MODELS = 24  # two families of ten λ, and some


def digest(photo: Photo) -> str:
    """SHA-1 of a photo's size and pixels."""
    return hashlib.sha1(repr(photo.shape).encode() + np.ascontiguousarray(photo).tobytes()).hexdigest()


def _version(checkpoint: str) -> str:
    """SHA-256 of a checkpoint's file as it is now; empty for a name without a file."""
    try:
        return file_digest(find(checkpoint))
    except CheckpointError:
        return ""


class ScoreMaps:
    """Score maps and θ maps by photo and checkpoint; those longest unused are dropped.

    A checkpoint whose file was written anew is read again.

    Parameters
    ----------
    max_bytes : float
        Most that the maps take together. The last one asked for stays, whatever it takes.

    Examples
    --------
    >>> import torch
    >>> from asm_interp.geometry import patterns
    >>> photo = np.zeros((40, 60, 3), np.uint8)
    >>> maps = ScoreMaps()
    >>> maps.put(photo, "by hand", ScoreMap(torch.zeros(1, 4, 6), patterns.get("grid:1x1"), (40, 60)))
    >>> maps.has(photo, "by hand"), maps.has(photo[1:], "by hand")
    (True, False)
    """

    def __init__(self, max_bytes: float = 1e9) -> None:
        self.max_bytes = max_bytes
        self._maps: OrderedDict[Key, ScoreMap] = OrderedDict()
        self._thetas: dict[Key, dict[Center, ThetaMaps]] = {}
        self._models: OrderedDict[tuple[str, str], ASMNet] = OrderedDict()
        self._read: dict[str, str] = {}
        self._lock = RLock()

    @staticmethod
    def key(photo: Photo, checkpoint: object, weights: Weights = "trained") -> Key:
        """What tells a score map, as it would be made now, from all others."""
        name = str(checkpoint)
        return name, _version(name), weights, digest(photo)

    def has(self, photo: Photo, checkpoint: object, weights: Weights = "trained") -> bool:
        """Whether `get` would answer without the network."""
        return self.key(photo, checkpoint, weights) in self._maps

    def put(self, photo: Photo, checkpoint: object, score_map: ScoreMap) -> None:
        """Keep a map that was made elsewhere, under any name.

        Raises
        ------
        ValueError
            If the map is of a photo of another size.
        """
        if score_map.photo_size != photo.shape[:2]:
            raise ValueError(f"the map is of a photo of {score_map.photo_size} (H, W), this one has {photo.shape[:2]}")
        self._keep(self.key(photo, checkpoint), score_map)

    def _keep(self, key: Key, score_map: ScoreMap) -> None:
        with self._lock:
            self._maps[key] = score_map
            self._maps.move_to_end(key)
            self._thetas.pop(key, None)
            while len(self._maps) > 1 and self.n_bytes > self.max_bytes:
                oldest, _ = self._maps.popitem(last=False)
                self._thetas.pop(oldest, None)

    def get(self, photo: Photo, checkpoint: object, weights: Weights = "trained") -> ScoreMap:
        """Score map of a photo under a checkpoint, given by name or path, or under one of its nulls.

        Raises
        ------
        CheckpointError
            If there is no such checkpoint.
        """
        return self._get(self.key(photo, checkpoint, weights), photo)

    def _get(self, key: Key, photo: Photo) -> ScoreMap:
        name, version, weights, _ = key
        with self._lock:
            if key not in self._maps:
                model = self.model(name)
                self._keep(key, (_NULLS[weights](model) if weights in _NULLS else model).score_map(photo))
            self._maps.move_to_end(key)
            self._read[name] = version
            return self._maps[key]

    def require(self, checkpoint: object) -> None:
        """Pass where maps can be had: a checkpoint, which is loaded, or a name that one was `put` under.

        Raises
        ------
        CheckpointError
            If there is no such checkpoint; the message lists the names there are.
        """
        with self._lock:
            if all(key[0] != str(checkpoint) for key in self._maps):
                self.model(checkpoint)

    def theta(
        self, photo: Photo, checkpoint: object, center: Center = "none", weights: Weights = "trained"
    ) -> ThetaMaps:
        """θ maps of what `get` returns; kept with it."""
        key = self.key(photo, checkpoint, weights)
        with self._lock:
            score_map = self._get(key, photo)
            kept = self._thetas.setdefault(key, {})
            if center not in kept:
                kept[center] = theta_maps(score_map, center)
            return kept[center]

    def model(self, checkpoint: object) -> ASMNet:
        """The network of a checkpoint; the last few stay in memory."""
        name = str(checkpoint)
        version = _version(name)
        with self._lock:
            if (name, version) not in self._models:
                self._models[name, version] = load(name)
            self._read[name] = version
            return fresh(self._models, (name, version), _MODELS)

    def sha256(self, checkpoint: object) -> str:
        """SHA-256 of the file that a checkpoint was read from when it was last asked for; empty for other names."""
        return self._read.get(str(checkpoint), "")

    @property
    def n_bytes(self) -> int:
        """Bytes of the score maps, and of θ maps if they were asked for."""
        scores = sum(each.values.nbytes for each in self._maps.values())
        return scores + sum(
            theta.avg.nbytes + theta.std.nbytes for kept in self._thetas.values() for theta in kept.values()
        )


@cache
def shared_maps() -> ScoreMaps:
    """The one that views use unless they are given another, so that they share what was computed."""
    return ScoreMaps()
