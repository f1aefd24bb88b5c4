"""One explicit scale for maps: what zero and one stand for, and the line that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from asm_interp.geometry.boxes import FloatArray

Mode = Literal["raw", "per-map", "percentile", "ratio", "rank"]
Flag = Literal["", "empty", "constant", "mean not positive"]
_ROUNDING = 1e-6  # of the standard deviation: a mean below it is what float32 leaves of zero


@dataclass(frozen=True)
class Normalisation:
    """A scale that maps are brought to, fitted once and applied to any number of maps.

    `units` gives a map in the mode's units, and calling the object scales these to [0, 1] between `limits`, with
    what lies beyond cut off. NaN stays NaN. Infinite values count as NaN.

    ============  ==========================  ==============================================================
    mode          units                       limits
    ============  ==========================  ==============================================================
    raw           the map's own               least and greatest value of all maps that it was fitted on
    percentile    the map's own               outermost of the maps' percentiles
    ratio         multiples of the map's      least and greatest of all maps that it was fitted on
                  mean (θ/θ̄, as in eq. (7))
    per-map       the map's own               None: each map's own least and greatest value
    rank          share of the map's pixels   (0, 1)
                  below, ties averaged
    ============  ==========================  ==============================================================

    Attributes
    ----------
    mode : {"raw", "per-map", "percentile", "ratio", "rank"}
    limits : (float, float) or None
    n_maps : int
        How many maps it was fitted on.
    n_degenerate : int
        How many of them `flag` has something to say of.
    percentiles : (float, float), optional
        Of the mode "percentile".
    center : float, optional
        Value, in the mode's units, that stands at one half.

    References
    ----------
    Tu et al., AAAI 2020, eq. (7), for the ratio.

    Examples
    --------
    >>> norm = Normalisation.fit([[0.0, 1.0], [2.0, 4.0]], [[0.0, 8.0]])
    >>> norm([[2.0, 4.0]])
    array([[0.25, 0.5 ]])
    >>> print(norm)
    one scale for 2 maps: 0 to 8
    >>> print(Normalisation.fit([[1.0, 3.0]], mode="ratio"))
    θ/θ̄, one scale for 1 map: 0.5 to 1.5
    """

    mode: Mode
    limits: tuple[float, float] | None
    n_maps: int
    n_degenerate: int = 0
    percentiles: tuple[float, float] | None = None
    center: float | None = None

    @classmethod
    def fit(
        cls,
        *maps: npt.ArrayLike,
        mode: Mode = "raw",
        percentiles: tuple[float, float] = (0.5, 99.5),
        center: float | None = None,
    ) -> Normalisation:
        """Scale for one or more maps.

        Parameters
        ----------
        *maps : array_like, each of any shape
            Degenerate ones are counted; those without a value in the mode's units have no say in the limits.
        mode : {"raw", "per-map", "percentile", "ratio", "rank"}
        percentiles : (float, float)
            Ends of the mode "percentile", in [0, 100].
        center : float, optional
            Put this value at one half by widening the narrower side; for raw, percentile and ratio.

        Returns
        -------
        Normalisation

        Raises
        ------
        ValueError
            If there is no map, the mode does not exist or takes no center, or the percentiles do not ascend.
        """
        if mode not in get_args(Mode):
            raise ValueError(f"mode is one of {', '.join(get_args(Mode))}, got {mode!r}")
        if not maps:
            raise ValueError("a normalisation is fitted on one or more maps, got none")
        if not 0 <= percentiles[0] < percentiles[1] <= 100:
            raise ValueError(f"percentiles ascend within 0 to 100, got {percentiles}")
        if center is not None and mode in ("per-map", "rank"):
            raise ValueError(f"the mode {mode!r} has no shared scale whose center could be chosen")
        ends = percentiles if mode == "percentile" else (0.0, 100.0)
        limits: tuple[float, float] | None = (0.0, 1.0) if mode == "rank" else None
        if mode in ("raw", "percentile", "ratio"):
            found = [np.percentile(valued, ends) for each in maps if (valued := _valued(each, mode)).size]
            low = float(min((pair[0] for pair in found), default=np.nan))
            high = float(max((pair[1] for pair in found), default=np.nan))
            if center is not None and found:
                reach = max(abs(low - center), abs(high - center))
                low, high = center - reach, center + reach
            limits = low, high
        degenerate = sum(bool(_flag(_finite(each), mode)) for each in maps)
        return cls(mode, limits, len(maps), degenerate, percentiles if mode == "percentile" else None, center)

    def units(self, values: npt.ArrayLike) -> FloatArray:
        """A map in the mode's units, float64 of its shape; NaN everywhere where the mode has no answer for it."""
        return _units(values, self.mode)

    def __call__(self, values: npt.ArrayLike) -> FloatArray:
        """A map on the scale: float64 of its shape in [0, 1]; one half where the scale has no extent."""
        units = self.units(values)
        finite = units[~np.isnan(units)]
        if not finite.size:
            return units
        low, high = self.limits or (float(finite.min()), float(finite.max()))
        if not high > low:
            return np.where(np.isnan(units), np.nan, 0.5)
        with np.errstate(over="ignore"):
            scaled = np.asarray((units / 2 - low / 2) / (high / 2 - low / 2))  # halves: the extent may overflow
        return scaled.clip(0.0, 1.0)

    def flag(self, values: npt.ArrayLike) -> Flag:
        """What is degenerate about a map, in one word or two; empty if nothing.

        "empty": no finite value; "constant": one value only, so that a scale or a rank of its own tells nothing;
        "mean not positive": θ/θ̄ is not defined, the mean being negative, or zero but for rounding (below 1e-6 of the
        map's standard deviation).
        """
        return _flag(_finite(values), self.mode)

    def __str__(self) -> str:
        extent = "" if self.limits is None else f"{self.limits[0]:.3g} to {self.limits[1]:.3g}"
        maps = f"{self.n_maps} map" if self.n_maps == 1 else f"{self.n_maps} maps"
        if self.mode == "rank":
            text = "rank within each map: 0 lowest, 1 highest"
        elif self.mode == "per-map":
            text = "each map on its own scale, least to greatest value"
        elif self.mode == "percentile" and self.percentiles is not None:
            low, high = self.percentiles
            text = f"one scale for {maps}, percentiles {low:g} to {high:g}: {extent}"
        else:
            text = f"{'θ/θ̄, ' if self.mode == 'ratio' else ''}one scale for {maps}: {extent}"
        if self.center is not None:
            text += f", centred at {self.center:g}"
        return text + (f" ({self.n_degenerate} degenerate)" if self.n_degenerate else "")


