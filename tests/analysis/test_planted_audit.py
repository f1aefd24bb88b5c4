"""Grades of models whose measures are made up, of a model that looks at single pixels, and what is said of them."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion

import asm_interp as asm
from asm_interp.analysis.audit_verdicts import CLAIMS, Grade, bar, grade_table, judge, number, passes, verdicts
from asm_interp.analysis.dose_response import simulate
from asm_interp.analysis.graded_model import INSIDE, OUTSIDE, GradedModel, Setting, grade_model, removals
from asm_interp.analysis.planted_audit import audit_grades, simulation_grades
from asm_interp.analysis.statistics import Resampling, hierarchical_interval
from asm_interp.data.planted import RULES, PlantedWorld, rule_grid, shapes_world
from asm_interp.data.scenes import KeptScenes, ShapeScenes

CROSS = asm.patterns.get("cross-rectangle")
FEW = Resampling(200)
HELD = ("nothing", "area and aspect", "area, aspect and content")


def made(rule: str = "thirds", lam: float = 0.1, beta: float = 0.0, seed: int = 0, **changed: Any) -> GradedModel:
    """A model whose placement preference is its world's rule, and whose measures are noise but for those given."""
    rng = np.random.default_rng([seed, round(1000 * beta), round(1000 * lam)])
    keys = [("theta_std", "auc"), ("theta_avg", "auc"), ("random_head", "auc"), ("scores", "ranking accuracy")]
    keys += [("theta_std_centred", "auc"), ("theta_std", "gauge share"), ("theta_avg", "corner z")]
    keys += [("theta_std_centred", "corner concentration"), ("theta_std", "corner concentration")]
    keys += [("scores", OUTSIDE), ("scores", INSIDE), *(("scores", f"corners, {held} held") for held in HELD)]
    measures = {key: 0.5 + 0.01 * rng.normal(size=12) for key in keys}
    plane = rule_grid(rule, 24)
    preferences = plane - plane.mean() + 0.01 * rng.normal(size=(8, 24, 24))
    heads = rng.normal(size=(3, 12)), rng.normal(size=(3, 24, 24))
    return replace(GradedModel("made", rule, "tiny", lam, beta, seed, CROSS, measures, preferences, *heads), **changed)


def with_measure(model: GradedModel, key: tuple[str, str], values: np.ndarray) -> GradedModel:
    return replace(model, measures=model.measures | {key: values})


def one(grades: list[Grade], part: str, explanation: str, truth: str, **own: float | str) -> Grade:
    (found,) = [
        grade
        for grade in grades
        if (grade.part, grade.explanation, grade.truth) == (part, explanation, truth)
        and all(getattr(grade, name) == value for name, value in own.items())
    ]
    return found


def test_means_and_intervals_are_over_seeds_and_photos() -> None:
    models = [made(seed=seed) for seed in range(3)]
    holed = with_measure(models[0], ("theta_std", "auc"), np.r_[np.nan, np.linspace(0, 1, 11)])
    models = [holed, *models[1:]]
    grade = one(audit_grades("shapes", models, FEW), "localisation", "theta_std", "auc")
    values = np.array([model.measures["theta_std", "auc"] for model in models])
    assert grade.estimate == pytest.approx(np.nanmean(values))
    assert (grade.ci_low, grade.ci_high) == hierarchical_interval(values, FEW)
    assert (grade.rule, grade.lam, grade.beta, grade.n_seeds, grade.n_photos) == ("thirds", 0.1, 0, 3, 12)
    assert (grade.pattern, grade.backbone) == ("cross-rectangle", "tiny")


def test_models_of_one_setting_and_seed_are_refused() -> None:
    twins = [made(seed=3, name="a"), made(seed=3, name="b")]
    told = r"a and b have one setting \(rule thirds, cross-rectangle, tiny, λ 0\.1, β 0\) and one seed, 3"
    with pytest.raises(ValueError, match=told):
        audit_grades("shapes", twins, FEW)


