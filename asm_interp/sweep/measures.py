"""What a sweep measures of a trained model: photo by photo, and as means with intervals."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from asm_interp import __version__
from asm_interp.analysis.regions import concentration, region_z
from asm_interp.analysis.theta import theta_maps
from asm_interp.data.crops import CropDataset, CropSample, Samples
from asm_interp.evaluation import ModelScorer, Settings, bootstrap_interval, evaluate
from asm_interp.geometry.boxes import FloatArray, area
from asm_interp.geometry.candidates import anchor_boxes
from asm_interp.model.checkpoint import load
from asm_interp.model.score_map import ScoreMap, crop_scores
from asm_interp.training.config import TrainConfig
from asm_interp.training.inputs import PublishedPhotos

ORDERING = ("ranking_accuracy", "SRCC", "PCC", "Acc_5", "Acc_10")
MAP = ("gauge_share", "corner_std", "corner_std_uncentred", "corner_avg", "best_area")
MEASURES = (*ORDERING, *MAP)
"""Columns of a photo's row.

=====================  ==========================================================================================
ranking_accuracy       of pairs of crops whose scores differ by at least the configuration's delta
SRCC, PCC              correlations of predicted and true scores of the photo's crops
Acc_5, Acc_10          mean of Acc_{K/N} over K = 1..4, in percent; equal predicted scores in random order
gauge_share            share of mean squared θstd that is offset between channels
corner_std             log2 of the corners' share of θstd over their share of the photo, channel means taken off
                       first; a corner is an eighth of each side long
corner_std_uncentred   the same of θstd as the paper defines it, offsets included
corner_avg             mean of θavg over the corners, in standard deviations from its mean over the photo
best_area              area of the best of the 895 anchors, in units of the photo's
=====================  ==========================================================================================
"""


def map_measures(score_map: ScoreMap) -> dict[str, float]:
    """Measures of one photo that need no annotation: those of `MAP`."""
    theta, paper = theta_maps(score_map, center="channel"), theta_maps(score_map)
    height, width = score_map.photo_size
    anchors = anchor_boxes(score_map.photo_size)
    best = anchors[crop_scores(score_map, anchors).argmax()]
    values = (
        theta.gauge_share,
        concentration(theta.std),
        concentration(paper.std),
        region_z(theta.avg),
        float(area(best)) / (height * width),
    )
    return dict(zip(MAP, values, strict=True))


class _MapScorer(ModelScorer):
    """Scores crops and measures each photo's map on the way, so that a photo passes the network once."""

    def __init__(self, model_path: Path) -> None:
        super().__init__(load(model_path), model_path.stem)
        self.rows: dict[str, dict[str, float]] = {}

    def scores(self, sample: CropSample, boxes: object) -> FloatArray:
        self.rows[sample.id] = map_measures(self._map(sample))
        return super().scores(sample, boxes)  # type: ignore[arg-type]


def measure_photos(config: TrainConfig, checkpoint: Path) -> pd.DataFrame:
    """All measures of each test photo of a run, on the CPU wherever it was trained.

    Parameters
    ----------
    config : TrainConfig
    checkpoint : Path

    Returns
    -------
    DataFrame
        `MEASURES`, indexed by photo; NaN where a photo does not define one.
    """
    scorer = _MapScorer(checkpoint)
    test = CropDataset(f"{config.data}/test", _test_samples(config))
    # This protocol orders the crops of any data set that scores them.
    result = evaluate(scorer, test, "planted", Settings(ties="expected", delta=config.delta))
    return result.per_photo.join(pd.DataFrame.from_dict(scorer.rows, orient="index"))[list(MEASURES)]


def _test_samples(config: TrainConfig) -> Samples:
    photos = config.photos("test")
    if isinstance(photos, PublishedPhotos):
        return [photos[index] for index in range(len(photos))]  # at network size: they fit into memory
    return config.world("test")


def run_row(config: TrainConfig, checkpoint: Path, photos: pd.DataFrame, seconds: float) -> dict[str, object]:
    """One run's row of the table: what it is, each measure's mean over photos with its 95 % interval, and its origin.

    Parameters
    ----------
    config : TrainConfig
    checkpoint : Path
    photos : DataFrame
        As `measure_photos` gives it.
    seconds : float
        Of training.

    Returns
    -------
    dict
    """
    row: dict[str, object] = {
        "run": config.name,
        "pattern": config.pattern,
        "lambda": config.lam,
        "seed": config.seed,
        "backbone": config.backbone,
        "data": config.data,
        "n_photos": len(config.photos("train")),
        "n_test": len(photos),
        "epochs": config.epochs,
    }
    for name in MEASURES:
        low, high = bootstrap_interval(photos[name])
        row |= {name: float(photos[name].mean()), f"{name}_low": low, f"{name}_high": high}
    sha256 = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    return row | {"seconds": seconds, "sha256": sha256, "library": f"asm_interp {__version__}"}
