"""The photo cache: what it returns, when it decodes, how it stays bounded, and several processes at once."""

import multiprocessing
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asm_interp.data import cache as module
from asm_interp.data.cache import PhotoCache
from asm_interp.data.photo import PhotoError, read_photo, resize_photo

SIZE = (24, 32)
ENTRY = 24 * 32 * 3 + 128 + 4  # pixels, header, checksum


def write_photo(path: Path, seed: int, size: tuple[int, int] = (48, 64)) -> Path:
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    return [write_photo(tmp_path / f"{i}.jpg", i) for i in range(12)]


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the moment that a test calls it, reading a photo fails."""

    def refuse(path: Path) -> None:
        raise AssertionError(f"{path} was decoded")

    def switch_off() -> None:
        monkeypatch.setattr(module, "read_photo", refuse)
        monkeypatch.setattr(Image, "open", refuse)

    return switch_off


def entries(cache: PhotoCache) -> list[Path]:
    return sorted(cache.folder.glob("*/*.npy"))


def expected(path: Path, size: tuple[int, int] | None = SIZE) -> np.ndarray:
    photo = read_photo(path)
    return photo if size is None else resize_photo(photo, size)


def write_many(folder: str, max_bytes: int, paths: list[Path], seed: int, failures: multiprocessing.Queue) -> None:
    cache = PhotoCache(folder, max_bytes)
    for i in np.random.default_rng(seed).integers(len(paths), size=60):
        if not np.array_equal(cache.read(paths[i], SIZE), expected(paths[i])):
            failures.put(str(paths[i]))
        if cache.n_bytes() > max_bytes:
            failures.put(f"{cache.n_bytes()} bytes")


@pytest.mark.parametrize("size", [SIZE, (100, 50), None])
def test_the_second_epoch_decodes_nothing(photos, tmp_path, no_decoding, size) -> None:
    wanted = [expected(path, size) for path in photos]
    cache = PhotoCache(tmp_path / "cache")
    first = [cache.read(path, size) for path in photos]
    no_decoding()
    second = [PhotoCache(tmp_path / "cache").read(str(path), size) for path in photos]
    for a, b, c in zip(first, second, wanted, strict=True):
        assert b.dtype == np.uint8
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, c)
        assert a.flags.writeable
        assert b.flags.writeable
        assert b.flags.c_contiguous


def test_writing_into_what_was_read_leaves_the_entry_alone(photos, tmp_path) -> None:
    cache = PhotoCache(tmp_path / "cache")
    for _ in range(3):
        photo = cache.read(photos[0], SIZE)
        np.testing.assert_array_equal(photo, expected(photos[0]))
        photo[:] = 0


def test_a_photo_that_changes_is_read_anew(photos, tmp_path) -> None:
    cache = PhotoCache(tmp_path / "cache")
    old = cache.read(photos[0], SIZE)
    before = photos[0].stat()
    write_photo(photos[0], 99)
    os.utime(photos[0], ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    new = cache.read(photos[0], SIZE)
    np.testing.assert_array_equal(new, expected(photos[0]))
    assert not np.array_equal(old, new)


def test_sizes_and_photos_of_one_name_have_entries_of_their_own(photos, tmp_path) -> None:
    cache = PhotoCache(tmp_path / "cache")
    (tmp_path / "other").mkdir()
    twin = write_photo(tmp_path / "other/0.jpg", 5)
    for path, size in ((photos[0], SIZE), (photos[0], (32, 24)), (photos[0], None), (twin, SIZE)):
        for _ in range(2):
            np.testing.assert_array_equal(cache.read(path, size), expected(path, size))
    assert len(entries(cache)) == 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:70],
        lambda content: content[:-200],
        lambda content: content[:500] + bytes([content[500] ^ 1]) + content[501:],
        lambda content: bytes(len(content)),
        lambda content: content + b"more",
    ],
    ids=["empty", "header cut", "cut", "one bit", "zeros", "longer"],
)
def test_a_damaged_entry_is_made_again(photos, tmp_path, no_decoding, damage) -> None:
    wanted = expected(photos[0])
    cache = PhotoCache(tmp_path / "cache")
    cache.read(photos[0], SIZE)
    (entry,) = entries(cache)
    sound = entry.read_bytes()
    entry.write_bytes(damage(sound))
    np.testing.assert_array_equal(cache.read(photos[0], SIZE), wanted)
    assert entry.read_bytes() == sound
    no_decoding()
    np.testing.assert_array_equal(cache.read(photos[0], SIZE), wanted)


def test_what_was_used_least_recently_goes_first(photos, tmp_path, no_decoding) -> None:
    cache = PhotoCache(tmp_path / "cache", max_bytes=10 * ENTRY)
    for i, path in enumerate(photos[:10]):
        cache.read(path, SIZE)
        newest = max(entries(cache), key=lambda entry: entry.stat().st_mtime_ns)
        os.utime(newest, ns=(i, i))  # in this order, whatever the clock's resolution
    assert cache.n_bytes() == 10 * ENTRY
    cache.read(photos[0], SIZE)  # used: not the oldest any more
    cache.read(photos[10], SIZE)
    assert cache.n_bytes() <= 10 * ENTRY
    no_decoding()
    cache.read(photos[0], SIZE)
    cache.read(photos[9], SIZE)
    cache.read(photos[10], SIZE)
    with pytest.raises(AssertionError, match=r"1\.jpg was decoded"):
        cache.read(photos[1], SIZE)


def test_it_never_passes_its_limit(photos, tmp_path) -> None:
    cache = PhotoCache(tmp_path / "cache", max_bytes=int(3.5 * ENTRY))
    for path in photos * 2:
        np.testing.assert_array_equal(cache.read(path, SIZE), expected(path))
        assert 0 < cache.n_bytes() <= cache.max_bytes
    small = PhotoCache(tmp_path / "small", max_bytes=ENTRY - 1)
    np.testing.assert_array_equal(small.read(photos[0], SIZE), expected(photos[0]))
    assert small.n_bytes() == 0


def test_a_smaller_limit_applies_to_what_is_there(photos, tmp_path) -> None:
    for path in photos[:8]:
        PhotoCache(tmp_path / "cache").read(path, SIZE)
    smaller = PhotoCache(tmp_path / "cache", max_bytes=3 * ENTRY)
    smaller.read(photos[8], SIZE)
    assert smaller.n_bytes() <= 3 * ENTRY


def test_a_lost_or_broken_sum_is_counted_again(photos, tmp_path) -> None:
    cache = PhotoCache(tmp_path / "cache", max_bytes=3 * ENTRY)
    for path, content in zip(photos, [None, b"", b"12", b"no number"] * 3, strict=True):
        cache.read(path, SIZE)
        assert cache.n_bytes() <= 3 * ENTRY
        (cache.folder / "total").unlink() if content is None else (cache.folder / "total").write_bytes(content)


def test_leavings_of_a_killed_process_are_cleared_away(photos, tmp_path) -> None:
    cache = PhotoCache(tmp_path / "cache", max_bytes=4 * ENTRY)
    cache.read(photos[0], SIZE)
    (entry,) = entries(cache)
    leaving = entry.with_name(f".{entry.name[::-1]}.npy")
    leaving.write_bytes(bytes(2 * ENTRY))
    mine = cache.folder / "aa-notes.txt"
    mine.write_text("not the cache's")
    for path in photos[1:6]:
        cache.read(path, SIZE)
    assert not leaving.exists()
    assert mine.exists()


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_four_processes_share_it(photos, tmp_path, method) -> None:
    context = multiprocessing.get_context(method)
    failures = context.Queue()
    folder, limit = str(tmp_path / "cache"), 7 * ENTRY
    workers = [context.Process(target=write_many, args=(folder, limit, photos, seed, failures)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert failures.empty(), failures.get()
    cache = PhotoCache(folder, limit)
    assert 0 < cache.n_bytes() <= limit
    assert int((cache.folder / "total").read_text()) == cache.n_bytes()
    assert not list(cache.folder.glob("*/.*"))


def test_a_cache_goes_along_into_another_process(photos, tmp_path) -> None:
    cache = pickle.loads(pickle.dumps(PhotoCache(tmp_path / "cache", 1234)))
    assert (cache.folder, cache.max_bytes) == (tmp_path / "cache", 1234)


def test_a_cache_that_cannot_be_written_warns_once_and_reads(photos, tmp_path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    cache = PhotoCache(tmp_path / "cache")
    with pytest.warns(RuntimeWarning, match="photos are read without a cache: "):
        np.testing.assert_array_equal(cache.read(photos[0], SIZE), expected(photos[0]))
    np.testing.assert_array_equal(cache.read(photos[1], SIZE), expected(photos[1]))  # a warning would be an error


def test_photos_that_are_missing_or_no_photos_are_refused(tmp_path) -> None:
    cache = PhotoCache(tmp_path / "cache")
    with pytest.raises(PhotoError, match=r"gone\.jpg"):
        cache.read(tmp_path / "gone.jpg", SIZE)
    (tmp_path / "text.jpg").write_text("text")
    with pytest.raises(PhotoError, match=r"text\.jpg"):
        cache.read(tmp_path / "text.jpg", SIZE)
    assert cache.n_bytes() == 0
    with pytest.raises(ValueError, match="at least one byte, got max_bytes=0"):
        PhotoCache(tmp_path, max_bytes=0)
