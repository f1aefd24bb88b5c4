"""The names that notebooks, the command line and others' programs call as they are written here."""

import inspect
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
import torch

import asm_interp as asm

REQUIRED = inspect.Parameter.empty

SIGNATURES: dict[str, dict[str, Any]] = {
    "list_checkpoints": {},
    "load": {"name_or_path": asm.DEFAULT_CHECKPOINT, "device": "cpu"},
    "save": {"model": REQUIRED, "path": REQUIRED, "card": REQUIRED},
    "read_photo": {"source": REQUIRED},
    "sample_photos": {},
    "patterns.get": {"spec": REQUIRED},
    "patterns.names": {},
    "patterns.from_labels": {"labels": REQUIRED, "name": REQUIRED},
    "CompositionPattern.partition_at": {"u": REQUIRED, "v": REQUIRED},
    "ASMNet": {"backbone": "vgg16", "pattern": "cross-rectangle", "pretrained": None},
    "ASMNet.score_map": {"photo": REQUIRED},
    "ScoreMap": {"values": REQUIRED, "pattern": REQUIRED, "photo_size": REQUIRED},
    "ScoreMap.at_photo_size": {},
    "crop_scores": {"score_map": REQUIRED, "boxes": REQUIRED},
    "circle_scores": {"score_map": REQUIRED, "circles": REQUIRED},
    "search_crops": {"score_map": REQUIRED, "aspect": None, "shape": "rectangle", "top": 10},
    "theta_maps": {"score_map": REQUIRED, "center": "none"},
    "explain_crop": {"score_map": REQUIRED, "box": REQUIRED},
    "compare_crops": {"score_map": REQUIRED, "box_a": REQUIRED, "box_b": REQUIRED},
    "crop_score_fn": {"model": REQUIRED, "box": REQUIRED},
}


def named(path: str) -> Callable[..., Any]:
    found: Any = asm
    for part in path.split("."):
        found = getattr(found, part)
    return found


@pytest.fixture(scope="module")
def score_map() -> asm.ScoreMap:
    values = torch.rand(9, 8, 12, generator=torch.Generator().manual_seed(0))
    return asm.ScoreMap(values, asm.patterns.get("grid:3x3"), (80, 120))


@pytest.mark.parametrize("path", SIGNATURES)
def test_parameters(path: str) -> None:
    parameters = dict(inspect.signature(named(path)).parameters)
    parameters.pop("self", None)
    promised = SIGNATURES[path]
    # They may be given in order or by name; what comes after them is optional.
    assert list(parameters)[: len(promised)] == list(promised)
    for name, default in promised.items():
        assert parameters[name].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        assert parameters[name].default == default, name
    for name in list(parameters)[len(promised) :]:
        assert parameters[name].default is not REQUIRED, f"{name} would have to be given"


def test_names_are_listed_and_nothing_else_is_loaded_by_a_typo() -> None:
    names = {path.split(".")[0] for path in SIGNATURES} | {"DEFAULT_CHECKPOINT", "CropExplanation", "CropComparison"}
    assert names | {"ThetaMaps"} <= set(asm.__all__)
    assert set(asm.__all__) <= set(dir(asm))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = asm.no_such_name  # type: ignore[attr-defined]


def test_checkpoints() -> None:
    table = asm.list_checkpoints()
    assert isinstance(table, pd.DataFrame)
    assert {"name", "backbone", "pattern", "lambda", "data", "size", "sha256"} <= set(table.columns)
    assert isinstance(asm.DEFAULT_CHECKPOINT, str)


def test_pattern_attributes() -> None:
    pattern = asm.patterns.get("grid:2x3")
    assert isinstance(pattern, asm.CompositionPattern)
    assert (pattern.name, pattern.labels.shape, pattern.n_partitions) == ("grid:2x3", (2, 3), 6)
    assert int(pattern.partition_at(u=0.99, v=0.0)) == 2
    assert asm.patterns.from_labels([[0, 1]], name="mine").name == "mine"
    assert {"multi-rectangle", "multi-direction", "cross-rectangle"} <= set(asm.patterns.names())


def test_score_map_attributes(score_map: asm.ScoreMap) -> None:
    assert score_map.values.dtype == torch.float32
    assert (tuple(score_map.values.shape), score_map.photo_size) == ((9, 8, 12), (80, 120))
    assert score_map.pattern.name == "grid:3x3"
    assert score_map.at_photo_size().shape == (9, 80, 120)


def test_results(score_map: asm.ScoreMap) -> None:
    boxes = [[0, 0, 60, 40], [30, 20, 120, 80]]
    scores = asm.crop_scores(score_map, boxes)
    assert scores.shape == (2,)
    assert asm.circle_scores(score_map, [[40, 40, 30]]).shape == (1,)

    crops = asm.search_crops(score_map, aspect=1.5, shape="rectangle", top=3)
    assert [*crops.columns[:6]] == ["x1", "y1", "x2", "y2", "score", "stage"]

    theta = asm.theta_maps(score_map, center="channel")
    assert isinstance(theta, asm.ThetaMaps)
    assert theta.avg.shape == theta.std.shape == (8, 12)
    assert isinstance(theta.gauge_share, float)

    explanation = asm.explain_crop(score_map, boxes[0])
    assert isinstance(explanation, asm.CropExplanation)
    assert explanation.score == pytest.approx(scores[0])
    assert explanation.pixel_scores.ndim == 2
    assert isinstance(explanation.partitions, pd.DataFrame)
    assert explanation.pooled.shape == (9, 9)

    comparison = asm.compare_crops(score_map, *boxes)
    assert isinstance(comparison, asm.CropComparison)
    assert comparison.difference == pytest.approx(scores[0] - scores[1])


def test_crop_score_fn_plugs_into_captum() -> None:
    score = asm.crop_score_fn(asm.ASMNet("tiny", "grid:1x1"), box=[0, 0, 32, 32])
    assert score(torch.zeros(3, 3, 32, 64)).shape == (3,)
