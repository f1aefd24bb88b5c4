"""The audit from end to end: which models are trained, on what they are graded, what is written."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import asm_interp as asm
from asm_interp.analysis.audit_verdicts import Grade
from asm_interp.audit.bench import FAMILIES, Bench, grade_models, shipped_models
from asm_interp.audit.plan import Plan, default_base, training_runs
from asm_interp.audit.report import Audit
from asm_interp.audit.run import run_audit
from asm_interp.cli import app
from asm_interp.data.planted import Weights, shapes_world
from asm_interp.model.checkpoint import find, read_card
from asm_interp.training.config import read_config

SHIPPED = ["shapes-lambda-0", "shapes-lambda-0.1"]


def test_runs_of_the_plan() -> None:
    runs = training_runs(default_base(), Plan())
    assert len({run.name for run in runs}) == len(runs) == 45
    assert {run.pattern for run in runs} == {"cross-rectangle"}
    settings = [(run.rule, run.lam, run.weights["corners"]) for run in runs]
    for rule in ("centre", "thirds", "left", "right", "headroom"):
        assert settings.count((rule, 0.1, 0.0)) == 5
    for setting in ((0.1, 0.2), (0.1, 0.4), (0.0, 0.0), (0.0, 0.4)):
        assert settings.count(("thirds", *setting)) == 5


def test_the_bases_own_rule_takes_part() -> None:
    base = read_config(name="a", rule="lines", weights={"noise": 0.1})
    runs = training_runs(base, Plan(rules=("left",), lambdas=(), betas=(0.0,), seeds=(3,)))
    assert [(run.rule, run.seed) for run in runs] == [("lines", 3), ("left", 3)]
    assert all(run.weights == {"noise": 0.1, "corners": 0.0} for run in runs)


def test_bench_is_of_photos_no_run_trains_on() -> None:
    bench = Bench.make("shapes", 3)
    held_out = shapes_world("test", n_photos=3)
    assert [scene.id for scene in bench.world.scenes.scenes] == [sample.id for sample in held_out]  # type: ignore[attr-defined]
    trained = [run.world("train").scenes[0].id for run in training_runs(default_base(), Plan())]
    assert not {name[:-6] for name in trained} & {sample.id[:-6] for sample in held_out}


def test_world_is_that_of_the_card(tmp_path: Path) -> None:
    bench = Bench.make("shapes", 2)
    model = asm.ASMNet("tiny", "grid:1x2", input_size=32)
    world = {"rule": "left", "n_crops": 7, "best_share": 0.5, "weights": {"corners": 0.3, "noise": 0.0}}
    path = asm.save(model, tmp_path / "a.safetensors", {"world": world | {"augment": False}})
    found = bench.world_of(path)
    assert (found.rule, found.n_crops, found.best_share) == ("left", 7, 0.5)
    assert found.weights == Weights(corners=0.3, noise=0.0)
    assert found.scenes is bench.world.scenes
    bare = asm.save(model, tmp_path / "b.safetensors", {})
    with pytest.raises(ValueError, match=r"b\.safetensors: its card names no planted world"):
        bench.world_of(bare)


def test_faults() -> None:
    with pytest.raises(ValueError, match="shapes and subjects, got 'gaicd'"):
        Bench.make("gaicd", 3)
    with pytest.raises(ValueError, match="need --root"):
        Bench.make("subjects", 3)
    with pytest.raises(ValueError, match="no checkpoint at hand was trained on circles"):
        shipped_models("circles")
    result = CliRunner().invoke(app, ["audit", "--quick", "--config", "a.toml"])
    assert result.exit_code == 2


def test_shipped_models_of_shapes() -> None:
    assert {path.stem for path in shipped_models("shapes")} >= set(SHIPPED)


@pytest.mark.parametrize("data", FAMILIES)
def test_a_family_differs_in_lambda_alone(data: str) -> None:
    """All else that a card says is the same, so that what changes is λ's doing."""
    cards = [read_card(find(name)) for name in FAMILIES[data]]
    lambdas = [card["lambda"] for card in cards]
    assert lambdas == sorted(set(lambdas))
    own = {"lambda", "metrics"}
    assert all({k: v for k, v in card.items() if k not in own} == {k: v for k, v in cards[0].items() if k not in own}
               for card in cards)  # fmt: skip


