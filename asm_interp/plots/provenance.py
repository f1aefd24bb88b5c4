"""Saving a figure with its numbers and with where it comes from, beside it and inside it."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from hashlib import sha256
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from asm_interp import __version__
from asm_interp.files import write_atomically
from asm_interp.plots.style import OUTPUT_RC

FORMATS = ("pdf", "png", "svg")

_KEY = "asm_interp"  # of a PNG's text
_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("matplotlib", "numpy", "pandas", "seaborn", "torch")
_DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"


def versions() -> dict[str, str]:
    """Versions of the library and of what its figures rest on."""
    return {"asm_interp": __version__, "python": platform.python_version()} | {
        name: version(name) for name in _PACKAGES
    }


def git_commit() -> str | None:
    """Commit that the library is run from, with "-changed" if its code or checkpoints differ; None outside git."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(_ROOT), *arguments], capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != _ROOT:
            return None  # installed within somebody else's repository
        commit = git("rev-parse", "HEAD")
        return commit + ("-changed" if git("status", "--porcelain", "--", "asm_interp", "checkpoints") else "")
    except (OSError, subprocess.SubprocessError):
        return None


@dataclass(frozen=True)
class Provenance:
    """Where a figure comes from.

    Attributes
    ----------
    command : str
        That made it.
    caption : str
        What it shows.
    checkpoints : dict of str to str
        SHA-256 of the file of each checkpoint that it rests on, by name.
    data : dict of str to str
        Digest of each set of photos, crops or results that it rests on, by name.
    seed : int or None
    scale : str
        How maps were brought to colours, or values to an axis.
    commit : str or None
        Of the library; see `git_commit`.
    versions : dict of str to str
    files : dict of str to str or None
        SHA-256 of each file beside the figure that cannot hold this itself (CSV, Markdown, LaTeX), by suffix. Set when
        the figure is saved; None before that, and in what versions wrote that did not note it.
    """

    command: str
    caption: str = ""
    checkpoints: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    scale: str = ""
    commit: str | None = field(default_factory=git_commit)
    versions: Mapping[str, str] = field(default_factory=versions)
    files: Mapping[str, str] | None = None

    def to_json(self, indent: int | None = None) -> str:
        """Write it as JSON, in ASCII, so that any file's metadata can hold it."""
        return json.dumps(asdict(self), indent=indent, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Provenance:
        """Read what `to_json` wrote.

        Raises
        ------
        ValueError
            If it is something else.
        """
        found = json.loads(text or "null")
        names = {each.name for each in fields(cls)}
        if not isinstance(found, dict) or "command" not in found or not found.keys() <= names:
            raise ValueError("not the provenance of a figure")
        return cls(**found)

    def __str__(self) -> str:
        """Tell it line by line."""
        lines = [self.caption] if self.caption else []
        lines += [f"command: {self.command}", f"commit: {self.commit or 'unknown'}"]
        lines += [f"checkpoint {name}: sha256 {digest}" for name, digest in self.checkpoints.items()]
        lines += [f"data {name}: {digest}" for name, digest in self.data.items()]
        lines += [f"{suffix}: sha256 {digest}" for suffix, digest in (self.files or {}).items()]
        lines += [f"seed: {self.seed}"] if self.seed is not None else []
        lines += [f"scale: {self.scale}"] if self.scale else []
        return "\n".join([*lines, "versions: " + ", ".join(f"{k} {v}" for k, v in self.versions.items())])


def save_figure(
    figure: Figure,
    stem: Path,
    provenance: Provenance | None = None,
    *,
    numbers: pd.DataFrame | None = None,
    formats: Sequence[str] = ("png",),
    dpi: int = 300,
) -> list[Path]:
    """Write a figure, the numbers it shows and where it comes from, each whole or not at all.

    The same figure gives the same bytes, in each format. Its layout is computed once and stays.

    Parameters
    ----------
    figure : Figure
    stem : path
        Without suffix: ``.pdf``, ``.png``, ``.svg``, ``.csv`` and ``.json`` are added to its name.
    provenance : Provenance, optional
        Written to JSON and into each file's metadata.
    numbers : DataFrame, optional
        Written to CSV, to six digits.
    formats : sequence of {"pdf", "png", "svg"}
    dpi : int
        Of the PNG, and of pictures within the others.

    Returns
    -------
    list of Path

    Raises
    ------
    ValueError
        If there is no such format.
    OSError
        If a file cannot be written.
    """
    check_formats(formats)
    texts = _csv(numbers)
    provenance = _noting(provenance, texts)
    with mpl.rc_context(OUTPUT_RC):  # type: ignore[arg-type]  # the stubs spell out every key
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # else each format would lay it out again, a little differently
        contents = {suffix: _rendered(figure, suffix, provenance, dpi) for suffix in formats}
    return _write(stem, {**contents, **texts}, provenance)


def save_texts(stem: Path, texts: Mapping[str, str], provenance: Provenance, *, numbers: pd.DataFrame) -> list[Path]:
    """Write texts by suffix, with their numbers as CSV and provenance as JSON beside them; the paths written."""
    texts = {**texts, **_csv(numbers)}
    return _write(stem, texts, _noting(provenance, texts))


def _csv(numbers: pd.DataFrame | None) -> dict[str, str]:
    return {} if numbers is None else {"csv": numbers.to_csv(index=False, lineterminator="\n", float_format="%.6g")}


def _noting(provenance: Provenance | None, texts: Mapping[str, str]) -> Provenance | None:
    """Provenance that knows the files which cannot hold it."""
    digests = {suffix: sha256(text.encode()).hexdigest() for suffix, text in texts.items()}
    return None if provenance is None else replace(provenance, files=digests)


def _write(stem: Path, contents: Mapping[str, bytes | str], provenance: Provenance | None) -> list[Path]:
    beside = {} if provenance is None else {"json": provenance.to_json(indent=2) + "\n"}
    written = []
    for suffix, content in {**contents, **beside}.items():
        path = stem.with_name(f"{stem.name}.{suffix}")
        write_atomically(path, content)
        written.append(path)
    return written


def check_formats(formats: Sequence[str]) -> None:
    """Refuse formats that figures are not written in."""
    if unknown := [each for each in formats if each not in FORMATS]:
        raise ValueError(f"formats are {', '.join(FORMATS)}, got {', '.join(map(repr, unknown))}")


def _rendered(figure: Figure, suffix: str, provenance: Provenance | None, dpi: int) -> bytes:
    text = None if provenance is None else provenance.to_json()
    # None takes out what would differ from day to day, or from one version of matplotlib to the next.
    metadata: dict[str, dict[str, Any]] = {
        "png": {"Software": None},
        "pdf": {"Creator": None, "Producer": None, "CreationDate": None, "Subject": text},
        "svg": {"Creator": None, "Date": None, "Description": text},
    }
    buffer = BytesIO()
    figure.savefig(buffer, format=suffix, dpi=dpi, metadata=metadata[suffix])
    return _opaque(buffer, text, dpi) if suffix == "png" else buffer.getvalue()


def _opaque(png: BytesIO, text: str | None, dpi: int) -> bytes:
    """The PNG without its alpha channel, which says nothing and is a tenth of the file."""
    information, buffer = PngInfo(), BytesIO()
    if text is not None:
        information.add_text(_KEY, text)
    with Image.open(png) as image:
        image.convert("RGB").save(buffer, format="PNG", dpi=(dpi, dpi), pnginfo=information)
    return buffer.getvalue()


def read_provenance(path: Path) -> Provenance:
    """Read where a figure comes from out of the file itself.

    Parameters
    ----------
    path : path
        A PNG, PDF or SVG that `save_figure` wrote, or the JSON beside it.

    Raises
    ------
    ValueError
        If the file holds no provenance.
    OSError
        If it cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise ValueError(f"{path}: expected a figure ({', '.join(_READERS)}), found {suffix or 'no suffix'}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise OSError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return Provenance.from_json(_READERS[suffix](content))
    except (ValueError, SyntaxError, TypeError, OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: expected a figure of this library, found no provenance in it ({error})") from error


def _png_text(content: bytes) -> str:
    try:
        with Image.open(BytesIO(content), formats=["PNG"]) as image:
            image.load()  # all of it, so that a damaged one is noticed
            return str(image.info.get(_KEY, ""))
    except UnidentifiedImageError:
        raise ValueError("no PNG") from None


def _pdf_text(content: bytes) -> str:
    """Subject of a PDF's information, which matplotlib writes as one uncompressed ASCII string."""
    found = re.search(rb"/Subject \(((?:[^\\()]|\\.)*)\)", content, re.DOTALL)
    return "" if found is None else re.sub(rb"\\(.)", rb"\1", found[1], flags=re.DOTALL).decode("ascii")


def _svg_text(content: bytes) -> str:
    return ET.fromstring(content).findtext(f".//{_DESCRIPTION}") or ""


_READERS: dict[str, Callable[[bytes], str]] = {
    ".png": _png_text,
    ".pdf": _pdf_text,
    ".svg": _svg_text,
    ".json": bytes.decode,
}
