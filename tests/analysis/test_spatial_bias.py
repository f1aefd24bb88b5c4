"""The bias table, position-only prediction, lift maps, mirroring and moving, padding."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from typer.testing import CliRunner

from asm_interp.analysis.equivariance import equivariance, equivariance_estimates, mirrored, shifted
from asm_interp.analysis.estimates import COLUMNS
from asm_interp.analysis.lift_map import holds, lift_map
from asm_interp.analysis.padding_control import corner_z, padded_with, padding_estimates
from asm_interp.analysis.position_only import (
    bits_beyond_geometry,
    design,
    folds,
    position_estimates,
    position_only,
    position_p,
)
from asm_interp.analysis.regions import region_z
from asm_interp.analysis.scored_crops import ScoredCrops
from asm_interp.analysis.spatial_bias import bias_report, network_estimates
from asm_interp.analysis.statistics import Resampling
from asm_interp.analysis.theta import theta_maps
from asm_interp.cli import app
from asm_interp.data.crops import CropDataset, CropSample
from asm_interp.data.photo import Photo
from asm_interp.evaluation.baselines import LargestCrop, RandomCrops, geometry_features, ridge
from asm_interp.geometry import patterns
from asm_interp.geometry.candidates import gaic_grid
from asm_interp.model.asmnet import ASMNet
from asm_interp.model.score_map import ScoreMap

SIZE = (60, 80)
BOXES = gaic_grid(SIZE)
FEW = Resampling(200)


def dataset(scores: np.ndarray, pixels: bool = False) -> CropDataset:
    rng = np.random.default_rng(0)
    made = [rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8) if pixels else None for _ in scores]
    return CropDataset(
        "made",
        [
            CropSample(id=f"{i}", boxes=BOXES[: len(row)], scores=row, photo_size=SIZE, pixels=photo)
            for i, (row, photo) in enumerate(zip(scores, made, strict=True))
        ],
    )


def noise(n_photos: int = 20, seed: int = 0, n_crops: int = len(BOXES)) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n_photos, n_crops))


AREA = geometry_features(BOXES, SIZE)[:, 0]


def test_the_table_has_one_row_per_statistic_and_one_correction() -> None:
    found = bias_report(dataset(noise()), how=FEW)
    assert tuple(found.columns) == COLUMNS
    assert found.statistic.is_unique
    assert (found.p_adj.dropna() >= found.p.dropna()).all()
    assert (found.ci_low <= found.estimate).all()
    assert (found.estimate <= found.ci_high).all()
    assert set(found.n_crops) == {20 * len(BOXES)}
    assert set(found.resamples) == {200}
    again = bias_report(dataset(noise()), how=FEW)
    assert found.equals(again)


def test_a_scorer_takes_the_place_of_annotations() -> None:
    found = bias_report(dataset(noise()), LargestCrop(), FEW).set_index("statistic")
    r2 = found.estimate["position-only R², linear"]
    assert r2 == pytest.approx(1, abs=1e-3)  # area is one of the features
    assert found.estimate["position-only SRCC, linear"] > 0.95
    assert "amplification of position" in found.index
    assert found.estimate["bits beyond geometry"] == pytest.approx(0, abs=0.1)  # neither knows the noise
    annotated = bias_report(dataset(noise()), how=FEW).set_index("statistic")
    assert "amplification of position" not in annotated.index


@pytest.mark.parametrize("n_photos", [1, 2, 4])
def test_few_photos_leave_out_what_they_cannot_tell(n_photos: int) -> None:
    found = bias_report(dataset(noise(n_photos)), LargestCrop(), FEW).set_index("statistic")
    several = bias_report(dataset(noise(8)), LargestCrop(), FEW).set_index("statistic")
    assert found.index.equals(several.index)
    rows = found.loc[["position-only R², linear", "position-only SRCC, linear", "bits beyond geometry"]]
    assert rows.estimate.isna().all() == rows.ci_low.isna().all() == (n_photos == 1)
    assert found.ci_low.isna().all() == (n_photos == 1)
    assert found.estimate["corner coverage, best less worst"] > 0


def test_annotations_that_vary_on_few_photos_leave_the_other_rows() -> None:
    scores = noise(8)
    scores[:5] = 1
    found = bias_report(dataset(scores), LargestCrop(), FEW).set_index("statistic")
    assert found.n_photos["position-only R², linear"] == 8
    assert found.n_photos["amplification of position"] == found.n_photos["bits beyond geometry"] == 3


def test_amplification_in_closed_form() -> None:
    z = (AREA - AREA.mean()) / AREA.std()
    rng = np.random.default_rng(1)
    people = z + rng.normal(size=(60, len(z)))  # half of the variance is area
    rows = {
        row.statistic: row
        for row in position_estimates(ScoredCrops.read(dataset(people), LargestCrop()), Resampling(99))
    }
    assert rows["amplification of position"].estimate == pytest.approx(2, rel=0.05)
    assert rows["amplification of position"].ci_low < 2 < rows["amplification of position"].ci_high


def test_position_only_by_hand() -> None:
    crops = ScoredCrops.read(dataset(noise(7) + 2 * AREA))
    found, fold = position_only(crops, n_folds=3, seed=5), folds(7, 3, 5)
    z = crops.standardised()
    centred = crops.features - crops.features.mean(axis=1, keepdims=True)
    for i in range(7):
        train = fold != fold[i]
        prediction = centred[i] @ ridge(centred[train].reshape(-1, 8), z[train].ravel())
        np.testing.assert_allclose(found.predicted[i], prediction, atol=1e-9)
        assert found.explained[i] == pytest.approx(1 - ((z[i] - prediction) ** 2).sum() / (z[i] ** 2).sum())
    assert found.r2 == pytest.approx(found.explained.mean())


def test_position_only_never_sees_the_photo_itself() -> None:
    scores = noise(10)
    plain = position_only(ScoredCrops.read(dataset(scores)))
    scores[3] = scores[3][::-1]
    changed = position_only(ScoredCrops.read(dataset(scores)))
    same_fold = folds(10, 5, 0) == folds(10, 5, 0)[3]
    np.testing.assert_array_equal(plain.predicted[same_fold], changed.predicted[same_fold])
    assert not np.allclose(plain.predicted[~same_fold], changed.predicted[~same_fold])


def test_quadratic_columns_are_all_products() -> None:
    features = np.random.default_rng(0).normal(size=(2, 3, 4))
    columns = design(features, "quadratic")
    assert columns.shape == (2, 3, 4 + 10)
    np.testing.assert_allclose(columns[..., 5], features[..., 0] * features[..., 1])
    with pytest.raises(ValueError, match="form is 'linear' or 'quadratic', got 'cubic'"):
        design(features, "cubic")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="between 2 folds and one for each of 3 photos"):
        folds(3, 5, 0)


def test_position_p_finds_area_and_little_in_noise() -> None:
    assert position_p(ScoredCrops.read(dataset(noise() + 20 * AREA)), Resampling(99)) == pytest.approx(1 / 100)
    p = [position_p(ScoredCrops.read(dataset(noise(10, seed, 20))), Resampling(39)) for seed in range(40)]
    assert 0.3 < np.mean(p) < 0.7  # uniform: standard error 0.046


def test_bits_of_a_model_that_knows_people_and_of_one_that_guesses() -> None:
    people = noise(30)

    class People(LargestCrop):
        def scores(self, sample: CropSample, boxes: object) -> np.ndarray:
            return people[int(sample.id)]

    knows = bits_beyond_geometry(ScoredCrops.read(dataset(people), People()), FEW)
    assert 0.9 < knows.estimate <= 1.1  # geometry is worth one bit of doubt a pair, people none
    guesses = bits_beyond_geometry(ScoredCrops.read(dataset(people + 30 * AREA), RandomCrops()), FEW)
    assert guesses.estimate < -0.3


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_lift_box_by_box(seed: int) -> None:
    rng = np.random.default_rng(seed)
    crops = ScoredCrops.read(dataset(rng.normal(size=(3, 30))))
    found = lift_map(crops, Resampling(5, seed), grid=(7, 9), min_count=2)
    z, unit = crops.standardised(), BOXES[:30] / np.array([SIZE[1], SIZE[0]] * 2)
    for i, j in ((0, 0), (1, 2), (6, 8), (3, 1)):
        v, u = (i + 0.5) / 7, (j + 0.5) / 9
        inside = (unit[:, 0] <= u) & (u < unit[:, 2]) & (unit[:, 1] <= v) & (v < unit[:, 3])
        assert found.coverage[i, j] == pytest.approx(inside.mean())
        if min(inside.sum(), (~inside).sum()) * 3 < 2:
            assert np.isnan(found.lift[i, j])
        else:
            assert found.lift[i, j] == pytest.approx(z[:, inside].mean() - z[:, ~inside].mean())
    assert (np.isnan(found.lift) == np.isnan(found.p_adj)).all()


def test_rasters_are_outer_products() -> None:
    boxes = np.array([[[0.25, 0.0, 1.0, 0.5], [0, 0, 1, 1]]])
    down, across = holds(boxes, np.array([[True, False]]), (2, 4))
    np.testing.assert_array_equal(down[0], [[True, False], [False, False]])
    np.testing.assert_array_equal(across[0], [[False, True, True, True], [False] * 4])


def test_lift_finds_the_planted_place_and_holds_its_level() -> None:
    unit = BOXES / np.array([SIZE[1], SIZE[0]] * 2)
    effect = 1.0 * (unit[:, 0] < 0.1)  # crops that reach the left side
    crops = ScoredCrops.read(dataset(noise(40) + effect))
    for size_held in (False, True):
        found = lift_map(crops, Resampling(199), size_held=size_held)
        assert found.lift[16, 3] > 0.5
        assert found.p_adj[16, 3] < 0.02
        assert found.low[16, 3] < found.lift[16, 3] < found.high[16, 3]
    alarms = [
        np.nanmin(lift_map(ScoredCrops.read(dataset(noise(10, s))), Resampling(99), grid=(12, 12)).p_adj) <= 0.05
        for s in range(40)
    ]
    assert sum(alarms) <= 8  # over a whole map, 2 of 40 expected; 9 or more once in 6000 runs
    frame = found.to_frame()
    assert list(frame.columns) == ["u", "v", "lift", "ci_low", "ci_high", "p_adj", "coverage"]
    assert frame.lift[16 * 32 + 3] == found.lift[16, 3]


def test_lift_holds_its_level_where_photos_prefer_places_of_their_own() -> None:
    centre = BOXES @ [[0.5, 0], [0, 0.5], [0.5, 0], [0, 0.5]] / np.array([SIZE[1], SIZE[0]]) - 0.5
    alarms = 0
    for seed in range(60):
        own = np.random.default_rng([seed, 1]).normal(0, 10, (20, 2)) @ centre.T
        found = lift_map(ScoredCrops.read(dataset(noise(20, seed) + own)), Resampling(99), grid=(12, 12))
        alarms += np.nanmin(found.p_adj) <= 0.05
    assert alarms <= 10  # 3 expected; 11 or more once in 3000 runs


def test_lift_where_some_resamples_say_nothing() -> None:
    scores = noise(4)
    left = BOXES * [0.5, 1, 0.5, 1]
    samples = [CropSample(id=f"{i}", boxes=left, scores=scores[i], photo_size=SIZE) for i in range(3)]
    samples.append(
        CropSample(id="the only one with crops on the right", boxes=BOXES, scores=scores[3], photo_size=SIZE)
    )
    found = lift_map(ScoredCrops.read(CropDataset("made", samples)), FEW)
    assert found.lift[16, 20] == pytest.approx(found.low[16, 20])  # of resamples without it nothing is known
    assert np.isfinite(found.high[16, 20])
    alone = lift_map(ScoredCrops.read(dataset(scores[:1])), FEW)
    assert np.isfinite(alone.lift).any()
    assert np.isnan(alone.low).all()
    assert np.nanmin(alone.p_adj) == 1


def test_size_held_takes_area_out() -> None:
    crops = ScoredCrops.read(dataset(noise(60) + 8 * AREA))
    raw, held = (lift_map(crops, Resampling(99), size_held=size_held) for size_held in (False, True))
    assert np.nanmax(raw.lift) > 0.4
    assert np.nanmax(abs(held.lift)) < 0.2


def colour_maps(photo: Photo) -> ScoreMap:
    """Score map that is the photo's red channel, whatever the place: equivariant by construction."""
    red = torch.from_numpy(photo[..., 0].astype(np.float32))
    return ScoreMap(torch.stack([red, red.flip(0)]), patterns.get("grid:2x1"), photo.shape[:2])


