"""Batches of photos of one network size, the same for every run with the same seed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from asm_interp.geometry.boxes import Size
from asm_interp.training.inputs import NetworkPhoto, NetworkPhotos


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
    photos : NetworkPhotos
    plan : list of list of int
        Photos of each batch.
    seed, epoch : int
        Decide, with the photo's index alone, whether it is mirrored: processes that share an epoch agree.
    flip : bool
        Mirror half of the photos.
    recolour : bool
        Vary their colours.
    """

    def __init__(
        self,
        photos: NetworkPhotos,
        plan: list[list[int]],
        *,
        seed: int,
        epoch: int,
        flip: bool,
        recolour: bool = False,
    ) -> None:
        self.photos = photos
        self.plan = plan
        self.seed, self.epoch, self.flip, self.recolour = seed, epoch, flip, recolour

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, step: int) -> Batch:
        photos = [self._one(index) for index in self.plan[step]]
        most = max(len(photo.boxes) for photo in photos)
        return Batch(
            torch.stack([photo.image for photo in photos]),
            # A photo with fewer crops repeats its first box; its score NaN keeps it out of the loss.
            torch.stack([torch.cat([p.boxes, p.boxes[:1].expand(most - len(p.boxes), 4)]) for p in photos]),
            pad_sequence([photo.scores for photo in photos], batch_first=True, padding_value=float("nan")),
            torch.stack([photo.saliency for photo in photos]),
        )

    def _one(self, index: int) -> NetworkPhoto:
        photo = self.photos[index]
        if self.recolour:
            photo = photo.recoloured(np.random.default_rng([self.seed, self.epoch, index, 13]))
        turn = self.flip and np.random.default_rng([self.seed, self.epoch, index, 12]).random() < 0.5
        return photo.mirrored() if turn else photo
