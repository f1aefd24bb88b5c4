"""Batches of photos of one network size, the same for every run with the same seed."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from asm_interp.data.saliency import saliency_cached
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
    def scores(self) -> FloatArray: ...  # noqa: D102


class ScoredPhotos(Protocol):
    """What training needs of a data set; index i always gives the same sample."""

    def __len__(self) -> int: ...

    def photo_size(self, index: int, /) -> Size:
        """Height and width of a photo, without decoding it."""
        ...

    def __getitem__(self, index: int, /) -> ScoredPhoto: ...


@dataclass(frozen=True, eq=False)
class Batch:
    """Network inputs and targets of B photos with at most N crops each.

    images [B, 3, h, w]; boxes [B, N, 4] in map pixels; scores [B, N], NaN where a photo has fewer crops;
    saliency [B, h, w], empty if not asked for.
    """

    images: Tensor
    boxes: Tensor
    scores: Tensor
    saliency: Tensor

    def to(self, device: torch.device) -> Batch:
        """Copy to another device."""
        return Batch(*(part.to(device) for part in (self.images, self.boxes, self.scores, self.saliency)))


def cache_folder() -> Path:
    """Where derived data are kept between runs: ``asm_interp`` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "asm_interp"


def epoch_plan(sizes: list[Size], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Photos of each step of an epoch: shuffled, each batch of one network size, every photo once.

    Parameters
    ----------
    sizes : list of (int, int)
        Network size of each photo.
    batch_size, seed, epoch : int

    Returns
    -------
    list of list of int
    """
    rng = np.random.default_rng([seed, epoch, 11])
    waiting: dict[Size, list[int]] = defaultdict(list)
    plan = []
    for index in rng.permutation(len(sizes)).tolist():
        waiting[sizes[index]].append(index)
        if len(waiting[sizes[index]]) == batch_size:
            plan.append(waiting.pop(sizes[index]))
    plan += [rest for _, rest in sorted(waiting.items())]
    return [plan[step] for step in rng.permutation(len(plan))]


class TrainingSet(Dataset[Batch]):
    """Batches of one epoch, ready for a data loader that takes them one by one.

    Parameters
    ----------
    data : ScoredPhotos
    plan : list of list of int
        Photos of each batch.
    input_size : int
    seed, epoch : int
        Decide which photos are mirrored.
    flip, with_saliency : bool
    cache : path, optional
        Folder for saliency maps.
    """

    def __init__(
        self,
        data: ScoredPhotos,
        plan: list[list[int]],
        input_size: int,
        *,
        seed: int,
        epoch: int,
        flip: bool,
        with_saliency: bool,
        cache: Path | None = None,
    ) -> None:
        self.data = data
        self.plan = plan
        self.input_size = input_size
        self.seed, self.epoch, self.flip = seed, epoch, flip
        self.with_saliency = with_saliency
        self.cache = cache

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, step: int) -> Batch:
        images, boxes, scores, saliencies = zip(*(self._one(index) for index in self.plan[step]), strict=True)
        most = max(len(crops) for crops in boxes)
        return Batch(
            torch.stack(images),
            # A photo with fewer crops repeats its first box; its score NaN keeps it out of the loss.
            torch.stack([torch.cat([crops, crops[:1].expand(most - len(crops), 4)]) for crops in boxes]),
            pad_sequence(list(scores), batch_first=True, padding_value=float("nan")),
            torch.stack(saliencies),
        )

    def _one(self, index: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        sample = self.data[index]
        photo, boxes = sample.photo, torch.from_numpy(sample.boxes.copy())
        height, width = photo.shape[:2]
        h, w = network_size((height, width), self.input_size)
        image = network_input(photo, (h, w))
        saliency = torch.empty(0)
        if self.with_saliency:
            full = torch.from_numpy(saliency_cached(photo, self.cache or cache_folder()))
            saliency = torch.nn.functional.interpolate(full[None, None], (h, w), mode="area")[0, 0]
        if self.flip and np.random.default_rng([self.seed, self.epoch, index, 12]).random() < 0.5:
            image, saliency = image.flip(-1), saliency.flip(-1)
            boxes = torch.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], dim=1)
        boxes = boxes * torch.tensor([w / width, h / height, w / width, h / height], dtype=torch.float64)
        return image, boxes, torch.from_numpy(sample.scores.copy()), saliency
