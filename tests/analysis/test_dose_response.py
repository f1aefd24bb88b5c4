"""Corner statistics of worlds whose corner preference is known."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from asm_interp.analysis.dose_response import HELD, corner_response, line_fit, simulate, split_content
from asm_interp.analysis.scored_crops import ScoredCrops
from asm_interp.data.crops import CropDataset, CropSample
from asm_interp.data.planted import PlantedWorld, Weights, shapes_world
from asm_interp.data.scenes import ShapeScenes

WORLD = shapes_world("test", n_photos=30, size=(48, 64), n_crops=24)


@cache
def simulated() -> pd.DataFrame:
    return simulate(WORLD, n_worlds=40, betas=(0, 0.2, 0.4))


def test_content_is_told_from_place() -> None:
    weights = Weights(keep=1, placement=1, share=1, area=1, centrality=1, corners=1, noise=0.1)
    sample = PlantedWorld(ShapeScenes(2, seed=1), weights=weights)[0]
    content, rest = split_content(sample.truth.terms)
    np.testing.assert_allclose(content + rest, sample.scores)
    np.testing.assert_allclose(content, sum(sample.truth.terms[name] for name in ("keep", "placement", "share")))


def test_content_held_fixed_leaves_corners_alone() -> None:
    """Scores of content and a trace of corners: beside content, all that is left is corners."""
    rng = np.random.default_rng(0)
    edges = np.sort(rng.choice([0, 10, 20, 30, 40], (2, 40, 2)), axis=2)
    edges[..., 1] += 5
    boxes = np.stack([edges[0, :, 0], edges[1, :, 0], edges[0, :, 1], edges[1, :, 1]], axis=1).astype(float)
    content = rng.normal(size=40)
    crops = ScoredCrops.read(
        CropDataset("made", [CropSample(id="a", boxes=boxes, scores=content, photo_size=(45, 45))])
    )
    dosed = crops.with_scores(5 * content[None] - 1e-3 * crops.corners())
    assert corner_response(dosed, content[None], "area, aspect and content") == pytest.approx(-1)
    assert abs(corner_response(dosed, content[None], "area and aspect")) < 0.9


def test_same_seed_same_worlds() -> None:
    few = simulate(WORLD, n_worlds=2, betas=(0, 0.2, 0.4))
    pd.testing.assert_frame_equal(few, simulated()[simulated()["world"] < 2])
    assert few.groupby(["world", "held", "beta"]).size().eq(1).all()
    assert set(few["held"]) == set(HELD)


def test_responses_rise_with_the_dose() -> None:
    means = simulated().pivot_table(index="held", columns="beta", values="response")
    assert (np.diff(means.to_numpy(), axis=1) > 0.05).all()


def test_alarms_without_a_preference() -> None:
    """With content held the test keeps its level; without, content that shuns corners is found, and never favours."""
    null = simulated()[simulated()["beta"] == 0].groupby("held", sort=False)
    alarms = null["p"].agg(lambda p: (p < 0.05).mean())
    assert alarms["area, aspect and content"] <= 0.15  # 40 worlds at 5 %: more in one of 500 such tests
    favour = null["p_greater"].agg(lambda p: (p < 0.05).mean())
    assert favour["area and aspect"] <= 0.05
    assert alarms["area and aspect"] > 0.5


def test_line_fit() -> None:
    betas, rng = np.array([0, 0.1, 0.2, 0.4]), np.random.default_rng(0)
    responses = 2 * betas + rng.normal(0, 0.1, (3, 4))
    fit = line_fit(betas, responses)
    np.testing.assert_allclose(fit.slopes, [np.polyfit(betas, row, 1)[0] for row in responses])
    everything = np.corrcoef(np.tile(betas, 3), responses.ravel())[0, 1] ** 2
    assert fit.r_squared == pytest.approx(everything)
    assert np.isnan(line_fit(betas, np.ones((2, 4))).r_squared)
