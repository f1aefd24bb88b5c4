"""Evaluation of a scorer on a data set, as the field does it, with intervals and beside published results."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from asm_interp.analysis.statistics import bootstrap_interval
from asm_interp.data.crops import CropDataset, CropSample
from asm_interp.data.photo import PhotoError
from asm_interp.evaluation.baselines import BASELINES, ModelScorer, Scorer
from asm_interp.evaluation.metrics import (
    Ties,
    best_crop_recall,
    best_overlap,
    pcc,
    ranking_accuracy,
    srcc,
    top_accuracy,
    weighted_top_accuracy,
)
from asm_interp.evaluation.published import HEADLINE, published_table
from asm_interp.files import write_atomically
from asm_interp.geometry.boxes import FloatArray, area

GOOD_IOU = 0.75
"""A predicted crop with at least this IoU counts as found."""


@dataclass(frozen=True)
class Settings:
    """Choices that a result depends on.

    Parameters
    ----------
    ties : {"expected", "reference"}
        How the metrics of the best K crops treat equal predicted scores; see `asm_interp.evaluation.metrics`.
    delta : float
        Least difference of scores of a pair in the ranking accuracy.
    seed : int
        Of the bootstrap over photos, and of baselines that draw lots.
    resamples : int
        Of the bootstrap.
    """

    ties: Ties = "expected"
    delta: float = 0.0
    seed: int = 0
    resamples: int = 2000


@dataclass(frozen=True, eq=False)
class EvaluationResult:
    """How a scorer did on a data set.

    Attributes
    ----------
    scorer, data, kind : str
        Names of the scorer and the data set, and the protocol.
    per_photo : DataFrame
        One row for each photo, by id; one column for each metric. Shares are in percent where the field has them
        so (Acc, wAcc and the recalls). NaN where a metric is not defined for a photo.
    inferred_sizes : tuple of str
        Photos whose size was inferred from their annotations, for they are not there.
    skipped : dict of str to str
        Photos that could not be evaluated, and why.
    settings : Settings
    """

    scorer: str
    data: str
    kind: str
    per_photo: pd.DataFrame
    inferred_sizes: tuple[str, ...] = ()
    skipped: dict[str, str] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)

    @cached_property
    def table(self) -> pd.DataFrame:
        """Means over photos with 95 % bootstrap intervals: metric, value, ci_low, ci_high, n."""
        rows = []
        for metric, values in self.per_photo.items():
            known = values.dropna()
            low, high = bootstrap_interval(known, resamples=self.settings.resamples, seed=self.settings.seed)
            rows.append((metric, known.mean(), low, high, len(known)))
        return pd.DataFrame(rows, columns=["metric", "value", "ci_low", "ci_high", "n"])

    @property
    def notes(self) -> list[str]:
        """What a reader of the table has to know beside it."""
        notes = []
        done, inferred = len(self.per_photo), len(self.inferred_sizes)
        if inferred:
            notes.append(f"the size of {inferred} of {done} photos was inferred from their annotations")
        if self.skipped:
            first = next(iter(self.skipped.values()))
            notes.append(f"{len(self.skipped)} of {done + len(self.skipped)} photos were skipped ({first})")
        return notes

    def with_published(self) -> pd.DataFrame:
        """Own row on top of the published ones.

        Returns
        -------
        DataFrame
            method, the metrics that papers report, n (of this scorer: photos evaluated), trained on, source.
            Columns that are empty throughout are left out.
        """
        return compare([self])

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON has it; NaN becomes null."""
        return {
            "scorer": self.scorer,
            "data": self.data,
            "kind": self.kind,
            "settings": vars(self.settings),
            "photos": len(self.per_photo),
            "inferred_sizes": len(self.inferred_sizes),
            "skipped": self.skipped,
            "metrics": _records(self.table),
            "published": _records(published_table(self.kind)),
        }


