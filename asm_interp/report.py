"""Crops and explanations of many photos, written to a folder: the work behind the command line."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image, ImageDraw

from asm_interp import __version__
from asm_interp.analysis.explanation import CropExplanation, explain_circle, explain_crop
from asm_interp.analysis.theta import ThetaMaps, theta_maps
from asm_interp.data.photo import PhotoError, read_photo
from asm_interp.files import write_atomically
from asm_interp.model.asmnet import ASMNet
from asm_interp.model.score_map import ScoreMap
from asm_interp.search import search_crops

if TYPE_CHECKING:
    from asm_interp.plots.explanation import Scales

Photo = npt.NDArray[np.uint8]
Advance = Callable[[str], None]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Source:
    """A photo to come: a name for its files, where it is from, and how to get it."""

    name: str
    origin: str
    load: Callable[[], Photo]


@dataclass(frozen=True)
class Wish:
    """What crops are wanted; see `asm_interp.search_crops`."""

    aspect: str | None = None
    shape: Literal["rectangle", "circle"] = "rectangle"
    top: int = 5


@dataclass
class Outcome:
    """What a batch wrote, and what it skipped and why."""

    written: list[Path] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


def distinct_names(names: Iterable[str]) -> list[str]:
    """Names that can stand side by side in any folder: one that occurs again, in either case, gets a number.

    Examples
    --------
    >>> distinct_names(["sea", "Sea", "hill", "sea"])
    ['sea', 'Sea-2', 'hill', 'sea-3']
    """
    taken: set[str] = set()
    result = []
    for name in names:
        candidate, number = name, 2
        while candidate.lower() in taken:
            candidate, number = f"{name}-{number}", number + 1
        taken.add(candidate.lower())
        result.append(candidate)
    return result


def sources_from(paths: Iterable[Path]) -> list[Source]:
    """Photos from files, each under its stem; a stem that occurs again gets a number."""
    paths = list(paths)
    # Files of a photo that is called a.crop would collide with the crop of photo a.
    names = distinct_names(re.sub(r"\.crop$", "-crop", _printable(path.stem)) for path in paths)
    return [
        Source(name, _printable(str(path)), partial(read_photo, path)) for name, path in zip(names, paths, strict=True)
    ]


def _printable(path: str) -> str:
    """A file name in which bytes that are no UTF-8 are replaced, so that JSON and HTML can hold it."""
    return os.fsencode(path).decode("utf-8", "replace")


def sources_from_arrays(photos: Mapping[str, Photo], origin: str) -> list[Source]:
    """Photos that are there already."""
    return [Source(name, f"{name} ({origin})", partial(np.asarray, photo)) for name, photo in photos.items()]


def _each(
    sources: Iterable[Source], outcome: Outcome, work: Callable[[Photo], Result]
) -> Iterator[tuple[Source, Photo, Result]]:
    """Each photo and what `work` makes of it; one that is unreadable or has no such crop is noted and passed over."""
    for source in sources:
        try:
            photo = source.load()
            result = work(photo)
        except PhotoError as error:  # names the photo
            outcome.skipped[source.origin] = _printable(str(error))
        except ValueError as error:
            outcome.skipped[source.origin] = f"{source.origin}: {error}"
        else:
            yield source, photo, result


def cut_out(photo: Photo, crop: Any) -> Image.Image:
    """The crop as an image; a circle stands in its square with a transparent surround."""
    piece = Image.fromarray(photo[int(crop.y1) : int(crop.y2), int(crop.x1) : int(crop.x2)])
    if hasattr(crop, "r"):
        mask = Image.new("L", (4 * piece.width, 4 * piece.height))
        ImageDraw.Draw(mask).ellipse((0, 0, mask.width - 1, mask.height - 1), fill=255)
        piece.putalpha(mask.resize(piece.size, Image.Resampling.BOX))
    return piece


def write_crops(
    folder: Path, source: Source, photo: Photo, crops: pd.DataFrame, *, checkpoint: str, wish: Wish
) -> list[Path]:
    """A photo's crops as JSON and CSV, ranked from 1, and the best as an image file (JPEG; PNG for circles)."""
    header = {
        "photo": source.origin,
        "height": photo.shape[0],
        "width": photo.shape[1],
        "checkpoint": checkpoint,
        "aspect": wish.aspect,
        "shape": wish.shape,
        "library": f"asm_interp {__version__}",
    }
    ranked = crops.copy()
    ranked.insert(0, "rank", np.arange(1, len(crops) + 1))
    document = header | {"crops": ranked.to_dict(orient="records")}
    buffer = io.BytesIO()
    piece = cut_out(photo, next(crops.itertuples()))
    suffix, options = (".png", {}) if wish.shape == "circle" else (".jpg", {"quality": 95, "subsampling": 0})
    piece.save(buffer, format="PNG" if suffix == ".png" else "JPEG", **options)
    content: dict[Path, bytes | str] = {
        folder / f"{source.name}.json": json.dumps(document, indent=2, ensure_ascii=False) + "\n",
        folder / f"{source.name}.csv": ranked.to_csv(index=False, lineterminator="\n"),
        folder / f"{source.name}.crop{suffix}": buffer.getvalue(),
    }
    for path, data in content.items():
        write_atomically(path, data)
    return list(content)


