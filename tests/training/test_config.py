import re
from pathlib import Path

import pytest

from asm_interp.data.planted import Weights
from asm_interp.training.config import ConfigError, TrainConfig, read_config


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"data": "subjects", "root": "some/folder", "rule": "left", "flip": False, "pretrained": True},
        {"pretrained": "weights/x.pth", "weights": {"corners": 0.3, "noise": 0}, "lam": 0, "backbone_lr": 1e-4},
        {"pattern": "grid:2x3", "precision": "bf16-mixed", "reduction": "sum", "half": False, "delta": 1 / 3},
    ],
)
def test_toml_round_trip(tmp_path: Path, options: dict[str, object]) -> None:
    config = TrainConfig(name="run-1", **options)
    again = read_config(written(tmp_path, config.to_toml()))
    assert again == config
    assert again.to_toml() == config.to_toml()


def test_flags_replace_entries_unless_none(tmp_path: Path) -> None:
    path = written(tmp_path, 'name = "a"\nlr = 0.5\nepochs = 3\n')
    config = read_config(path, lr=0.25, epochs=None, lam=0)
    assert (config.name, config.lr, config.epochs, config.lam) == ("a", 0.25, 3, 0)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("epoch = 3", "epoch: Extra inputs are not permitted, found 3"),
        ('epochs = "many"', "epochs: .*valid integer.*, found 'many'"),
        ("epochs = 0", "epochs: .*greater than or equal to 1, found 0"),
        ("lr = -1.0", r"lr: .*greater than 0, found -1\.0"),
        ("lr = nan", "lr: .*, found nan"),
        ("lam = inf", "lam: .*finite.*, found inf"),
        ("input_size = 100", "input_size: .*multiple of 32, found 100"),
        ("n_crops = 1", "n_crops: .*, found 1"),
        ('rule = "golden"', "rule: there are centre, thirds, left, right, headroom, lines, found 'golden'"),
        ('pattern = "grid:0x3"', "pattern: .*found 'grid:0x3'"),
        ('backbone = "resnet"', "backbone: .*'vgg16'.*found 'resnet'"),
        ("weights = {corner = 1}", r"weights: no terms \['corner'\]; there are keep, .*noise, found"),
        ('weights = {corners = "x"}', r"weights\.corners: .*found 'x'"),
        ('data = "subjects"', "data = 'subjects' needs root"),
        ('rule = "left"\nflip = true', "flip = true would teach the mirror image of rule 'left'"),
    ],
)
def test_faults_name_the_file_the_entry_and_what_was_found(tmp_path: Path, entry: str, message: str) -> None:
    path = written(tmp_path, f'name = "a"\n{entry}\n')
    with pytest.raises(ConfigError, match=re.escape(f"{path}: ") + message):
        read_config(path)


def test_several_faults_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(written(tmp_path, "epochs = 0\nlambda = 1\nlr = 'fast'\n"))
    for entry in ("name: ", "epochs: ", "lambda: ", "lr: "):
        assert entry in str(caught.value)


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a b"])
def test_a_name_is_a_file_name(name: str) -> None:
    with pytest.raises(ConfigError, match="configuration: name: "):
        read_config(name=name)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: no such configuration file"):
        read_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match=r"run\.toml: expected TOML \(.*line 1"):
        read_config(written(tmp_path, "name: a"))
    (tmp_path / "run.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"run\.toml: expected TOML"):
        read_config(tmp_path / "run.toml")
    with pytest.raises(ConfigError, match="expected TOML"):
        read_config(tmp_path)


def test_a_broken_folder_is_not_opened_before_training() -> None:
    config = read_config(name="a", data="subjects", root="/nowhere", rule="centre", flip=True)
    with pytest.raises(ValueError, match=r"/nowhere/index\.csv: expected an index"):
        config.world("train")


def test_world_follows_the_configuration() -> None:
    options = {"n_photos": 3, "photo_height": 40, "photo_width": 24, "n_crops": 4, "rule": "left", "seed": 5}
    config = TrainConfig(name="a", weights={"area": 0.5}, best_share=0.4, share_width=0.1, **options)
    worlds = [config.world(split) for split in ("train", "val", "test")]
    for world in worlds:
        assert (len(world), world.photo_size(0), world.n_crops, world.rule) == (3, (40, 24), 4, "left")
        assert (world.best_share, world.share_width) == (0.4, 0.1)
        assert world.weights == Weights(area=0.5)
    assert len({world[0].photo.tobytes() for world in worlds}) == 3


def test_world_of_real_photos(shared_dir: Path) -> None:
    config = TrainConfig(name="a", data="subjects", root=shared_dir / "data" / "subjects")
    assert [len(config.world(split)) for split in ("train", "val", "test")] == [1112, 139, 139]


def test_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        TrainConfig(name="a").lr = 1.0
