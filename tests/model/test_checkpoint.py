import hashlib
import io
import json
import os
import pickle
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import asm_interp
from asm_interp.geometry.patterns import from_labels
from asm_interp.model import checkpoint as ck
from asm_interp.model.asmnet import ASMNet
from asm_interp.model.checkpoint import CheckpointError

CARD = {"lambda": 0.1, "data": "worlds <é, λ>", "seed": 3, "metrics": {"accuracy": [0.96, 0.97]}, "licence": "MIT"}
COLUMNS = ["name", "backbone", "pattern", "lambda", "data", "size", "sha256", "path"]


@pytest.fixture(scope="module")
def model() -> ASMNet:
    torch.manual_seed(0)
    return ASMNet("tiny", "grid:2x2", input_size=64)


@pytest.fixture(scope="module")
def written(model: ASMNet, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("checkpoint") / "model.safetensors"
    return ck.save(model, path, CARD, half=True).read_bytes()


@pytest.fixture
def path(tmp_path: Path, written: bytes) -> Path:
    target = tmp_path / "model.safetensors"
    target.write_bytes(written)
    return target


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and nothing shipped."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(ck.ENVIRONMENT_VARIABLE, raising=False)
    (tmp_path / "site/asm_interp/model").mkdir(parents=True)
    monkeypatch.setattr(ck, "__file__", str(tmp_path / "site/asm_interp/model/checkpoint.py"))
    return tmp_path


def same_weights(a: ASMNet, b: ASMNet, *, half: bool = False) -> bool:
    states = zip(a.state_dict().items(), b.state_dict().items(), strict=True)
    return all(
        key == other and torch.equal(value.half().float() if half else value, found)
        for (key, value), (other, found) in states
    )


def rewrite(path: Path, card: dict[str, object], change: dict[str, torch.Tensor | None] | None = None) -> None:
    """Write the checkpoint anew with another card and other tensors, and the digest that goes with them."""
    with safe_open(path, framework="pt") as file:
        state = {key: file.get_tensor(key) for key in file.keys()} | (change or {})  # noqa: SIM118
        whole = json.loads(file.metadata()["asm_interp_card"]) | card
    state = {key: tensor for key, tensor in state.items() if tensor is not None}
    text = json.dumps(whole)
    save_file(state, path, metadata={"asm_interp_card": text, "sha256": ck._digest(text, state)})


def pickled(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("half", [False, True])
def test_round_trip(model: ASMNet, tmp_path: Path, half: bool) -> None:
    target = tmp_path / "new" / "folder" / "model.safetensors"
    assert ck.save(model, str(target), CARD, half=half) == target
    loaded = ck.load(target)
    assert same_weights(model, loaded, half=half)
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32}
    assert not loaded.training
    assert loaded.backbone_name == "tiny"
    assert loaded.pattern == model.pattern
    assert loaded.input_size == 64
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert (2 if half else 4) * parameters < target.stat().st_size < (2 if half else 4) * parameters + 6000
    assert list(target.parent.iterdir()) == [target]


def test_equal_models_are_equal_files(model: ASMNet, tmp_path: Path, written: bytes) -> None:
    for copy in range(6):  # the library's own order of a header's entries is a matter of chance
        assert ck.save(model, tmp_path / f"{copy}.safetensors", CARD, half=True).read_bytes() == written


def test_loaded_model_scores_photos_as_before(model: ASMNet, tmp_path: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    loaded = ck.load(ck.save(model, tmp_path / "model.safetensors", {}))
    assert torch.equal(loaded.score_map(photo).values, model.score_map(photo).values)


def test_own_pattern_comes_back(tmp_path: Path) -> None:
    pattern = from_labels([[0, 1, 0], [2, 2, 1]], "my own")
    loaded = ck.load(ck.save(ASMNet("tiny", pattern), tmp_path / "model.safetensors", {}))
    assert loaded.pattern == pattern


def test_channels_last_weights(tmp_path: Path) -> None:
    model = ASMNet("tiny", "grid:1x1").to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    assert same_weights(model, ck.load(ck.save(model, tmp_path / "model.safetensors", {})))


def test_card_says_what_it_is(path: Path) -> None:
    expected = CARD | {
        "format": 1,
        "library": f"asm_interp {asm_interp.__version__}",
        "backbone": "tiny",
        "pattern": "grid:2x2",
        "labels": [[0, 1], [2, 3]],
        "input_size": 64,
        "dtype": "float16",
    }
    assert ck.read_card(path) == expected
    loaded = ck.load(path)
    assert loaded.card == expected
    # Its own card goes with it when it is saved again.
    again = ck.save(loaded, path.with_name("again.safetensors"), loaded.card | {"seed": 4})
    assert ck.read_card(again) == expected | {"seed": 4, "dtype": "float32"}


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"metrics": float("nan")}, "finite JSON values only"),
        ({"data": Path("here")}, "finite JSON values only"),
        ({"backbone": "vgg16"}, "the model's backbone is 'tiny', but the card says 'vgg16'"),
        ({"labels": [[0, 1]]}, r"the model's labels is \[\[0, 1\], \[2, 3\]\], but"),
    ],
)
def test_cards_that_cannot_be_written(model: ASMNet, tmp_path: Path, card: dict[str, object], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        ck.save(model, tmp_path / "model.safetensors", card)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["model.pth", "model", "safetensors"])
def test_name_ends_in_safetensors(model: ASMNet, tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match=r"name ends in \.safetensors"):
        ck.save(model, tmp_path / name, {})


