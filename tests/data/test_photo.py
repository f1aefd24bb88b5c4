import io
import os
import pickle
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms

from asm_interp.data.photo import (
    MAX_PIXELS,
    MIN_SIDE,
    PhotoError,
    photo_paths,
    read_photo,
    resize_photo,
    sample_photos,
)

H, W = 24, 40
ORIENTATION = 0x0112


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def photo(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (H, W, 3), dtype=np.uint8)


def smooth_photo() -> np.ndarray:
    """Colours that survive JPEG and lossy WebP."""
    y, x = np.mgrid[:64, :96]
    return np.stack([x * 2, y * 3, 255 - x - y], axis=-1).astype(np.uint8)


def encode(image: Image.Image, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that declares a size and holds next to nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


# Sources


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "gif"])
def test_every_way_in_gives_the_same_pixels(tmp_path: Path, photo: np.ndarray, suffix: str) -> None:
    image = Image.fromarray(photo)
    if suffix == "gif":
        image = image.quantize(64)
    path = tmp_path / f"photo.{suffix}"
    image.save(path)
    expected = np.asarray(image.convert("RGB"))
    with Image.open(path) as opened:
        sources = [path, str(path), path.read_bytes(), opened, expected]
        for found in map(read_photo, sources):
            np.testing.assert_array_equal(found, expected)
            assert found.dtype == np.uint8
            assert found.flags.c_contiguous
            assert found.flags.writeable


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_lossy_formats_come_close(format: str) -> None:
    photo = smooth_photo()
    found = read_photo(encode(Image.fromarray(photo), format, quality=95))
    assert np.abs(found.astype(int) - photo).mean() < 2


def test_lossless_webp_is_exact(photo: np.ndarray) -> None:
    np.testing.assert_array_equal(read_photo(encode(Image.fromarray(photo), "WEBP", lossless=True)), photo)


def test_a_ready_photo_is_not_copied_and_a_read_only_one_is(photo: np.ndarray) -> None:
    assert read_photo(photo) is photo
    photo.flags.writeable = False
    assert read_photo(photo).flags.writeable


def test_an_opened_image_stays_open_and_unchanged(tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo).save(tmp_path / "photo.png")
    with Image.open(tmp_path / "photo.png") as image:
        read_photo(image)[:] = 0
        np.testing.assert_array_equal(np.asarray(image), photo)


def test_no_file_stays_open(tmp_path: Path, photo: np.ndarray) -> None:
    handles = Path("/proc/self/fd")
    if not handles.is_dir():
        pytest.skip("needs /proc")
    good, bad = tmp_path / "good.tif", tmp_path / "bad.png"
    Image.fromarray(photo).save(good, save_all=True, append_images=[Image.fromarray(photo)])
    bad.write_bytes(encode(Image.fromarray(photo), "PNG")[:500])
    before = len(list(handles.iterdir()))
    read_photo(good)
    with pytest.raises(PhotoError):
        read_photo(bad)
    assert len(list(handles.iterdir())) == before


@pytest.mark.parametrize("source", [None, 3, [[1, 2], [3, 4]], object()])
def test_other_types_are_refused(source: object) -> None:
    with pytest.raises(PhotoError, match="expected a path, bytes, PIL image or array"):
        read_photo(source)  # type: ignore[arg-type]


# Orientation

