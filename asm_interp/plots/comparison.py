"""Why one crop scores higher than another: both on the photo, and the difference as a sum."""

from __future__ import annotations

from typing import Any, Literal, get_args

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.patheffects import withStroke

from asm_interp.analysis.explanation import CropComparison
from asm_interp.geometry.boxes import FloatArray
from asm_interp.plots.maps import Photo, draw_photo
from asm_interp.plots.style import ACCENT, DIVERGING, INK, MUTED, footnote

By = Literal["region", "partition"]

HATCHES = {"gained": "/////", "lost": "\\\\\\\\\\", "moved": "..."}
"""Of the regions of `CropComparison`, on the photo and in the sum."""

_MEANING = {"gained": "A only", "lost": "B only", "moved": "both"}
# The sign of a part is the direction of its bar; colour says region alone, on the photo and in the sum.
_COLORS = {"gained": DIVERGING(0.9), "lost": DIVERGING(0.1)}


def draw_comparison(comparison: CropComparison, photo: Photo, *, ax: Axes | None = None) -> Axes:
    """Both crops on the photo in luminance, with what a gains, loses and moves hatched.

    Parameters
    ----------
    comparison : CropComparison
    photo : array of uint8, [H, W, 3]
    ax : Axes, optional

    Returns
    -------
    Axes
        The hatched regions that are not empty have their names as labels.
    """
    ax = draw_photo(photo, ax=ax, gray=True)
    a, b = comparison.box_a, comparison.box_b
    shared = np.concatenate([np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])])
    overlap = shared if (shared[2:] > shared[:2]).all() else None
    outlines = {"gained": _minus(a, overlap), "lost": _minus(b, overlap), "moved": _minus(overlap, None)}
    for region, outline in outlines.items():
        if outline is not None:
            ax.add_patch(PathPatch(outline, label=region, linewidth=0, **_look(region)))
    looks: list[tuple[str, FloatArray, Any, dict[str, Any]]] = [
        ("B", b, "--", {"xy": (1, 0), "ha": "right", "va": "bottom"}),
        ("A", a, "-", {"xy": (0, 1), "ha": "left", "va": "top"}),
    ]
    for name, (x1, y1, x2, y2), stroke, corner in looks:
        color = ACCENT if name == "A" else "white"
        rim = [withStroke(linewidth=2.8, foreground=INK)]
        ax.add_patch(
            Rectangle(
                (x1, y1),
                x2 - x1,
                y2 - y1,
                fill=False,
                edgecolor=color,
                linewidth=1.6,
                linestyle=stroke,
                path_effects=rim,
            )
        )
        u, v = corner.pop("xy")
        box = {"boxstyle": "square,pad=0.2", "facecolor": ACCENT if name == "A" else INK, "edgecolor": "none"}
        ax.text(x1 + u * (x2 - x1), y2 - v * (y2 - y1), name, color="white", fontsize=7, bbox=box, **corner)
    handles = [Patch(label=f"{region} ({_MEANING[region]})", **_look(region)) for region in HATCHES]
    ax.legend(
        handles=handles,
        frameon=False,
        fontsize=6.5,
        ncols=3,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        columnspacing=1.0,
        handlelength=1.6,
        handletextpad=0.4,
        borderpad=0.2,
    )
    return ax


def _minus(box: FloatArray | None, hole: FloatArray | None) -> Path | None:
    """A box without a part of it, as a path; None if nothing is left."""
    if box is None or (hole is not None and np.array_equal(box, hole)):
        return None
    paths = [_ring(box, turn=1)] + ([] if hole is None else [_ring(hole, turn=-1)])
    return Path.make_compound_path(*paths)


def _ring(box: FloatArray, turn: int) -> Path:
    """The rim of a box; one that turns the other way inside another cuts a hole."""
    x1, y1, x2, y2 = box
    corners = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2], [x1, y1]])[::turn]
    return Path(corners, closed=True)


