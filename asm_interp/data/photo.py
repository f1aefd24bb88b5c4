"""The one photo reader: whatever comes in, an upright sRGB array ``[H, W, 3]`` uint8 comes out."""

import io
import os
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

Photo = npt.NDArray[np.uint8]
PhotoSource = str | os.PathLike[str] | bytes | Image.Image | npt.NDArray[Any]

MIN_SIDE = 16  # pixels
MAX_ASPECT = 20  # longer side over shorter side
MAX_PIXELS = 100_000_000  # judged by the header, so that a decompression bomb is never unpacked
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")  # a folder's photos, in either case

# Named, because Pillow would otherwise try every plugin, the one that starts Ghostscript included.
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP")
# `catch_warnings` swaps a global: two threads that overlap in it can leave the filters swapped for good.
_DECODING = threading.Lock()


class PhotoError(ValueError):
    """A photo that cannot be used; the message names it, what was expected and what was found."""


def read_photo(source: PhotoSource) -> Photo:
    """Read a photo from anywhere into one form: upright, sRGB, three channels, eight bits.

    Parameters
    ----------
    source : path, bytes, PIL.Image.Image or array
        A file (JPEG, PNG, WebP, TIFF, GIF, BMP), its contents, an opened image, or pixels: ``[H, W]`` or
        ``[H, W, 1 | 3 | 4]`` of uint8, uint16 (over 257), floats in [0, 1] (times 255), bool (0, 255).
        Of several frames, a file's first and an opened image's current one is read.

    Returns
    -------
    ndarray, shape [H, W, 3], uint8
        C-contiguous and writable; an array that is all of this already is returned itself, uncopied.

    Raises
    ------
    PhotoError
        If it is missing, damaged, none of these, or beyond `MIN_SIDE`, `MAX_ASPECT` or `MAX_PIXELS`.

    Notes
    -----
    The EXIF orientation is applied (unreadable EXIF counts as none), and an ICC profile followed to sRGB
    with perceptual intent; a profile that is broken or made for another kind of image is ignored, CMYK
    then converted without colour management. Transparency is composited over white. 16-bit grey is
    divided by 257 and rounded, without its profile; of 16-bit colour, Pillow hands on the high bytes only.
    32-bit integer grey must lie in 0..65535 and counts as 16-bit, float grey must lie in [0, 1].

    Examples
    --------
    >>> photo = read_photo(np.linspace(0, 1, 32 * 48).reshape(32, 48))
    >>> photo.shape, photo.dtype, photo[-1, -1].tolist()
    ((32, 48, 3), dtype('uint8'), [255, 255, 255])
    """
    with _naming(source):
        match source:
            case Image.Image():
                return _decode(source)
            case bytes():
                return _read(io.BytesIO(source))
            case str() | os.PathLike():
                with Path(source).open("rb") as file:
                    return _read(file)
        if not hasattr(source, "__array__"):
            raise _error("a path, bytes, PIL image or array", repr(source)[:80])
        return _from_array(np.asarray(source))


def _error(expected: str, found: str) -> PhotoError:
    return PhotoError(f"expected {expected}, found {found}")


@contextmanager
def _naming(source: object) -> Iterator[None]:
    """Turn whatever goes wrong with `source` into a PhotoError that names it; hold back Pillow's warnings."""
    name = source if isinstance(source, str | os.PathLike) else getattr(source, "filename", "")
    name = name or {bytes: "<bytes>", np.ndarray: "<array>"}.get(type(source), f"<{type(source).__name__}>")
    with _DECODING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except PhotoError as error:
            raise PhotoError(f"{name}: {error}") from error
        except Exception as error:  # fed with damaged bytes, a parser raises anything
            raise PhotoError(f"{name}: expected an intact photo, found {error!r}") from error


def _read(stream: BinaryIO) -> Photo:
    head = stream.read(16)
    stream.seek(0)
    try:
        image = Image.open(stream, formats=_FORMATS)
    except UnidentifiedImageError as error:
        found = f"bytes that start {head!r}" if head else "an empty file (0 bytes)"
        raise _error(f"an image ({', '.join(_FORMATS)})", found) from error
    except Image.DecompressionBombError as error:
        raise _error(f"at most {MAX_PIXELS:,} pixels", str(error)) from error
    with image:
        return _decode(image)


def _decode(image: Image.Image) -> Photo:
    _check_size(image.height, image.width)
    image.load()
    pixels = np.array(image) if image.mode[0] in "IF" else _to_srgb(image)
    if image.mode == "I":
        if pixels.min() < 0 or pixels.max() > 65535:
            raise _error("32-bit grey in 0..65535", f"{pixels.min()}..{pixels.max()}")
        pixels = pixels.astype(np.uint16)
    return _from_array(_upright(pixels, image))


def _check_size(height: int, width: int) -> None:
    short, long = sorted((height, width))
    for sound, expected in (
        (short >= MIN_SIDE, f"sides of at least {MIN_SIDE} pixels"),
        (long <= MAX_ASPECT * short, f"an aspect ratio of at most {MAX_ASPECT}"),
        (long * short <= MAX_PIXELS, f"at most {MAX_PIXELS:,} pixels"),
    ):
        if not sound:
            raise _error(expected, f"{width} x {height} pixels")


