"""Analysis of any number of photos: rows, mean maps and profiles; streamed, resumable, shared among processes."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from asm_interp import __version__
from asm_interp.analysis.mean_maps import GRID, RunningMean
from asm_interp.analysis.photo_measures import MAPS, MEASURES, photo_measures
from asm_interp.analysis.regions import profile_distances, radial_profile
from asm_interp.data.photo import PHOTO_SUFFIXES, PhotoError, read_photo
from asm_interp.files import write_atomically
from asm_interp.geometry.boxes import Size
from asm_interp.model.asmnet import ASMNet

PART = 64
"""Photos in a part, unless another number is asked for: what an interruption loses at most, per process."""

_AHEAD = 2  # photos read while the network works
_MANIFEST, _ROWS, _MAPS = "analysis.json", "photos", "maps"
_SUMMARY, _MEAN_MAPS, _PROFILES = "summary.csv", "mean_maps.npz", "profiles.csv"


@dataclass(frozen=True)
class Shard:
    """Which parts a process does: those whose number leaves the remainder `rank` when divided by `count`.

    Examples
    --------
    >>> Shard.parse("1/4")
    Shard(rank=1, count=4)
    """

    rank: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.count:
            raise ValueError(f"a shard is RANK/COUNT with 0 <= RANK < COUNT, got {self.rank}/{self.count}")

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Shard written as RANK/COUNT."""
        rank, slash, count = text.partition("/")
        if not (slash and rank.isdecimal() and count.isdecimal()):
            raise ValueError(f"a shard is written RANK/COUNT, as 0/4, got {text!r}")
        return cls(int(rank), int(count))

    @classmethod
    def from_environment(cls) -> Shard:
        """The shard that ``torchrun`` or ``fabric run`` gave this process; all of it without them."""
        return cls(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


def find_photos(*sources: str | os.PathLike[str]) -> dict[str, Path]:
    """Photos by name: files as given, and all photo files at any depth below folders, in order of their paths.

    A photo's name is its path from the folder that was given, so that it is the same wherever that folder lies;
    its full path where two would share a name.

    Raises
    ------
    PhotoError
        If a path is missing or a folder holds no photo.
    """
    found: dict[str, Path] = {}
    for source in map(Path, sources):
        if source.is_dir():
            below = sorted(path for path in source.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
            photos = {path.relative_to(source).as_posix(): path for path in below if not path.name.startswith(".")}
        elif source.exists():
            photos = {source.name: source}
        else:
            photos = {}
        if not photos:
            wanted = f"photos ({' '.join(PHOTO_SUFFIXES)})"
            raise PhotoError(f"{source}: expected {wanted}, found {'none below it' if source.is_dir() else 'nothing'}")
        for name, path in photos.items():
            found.setdefault(str(path) if name in found and found[name] != path else name, path)
    return found


@dataclass(frozen=True, eq=False)
class DatasetAnalysis:
    """What all photos of a data set amount to.

    Attributes
    ----------
    folder : Path
    summary : DataFrame
        One row per measure: measure, mean, ci_low, ci_high (Student's 95 % interval over photos), n.
    maps : dict of str to RunningMean
        `MAPS` on the grid, with mean, n and interval per cell.
    profiles : dict of str to DataFrame
        Of each map, its mean by distance to the nearest border, from the border inwards: d_edge (middle of the step,
        in units of the photo's sides), mean, ci_low, ci_high (Student's 95 % interval over photos), n. A photo whose
        map is not defined there, as avg_z of a constant map, does not count in n. Slopes are in `summary`.
    n_photos, n_skipped : int
        How many there were, and how many of them could not be read.
    """

    folder: Path
    summary: pd.DataFrame
    maps: dict[str, RunningMean]
    profiles: dict[str, pd.DataFrame]
    n_photos: int
    n_skipped: int

    def photos(self) -> pd.DataFrame:
        """All rows, in the photos' order: photo, sha256 (of its file), height, width, error, and the measures."""
        return pd.read_parquet(self.folder / _ROWS)


def analyse_photos(
    model: ASMNet,
    photos: Mapping[str, Path],
    out: str | os.PathLike[str],
    *,
    part_size: int = PART,
    grid: Size = GRID,
    shard: Shard | None = None,
    advance: Callable[[str], None] = lambda _: None,
) -> DatasetAnalysis | None:
    """Measure every photo once, and average the maps and their profiles from the border inwards.

    The photos are cut into parts of `part_size`. A part's rows (Parquet) and accumulated maps (npz) are written
    when it is done, and what is there already is not done again, so that an interrupted analysis goes on where it
    was. A part's content does not depend on who makes it and parts are merged in their order: the result is the
    same for any number of processes, up to the rounding of the network on different machines. Memory does not
    grow with the number of photos, but for their names.

    Parameters
    ----------
    model : ASMNet
    photos : mapping of str to path
        As `find_photos` gives it.
    out : path
        Folder for the results; one that all processes share.
    part_size : int
    grid : (int, int)
        Cells of the mean maps, down and across. Profiles have a step for each ring of cells along the shorter side;
        a ring of a square grid with an even number of cells is exactly the photo's points at these distances.
    shard : Shard, optional
        Which parts to do; by default as ``torchrun`` or ``fabric run`` says, or all.
    advance : callable
        Called with each photo's name when it is done, or was before.

    Returns
    -------
    DatasetAnalysis or None
        None while parts of other processes are missing; the process that finishes last gets the result.

    Raises
    ------
    ValueError
        If there is no photo, or the folder holds the analysis of other photos, another model or other settings. Each
        process compares the files of its own parts with what they held when they were analysed.
    """
    if not photos or part_size < 1:
        raise ValueError(f"an analysis has photos, and parts of at least one; got {len(photos)} and {part_size}")
    out, shard = Path(out), shard or Shard.from_environment()
    names = list(photos)
    _check_manifest(out, _manifest(model, names, part_size, grid))
    n_parts = -(-len(names) // part_size)
    for part in range(shard.rank, n_parts, shard.count):
        own = names[part * part_size : (part + 1) * part_size]
        if _part(out, _ROWS, part).is_file():
            held = pd.read_parquet(_part(out, _ROWS, part), columns=["sha256"])["sha256"]
            for name, digest in zip(own, held, strict=True):
                if _digest(photos[name]) != digest:
                    raise ValueError(f"{photos[name]} has changed since {out} was begun; choose another folder")
                advance(name)
        else:
            _analyse_part(model, {name: photos[name] for name in own}, out, part, grid, advance)
    if all(_part(out, _ROWS, part).is_file() for part in range(n_parts)):
        return _merge(out, n_parts)
    return None


def _manifest(model: ASMNet, names: list[str], part_size: int, grid: Size) -> dict[str, object]:
    weights = hashlib.sha256()
    for key, tensor in model.state_dict().items():
        weights.update(f"{key} {list(tensor.shape)}\n".encode())
        weights.update(tensor.detach().cpu().contiguous().numpy().data)
    return {
        "photos": hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest(),
        "n_photos": len(names),
        "weights": weights.hexdigest(),
        "backbone": model.backbone_name,
        "pattern": model.pattern.name,
        "input_size": model.input_size,
        "part_size": part_size,
        "grid": list(grid),
        "profile_steps": _profile_steps(grid),
        "measures": list(MEASURES),
        "maps": list(MAPS),
        "library": f"asm_interp {__version__}",
    }


def _check_manifest(out: Path, wanted: dict[str, object]) -> None:
    path = out / _MANIFEST
    if not path.is_file():
        write_atomically(path, json.dumps(wanted, indent=2, ensure_ascii=False) + "\n")
        return
    try:
        held = dict(json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: expected the record of an analysis ({error})") from error
    if missing := [key for key in wanted if key not in held]:
        raise ValueError(f"{path} is of an earlier version, without {', '.join(missing)}; choose another folder")
    if differing := [key for key in wanted if held[key] != wanted[key]]:
        raise ValueError(f"{path} is of another analysis: {', '.join(differing)} differ; choose another folder")


def _profile_steps(grid: Size) -> int:
    """Rings of cells from the border to the middle: as fine as leaves no step without a cell."""
    return -(-min(grid) // 2)


def _profile(name: str) -> str:
    """What the profile of a map is called in a part."""
    return f"{name}.profile"


def _part(out: Path, kind: str, part: int) -> Path:
    return out / kind / f"part-{part:06}.{'parquet' if kind == _ROWS else 'npz'}"


def _digest(path: Path) -> str:
    """SHA-256 of a file; empty if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _photos_ahead(photos: Mapping[str, Path]) -> Iterator[tuple[str, Future[str], Future[npt.NDArray[np.uint8]]]]:
    """Photos and the digests of their files in their order, the next ones already being read."""
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[tuple[str, Future[str], Future[npt.NDArray[np.uint8]]]] = deque()
        for name, path in photos.items():
            waiting.append((name, pool.submit(_digest, path), pool.submit(read_photo, path)))
            if len(waiting) > _AHEAD:
                yield waiting.popleft()
        yield from waiting


def _analyse_part(
    model: ASMNet, photos: Mapping[str, Path], out: Path, part: int, grid: Size, advance: Callable[[str], None]
) -> None:
    steps = _profile_steps(grid)
    running = {name: RunningMean(grid) for name in MAPS} | {_profile(name): RunningMean((steps,)) for name in MAPS}
    rows: list[dict[str, object]] = []
    for name, digest, read in _photos_ahead(photos):
        row: dict[str, object] = {"photo": name, "sha256": digest.result()}
        row |= {"height": None, "width": None, "error": None}
        try:
            photo = read.result()
            measures, maps = photo_measures(model.score_map(photo), grid)
        except ValueError as error:  # of the photo, or a map that is not finite
            row |= {"error": str(error), **dict.fromkeys(MEASURES, float("nan"))}
        else:
            row |= {"height": photo.shape[0], "width": photo.shape[1], **measures}
            for key, values in maps.items():
                running[key].add(values)
                running[_profile(key)].add(radial_profile(values, steps)["mean"])
        rows.append(row)
        advance(name)
    table = pd.DataFrame(rows).astype({"height": "Int64", "width": "Int64", "error": "string"})
    stored = {f"{key}.{entry}": array for key, one in running.items() for entry, array in one.state().items()}
    # The rows last: they say that the part is done.
    write_atomically(_part(out, _MAPS, part), _bytes_of(partial(np.savez, **stored)))  # type: ignore[arg-type]
    write_atomically(_part(out, _ROWS, part), _bytes_of(partial(table.to_parquet, index=False)))


def _bytes_of(save: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


def _merge(out: Path, n_parts: int) -> DatasetAnalysis:
    running: dict[str, RunningMean] = {}
    measures = RunningMean((len(MEASURES),))
    n_photos = n_skipped = 0
    for part in range(n_parts):
        with np.load(_part(out, _MAPS, part)) as stored:
            for key in (*MAPS, *map(_profile, MAPS)):
                one = RunningMean.from_state(*(stored[f"{key}.{entry}"] for entry in ("n", "mean", "squares")))
                running.setdefault(key, RunningMean(one.n.shape)).merge(one)
        rows = pd.read_parquet(_part(out, _ROWS, part))
        for row in rows[list(MEASURES)].to_numpy(np.float64):
            measures.add(row)
        n_photos, n_skipped = n_photos + len(rows), n_skipped + int(rows["error"].notna().sum())
    summary = pd.DataFrame({"measure": MEASURES, **measures.estimates()})
    maps = {name: running[name] for name in MAPS}
    cells = {f"{name}.{entry}": array for name, one in maps.items() for entry, array in one.estimates().items()}
    profiles: dict[str, pd.DataFrame] = {}
    for name in MAPS:
        one = running[_profile(name)]
        profiles[name] = pd.DataFrame({"d_edge": profile_distances(one.n.size), **one.estimates()})
    table = pd.concat(profiles, names=["map"]).reset_index("map")
    write_atomically(out / _SUMMARY, summary.to_csv(index=False, lineterminator="\n"))
    write_atomically(out / _MEAN_MAPS, _bytes_of(partial(np.savez, **cells)))  # type: ignore[arg-type]
    write_atomically(out / _PROFILES, table.to_csv(index=False, lineterminator="\n"))
    return DatasetAnalysis(out, summary, maps, profiles, n_photos, n_skipped)