def test_weights_must_be_finite_as_they_are_stored(tmp_path: Path) -> None:
    model = ASMNet("tiny")
    model.bias.data[3] = 1e6
    assert same_weights(model, ck.load(ck.save(model, tmp_path / "single.safetensors", {})))
    with pytest.raises(CheckpointError, match=r"finite as torch.float16, but \['bias'\] are not"):
        ck.save(model, tmp_path / "half.safetensors", {}, half=True)
    model.bias.data[3] = torch.nan
    with pytest.raises(CheckpointError, match=r"finite as torch.float32"):
        ck.save(model, tmp_path / "single.safetensors", {})


def test_truncated_at_any_length(path: Path, written: bytes) -> None:
    header = int.from_bytes(written[:8], "little")
    lengths = {*range(0, 8 + header + 9, 41), 8 + header, *range(8 + header, len(written), 15_013), len(written) - 1}
    for length in sorted(lengths):
        path.write_bytes(written[:length])
        with pytest.raises(CheckpointError, match=r"model\.safetensors: "):
            ck.load(path)


def test_longer_than_written(path: Path, written: bytes) -> None:
    path.write_bytes(written + b"\0")
    with pytest.raises(CheckpointError, match="truncated or damaged"):
        ck.load(path)


def test_one_flipped_byte_is_an_error_or_changes_nothing(path: Path, written: bytes, model: ASMNet) -> None:
    header = int.from_bytes(written[:8], "little")
    card = ck.read_card(path)
    rng = np.random.default_rng(0)
    places = [*range(8), *range(8, 8 + header, 3), 7 + header, *rng.integers(8 + header, len(written), 60).tolist()]
    survived = []
    for place in places:
        altered = bytearray(written)
        altered[place] ^= int(rng.choice([1, 2, 8, 32, 128, 255]))
        path.write_bytes(altered)
        with suppress(CheckpointError):
            loaded = ck.load(path)
            assert loaded.card == card
            assert same_weights(model, loaded, half=True)
            survived.append(place)
    assert all(written[place : place + 1].isspace() for place in survived), "only the header's padding is free"


