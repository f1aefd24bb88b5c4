"""θ maps as layers of a picture: values, colours and a scale, with the middle of the colours where it belongs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from asm_interp.analysis.normalisation import Mode, Normalisation
from asm_interp.analysis.regions import REGIONS, region_z
from asm_interp.analysis.theta import ThetaMaps
from asm_interp.widgets.painter import Colors

Kind = Literal["avg", "std"]

NAMES: dict[str, str] = {"avg": "θavg", "std": "θstd"}
MODES: dict[str, Mode] = {
    "percentiles 0.5 to 99.5": "percentile",
    "least to greatest": "raw",
    "θ/θ̄, multiples of the mean": "ratio",
    "rank within the map": "rank",
    "each map on its own": "per-map",
}


@dataclass(frozen=True, eq=False)
class Layer:
    """A map to be laid over a photo.

    Attributes
    ----------
    values : array of float32, [h, w]
    colors : {"sequential", "diverging"}
    label : str
    center : float or None
        Value that belongs in the middle of diverging colours.
    """

    values: npt.NDArray[np.float32]
    colors: Colors
    label: str
    center: float | None

    @cached_property
    def spread(self) -> dict[str, float]:
        """Mean and standard deviation, and the mean of each region in standard deviations from it."""
        mean, sd = (float(getattr(self.values, name)(dtype=np.float64)) for name in ("mean", "std"))
        return {"mean": mean, "sd": sd} | {f"z_{region}": region_z(self.values, region) for region in REGIONS}

    def norm(self, *others: Layer, mode: Mode = "percentile") -> Normalisation:
        """Scale for this layer, and others that are to share it."""
        center = None
        if self.colors == "diverging" and mode not in ("per-map", "rank"):
            center = 1.0 if mode == "ratio" else self.center
        maps = [self.values, *(other.values for other in others)]
        return Normalisation.fit(*maps, mode=mode, center=center)


def theta_layer(theta: ThetaMaps, kind: Kind) -> Layer:
    """θavg in diverging colours about its mean over the photo, or θstd in sequential ones."""
    how = "channel means taken off" if theta.center == "channel" else "as in the paper"
    if kind == "std":
        return Layer(theta.std, "sequential", f"θstd, {how}", None)
    mean = float(theta.avg.mean(dtype=np.float64))
    return Layer(theta.avg, "diverging", f"θavg, {how}", 0.0 if theta.center == "channel" else mean)
