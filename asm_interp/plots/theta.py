"""θ maps of photos and checkpoints side by side: θavg, θstd, and what one checkpoint has beyond another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any, Literal, get_args

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib import rcParams
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from asm_interp.analysis.normalisation import Normalisation
from asm_interp.analysis.theta import ThetaMaps
from asm_interp.plots.maps import Photo, color_bar, draw_map
from asm_interp.plots.style import DIVERGING, SEQUENTIAL, footnote

Kind = Literal["avg", "std", "avg difference", "std difference"]
Planes = dict[str, npt.NDArray[np.float64]]
"""Maps of one photo by the title of their column."""

LABELS: dict[Kind, str] = {
    "avg": "θavg − photo mean",
    "std": "θstd",
    "avg difference": "difference of θavg − photo mean",
    "std difference": "difference of θstd",
}

_OPACITY = 0.75
_TITLE = 7  # points
_BAR = 0.55  # inches for a colour bar and its text
_NAME = 0.15  # inches for the photo's name
_LEAST = 1.2  # inches a panel needs for kinds to stand side by side


def theta_figure(
    thetas: Mapping[str, Mapping[str, ThetaMaps]],
    photos: Mapping[str, Photo],
    *,
    kinds: Sequence[Kind] = ("avg", "std"),
    normalisations: Mapping[Kind, Normalisation] | None = None,
    contour: float | None = 0.9,
    note: str = "",
    width: float | None = None,
) -> Figure:
    """θ maps over photos: a row per photo, a column per checkpoint, one scale and one colour bar per kind.

    θavg is drawn less its mean over the photo, since ranking leaves a constant of the photo open. Over each θstd
    stands its gauge share. A note under the figure names each kind's normalisation.

    Parameters
    ----------
    thetas : mapping of photo to mapping of checkpoint to ThetaMaps
        In the order drawn; every photo has the same checkpoints, all maps the same `center`.
    photos : mapping of str to array of uint8, [H, W, 3]
    kinds : sequence of {"avg", "std", "avg difference", "std difference"}
        A difference is each further checkpoint's map less that of the first.
    normalisations : mapping of kind to Normalisation, optional
        For the kinds left out: one scale from the 0.5 % to the 99.5 % percentile, outermost over all maps of the
        kind, centred at 0 except for θstd.
    contour : float, optional
        Quantile of each θstd at which a contour is drawn, as a line under the maps says.
    note : str
        Begins the note under the figure.
    width : float, optional
        Of the figure in inches; the style's if left out. Kinds stand side by side where it has room.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there is nothing to draw, the photos have different checkpoints, some maps are centred and some not, a
        kind does not exist, or a difference has one checkpoint only or maps of two sizes.
    """
    checkpoints = _checked(thetas, photos, kinds)
    width = width or rcParams["figure.figsize"][0]
    columns = [len(checkpoints) - kind.endswith("difference") for kind in kinds]
    margin = _BAR + (_NAME if len(thetas) > 1 else 0.0)
    abreast = (width - margin * len(kinds)) / sum(columns) >= _LEAST
    side = (width - margin * len(kinds)) / sum(columns) if abreast else (width - margin) / max(columns)
    shapes = [photos[name].shape[0] / photos[name].shape[1] for name in thetas]
    titles = [0.25 + (0.15 + 0.17 * len(shapes) if kind == "std" else 0.05 * len(shapes)) for kind in kinds]
    heights = [side * sum(shapes) + title for title in titles]
    total = (max(heights) if abreast else sum(heights)) + 0.1 * (len(kinds) + 1)
    figure = plt.figure(figsize=(width, total), layout="constrained")
    if abreast:
        widths = [n * side + margin for n in columns]
        blocks = figure.subfigures(1, len(kinds), squeeze=False, width_ratios=widths)
    else:
        columns = [max(columns)] * len(kinds)  # so that columns stand under one another
        blocks = figure.subfigures(len(kinds), 1, squeeze=False, height_ratios=heights)
    scales = []
    for block, kind, n in zip(blocks.flat, kinds, columns, strict=True):
        grid = block.subplots(len(thetas), n, squeeze=False, height_ratios=shapes)
        scales.append(_draw_kind(grid, kind, thetas, photos, (normalisations or {}).get(kind), contour, side))
    notes = [*filter(None, [note]), "; ".join(scales).replace(" -", " \N{MINUS SIGN}") + "."]
    if "std" in kinds:
        centred = next(iter(next(iter(thetas.values())).values())).center == "channel"
        notes.append(f"Gauge share: part of mean θstd² that is channel offset, {'taken off' if centred else 'kept'}.")
    footnote(figure, " ".join(notes))
    return figure


def _draw_kind(
    grid: npt.NDArray[Any],
    kind: Kind,
    thetas: Mapping[str, Mapping[str, ThetaMaps]],
    photos: Mapping[str, Photo],
    normalisation: Normalisation | None,
    contour: float | None,
    side: float,
) -> str:
    """One kind's panels, `side` inches wide, and colour bar; the words for its scale."""
    planes = {photo: _planes(maps, kind) for photo, maps in thetas.items()}
    every = [plane for row in planes.values() for plane in row.values()]
    cmap, center, contour = (SEQUENTIAL, None, contour) if kind == "std" else (DIVERGING, 0.0, None)
    normalisation = normalisation or Normalisation.fit(*every, mode="percentile", center=center)
    norm = matplotlib_norm(normalisation)
    label = f"θ/θ̄ of {LABELS[kind]}" if normalisation.mode == "ratio" else LABELS[kind]
    n_columns = len(every) // len(planes)
    for ax in grid[:, n_columns:].flat:
        ax.set_axis_off()
    grid = grid[:, :n_columns]
    letters = int(side * 72 / (0.62 * _TITLE))  # of the mean width of a letter
    for i, (axes, (photo, row)) in enumerate(zip(grid, planes.items(), strict=True)):
        for ax, (name, plane) in zip(axes, row.items(), strict=True):
            shown = _scaled(plane, normalisation)
            draw_map(
                shown,
                photos[photo],
                ax=ax,
                norm=norm,
                cmap=cmap,
                label=label,
                opacity=_OPACITY,
                contour=contour,
                bar=False,
            )
            lines = [
                fill(name, letters, break_on_hyphens=False) if i == 0 else "",
                _gauge(thetas[photo][name]) if kind == "std" else "",
            ]
            ax.set_title("\n".join(filter(None, lines)), fontsize=_TITLE)
        if len(planes) > 1:
            axes[0].set_ylabel(photo, fontsize=_TITLE)
    scaled = [_scaled(plane, normalisation) for plane in every]
    color_bar(list(grid.flat), norm, cmap, label, maps=scaled, opacity=_OPACITY, shrink=0.9, aspect=24)
    if contour is not None:
        grid[0, 0].figure.supxlabel(f"contour: quantile {contour:g} of each map", fontsize=_TITLE)
    return f"{LABELS[kind]}: {normalisation}"


