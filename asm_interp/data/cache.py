"""Decoded and resized photos kept on disk, so that the second time a photo costs no JPEG decoding."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from asm_interp.data.photo import Photo, read_photo, resize_photo
from asm_interp.geometry.boxes import Size

_SUFFIX = ".npy"
_SUM_BYTES = 4  # CRC-32 of an entry, behind it
_FORMAT = b"asm-interp photo cache 1"  # part of every key: change it when what an entry holds changes
_FULL = 0.9  # share of the limit that eviction leaves, so that it is not due again at once


class PhotoCache:
    """A bounded folder of photos as they come out of `read_photo` and `resize_photo`.

    An entry is an uncompressed .npy array with a checksum. Its name depends on the photo's path, size and time of
    change, and on the size asked for, so that a photo that changes is read anew; a damaged entry is too. Several
    processes may share the folder: entries appear whole, and a lock keeps the sum of their sizes below the limit
    by removing those whose use lies back longest. A cache that cannot be written (a full disk) warns once and
    reads photos without it.

    Parameters
    ----------
    folder : path
        Made when first needed. Whatever else lies in it stays.
    max_bytes : int
        Limit on what all entries take together.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> with TemporaryDirectory() as folder:
    ...     Image.new("RGB", (60, 40)).save(f"{folder}/a.png")
    ...     cache = PhotoCache(f"{folder}/cache", max_bytes=100_000)
    ...     cache.read(f"{folder}/a.png", (20, 30)).shape, cache.n_bytes()
    ((20, 30, 3), 1932)
    """

    def __init__(self, folder: str | os.PathLike[str], max_bytes: int = 20_000_000_000) -> None:
        if max_bytes < 1:
            raise ValueError(f"a cache holds at least one byte, got max_bytes={max_bytes}")
        self.folder = Path(folder)
        self.max_bytes = max_bytes
        self._warned = False

    def read(self, path: str | os.PathLike[str], size: Size | None = None) -> Photo:
        """A photo, resized to `size` (height, width) if given.

        Returns
        -------
        array of uint8, [h, w, 3]
            The caller's own, writable.

        Raises
        ------
        PhotoError
            If the photo is missing or cannot be read.
        """
        entry = self._entry(path, size)
        if entry is not None and (stored := _load(entry)) is not None:
            with suppress(OSError):
                os.utime(entry)  # used now: what eviction goes by
            return stored
        photo = read_photo(path)
        if size is not None:
            photo = np.ascontiguousarray(resize_photo(photo, size))
        if entry is not None:
            try:
                self._store(entry, photo)
            except OSError as error:
                if not self._warned:
                    warnings.warn(f"photos are read without a cache: {error}", RuntimeWarning, stacklevel=2)
                self._warned = True
        return photo

    def n_bytes(self) -> int:
        """What the entries take together."""
        if not self.folder.is_dir():
            return 0
        with self._ledger():  # else an entry that moves meanwhile could count twice
            return sum(size for _, size, _ in self._entries())

    def _entry(self, path: str | os.PathLike[str], size: Size | None) -> Path | None:
        """Where the photo's entry is or should be; None if the photo is not there."""
        try:
            stat = Path(path).stat()
        except OSError:
            return None
        wanted = "" if size is None else f"{size[0]}x{size[1]}"
        key = hashlib.sha256(_FORMAT)
        for part in (os.path.abspath(path), stat.st_mtime_ns, stat.st_size, wanted):  # noqa: PTH100 (links kept)
            key.update(f"\0{part}".encode("utf-8", "surrogateescape"))
        name = key.hexdigest()
        return self.folder / name[:2] / f"{name[2:34]}{_SUFFIX}"

    def _entries(self) -> list[tuple[int, int, Path]]:
        """Time of last use, size and path of every entry, and of what a killed process left half written."""
        found = []
        for path in self.folder.glob("[0-9a-f][0-9a-f]/*"):
            if path.name.startswith(".") or path.suffix == _SUFFIX:
                with suppress(FileNotFoundError):
                    stat = path.stat()
                    found.append((stat.st_mtime_ns, stat.st_size, path))
        return sorted(found)

    def _store(self, entry: Path, photo: Photo) -> None:
        stream = io.BytesIO()
        np.save(stream, photo)
        content = stream.getbuffer()
        n_bytes = len(content) + _SUM_BYTES
        if n_bytes > self.max_bytes:
            return
        entry.parent.mkdir(parents=True, exist_ok=True)
        with self._ledger() as ledger:
            total = ledger.read()
            if total is None or total + n_bytes > self.max_bytes:
                total = self._evict(n_bytes)
            # Written down first: a process killed in between makes the sum too large, which the next count corrects.
            ledger.write(total + n_bytes)
            temporary = entry.with_name(f".{entry.name}")
            try:
                with temporary.open("wb") as file:
                    file.write(content)
                    file.write(zlib.crc32(content).to_bytes(_SUM_BYTES, "little"))
                if entry.exists():  # another process was faster, or it was damaged
                    ledger.write(total + n_bytes - entry.stat().st_size)
                temporary.replace(entry)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def _evict(self, room: int) -> int:
        """Remove the entries used least recently until `room` is free; the size of what stays. The lock is held."""
        entries = self._entries()
        total = sum(size for _, size, _ in entries)
        goal = total if total + room <= self.max_bytes else min(self.max_bytes - room, int(self.max_bytes * _FULL))
        for _, size, path in entries:
            if total <= goal and not path.name.startswith("."):
                continue
            path.unlink(missing_ok=True)
            total -= size
        return total

    @contextmanager
    def _ledger(self) -> Iterator[_Ledger]:
        """The lock between processes, and the sum of all entries in it."""
        descriptor = os.open(self.folder / "total", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # released when the file closes, also by a killed process
            yield _Ledger(descriptor)
        finally:
            os.close(descriptor)


class _Ledger:
    """A whole number in a locked file."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def read(self) -> int | None:
        """The number; None if there is none yet, or a killed process left it half written."""
        text = os.pread(self.descriptor, 64, 0)
        return int(text) if len(text) == 21 and text.strip().isdigit() else None

    def write(self, number: int) -> None:
        os.pwrite(self.descriptor, b"%20d\n" % number, 0)


def _load(entry: Path) -> Photo | None:
    """The array of an entry; None if there is none or it is damaged."""
    try:
        content = np.fromfile(entry, dtype=np.uint8)
        body, stored = content[:-_SUM_BYTES], content[-_SUM_BYTES:].tobytes()
        if zlib.crc32(body.data) != int.from_bytes(stored, "little"):
            return None
        header = io.BytesIO(body[:256].tobytes())
        np.lib.format.read_magic(header)
        shape, _, _ = np.lib.format.read_array_header_1_0(header)
        return body[header.tell() :].reshape(shape)
    except (OSError, ValueError):
        return None