def _upright(pixels: npt.NDArray[Any], image: Image.Image) -> npt.NDArray[Any]:
    """Undo the EXIF orientation, unless loading did (TIFF); 5 to 8 are 1 to 4 of the transposed picture."""
    try:
        transposed, flips = divmod(range(1, 9).index(image.getexif().get(ExifTags.Base.Orientation, 1)), 4)
    except Exception:  # an unknown value, or damaged EXIF beside an intact picture
        return pixels
    if transposed:
        pixels = pixels.swapaxes(0, 1)
    return pixels[:: -1 if flips in (2, 3) else 1, :: -1 if flips in (1, 2) else 1]


def _to_srgb(image: Image.Image) -> Photo:
    """Pixels ``[H, W, 3]``, or ``[H, W, 4]`` with straight alpha, of an image of any 8-bit mode."""
    mode = {"CMYK": "CMYK", "L": "L", "LA": "L", "1": "L"}.get(image.mode, "RGB")
    colour = image if image.mode == mode else image.convert(mode)  # `convert` would copy
    if profile := image.info.get("icc_profile"):
        colour = _through_profile(colour, profile)
    pixels = np.array(colour if colour.mode == "RGB" else colour.convert("RGB"))
    if image.has_transparency_data:
        pixels = np.dstack([pixels, np.array(image.convert("RGBA"))[..., 3]])
    return pixels


def _through_profile(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return image  # there already: spare the pixels a round trip with rounding
        target = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, source, target, outputMode="RGB") or image
    except (ImageCms.PyCMSError, OSError):
        return image


def _from_array(array: npt.NDArray[Any]) -> Photo:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise _error("shape [H, W] or [H, W, 1 | 3 | 4]", f"shape {list(array.shape)}")
    _check_size(array.shape[0], array.shape[1])
    if array.dtype == np.bool_:
        array = array * np.uint8(255)
    elif np.issubdtype(array.dtype, np.uint16):  # in either byte order
        array = ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    elif np.issubdtype(array.dtype, np.floating):
        low, high = array.min(), array.max()
        if not (low >= 0 and high <= 1):  # in this form NaN fails too
            raise _error("floats in [0, 1]", f"values from {low:g} to {high:g}")
        array = np.rint(array * np.float32(255)).astype(np.uint8)
    elif array.dtype != np.uint8:
        raise _error("uint8, uint16, float or bool values", str(array.dtype))
    if array.shape[2] == 4:
        colour, alpha = array[..., :3].astype(np.uint16), array[..., 3:].astype(np.uint16)
        array = (colour * alpha + 255 * (255 - alpha) + 127) // 255  # over white; 65152 at most
    elif array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    return np.require(array, np.uint8, ["C", "W"])


def photo_paths(*sources: str | os.PathLike[str]) -> list[Path]:
    """Expand files and folders into photo files, in the order given, each once even through links.

    A file is kept whatever its suffix. A folder stands for the files directly in it with one of
    `PHOTO_SUFFIXES`, hidden ones left out, in natural order. A missing path, one that cannot be
    listed and a folder without photos raise PhotoError.
    """
    found: dict[Path, Path] = {}
    for source in sources:
        with _naming(source):
            path = Path(source)
            for photo in _photos_in(path) if path.is_dir() else [path]:
                found.setdefault(photo.resolve(strict=True), photo)
    return list(found.values())


def _photos_in(folder: Path) -> list[Path]:
    suffixed = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in PHOTO_SUFFIXES]
    photos = [path for path in suffixed if not path.name.startswith(".") and path.is_file()]
    if not photos:
        raise _error(f"photos ({' '.join(PHOTO_SUFFIXES)})", "none in this folder")
    # Digits padded for natural order, 2 before 10; names that differ in case only keep the order from above.
    return sorted(photos, key=lambda path: re.sub(r"\d+", lambda n: n[0].zfill(20), path.name.lower()))


def resize_photo(photo: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[Any]:
    """Resize ``[H, W, C]`` or ``[H, W]``, uint8 or float32, to `size` (height, width).

    Each axis on its own: averaged over areas where it shrinks, bilinear where it grows.
    """
    import cv2

    shrunk = min(photo.shape[0], size[0]), min(photo.shape[1], size[1])
    # OpenCV gives up area averaging on both axes as soon as one of them grows.
    for (height, width), method in ((shrunk, cv2.INTER_AREA), (size, cv2.INTER_LINEAR)):
        if photo.shape[:2] != (height, width):
            photo = cv2.resize(photo, (width, height), interpolation=method)
    return photo


def sample_photos() -> dict[str, Photo]:
    """Colour photographs that come with scikit-image and scikit-learn, by name; no network is used.

    astronaut (NASA, public domain), chelsea (Stefan van der Walt, CC0), coffee (Rachel Michetti, courtesy of
    Pikolo Espresso Bar, CC0) and rocket (SpaceX, public domain), as scikit-image states; china and flower
    (danielbuechele and vultilion on Flickr, CC BY 2.0), as scikit-learn states.
    """
    # Not through the packages themselves: importing scikit-learn takes a second.
    skimage = distribution("scikit-image").locate_file("skimage/data")
    sklearn = distribution("scikit-learn").locate_file("sklearn/datasets/images")
    files = [f"{skimage}/{name}" for name in ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")]
    files += [f"{sklearn}/{name}" for name in ("china.jpg", "flower.jpg")]
    return {path.stem: read_photo(path) for path in sorted(map(Path, files), key=lambda path: path.stem)}
