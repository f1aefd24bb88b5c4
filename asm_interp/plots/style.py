"""How all figures look: type, colours, shared scales, and saving with the same bytes for the same inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import seaborn as sns
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

from asm_interp.files import write_atomically

SEQUENTIAL: Colormap = mpl.colormaps["viridis"]
DIVERGING: Colormap = sns.color_palette("vlag", as_cmap=True)
INK = "#222222"
ACCENT = "#D55E00"  # vermilion of Okabe & Ito, told apart from the maps under every colour vision
MUTED = "#9a9a9a"

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
    "figure.constrained_layout.use": True,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "asm_interp",
    "savefig.bbox": None,
}


@contextmanager
def figure_style() -> Iterator[None]:
    """The look of all figures inside the block; matplotlib's settings as before after it."""
    with mpl.rc_context(_RC):  # type: ignore[arg-type]  # the stubs spell out every key
        yield


def shared_norm(maps: Iterable[npt.ArrayLike], *, center: float | None = None, clip: float = 0.005) -> Normalize:
    """One scale for several maps.

    Parameters
    ----------
    maps : iterable of array_like
        One or more maps; constant maps and NaN are allowed.
    center : float, optional
        Value in the middle of the scale, which then reaches equally far to both sides. Without it the scale
        starts at 0 if no value is negative.
    clip : float
        Share of the pixels of each map that may lie beyond each end.

    Returns
    -------
    matplotlib.colors.Normalize
    """
    ends = [np.nanquantile(np.asarray(each, dtype=np.float64), [clip, 1 - clip]) for each in maps]
    low, high = float(np.nanmin([end[0] for end in ends])), float(np.nanmax([end[1] for end in ends]))
    if center is not None:
        reach = max(abs(low - center), abs(high - center)) or 1.0
        return Normalize(center - reach, center + reach)
    low = 0.0 if low >= 0 else low
    return Normalize(low, high if high > low else low + 1.0)


def save_figure(figure: Figure, path: Path, *, dpi: int = 150) -> None:
    """Write a figure atomically as PNG, with the same bytes for the same figure."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    write_atomically(path, buffer.getvalue())