def test_patterns_and_backbones_are_no_seeds_of_one_another() -> None:
    """Three networks of one rule, λ and seed: three groups, none of which is another's reference."""
    grid, large = asm.patterns.get("grid:3x3"), {"backbone": "squeezenet1_1"}
    models = [made(), made(pattern=grid), made(**large), made(lam=0), made(lam=0, pattern=grid)]
    grades = audit_grades("shapes", models, FEW)
    found = [
        (g.pattern, g.backbone, g.lam, g.n_seeds) for g in grades if (g.explanation, g.truth) == ("theta_std", "auc")
    ]
    assert sorted(found) == [
        ("cross-rectangle", "squeezenet1_1", 0.1, 1),
        ("cross-rectangle", "tiny", 0, 1),
        ("cross-rectangle", "tiny", 0.1, 1),
        ("grid:3x3", "tiny", 0, 1),
        ("grid:3x3", "tiny", 0.1, 1),
    ]
    change = [grade for grade in grades if grade.truth == "auc, change from λ 0" and grade.explanation == "theta_std"]
    assert [(grade.pattern, grade.backbone) for grade in change] == [("cross-rectangle", "tiny"), ("grid:3x3", "tiny")]
    expected = models[1].measures["theta_std", "auc"] - models[4].measures["theta_std", "auc"]
    assert change[1].estimate == pytest.approx(expected.mean())
    told = [text for text in verdicts(grades)["text"] if text.startswith("θavg marks content")]
    assert [text.split(" on ")[1].split("),")[0] for text in told] == [
        "shapes (cross-rectangle, squeezenet1_1",
        "shapes (cross-rectangle, tiny",
        "shapes (grid:3x3, tiny",
    ]


def test_random_heads_of_several_models_and_of_one() -> None:
    """Like is compared with like, and intervals hold the draw of the heads."""
    models = [made(seed=seed) for seed in range(2)]
    centred = np.array([model.measures["theta_std_centred", "auc"] for model in models])
    heads = np.array([model.head_aucs for model in models])
    truth = "auc over random heads"
    for chosen, gains in ((models, centred - heads.mean(axis=1)), (models[:1], centred[0] - heads[0])):
        grades = audit_grades("shapes", chosen, FEW)
        gain = one(grades, "localisation", "theta_std_centred", truth)
        assert gain.estimate == pytest.approx(gains.mean())
        assert (gain.ci_low, gain.ci_high) == hierarchical_interval(gains, FEW)
        assert gain.n_seeds == len(chosen)
    spread = one(audit_grades("shapes", models, FEW), "localisation", "random_head", "auc, range over heads")
    means = heads.mean(axis=-1)
    assert [spread.estimate, spread.ci_low, spread.ci_high] == pytest.approx(
        [means.mean(), *np.quantile(means, [0.025, 0.975])]
    )


def test_what_random_heads_make_of_a_rule_stands_beside_it() -> None:
    """Of four heads one prefers the rule, one its opposite, one another rule, one nothing."""
    g = rule_grid("thirds", 24)
    planes = np.array([g, -g, rule_grid("left", 24), np.zeros((24, 24))])
    grades = audit_grades("shapes", [made(head_preferences=planes)], FEW)
    null = one(grades, "rule", "placement preference", "correlation with g; random heads")
    other = np.corrcoef(g.ravel(), rule_grid("left", 24).ravel())[0, 1]
    assert null.estimate == pytest.approx((1 - 1 + other + 0) / 4)
    assert -1 <= null.ci_low < null.ci_high <= 1
    named = one(grades, "rule", "placement preference", "right rule named; random heads")
    assert named.estimate == 0.25
    share = one(grades, "rule", "placement preference", "share of the ceiling, by partition; random heads")
    assert share.ci_high <= 1 + 1e-12
    assert np.isnan(bar(named))
    assert not [g for g in audit_grades("shapes", [made(head_preferences=planes[:0])], FEW) if "; random" in g.truth]


def test_the_planted_rule_is_named() -> None:
    grades = audit_grades("shapes", [made(seed=seed) for seed in range(2)], FEW)
    assert one(grades, "rule", "placement preference", "right rule named").estimate == 1
    fit = one(grades, "rule", "placement preference", "correlation with g")
    share = one(grades, "rule", "placement preference", "share of the ceiling, by partition")
    assert fit.estimate > 0.98
    assert share.estimate == pytest.approx(1, abs=0.02)
    assert share.ci_low <= share.estimate <= share.ci_high
    g = rule_grid("thirds", 24).ravel()
    own = [np.corrcoef(made(seed=seed).preferences.mean(axis=0).ravel(), g)[0, 1] for seed in range(2)]
    assert fit.estimate == pytest.approx(np.mean(own))
    student = 12.706 * np.std(own, ddof=1) / 2**0.5  # of two seeds; the photos' part comes to it
    assert fit.ci_low < fit.estimate - student
    assert fit.ci_high > fit.estimate + student
    assert one(grades, "rule", "pattern", "ceiling").estimate == pytest.approx(0.84, abs=0.01)
    margin = one(grades, "rule", "placement preference", "margin over the next rule")
    next_best = max(np.corrcoef(g, rule_grid(rule, 24).ravel())[0, 1] for rule in RULES if rule != "thirds")
    assert margin.estimate == pytest.approx(1 - next_best, abs=0.02)


