"""The pointing game: whether a map's peak lies on what it should mark, against a peak at the centre."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from asm_interp.analysis.saliency_metrics import degeneracy
from asm_interp.analysis.statistics import bootstrap_interval
from asm_interp.data.photo import resize_photo

CENTRE = "centre"
"""Name, in tables, of the map that always peaks in the middle of the photo."""


def hit(values: npt.ArrayLike, mask: npt.ArrayLike, tolerance: float = 0.0) -> float:
    """Whether the peak of a map lies in a mask or within `tolerance` pixels of it.

    Parameters
    ----------
    values : array_like, [h, w]
        NaN entries are left out.
    mask : array_like of bool, [h, w]
    tolerance : float
        In pixels, from pixel centre to pixel centre.

    Returns
    -------
    float
        1 or 0; the share of hits among equal peaks, so that a constant map has the chance of a random pixel. NaN if
        the mask is empty or the map holds no number.

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    Zhang et al., "Top-Down Neural Attention by Excitation Backprop", IJCV 2018, with 15 pixels of tolerance.

    Examples
    --------
    >>> hit([[0, 1, 9]], [[True, False, False]]), hit([[0, 1, 9]], [[True, False, False]], tolerance=2)
    (0.0, 1.0)
    """
    array, inside = np.asarray(values, dtype=np.float64), np.asarray(mask, dtype=bool)
    if array.shape != inside.shape or array.ndim != 2:
        raise ValueError(f"map and mask have one shape [h, w], got {array.shape} and {inside.shape}")
    if not inside.any() or np.isnan(array).all():
        return float("nan")
    return float(_dilated(inside, tolerance)[array == np.nanmax(array)].mean())


def _dilated(mask: npt.NDArray[np.bool_], tolerance: float) -> npt.NDArray[np.bool_]:
    from scipy.ndimage import distance_transform_edt

    return np.asarray(distance_transform_edt(~mask) <= tolerance)


def pointing_game(
    maps: Mapping[str, Sequence[npt.NDArray[np.floating]]],
    masks: Sequence[npt.NDArray[np.bool_]],
    *,
    tolerance: float = 0.06,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Hit rates of maps over photos, beside a peak at the photo's centre and a random one.

    Parameters
    ----------
    maps : mapping of str to sequence of array, [h, w]
        For each name one map per photo, of any size.
    masks : sequence of array of bool, [H, W]
        What should be marked, one per photo.
    tolerance : float
        In shorter sides of the mask. Zhang et al. take 15 pixels, which is 0.06 of 256.
    level, seed
        Of the intervals, which resample photos.

    Returns
    -------
    DataFrame
        map (the last two rows are "centre" and "chance"), hit_rate, ci_low, ci_high, over_centre (mean paired
        difference to the centre), over_centre_low, over_centre_high, degenerate (maps that are constant, which count
        as chance, or hold a value that is not finite) and n_photos.

    Raises
    ------
    ValueError
        If a name has not one map per mask, or is "centre" or "chance".
    """
    if {CENTRE, "chance"} & maps.keys():
        raise ValueError("'centre' and 'chance' are the names of the reference rows")
    for name, own in maps.items():
        if len(own) != len(masks):
            raise ValueError(f"{len(masks)} masks, but {len(own)} maps {name!r}")
    margins = [tolerance * min(mask.shape) for mask in masks]
    hits = {
        name: np.array(
            [
                hit(resize_photo(np.asarray(values, dtype=np.float32), mask.shape), mask, margin)
                for values, mask, margin in zip(own, masks, margins, strict=True)
            ]
        )
        for name, own in maps.items()
    }
    hits[CENTRE] = np.array([hit(_peak(mask.shape), mask, margin) for mask, margin in zip(masks, margins, strict=True)])
    hits["chance"] = np.array(
        [hit(np.zeros(mask.shape), mask, margin) for mask, margin in zip(masks, margins, strict=True)]
    )
    rows = []
    for name, per_photo in hits.items():
        valid = per_photo[~np.isnan(per_photo)]
        low, high = bootstrap_interval(per_photo, level, seed=seed)
        gain = per_photo - hits[CENTRE]
        gain_low, gain_high = bootstrap_interval(gain, level, seed=seed)
        kept = gain[~np.isnan(gain)]
        rows.append(
            {
                "map": name,
                "hit_rate": valid.mean() if len(valid) else np.nan,
                "ci_low": low,
                "ci_high": high,
                "over_centre": kept.mean() if len(kept) else np.nan,
                "over_centre_low": gain_low,
                "over_centre_high": gain_high,
                "degenerate": sum(bool(degeneracy(values)) for values in maps.get(name, ())),
                "n_photos": len(valid),
            }
        )
    return pd.DataFrame(rows)


def _peak(shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Map that falls off from the centre; on an even side the two middle pixels tie."""
    y, x = (np.abs(np.arange(side) - (side - 1) / 2) for side in shape)
    return np.asarray(-np.maximum(y[:, None], x[None, :]) - np.minimum(y[:, None], x[None, :]) * 1e-3)