def test_two_models_of_one_setting_and_seed_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shapes-lambda-0\.1 and shapes-300-lambda-0\.1 have one setting"):
        grade_models(Bench.make("shapes", 2), ["shapes-lambda-0.1", "shapes-300-grid-3x3", "shapes-300-lambda-0.1"])


def test_report(tmp_path: Path) -> None:
    grades = [
        Grade("shapes", "localisation", "theta_std", "auc", 0.97, 0.96, 0.98, "thirds", 0.1, 0.0, 5, 90),
        Grade("shapes", "rule", "pattern", "ceiling", 0.84, np.nan, np.nan, "thirds", 0.1, 0.0, 5),
    ]
    audit = Audit(grades, {"shapes": ["a"]}, {"shapes: grading": 1.4}, {"b": "it broke"})
    assert audit.missed["explanation"].tolist() == ["theta_std"]
    audit.write(tmp_path)
    with (tmp_path / "grades.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["estimate"], rows[0]["bar"], rows[0]["passed"]) == ("0.97", "≥ 0.98", "False")
    assert (rows[1]["ci_low"], rows[1]["bar"], rows[1]["passed"]) == ("", "", "")
    whole = json.loads((tmp_path / "audit.json").read_text("utf-8"))
    assert whole["grades"][1]["ci_low"] is None
    assert whole["failed"] == {"b": "it broke"}
    told = (tmp_path / "audit.md").read_text("utf-8")
    assert "| theta_std | auc | thirds, β 0 | 0.1 | 5 | 90 | .97 [.96, .98] | ≥ 0.98 missed |" in told
    assert "- θstd marks the subject, which composition is about: supported on shapes, AUC .97 [.96, .98]" in told


@pytest.mark.slow
def test_quick_audit(tmp_path: Path) -> None:
    options = ["--quick", "--photos", "6", "--worlds", "3", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, ["audit", *options])
    assert result.exit_code == 0, result.output
    assert "θavg marks content: " in result.output
    assert "λ makes θstd mark the subject better: " in result.output
    whole = json.loads((tmp_path / "audit.json").read_text("utf-8"))
    assert whole["models"] == {"shapes": SHIPPED}
    parts = {grade["part"] for grade in whole["grades"]}
    assert parts == {"model", "localisation", "rule", "distractors", "lambda", "dose"}


@pytest.mark.slow
def test_subjects_beside_shapes(tmp_path: Path, shared_dir: Path) -> None:
    found = run_audit(
        ["subjects"],
        root=shared_dir / "data" / "subjects",
        checkpoints=["shapes-lambda-0"],
        n_photos=3,
        n_worlds=2,
        out=tmp_path,
    )
    assert {grade.data for grade in found.grades} == {"subjects"}
    assert not [grade for grade in found.grades if grade.part == "distractors"], "nobody knows them in photographs"
    assert found.table["bar"].eq("").all()


@pytest.mark.slow
def test_models_are_trained_once(tmp_path: Path) -> None:
    sizes = {"n_photos": 6, "photo_height": 32, "photo_width": 48, "n_crops": 12, "input_size": 32, "epochs": 1}
    base = read_config(name="base", backbone="tiny", half=False, **sizes)
    plan = Plan(rules=("thirds",), lambdas=(), betas=(0.0,), seeds=(0,))
    first, second = (
        run_audit(["shapes"], base=base, plan=plan, n_photos=3, n_worlds=2, out=tmp_path, quiet=True) for _ in range(2)
    )
    (name,) = first.models["shapes"]
    assert name == "shapes-thirds-beta-0-cross-rectangle-lambda-0.1-seed-0"
    assert first.grades == pytest.approx(second.grades) or str(first.grades) == str(second.grades)
    assert second.seconds["shapes: training"] < first.seconds["shapes: training"]