def _scaled(plane: npt.NDArray[np.float64], normalisation: Normalisation) -> npt.NDArray[np.float64]:
    """A map in the normalisation's units, or from 0 to 1 where each map has a scale of its own."""
    return normalisation(plane) if normalisation.limits is None else normalisation.units(plane)


def matplotlib_norm(normalisation: Normalisation) -> Normalize:
    """The scale in the units of a normalisation; 0 to 1 where each map has its own, or no map a value."""
    low, high = normalisation.limits or (0.0, 1.0)
    if not np.isfinite([low, high]).all():
        return Normalize(0.0, 1.0)
    return Normalize(low, high if high > low else low + 1.0)


def _checked(
    thetas: Mapping[str, Mapping[str, ThetaMaps]], photos: Mapping[str, Photo], kinds: Sequence[Kind]
) -> list[str]:
    """The checkpoints that all photos have."""
    for kind in kinds:
        if kind not in LABELS:
            raise ValueError(f"a kind of θ map is one of {', '.join(get_args(Kind))}, got {kind!r}")
    found = {photo: list(maps) for photo, maps in thetas.items()}
    checkpoints = next(iter(found.values()), [])
    if not checkpoints or not kinds:
        raise ValueError("no θ map to draw")
    if len({theta.center for maps in thetas.values() for theta in maps.values()}) > 1:
        raise ValueError("some θ maps have their channels centred and some not: no scale fits both")
    for photo, names in found.items():
        if names != checkpoints:
            raise ValueError(f"{photo} has checkpoints {names}, the first photo {checkpoints}")
        if photo not in photos:
            raise ValueError(f"θ maps of {photo}, but no photo of that name among {', '.join(photos)}")
    if len(checkpoints) < 2 and any(kind.endswith("difference") for kind in kinds):
        raise ValueError(f"a difference takes two checkpoints or more, got {checkpoints}")
    return checkpoints


def _planes(maps: Mapping[str, ThetaMaps], kind: Kind) -> Planes:
    planes: Planes = {}
    for name, theta in maps.items():
        values = np.asarray(theta.avg if kind.startswith("avg") else theta.std, dtype=np.float64)
        finite = values[np.isfinite(values)]
        planes[name] = values - finite.mean() if kind.startswith("avg") and finite.size else values
    if not kind.endswith("difference"):
        return planes
    (first, base), *others = planes.items()
    for name, plane in others:
        if plane.shape != base.shape:
            raise ValueError(f"maps of {name} have shape {list(plane.shape)}, those of {first} {list(base.shape)}")
    return {f"{name} − {first}": plane - base for name, plane in others}


def _gauge(theta: ThetaMaps) -> str:
    if np.isnan(theta.gauge_share):
        return "channels all alike"
    return f"gauge share {theta.gauge_share:.2f}"