def test_another_rule_and_none_are_not_named() -> None:
    wrong = made(seed=0, preferences=made("left").preferences)
    flat = made(seed=1, preferences=np.zeros((8, 24, 24)))
    grades = audit_grades("shapes", [wrong, flat], FEW)
    assert one(grades, "rule", "placement preference", "right rule named").estimate == 0
    assert one(grades, "rule", "placement preference", "share of the ceiling, by partition").estimate < 0.3
    assert one(grades, "rule", "placement preference", "margin over the next rule").estimate < 0


def test_a_rule_beyond_the_five_is_a_candidate_of_its_own() -> None:
    grades = audit_grades("subjects", [made("lines")], FEW)
    assert one(grades, "rule", "placement preference", "right rule named").estimate == 1


def test_changes_with_lambda_are_paired() -> None:
    key = ("theta_std", "auc")
    noise = np.random.default_rng(0).normal(size=(2, 12))
    before = [with_measure(made(lam=0, seed=seed), key, noise[seed]) for seed in range(2)]
    after = [with_measure(made(lam=0.1, seed=seed), key, noise[seed] + 0.25) for seed in range(2)]
    lonely = made(lam=0.1, seed=7)  # has no partner
    grades = audit_grades("shapes", [*after, lonely, *before], FEW)
    change = one(grades, "lambda", "theta_std", "auc, change from λ 0")
    assert [change.estimate, change.ci_low, change.ci_high] == pytest.approx([0.25] * 3)
    assert (change.lam, change.n_seeds) == (0.1, 2)


def test_dose_of_models() -> None:
    key = ("theta_avg", "corner z")
    models = [
        with_measure(made(beta=beta, seed=seed), key, 3 * beta + np.arange(12.0) + seed * 0)
        for beta in (0.0, 0.1, 0.4)
        for seed in range(2)
    ]
    grades = audit_grades("shapes", models, FEW)
    slope = one(grades, "dose", "theta_avg", "corner z: slope")
    assert [slope.estimate, slope.ci_low, slope.ci_high] == pytest.approx([3] * 3)
    assert one(grades, "dose", "theta_avg", "corner z: R²").estimate == pytest.approx(1)
    assert one(grades, "dose", "theta_avg", "corner z: response at β = 0").estimate == pytest.approx(5.5)
    assert np.isnan(slope.beta)
    assert not [g for g in audit_grades("shapes", models[:4], FEW) if g.part == "dose"], "two doses are no line"


class PixelModel:
    """Scores a crop by the mean red less blue of its pixels: sees no further than the crop, and distractors too."""

    pattern = CROSS
    backbone_name = "none"

    def score_map(self, photo: np.ndarray) -> asm.ScoreMap:
        warm = photo[..., 0].astype(np.float32) - photo[..., 2]
        weights = torch.linspace(0.5, 1.5, 12).view(-1, 1, 1)
        return asm.ScoreMap(weights * torch.from_numpy(warm), CROSS, photo.shape[:2])  # type: ignore[arg-type]


def test_distractors_of_a_model_without_receptive_field() -> None:
    scenes = ShapeScenes(4, (48, 64), seed=5)
    world = PlantedWorld(KeptScenes([scenes[i] for i in range(4)]), n_crops=40)
    removed = list(removals(scenes, range(4)))
    graded = grade_model(
        cast(asm.ASMNet, PixelModel()), world, name="pixels", lam=0, seed=3, explain=False, heads=0, removed=removed
    )
    outside, inside = (graded.measures["scores", truth] for truth in (OUTSIDE, INSIDE))
    assert np.nanmax(outside) < 1e-6
    assert np.nanmin(inside) > 1e-3
    assert np.isfinite(outside).any()
    assert np.isfinite(inside).any()
    assert (graded.setting, graded.seed) == (Setting("thirds", "cross-rectangle", "none", 0, 0), 3)
    assert len(graded.preferences) == sum(scene.subjects.max() == 1 for scene in world.scenes.scenes)  # type: ignore[attr-defined]
    assert ("theta_std", "auc") not in graded.measures


