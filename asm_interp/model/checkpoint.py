"""Checkpoints: safetensors files that carry a JSON card and a digest in their header."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from asm_interp import __version__
from asm_interp.files import file_digest, write_atomically
from asm_interp.geometry import patterns
from asm_interp.model.asmnet import ASMNet

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_CHECKPOINT = "photos"
"""Name that commands and notebooks use when none is given."""

ENVIRONMENT_VARIABLE = "ASM_INTERP_CHECKPOINTS"

_CARD = "asm_interp_card"
_DIGEST = "sha256"
_FORMAT = 1
_ARCHITECTURE = ("backbone", "pattern", "labels", "input_size")
_MAX_HEADER = 100_000_000  # safetensors' own limit


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file, what was expected and what was found."""


def _digest(card: str, state: dict[str, Tensor]) -> str:
    """SHA-256 over the card and every tensor's name, type, shape and bytes."""
    sha = hashlib.sha256(card.encode())
    for key in sorted(state):
        tensor = state[key]
        sha.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sha.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()


def save(model: ASMNet, path: str | os.PathLike[str], card: dict[str, Any], *, half: bool = False) -> Path:
    """Write a model and its card, atomically.

    Parameters
    ----------
    model : ASMNet
    path : path
        Ends in ``.safetensors``. The folder is made if needed; a file that stands there is replaced at once or
        not at all.
    card : dict
        What a reader should know, JSON values only: ``lambda``, ``data``, ``seed``, ``metrics``, ``licence``, ...
        Architecture, pattern labels, input size, number type and library version are written from the model.
    half : bool
        Store float16; `load` gives float32 again.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    CheckpointError
        If the name or the card cannot be stored, the card contradicts the model's architecture, or a weight is
        not finite (in half precision, if asked for).
    """
    from safetensors.torch import save as to_bytes

    path = Path(path)
    if path.suffix != ".safetensors":
        raise CheckpointError(f"{path}: a checkpoint's name ends in .safetensors")
    dtype = torch.float16 if half else torch.float32
    state = {
        key: value.detach().to("cpu", dtype, memory_format=torch.contiguous_format)
        for key, value in model.state_dict().items()
    }
    broken = sorted(key for key, value in state.items() if not torch.isfinite(value).all())
    if broken:
        raise CheckpointError(f"{path}: weights must be finite as {dtype}, but {broken[:3]} are not")
    made = {
        "format": _FORMAT,
        "library": f"asm_interp {__version__}",
        "backbone": model.backbone_name,
        "pattern": model.pattern.name,
        "labels": model.pattern.labels.tolist(),
        "input_size": model.input_size,
        "dtype": str(dtype).removeprefix("torch."),
    }
    for key in _ARCHITECTURE:
        if card.get(key, made[key]) != made[key]:
            raise CheckpointError(f"{path}: the model's {key} is {made[key]!r}, but the card says {card[key]!r}")
    try:
        text = json.dumps(card | made, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: the card must hold finite JSON values only ({error})") from error
    write_atomically(path, _in_order(to_bytes(state, metadata={_CARD: text, _DIGEST: _digest(text, state)})))
    return path


def _in_order(content: bytes) -> bytes:
    """The same safetensors file with its header's keys sorted, so that equal models are equal files."""
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # tensors start at a multiple of eight bytes
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def read_card(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Card of a checkpoint, from its header alone.

    Raises
    ------
    CheckpointError
        If the file cannot be read, is no safetensors file, or its header holds no card. Whether card and weights
        are as they were written, `load` alone can tell.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(8)
            length = int.from_bytes(start, "little")
            header = file.read(length) if length <= _MAX_HEADER else b""
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint file") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    metadata = _json_object(header).get("__metadata__")
    if metadata is None:
        raise CheckpointError(f"{path}: expected a safetensors file with a card, found {_kind(start, header)}")
    card = _json_object(metadata.get(_CARD)) if isinstance(metadata, dict) else {}
    if not card:
        raise CheckpointError(f"{path}: a safetensors file, but not an asm_interp checkpoint: it has no readable card")
    return card


def _json_object(text: Any) -> dict[str, Any]:
    """Object that a JSON text holds; empty where it holds none."""
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _kind(start: bytes, header: bytes) -> str:
    """What a file seems to be whose header is not that of a checkpoint."""
    if not start:
        return "an empty file"
    if start.startswith((b"PK", b"\x80")):
        return "a pickle or a zip archive, which are never read: reading them may run code"
    return "one without" if _json_object(header) else "something else, or a damaged one"


def load(name_or_path: str | os.PathLike[str] = DEFAULT_CHECKPOINT, device: str | torch.device = "cpu") -> ASMNet:
    """Load a model from a checkpoint.

    Parameters
    ----------
    name_or_path : str or path
        A name from `list_checkpoints`, or the path of a file.
    device : str or torch.device

    Returns
    -------
    ASMNet
        In float32 and evaluation mode, with the checkpoint's card as attribute ``card``.

    Raises
    ------
    CheckpointError
        If there is no such checkpoint (the message lists what there is), or the file is truncated, altered, of
        another format or architecture. Pickle files are never read.
    """
    from safetensors import SafetensorError, safe_open

    path = find(name_or_path)
    card = read_card(path)
    if card.get("format") != _FORMAT:
        raise CheckpointError(f"{path}: expected checkpoint format {_FORMAT}, found {card.get('format')!r}")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: truncated or damaged ({error})") from error
    expected, found = metadata.get(_DIGEST), _digest(metadata[_CARD], state)
    if found != expected:
        raise CheckpointError(f"{path}: altered since it was written: SHA-256 {expected} expected, {found} found")
    try:
        labels = patterns.from_labels(card["labels"], card["pattern"])
        model = ASMNet(card["backbone"], labels, input_size=card["input_size"])
        model.load_state_dict({key: tensor.float() for key, tensor in state.items()})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path}: not the weights of the network that its card names ({error})") from error
    model.card = card
    return model.to(device).eval()


def _folders() -> Iterator[Path]:
    """Where checkpoints are looked for; the first one of a name wins."""
    if os.environ.get(ENVIRONMENT_VARIABLE):
        yield from (Path(folder) for folder in os.environ[ENVIRONMENT_VARIABLE].split(os.pathsep) if folder)
    yield Path("checkpoints")
    package = Path(__file__).resolve().parents[1]
    yield package / "_shipped" / "checkpoints"  # in a wheel
    yield package.parent / "checkpoints"  # in the repository


def _available() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in _folders():
        for path in folder.glob("*.safetensors"):
            if path.is_file():
                found.setdefault(path.stem, path)
    return found


def find(name_or_path: str | os.PathLike[str]) -> Path:
    """Path of a checkpoint given by name or path.

    Raises
    ------
    CheckpointError
        If there is none; the message lists the names there are.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    available = _available()
    if str(name_or_path) in available:
        return available[str(name_or_path)]
    if path.suffix == ".safetensors" or path.parent != Path():
        raise CheckpointError(f"{path}: no such checkpoint file")
    raise CheckpointError(f"no checkpoint {str(name_or_path)!r}; there are {', '.join(sorted(available)) or 'none'}")


def list_checkpoints() -> pd.DataFrame:
    """Shipped and local checkpoints, one row each, by name.

    Local ones lie in ``./checkpoints`` and in the folders that the environment variable ASM_INTERP_CHECKPOINTS
    lists; they hide shipped ones of the same name.

    Returns
    -------
    DataFrame
        Columns name, backbone, pattern, lambda, data, size (bytes), sha256 (of the file), path. A file that is
        no checkpoint is listed with its fault in the column data.
    """
    import pandas as pd

    rows = []
    for name, path in sorted(_available().items()):
        try:
            card = read_card(path)
        except CheckpointError as error:
            card = {"data": f"unreadable: {error}"}
        rows.append(
            {
                "name": name,
                **{key: card.get(key) for key in ("backbone", "pattern", "lambda", "data")},
                "size": path.stat().st_size,
                "sha256": file_digest(path),
                "path": str(path),
            }
        )
    columns = ["name", "backbone", "pattern", "lambda", "data", "size", "sha256", "path"]
    return pd.DataFrame(rows, columns=columns)
