"""Checkpoints: safetensors files that carry a JSON card and a digest in their header."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from asm_interp import __version__
from asm_interp.files import write_atomically
from asm_interp.geometry import patterns
from asm_interp.model.asmnet import ASMNet

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_CHECKPOINT = "photos-lambda-0.1"
"""Name that commands and notebooks use when none is given."""

ENVIRONMENT_VARIABLE = "ASM_INTERP_CHECKPOINTS"

_CARD = "asm_interp_card"
_DIGEST = "sha256"
_FORMAT = 1
_MADE_BY_SAVE = ("format", "library", "backbone", "pattern", "labels", "input_size", "dtype")
_MAX_HEADER = 100_000_000  # safetensors' own limit


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file, what was expected and what was found."""


def _digest(card: str, state: dict[str, Tensor]) -> str:
    """SHA-256 over the card and every tensor's name, type, shape and bytes."""
    sha = hashlib.sha256(card.encode())
    for key in sorted(state):
        tensor = state[key]
        sha.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sha.update(tensor.numpy().tobytes())
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
        Architecture, pattern labels, input size and library version are added.
    half : bool
        Store float16; `load` gives float32 again.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    CheckpointError
        If the name or the card cannot be stored, or a weight is not finite (in half precision, if asked for).
    """
    from safetensors.torch import save as to_bytes

    path = Path(path)
    if path.suffix != ".safetensors":
        raise CheckpointError(f"{path}: a checkpoint's name ends in .safetensors")
    reserved = sorted(set(card) & set(_MADE_BY_SAVE))
    if reserved:
        raise CheckpointError(f"{path}: the card's entries {reserved} are written from the model; leave them out")
    dtype = torch.float16 if half else torch.float32
    state = {key: value.detach().cpu().to(dtype, memory_format=torch.contiguous_format) for key, value in model.state_dict().items()}
    broken = sorted(key for key, value in state.items() if not torch.isfinite(value).all())
    if broken:
        raise CheckpointError(f"{path}: weights must be finite as {dtype}, but {broken[:3]} are not")
    full = {
        "format": _FORMAT,
        "library": f"asm_interp {__version__}",
        "backbone": model.backbone_name,
        "pattern": model.pattern.name,
        "labels": model.pattern.labels.tolist(),
        "input_size": model.input_size,
        "dtype": str(dtype).removeprefix("torch."),
    } | card
    try:
        text = json.dumps(full, sort_keys=True, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: the card must hold finite JSON values only ({error})") from error
    write_atomically(path, to_bytes(state, metadata={_CARD: text, _DIGEST: _digest(text, state)}))
    return path


def read_card(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Card of a checkpoint, from its header alone; see `load` for the errors."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else _MAX_HEADER
            header = json.loads(file.read(length)) if length < _MAX_HEADER else None
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: expected a safetensors file, found none ({error})") from error
    if header is None or not isinstance(header, dict):
        found = "a pickle or zip archive, which may run code when read," if start[:2] in (b"PK", b"\x80\x02") else ""
        raise CheckpointError(f"{path}: expected a safetensors file, found {found or 'something else'}")
    metadata = header.get("__metadata__", {})
    if _CARD not in metadata:
        raise CheckpointError(f"{path}: a safetensors file, but not an asm_interp checkpoint: it has no card")
    card: dict[str, Any] = json.loads(metadata[_CARD])
    return card


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
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = find(name_or_path)
    card = read_card(path)
    if card.get("format") != _FORMAT:
        raise CheckpointError(f"{path}: expected checkpoint format {_FORMAT}, found {card.get('format')!r}")
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: truncated or damaged ({error})") from error
    _verify(path, state)
    try:
        labels = patterns.from_labels(card["labels"], card["pattern"])
        model = ASMNet(card["backbone"], labels, input_size=card["input_size"])
        model.load_state_dict({key: tensor.float() for key, tensor in state.items()})
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path}: its weights are not those of the network that its card names ({error})") from error
    model.card = card
    return model.to(device).eval()


def _verify(path: Path, state: dict[str, Tensor]) -> None:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    found = _digest(metadata[_CARD], state)
    if found != metadata.get(_DIGEST):
        raise CheckpointError(
            f"{path}: altered since it was written: SHA-256 {metadata.get(_DIGEST)} expected, {found} found"
        )


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
        for path in sorted(folder.glob("*.safetensors")):
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
    if path.suffix or path.parent != Path():
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
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "path": str(path),
            }
        )
    columns = ["name", "backbone", "pattern", "lambda", "data", "size", "sha256", "path"]
    return pd.DataFrame(rows, columns=columns)

