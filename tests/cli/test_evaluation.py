"""`asm-interp evaluate`: the table, the files, every kind of data, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from asm_interp.cli import app
from asm_interp.evaluation import BASELINES
from asm_interp.geometry.candidates import gaic_grid
from asm_interp.model.checkpoint import read_card

REPO = Path(__file__).parents[2]
WORLD = """
name = "small"
data = "shapes"
n_photos = 8
photo_height = 48
photo_width = 64
n_crops = 12
"""


def call(*arguments: object, width: int = 80) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], env={"COLUMNS": str(width), "TERM": "dumb"})


@pytest.fixture
def gaicd(tmp_path: Path) -> Path:
    """Six photos of 90 × 120 (H × W) in two splits, of which two are there; larger crops are better."""
    folder = tmp_path / "gaicd"
    (folder / "images").mkdir(parents=True)
    boxes = np.floor(gaic_grid((90, 120)) + 0.5).astype(int)
    scores = 1 + 4 * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) / (90 * 120)
    entry = {"bbox": boxes.tolist(), "score": scores.tolist()}
    names = [f"{i}.jpg" for i in range(6)]
    (folder / "image_crop.json").write_text(json.dumps(dict.fromkeys(names, entry)))
    (folder / "original_data_split.json").write_text(json.dumps({"train": names[:3], "test": names[3:]}))
    rng = np.random.default_rng(0)
    for name in (names[0], names[3]):
        Image.fromarray(rng.integers(0, 255, (90, 120, 3), dtype=np.uint8)).save(folder / "images" / name)
    return folder


def metrics(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "metrics.csv").set_index(["scorer", "metric"])


def test_the_table_stands_beside_the_published_one(gaicd: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = call("largest-crop", "position-prior", "--data", "gaicd", gaicd, "--out", out)
    assert told.exit_code == 0, told.output
    shown = told.stdout
    assert "gaicd/test  (ties expected, δ 0, seed 0)" in shown
    assert "1.0000 to 1.0000" in shown
    for piece in ("ASM-Net", "0.766", "54.3", "Tu et al., AAAI 2020, Table 4", "measured on gaicd/test"):
        assert piece in shown
    assert "the size of 2 of 3 photos was inferred from their annotations" in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 80
    assert metrics(out).loc[("largest-crop", "SRCC"), ["value", "n"]].tolist() == pytest.approx([1, 3])
    assert {path.name for path in out.iterdir()} == {"metrics.csv", "photos.csv", "comparison.csv", "results.json"}
    assert json.loads((out / "results.json").read_text())[0]["inferred_sizes"] == 2


def test_a_checkpoint_is_measured_on_the_photos_that_are_there(gaicd: Path, tmp_path: Path) -> None:
    model = REPO / "checkpoints/shapes-lambda-0.1.safetensors"
    told = call(model, "largest-crop", "--data", "gaicd", gaicd, "--out", tmp_path / "a", width=300)
    assert told.exit_code == 0, told.output
    words = " ".join(told.stdout.split())
    assert "shapes-lambda-0.1: 2 of 3 photos were skipped" in words
    assert "4.jpg: no such photo" in words
    assert "measured on different photos" in words
    assert "intervals are too narrow" in words
    told = call(model, "largest-crop", "--data", "gaicd", gaicd, "--with-photos", "--split", "all", "--out", tmp_path)
    assert told.exit_code == 0, told.output
    assert "different photos" not in told.stdout
    assert metrics(tmp_path)["n"].unique().tolist() == [2]


def test_options_reach_the_measures(gaicd: Path, tmp_path: Path) -> None:
    arguments = ("random", "--data", "gaicd", gaicd, "--out", tmp_path)
    found = []
    for options in ([], ["--seed", "1"], ["--delta", "2"], ["--ties", "reference"]):
        assert call(*arguments, *options).exit_code == 0
        found.append(metrics(tmp_path).loc["random", "value"])
    assert found[0]["SRCC"] != found[1]["SRCC"]
    assert found[0]["SRCC"] == found[2]["SRCC"]
    assert found[0]["ranking_accuracy"] != found[2]["ranking_accuracy"]
    assert json.loads((tmp_path / "results.json").read_text())[0]["settings"]["ties"] == "reference"


def test_planted_shapes_need_no_files(tmp_path: Path) -> None:
    config = tmp_path / "small.toml"
    config.write_text(WORLD)
    names = ["shapes-lambda-0.1", "largest-crop", "position-prior"]
    told = call(*names, "--data", "planted", "--config", config, "--out", tmp_path / "out")
    assert told.exit_code == 0, told.output
    assert "planted shapes/test" in told.stdout
    assert "ASM-Net" not in told.stdout  # nothing is published on planted worlds
    found = metrics(tmp_path / "out")["value"]
    assert found["shapes-lambda-0.1", "SRCC"] > found["largest-crop", "SRCC"]


@pytest.mark.slow
def test_a_checkpoint_s_card_is_reproduced_on_its_own_world(tmp_path: Path) -> None:
    config = REPO / "checkpoints/shapes-lambda-0.1.toml"
    told = call("shapes-lambda-0.1", "--data", "planted", "--config", config, "--delta", 0.1, "--out", tmp_path)
    assert told.exit_code == 0, told.output
    card = read_card(REPO / "checkpoints/shapes-lambda-0.1.safetensors")["metrics"]
    row = metrics(tmp_path).loc[("shapes-lambda-0.1", "ranking_accuracy")]
    assert row["value"] == pytest.approx(card["test_ranking_accuracy"], abs=0.002)
    assert row["n"] == card["n_photos"]


def test_planted_subjects_take_a_folder(tmp_path: Path) -> None:
    rows = ["file,mask,split"]
    for split in ("train", "val", "test"):
        mask = np.zeros((48, 64), dtype=np.uint8)
        mask[10:30, 20:40] = 255
        Image.fromarray(mask).save(tmp_path / f"{split}.png")
        Image.new("RGB", (64, 48), (90, 120, 30)).save(tmp_path / f"{split}.jpg")
        rows.append(f"{split}.jpg,{split}.png,{split}")
    (tmp_path / "index.csv").write_text("\n".join(rows))
    told = call("position-prior", "--data", "planted", tmp_path, "--out", tmp_path / "out")
    assert told.exit_code == 0, told.output
    assert "planted subjects/test" in told.stdout


def test_real_free_crops_at_80_and_200_columns(shared_dir: Path, tmp_path: Path) -> None:
    for width in (80, 200):
        arguments = ("whole-photo", "oracle-anchors", "--data", "fcdb", shared_dir / "data/fcdb", "--out", tmp_path)
        told = call(*arguments, width=width)
        assert told.exit_code == 0, told.output
        assert max(map(len, told.stdout.splitlines())) <= width
        for piece in ("0.6470", "0.0975", "0.8783", "0.7489", "358", "345 of 345 photos"):
            assert piece in told.stdout
    own = call("whole-photo", "--data", "fcdb", shared_dir / "data/fcdb", "--sizes", "photo", "--out", tmp_path)
    assert "0.6395" in own.stdout
    pairs = call("largest-crop", "--data", "fcdb-ranking", shared_dir / "data/fcdb", "--out", tmp_path)
    assert "ranking_accuracy" in pairs.stdout


@pytest.mark.slow
def test_the_default_checkpoint_on_the_real_photos_at_hand(shared_dir: Path, tmp_path: Path) -> None:
    for kind, split, n in (("gaicd", "all", 3), ("flms", "test", 5)):
        root = shared_dir / "data" / kind
        told = call("photos-lambda-0.1", "--data", kind, root, "--split", split, "--fine", "--out", tmp_path)
        assert told.exit_code == 0, told.output
        assert "photos were skipped" in told.stdout
        assert metrics(tmp_path)["n"].unique().tolist() == [n]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["largest-crop", "--data", "ava", "ROOT"], "--data is one of gaicd, fcdb, fcdb-ranking, flms, planted"),
        (["largest-crop", "--data", "gaicd"], "the data set's folder are needed, as in asm-interp evaluate"),
        (["largest-crop", "--data", "gaicd", "nowhere"], "nowhere: expected a data set's folder"),
        (["nonesuch", "--data", "gaicd", "ROOT"], "nonesuch"),
        (["largest-crop", "--data", "gaicd", "ROOT", "--split", "val"], "no split 'val'; there are"),
        (["largest-crop", "--data", "gaicd", "ROOT", "--ties", "random"], "--ties is expected or reference"),
        (["largest-crop", "--data", "gaicd", "ROOT", "--config", "a.toml"], "--config goes with --data planted only"),
        (["shapes-lambda-0.1", "--data", "gaicd", "ROOT", "--device", "moon"], "--device moon"),
        (["largest-crop", "--data", "planted", "--config", "nowhere.toml"], "nowhere.toml: no such configuration"),
        (["position-prior", "--data", "planted", "ROOT"], "index.csv: expected an index of photos and masks"),
        (["largest-crop", "--data", "gaicd", "ROOT", "--out", "ROOT/image_crop.json"], "image_crop.json"),
    ],
)
def test_bad_input_ends_with_one_line_and_exit_code_2(
    gaicd: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    before = (gaicd / "image_crop.json").read_bytes()
    told = call("--out", tmp_path / "out", *(argument.replace("ROOT", str(gaicd)) for argument in arguments))
    assert told.exit_code == 2, told.output
    assert message in told.stderr
    assert "Traceback" not in told.stderr
    assert (gaicd / "image_crop.json").read_bytes() == before


def test_data_is_asked_for() -> None:
    told = call("largest-crop", "somewhere")
    assert told.exit_code == 2
    assert "--data" in told.stderr


def test_help_names_every_baseline() -> None:
    told = " ".join(call("--help", width=300).output.split())
    assert all(name in told for name in BASELINES)