def evaluate(
    scorer: Scorer,
    dataset: CropDataset,
    kind: str,
    settings: Settings | None = None,
    advance: Callable[[str], None] | None = None,
) -> EvaluationResult:
    """Evaluate a scorer on all photos of a data set.

    On "gaicd" and "planted" it orders the annotated crops, on "fcdb-ranking" those of each pair; on "fcdb" and "flms"
    it names its best free crop, which is measured against the annotator whom it meets best; on "table" the former where
    crops have scores, else the latter. A photo that is missing or unreadable is skipped if the scorer needs it; without
    photos, baselines that need none work on sizes inferred from the annotations.

    Parameters
    ----------
    scorer : Scorer
    dataset : CropDataset
        Already the split to test on.
    kind : {"gaicd", "fcdb", "fcdb-ranking", "flms", "planted", "table"}
        Protocol.
    settings : Settings, optional
    advance : callable, optional
        Called with each photo's id when it is done.

    Returns
    -------
    EvaluationResult

    Raises
    ------
    ValueError
        If there is no such protocol, a photo lacks the scores that it needs, a scorer returns other than one finite
        number for each crop, or no photo at all could be evaluated.
    """
    if kind not in HEADLINE:
        raise ValueError(f"no protocol {kind!r}; there are {', '.join(HEADLINE)}")
    settings = settings or Settings()
    measure = _MEASURES[kind]
    rows: dict[str, dict[str, float]] = {}
    skipped: dict[str, str] = {}
    inferred = []
    for sample in dataset.samples:
        try:
            rows[sample.id] = measure(scorer, sample, settings)
            if sample.guesses_size:
                inferred.append(sample.id)
        except PhotoError as error:
            skipped[sample.id] = str(error)
        if advance is not None:
            advance(sample.id)
    if not rows:
        why = next(iter(skipped.values()), "the data set is empty")
        raise ValueError(
            f"{scorer.name} could be evaluated on none of the {len(dataset)} photos of {dataset.name}: {why}"
        )
    per_photo = pd.DataFrame.from_dict(rows, orient="index").rename_axis("photo")
    return EvaluationResult(scorer.name, dataset.name, kind, per_photo, tuple(inferred), skipped, settings)


def _ordering(scorer: Scorer, sample: CropSample, settings: Settings) -> dict[str, float]:
    """Metrics of one photo whose crops have scores."""
    predicted, scores = _predicted(scorer, sample)
    row = {
        "SRCC": srcc(predicted, scores),
        "PCC": pcc(predicted, scores),
        "ranking_accuracy": ranking_accuracy(predicted, scores, settings.delta),
    }
    for name, measure in (("Acc", top_accuracy), ("wAcc", weighted_top_accuracy)):
        for n in (5, 10):
            shares = 100 * measure(predicted, scores, n, settings.ties)
            row[f"{name}_{n}"] = float(shares.mean())
            row |= {f"{name}_{k}/{n}": float(share) for k, share in enumerate(shares, 1)}
    for n in (5, 10):
        found = best_crop_recall(predicted, scores, sample.boxes, n, ties=settings.ties)
        row[f"best_crop_recall_{n}"] = 100 * found
    return row


def _pairs(scorer: Scorer, sample: CropSample, settings: Settings) -> dict[str, float]:
    """Ranking accuracy of one photo whose crops were judged in pairs."""
    if sample.pairs is None:
        raise ValueError(f"{sample.id}: this protocol needs pairs of crops, and there are none")
    predicted, votes = _predicted(scorer, sample)
    return {"ranking_accuracy": ranking_accuracy(predicted, votes, settings.delta, sample.pairs)}


def _predicted(scorer: Scorer, sample: CropSample) -> tuple[FloatArray, FloatArray]:
    """Predicted and true scores of the annotated crops."""
    if sample.scores is None:
        raise ValueError(f"{sample.id}: this protocol needs a score for each crop, and there are none")
    predicted = np.asarray(scorer.scores(sample, sample.boxes), dtype=np.float64)
    if predicted.shape != sample.scores.shape or not np.isfinite(predicted).all():
        expected = f"{len(sample.boxes)} finite scores, one for each crop"
        raise ValueError(f"{sample.id}: {scorer.name} returned {predicted!r} where {expected} were expected")
    return predicted, sample.scores