def crop_photos(
    sources: Sequence[Source], model: ASMNet, checkpoint: str, wish: Wish, out: Path, advance: Advance = lambda _: None
) -> Outcome:
    """Find and write the best crops of each photo.

    Parameters
    ----------
    sources : sequence of Source
    model : ASMNet
    checkpoint : str
        Its name, for the record.
    wish : Wish
    out : path
    advance : callable
        Called with each photo's name when it is done.

    Returns
    -------
    Outcome
        Photos that are unreadable, or too small for such a crop, are skipped and reported.
    """
    outcome = Outcome()
    for source, photo, crops in _each(sources, outcome, lambda photo: _search(model.score_map(photo), wish)):
        outcome.written += write_crops(out, source, photo, crops, checkpoint=checkpoint, wish=wish)
        advance(source.name)
    return outcome


def _search(score_map: ScoreMap, wish: Wish) -> pd.DataFrame:
    return search_crops(score_map, aspect=wish.aspect, shape=wish.shape, top=wish.top)


@dataclass(frozen=True, eq=False)
class Analysis:
    """Everything a page shows of one photo under one model.

    Attributes
    ----------
    crops : DataFrame
        The best, in order.
    explanation : CropExplanation
        Of the best; pixel scores without channel offsets, which ranking does not identify.
    theta : ThetaMaps
        Without channel offsets too.
    """

    crops: pd.DataFrame
    explanation: CropExplanation
    theta: ThetaMaps

    @classmethod
    def of(cls, score_map: ScoreMap, wish: Wish) -> Analysis:
        """Search the crops of a photo, and explain the best."""
        crops = _search(score_map, wish)
        circular = wish.shape == "circle"
        why = explain_circle if circular else explain_crop
        place = crops.loc[0, ["cx", "cy", "r"] if circular else ["x1", "y1", "x2", "y2"]].to_numpy(dtype=np.float64)
        without_offsets = why(score_map.centred(), place)
        shown = replace(why(score_map, place), pixel_scores=without_offsets.pixel_scores)
        return cls(crops, shown, theta_maps(score_map, center="channel"))

    def ends(self) -> dict[str, npt.NDArray[np.float64]]:
        """Ends of the three scales, a little inside the extremes."""
        maps = {
            "avg": self.theta.avg - self.theta.avg.mean(),
            "std": self.theta.std,
            "phi": self.explanation.pixel_scores,
        }
        return {name: np.nanquantile(values, [0.005, 0.995]) for name, values in maps.items()}


def shared_scales(ends: Sequence[dict[str, npt.NDArray[np.float64]]]) -> Scales:
    """One scale for all maps of a kind, from `Analysis.ends` of each."""
    from asm_interp.plots.explanation import Scales
    from asm_interp.plots.style import shared_norm

    return Scales(
        avg=shared_norm([end["avg"] for end in ends], center=0.0, clip=0),
        std=shared_norm([end["std"] for end in ends], clip=0),
        phi=shared_norm([end["phi"] for end in ends], center=0.0, clip=0),
    )


def explain_photos(
    sources: Sequence[Source], models: Mapping[str, ASMNet], wish: Wish, out: Path, advance: Advance = lambda _: None
) -> Outcome:
    """Crops, an explaining figure per photo and checkpoint, and one page over all of them.

    All maps of a kind share one scale, over photos and checkpoints; to learn it, each photo is scored twice
    and no map is kept, so that memory does not grow with the number of photos.

    Parameters
    ----------
    sources : sequence of Source
    models : mapping of str to ASMNet
        Checkpoints by name, drawn side by side.
    wish : Wish
    out : path
        Gets ``index.html`` and a folder per checkpoint.
    advance : callable
        Called with a name twice for each photo.

    Returns
    -------
    Outcome
        Photos that are unreadable, or too small for such a crop, are skipped and reported, in the page too.
    """
    from matplotlib import pyplot as plt

    from asm_interp.plots.explanation import explanation_figure
    from asm_interp.plots.page import write_page
    from asm_interp.plots.provenance import save_figure
    from asm_interp.plots.style import figure_style, footnote

    def analyses(photo: Photo) -> list[Analysis]:
        return [Analysis.of(model.score_map(photo), wish) for model in models.values()]

    outcome = Outcome()
    ends: list[dict[str, npt.NDArray[np.float64]]] = []
    readable = []
    for source, _, found in _each(sources, outcome, lambda photo: [each.ends() for each in analyses(photo)]):
        readable.append(source)
        ends += found
        advance(source.name)
    if not readable:
        return outcome
    scales = shared_scales(ends)
    entries: list[tuple[str, dict[str, pd.DataFrame]]] = []
    for source, photo, analysed in _each(readable, outcome, analyses):
        tables = {}
        for (checkpoint, model), analysis in zip(models.items(), analysed, strict=True):
            tables[checkpoint] = analysis.crops
            folder = out / checkpoint
            outcome.written += write_crops(folder, source, photo, analysis.crops, checkpoint=checkpoint, wish=wish)
            with figure_style():
                figure = explanation_figure(
                    photo,
                    analysis.crops,
                    analysis.explanation,
                    analysis.theta,
                    model.pattern,
                    scales,
                    title=f"{source.name} · {checkpoint} (λ = {model.card.get('lambda', '?')}, {model.pattern.name})",
                )
                footnote(
                    figure,
                    f"Scales are shared by all maps of this run (photos: {len(readable)}, checkpoints: {len(models)}); "
                    "each ends at the outermost 0.5 % quantile of any map. Channel means over the photo are taken off.",
                )
                outcome.written += save_figure(figure, folder / source.name, dpi=150)
                plt.close(figure)
        entries.append((source.name, tables))
        advance(source.name)
    cards = {name: model.card for name, model in models.items()}
    write_page(out / "index.html", entries, cards, wish.shape, outcome.skipped)
    outcome.written.append(out / "index.html")
    return outcome