def _finite(values: npt.ArrayLike) -> FloatArray:
    """The map in float64 with everything that is not finite as NaN."""
    array = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(array), array, np.nan)


def _flag(array: FloatArray, mode: Mode) -> Flag:
    finite = array[~np.isnan(array)]
    if not finite.size:
        return "empty"
    if mode == "ratio":
        mean, deviation = _moments(finite)
        if not mean > _ROUNDING * deviation:
            return "mean not positive"
    return "constant" if finite.min() == finite.max() else ""


def _moments(finite: FloatArray) -> tuple[float, float]:
    """Mean and standard deviation, without overflow whatever the values."""
    scale = float(np.abs(finite).max()) or 1.0
    shares = finite / scale
    return scale * float(shares.mean()), scale * float(shares.std())


def _units(values: npt.ArrayLike, mode: Mode) -> FloatArray:
    array = _finite(values)
    if mode == "ratio":
        flag = _flag(array, mode)
        if flag in ("empty", "mean not positive"):
            return np.full_like(array, np.nan)
        with np.errstate(over="ignore"):
            return np.asarray(array / _moments(array[~np.isnan(array)])[0])
    if mode == "rank":
        from scipy.stats import rankdata

        present = ~np.isnan(array)
        n = int(present.sum())
        ranks = np.full_like(array, np.nan)
        ranks[present] = (rankdata(array[present]) - 1) / (n - 1) if n > 1 else 0.5
        return ranks
    return array


def _valued(values: npt.ArrayLike, mode: Mode) -> FloatArray:
    units = _units(values, mode)
    return units[np.isfinite(units)]
