"""Planted worlds: scored crops whose composition rule and spatial bias are known.

A crop's score is the sum of terms that are all written down:

===========  ==============================================================================================
keep         share of the subjects' area that the crop holds, to the power `keep_power`
placement    g(u, v) at the centre of what the crop holds of a subject, times the share it holds; a mean over
             the photo's subjects weighted by their areas
share        Gaussian preference for the part of the crop that subjects fill, times the share held
area         area of the crop over that of the photo; beyond `best_area` it falls three times as fast as it rose
centrality   1 minus the distance of the crop's centre from the photo's, over its greatest value, on a photo
             whose sides count as 1
corners      how many of the photo's corners the crop covers to within `CORNER_TOLERANCE`, over four
noise        Gaussian
===========  ==============================================================================================

The first three depend on content and vanish in a photo without a subject; the next three are spatial bias.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from asm_interp.data.augmentation import augmented
from asm_interp.data.crops import SPLITS, CropSample
from asm_interp.data.sampling import SAMPLERS
from asm_interp.data.scenes import Scenes, ShapeScenes, SubjectPhotos
from asm_interp.geometry.boxes import FloatArray, Size
from asm_interp.geometry.boxes import area as box_area

CORNER_TOLERANCE = 1 / 16
"""A crop covers a corner of the photo if its own corner lies within this share of each side."""


def _bump(distance: npt.ArrayLike, width: float) -> FloatArray:
    return np.asarray(np.exp(-np.square(distance) / (2 * width**2)))


def _centre(u: FloatArray, v: FloatArray) -> FloatArray:
    return _bump(u - 0.5, 0.15) * _bump(v - 0.5, 0.15)


def _thirds(u: FloatArray, v: FloatArray) -> FloatArray:
    return _bump(np.minimum(abs(u - 1 / 3), abs(u - 2 / 3)), 0.12) * _bump(
        np.minimum(abs(v - 1 / 3), abs(v - 2 / 3)), 0.12
    )


def _left(u: FloatArray, v: FloatArray) -> FloatArray:
    return _bump(u - 1 / 3, 0.15) * _bump(v - 0.5, 0.28)


def _right(u: FloatArray, v: FloatArray) -> FloatArray:
    return _left(1 - u, v)


def _headroom(u: FloatArray, v: FloatArray) -> FloatArray:
    return _bump(u - 0.5, 0.22) * _bump(v - 0.36, 0.12)


def _lines(u: FloatArray, v: FloatArray) -> FloatArray:
    return _bump(_from_line(u), 0.15) * _bump(_from_line(v), 0.15)


def _from_line(t: FloatArray) -> FloatArray:
    """Distance from the nearest of the thirds and the centre line."""
    return np.minimum(np.minimum(abs(t - 1 / 3), abs(t - 2 / 3)), abs(t - 0.5))


Rule = Callable[[FloatArray, FloatArray], FloatArray]

RULES: dict[str, Rule] = {
    "centre": _centre,
    "thirds": _thirds,
    "left": _left,
    "right": _right,
    "headroom": _headroom,
}
"""Composition rules g(u, v) in [0, 1]; u across and v down the crop. `left` and `right` leave lead room."""

WORLD_RULES: dict[str, Rule] = RULES | {"lines": _lines}
"""What a world may follow: one of the rules, or `lines`, any of the thirds and centre lines."""


def rule_grid(rule: str, n: int = 32) -> FloatArray:
    """Raster [n, n] of g at the centres of n × n equal cells of the crop, row 0 at the top.

    Raises
    ------
    ValueError
        If there is no such rule.

    Examples
    --------
    >>> row, column = np.unravel_index(rule_grid("left", 99).argmax(), (99, 99))
    >>> int(row), int(column)
    (49, 32)
    """
    if rule not in WORLD_RULES:
        raise ValueError(f"no composition rule {rule!r}; there are {', '.join(WORLD_RULES)}")
    places = (np.arange(n) + 0.5) / n
    return WORLD_RULES[rule](places[None, :], places[:, None])


def is_symmetric(rule: str) -> bool:
    """Whether a rule is its own mirror image, left to right."""
    g = rule_grid(rule)
    return bool(np.allclose(g, g[:, ::-1]))


@dataclass(frozen=True)
class Weights:
    """Strength of each term of the score; see the module's table."""

    keep: float = 0.0
    placement: float = 1.0
    share: float = 0.5
    area: float = 0.0
    centrality: float = 0.0
    corners: float = 0.0
    noise: float = 0.02


@dataclass(frozen=True, eq=False)
class PlantedTruth:
    """What a score is made of.

    Parameters
    ----------
    rule : str
    g : array of float, [32, 32]
        The rule over the crop plane.
    weights : Weights
    terms : dict of str to array [K]
        Weighted terms; they sum to the sample's scores.
    """

    rule: str
    g: FloatArray
    weights: Weights
    terms: dict[str, FloatArray]