def test_removing_a_distractor_leaves_the_rest() -> None:
    scenes = ShapeScenes(6, (48, 64), seed=2)
    found = list(removals(scenes, range(6)))
    assert {removal.index for removal in found} == set(range(6)), "every scene has one that can be seen"
    for removal in found:
        scene = scenes[removal.index]
        inside = binary_erosion(scene.subjects > 0)  # rims let through what lies behind
        assert not removal.changed[inside].any()
        assert 0 < removal.changed.mean() < 0.2
        assert (removal.photo == scene.photo)[~removal.changed].all()
    bare = ShapeScenes(6, (48, 64), seed=2, without=(0, 1, 2, 3))
    for sample, plain in zip(PlantedWorld(scenes), PlantedWorld(bare), strict=True):
        np.testing.assert_array_equal(sample.scores, plain.scores)
        np.testing.assert_array_equal(sample.subjects, plain.subjects)


def test_a_model_that_scores_all_crops_alike() -> None:
    class Flat(PixelModel):
        def score_map(self, photo: np.ndarray) -> asm.ScoreMap:
            return asm.ScoreMap(torch.ones(12, 8, 8), CROSS, photo.shape[:2])  # type: ignore[arg-type]

    world = shapes_world("test", n_photos=5, size=(32, 48), n_crops=8)
    graded = grade_model(cast(asm.ASMNet, Flat()), world, name="flat", lam=0, seed=0, explain=False, heads=0)
    grades = audit_grades("shapes", [graded], FEW)
    assert one(grades, "rule", "placement preference", "right rule named").estimate == 0
    assert np.isnan(graded.measures["scores", "corners, area and aspect held"]).sum() >= 4


def test_simulated_annotations_are_graded() -> None:
    world = shapes_world("test", n_photos=12, size=(32, 48), n_crops=12)
    frame = simulate(world, n_worlds=4, betas=(0, 0.4), how=FEW)
    grades = simulation_grades("shapes", "thirds", frame, 12)
    slope = one(grades, "dose", "annotations", "corners, area, aspect and content held: slope")
    assert slope.ci_low <= slope.estimate <= slope.ci_high
    assert slope.estimate > 0.5
    assert slope.n_seeds == 4
    level = one(grades, "dose", "annotations", "corners, area and aspect held: response at β = 0")
    null = frame[(frame["beta"] == 0) & (frame["held"] == "area and aspect")]
    assert level.estimate == pytest.approx(null["response"].mean())
    assert level.ci_low <= level.estimate <= level.ci_high
    alarms = one(grades, "dose", "annotations", "corners, area and aspect held: alarms at β = 0")
    assert alarms.estimate == (null["p"] < 0.05).mean()


def test_verdict_texts() -> None:
    preference, share = "placement preference", "share of the ceiling, by partition"
    corners = "corner concentration, change from λ 0"
    grades = [
        Grade("shapes", "localisation", "theta_avg", "auc", 0.034, 0.01, 0.06, "thirds", 0.1, 0.0, 5, 100),
        Grade("shapes", "localisation", "theta_avg", "auc", 0.9, 0.85, 0.95, "thirds", 0.0, 0.0, 5, 100),
        Grade("shapes", "rule", preference, share, 0.95, 0.9, 1.0, "left", 0.1, 0.0, 5, 60),
        Grade("shapes", "rule", preference, f"{share}; random heads", 0, -0.8, 0.8, "left", 0.1, 0.0, 5, 60),
        Grade("shapes", "rule", preference, share, 0.7, 0.6, 0.8, "right", 0.1, 0.0, 5, 60),
        Grade("shapes", "rule", preference, "margin over the next rule", -0.1, -0.2, 0.1, "right", 0.1, 0.0, 5, 60),
        Grade("shapes", "lambda", "theta_std_centred", corners, -1, -2, -0.5, "left", 0.1, 0.4),
        Grade("shapes", "lambda", "theta_std_centred", corners, 1, 0.5, 2, "left", 0.1, 0.0),
        Grade("shapes", "lambda", "theta_std", corners, 1, 0.5, 2, "left", 0.1, 0.4),
        Grade("shapes", "dose", "annotations", "corners, area and aspect held: slope", 0.6, 0.5, 0.7, "left"),
        Grade(
            "shapes", "dose", "annotations", "corners, area and aspect held: response at β = 0", -0.09, -1, 1, "left"
        ),
        Grade("shapes", "distractors", "scores", OUTSIDE, 0.2, 0.1, 0.3, "thirds", 0.1, 0.0),
    ]
    texts = verdicts(grades)["text"].tolist()
    assert texts[0] == "θavg marks content: not supported on shapes, AUC .03 [.01, .06]"
    assert "the model has learned the rule (left): supported on shapes, of the ceiling .95 [.90, 1.00]" in texts
    assert "the model has learned the rule (right): undecided on shapes, of the ceiling .70 [.60, .80]" in texts
    rather = "the model has learned right rather than another rule"
    assert f"{rather}: undecided on shapes, correlation difference −.10 [−.20, .10]" in texts
    assert (
        "λ takes centred θstd out of the corners: supported on shapes, change of log₂ density −1.00 [−2.00, −.50]"
        in texts
    )
    assert (
        "the corner statistic follows the planted preference: supported on shapes, −.09 at β = 0, slope .60 [.50, .70]"
        in texts
    )
    assert "distractors outside a crop do not matter: not supported on shapes, SD .20 [.10, .30]" in texts
    assert "saliency marks the subject: not measured on shapes" in texts
    assert len(texts) == len(CLAIMS) + 1  # two rules
    beside = Grade("shapes", "localisation", "theta_avg", "auc", 0.9, 0.85, 0.95, "left", 0.1, 0.0, 5, 100)
    two = verdicts([*grades, beside])["text"].tolist()
    assert two[:2] == [
        "θavg marks content: not supported on shapes (thirds), AUC .03 [.01, .06]",
        "θavg marks content: supported on shapes (left), AUC .90 [.85, .95]",
    ]