def place_maps(photo: Photo) -> ScoreMap:
    """Score map that knows only where a pixel stands."""
    ramp = torch.linspace(0, 1, photo.shape[1]).expand(2, *photo.shape[:2])
    return ScoreMap(ramp, patterns.get("grid:2x1"), photo.shape[:2])


def test_boxes_go_with_the_content() -> None:
    photo = np.random.default_rng(0).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
    box = np.array([[10, 20, 40, 50]])
    flipped, boxes = mirrored(photo, box)
    x1, y1, x2, y2 = boxes[0].astype(int)
    np.testing.assert_array_equal(flipped[y1:y2, x1:x2], photo[20:50, 10:40][:, ::-1])
    for place in ((0.0, 0.0), (0.3, 1.0), (1.0, 0.5)):
        canvas, boxes = shifted(photo, box, place)
        x1, y1, x2, y2 = boxes[0].astype(int)
        assert canvas.shape == (75, 100, 3)
        np.testing.assert_array_equal(canvas[y1:y2, x1:x2], photo[20:50, 10:40])


def test_equivariance_of_maps_that_are_and_are_not() -> None:
    samples = list(dataset(noise(3), pixels=True).samples)
    follows, stays = equivariance(colour_maps, samples), equivariance(place_maps, samples)
    assert (follows.flip_srcc > 0.9999).all()
    assert (follows.flip_error < 1e-6).all()
    assert (stays.flip_srcc < -0.9).all()  # a ramp from left to right turns about
    assert (stays.shift_variance > 0.1 * stays.crop_variance).all()
    rows = equivariance_estimates(place_maps, samples, FEW)
    ratio = stays.shift_variance.sum() / stays.crop_variance.sum()
    assert rows[-1].estimate == pytest.approx(ratio)


