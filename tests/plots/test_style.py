"""Widths of columns, sizes of type, and maps that every colour vision reads in the same order."""

from io import BytesIO

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.colors import Colormap
from PIL import Image

from asm_interp.plots.style import (
    COLUMN_WIDTHS,
    DIVERGING,
    MIN_FONT,
    SEQUENTIAL,
    column_width,
    figure_style,
    footnote,
    paper_style,
    shared_norm,
)

VENUES = [(venue, columns, width) for venue, widths in COLUMN_WIDTHS.items() for columns, width in enumerate(widths, 1)]

# Machado, Oliveira & Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency", IEEE TVCG
# 2009: severity 1.0, for linear RGB; rows give R, G, B.
SIMULATED = {
    "normal": np.eye(3),
    "protan": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deutan": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritan": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def lightness(colours: Colormap, vision: str, n: int = 256) -> npt.NDArray[np.float64]:
    """CIE L* of a colour map along its length, as a colour vision sees it."""
    rgb = colours(np.linspace(0, 1, n))[:, :3]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ SIMULATED[vision].T, 0, 1)
    luminance = seen @ [0.2126, 0.7152, 0.0722]
    return np.where(luminance > 216 / 24389, 116 * np.cbrt(luminance) - 16, luminance * 24389 / 27)


@pytest.mark.parametrize("vision", SIMULATED)
def test_sequential_colours_rise_in_lightness(vision: str) -> None:
    steps = np.diff(lightness(SEQUENTIAL, vision))
    assert (steps > 0).all()
    assert lightness(SEQUENTIAL, vision)[[0, -1]] == pytest.approx([15, 91], abs=8)


@pytest.mark.parametrize("vision", SIMULATED)
def test_diverging_colours_rise_to_the_middle_and_fall_from_it(vision: str) -> None:
    light = lightness(DIVERGING, vision)
    middle = len(light) // 2
    assert abs(int(light.argmax()) - middle) <= 6
    smooth = np.convolve(light, np.ones(9) / 9, mode="valid")  # the map is stored in 8 bits
    top = int(smooth.argmax())
    assert (np.diff(smooth[: top + 1]) > 0).all()
    assert (np.diff(smooth[top:]) < 0).all()


@pytest.mark.parametrize("vision", SIMULATED)
def test_ends_of_the_diverging_colours_are_told_apart(vision: str) -> None:
    rgb = DIVERGING(np.array([0.0, 1.0]))[:, :3]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    low, high = np.clip(linear @ SIMULATED[vision].T, 0, 1)
    assert np.abs(np.cbrt(low) - np.cbrt(high)).max() > 0.2


def test_jet_would_fail() -> None:
    assert not (np.diff(lightness(mpl.colormaps["jet"], "normal")) > 0).all()


@pytest.mark.parametrize(("venue", "columns", "width"), VENUES)
def test_figures_are_as_wide_as_the_column(venue: str, columns: int, width: float) -> None:
    with paper_style(venue, columns) as given:
        figure, ax = plt.subplots()
        ax.set(xlabel="a label", ylabel="another", title="a title that is wide enough to reach out of the axes")
        buffer = BytesIO()
        figure.savefig(buffer, dpi=100)
        plt.close(figure)
    assert given == width == column_width(venue, columns)
    assert figure.get_figwidth() == width
    with Image.open(buffer) as image:
        assert image.width == pytest.approx(100 * width, abs=1)


def test_type_in_a_paper_is_large_enough() -> None:
    with paper_style():
        sizes = {key: plt.rcParams[key] for key in plt.rcParams if key.endswith(("size", "titlesize", "labelsize"))}
        figure, ax = plt.subplots()
        ax.set(xlabel="x", ylabel="y", title="title")
        ax.plot([0, 1], label="line")
        ax.legend(title="legend")
        footnote(figure, "a note")
        figure.draw_without_rendering()
        texts = [text for text in figure.findobj(mpl.text.Text) if text.get_text()]
        plt.close(figure)
    assert sizes["xtick.labelsize"] >= MIN_FONT
    assert min(text.get_fontsize() for text in texts) >= MIN_FONT


def test_settings_are_as_before_after_the_block() -> None:
    before = dict(mpl.rcParams)
    with paper_style("ieee", 2):
        assert plt.rcParams["pdf.fonttype"] == 42
        assert plt.rcParams["savefig.bbox"] is None
    with figure_style():
        pass
    assert dict(mpl.rcParams) == before


def test_notes_are_broken_at_the_width_of_the_figure() -> None:
    with paper_style() as width:
        figure, _ = plt.subplots()
        footnote(figure, "Ranking accuracy on held-out photos, means with intervals over photos; " * 5)
        figure.draw_without_rendering()
        (note,) = [text for text in figure.texts if "Ranking" in text.get_text()]
        extent = note.get_window_extent()
        plt.close(figure)
    assert extent.x0 >= 0
    assert extent.x1 <= figure.dpi * width
    assert note.get_text().count("\n") > 2


def test_wrong_venue_and_columns_are_named() -> None:
    with pytest.raises(ValueError, match="aaai, cvpr, neurips, ieee, got 'nature'"), paper_style("nature"):
        pass
    with pytest.raises(ValueError, match="1 or 2 columns, got 3"):
        column_width("aaai", 3)


def test_shared_norm_covers_all_maps() -> None:
    norm = shared_norm([[0.0, 1.0], [2.0, 3.0]], clip=0)
    assert (norm.vmin, norm.vmax) == (0, 3)
    centred = shared_norm([[-1.0, 4.0]], center=1.0, clip=0)
    assert (centred.vmin, centred.vmax) == (-2, 4)
    flat = shared_norm([[0.0, 0.0]])
    assert flat.vmax > flat.vmin


@pytest.mark.parametrize("nothing", [[], [np.nan, np.nan], [np.inf, -np.inf], np.zeros((0, 3))])
def test_shared_norm_leaves_out_what_is_not_finite(nothing: npt.ArrayLike) -> None:
    def ends(maps: list[npt.ArrayLike], center: float | None = None) -> tuple[float | None, float | None]:
        norm = shared_norm(maps, center=center, clip=0)
        return norm.vmin, norm.vmax

    assert ends([nothing]) == (0, 1)
    assert ends([nothing], center=3.0) == (2, 4)
    assert ends([nothing, [-1.0, 4.0]]) == ends([[*np.ravel(nothing), -1.0, 4.0]]) == (-1, 4)
    assert ends([]) == (0, 1)