def _best_crop(scorer: Scorer, sample: CropSample, _: Settings) -> dict[str, float]:
    """Metrics of one photo whose crops are people's best ones."""
    size = sample.size()
    box = np.asarray(scorer.best(sample), dtype=np.float64)
    if box.shape != (4,) or not np.isfinite(box).all():
        raise ValueError(f"{sample.id}: {scorer.name} returned {box!r} where one box x1, y1, x2, y2 was expected")
    overlap, displacement = best_overlap(box, sample.boxes, size)
    return {
        "IoU": overlap,
        "Disp": displacement,
        "recall_0.75": 100 * float(overlap >= GOOD_IOU),
        "area_share": float(area(box) / (size[0] * size[1])),
    }


def _own(scorer: Scorer, sample: CropSample, settings: Settings) -> dict[str, float]:
    """Metrics of one photo of a table, by what its crops are: scored, or best ones."""
    return (_best_crop if sample.scores is None else _ordering)(scorer, sample, settings)


_MEASURES = {
    "gaicd": _ordering,
    "planted": _ordering,
    "fcdb-ranking": _pairs,
    "fcdb": _best_crop,
    "flms": _best_crop,
    "table": _own,
}


def compare(results: Sequence[EvaluationResult]) -> pd.DataFrame:
    """Results of several scorers on one data set on top of the published ones; columns as `with_published` has them.

    Raises
    ------
    ValueError
        If there is no result, or they are of different protocols.
    """
    kinds = {result.kind for result in results}
    if len(kinds) != 1:
        raise ValueError(f"results of one protocol can be compared, got {sorted(kinds) or 'none'}")
    published = published_table(kinds.pop())
    own = []
    for result in results:
        values = result.table.set_index("metric")["value"]
        row = {column: values.get(column) for column in published.columns if column in values.index}
        source = f"measured on {result.data}"
        own.append({"method": result.scorer, **row, "n": len(result.per_photo), "trained on": "", "source": source})
    table = pd.DataFrame(own, columns=published.columns).astype(published.dtypes.to_dict())
    # Without a published row the column types are those of the empty table, which pandas would warn about.
    both = pd.concat([table, published], ignore_index=True) if len(published) else table
    blank = both.isna().all() | (both == "").all()
    return both.loc[:, ~blank]


def load_scorer(what: str, dataset: CropDataset, *, device: str = "cpu", seed: int = 0, fine: bool = False) -> Scorer:
    """Scorer by name.

    Parameters
    ----------
    what : str
        One of `BASELINES`, or a checkpoint's name or path.
    dataset : CropDataset
        With all its splits: the position-only prior is fitted to "train".
    device : str
        Where a model runs.
    seed : int
        Of a baseline that draws lots.
    fine : bool
        Whether a model searches on from the anchors for its best crop; see `ModelScorer`.

    Raises
    ------
    ValueError
        If there is neither, or the baseline cannot be made for this data set.
    """
    if what in BASELINES:
        return BASELINES[what](dataset, seed)
    from asm_interp.model.checkpoint import load

    name = Path(what).stem if Path(what).suffix == ".safetensors" else what
    return ModelScorer(load(what, device), name, fine=fine)


def write_results(results: Sequence[EvaluationResult], folder: str | os.PathLike[str]) -> list[Path]:
    """Write results as files, each whole or not at all.

    Parameters
    ----------
    results : sequence of EvaluationResult
        Of one protocol.
    folder : path
        Made if needed. Files of the same name are replaced.

    Returns
    -------
    list of Path
        ``metrics.csv`` (scorer and data before the columns of `EvaluationResult.table`), ``photos.csv`` (the same
        before those of `per_photo`), ``comparison.csv`` (`compare`) and ``results.json`` (everything but the photos).

    Raises
    ------
    ValueError
        As `compare`.
    OSError
        If the folder cannot be written.
    """

    def labelled(result: EvaluationResult, table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(scorer=result.scorer, data=result.data)[["scorer", "data", *table.columns]]

    tables = {
        "metrics.csv": pd.concat([labelled(result, result.table) for result in results]),
        "photos.csv": pd.concat([labelled(result, result.per_photo.reset_index()) for result in results]),
        "comparison.csv": compare(results),
    }
    contents = {name: table.to_csv(index=False, lineterminator="\n") for name, table in tables.items()}
    contents["results.json"] = json.dumps([result.to_dict() for result in results], indent=2, ensure_ascii=False) + "\n"
    paths = [Path(folder, name) for name in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        write_atomically(path, content)
    return paths


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=15))
    return records