@dataclass(frozen=True, eq=False, kw_only=True)
class PlantedSample(CropSample):
    """One photo of a planted world, with its subjects and the truth.

    Parameters
    ----------
    scores : array of float64, [K]
    subjects : array of uint8, [H, W]
        Numbers the subjects from 1; 0 is everything else.
    truth : PlantedTruth
    """

    scores: FloatArray
    subjects: npt.NDArray[np.uint8]
    truth: PlantedTruth

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Whether a pixel belongs to a subject, [H, W]."""
        return self.subjects > 0


@dataclass(frozen=True, eq=False)
class PlantedWorld:
    """Data set of crops with a planted truth; the same arguments give the same bytes.

    Parameters
    ----------
    scenes : Scenes
        Photos with subject masks.
    rule : {"centre", "thirds", "left", "right", "headroom", "lines"}
    weights : Weights
    n_crops : int
        Crops per photo.
    crops : {"random", "mixed"}
        How crops are drawn; see `asm_interp.data.sampling`.
    seed : int
        Of crops and noise; the scenes have their own.
    draw : int
        Each draw has other crops and other noise of the same seed.
    best_share, share_width : float
        Centre and width of the Gaussian over the part of the crop that subjects fill.
    keep_power : float
        Exponent of the kept share, above zero.
    best_area : float
        Area, as a share of the photo's, at which the area term is largest.
    split : str
        Of all samples.

    Raises
    ------
    ValueError
        If the rule or the kind of crops does not exist, there is not at least one crop, or a width, an exponent or
        `best_area` is not positive.

    Examples
    --------
    >>> world = PlantedWorld(ShapeScenes(3, size=(48, 64), seed=1), rule="thirds", n_crops=5)
    >>> sample = world[0]
    >>> sample.boxes.shape, sample.truth.g.shape
    ((5, 4), (32, 32))
    >>> bool(np.allclose(sum(sample.truth.terms.values()), sample.scores))
    True
    """

    scenes: Scenes
    rule: str = "thirds"
    weights: Weights = field(default_factory=Weights)
    n_crops: int = 32
    crops: str = "random"
    seed: int = 0
    draw: int = 0
    best_share: float = 0.3
    share_width: float = 0.2
    keep_power: float = 3.0
    best_area: float = 1.0
    split: str = ""

    def __post_init__(self) -> None:
        if self.rule not in WORLD_RULES:
            raise ValueError(f"no composition rule {self.rule!r}; there are {', '.join(WORLD_RULES)}")
        if self.n_crops < 1:
            raise ValueError(f"n_crops is at least 1, got {self.n_crops}")
        if self.crops not in SAMPLERS:
            raise ValueError(f"no crops {self.crops!r}; there are {', '.join(SAMPLERS)}")
        for name in ("share_width", "keep_power", "best_area"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is above 0, got {getattr(self, name)}")

    @property
    def is_symmetric(self) -> bool:
        """Whether mirroring photo and boxes left to right leaves the scores as they are, noise apart."""
        return is_symmetric(self.rule)

    def redrawn(self, draw: int) -> PlantedWorld:
        """The same world with the crops, the noise and the augmented scenes of a draw, over the same scenes."""
        return replace(self, scenes=augmented(self.scenes, self.seed, draw), draw=draw)

    def __len__(self) -> int:
        return len(self.scenes)

    def photo_size(self, index: int) -> Size:
        """Height and width of a photo, without opening or drawing it whole."""
        return self.scenes.photo_size(index)

    def __getitem__(self, index: int) -> PlantedSample:
        scene = self.scenes[index]
        # The first draw has no number, so that worlds from before there were draws keep their crops.
        rng = np.random.default_rng([self.seed, index % len(self), 1, *([self.draw] if self.draw else [])])
        boxes = SAMPLERS[self.crops](scene.subjects, self.n_crops, rng)
        terms = self.terms(scene.subjects, boxes)
        terms["noise"] = self.weights.noise * rng.standard_normal(self.n_crops)
        scores = np.sum(list(terms.values()), axis=0)
        truth = PlantedTruth(self.rule, rule_grid(self.rule), self.weights, terms)
        return PlantedSample(
            id=scene.id,
            pixels=scene.photo,
            boxes=boxes,
            scores=scores,
            split=self.split,
            subjects=scene.subjects,
            truth=truth,
        )

    def __iter__(self) -> Iterator[PlantedSample]:
        return map(self.__getitem__, range(len(self)))

    def terms(self, subjects: npt.NDArray[np.uint8], boxes: FloatArray) -> dict[str, FloatArray]:
        """Weighted terms without the noise, of boxes with whole-pixel corners on a photo with these subjects.

        Parameters
        ----------
        subjects : array of uint8, [H, W]
            0 background, 1.. subjects.
        boxes : array of float, [K, 4]

        Returns
        -------
        dict of str to array [K]
        """
        content = self._content(subjects, boxes)
        position = spatial_terms(boxes, (subjects.shape[0], subjects.shape[1]))
        position["area"] = position["area"] - 4 * np.maximum(position["area"] - self.best_area, 0)
        return {name: getattr(self.weights, name) * values for name, values in (content | position).items()}

    def _content(self, subjects: npt.NDArray[np.uint8], boxes: FloatArray) -> dict[str, FloatArray]:
        placement, kept_area = np.zeros(len(boxes)), np.zeros(len(boxes))
        total = np.count_nonzero(subjects)
        if total == 0:
            return {"keep": kept_area, "placement": placement, "share": kept_area}
        for label in range(1, int(subjects.max()) + 1):
            mass, centre_x, centre_y = _inside(subjects == label, boxes)
            u = (centre_x - boxes[:, 0]) / (boxes[:, 2] - boxes[:, 0])
            v = (centre_y - boxes[:, 1]) / (boxes[:, 3] - boxes[:, 1])
            placement += mass / total * WORLD_RULES[self.rule](u, v)
            kept_area += mass
        kept = kept_area / total
        share = _bump(kept_area / box_area(boxes) - self.best_share, self.share_width)
        return {"keep": kept**self.keep_power, "placement": placement, "share": kept * share}


def _inside(mask: npt.NDArray[np.bool_], boxes: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Area of the mask in each whole-pixel box, and the centre of that part (the box's if it is empty)."""
    height, width = mask.shape
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    planes = np.stack([mask, mask * x, mask * y[:, None]])
    table = np.pad(planes.cumsum(1).cumsum(2), ((0, 0), (1, 0), (1, 0)))
    x1, y1, x2, y2 = boxes.astype(np.int64).T
    mass, sum_x, sum_y = table[:, y2, x2] - table[:, y1, x2] - table[:, y2, x1] + table[:, y1, x1]
    filled = np.maximum(mass, 1)
    centre_x = np.where(mass > 0, sum_x / filled, (x1 + x2) / 2)
    centre_y = np.where(mass > 0, sum_y / filled, (y1 + y2) / 2)
    return mass, centre_x, centre_y