def test_numbers() -> None:
    assert [number(x) for x in (0.996, 0.994, -0.004, 10.5, 0.0)] == ["1.00", ".99", ".00", "10.50", ".00"]
    assert judge(CLAIMS[0], float("nan"), 1.0) == "not measured"


@pytest.mark.parametrize(
    ("changed", "level", "passed"),
    [
        ({}, 0.98, True),
        ({"estimate": 0.97}, 0.98, False),
        ({"estimate": float("nan")}, 0.98, False),
        ({"data": "subjects"}, None, None),
        ({"lam": 0.0}, None, None),
        ({"beta": 0.2}, None, None),
        ({"explanation": "theta_avg"}, None, None),
    ],
)
def test_bars(changed: dict[str, Any], level: float | None, passed: bool | None) -> None:
    grade = replace(Grade("shapes", "localisation", "theta_std", "auc", 0.99, 0.98, 1, "thirds", 0.1, 0.0), **changed)
    assert passes(grade) is passed
    assert np.isnan(bar(grade)) if level is None else bar(grade) == level
    assert grade_table([grade])["bar"].tolist() == [f"≥ {level}" if level else ""]


def test_a_statistic_that_knows_nothing_of_content_has_no_bar_at_0() -> None:
    """It is off there: held to no alarm in favour of corners, one that is always -1 would pass."""
    truths = [f"corners, area and aspect held: alarms at β = 0{side}" for side in ("", ", in favour of corners")]
    grades = [Grade("shapes", "dose", "annotations", truth, 0.0, 0, 1, "thirds") for truth in truths]
    assert [passes(grade) for grade in grades] == [None, None]


def test_corner_concentration_is_of_composition_beside_that_of_the_paper() -> None:
    """Offsets of channels, which no ranking can see, change the paper's θstd alone."""

    class Offset(PixelModel):
        def __init__(self, size: float) -> None:
            self.size = size

        def score_map(self, photo: np.ndarray) -> asm.ScoreMap:
            plain = super().score_map(photo)
            offsets = self.size * torch.linspace(-1, 1, 12).view(-1, 1, 1)
            return asm.ScoreMap(plain.values + offsets, CROSS, plain.photo_size)

    world = shapes_world("test", n_photos=2, size=(32, 48), n_crops=8)
    plain, shifted = (
        grade_model(cast(asm.ASMNet, Offset(size)), world, name="a", lam=0, seed=0, explain=False, heads=0).measures
        for size in (0.0, 400.0)
    )
    centred, paper = ("theta_std_centred", "corner concentration"), ("theta_std", "corner concentration")
    np.testing.assert_allclose(shifted[centred], plain[centred], atol=1e-4)
    assert np.abs(shifted[paper] - plain[paper]).min() > 0.01


def test_an_alarm_rate_is_to_stay_below_its_bar() -> None:
    truth = "corners, area, aspect and content held: alarms at β = 0"
    grades = [Grade("shapes", "dose", "annotations", truth, rate, 0, 1, "thirds") for rate in (0.05, 0.07, 0.09)]
    assert [passes(grade) for grade in grades] == [True, True, False]
    assert set(grade_table(grades)["bar"]) == {"≤ 0.07"}
