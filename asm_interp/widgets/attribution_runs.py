"""Attributions of crops that were computed once, and how far they agree with what the crop reads exactly."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from asm_interp.analysis import attribution as captum
from asm_interp.analysis.attribution import Attribution
from asm_interp.analysis.attribution_agreement import agreement
from asm_interp.analysis.crop_input import Progress
from asm_interp.model.asmnet import ASMNet
from asm_interp.widgets.score_maps import Key, Photo

METHODS: dict[str, Callable[..., Attribution]] = {
    "integrated gradients": captum.integrated_gradients,
    "occlusion": captum.occlusion,
    "grad-cam": captum.grad_cam,
    "feature ablation": captum.feature_ablation,
    "shapley values": captum.shapley_values,
}
EFFORTS: dict[str, dict[str, dict[str, Any]]] = {
    "quick": {
        "integrated gradients": {"steps": 20},
        "occlusion": {"stride": 32},
        "shapley values": {"permutations": 5},
    },
    "thorough": {
        "integrated gradients": {"steps": 50},
        "occlusion": {"stride": 16},
        "shapley values": {"permutations": 25},
    },
}
"""Options of the methods that may take long."""

_MEMORY_BYTES = 2**27  # few images at once, so that progress and Cancel are heard of often
_KEPT = 200


@dataclass(frozen=True)
class Wish:
    """What is attributed, how.

    Attributes
    ----------
    source : Key
        Photo and checkpoint, as `asm_interp.widgets.score_maps.ScoreMaps.key` tells them apart.
    crop : tuple of float
    method, baseline, effort : str
        Those that a method knows nothing of are empty, so that equal results have equal wishes.
    """

    source: Key
    crop: tuple[float, ...]
    method: str
    baseline: str
    effort: str

    @classmethod
    def of(cls, source: Key, crop: list[float], method: str, baseline: str, effort: str) -> Wish:
        """What a view asks for."""
        told = "" if method == "grad-cam" else baseline
        return cls(source, tuple(crop), method, told, effort if method in EFFORTS[effort] else "")


class AttributionRuns:
    """Results by wish; those longest unused are dropped."""

    def __init__(self) -> None:
        self._found: OrderedDict[Wish, Attribution] = OrderedDict()
        self._agreed: dict[tuple[Wish, int], pd.Series] = {}

    def get(self, wish: Wish) -> Attribution | None:
        """What was computed, if it was."""
        return self._found.get(wish)

    def compute(self, wish: Wish, model: ASMNet, photo: Photo, progress: Progress) -> None:
        """Compute an attribution, which is kept when it is whole.

        Raises
        ------
        ValueError
            As the method.
        """
        options: dict[str, Any] = dict(EFFORTS[wish.effort][wish.method]) if wish.effort else {}
        if wish.baseline:
            options |= {"baseline": wish.baseline, "memory_bytes": _MEMORY_BYTES, "progress": progress}
        found = METHODS[wish.method](model, photo, list(wish.crop), **options)
        progress(1, 1)
        self._found[wish] = found
        while len(self._found) > _KEPT:
            oldest, _ = self._found.popitem(last=False)
            self._agreed = {key: row for key, row in self._agreed.items() if key[0] != oldest}

    def agreement(self, wish: Wish, model: ASMNet, photo: Photo, cell: int) -> pd.Series:
        """Row of `asm_interp.analysis.attribution_agreement.agreement` for a result, against what it splits.

        That is φ less the baseline's φ, or φ itself for a method without a baseline.
        """
        if (wish, cell) not in self._agreed:
            self._agreed[wish, cell] = agreement(model, photo, [self._found[wish]], cell=cell).iloc[-1]
        return self._agreed[wish, cell]