def spatial_terms(boxes: FloatArray, photo_size: Size, tolerance: float = CORNER_TOLERANCE) -> dict[str, FloatArray]:
    """Area, centrality and corner coverage of boxes [K, 4], each in [0, 1], independent of content."""
    height, width = photo_size
    x1, y1, x2, y2 = (boxes / np.array([width, height, width, height])).T
    left, top = x1 <= tolerance, y1 <= tolerance
    right, bottom = x2 >= 1 - tolerance, y2 >= 1 - tolerance
    corners = np.sum([left & top, right & top, left & bottom, right & bottom], axis=0) / 4
    distance = np.hypot((x1 + x2) / 2 - 0.5, (y1 + y2) / 2 - 0.5)
    return {
        "area": (x2 - x1) * (y2 - y1),
        "centrality": 1 - distance / np.hypot(0.5, 0.5),
        "corners": corners,
    }


def _seed_of(split: str, seed: int) -> int:
    """Seed of a split, so that the splits of one seed share no scene and no crop."""
    if split not in SPLITS:
        raise ValueError(f"a split is one of {', '.join(SPLITS)}, got {split!r}")
    return len(SPLITS) * seed + SPLITS.index(split)


def shapes_world(
    split: str = "train", *, n_photos: int = 400, size: Size = (96, 128), seed: int = 0, **options: object
) -> PlantedWorld:
    """Make the *shapes* world: procedural scenes, no files needed.

    Parameters
    ----------
    split : {"train", "val", "test"}
        Splits of one seed share no scene.
    n_photos : int
    size : (int, int)
        Height and width.
    seed : int
    **options
        Further arguments of `PlantedWorld`.
    """
    seed = _seed_of(split, seed)
    scenes = ShapeScenes(n_photos, size, seed)
    return PlantedWorld(scenes, seed=seed, split=split, **options)  # type: ignore[arg-type]


def subjects_world(
    folder: str | os.PathLike[str], split: str = "train", *, seed: int = 0, **options: object
) -> PlantedWorld:
    """Make the *subjects* world: real photographs with a human mask of the main subject.

    Parameters
    ----------
    folder : path
        With ``index.csv``; see `asm_interp.data.scenes.SubjectPhotos`.
    split : {"train", "val", "test"}
        As the index has it.
    seed : int
    **options
        Further arguments of `PlantedWorld`.
    """
    scenes = SubjectPhotos(folder, split)
    return PlantedWorld(scenes, seed=_seed_of(split, seed), split=split, **options)  # type: ignore[arg-type]
