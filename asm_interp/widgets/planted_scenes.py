"""Scenes whose truth is planted, and what explanations of a model make of them and of photos; computed once."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np
import pandas as pd

from asm_interp.analysis.localisation import EXPLANATIONS, MEASURES, explanation_maps, localisation
from asm_interp.analysis.placement import LearnedRule, learned_rule
from asm_interp.analysis.statistics import Resampling
from asm_interp.audit.bench import Bench, shipped_models
from asm_interp.data.planted import RULES, PlantedSample, PlantedWorld
from asm_interp.geometry.boxes import FloatArray
from asm_interp.geometry.candidates import anchor_boxes
from asm_interp.model.checkpoint import find
from asm_interp.widgets.graded_photo import GradedPhoto, Maps
from asm_interp.widgets.kept import fresh
from asm_interp.widgets.score_maps import Photo, ScoreMaps, digest

_KEPT = 200  # scenes and checkpoints whose maps stay in memory
_PHOTOS = 4  # likewise of photos, which take about 60 MB each
_HOW = Resampling(500)


class PlantedScenes:
    """Held-out scenes under the planted world that each model was trained on.

    Parameters
    ----------
    bench : Bench
    maps : ScoreMaps

    Attributes
    ----------
    checkpoints : list of str
        Those at hand that were trained on this kind of scenes.
    """

    def __init__(self, bench: Bench, maps: ScoreMaps) -> None:
        self.bench, self.maps = bench, maps
        self.checkpoints = [path.stem for path in shipped_models(bench.data)]
        self._worlds: dict[str, PlantedWorld] = {}
        self._found: OrderedDict[tuple[str, int], tuple[Maps, pd.DataFrame]] = OrderedDict()
        self._photos: OrderedDict[tuple[str, str], GradedPhoto] = OrderedDict()
        self._rules: dict[str, LearnedRule] = {}

    def __len__(self) -> int:
        return len(self.bench.world)

    def world(self, checkpoint: str) -> PlantedWorld:
        """The world of a checkpoint, on these scenes.

        Raises
        ------
        CheckpointError
            If there is no such checkpoint, or its card names no planted world.
        """
        if checkpoint not in self._worlds:
            self._worlds[checkpoint] = self.bench.world_of(Path(find(checkpoint)))
        return self._worlds[checkpoint]

    def sample(self, checkpoint: str, index: int) -> PlantedSample:
        """One scene with its subjects, crops and truth."""
        return self.world(checkpoint)[index]

    def explained(self, checkpoint: str, index: int) -> tuple[Maps, pd.DataFrame]:
        """Every explanation's map of a scene, and how well it marks the subjects.

        Returns
        -------
        dict of str to array, [h, w]
            By the names of `asm_interp.analysis.localisation.EXPLANATIONS`.
        DataFrame
            auc, pointing and mass, a row for each explanation; NaN in a scene without a subject.
        """
        key = (checkpoint, index)
        if key not in self._found:
            sample = self.sample(checkpoint, index)
            maps = self._explain(sample.photo, checkpoint, sample.boxes)
            marks = {name: localisation(values, sample.mask) for name, values in maps.items()}
            self._found[key] = maps, pd.DataFrame(marks).T[list(MEASURES)]
        return fresh(self._found, key, _KEPT)

    def graded(self, photo: Photo, checkpoint: str) -> GradedPhoto:
        """Every explanation's map of a photo whose subject is for somebody to box; crops are the anchors.

        Raises
        ------
        CheckpointError
            If there is no such checkpoint.
        """
        key = (checkpoint, digest(photo))
        if key not in self._photos:
            size = (photo.shape[0], photo.shape[1])
            self._photos[key] = GradedPhoto(self._explain(photo, checkpoint, anchor_boxes(size)), size)
        return fresh(self._photos, key, _PHOTOS)

    def _explain(self, photo: Photo, checkpoint: str, boxes: FloatArray) -> Maps:
        score_map, model = self.maps.get(photo, checkpoint), self.maps.model(checkpoint)
        maps = explanation_maps(model, score_map, photo, boxes)
        return {name: np.asarray(values, np.float64) for name, values in maps.items()}

    def mean_marks(self, checkpoint: str) -> pd.DataFrame:
        """Means of `explained` over all scenes that have a subject, as a data frame of the same form."""
        tables = [self.explained(checkpoint, index)[1] for index in range(len(self))]
        values = np.stack([table.to_numpy() for table in tables if not table["auc"].isna().all()])
        return pd.DataFrame(values.mean(axis=0), index=list(EXPLANATIONS), columns=list(MEASURES))

    def learned(self, checkpoint: str) -> LearnedRule:
        """The composition rule that a model has learned, from the scenes with one subject."""
        if checkpoint not in self._rules:
            world = self.world(checkpoint)
            single = (sample for sample in world if sample.subjects.max() == 1)
            pairs = ((self.maps.get(sample.photo, checkpoint), sample.mask) for sample in single)
            self._rules[checkpoint] = learned_rule(pairs, rules=dict.fromkeys([*RULES, world.rule]), how=_HOW)
        return self._rules[checkpoint]


def mask_lines(mask: np.ndarray) -> list[list[float]]:
    """Outline of a mask [H, W] as straight lines x1, y1, x2, y2 in pixels, each as long as it can be.

    Examples
    --------
    >>> mask_lines(np.array([[True, True, False]]))  # doctest: +NORMALIZE_WHITESPACE
    [[0.0, 0.0, 0.0, 1.0], [2.0, 0.0, 2.0, 1.0], [0.0, 0.0, 2.0, 0.0], [0.0, 1.0, 2.0, 1.0]]
    """
    padded = np.pad(mask, 1)
    upright = (padded[1:-1, 1:] != padded[1:-1, :-1]).T  # [x, row]
    level = padded[1:, 1:-1] != padded[:-1, 1:-1]  # [y, column]
    lines = [[x, start, x, stop] for x, start, stop in _stretches(upright)]
    lines += [[start, y, stop, y] for y, start, stop in _stretches(level)]
    return [[float(each) for each in line] for line in lines]


def _stretches(edges: np.ndarray) -> list[tuple[int, int, int]]:
    """Row, start and stop of each stretch of marked cells in the rows of an array."""
    steps = np.diff(np.pad(edges.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    starts, stops = np.argwhere(steps == 1), np.argwhere(steps == -1)
    return [(int(row), int(start), int(stop)) for (row, start), (_, stop) in zip(starts, stops, strict=True)]
