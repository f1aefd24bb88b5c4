"""Spectral-residual saliency, and a cache of it on disk."""

import os
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import numpy.typing as npt

from asm_interp.data.photo import read_photo, resize_photo

_METHOD = "spectral-residual 1"  # part of every cache key: count up whenever the numbers change


def spectral_residual(photo: npt.NDArray[np.uint8], *, size: int = 64) -> npt.NDArray[np.float32]:
    """Saliency of a photo by the spectral residual of Hou and Zhang [1]_, computed by OpenCV.

    On the grey photo at `size` × `size`, with amplitude A and phase P of its Fourier transform, a 3 × 3
    box filter h and a 5 × 5 Gaussian filter g of σ = 8:

        R = log(A + 1) - h * log(A + 1),    S = (g * |F⁻¹[exp(R + iP)]|)²,    map = S / max S

    Parameters
    ----------
    photo : ndarray, shape [H, W, 3], uint8
        sRGB.
    size : int
        Side of the square, in pixels, on which the saliency is computed: the scale of what stands out.

    Returns
    -------
    ndarray, shape [H, W], float32
        In [0, 1], enlarged bilinearly. Zero everywhere if the photo has one grey level only.

    Raises
    ------
    PhotoError
        If `photo` is no photo (see `read_photo`).
    ValueError
        If `size` is below 16.

    Notes
    -----
    The paper has log A. The 1 matters for empty frequencies only and is OpenCV's, since version 5; an older
    one has no answer where A = 0, and the map is then zero. The paper squares before it smooths, with a
    Gaussian of σ = 8 whose window it does not give; OpenCV smooths before it squares, and over five pixels
    σ = 8 is almost a box. The paper scales one side to 64 pixels and keeps the aspect ratio; OpenCV makes
    a square. OpenCV alone would shrink by picking pixels; here areas are averaged first, so that texture
    does not alias.

    References
    ----------
    .. [1] X. Hou and L. Zhang, "Saliency Detection: A Spectral Residual Approach", CVPR 2007.

    Examples
    --------
    >>> photo = np.full((60, 80, 3), 90, np.uint8)
    >>> photo[20:30, 50:60] = 250
    >>> saliency = spectral_residual(photo)
    >>> bool(saliency[15:35, 45:65].mean() > 3 * saliency.mean())
    True
    """
    return _enlarge(_square_map(read_photo(photo), size), photo.shape)


def saliency_cached(
    photo: npt.NDArray[np.uint8], cache_dir: str | os.PathLike[str], *, size: int = 64
) -> npt.NDArray[np.float32]:
    """`spectral_residual`, kept on disk: equal to it bit by bit, whether computed or read.

    A file holds one map before it is enlarged (16 KiB at the default size), after its own SHA-256. It
    is named after the SHA-256 of the method and its version, OpenCV's version, `size`, the photo's shape
    and its pixels. A damaged file is computed anew. Processes may share the folder: a file appears whole.

    Parameters
    ----------
    photo : ndarray, shape [H, W, 3], uint8
        sRGB.
    cache_dir : path
        Created if missing; it may be emptied at any time.
    size : int
        As in `spectral_residual`.

    Returns
    -------
    ndarray, shape [H, W], float32
        In [0, 1].

    Raises
    ------
    PhotoError, ValueError
        As in `spectral_residual`.
    OSError
        If the folder cannot be written.
    """
    import cv2

    photo = read_photo(photo)
    recipe = f"{_METHOD}, OpenCV {cv2.__version__}, {size}, {photo.shape}\n"
    path = Path(cache_dir, sha256(recipe.encode() + photo.tobytes()).hexdigest())
    content = path.read_bytes() if path.exists() else b""
    digest, payload = content[:32], content[32:]
    if digest != sha256(payload).digest():
        payload = _square_map(photo, size).tobytes()
        _write(path, sha256(payload).digest() + payload)
    return _enlarge(np.frombuffer(payload, np.float32).reshape(size, size), photo.shape)


def _square_map(photo: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.float32]:
    import cv2

    if size < 16:
        raise ValueError(f"size: expected at least 16 pixels, found {size}")
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
    method = cv2.saliency.StaticSaliencySpectralResidual_create()  # type: ignore[attr-defined]
    method.setImageWidth(size)
    method.setImageHeight(size)
    _, saliency = method.computeSaliency(resize_photo(grey, (size, size)))
    if np.ptp(grey) == 0 or not np.isfinite(saliency).all():
        return np.zeros((size, size), np.float32)
    return np.asarray(saliency, np.float32)


def _enlarge(square: npt.NDArray[np.float32], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    enlarged: npt.NDArray[np.float32] = resize_photo(square, (shape[0], shape[1]))
    return enlarged.clip(0, 1)


def _write(path: Path, content: bytes) -> None:
    """Write a file that others see whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        try:
            file.write(content)
            file.close()
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