def test_altered_weight_names_both_digests(path: Path, written: bytes) -> None:
    path.write_bytes(written[:-1] + bytes([written[-1] ^ 1]))
    with pytest.raises(
        CheckpointError, match=r"altered since it was written: SHA-256 [0-9a-f]{64} expected, [0-9a-f]{64}"
    ):
        ck.load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found an empty file"),
        (b"tiny", "found something else, or a damaged one"),
        (b"This is a text about cropping.\n" * 99, "found something else"),
        (pickle.dumps({"weights": [1, 2]}), "a pickle or a zip archive, which are never read"),
        (pickled({"bias": torch.ones(3)}), "a pickle or a zip archive, which are never read"),
        ((2).to_bytes(8, "little") + b"{}", "found something else"),
        ((8).to_bytes(8, "little") + b'{"a": 1}', "found one without"),
        ((6).to_bytes(8, "little") + b"[1, 2]", "found something else"),
        ((90_000).to_bytes(8, "little") + b"[" * 90_000, "found something else"),
        ((23).to_bytes(8, "little") + b'{"__metadata__": [1,2]}', "has no readable card"),
        ((2**63).to_bytes(8, "little"), "found something else"),
    ],
)
def test_what_is_no_checkpoint(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    for read in (ck.load, ck.read_card):
        with pytest.raises(CheckpointError, match=message):
            read(path)


def test_pickle_is_not_run(path: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    path.write_bytes(pickle.dumps(Malicious(trace)))
    with pytest.raises(CheckpointError, match="never read"):
        ck.load(path)
    assert not trace.exists()


class Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("metadata", [None, {"author": "somebody"}, {"asm_interp_card": "no JSON"}])
def test_safetensors_of_others(path: Path, metadata: dict[str, str] | None) -> None:
    save_file({"bias": torch.ones(3)}, path, metadata=metadata)
    with pytest.raises(CheckpointError, match=r"model\.safetensors: .*(with a card|no readable card)"):
        ck.load(path)


@pytest.mark.parametrize(
    ("card", "change", "message"),
    [
        ({"backbone": "squeezenet1_1"}, None, "not the weights of the network that its card names .*Missing key"),
        ({"backbone": "resnet"}, None, "no backbone 'resnet'"),
        ({"backbone": ["tiny"]}, None, "unhashable"),
        ({"labels": [[0, 1, 2]]}, None, "size mismatch for heads.0.weight"),
        ({"labels": [[0, 2]]}, None, r"missing \[1\]"),
        ({"input_size": 100}, None, "input_size is a multiple of 32, got 100"),
        ({"input_size": "64"}, None, "not the weights of the network"),
        ({"format": 2}, None, "expected checkpoint format 1, found 2"),
        ({}, {"bias": None}, "Missing key"),
        ({}, {"extra": torch.ones(2)}, "Unexpected key"),
        ({}, {"bias": torch.ones(5, dtype=torch.bfloat16)}, "size mismatch for bias"),
    ],
)
def test_wrong_architecture(
    path: Path, card: dict[str, object], change: dict[str, torch.Tensor | None] | None, message: str
) -> None:
    rewrite(path, card, change)
    with pytest.raises(CheckpointError, match=rf"(?s)model\.safetensors: .*{message}"):
        ck.load(path)


def test_card_without_an_entry(path: Path, model: ASMNet) -> None:
    save_file(model.state_dict(), path, metadata={"asm_interp_card": '{"format": 1}', "sha256": "?"})
    with pytest.raises(CheckpointError, match=r"SHA-256 \? expected"):
        ck.load(path)


def test_missing_file_and_folder(elsewhere: Path) -> None:
    for missing in ("nowhere.safetensors", "folder/model", elsewhere / "x.safetensors"):
        with pytest.raises(CheckpointError, match=r"(nowhere|model|x).*no such checkpoint file"):
            ck.load(missing)
    with pytest.raises(CheckpointError, match="cannot be read"):
        ck.read_card(elsewhere)


def test_unknown_name_lists_what_there_is(elsewhere: Path, model: ASMNet) -> None:
    with pytest.raises(CheckpointError, match=r"no checkpoint 'photos-lambda-0\.5'; there are none"):
        ck.load("photos-lambda-0.5")
    for name in ("b", "a-0.1"):
        ck.save(model, f"checkpoints/{name}.safetensors", {})
    with pytest.raises(CheckpointError, match=r"no checkpoint 'photos-lambda-0\.5'; there are a-0\.1, b"):
        ck.load("photos-lambda-0.5")


def test_local_checkpoints_hide_shipped_ones(elsewhere: Path, model: ASMNet, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = elsewhere / "one", elsewhere / "two"
    folders = [one, two, Path("checkpoints"), elsewhere / "site/asm_interp/_shipped/checkpoints"]
    folders.append(elsewhere / "site/checkpoints")
    monkeypatch.setenv(ck.ENVIRONMENT_VARIABLE, f"{one}{os.pathsep}{os.pathsep}{two}")
    for seed, folder in reversed([*enumerate(folders)]):
        ck.save(model, folder / "x-0.1.safetensors", {"seed": seed})
        assert ck.load("x-0.1").card["seed"] == seed
        assert ck.list_checkpoints()["path"].tolist() == [str(folder / "x-0.1.safetensors")]
    monkeypatch.delenv(ck.ENVIRONMENT_VARIABLE)
    assert ck.load("x-0.1").card["seed"] == 2


def test_path_wins_over_name(elsewhere: Path, model: ASMNet) -> None:
    ck.save(model, "checkpoints/x.safetensors", {"seed": 1})
    ck.save(model, "x.safetensors", {"seed": 2})
    assert ck.load("x").card["seed"] == 1
    assert ck.load("x.safetensors").card["seed"] == 2


def test_listing(elsewhere: Path, written: bytes) -> None:
    assert ck.list_checkpoints().columns.tolist() == COLUMNS
    folder = elsewhere / "checkpoints"
    folder.mkdir()
    (folder / "good.safetensors").write_bytes(written)
    (folder / "broken.safetensors").write_bytes(b"")
    (folder / "folder.safetensors").mkdir()
    (folder / "gone.safetensors").symlink_to("nowhere")
    (folder / "notes.txt").write_text("x", "utf-8")
    table = ck.list_checkpoints()
    assert table.columns.tolist() == COLUMNS
    assert table["name"].tolist() == ["broken", "good"]
    good, broken = table.iloc[1], table.iloc[0]
    assert good[["backbone", "pattern", "lambda", "data"]].tolist() == ["tiny", "grid:2x2", 0.1, CARD["data"]]
    assert good["size"] == len(written)
    assert good["sha256"] == hashlib.sha256(written).hexdigest()
    assert broken["data"].startswith("unreadable: ")
    assert "empty file" in broken["data"]


def test_crash_while_writing_leaves_the_old_file(
    path: Path, model: ASMNet, written: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(OSError, match="disk full"):
        ck.save(model, path, {"seed": 99})
    assert path.read_bytes() == written
    assert list(path.parent.iterdir()) == [path]
