"""Score maps that were computed once, kept for as long as memory allows: no view asks the network twice."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from functools import cache
from threading import RLock

import numpy as np
import numpy.typing as npt

from asm_interp.analysis.theta import Center, ThetaMaps, theta_maps
from asm_interp.model.asmnet import ASMNet
from asm_interp.model.checkpoint import load
from asm_interp.model.score_map import ScoreMap
from asm_interp.widgets.kept import fresh

Photo = npt.NDArray[np.uint8]
Key = tuple[str, str]

_MODELS = 24  # two families of ten λ, and some


def digest(photo: Photo) -> str:
    """SHA-1 of a photo's size and pixels."""
    return hashlib.sha1(repr(photo.shape).encode() + np.ascontiguousarray(photo).tobytes()).hexdigest()


class ScoreMaps:
    """Score maps and θ maps by photo and checkpoint; those longest unused are dropped.

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
        self._models: OrderedDict[str, ASMNet] = OrderedDict()
        self._lock = RLock()

    @staticmethod
    def _key(photo: Photo, checkpoint: object) -> Key:
        return str(checkpoint), digest(photo)

    def has(self, photo: Photo, checkpoint: object) -> bool:
        """Whether `get` would answer without the network."""
        return self._key(photo, checkpoint) in self._maps

    def put(self, photo: Photo, checkpoint: object, score_map: ScoreMap) -> None:
        """Keep a map that was made elsewhere, under any name.

        Raises
        ------
        ValueError
            If the map is of a photo of another size.
        """
        if score_map.photo_size != photo.shape[:2]:
            raise ValueError(f"the map is of a photo of {score_map.photo_size} (H, W), this one has {photo.shape[:2]}")
        key = self._key(photo, checkpoint)
        with self._lock:
            self._maps[key] = score_map
            self._maps.move_to_end(key)
            self._thetas.pop(key, None)
            while len(self._maps) > 1 and self.n_bytes > self.max_bytes:
                oldest, _ = self._maps.popitem(last=False)
                self._thetas.pop(oldest, None)

    def get(self, photo: Photo, checkpoint: object) -> ScoreMap:
        """Score map of a photo under a checkpoint, given by name or path.

        Raises
        ------
        CheckpointError
            If there is no such checkpoint.
        """
        key = self._key(photo, checkpoint)
        with self._lock:
            if key in self._maps:
                self._maps.move_to_end(key)
                return self._maps[key]
            self.put(photo, checkpoint, self.model(checkpoint).score_map(photo))
            return self._maps[key]

    def theta(self, photo: Photo, checkpoint: object, center: Center = "none") -> ThetaMaps:
        """θ maps of a photo under a checkpoint; kept with its score map."""
        key = self._key(photo, checkpoint)
        with self._lock:
            score_map = self.get(photo, checkpoint)
            kept = self._thetas.setdefault(key, {})
            if center not in kept:
                kept[center] = theta_maps(score_map, center)
            return kept[center]

    def model(self, checkpoint: object) -> ASMNet:
        """The network of a checkpoint; the last few stay in memory."""
        name = str(checkpoint)
        with self._lock:
            if name not in self._models:
                self._models[name] = load(name)
            return fresh(self._models, name, _MODELS)

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
