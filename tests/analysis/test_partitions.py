"""Partition views and the split into content and composition: exact sums, closed forms, a trained model."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import asm_interp as asm
from asm_interp.analysis.partitions import composition_estimates, composition_shares, partition_view, split_scores
from asm_interp.analysis.statistics import Resampling
from asm_interp.data.planted import shapes_world
from asm_interp.data.sampling import random_boxes

PHOTO = (60, 90)
QUICK = Resampling(resamples=200)


def random_map(pattern: str = "cross-rectangle", seed: int = 0) -> asm.ScoreMap:
    shape = asm.patterns.get(pattern)
    values = torch.randn(shape.n_partitions, 40, 60, generator=torch.Generator().manual_seed(seed))
    return asm.ScoreMap(values + torch.arange(shape.n_partitions).view(-1, 1, 1), shape, PHOTO)


def boxes_of(seed: int, n: int = 20) -> np.ndarray:
    return random_boxes(PHOTO, n, np.random.default_rng(seed))


@pytest.mark.parametrize("pattern", ["cross-rectangle", "multi-direction", "grid:1x1", "grid:3x1"])
@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 1000))
def test_a_view_adds_up_to_the_score(pattern: str, seed: int) -> None:
    score_map = random_map(pattern)
    box = boxes_of(seed, 1)[0] + [0.3, 0.2, -0.1, -0.4]
    view, score = partition_view(score_map, box), asm.crop_scores(score_map, [box])[0]
    assert view.score == pytest.approx(score, abs=1e-9)
    assert view.contributions.sum() == pytest.approx(score, abs=1e-9)
    assert view.pixel_scores.mean() == pytest.approx(score, abs=1e-9)
    # Averaged over partitions by area, every column is its channel's mean over the crop.
    np.testing.assert_allclose(view.areas @ view.matrix, view.channels.mean((1, 2)), atol=1e-9)
    assert view.channels.shape == (score_map.pattern.n_partitions, *view.used.shape)


def test_a_view_by_hand() -> None:
    """Crop of 6 × 6 map pixels on a pattern whose borders fall between them: plain averages."""
    pattern = asm.patterns.get("cross-rectangle")
    values = torch.randn(12, 20, 20, generator=torch.Generator().manual_seed(1))
    view = partition_view(asm.ScoreMap(values, pattern, (20, 20)), [3, 5, 9, 11])
    crop = values[:, 5:11, 3:9].double().numpy()
    np.testing.assert_array_equal(view.used, pattern.labels)
    np.testing.assert_allclose(view.channels, crop, atol=1e-9)
    np.testing.assert_allclose(view.pixel_scores, np.take_along_axis(crop, view.used[None], 0)[0], atol=1e-9)
    for row in range(12):
        np.testing.assert_allclose(view.matrix[row], crop[:, pattern.labels == row].mean(axis=1), atol=1e-9)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 1000))
def test_content_and_composition_add_up(seed: int) -> None:
    score_map, boxes = random_map(), boxes_of(seed)
    split = split_scores(score_map, boxes)
    np.testing.assert_allclose(split.score, asm.crop_scores(score_map, boxes), atol=1e-9)
    tables = [asm.explain_crop(score_map, box).partitions for box in boxes]
    np.testing.assert_allclose(split.content, [table["content"].sum() for table in tables], atol=1e-9)
    np.testing.assert_allclose(split.composition, [table["composition"].sum() for table in tables], atol=1e-9)


def test_shares_of_maps_that_are_all_content_or_all_composition() -> None:
    pattern = asm.patterns.get("grid:1x2")
    one = torch.randn(1, 40, 60, generator=torch.Generator().manual_seed(2))
    content, composition = torch.cat([one, one]), torch.cat([one, -one])
    photos = [
        (name, asm.ScoreMap(values, pattern, PHOTO), boxes_of(5))
        for name, values in (("content", content), ("composition", composition), ("flat", torch.ones(2, 40, 60)))
    ]
    table = composition_shares(photos).set_index("id")
    assert table.loc["content", "share"] == pytest.approx(0, abs=1e-12)
    assert table.loc["composition", "share"] == pytest.approx(1, abs=1e-9)
    assert np.isnan(table["share"].to_dict()["flat"])
    assert table["srcc"].isna().all()


def test_shares_of_a_data_set_add_up_to_one() -> None:
    shares = composition_shares((str(seed), random_map(seed=seed), boxes_of(seed)) for seed in range(6))
    parts = shares["content"] + shares["composition"] + shares["covariance"]
    np.testing.assert_allclose(parts, shares["variance"], rtol=1e-9)
    rows = {row.statistic: row for row in composition_estimates(shares, QUICK)}
    assert sum(row.estimate for row in rows.values()) == pytest.approx(1, abs=1e-9)
    row = rows["composition share"]
    assert row.estimate == pytest.approx(shares["composition"].sum() / shares["variance"].sum())
    assert row.ci_low < row.estimate < row.ci_high
    assert (row.n_photos, row.n_crops) == (6, 120)


def test_a_photo_without_crops_says_nothing() -> None:
    none = np.zeros((0, 4))
    assert np.isnan(split_scores(random_map(), none).share)
    shares = composition_shares([("none", random_map(), none), ("some", random_map(seed=1), boxes_of(0))])
    assert shares["n_crops"].tolist() == [0, 20]
    assert shares.loc[0, ["variance", "content", "composition", "covariance", "share"]].isna().all()
    rows = composition_estimates(shares, QUICK)
    assert {row.n_photos for row in rows} == {1}
    assert sum(row.estimate for row in rows) == pytest.approx(1)


def test_ablation_on_a_trained_model() -> None:
    """Without composition a model trained on a placement rule orders crops worse."""
    model, world = asm.load("shapes-lambda-0.1"), shapes_world("test", n_photos=16)
    shares = composition_shares(
        (sample.id, model.score_map(sample.photo), sample.boxes, sample.scores) for sample in world
    )
    np.testing.assert_allclose(
        shares["content"] + shares["composition"] + shares["covariance"], shares["variance"], rtol=1e-7
    )
    gain = composition_estimates(shares, QUICK)[-1]
    assert gain.statistic == "SRCC gain"
    assert gain.ci_low > 0
    assert shares["srcc"].mean() > 0.7


def test_faults() -> None:
    with pytest.raises(ValueError, match="inside the photo"):
        partition_view(random_map(), [0, 0, 900, 10])
    with pytest.raises(ValueError, match="inside the photo"):
        split_scores(random_map(), [[0, 0, 900, 10]])
    with pytest.raises(ValueError, match="two vectors of one length"):
        composition_shares([("a", random_map(), boxes_of(0), [1.0, 2.0])])
