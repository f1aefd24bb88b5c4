"""What may be done to one partition, and what becomes of the score map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from asm_interp.analysis.counterfactual import move_region, silence_partition, swap_partitions
from asm_interp.geometry.boxes import Size
from asm_interp.geometry.patterns import CompositionPattern
from asm_interp.model.score_map import ScoreMap
from asm_interp.widgets.wording import signed

Action = Literal["none", "content", "mean", "swap", "move"]
ACTIONS: dict[str, Action] = {
    "as it is": "none",
    "silence: say what all say (θavg)": "content",
    "silence: say nothing": "mean",
    "swap with another": "swap",
    "move what lies in it": "move",
}


@dataclass(frozen=True)
class PartitionChange:
    """A change of one partition.

    Attributes
    ----------
    action : {"none", "content", "mean", "swap", "move"}
        Nothing; its channel becomes θavg, or its own mean; it reads the channel of `other`, which reads its; the
        scores of the part of the photo that a crop has in it are moved.
    partition, other : int
    dx, dy : float
        To the right and down, in units of the photo's sides.
    """

    action: Action
    partition: int
    other: int = 0
    dx: float = 0.0
    dy: float = 0.0

    def apply(self, score_map: ScoreMap, crop: Sequence[float]) -> ScoreMap:
        """The changed map.

        Raises
        ------
        ValueError
            If there is no such partition or action.
        """
        for number in (self.partition, self.other):
            if not 0 <= number < score_map.pattern.n_partitions:
                raise ValueError(
                    f"{score_map.pattern.name} has partitions 0 to {score_map.pattern.n_partitions - 1}, got {number}"
                )
        if self.action not in get_args(Action):
            raise ValueError(f"a change is one of {', '.join(get_args(Action))}, got {self.action!r}")
        if self.action == "none":
            return score_map
        if self.action == "swap":
            return swap_partitions(score_map, self.partition, self.other)
        if self.action == "move":
            height, width = score_map.photo_size
            region = partition_region(score_map.pattern, self.partition, crop, score_map.photo_size)
            return move_region(score_map, region, self.dx * width, self.dy * height)
        return silence_partition(score_map, self.partition, self.action)

    def depends_on(self, crop: Sequence[float]) -> tuple[object, ...]:
        """All that the changed map depends on; equal for equal changes."""
        if self.action == "move":
            return (self.action, self.partition, self.dx, self.dy, *crop)
        return (self.action, self.partition, self.other) if self.action == "swap" else (self.action, self.partition)

    @property
    def title(self) -> str:
        """In few words."""
        k = self.partition
        return {
            "none": "as it is",
            "content": f"{k} says θavg",
            "mean": f"{k} says nothing",
            "swap": f"{k} reads channel {self.other}",
            "move": f"channel {k}, content moved",
        }[self.action]

    def __str__(self) -> str:
        k = self.partition
        return {
            "none": "Nothing is changed",
            "content": f"Partition {k} says what all say (θavg)",
            "mean": f"Partition {k} says nothing",
            "swap": f"Partitions {k} and {self.other} read each other's channel",
            "move": f"What lies in partition {k} is moved by {signed(self.dx)} of the width, {signed(self.dy)} of the "
            "height",
        }[self.action]


def partition_region(
    pattern: CompositionPattern, partition: int, crop: Sequence[float], photo_size: Size
) -> npt.NDArray[np.bool_]:
    """Pixels of a photo whose centres lie in one partition of a crop, [H, W]."""
    x1, y1, x2, y2 = crop
    height, width = photo_size
    v, u = (np.arange(height) + 0.5 - y1) / (y2 - y1), (np.arange(width) + 0.5 - x1) / (x2 - x1)
    rows, columns = np.flatnonzero((v >= 0) & (v < 1)), np.flatnonzero((u >= 0) & (u < 1))
    inside = np.zeros((height, width), bool)
    inside[np.ix_(rows, columns)] = pattern.partition_at(u[None, columns], v[rows, None]) == partition
    return inside
