import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from asm_interp.files import file_digest, write_atomically


@pytest.mark.parametrize(("content", "expected"), [(b"\0\xff\r\n", b"\0\xff\r\n"), ("λ\n", b"\xce\xbb\n"), (b"", b"")])
def test_content_as_given(tmp_path: Path, content: bytes | str, expected: bytes) -> None:
    target = tmp_path / "new" / "folder" / "file.bin"
    write_atomically(str(target), content)
    assert target.read_bytes() == expected
    write_atomically(target, content)
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_as_readable_as_any_other_file(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "file", b"x")
        assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~umask
        assert os.umask(umask) == umask
    finally:
        os.umask(before)


def crash(error: type[BaseException]) -> Callable[..., NoReturn]:
    def call(*args: object) -> NoReturn:
        raise error("crash")

    return call


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.chmod", "pathlib.Path.replace"])
def test_crash_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: type[BaseException]
) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    monkeypatch.setattr(step, crash(error))
    with pytest.raises(error, match="crash"):
        write_atomically(target, b"new and longer")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_text_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_atomically(tmp_path / "file", "\ud800")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="file"):
        write_atomically(tmp_path / "file", b"x")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_reader_keeps_what_it_opened(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_atomically(target, b"old")
    with target.open("rb") as reader:
        write_atomically(target, b"new")
        assert reader.read() == b"old"
    assert target.read_bytes() == b"new"


def test_digest_is_that_of_what_the_file_holds_now(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"one", b"two"):  # of one size, written right after each other
        write_atomically(path, content)
        assert file_digest(path) == file_digest(str(path)) == hashlib.sha256(content).hexdigest()