def test_shifts_leave_a_map_of_the_content_alone() -> None:
    def red(photo: Photo) -> ScoreMap:
        values = torch.from_numpy(photo[..., 0].astype(np.float32))
        return ScoreMap(values.expand(2, *values.shape), patterns.get("grid:2x1"), photo.shape[:2])

    found = equivariance(red, dataset(noise(2), pixels=True).samples)
    assert (found.shift_variance < 1e-9 * found.crop_variance).all()


def test_padding_is_swapped_in_a_copy() -> None:
    model = ASMNet("tiny", "grid:1x2", input_size=64)
    grey = np.full((64, 64, 3), 90, dtype=np.uint8)
    before = model.score_map(grey).values
    padded = padded_with(model, "replicate")
    found = padded.score_map(grey).values
    # Nothing tells the border from the middle on a constant photo that is padded with itself.
    torch.testing.assert_close(found, found[:, 32:33, 32:33].expand_as(found), atol=1e-5, rtol=1e-4)
    modes = {layer.padding_mode for layer in padded.backbone.modules() if isinstance(layer, nn.Conv2d)}
    assert modes == {"replicate"}
    assert not torch.allclose(before[:, :1], before[:, 32:33])
    torch.testing.assert_close(model.score_map(grey).values, before, rtol=0, atol=0)
    assert all(layer.padding_mode == "zeros" for layer in model.modules() if isinstance(layer, nn.Conv2d))
    with pytest.raises(ValueError, match="padding is one of zeros, reflect"):
        padded_with(model, "ones")  # type: ignore[arg-type]