# Where EXIF says that the stored row 0 and column 0 lie in the upright picture.
STORED = {
    1: lambda upright: upright,  # top, left
    2: np.fliplr,  # top, right
    3: lambda upright: np.rot90(upright, 2),  # bottom, right
    4: np.flipud,  # bottom, left
    5: lambda upright: upright.swapaxes(0, 1),  # left, top
    6: np.rot90,  # right, top: turn the stored picture clockwise to see it upright
    7: lambda upright: np.rot90(upright, 2).swapaxes(0, 1),  # right, bottom
    8: lambda upright: np.rot90(upright, -1),  # left, bottom
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(
    ("format", "options"),
    [("PNG", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("WEBP", {"lossless": True})],
    ids=["png", "tiff", "tiff-lzw", "webp"],
)
def test_orientation(orientation: int, format: str, options: dict[str, object], photo: np.ndarray) -> None:
    image = Image.fromarray(np.ascontiguousarray(STORED[orientation](photo)))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    np.testing.assert_array_equal(read_photo(encode(image, format, exif=exif, **options)), photo)


@pytest.mark.parametrize("orientation", STORED)
def test_orientation_of_jpeg_and_of_an_opened_image(orientation: int) -> None:
    upright = smooth_photo()
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    jpeg = encode(Image.fromarray(np.ascontiguousarray(STORED[orientation](upright))), "JPEG", exif=exif, quality=95)
    for source in (jpeg, Image.open(io.BytesIO(jpeg))):
        assert np.abs(read_photo(source).astype(int) - upright).mean() < 2


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("mode", ["I;16", "I;16B"])
def test_orientation_of_16_bit_grey(orientation: int, mode: str, rng: np.random.Generator) -> None:
    grey = rng.integers(0, 256, (H, W), dtype=np.uint16) * 257
    stored = np.ascontiguousarray(STORED[orientation](grey))
    image = Image.frombytes(mode, stored.shape[::-1], stored.astype(">u2" if mode == "I;16B" else "<u2").tobytes())
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    np.testing.assert_array_equal(read_photo(encode(image, "TIFF", exif=exif))[..., 0], grey // 257)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"]
)
def test_damaged_exif_counts_as_none(exif: bytes) -> None:
    image = Image.fromarray(smooth_photo())
    np.testing.assert_array_equal(read_photo(encode(image, "JPEG", exif=exif)), read_photo(encode(image, "JPEG")))


def test_an_unknown_orientation_counts_as_none(photo: np.ndarray) -> None:
    for orientation in (0, 9, 65535):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        np.testing.assert_array_equal(read_photo(encode(Image.fromarray(photo), "PNG", exif=exif)), photo)


# Modes


def test_grey_palette_and_one_bit(photo: np.ndarray) -> None:
    grey = Image.fromarray(photo[..., 0])
    for image in (grey, Image.fromarray(photo).quantize(16), grey.convert("1")):
        expected = np.asarray(image.convert("RGB"))
        for format in ("PNG", "TIFF"):
            np.testing.assert_array_equal(read_photo(encode(image, format)), expected)


def over_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    weight = alpha[..., None] / 255
    return np.rint(colour * weight + 255 * (1 - weight)).astype(np.uint8)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_composited_over_white(format: str, rng: np.random.Generator) -> None:
    rgba = rng.integers(0, 256, (H, W, 4), dtype=np.uint8)
    options = {"lossless": True, "exact": True} if format == "WEBP" else {}
    expected = over_white(rgba[..., :3], rgba[..., 3])
    np.testing.assert_array_equal(read_photo(encode(Image.fromarray(rgba), format, **options)), expected)
    np.testing.assert_array_equal(read_photo(rgba), expected)


def test_grey_with_alpha(rng: np.random.Generator) -> None:
    la = rng.integers(0, 256, (H, W, 2), dtype=np.uint8)
    expected = over_white(la[..., :1].repeat(3, axis=2), la[..., 1])
    np.testing.assert_array_equal(read_photo(encode(Image.fromarray(la, "LA"), "PNG")), expected)


def test_palette_with_transparency(rng: np.random.Generator) -> None:
    index = rng.integers(0, 4, (H, W), dtype=np.uint8)
    colours = rng.integers(0, 256, (4, 3), dtype=np.uint8)
    alphas = np.array([0, 85, 170, 255], np.uint8)
    image = Image.fromarray(index, "P")
    image.putpalette(colours.tobytes())
    found = read_photo(encode(image, "PNG", transparency=alphas.tobytes()))
    np.testing.assert_array_equal(found, over_white(colours[index], alphas[index]))


def test_one_transparent_colour(photo: np.ndarray) -> None:
    photo[:4] = 10, 20, 30
    found = read_photo(encode(Image.fromarray(photo), "PNG", transparency=(10, 20, 30)))
    photo[:4] = 255
    np.testing.assert_array_equal(found, photo)


def test_16_bit_grey_is_rounded_to_8(rng: np.random.Generator) -> None:
    grey = rng.integers(0, 65536, (H, W), dtype=np.uint16)
    grey[0, :2] = 0, 65535
    expected = np.rint(grey / 257).astype(np.uint8)[..., None].repeat(3, axis=2)
    big = Image.frombytes("I;16B", (W, H), grey.astype(">u2").tobytes())
    wide = Image.fromarray(grey.astype(np.int32))
    for source in (
        encode(Image.fromarray(grey), "PNG"),
        encode(Image.fromarray(grey), "TIFF"),
        encode(big, "TIFF"),
        encode(wide, "TIFF"),
        wide,
        grey,
        grey.astype(">u2"),
    ):
        np.testing.assert_array_equal(read_photo(source), expected)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_colour_keeps_the_high_byte(suffix: str, rng: np.random.Generator) -> None:
    bgr = rng.integers(0, 65536, (H, W, 3), dtype=np.uint16)
    found = read_photo(cv2.imencode(suffix, bgr)[1].tobytes())
    np.testing.assert_array_equal(found, (bgr >> 8)[..., ::-1])


@pytest.mark.parametrize("value", [-1, 65536])
def test_32_bit_grey_outside_16_bits(value: int) -> None:
    image = Image.fromarray(np.full((H, W), value, np.int32))
    with pytest.raises(PhotoError, match=r"expected 32-bit grey in 0\.\.65535, found -?\d+"):
        read_photo(encode(image, "TIFF"))


def test_float_tiff(rng: np.random.Generator) -> None:
    grey = rng.random((H, W), dtype=np.float32)
    found = read_photo(encode(Image.fromarray(grey), "TIFF"))
    np.testing.assert_array_equal(found[..., 1], np.rint(grey * 255))
    with pytest.raises(PhotoError, match=r"expected floats in \[0, 1\], found values from .* to 1\d\d"):
        read_photo(encode(Image.fromarray(grey * 200), "TIFF"))


def test_the_first_frame_counts(photo: np.ndarray) -> None:
    first, second = Image.fromarray(photo), Image.fromarray(255 - photo)
    for format, options in (("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})):
        content = encode(first, format, save_all=True, append_images=[second], **options)
        with Image.open(io.BytesIO(content)) as image:
            assert getattr(image, "n_frames", 1) == 2
        np.testing.assert_array_equal(read_photo(content), photo)
    flat = [Image.new("RGB", (W, H), colour) for colour in ("red", "blue")]
    for format in ("GIF", "MPO"):
        found = read_photo(encode(flat[0], format, save_all=True, append_images=flat[1:]))
        assert found[..., 0].min() > 250
        assert found[..., 2].max() < 5


# Colour


def fixed(number: float) -> bytes:
    return struct.pack(">i", round(number * 65536))


def icc(space: bytes, connection: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A version 2 ICC profile."""
    text = b"test"
    description = b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0" + bytes(78)
    white = b"XYZ \0\0\0\0" + fixed(0.9642) + fixed(1) + fixed(0.8249)
    tags = {b"desc": description, b"wtpt": white, **tags}
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"\0\0\0\0", 0x02100000, kind, space, connection)
    head += bytes(12) + b"acsp" + bytes(28) + fixed(0.9642) + fixed(1) + fixed(0.8249) + bytes(48)
    assert len(head) == 128
    return head + table + body


def swapped_linear_profile() -> bytes:
    """The primaries of sRGB with red and blue swapped, and no gamma."""
    primaries = {"b": (0.4360, 0.2225, 0.0139), "g": (0.3851, 0.7169, 0.0971), "r": (0.1431, 0.0606, 0.7141)}
    tags = {f"{name}XYZ".encode(): b"XYZ \0\0\0\0" + b"".join(map(fixed, xyz)) for name, xyz in primaries.items()}
    tags |= {f"{name}TRC".encode(): b"curv\0\0\0\0" + struct.pack(">I", 0) for name in primaries}
    return icc(b"RGB ", b"XYZ ", b"mntr", tags)


def blank_ink_profile() -> bytes:
    """CMYK whose three colours print nothing: lightness is 1 - K alone."""
    identity = bytes(range(256))
    nodes = b"".join(bytes([0 if black else 255, 128, 128]) for _ in range(8) for black in (False, True))
    matrix = b"".join(map(fixed, np.eye(3).ravel()))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + identity * 4 + nodes + identity * 3
    return icc(b"CMYK", b"Lab ", b"prtr", {b"A2B0": lut})


def srgb_from_linear(linear: np.ndarray) -> np.ndarray:
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("alpha", [False, True])
def test_rgb_profile_leads_to_srgb(alpha: bool, rng: np.random.Generator) -> None:
    stored = rng.integers(0, 256, (H, W, 4 if alpha else 3), dtype=np.uint8)
    expected = srgb_from_linear(stored[..., 2::-1] / 255)
    if alpha:
        expected = over_white(expected, stored[..., 3])
    found = read_photo(encode(Image.fromarray(stored), "PNG", icc_profile=swapped_linear_profile()))
    assert np.abs(found.astype(float) - expected).max() <= 2


def test_srgb_profile_changes_nothing(photo: np.ndarray) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_array_equal(read_photo(encode(Image.fromarray(photo), "PNG", icc_profile=profile)), photo)


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_profile_leads_to_srgb(format: str) -> None:
    cmyk = np.zeros((H, W, 4), np.uint8)
    cmyk[..., :3] = 200
    cmyk[:, W // 2 :, 3] = 255
    options = {"quality": 100} if format == "JPEG" else {}
    found = read_photo(encode(Image.fromarray(cmyk, "CMYK"), format, icc_profile=blank_ink_profile(), **options))
    assert found[:, : W // 2 - 8].min() >= 250
    assert found[:, W // 2 + 8 :].max() <= 5


@pytest.mark.parametrize("profile", [None, b"garbage", swapped_linear_profile(), blank_ink_profile()[:300]])
def test_cmyk_without_a_usable_profile(profile: bytes | None, rng: np.random.Generator) -> None:
    cmyk = rng.integers(0, 256, (H, W, 4), dtype=np.uint8)
    found = read_photo(encode(Image.fromarray(cmyk, "CMYK"), "TIFF", icc_profile=profile))
    ink, black = cmyk[..., :3].astype(float), cmyk[..., 3:].astype(float)
    assert np.abs(found - (255 - ink) * (255 - black) / 255).max() <= 1


@pytest.mark.parametrize("profile", [b"garbage", swapped_linear_profile()])
def test_grey_ignores_a_profile_for_colour(profile: bytes, photo: np.ndarray) -> None:
    grey = photo[..., 0]
    found = read_photo(encode(Image.fromarray(grey), "PNG", icc_profile=profile))
    np.testing.assert_array_equal(found, grey[..., None].repeat(3, axis=2))


# Arrays


@given(hnp.arrays(np.uint8, st.tuples(st.integers(16, 40), st.integers(16, 40), st.sampled_from([1, 3]))))
@settings(max_examples=25, deadline=None)
def test_uint8_arrays_keep_their_values(array: np.ndarray) -> None:
    expected = np.broadcast_to(array, (*array.shape[:2], 3))
    np.testing.assert_array_equal(read_photo(array), expected)
    np.testing.assert_array_equal(read_photo(array / 255), expected)
    np.testing.assert_array_equal(read_photo((array / 255).astype(np.float32)), expected)
    np.testing.assert_array_equal(read_photo(array.astype(np.uint16) * 257), expected)
    np.testing.assert_array_equal(read_photo(array[::-1, ::-1])[::-1, ::-1], expected)


def test_flat_and_bool_arrays(photo: np.ndarray) -> None:
    np.testing.assert_array_equal(read_photo(photo[..., 0]), photo[..., :1].repeat(3, axis=2))
    mask = photo[..., 0] > 99
    np.testing.assert_array_equal(read_photo(mask)[..., 2], np.where(mask, 255, 0))


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 64, 64, 3), (64,), (64, 64, 2), (), (64, 64, 5)])
def test_array_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(PhotoError, match=r"<array>: expected shape \[H, W\] or .*, found shape \["):
        read_photo(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.1, 255.0])
def test_float_arrays_outside_the_unit_interval(value: float) -> None:
    array = np.full((H, W, 3), 0.5)
    array[3, 4, 1] = value
    with pytest.raises(PhotoError, match=r"<array>: expected floats in \[0, 1\], found values from"):
        read_photo(array)


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint32, np.complex128, object, "U3"])
def test_array_types(dtype: object) -> None:
    array = np.zeros((H, W, 3), dtype)  # type: ignore[call-overload]
    with pytest.raises(PhotoError, match="expected uint8, uint16, float or bool values, found"):
        read_photo(array)


# Limits and faults


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (1, 1, f"sides of at least {MIN_SIDE} pixels"),
        (MIN_SIDE - 1, 100, f"sides of at least {MIN_SIDE} pixels"),
        (20_000, 100, "an aspect ratio of at most 20"),
        (32, 641, "an aspect ratio of at most 20"),
        (10_001, 10_000, f"at most {MAX_PIXELS:,} pixels"),
        (50_000, 50_000, f"at most {MAX_PIXELS:,} pixels"),
    ],
)
def test_limits(width: int, height: int, expected: str) -> None:
    with pytest.raises(PhotoError, match=f"<bytes>: expected {expected}, found"):
        read_photo(png_header(width, height))
    with pytest.raises(PhotoError, match=f"<array>: expected {expected}, found {width} x {height} pixels"):
        read_photo(np.broadcast_to(np.uint8(0), (height, width, 3)))


def test_the_limits_themselves_are_fine() -> None:
    assert read_photo(np.zeros((MIN_SIDE, 20 * MIN_SIDE), np.uint8)).shape == (16, 320, 3)
    assert read_photo(encode(Image.new("RGB", (16, 16)), "PNG")).shape == (16, 16, 3)


def test_bombs_are_judged_by_our_limit_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(PhotoError, match="found 50000 x 50000 pixels"):
        read_photo(png_header(50_000, 50_000))


def test_no_warning_between_the_limit_of_pillow_and_ours() -> None:
    with pytest.raises(PhotoError, match="expected an intact photo"):
        read_photo(png_header(9_500, 9_500))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_truncated(tmp_path: Path, format: str, photo: np.ndarray) -> None:
    whole = encode(Image.fromarray(photo), format)
    path = tmp_path / f"cut.{format.lower()}"
    for share in (0.3, 0.6, 0.9):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(PhotoError, match=r"cut\.\w+: expected an (intact photo|image)"):
            read_photo(path)


@given(st.integers(0, 2**31), st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"]))
@settings(max_examples=60, deadline=None)
def test_damaged_files_give_a_photo_or_a_photo_error(seed: int, format: str) -> None:
    rng = np.random.default_rng(seed)
    content = bytearray(encode(Image.fromarray(smooth_photo()), format, exif=bytes(Image.Exif().tobytes())))
    for place in rng.integers(0, len(content), 6):
        content[place] = rng.integers(256)
    try:
        found = read_photo(bytes(content))
    except PhotoError:
        return
    assert found.ndim == 3
    assert found.dtype == np.uint8


def test_empty_text_and_unknown(tmp_path: Path) -> None:
    path = tmp_path / "note.jpg"
    path.touch()
    with pytest.raises(PhotoError, match=r"note\.jpg: expected an image .*, found an empty file \(0 bytes\)"):
        read_photo(path)
    path.write_text("this is no photograph")
    with pytest.raises(PhotoError, match=r"note\.jpg: .*found bytes that start b'this is no photo'"):
        read_photo(path)
    with pytest.raises(PhotoError, match=r"<bytes>: .*empty"):
        read_photo(b"")
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n"
    with pytest.raises(PhotoError, match="found bytes that start b'%!PS"):
        read_photo(eps)


def test_missing_directory_and_odd_names(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"gone\.jpg: .*No such file"):
        read_photo(tmp_path / "gone.jpg")
    with pytest.raises(PhotoError, match="directory"):
        read_photo(tmp_path)
    with pytest.raises(PhotoError, match="null"):
        read_photo("a\0b.jpg")


def test_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *args: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)  # a mode would not stop root
    with pytest.raises(PhotoError, match=r"locked\.jpg: .*Permission denied"):
        read_photo(tmp_path / "locked.jpg")


def test_the_error_travels_between_processes() -> None:
    error = PhotoError("a.jpg: expected this, found that")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_threads_leave_the_warning_filters_alone(photo: np.ndarray) -> None:
    content, before = encode(Image.fromarray(photo), "PNG"), list(warnings.filters)
    barrier = threading.Barrier(4)

    def read(_: int) -> None:
        barrier.wait()
        for _ in range(20):
            read_photo(content)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read, range(4)))
    assert warnings.filters == before


# Folders


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    for name in (
        "b10.jpg",
        "b2.JPG",
        "B1.png",
        "a.webp",
        ".hidden.jpg",
        "notes.txt",
        "z.tiff",
        "z.TIF",
        "c.gif",
    ):
        (tmp_path / name).touch()
    (tmp_path / "sub.jpg").mkdir()
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_a_folder_stands_for_its_photos_in_natural_order(folder: Path) -> None:
    names = [path.name for path in photo_paths(folder)]
    assert names == ["a.webp", "B1.png", "b2.JPG", "b10.jpg", "z.TIF", "z.tiff"]
    assert [path.name for path in photo_paths(str(folder))] == names


def test_files_keep_their_order_and_come_once(folder: Path) -> None:
    (folder / "empty" / "link.jpg").symlink_to(folder / "a.webp")
    found = photo_paths(
        folder / "notes.txt", folder / "b10.jpg", folder, folder / "empty", folder / "sub.jpg/../a.webp"
    )
    names = [path.name for path in found]
    assert names == ["notes.txt", "b10.jpg", "a.webp", "B1.png", "b2.JPG", "z.TIF", "z.tiff"]
    assert photo_paths() == []


def test_folder_faults(folder: Path) -> None:
    with pytest.raises(PhotoError, match=r"gone: .*No such file"):
        photo_paths(folder, folder / "gone")
    with pytest.raises(PhotoError, match=r"empty: expected photos \(\.jpg .*\), found none in this folder"):
        photo_paths(folder / "empty")


def test_huge_numbers_and_digits_of_other_scripts_sort(tmp_path: Path) -> None:
    for name in ("9" * 100 + ".jpg", "٣.jpg", "²_1.jpg", "1.jpg"):
        (tmp_path / name).touch()
    assert len(photo_paths(tmp_path)) == 4


# Resizing


def test_shrinking_averages_over_areas(rng: np.random.Generator) -> None:
    photo = rng.integers(0, 256, (48, 60, 3), dtype=np.uint8)
    means = photo.reshape(12, 4, 20, 3, 3).mean(axis=(1, 3))
    assert np.abs(resize_photo(photo, (12, 20)) - means).max() <= 0.51
    plane = photo[..., 0].astype(np.float32)
    np.testing.assert_allclose(resize_photo(plane, (12, 20)), means[..., 0], rtol=1e-5)


def test_axes_are_resized_on_their_own(rng: np.random.Generator) -> None:
    plane = rng.random((48, 20), dtype=np.float32)
    averaged = plane.reshape(12, 4, 20).mean(axis=1)
    np.testing.assert_allclose(resize_photo(plane, (12, 40)), resize_photo(averaged, (12, 40)), rtol=1e-5)


@given(st.tuples(st.integers(1, 70), st.integers(1, 70)))
@settings(max_examples=25, deadline=None)
def test_resizing_keeps_type_and_constants(size: tuple[int, int]) -> None:
    found = resize_photo(np.full((30, 40, 3), 77, np.uint8), size)
    assert found.shape == (*size, 3)
    assert found.dtype == np.uint8
    assert (found == 77).all()


def test_enlarging_is_bilinear_between_pixel_centres() -> None:
    ramp = np.tile(np.arange(16, dtype=np.float32), (16, 1))
    expected = np.clip((np.arange(48) + 0.5) / 3 - 0.5, 0, 15)
    np.testing.assert_allclose(resize_photo(ramp, (16, 48))[0], expected, atol=1e-5)


# Real photographs


def test_sample_photos() -> None:
    samples = sample_photos()
    assert {name: photo.shape[:2] for name, photo in samples.items()} == {
        "astronaut": (512, 512),
        "chelsea": (300, 451),
        "china": (427, 640),
        "coffee": (400, 600),
        "flower": (427, 640),
        "rocket": (427, 640),
    }
    assert list(samples) == sorted(samples)


def test_real_photographs(shared_dir: Path) -> None:
    for path in photo_paths(shared_dir / "data" / "photos")[::10]:
        photo = read_photo(path)
        decoded = cv2.imread(os.fspath(path))[..., ::-1]  # upright, but without colour management
        assert photo.shape == decoded.shape
        assert np.corrcoef(photo.ravel(), decoded.ravel())[0, 1] > 0.95
