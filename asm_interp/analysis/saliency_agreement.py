"""How well a model's maps agree with saliency over photos, beside what needs no trained model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pandas as pd

from asm_interp.analysis.estimates import COLUMNS
from asm_interp.analysis.expressivity import correlation
from asm_interp.analysis.mean_maps import to_grid
from asm_interp.analysis.null_maps import random_head
from asm_interp.analysis.paired_estimates import paired_differences, seeded_estimate, seeds_by_photos
from asm_interp.analysis.saliency_metrics import (
    METRICS,
    TOP,
    BoolArray,
    auc_judd,
    centre_prior,
    degeneracy,
    kl_divergence,
    nss,
    shuffled_auc,
    similarity,
    top_mask,
)
from asm_interp.analysis.statistics import Resampling
from asm_interp.analysis.theta import theta_maps
from asm_interp.data.photo import Photo, resize_photo
from asm_interp.data.saliency import spectral_residual
from asm_interp.geometry.boxes import FloatArray, Size
from asm_interp.model.asmnet import ASMNet
from asm_interp.model.score_map import ScoreMap

CENTRE, OTHER, RANDOM_HEAD = "centre", "other photo", "random head "
"""Names of the baselines: a Gaussian at the centre, another photo's saliency, and (before a map's name) that map of the
trained trunk under a random head."""

_CELLS = (64, 64)  # on which saliency of other photos is kept: the resolution of spectral-residual saliency
_POOL = 16


@dataclass(frozen=True, eq=False)
class SaliencyPool:
    """Saliency of a few photos of a data set, for what is common to all of its photos.

    Attributes
    ----------
    ids : tuple of str
    maps : array of float64, [n, 64, 64]
        In normalised coordinates.
    """

    ids: tuple[str, ...]
    maps: FloatArray

    @classmethod
    def collect(cls, saliency: Iterable[tuple[str, npt.ArrayLike]], n: int = _POOL, seed: int = 0) -> SaliencyPool:
        """Keep n of the saliency maps, drawn by a hash of their photos' ids: in whatever order these come.

        Parameters
        ----------
        saliency : iterable of (id, map [H, W])
            Degenerate maps are passed over.
        n, seed : int

        Raises
        ------
        ValueError
            If there are fewer than three.
        """
        kept: dict[tuple[int, str], FloatArray] = {}
        for name, values in saliency:
            if not degeneracy(values):
                kept[crc32(f"{seed}/{name}".encode()), name] = to_grid(values, _CELLS)
                if len(kept) > n:
                    del kept[max(kept)]
        if len(kept) < 3:
            raise ValueError(f"other photos' saliency needs at least three photos with saliency, found {len(kept)}")
        chosen = sorted(kept)
        return cls(tuple(name for _, name in chosen), np.stack([kept[key] for key in chosen]))

    def others(self, name: str) -> FloatArray:
        """Maps of all photos but this one, [m, 64, 64]; always in the same order, which differs between photos."""
        maps = self.maps[[each != name for each in self.ids]]
        return np.asarray(np.roll(maps, crc32(name.encode()) % len(maps), axis=0))


def photo_agreement(
    maps: Mapping[str, npt.ArrayLike], saliency: npt.ArrayLike, others: FloatArray, share: float = TOP
) -> pd.DataFrame:
    """Agreement of maps of one photo with its saliency, beside the centre and another photo's saliency.

    Parameters
    ----------
    maps : mapping of str to array_like, [h, w]
    saliency : array_like, [H, W]
        Not negative, of any size: it is resized to each map.
    others : array of float, [m, ...]
        Saliency of two or more other photos, as `SaliencyPool.others` gives it. The first is the baseline, all but
        the first say for the shuffled AUC where other photos are fixated: else the baseline would be its own foil.
    share : float
        Of pixels that count as fixated.

    Returns
    -------
    DataFrame
        map (the given ones, then "centre" and "other photo"), `METRICS`, and flag: "" or what is degenerate about the
        map or the saliency, all metrics being NaN then.

    Raises
    ------
    ValueError
        If the saliency is negative somewhere, a map has the name of a baseline, or there are not two other photos.
    """
    reference = np.asarray(saliency, dtype=np.float32)
    if (reference < 0).any():
        raise ValueError(f"saliency is not negative, found {reference.min():g}")
    if {CENTRE, OTHER} & maps.keys():
        raise ValueError(f"{CENTRE!r} and {OTHER!r} are the names of baselines")
    if len(others) < 2:
        raise ValueError(f"others holds the saliency of two or more photos, got {len(others)}")
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in maps.items()}
    shape: Size = next(iter(arrays.values())).shape if arrays else reference.shape
    arrays |= {CENTRE: centre_prior(shape), OTHER: _resized(others[0], shape)}
    fault = degeneracy(reference)
    targets: dict[tuple[int, ...], tuple[FloatArray, BoolArray, FloatArray]] = {}
    rows = []
    for name, values in arrays.items():
        flag = f"saliency {fault}" if fault else f"map {degeneracy(values)}" if degeneracy(values) else ""
        found = dict.fromkeys(METRICS, float("nan"))
        if not flag:
            size: Size = values.shape
            if size not in targets:
                own = _resized(reference, size)
                elsewhere = np.sum([top_mask(_resized(other, size), share) for other in others[1:]], axis=0)
                targets[size] = own, top_mask(own, share), elsewhere
            target, fixated, elsewhere = targets[size]
            scores = (
                correlation(values, target),
                nss(values, fixated),
                kl_divergence(values, target),
                similarity(values, target),
                auc_judd(values, fixated),
                shuffled_auc(values, fixated, elsewhere),
            )
            found = dict(zip(METRICS, scores, strict=True))
        rows.append({"map": name} | found | {"flag": flag})
    return pd.DataFrame(rows, columns=["map", *METRICS, "flag"])


def _resized(values: npt.ArrayLike, shape: Size) -> FloatArray:
    return np.asarray(resize_photo(np.asarray(values, dtype=np.float32), shape), dtype=np.float64)


def _theta(score_map: ScoreMap) -> dict[str, npt.NDArray[np.float32]]:
    centred = theta_maps(score_map, center="channel")
    return {"theta_avg": centred.avg, "theta_std": theta_maps(score_map).std, "theta_std_centred": centred.std}


def saliency_agreement(
    model: ASMNet,
    photos: Iterable[tuple[str, Photo]],
    pool: SaliencyPool,
    saliency: Callable[[Photo], npt.ArrayLike] = spectral_residual,
    *,
    share: float = TOP,
    seed: int = 0,
) -> pd.DataFrame:
    """Agreement of a model's θ maps with saliency, photo by photo.

    Parameters
    ----------
    model : ASMNet
        As before after it.
    photos : iterable of (id, array of uint8 [H, W, 3])
        Read one at a time.
    pool : SaliencyPool
        Of the same data set.
    saliency : callable
        Photo to map [H, W].
    share : float
        Of pixels that count as fixated.
    seed : int
        Of the random head.

    Returns
    -------
    DataFrame
        photo and the columns of `photo_agreement`, for theta_avg, theta_std, theta_std_centred (without channel
        offsets), each of them again under a random head, the centre, and another photo's saliency.
    """
    tables = list(_each(model, photos, pool, saliency, share, seed))
    columns = ["photo", "map", *METRICS, "flag"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def _each(
    model: ASMNet,
    photos: Iterable[tuple[str, Photo]],
    pool: SaliencyPool,
    saliency: Callable[[Photo], npt.ArrayLike],
    share: float,
    seed: int,
) -> Iterator[pd.DataFrame]:
    null = random_head(model, seed)
    for name, photo in photos:
        maps = _theta(model.score_map(photo))
        maps |= {RANDOM_HEAD + key: values for key, values in _theta(null.score_map(photo)).items()}
        table = photo_agreement(maps, saliency(photo), pool.others(name), share)
        table.insert(0, "photo", name)
        yield table


def agreement_means(rows: pd.DataFrame, how: Resampling | None = None) -> pd.DataFrame:
    """Mean agreement of each map over photos.

    Parameters
    ----------
    rows : DataFrame
        photo and the columns of `photo_agreement`.
    how : Resampling, optional

    Returns
    -------
    DataFrame
        map, the columns of `Estimate` for each of `METRICS` (not tested), and n_degenerate, photos with a flag.
    """
    how, found = how or Resampling(), []
    settings = _as_settings(rows)
    for name, own in settings.groupby("setting", sort=False):
        flagged = int((own["flag"] != "").sum())
        for metric in METRICS:
            row = seeded_estimate(metric, seeds_by_photos(own, str(name), metric), how, effect=metric)
            found.append({"map": name} | vars(row) | {"n_degenerate": flagged})
    return pd.DataFrame(found, columns=["map", *COLUMNS, "n_degenerate"])


def agreement_over_baselines(rows: pd.DataFrame, how: Resampling | None = None) -> pd.DataFrame:
    """How much better each map agrees with saliency than what needs no trained model, photo by photo.

    Parameters
    ----------
    rows : DataFrame
        As from `saliency_agreement`; or of one's own maps, where those named "random head ..." count as baselines.
    how : Resampling, optional

    Returns
    -------
    DataFrame
        map, reference (the centre, another photo's saliency, the same map under a random head) and the columns of
        `asm_interp.analysis.paired_estimates.paired_differences`; a negative KL is the better one.
    """
    names = list(rows["map"].unique())
    own = [name for name in names if name not in (CENTRE, OTHER) and not name.startswith(RANDOM_HEAD)]
    contrasts = [(name, ref) for name in own for ref in (CENTRE, OTHER, RANDOM_HEAD + name) if ref in names]
    return paired_differences(_as_settings(rows), contrasts, METRICS, how).rename(columns={"setting": "map"})


def _as_settings(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.rename(columns={"map": "setting"}).assign(seed=0)