def test_padding_control_and_network_rows() -> None:
    model = ASMNet("tiny", "grid:1x2", input_size=64)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    data = dataset(noise(3), pixels=True)
    found = corner_z(model, {sample.id: sample.photo for sample in data.samples})
    assert found.groupby(["weights", "padding"]).size().tolist() == [3] * 6
    theta = theta_maps(model.score_map(data[0].photo), center="channel")
    own = found.loc[found.weights.eq("trained") & found.padding.eq("zeros")].iloc[0]
    assert (own.avg, own["std"]) == (pytest.approx(region_z(theta.avg)), pytest.approx(region_z(theta.std)))
    constant = found.groupby("padding")[["avg_constant", "std_constant"]].agg(lambda z: z.abs().max())
    assert (constant.loc["zeros"] > 0.01).all()
    assert (constant.drop("zeros") < 1e-3).all(axis=None)  # padded with itself: as anywhere
    flat = np.full((64, 96, 3), 90, dtype=np.uint8)
    same = corner_z(model, {"flat": flat}).query("padding == 'zeros'")
    assert same.avg.tolist() == pytest.approx(same.avg_constant.tolist())
    lift = lift_map(ScoredCrops.read(data), FEW, grid=(8, 8), min_count=1)
    rows = network_estimates(model, data, FEW, n_photos=2, lift=[lift])
    assert len(rows) == 6 + 1 + 3 + 24
    assert {row.n_photos for row in rows} == {2}
    assert padding_estimates(model, {"0": data[0].photo}, FEW)[0].n_photos == 1
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert network_estimates(model, dataset(noise(2)), FEW) == []  # no photo is there


