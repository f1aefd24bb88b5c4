import copy
import pickle
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asm_interp.geometry import patterns
from asm_interp.geometry.patterns import CompositionPattern, from_labels, get

NAMES = patterns.names()
SVG = "{http://www.w3.org/2000/svg}"

PARTITIONS = {
    "grid:1x1": 1,
    "grid:1x3": 3,
    "grid:3x1": 3,
    "grid:3x3": 9,
    "grid:5x5": 25,
    "multi-rectangle": 3,
    "multi-rectangle:5": 5,
    "multi-direction": 8,
    "cross-rectangle": 12,
    "cross-rectangle:diagonal": 12,
    "cross-rectangle:frame": 12,
}


@st.composite
def rasters(draw: st.DrawFn, most: int = 7) -> np.ndarray:
    """Random label raster that holds every label."""
    shape = draw(st.tuples(st.integers(1, most), st.integers(1, most)))
    raw = np.random.default_rng(draw(st.integers(0, 999))).integers(0, draw(st.integers(1, 6)), shape)
    return np.unique(raw, return_inverse=True)[1].reshape(shape)


def test_names_and_numbers_of_partitions() -> None:
    assert {name: get(name).n_partitions for name in NAMES} == PARTITIONS


def test_grids_are_numbered_row_by_row() -> None:
    assert get("grid:2x3").labels.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert get("grid:1x3").shape == (1, 3)  # Y × X: three columns


def test_multi_rectangle_five_is_nested() -> None:
    labels = get("multi-rectangle:5").labels
    assert labels.shape == (10, 10)
    for ring in range(5):
        from_rim = 4 - ring
        assert (labels[from_rim, from_rim : 10 - from_rim] == ring).all()
        assert (labels == ring).sum() == (2 * ring + 2) ** 2 - (2 * ring) ** 2


def test_cross_rectangle_is_three_rectangles_each_cut_in_four() -> None:
    assert str(get("cross-rectangle")).splitlines() == ["888999", "844559", "840159", "a6237b", "a6677b", "aaabbb"]


def test_multi_direction_halves_the_diagonals_cell_by_cell() -> None:
    top = str(get("multi-direction")).splitlines()[:6]
    assert top == ["111111333333", "001111333322", "001111333322", "000011332222", "000011332222", "000000222222"]


