import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from asm_interp.data import saliency
from asm_interp.data.photo import PhotoError, photo_paths, read_photo, resize_photo, sample_photos
from asm_interp.data.saliency import saliency_cached, spectral_residual


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return sample_photos()["rocket"]


def gaussian(grey: np.ndarray) -> np.ndarray:
    """Five pixels a side with σ = 8; borders mirrored about the outermost pixel."""
    return ndimage.gaussian_filter(grey, 8, radius=2, mode="mirror")


def residual(photo: np.ndarray, floor: float) -> np.ndarray:
    """Magnitude of the paper's spectral residual of a square photo, before smoothing."""
    grey = photo @ np.array([0.299, 0.587, 0.114])
    spectrum = np.fft.fft2(grey)
    log_amplitude = np.log(np.abs(spectrum) + floor)
    rest = log_amplitude - ndimage.uniform_filter(log_amplitude, 3, mode="mirror")
    return np.abs(np.fft.ifft2(np.exp(rest + 1j * np.angle(spectrum))))


def squares() -> list[np.ndarray]:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return [noise, *(resize_photo(photo, (64, 64)) for photo in sample_photos().values())]


@pytest.mark.parametrize("floor", [1, 0])
def test_formula_as_opencv_has_it(floor: int) -> None:
    for square in squares():
        expected = gaussian(residual(square, floor)) ** 2
        # Our grey is rounded to whole levels, and OpenCV before 5 has no 1 inside the logarithm.
        np.testing.assert_allclose(spectral_residual(square), expected / expected.max(), atol=0.03)


def test_formula_as_the_paper_has_it() -> None:
    for square in squares():
        expected = gaussian(residual(square, 0) ** 2)
        found = spectral_residual(square)
        assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.94


def test_same_as_opencv_alone_on_a_square() -> None:
    method = cv2.saliency.StaticSaliencySpectralResidual_create()
    for square in squares():
        _, expected = method.computeSaliency(square[..., ::-1])
        np.testing.assert_allclose(spectral_residual(square), expected, atol=1e-6)


@given(st.integers(16, 90), st.integers(16, 90), st.integers(16, 70), st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_shape_type_and_range(height: int, width: int, size: int, seed: int) -> None:
    photo = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = spectral_residual(photo, size=size)
    assert found.shape == (height, width)
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert 0 < found.max() <= 1


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_constant_photo_has_no_saliency(level: int) -> None:
    found = spectral_residual(np.full((50, 70, 3), level, np.uint8))
    assert found.shape == (50, 70)
    assert not found.any()


@pytest.mark.parametrize("axis", [0, 1])
def test_empty_frequencies_are_no_trouble(axis: int) -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes.swapaxes(0, axis)[::8] = 240
    assert np.isfinite(spectral_residual(stripes)).all()


def test_a_map_that_is_not_finite_becomes_zero(monkeypatch: pytest.MonkeyPatch, photo: np.ndarray) -> None:
    class Broken:
        def setImageWidth(self, width: int) -> None: ...
        def setImageHeight(self, height: int) -> None: ...
        def computeSaliency(self, image: np.ndarray) -> tuple[bool, np.ndarray]:
            return True, np.full_like(image, np.nan)

    monkeypatch.setattr(cv2.saliency, "StaticSaliencySpectralResidual_create", Broken)
    assert not spectral_residual(photo).any()


def test_what_stands_out_is_salient_where_it_is() -> None:
    rng = np.random.default_rng(1)
    photo = rng.integers(80, 120, (240, 320, 1), dtype=np.uint8).repeat(3, axis=2)
    photo[150:170, 40:60] = 250
    found = spectral_residual(photo)
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert 140 <= row < 180
    assert 30 <= column < 70


def test_arguments_are_checked(photo: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="size: expected at least 16 pixels, found 4"):
        spectral_residual(photo, size=4)
    with pytest.raises(PhotoError):
        spectral_residual(photo.transpose(2, 0, 1))
    with pytest.raises(PhotoError):
        saliency_cached(photo[:3], tmp_path)
    assert not list(tmp_path.iterdir())


# Cache


def count_computations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    sizes, original = [], saliency._square_map

    def counted(photo: np.ndarray, size: int) -> np.ndarray:
        sizes.append(size)
        return original(photo, size)

    monkeypatch.setattr(saliency, "_square_map", counted)
    return sizes


def test_cache_is_equal_and_computes_once(photo: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = count_computations(monkeypatch)
    folder = tmp_path / "made" / "here"
    first = saliency_cached(photo, folder)
    second = saliency_cached(photo.copy(), str(folder))
    assert computed == [64]
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, spectral_residual(photo))
    assert [path.stat().st_size for path in folder.iterdir()] == [32 + 64 * 64 * 4]
    second[:] = 0  # writable, and nobody else's


def test_key_depends_on_everything(photo: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = photo.copy()
    other[0, 0, 0] ^= 1
    turned = photo.reshape(photo.shape[1], photo.shape[0], 3)  # the same bytes
    saliency_cached(photo, tmp_path)
    saliency_cached(other, tmp_path)
    saliency_cached(turned, tmp_path)
    saliency_cached(photo, tmp_path, size=32)
    monkeypatch.setattr(saliency, "_METHOD", "another")
    saliency_cached(photo, tmp_path)
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize("damage", ["empty", "short", "long", "bit", "text"])
def test_damaged_file_is_computed_anew(damage: str, photo: np.ndarray, tmp_path: Path) -> None:
    expected = saliency_cached(photo, tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[5000] ^= 1
    content = {
        "empty": b"",
        "short": whole[:-4],
        "long": whole + b"1234",
        "bit": bytes(flipped),
        "text": b"?" * 999,
    }
    path.write_bytes(content[damage])
    np.testing.assert_array_equal(saliency_cached(photo, tmp_path), expected)
    assert path.read_bytes() == whole


def test_failed_write_leaves_nothing_behind(photo: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, target: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        saliency_cached(photo, tmp_path)
    assert not list(tmp_path.iterdir())


def test_processes_share_a_cache(photo: np.ndarray, tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(saliency_cached, photo, tmp_path) for _ in range(8)]
        found = [job.result() for job in jobs]
    expected = spectral_residual(photo)
    for saliency_map in found:
        np.testing.assert_array_equal(saliency_map, expected)
    assert len(list(tmp_path.iterdir())) == 1


def test_real_photographs(shared_dir: Path, tmp_path: Path) -> None:
    for path in photo_paths(shared_dir / "data" / "photos")[:3]:
        photo = read_photo(path)
        found = saliency_cached(photo, tmp_path)
        assert found.shape == photo.shape[:2]
        assert found.max() > 5 * np.median(found)
