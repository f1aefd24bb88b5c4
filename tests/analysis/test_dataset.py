"""A data set's analysis: the same however it is cut, shared or interrupted, and no larger for more photos."""

import gc
import hashlib
import json
import os
import subprocess
import sys
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy import stats
from typer.testing import CliRunner

import asm_interp as asm
from asm_interp.analysis.dataset import DatasetAnalysis, Shard, analyse_photos, find_photos
from asm_interp.analysis.mean_maps import to_grid
from asm_interp.analysis.partitions import composition_shares
from asm_interp.analysis.photo_measures import MAPS, MEASURES, photo_measures
from asm_interp.analysis.regions import concentration, edge_slope, region_mean, region_weights, region_z
from asm_interp.cli import app
from asm_interp.data.photo import PhotoError, read_photo
from asm_interp.geometry.candidates import anchor_boxes


@pytest.fixture(scope="module")
def model() -> asm.ASMNet:
    torch.manual_seed(0)
    return asm.ASMNet("tiny", "grid:2x2", input_size=32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven photos, one of them damaged, one with a single colour, some in a folder below."""
    root, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    (root / "below").mkdir()
    for number in range(9):
        pixels = random.integers(0, 256, (40 + number, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / ("below" if number % 2 else "") / f"{number}.png")
    Image.new("RGB", (64, 48), "grey").save(root / "grey.png")
    (root / "damaged.jpg").write_bytes(b"no picture")
    return root


def whole(model: asm.ASMNet, folder: Path, out: Path, part_size: int = 4) -> DatasetAnalysis:
    result = analyse_photos(model, find_photos(folder), out, part_size=part_size, shard=Shard())
    assert result is not None
    return result


def test_rows_and_means_are_those_of_each_photo_alone(model: asm.ASMNet, folder: Path, tmp_path: Path) -> None:
    result = whole(model, folder, tmp_path)
    rows = result.photos().set_index("photo")
    assert list(rows.index) == list(find_photos(folder))
    assert (result.n_photos, result.n_skipped) == (11, 1)
    assert "damaged.jpg" in rows.loc["damaged.jpg", "error"]
    assert rows.loc["damaged.jpg", list(MEASURES)].isna().all()
    readable = rows.index[rows["error"].isna()]
    alone = {name: photo_measures(model.score_map(read_photo(folder / name))) for name in readable}
    for name, (measures, _) in alone.items():
        assert rows.loc[name, list(MEASURES)].to_dict() == pytest.approx(measures, nan_ok=True)
        assert tuple(rows.loc[name, ["height", "width"]]) == read_photo(folder / name).shape[:2]
    for key in MAPS:
        np.testing.assert_allclose(result.maps[key].mean, np.mean([maps[key] for _, maps in alone.values()], axis=0))
    stored = np.load(tmp_path / "mean_maps.npz")
    np.testing.assert_array_equal(stored["std.mean"], result.maps["std"].mean)
    summary = pd.read_csv(tmp_path / "summary.csv").set_index("measure")
    assert summary.loc["std_mean", "mean"] == pytest.approx(rows["std_mean"].mean())
    assert summary.loc["std_mean", "n"] == 10


def test_composition_share_is_that_of_the_anchors(model: asm.ASMNet, folder: Path) -> None:
    score_map = model.score_map(read_photo(folder / "0.png"))
    (expected,) = composition_shares([("0", score_map, anchor_boxes(score_map.photo_size))])["share"]
    assert photo_measures(score_map)[0]["composition_share"] == pytest.approx(expected)
    flat = asm.ScoreMap(torch.ones(4, 8, 8), model.pattern, (80, 80))
    assert np.isnan(photo_measures(flat)[0]["composition_share"])


def ring_means(values: np.ndarray, n_rings: int) -> np.ndarray:
    """Means of a map over rings of equal width from the border inwards, by area: differences of growing borders."""
    shape = values.shape
    margins = [step / (2 * n_rings) for step in range(1, n_rings)]
    areas = [0.0, *(region_weights(shape, "border", margin).sum() for margin in margins), values.size]
    means = [0.0, *(region_mean(values, "border", margin) for margin in margins), values.mean(dtype=np.float64)]
    return np.diff(np.multiply(areas, means)) / np.diff(areas)


def test_profiles_are_those_of_each_photo_alone(model: asm.ASMNet, folder: Path, tmp_path: Path) -> None:
    photos = find_photos(folder)
    del photos["damaged.jpg"]
    result = whole(model, folder, tmp_path)
    theta = {name: asm.theta_maps(model.score_map(read_photo(path)), center="channel") for name, path in photos.items()}
    alone = {
        "avg_z": [ring_means(each.avg / each.avg.std(), 16) for each in theta.values()],
        "std_ratio": [ring_means(each.std / each.std.mean(), 16) for each in theta.values()],
    }
    for name, sample in alone.items():
        profile = result.profiles[name]
        expected = stats.ttest_1samp(sample, 0).confidence_interval(0.95)
        np.testing.assert_array_equal(profile["d_edge"], np.arange(1, 33, 2) / 64)
        np.testing.assert_allclose(profile["mean"], np.mean(sample, axis=0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(profile["ci_low"], expected.low, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(profile["ci_high"], expected.high, rtol=1e-5, atol=1e-6)
        assert (profile["n"] == 10).all()
    slopes = [edge_slope(to_grid(each.std / each.std.mean())) for each in theta.values()]
    row = result.summary.set_index("measure").loc["std_edge_slope"]
    expected = stats.ttest_1samp(slopes, 0).confidence_interval(0.95)
    assert row.tolist() == pytest.approx([np.mean(slopes), expected.low, expected.high, 10], rel=1e-5)
    stored = pd.read_csv(tmp_path / "profiles.csv")
    for name, profile in result.profiles.items():
        own = stored[stored["map"] == name].drop(columns="map").reset_index(drop=True)
        pd.testing.assert_frame_equal(own, profile, rtol=1e-14)


def test_photos_without_a_profile_do_not_count_in_it(
    model: asm.ASMNet, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = {name: folder / name for name in ("0.png", "2.png", "grey.png")}
    others = analyse_photos(model, dict(list(photos.items())[:2]), tmp_path / "others", shard=Shard())
    one = model.score_map(read_photo(photos["0.png"]))
    flat = asm.ScoreMap(torch.full_like(one.values, 0.1), model.pattern, (48, 64))
    score_map = model.score_map
    monkeypatch.setattr(model, "score_map", lambda photo: flat if photo.shape[0] == 48 else score_map(photo))
    mixed = analyse_photos(model, photos, tmp_path / "mixed", shard=Shard())
    alone = analyse_photos(model, {"grey.png": photos["grey.png"]}, tmp_path / "alone", shard=Shard())
    assert others is not None
    assert mixed is not None
    assert alone is not None
    for name in ("avg_z", "std_ratio"):
        pd.testing.assert_frame_equal(mixed.profiles[name], others.profiles[name])
        assert alone.profiles[name][["mean", "ci_low", "ci_high"]].isna().all(axis=None)
        assert (alone.profiles[name]["n"] == 0).all()
    np.testing.assert_allclose(mixed.profiles["std"]["mean"], others.profiles["std"]["mean"] * 2 / 3)
    assert (mixed.profiles["std"]["n"] == 3).all()


@pytest.mark.parametrize("grid", [(1, 1), (2, 5), (7, 7), (8, 6)])
def test_every_step_of_a_profile_holds_cells(
    model: asm.ASMNet, folder: Path, tmp_path: Path, grid: tuple[int, int]
) -> None:
    photos = {name: folder / name for name in ("0.png", "2.png")}
    result = analyse_photos(model, photos, tmp_path, grid=grid, shard=Shard())
    assert result is not None
    for name in ("avg", "std"):
        assert len(result.profiles[name]) == -(-min(grid) // 2)
        assert (result.profiles[name]["n"] == 2).all()


def test_two_shards_are_one_process(model: asm.ASMNet, folder: Path, tmp_path: Path) -> None:
    one = whole(model, folder, tmp_path / "one")
    photos = find_photos(folder)
    assert analyse_photos(model, photos, tmp_path / "two", part_size=4, shard=Shard(1, 2)) is None
    two = analyse_photos(model, photos, tmp_path / "two", part_size=4, shard=Shard(0, 2))
    assert two is not None
    pd.testing.assert_frame_equal(two.photos(), one.photos(), rtol=1e-10)
    pd.testing.assert_frame_equal(two.summary, one.summary, rtol=1e-10)
    for key in MAPS:
        for a, b in zip(two.maps[key].interval(), one.maps[key].interval(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10)
        pd.testing.assert_frame_equal(two.profiles[key], one.profiles[key], rtol=1e-10)


def test_other_parts_give_the_same_means(model: asm.ASMNet, folder: Path, tmp_path: Path) -> None:
    one, other = whole(model, folder, tmp_path / "a", 100), whole(model, folder, tmp_path / "b", 1)
    for key in MAPS:
        np.testing.assert_allclose(one.maps[key].mean, other.maps[key].mean, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(one.maps[key].variance, other.maps[key].variance, rtol=1e-8, atol=1e-12)


def test_an_interrupted_analysis_goes_on(model: asm.ASMNet, folder: Path, tmp_path: Path) -> None:
    photos, done = find_photos(folder), []

    def interrupt(name: str) -> None:
        done.append(name)
        if len(done) == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        analyse_photos(model, photos, tmp_path / "cut", part_size=4, shard=Shard(), advance=interrupt)
    first = tmp_path / "cut" / "photos" / "part-000000.parquet"
    written = first.stat().st_mtime_ns
    assert not (tmp_path / "cut" / "photos" / "part-000001.parquet").exists()
    resumed, straight = whole(model, folder, tmp_path / "cut"), whole(model, folder, tmp_path / "straight")
    assert first.stat().st_mtime_ns == written
    pd.testing.assert_frame_equal(resumed.photos(), straight.photos(), check_exact=True)
    for name in ("summary.csv", "mean_maps.npz", "profiles.csv"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()


def test_a_folder_of_another_analysis_is_refused(model: asm.ASMNet, folder: Path, tmp_path: Path) -> None:
    whole(model, folder, tmp_path)
    with pytest.raises(ValueError, match=r"analysis\.json is of another analysis: part_size differ"):
        whole(model, folder, tmp_path, part_size=5)
    with pytest.raises(ValueError, match=r"weights differ"):
        whole(asm.ASMNet("tiny", "grid:2x2", input_size=32), folder, tmp_path)
    record = tmp_path / "analysis.json"
    older = json.loads(record.read_text())
    del older["profile_steps"]
    record.write_text(json.dumps(older))
    with pytest.raises(ValueError, match=r"analysis\.json is of an earlier version, without profile_steps; choose"):
        whole(model, folder, tmp_path)
    record.write_text("3")
    with pytest.raises(ValueError, match="expected the record of an analysis"):
        whole(model, folder, tmp_path)


@pytest.mark.parametrize("change", ["replace", "delete", "create"])
def test_photos_that_changed_since_are_noticed(model: asm.ASMNet, tmp_path: Path, change: str) -> None:
    paths = {name: tmp_path / name for name in ("a.png", "b.png")}
    for path in list(paths.values())[: 1 if change == "create" else 2]:
        Image.new("RGB", (64, 48), "grey").save(path)
    analyse = partial(analyse_photos, model, paths, tmp_path / "out", part_size=1, shard=Shard())
    result = analyse()
    assert result is not None
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "" for path in paths.values()]
    assert result.photos()["sha256"].tolist() == digests
    before, seen = paths["a.png"].stat(), []
    paths["a.png"].write_bytes(paths["a.png"].read_bytes())  # another time, the same photo
    os.utime(paths["a.png"], ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
    assert analyse(advance=seen.append) is not None
    assert seen == ["a.png", "b.png"]
    if change == "delete":
        paths["b.png"].unlink()
    else:
        Image.new("RGB", (64, 48), "black").save(paths["b.png"])
    with pytest.raises(ValueError, match=r"b\.png has changed since .*out was begun; choose another folder"):
        analyse()


def peak(model: asm.ASMNet, folder: Path, out: Path, n_photos: int) -> int:
    photo = next(iter(find_photos(folder).values()))
    photos = {f"{number:04}": photo for number in range(n_photos)}
    gc.collect()
    tracemalloc.start()
    try:
        # Garbage in cycles is not memory that is held.
        collect = lambda name: gc.collect() if name.endswith("9") else None  # noqa: E731
        assert analyse_photos(model, photos, out, part_size=10, shard=Shard(), advance=collect) is not None
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_photos(model: asm.ASMNet, folder: Path, tmp_path: Path) -> None:
    peak(model, folder, tmp_path / "warm", 10)
    few, many = peak(model, folder, tmp_path / "few", 50), peak(model, folder, tmp_path / "many", 500)
    assert many - few < 450 * 1000  # bytes: less than a row for each of 450 more photos, let alone maps


def test_measures_of_the_grid_are_those_of_the_map() -> None:
    values = torch.randn(4, 64, 96, generator=torch.Generator().manual_seed(0))
    score_map = asm.ScoreMap(values, asm.patterns.get("grid:2x2"), (600, 900))
    measures, maps = photo_measures(score_map)
    theta = asm.theta_maps(score_map, center="channel")
    assert tuple(measures) == MEASURES
    assert tuple(maps) == MAPS
    for region in ("corners", "border", "centre"):
        assert measures[f"std_concentration_{region}"] == pytest.approx(concentration(theta.std, region), abs=1e-5)
        assert measures[f"avg_z_{region}"] == pytest.approx(region_z(theta.avg, region), abs=1e-5)
    np.testing.assert_allclose(maps["std_ratio"], to_grid(theta.std / theta.std.mean()), rtol=1e-5)
    for axis, side, found in zip("yx", (64, 96), np.unravel_index(theta.std.argmax(), (64, 96)), strict=True):
        assert measures[f"std_peak_{axis}"] == (found + 0.5) / side
    box = np.array([measures[f"best_{end}"] for end in ("x1", "y1", "x2", "y2")]) * [900, 600, 900, 600]
    assert asm.crop_scores(score_map.centred(), [box])[0] == pytest.approx(measures["best_score"], abs=1e-6)


@pytest.mark.parametrize("spread", [0.0, 1e-3, 1.0, 100.0])
def test_measures_of_the_paper_are_those_of_its_maps(spread: float) -> None:
    random = torch.Generator().manual_seed(0)
    offsets = 3 + spread * torch.randn(12, 1, 1, generator=random)
    values = torch.randn(12, 64, 96, generator=random) + offsets
    score_map = asm.ScoreMap(values, asm.patterns.get("cross-rectangle"), (600, 900))
    measures, maps = photo_measures(score_map)
    theta = asm.theta_maps(score_map)
    np.testing.assert_allclose(maps["avg_paper"], to_grid(theta.avg), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(maps["std_paper"], to_grid(theta.std), rtol=1e-5)
    assert measures["avg_paper_mean"] == pytest.approx(theta.avg.mean(), rel=1e-5)
    assert measures["std_paper_mean"] == pytest.approx(theta.std.mean(), rel=1e-5)
    assert measures["std_paper_sd"] == pytest.approx(theta.std.std(), rel=1e-4)
    for region in ("corners", "border", "centre"):
        expected = concentration(theta.std, region)
        assert measures[f"std_paper_concentration_{region}"] == pytest.approx(expected, abs=1e-5)
    for name, each in (("avg", theta.avg), ("std_paper", theta.std)):
        row, column = int(measures[f"{name}_peak_y"] * 64), int(measures[f"{name}_peak_x"] * 96)
        assert each[row, column] == pytest.approx(each.max(), rel=1e-5)


def test_offsets_alone_make_an_even_map_of_the_paper_and_none_without_them() -> None:
    offsets = torch.tensor([-1.0, 0, 0, 3]).view(4, 1, 1).expand(4, 64, 96).contiguous()
    measures, maps = photo_measures(asm.ScoreMap(offsets, asm.patterns.get("grid:2x2"), (600, 900)))
    assert (measures["std_mean"], measures["std_paper_mean"]) == (0, pytest.approx(1.5))
    assert measures["std_paper_concentration_corners"] == pytest.approx(0, abs=1e-9)
    assert np.isnan([measures[f"{name}_peak_x"] for name in ("avg", "std", "std_paper")]).all()
    np.testing.assert_allclose(maps["std_paper"], 1.5)
    np.testing.assert_allclose(maps["avg_paper"], 0.5)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6])
def test_a_constant_map_has_a_row_with_gaps(value: float) -> None:
    flat = asm.ScoreMap(torch.full((4, 64, 96), value), asm.patterns.get("grid:2x2"), (600, 900))
    measures, maps = photo_measures(flat)
    assert (measures["std_mean"], measures["best_area"]) == (0, pytest.approx(1, abs=1))
    undefined = ("avg_z", "std_conc", "std_gini", "std_paper_conc", "avg_peak", "std_peak", "std_paper_peak")
    assert all(np.isnan(measures[name]) for name in MEASURES if name.startswith(undefined))
    assert np.isnan(maps["avg_z"]).all()
    assert (maps["std"] == 0).all()


def test_photos_are_named_from_the_folder_given(folder: Path, tmp_path: Path) -> None:
    names = list(find_photos(folder))
    assert names == sorted(names)
    assert {"below/1.png", "0.png", "damaged.jpg"} <= set(names)
    assert list(find_photos(folder / "0.png", folder / "0.png")) == ["0.png"]
    assert len(find_photos(folder, folder / "below" / "1.png")) == 12
    with pytest.raises(PhotoError, match=r"expected photos .*, found none below it"):
        find_photos(tmp_path)
    with pytest.raises(PhotoError, match="found nothing"):
        find_photos(tmp_path / "missing")


@pytest.mark.parametrize("text", ["2/2", "1", "a/b", "-1/2", "1/0"])
def test_shards_that_do_not_exist(text: str) -> None:
    with pytest.raises(ValueError, match="a shard is"):
        Shard.parse(text)


def test_command(folder: Path, tmp_path: Path) -> None:
    arguments = ["analyse", str(folder), "--checkpoint", "shapes-lambda-0", "--out", str(tmp_path), "--part-size", "6"]
    waiting = CliRunner().invoke(app, [*arguments, "--shard", "1/2"])
    assert waiting.exit_code == 0, waiting.output
    done = CliRunner().invoke(app, [*arguments, "--shard", "0/2"])
    assert done.exit_code == 1, done.output  # one photo is damaged
    assert len(pd.read_parquet(tmp_path / "photos")) == 11


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["torchrun", "fabric"])
def test_two_processes_share_the_photos(folder: Path, tmp_path: Path, launcher: str) -> None:
    scripts = Path(sys.executable).parent
    command = {
        "torchrun": [scripts / "torchrun", "--standalone", "--nproc-per-node=2", "-m", "asm_interp"],
        "fabric": [scripts / "fabric", "run", "--accelerator=cpu", "--devices=2", scripts / "asm-interp"],
    }[launcher]
    options = ["analyse", str(folder / "below"), "--checkpoint", "shapes-lambda-0", "--part-size", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, *options, "--out", str(tmp_path / "two")],
        capture_output=True,
        check=False,
        env=environment,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert CliRunner().invoke(app, [*options, "--out", str(tmp_path / "one")]).exit_code == 0
    two, one = pd.read_parquet(tmp_path / "two" / "photos"), pd.read_parquet(tmp_path / "one" / "photos")
    pd.testing.assert_frame_equal(two, one, rtol=1e-4, atol=1e-5)  # another number of threads, another rounding
    for name in ("summary.csv", "profiles.csv"):
        two, one = pd.read_csv(tmp_path / "two" / name), pd.read_csv(tmp_path / "one" / name)
        pd.testing.assert_frame_equal(two, one, rtol=1e-4, atol=1e-5)