@pytest.mark.parametrize("name", ["cross-rectangle", "cross-rectangle:diagonal"])
def test_cross_rectangles_refine_multi_rectangle(name: str) -> None:
    u, v = np.meshgrid(np.arange(0.5, 24) / 24, np.arange(0.5, 24) / 24)
    rings = get("multi-rectangle").partition_at(u, v)
    np.testing.assert_array_equal(get(name).partition_at(u, v) // 4, rings)


@pytest.mark.parametrize("name", ["multi-direction", "cross-rectangle:diagonal", "cross-rectangle:frame"])
def test_sectors_follow_the_direction_from_the_centre(name: str) -> None:
    """Away from the diagonals a cell's partition is that of its direction, whatever its number."""
    rows, columns = get(name).shape
    y, x = np.mgrid[:rows, :columns] - (rows - 1) / 2
    eighth = np.floor(np.arctan2(y, x) / (np.pi / 4)).astype(int)
    inner = np.maximum(abs(x), abs(y)) < 4 if name.endswith("frame") else np.zeros_like(x, bool)
    ring = np.maximum(abs(x), abs(y)) // 2 if name.endswith("diagonal") else np.zeros_like(x)
    sector = (eighth + 1) // 2 % 4 if name.endswith("diagonal") else eighth
    clear = (abs(x) != abs(y)) & ~inner
    keys = list(zip(sector[clear], ring[clear], strict=True))
    pairs = set(zip(keys, get(name).labels[clear].tolist(), strict=True))
    assert len(pairs) == len(set(keys)) == len({label for _, label in pairs}), "one label a sector and ring"


def test_multi_direction_is_fair_and_symmetric() -> None:
    pattern = get("multi-direction")
    np.testing.assert_array_equal(pattern.areas * 144, [18] * 8)
    for mirrored in (pattern.labels[:, ::-1], pattern.labels[::-1]):
        pairs = set(zip(pattern.labels.ravel().tolist(), mirrored.ravel().tolist(), strict=True))
        assert len(pairs) == 8, "each sector's mirror image is one sector"


@pytest.mark.parametrize("name", NAMES)
def test_areas_are_shares_of_cells(name: str) -> None:
    pattern = get(name)
    expected = [(pattern.labels == label).mean() for label in range(pattern.n_partitions)]
    np.testing.assert_allclose(pattern.areas, expected, atol=1e-15)
    assert pattern.areas.sum() == pytest.approx(1, abs=1e-15)
    np.testing.assert_array_equal(pattern.one_hot.argmax(0), pattern.labels)
    assert (pattern.one_hot.sum(0) == 1).all()


def test_get_gives_the_same_object() -> None:
    assert get("grid:4x7") is get("grid:4x7")
    assert get("multi-rectangle:3").labels.tolist() == get("multi-rectangle").labels.tolist()


@pytest.mark.parametrize("spec", ["", "grid", "grid:3", "grid:3x", "Grid:3x3", "grid:-1x3", "multi-rectangle:4"])
def test_unknown_pattern_lists_what_there_is(spec: str) -> None:
    with pytest.raises(ValueError, match=r"no composition pattern .*multi-direction.*grid:YxX"):
        get(spec)


@pytest.mark.parametrize("spec", ["grid:0x3", "grid:3x65"])
def test_grid_out_of_range(spec: str) -> None:
    with pytest.raises(ValueError, match="1 to 64 rows and columns"):
        get(spec)


def test_pattern_is_named_by_a_string() -> None:
    with pytest.raises(ValueError, match="named by a string, got NoneType"):
        get(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([[0, 2]], r"'mine': labels must be 0\.\.2 without a gap; missing \[1\]"),
        ([[1, 2, 5]], r"missing \[0, 3, 4\]"),
        ([[1, 1]], r"missing \[0\]"),
        ([[0, 10**12]], r"missing \[1, 2, 3, 4, 5, 6, 7, 8, 9, 10\]"),
        ([[0, -1]], "labels start at 0, got -1"),
        ([[0, 0.5]], r"whole numbers, got 0\.5"),
        ([[0, np.nan]], "whole numbers, got nan"),
        ([[0, np.inf]], "whole numbers, got inf"),
        ([["0", "1"]], "whole numbers, got dtype <U1"),
        ([[False, True]], "whole numbers, got dtype bool"),
        ([0, 1], r"two-dimensional raster \[Y, X\], got shape \(2,\)"),
        (np.empty((0, 3)), "two-dimensional raster"),
    ],
)
def test_bad_labels_are_named(labels: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_labels(labels, "mine")


@given(rasters())
@settings(deadline=None)
def test_partition_at_reads_the_raster(labels: np.ndarray) -> None:
    pattern = from_labels(labels.astype(float), "mine")  # whole floats are labels too
    rows, columns = labels.shape
    inside = np.array([0, 0.3, 0.999])
    for y in range(rows):
        for x in range(columns):
            found = pattern.partition_at((x + inside) / columns, ((y + inside) / rows)[:, None])
            assert found.shape == (3, 3)
            assert (found == labels[y, x]).all()


@given(st.integers(1, 64))
def test_last_place_before_the_rim_is_in_the_last_cell(n: int) -> None:
    last = np.nextafter(1, 0)
    assert int(get(f"grid:{n}x{n}").partition_at(last, last)) == n * n - 1


@pytest.mark.parametrize(("u", "v", "axis"), [(1, 0, "u"), (-0.01, 0, "u"), (0.5, np.nan, "v"), (0.5, [0.1, 1.5], "v")])
def test_places_outside_the_crop(u: object, v: object, axis: str) -> None:
    with pytest.raises(ValueError, match=rf"{axis} must lie in \[0, 1\)"):
        get("grid:3x3").partition_at(u, v)  # type: ignore[arg-type]


def test_labels_cannot_be_changed() -> None:
    source = np.array([[0, 1]])
    pattern = from_labels(source, "mine")
    source[0, 0] = 1
    assert pattern.labels.tolist() == [[0, 1]]
    for held in (pattern, copy.deepcopy(pattern), pickle.loads(pickle.dumps(pattern))):
        assert held == pattern
        with pytest.raises(ValueError, match="read-only"):
            held.labels[0, 0] = 1
    with pytest.raises(AttributeError):
        pattern.name = "other"  # type: ignore[misc]


def test_equality_and_hash() -> None:
    one, same = from_labels([[0, 1]], "a"), from_labels([[0.0, 1.0]], "a")
    assert one == same
    assert hash(one) == hash(same)
    others = [from_labels([[0, 1]], "b"), from_labels([[0], [1]], "a"), from_labels([[1, 0]], "a"), "a"]
    assert all(one != other for other in others)
    assert len({one, same, *others}) == 5


@pytest.mark.parametrize("name", [*NAMES, "grid:8x9"])
def test_text_shows_the_raster(name: str) -> None:
    lines = str(get(name)).splitlines()
    cells = [line.split() if name == "grid:8x9" else list(line) for line in lines]
    glyphs = {glyph for row in cells for glyph in row}
    assert (len(cells), len(cells[0])) == get(name).shape
    assert len(glyphs) == get(name).n_partitions
    assert repr(get("grid:1x3")) == "CompositionPattern('grid:1x3', 3 partitions on a 1×3 raster)"


@pytest.mark.parametrize("pattern", [*map(get, NAMES), from_labels([[0, 1], [0, 2]], '<mine> & "yours"')], ids=str)
def test_drawing_is_xml_with_every_cell_and_border(pattern: CompositionPattern) -> None:
    svg = ElementTree.fromstring(pattern._repr_svg_())
    assert [text.text for text in svg.iter(f"{SVG}text")] == [str(label) for label in pattern.labels.ravel()]
    assert len(list(svg.iter(f"{SVG}rect"))) == pattern.labels.size
    assert len(list(svg.iter(f"{SVG}line"))) == len(pattern.borders())
    assert svg.findtext(f"{SVG}title") == f"{pattern.name}: {pattern.n_partitions} partitions"


def test_borders_stand_between_partitions_and_around_the_crop() -> None:
    borders = from_labels([[0, 0], [0, 1]], "corner").borders()
    inner = {(1, 1, 1, 2), (1, 1, 2, 1)}
    rim = {(0, y, 0, y + 1) for y in (0, 1)} | {(2, y, 2, y + 1) for y in (0, 1)}
    rim |= {(x, 0, x + 1, 0) for x in (0, 1)} | {(x, 2, x + 1, 2) for x in (0, 1)}
    assert set(borders) == inner | rim
    assert len(borders) == len(inner | rim)
