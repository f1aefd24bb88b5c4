"""Photos as the network takes them: resized, normalised, with crops in map pixels; prepared once and kept in memory."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from asm_interp.data.cache import PhotoCache
from asm_interp.data.crops import CropDataset, CropSample
from asm_interp.data.saliency import saliency_cached, spectral_residual
from asm_interp.geometry.boxes import FloatArray, Size
from asm_interp.model.asmnet import network_input, network_size


class ScoredPhoto(Protocol):
    """What training needs of a sample: a photo [H, W, 3] uint8, boxes [K, 4] in its pixels and scores [K]."""

    @property
    def id(self) -> str: ...  # noqa: D102

    @property
    def photo(self) -> npt.NDArray[np.uint8]: ...  # noqa: D102

    @property
    def boxes(self) -> FloatArray: ...  # noqa: D102

    @property
    def scores(self) -> FloatArray | None: ...  # noqa: D102


class ScoredPhotos(Protocol):
    """What training needs of a data set; index i always gives the same sample, with scores."""

    def __len__(self) -> int: ...

    @property
    def is_symmetric(self) -> bool:
        """Whether a mirrored photo's mirrored crops have the same scores."""
        ...

    def photo_size(self, index: int, /) -> Size:
        """Height and width of a photo, without decoding it."""
        ...

    def __getitem__(self, index: int, /) -> ScoredPhoto: ...


def cache_folder() -> Path:
    """Where derived data are kept between runs: ``asm_interp`` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "asm_interp"


class PublishedPhotos:
    """Photos of a published data set that are on disk, at network size and from a cache: decoded once.

    Boxes are scaled with their photo, and clipped to it where annotations pass its edge.

    Parameters
    ----------
    dataset : CropDataset
        With scores.
    input_size : int
        Shorter side of the network's input.
    cache : PhotoCache, optional
        By default in `cache_folder`.

    Attributes
    ----------
    n_missing : int
        Photos of the data set that are not on disk, and so left out.
    """

    is_symmetric = True  # people's scores have no left and right that we know of

    def __init__(self, dataset: CropDataset, input_size: int, cache: PhotoCache | None = None) -> None:
        self.dataset = dataset.where(lambda sample: sample.has_photo)
        self.n_missing = len(dataset) - len(self.dataset)
        self.input_size = input_size
        self.cache = cache or PhotoCache(cache_folder() / "photos")

    def __len__(self) -> int:
        return len(self.dataset)

    def photo_size(self, index: int) -> Size:
        """Height and width at network size."""
        return network_size(self.dataset.photo_size(index), self.input_size)

    def __getitem__(self, index: int) -> CropSample:
        sample = self.dataset[index]
        assert sample.photo_path is not None  # has_photo
        if sample.scores is None:
            raise ValueError(f"{sample.id}: expected crops with scores to learn from, found none")
        height, width = sample.size()
        h, w = network_size((height, width), self.input_size)
        boxes = (sample.boxes * np.array([w / width, h / height] * 2)).clip(0, [w, h, w, h])
        inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        photo = self.cache.read(sample.photo_path, (h, w))
        return replace(sample, boxes=boxes[inside], scores=sample.scores[inside], pixels=photo, photo_size=(h, w))


@dataclass(frozen=True, eq=False)
class NetworkPhoto:
    """One photo, ready for the network.

    id; image [3, h, w] float32, normalised; boxes [K, 4] float64 in map pixels; scores [K] float64;
    saliency [h, w] float32, empty if not asked for.
    """

    id: str
    image: Tensor
    boxes: Tensor
    scores: Tensor
    saliency: Tensor

    def mirrored(self) -> NetworkPhoto:
        """Left to right."""
        x1, y1, x2, y2 = self.boxes.unbind(1)
        width = self.image.shape[-1]
        boxes = torch.stack([width - x2, y1, width - x1, y2], dim=1)
        return replace(self, image=self.image.flip(-1), boxes=boxes, saliency=self.saliency.flip(-1))

    def recoloured(self, rng: np.random.Generator) -> NetworkPhoto:
        """With another contrast and brightness, and now and then with paler colours or none."""
        contrast, brightness, paleness = rng.uniform(0.75, 1.25), rng.uniform(-0.3, 0.3), rng.random()
        image = contrast * self.image + brightness
        if paleness < 0.4:
            grey = image.mean(0, keepdim=True)
            image = torch.lerp(image, grey.expand_as(image), 1.0 if paleness < 0.15 else 0.5)
        return replace(self, image=image)

    def n_bytes(self) -> int:
        """What its tensors take."""
        return sum(part.nbytes for field in fields(self) if isinstance(part := getattr(self, field.name), Tensor))


class NetworkPhotos:
    """A data set as the network takes it. The first to be asked for stay in memory, as many as fit.

    Parameters
    ----------
    data : ScoredPhotos
    input_size : int
        Shorter side of the network's input.
    with_saliency : bool
    cache : path, optional
        Folder for saliency maps; by default `cache_folder`.
    memory : float
        Bytes to keep at most; each process keeps its own.
    once : bool
        Whether each photo is asked for only once: nothing of it is kept, in memory or on disk.
    """

    def __init__(
        self,
        data: ScoredPhotos,
        input_size: int,
        *,
        with_saliency: bool = False,
        cache: Path | None = None,
        memory: float = 0,
        once: bool = False,
    ) -> None:
        self.data = data
        self.input_size = input_size
        self.with_saliency = with_saliency
        self.cache = cache
        self.once = once
        self._room = 0 if once else memory
        self._kept: dict[int, NetworkPhoto] = {}

    def __len__(self) -> int:
        return len(self.data)

    def size(self, index: int) -> Size:
        """Height and width of the network's input."""
        return network_size(self.data.photo_size(index), self.input_size)

    def __getitem__(self, index: int) -> NetworkPhoto:
        if index in self._kept:
            return self._kept[index]
        photo = self._prepare(index)
        if photo.n_bytes() <= self._room:
            self._room -= photo.n_bytes()
            self._kept[index] = photo
        return photo

    def _prepare(self, index: int) -> NetworkPhoto:
        sample = self.data[index]
        if sample.scores is None:
            raise ValueError(f"{sample.id}: expected crops with scores to learn from, found none")
        photo = sample.photo
        height, width = photo.shape[:2]
        h, w = network_size((height, width), self.input_size)
        saliency = torch.empty(0)
        if self.with_saliency:
            saliency_map = (
                spectral_residual(photo) if self.once else saliency_cached(photo, self.cache or cache_folder())
            )
            full = torch.from_numpy(saliency_map)
            saliency = torch.nn.functional.interpolate(full[None, None], (h, w), mode="area")[0, 0]
        scale = np.array([w / width, h / height] * 2)
        return NetworkPhoto(
            sample.id,
            network_input(photo, (h, w)),
            torch.from_numpy(sample.boxes * scale),
            torch.from_numpy(sample.scores.copy()),
            saliency,
        )
