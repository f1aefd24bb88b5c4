"""Whether statistics of corner coverage follow the corner preference β that a world was given.

A world's score is content + β · (corners covered / 4) + noise. Content and place are not independent even where nobody
looks at corners: subjects stand off the border, so that a crop in a corner tends to hold less of them. A statistic
that sees scores and boxes alone cannot tell the two apart; one that knows the content can. Both are graded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import pandas as pd

from asm_interp.analysis.corner_coverage import corner_correlation, partial_correlation
from asm_interp.analysis.scored_crops import ScoredCrops, centre, ranks
from asm_interp.analysis.statistics import Resampling, fisher_z, sign_flip_p
from asm_interp.data.crops import CropDataset, CropSample
from asm_interp.data.planted import PlantedWorld
from asm_interp.data.sampling import SAMPLERS
from asm_interp.geometry.boxes import FloatArray

Held = Literal["nothing", "area and aspect", "area, aspect and content"]
HELD: tuple[Held, ...] = get_args(Held)
"""What the statistics hold fixed; the last needs to know what the score is made of."""

BETAS = (0.0, 0.1, 0.2, 0.4)

NOISE = 0.1
"""Standard deviation of the noise in simulated worlds, about a third of that of content: people disagree."""

_CONTENT = ("keep", "placement", "share")


def split_content(terms: Mapping[str, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Content and everything else of a planted score, [K] each, from its terms."""
    content = np.sum([terms[name] for name in _CONTENT], axis=0)
    rest = np.sum([values for name, values in terms.items() if name not in _CONTENT], axis=0)
    return content, rest


def corner_response(crops: ScoredCrops, content: FloatArray, held: Held) -> FloatArray:
    """Correlation of scores with the number of corners covered, within each photo.

    Parameters
    ----------
    crops : ScoredCrops
    content : array of float, [N, K]
        Part of the score that depends on content; it is held fixed by "area, aspect and content" alone.
    held : {"nothing", "area and aspect", "area, aspect and content"}
        The first two are rank correlations, `asm_interp.analysis.corner_coverage.corner_correlation`. The last is
        Pearson's, as content enters the score linearly.

    Returns
    -------
    array of float64, [N]
        NaN where a photo does not define it.
    """
    if held != "area, aspect and content":
        return corner_correlation(crops, held)
    valid = crops.valid
    size = [centre(ranks(crops.feature(name), valid), valid) for name in ("area", "log aspect")]
    return partial_correlation(crops.scores, crops.corners(), [*size, centre(content, valid)], valid)


def simulate(
    world: PlantedWorld,
    *,
    n_worlds: int = 200,
    betas: Sequence[float] = BETAS,
    noise: float = NOISE,
    how: Resampling | None = None,
    advance: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Corner statistics of simulated annotations: the photos of a world, with new crops and new noise each time.

    Parameters
    ----------
    world : PlantedWorld
        Its own corner preference and noise are replaced.
    n_worlds : int
    betas : sequence of float
        All on the same crops and noise.
    noise : float
    how : Resampling, optional
        Of the sign-flip tests, and the seed of the worlds.
    advance : callable, optional
        Called with each world's number when it is done.

    Returns
    -------
    DataFrame
        One row per world, held and β: world, held, beta, response (mean over photos on Fisher's scale, brought
        back), p (two-sided) and p_greater (that scores rise with corners).
    """
    how = how or Resampling(999)
    plain = replace(world, weights=replace(world.weights, corners=0.0, noise=0.0))
    subjects = [world.scenes[index].subjects for index in range(len(world))]
    rows = []
    for number in range(n_worlds):
        samples = []
        for index, mask in enumerate(subjects):
            rng = np.random.default_rng([how.seed, number, index])
            boxes = SAMPLERS[world.crops](mask, world.n_crops, rng)
            content, place = split_content(plain.terms(mask, boxes))
            base = content + place + noise * rng.standard_normal(len(boxes))
            size = (mask.shape[0], mask.shape[1])
            samples.append((CropSample(id=str(index), boxes=boxes, scores=base, photo_size=size), content))
        crops = ScoredCrops.read(CropDataset("simulated", [sample for sample, _ in samples]))
        contents = np.stack([content for _, content in samples])  # all photos have as many crops, and differ in noise
        for beta in betas:
            dosed = crops.with_scores(crops.scores + beta * crops.corners() / 4)
            for held in HELD:
                z = fisher_z(corner_response(dosed, contents, held))
                tests = {"p": sign_flip_p(z, how), "p_greater": sign_flip_p(z, how, "greater")}
                row = {"world": number, "held": held, "beta": beta, "response": float(np.tanh(np.nanmean(z)))}
                rows.append(row | {name: float(p) for name, p in tests.items()})
        if advance is not None:
            advance(f"world {number}")
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class LineFit:
    """Responses against dose.

    Attributes
    ----------
    slopes : array of float64, [...]
        Least-squares slope of each series of responses.
    r_squared : float
        Share of the variance of all responses that one straight line through them explains; NaN if they do not vary.
    """

    slopes: FloatArray
    r_squared: float


def line_fit(betas: Iterable[float], responses: FloatArray) -> LineFit:
    """Fit straight lines to responses [..., B] at B doses.

    Examples
    --------
    >>> fit = line_fit([0, 1, 2], np.array([[0.0, 1.0, 2.0], [1.0, 3.0, 5.0]]))
    >>> fit.slopes.tolist(), round(fit.r_squared, 3)
    ([1.0, 2.0], 0.562)
    """
    dose = np.array(list(betas), dtype=np.float64)
    dose -= dose.mean()
    slopes = responses @ dose / (dose @ dose)
    flat = responses.reshape(-1, len(dose))
    spread = float(np.square(flat - flat.mean()).sum())
    explained = float(len(flat) * np.mean(flat @ dose / (dose @ dose)) ** 2 * (dose @ dose))
    return LineFit(np.asarray(slopes), explained / spread if spread > 0 else float("nan"))
