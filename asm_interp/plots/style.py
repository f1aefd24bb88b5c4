"""How all figures look: type, colours, widths of a paper's columns, shared scales, and the note under a figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import seaborn as sns
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

SEQUENTIAL: Colormap = mpl.colormaps["viridis"]
DIVERGING: Colormap = sns.color_palette("vlag", as_cmap=True)
INK = "#222222"
ACCENT = "#D55E00"  # vermilion of Okabe & Ito, told apart from the maps under every colour vision
MUTED = "#9a9a9a"

OUTPUT_RC: dict[str, Any] = {
    "pdf.fonttype": 42,  # whole TrueType fonts, which publishers ask for; Type 3 is refused
    "ps.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "asm_interp",
    "savefig.bbox": None,  # "tight" would change the width that a column asks for
}
"""What a file must hold, whatever it looks like; matplotlib reads these settings when it writes."""

_RC: dict[str, Any] = {
    "font.size": 8,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "hatch.linewidth": 0.5,
    "legend.fontsize": 7,
    "figure.constrained_layout.use": True,
} | OUTPUT_RC

_PAPER_RC: dict[str, Any] = {
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "axes.linewidth": 0.6,
    "axes.titlepad": 3.0,
    "axes.labelpad": 2.0,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "xtick.major.size": 2.0,
    "ytick.major.size": 2.0,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.pad": 2.0,
    "ytick.major.pad": 2.0,
    "legend.fontsize": 6,
    "lines.linewidth": 1.0,
    "lines.markersize": 3.0,
    "figure.constrained_layout.w_pad": 0.02,
    "figure.constrained_layout.h_pad": 0.02,
}

COLUMN_WIDTHS: dict[str, tuple[float, float]] = {
    "aaai": (3.30, 6.975),
    "cvpr": (3.25, 6.875),
    "neurips": (5.5, 5.5),
    "ieee": (3.5, 7.16),
}
"""Width of one column and of the whole text, in inches, by venue. NeurIPS sets one column, which is the text."""

MIN_FONT = 6.0
"""Points; no text of a paper's figure is smaller."""


@contextmanager
def figure_style() -> Iterator[None]:
    """The look of all figures inside the block; matplotlib's settings as before after it."""
    with mpl.rc_context(_RC):  # type: ignore[arg-type]  # the stubs spell out every key
        yield


def column_width(venue: str = "aaai", columns: int = 1) -> float:
    """Width of a figure in a paper, in inches.

    Parameters
    ----------
    venue : {"aaai", "cvpr", "neurips", "ieee"}
    columns : {1, 2}

    Raises
    ------
    ValueError
        If there is no such venue or number of columns.

    Examples
    --------
    >>> column_width("aaai"), column_width("cvpr", columns=2)
    (3.3, 6.875)
    """
    if venue not in COLUMN_WIDTHS:
        raise ValueError(f"a venue is one of {', '.join(COLUMN_WIDTHS)}, got {venue!r}")
    if columns not in (1, 2):
        raise ValueError(f"a figure takes 1 or 2 columns, got {columns!r}")
    return COLUMN_WIDTHS[venue][columns - 1]


@contextmanager
def paper_style(venue: str = "aaai", columns: int = 1) -> Iterator[float]:
    """The look of a paper's figures inside the block: `figure_style` with smaller type, at the true column width.

    Figures made in the block are as wide as the column, unless they are given a size. Save them without
    ``bbox_inches="tight"``, which would change that.

    Parameters
    ----------
    venue : {"aaai", "cvpr", "neurips", "ieee"}
    columns : {1, 2}
        Whether the figure stands in a column or spans the text.

    Yields
    ------
    float
        The width in inches.

    Raises
    ------
    ValueError
        As `column_width`.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> with paper_style("cvpr") as width:
    ...     figure, ax = plt.subplots()
    >>> float(figure.get_size_inches()[0]) == width
    True
    >>> plt.close(figure)
    """
    width = column_width(venue, columns)
    with figure_style(), mpl.rc_context(_PAPER_RC | {"figure.figsize": (width, 0.62 * width)}):  # type: ignore[arg-type]
        yield width


def footnote(figure: Figure, text: str) -> None:
    """Put a note under a figure, in lines as long as the figure is wide: its scale, checkpoint, n and interval."""
    characters = int(figure.get_figwidth() * 72 / (0.55 * MIN_FONT))  # of the mean width of a letter
    lines = [fill(line, characters) for line in text.splitlines()]
    figure.supxlabel("\n".join(lines), x=0.005, ha="left", fontsize=MIN_FONT, color="#444444")


def shared_norm(maps: Iterable[npt.ArrayLike], *, center: float | None = None, clip: float = 0.005) -> Normalize:
    """One scale for several maps.

    Parameters
    ----------
    maps : iterable of array_like
        Values that are not finite count for nothing; where no other is left, the scale is 0 to 1, or 1 to both sides
        of `center`.
    center : float, optional
        Value in the middle of the scale, which then reaches equally far to both sides. Without it the scale
        starts at 0 if no value is negative.
    clip : float
        Share of the pixels of each map that may lie beyond each end.

    Returns
    -------
    matplotlib.colors.Normalize
    """
    arrays = [np.asarray(each, dtype=np.float64) for each in maps]
    finite = [array[np.isfinite(array)] for array in arrays]
    ends = [np.quantile(values, [clip, 1 - clip]) for values in finite if values.size] or [np.full(2, center or 0.0)]
    low, high = float(np.min(ends)), float(np.max(ends))
    if center is not None:
        reach = max(abs(low - center), abs(high - center)) or 1.0
        return Normalize(center - reach, center + reach)
    low = 0.0 if low >= 0 else low
    return Normalize(low, high if high > low else low + 1.0)
