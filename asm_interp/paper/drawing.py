"""What an entry of the paper makes: a figure with its numbers and caption, or a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import rcParams
from matplotlib.figure import Figure

from asm_interp.analysis.estimates import Estimate
from asm_interp.analysis.mean_maps import to_grid
from asm_interp.data.photo import Photo
from asm_interp.geometry.boxes import FloatArray
from asm_interp.paper.inputs import Inputs
from asm_interp.plots.style import MIN_FONT, footnote

FEW_PHOTOS = 10
"""Below so many, bootstrap intervals over photos are too narrow."""

_CELLS = 64  # of a drawn map's longer side: as fine as the network's first stage, and few enough for a table


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure.

    Attributes
    ----------
    figure : Figure
    numbers : DataFrame
        What is drawn.
    caption : str
        Checkpoint, n and interval; it stands in the figure.
    scale : str
        How values were brought to colours or axes; it stands in the figure too.
    """

    figure: Figure
    numbers: pd.DataFrame
    caption: str
    scale: str


@dataclass(frozen=True, eq=False)
class Table:
    """A table.

    Attributes
    ----------
    rows : DataFrame
        Numbers in full; NaN for what was not measured or is not published. Columns ``X low`` and ``X high`` are
        the interval of column X and are printed with it.
    caption : str
    digits : mapping of str to int
        Digits after the point of each column of numbers.
    group : str
        Column of `rows` whose change puts a rule between rows; it is not printed.
    """

    rows: pd.DataFrame
    caption: str
    digits: Mapping[str, int] = field(default_factory=dict)
    group: str = ""


@dataclass(frozen=True)
class Entry:
    """A figure or a table of the paper, which `make` makes inside a paper's style."""

    name: str
    title: str
    make: Callable[[Inputs], Drawing | Table]
    columns: int = 2


def annotate(drawing: Drawing) -> None:
    """Put caption and scale under a figure, which grows by the room that they take."""
    figure = drawing.figure
    before = figure.get_supxlabel()
    # Numbers stay on the line of what they belong to, as in "95 %" and "λ = 0".
    text = re.sub(" (?=[%=])|(?<==) ", "\N{NO-BREAK SPACE}", f"{drawing.caption} Scale: {drawing.scale}.")
    footnote(figure, text)
    lines = figure.get_supxlabel().count("\n") - (before.count("\n") if before else -1)
    figure.set_figheight(figure.get_figheight() + max(lines, 0) * 1.2 * MIN_FONT / 72)
    # Constrained layout may be a hair short of the room that the outermost labels take.
    figure.get_layout_engine().set(rect=(0.008, 0, 0.984, 1))  # type: ignore[union-attr, call-arg]


def text_width() -> float:
    """Width in inches that the style in force gives a figure."""
    return float(rcParams["figure.figsize"][0])


def shown_map(values: npt.ArrayLike) -> FloatArray:
    """A map as it is drawn and written: exact means over square cells, at most 64 along the longer side."""
    height, width = np.shape(values)
    step = max(1.0, max(height, width) / _CELLS)
    return to_grid(values, (max(1, round(height / step)), max(1, round(width / step))))


def map_rows(values: Mapping[str, npt.ArrayLike], **labels: Any) -> pd.DataFrame:
    """Maps of one shape as a table: the labels, row and column of each cell, and its value in each map."""
    frames = {name: pd.DataFrame(np.asarray(each)).stack() for name, each in values.items()}
    table = pd.DataFrame(frames).rename_axis(["row", "column"]).reset_index()
    for place, (name, label) in enumerate(labels.items()):
        table.insert(place, name, label)
    return table


def fitted(text: str, inches: float) -> str:
    """Text cut to what an axis label of that length has room for.

    Examples
    --------
    >>> fitted("flower", 1.0), fitted("a-very-long-name-of-a-photo", 1.0)
    ('flower', 'a-very-long-nam…')
    """
    letters = int(inches / 0.06)  # of seven points
    return text if len(text) <= letters else text[: max(letters - 1, 1)] + "…"


def chosen(photos: Mapping[str, Photo], wanted: Iterable[str]) -> dict[str, Photo]:
    """The wanted photos if all are there, else as many of the first."""
    names = list(wanted)
    if set(names) <= photos.keys():
        return {name: photos[name] for name in names}
    return dict(list(photos.items())[: len(names)])


def interval(estimate: Estimate, digits: int = 2) -> str:
    """An estimate with its interval, as text.

    Examples
    --------
    >>> interval(Estimate("", 0.5, 0.25, 0.75, n_photos=12)), interval(Estimate("", 0.5, 0.5, 0.5, n_photos=1))
    ('0.50 [0.25, 0.75]', '0.50 (no interval)')
    """
    known = estimate.n_photos > 1 and np.isfinite([estimate.ci_low, estimate.ci_high]).all()
    ends = f"[{estimate.ci_low:.{digits}f}, {estimate.ci_high:.{digits}f}]" if known else "(no interval)"
    return f"{estimate.estimate:.{digits}f} {ends}".replace("-", "\N{MINUS SIGN}")


def few_photos(n: int) -> str:
    """What a caption is to say of intervals over `n` photos; empty where they are enough.

    Examples
    --------
    >>> few_photos(1), few_photos(6), few_photos(10)
    ('One photo makes no interval.', 'Over fewer than 10 photos, intervals are too narrow.', '')
    """
    if n < 2:
        return "One photo makes no interval."
    return f"Over fewer than {FEW_PHOTOS} photos, intervals are too narrow." if n < FEW_PHOTOS else ""


def quoted(names: Iterable[str]) -> str:
    """Names as a caption holds them apart from its words.

    Examples
    --------
    >>> quoted(["photos", "photos-lambda-0"])
    '‘photos’ and ‘photos-lambda-0’'
    """
    return " and ".join(f"‘{name}’" for name in names)