def test_the_command_writes_what_it_prints(tmp_path: Path) -> None:
    out = tmp_path / "out"
    folder = tmp_path / "gaicd"
    folder.mkdir()
    boxes = np.floor(gaic_grid((90, 120)) + 0.5).astype(int)
    scores = noise(8, n_crops=len(boxes)).round(2)
    content = {f"{i}.jpg": {"bbox": boxes.tolist(), "score": row.tolist()} for i, row in enumerate(scores)}
    (folder / "image_crop.json").write_text(json.dumps(content))
    options = ["--resamples", "50", "--out", str(out)]
    told = CliRunner().invoke(app, ["bias", "gaicd", str(folder), *options], env={"COLUMNS": "80", "TERM": "dumb"})
    assert told.exit_code == 0, told.output
    assert sorted(path.name for path in out.iterdir()) == ["bias.csv", "bias.json", "lift.csv", "tolerances.csv"]
    whole = json.loads((out / "bias.json").read_text("utf-8"))
    assert whole["resampling"] == {"resamples": 50, "seed": 0, "level": 0.95}
    for row in whole["bias"]:
        assert f"{row['estimate']:.3f}" in told.stdout
    n_tests = sum(row["p"] is not None and not row["statistic"].startswith("equiv") for row in whole["bias"])
    warned = " ".join(told.stderr.split())
    assert f"too few resamples: corrected for {n_tests} tests, no p from 50 resamples is below 0.22" in warned
    assert f"for 0.05 it takes --resamples {20 * n_tests}" in warned
    enough = [*options[:1], str(20 * n_tests), *options[2:]]
    assert "too few" not in CliRunner().invoke(app, ["bias", "gaicd", str(folder), *enough]).stderr
    nowhere = CliRunner().invoke(app, ["bias", "gaicd"])
    assert nowhere.exit_code == 2
    assert "the data set's folder is needed" in nowhere.stderr
