"""The baselines: what each prefers, on boxes whose answer is known, and what they need to be there."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from asm_interp.data.crops import CropDataset, CropSample
from asm_interp.data.photo import PhotoError
from asm_interp.data.saliency import spectral_residual
from asm_interp.evaluation import BASELINES, ModelScorer, PositionPrior, Scorer
from asm_interp.evaluation.baselines import (
    GEOMETRY,
    CentredCrop,
    LargestCrop,
    Oracle,
    RandomCrops,
    SaliencyDensity,
    geometry_features,
)
from asm_interp.geometry.boxes import iou
from asm_interp.geometry.candidates import anchor_boxes, gaic_grid
from asm_interp.model.asmnet import ASMNet
from asm_interp.model.score_map import crop_scores
from asm_interp.search import search_crops

SIZE = (60, 80)
BOXES = np.array([[0.0, 0, 80, 60], [10, 10, 70, 50], [0, 0, 20, 20], [40, 30, 80, 60]])


def sample(boxes: object = BOXES, **changes: object) -> CropSample:
    known = {"id": "a.jpg", "boxes": np.asarray(boxes, dtype=float), "photo_size": SIZE}
    return CropSample(**(known | changes))


def scored(n: int, seed: int = 0) -> CropDataset:
    """Photos whose scores are a known function of geometry, and noise."""
    rng = np.random.default_rng(seed)
    samples = []
    for i in range(n):
        size = (int(rng.integers(50, 90)), int(rng.integers(50, 90)))
        low, high = rng.uniform(0, 0.4, (20, 2)), rng.uniform(0.6, 1, (20, 2))
        boxes = np.concatenate([low, high], axis=1) * [size[1], size[0], size[1], size[0]]
        features = geometry_features(boxes, size)
        scores = 3 + 2 * features[:, GEOMETRY.index("area")] - features[:, GEOMETRY.index("cx²")]
        scores = scores + rng.normal(0, 0.01, 20)
        samples.append(sample(boxes, id=f"{i}", photo_size=size, scores=scores, split="train"))
    return CropDataset("made", samples)


def test_whole_photo_and_centred_crop() -> None:
    whole, centred = BASELINES["whole-photo"](None, 0), CentredCrop()
    assert whole.best(sample()).tolist() == [0, 0, 80, 60]
    assert centred.best(sample()).tolist() == pytest.approx([4, 3, 76, 57])
    np.testing.assert_allclose(whole.scores(sample(), BOXES), [1, 0.5, 1 / 12, 0.25])
    np.testing.assert_allclose(centred.scores(sample(), BOXES), iou(BOXES, [4, 3, 76, 57]))
    for side in (0, 1.1):
        with pytest.raises(ValueError, match=rf"side is in \(0, 1\], got {side}"):
            CentredCrop(side)


def test_largest_crop_scores_areas() -> None:
    assert LargestCrop().scores(sample(), BOXES).tolist() == [4800, 2400, 400, 1200]
    assert LargestCrop().best(sample()).tolist() == pytest.approx([0, 0, 80, 60])


def test_random_crops_depend_on_seed_and_photo_and_are_uniform() -> None:
    many = np.repeat(BOXES, 500, axis=0)
    first = RandomCrops().scores(sample(), many)
    np.testing.assert_array_equal(first, RandomCrops().scores(sample(), many))
    for other in (RandomCrops(1).scores(sample(), many), RandomCrops().scores(sample(id="b.jpg"), many)):
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.1
    assert np.quantile(first, [0, 0.25, 0.5, 0.75, 1]).tolist() == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=0.04)
    made = BASELINES["random"](None, 1)
    np.testing.assert_array_equal(made.scores(sample(), many), RandomCrops(1).scores(sample(), many))


def test_geometry_by_hand() -> None:
    box = [[0, 15, 40, 60]]  # left half, without the top quarter, of 60 × 80 (H × W)
    found = dict(zip(GEOMETRY, geometry_features(box, SIZE)[0], strict=True))
    expected = {
        "area": 0.375,
        "log aspect": np.log(40 / 45),
        "cy": 0.125,
        "cx": -0.25,
        "cy²": 1 / 64,
        "cx²": 1 / 16,
        "corners": 0.25,
        "edge distance": 0.0,
    }
    assert found == pytest.approx(expected)


def test_position_prior_is_ridge_on_standardised_geometry() -> None:
    data = scored(30)
    prior = PositionPrior.fit(data, alpha=2.0)
    x = np.concatenate([geometry_features(s.boxes, s.photo_size) for s in data.samples])
    z = np.concatenate([(s.scores - s.scores.mean()) / s.scores.std() for s in data.samples])
    judge = Ridge(alpha=2.0).fit((x - x.mean(0)) / x.std(0), z)
    np.testing.assert_allclose(prior.coefficients * x.std(0), judge.coef_, rtol=1e-8)


def test_position_prior_finds_a_rule_of_geometry_and_nothing_else() -> None:
    prior = PositionPrior.fit(scored(60))
    unseen = scored(10, seed=1)
    found = [np.corrcoef(prior.scores(s, s.boxes), s.scores)[0, 1] for s in unseen.samples]
    assert min(found) > 0.97


def test_position_prior_needs_scores() -> None:
    flat = sample(scores=np.ones(4), split="train")
    for samples in ([sample(split="train")], [flat]):
        with pytest.raises(ValueError, match="made: the position-only prior learns from scored crops"):
            PositionPrior.fit(CropDataset("made", samples))
    prior = PositionPrior.fit(CropDataset("made", [flat, *scored(3).samples]))  # left out
    np.testing.assert_array_equal(prior.coefficients, PositionPrior.fit(scored(3)).coefficients)
    with pytest.raises(ValueError, match="no split 'train'"):
        BASELINES["position-prior"](CropDataset("made", [sample(split="test")]), 0)


def test_saliency_is_its_mean_over_the_crop() -> None:
    pixels = np.full((60, 80, 3), 120, dtype=np.uint8)
    pixels[20:32, 50:62] = [250, 30, 30]
    photo = sample(pixels=pixels)
    boxes = np.array([[45, 15, 65, 35], [0, 0, 80, 60], [0, 30, 25, 60]])
    found = SaliencyDensity().scores(photo, boxes)
    saliency = spectral_residual(pixels)
    np.testing.assert_allclose(found, [saliency[y1:y2, x1:x2].mean() for x1, y1, x2, y2 in boxes], rtol=1e-5)
    assert found.argmax() == 0


def test_oracle_takes_the_candidate_closest_to_any_annotator() -> None:
    truth = np.array([[3.0, 4, 71, 55], [20, 20, 60, 50]])
    for candidates in (anchor_boxes, gaic_grid):
        best = Oracle(candidates).best(sample(truth))
        every = iou(candidates(SIZE)[:, None], truth[None])
        assert iou(best, truth).max() == every.max()
    # Of crops with scores only those with the best one count.
    with_scores = sample(truth, scores=np.array([1.0, 2.0]))
    np.testing.assert_allclose(Oracle().scores(with_scores, truth), iou(truth, truth[1]))
    with pytest.raises(ValueError, match=r"a\.jpg: no candidates on a photo of 60×80 \(H×W\) px"):
        Oracle(lambda _: np.zeros((0, 4))).best(sample())


def test_a_model_scores_its_map_and_searches_if_asked() -> None:
    model = ASMNet("tiny", "grid:2x2", pretrained=False)
    photo = sample(pixels=np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8))
    score_map = model.score_map(photo.photo)
    scorer = ModelScorer(model, "tiny")
    np.testing.assert_array_equal(scorer.scores(photo, BOXES), crop_scores(score_map, BOXES))
    anchors = anchor_boxes(SIZE)
    best = anchors[np.argmax(crop_scores(score_map, anchors))]
    np.testing.assert_array_equal(scorer.best(photo), best)
    fine = ModelScorer(model, "tiny", fine=True).best(photo)
    np.testing.assert_array_equal(fine, search_crops(score_map, top=1)[["x1", "y1", "x2", "y2"]].to_numpy()[0])
    assert crop_scores(score_map, fine[None])[0] >= crop_scores(score_map, best[None])[0]


def test_every_baseline_scores_every_crop() -> None:
    data = scored(3)
    pixels = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    for name, make in BASELINES.items():
        scorer = make(data, 0)
        assert isinstance(scorer, Scorer)
        assert scorer.name == name
        found = scorer.scores(sample(pixels=pixels), BOXES)
        assert found.shape == (4,), name
        assert np.isfinite(found).all(), name
        assert scorer.best(sample(pixels=pixels)).shape == (4,), name


def test_what_needs_the_photo_says_that_it_is_missing(tmp_path: Path) -> None:
    gone = sample(photo_path=tmp_path / "gone.jpg")
    with pytest.raises(PhotoError, match=r"gone\.jpg: no such photo"):
        SaliencyDensity().scores(gone, BOXES)
    with pytest.raises(PhotoError, match="its size is not known"):
        CentredCrop().best(sample(photo_size=None))


def test_baselines_without_a_photo_need_no_torch() -> None:
    code = """
import sys
from asm_interp.data.crops import CropDataset, CropSample
from asm_interp.evaluation import BASELINES, evaluate, load_scorer
import numpy as np
boxes = np.array([[0., 0, 9 + i, 9] for i in range(12)])
photo = CropSample(id="a", boxes=boxes, scores=np.arange(12.), photo_size=(20, 30), split="train")
data = CropDataset("made", [photo])
for name in set(BASELINES) - {"saliency"}:
    evaluate(load_scorer(name, data), data, "gaicd")
    evaluate(load_scorer(name, data), data, "flms")
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
