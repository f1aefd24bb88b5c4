"""Spatial bias of scores, people's or a model's, in one table: corners, position and what padding adds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
import pandas as pd

from asm_interp.analysis.corner_coverage import MARGIN, corner_estimates
from asm_interp.analysis.equivariance import equivariance_estimates
from asm_interp.analysis.estimates import Estimate, table
from asm_interp.analysis.lift_map import LiftMap
from asm_interp.analysis.mean_maps import to_grid
from asm_interp.analysis.padding_control import padding_estimates
from asm_interp.analysis.position_only import position_estimates
from asm_interp.analysis.scored_crops import ScoredCrops
from asm_interp.analysis.statistics import Resampling
from asm_interp.analysis.theta import ThetaMaps, theta_maps
from asm_interp.analysis.toroidal_null import map_correlation, region_estimates
from asm_interp.data.crops import CropDataset
from asm_interp.data.planted import CORNER_TOLERANCE
from asm_interp.evaluation.baselines import Scorer
from asm_interp.model.asmnet import ASMNet


def bias_report(
    dataset: CropDataset,
    scorer: Scorer | None = None,
    how: Resampling | None = None,
    *,
    tolerance: float = CORNER_TOLERANCE,
    share: float = 0.25,
    margin: float = MARGIN,
    advance: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Table of spatial bias of annotated scores, or of a scorer's.

    Parameters
    ----------
    dataset : CropDataset
    scorer : Scorer, optional
        Its scores replace the annotated ones; these, where there are any, are then what amplification and bits beyond
        geometry compare with.
    how : Resampling, optional
    tolerance : float
        How near a corner of the photo counts as covered, in units of its sides.
    share : float
        Of a photo's crops that count as its best, and as its worst.
    margin : float
        Correlation that would matter, for the equivalence tests.
    advance : callable, optional
        Called with each photo's id when its crops are scored.

    Returns
    -------
    DataFrame
        Columns of `asm_interp.analysis.estimates.Estimate`; `p_adj` is Holm's over the table. Of the rows on
        corners at fixed size those that compare crops of one width and height hold their level beside a strong effect
        of area, by simulation (`benchmarks/bias_calibration.py`); the others describe. One photo has neither
        intervals nor a prediction from other photos: NaN.

    Raises
    ------
    ValueError
        If no photo has two different scores.
    """
    crops = ScoredCrops.read(dataset, scorer, advance)
    return table(crop_estimates(crops, how, tolerance=tolerance, share=share, margin=margin))


def crop_estimates(
    crops: ScoredCrops,
    how: Resampling | None = None,
    *,
    tolerance: float = CORNER_TOLERANCE,
    share: float = 0.25,
    margin: float = MARGIN,
) -> list[Estimate]:
    """Rows of `bias_report`, of crops that are read already."""
    how = how or Resampling()
    return [*corner_estimates(crops, how, tolerance, share, margin), *position_estimates(crops, how)]


def network_estimates(
    model: ASMNet,
    dataset: CropDataset,
    how: Resampling | None = None,
    *,
    n_photos: int = 20,
    lift: Iterable[LiftMap] = (),
) -> list[Estimate]:
    """Rows that need a network and photos: where θ maps have their mass, mirroring, moving, and the padding control.

    Parameters
    ----------
    model : ASMNet
    dataset : CropDataset
    how : Resampling, optional
    n_photos : int
        At most; the first that are there. Each takes twenty passes through the network.
    lift : iterable of LiftMap
        Of scores over the same data set; each is compared with the mean θavg of these photos.

    Returns
    -------
    list of Estimate
        Empty if no photo is there.
    """
    how = how or Resampling()
    samples = list(islice((s for s in dataset.samples if s.has_photo and len(s.boxes) > 1), n_photos))
    if not samples:
        return []
    photos = {sample.id: sample.photo for sample in samples}
    theta = [theta_maps(model.score_map(photo), center="channel") for photo in photos.values()]
    return [
        *region_estimates(theta, how),
        *(_lift_estimate(one, theta, how) for one in lift),
        *equivariance_estimates(model.score_map, samples, how),
        *padding_estimates(model, photos, how),
    ]


def _lift_estimate(lift: LiftMap, theta: Sequence[ThetaMaps], how: Resampling) -> Estimate:
    """Agreement of the mean θavg, each photo on a scale of its own, with an inclusion-lift map."""
    grids = [to_grid(one.avg, lift.lift.shape) / one.avg.std() for one in theta if one.avg.std() > 0]
    mean = np.mean(grids, axis=0) if grids else np.zeros(lift.lift.shape)
    held = f"lift, {lift.held} held"
    return replace(map_correlation(lift.lift, mean, how), statistic=f"mean θavg and {held}", n_photos=len(grids))