def _look(region: str) -> dict[str, Any]:
    color = _COLORS.get(region, "white")
    # The hatch takes the edge's colour; the moved part stays as light as the photo is.
    return {
        "facecolor": (*color[:3], 0.3) if region != "moved" else "none",
        "edgecolor": color if region != "moved" else MUTED,
        "hatch": HATCHES[region],
    }


def draw_waterfall(comparison: CropComparison, *, by: By = "region", ax: Axes | None = None) -> Axes:
    """The difference of two scores, part by part: each bar starts where the one above ends, the last is the sum.

    Parameters
    ----------
    comparison : CropComparison
    by : {"region", "partition"}
    ax : Axes, optional

    Returns
    -------
    Axes
        Bars of regions have the colours and hatches of `draw_comparison`, partitions are white, the sum is grey. Those
        to the right count for A, to the left for B.

    Raises
    ------
    ValueError
        If there is no such split.
    """
    if by not in get_args(By):
        raise ValueError(f"a difference is split by {' or '.join(get_args(By))}, got {by!r}")
    ax = ax or plt.gca()
    table = comparison.regions if by == "region" else comparison.partitions
    parts = table["difference"].to_numpy(dtype=np.float64)
    starts = np.concatenate([[0.0], parts.cumsum()])
    lengths = np.append(parts, comparison.difference)
    starts[-1] = 0.0
    names = [*(str(name) for name in table[by]), "A − B"]
    places = np.arange(len(lengths))
    ax.use_sticky_edges = False  # bars end inside the axes
    colors = [*(_COLORS.get(name, "white") for name in names[:-1]), MUTED]
    bars = ax.barh(places, lengths, left=starts, height=0.62, color=colors, edgecolor=INK, linewidth=0.6)
    for bar, name in zip(bars, names, strict=True):
        bar.set_hatch(HATCHES.get(name, ""))
    ends = parts.cumsum()
    ax.vlines(ends, places[:-1], places[1:], colors=MUTED, linewidth=0.6, zorder=0)
    ax.axvline(0, color=INK, linewidth=0.6)
    values = [f"{length:+.3f}".replace("-", "\N{MINUS SIGN}") if length else "0" for length in lengths]
    ax.set_yticks(places, [f"{name}  {value}" for name, value in zip(names, values, strict=True)])
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    ax.set_xlabel("sum of the parts so far")
    if by == "partition":
        ax.set_ylabel("partition")
    return ax


def comparison_figure(
    comparison: CropComparison, photo: Photo, *, note: str = "", width: float | None = None
) -> Figure:
    """Both crops on the photo, and the difference of their scores by region.

    Parameters
    ----------
    comparison : CropComparison
    photo : array of uint8, [H, W, 3]
    note : str
        Begins the note under the figure: the checkpoint, for one.
    width : float, optional
        Of the figure in inches; the style's if left out.

    Returns
    -------
    Figure
    """
    width = width or rcParams["figure.figsize"][0]
    shape = photo.shape[0] / photo.shape[1]
    panels: Any  # of their own layout: the photo need not line up with the bars
    if width >= 5:
        figure = plt.figure(figsize=(width, 0.55 * width * shape + 0.65), layout="constrained")
        panels = figure.subfigures(1, 2, width_ratios=[1.25, 1])
    else:
        heights = [width * shape + 0.35, 1.25]
        figure = plt.figure(figsize=(width, sum(heights) + 0.35), layout="constrained")
        panels = figure.subfigures(2, 1, height_ratios=heights)
    crops, parts = (panel.subplots() for panel in panels)
    draw_comparison(comparison, photo, ax=crops)
    draw_waterfall(comparison, ax=parts)
    scores = f"score of A {comparison.score_a:.3f}, of B {comparison.score_b:.3f}"
    crops.set_title(scores.replace("-", "\N{MINUS SIGN}"))
    footnote(
        figure,
        f"{note} The parts sum exactly to the difference of the scores. Gained and lost count beyond the "
        "photo's average, moved is the same content at another place of the crop.".strip(),
    )
    return figure
