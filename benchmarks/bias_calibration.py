"""How often tests of a corner effect reject where there is none, and where there is one.

Writes calibration.csv (rejection rates under four nulls) and power.csv (over β and the number of photos). Beside two
naive tests of pooled crops all are those of `asm-interp bias`:

    python benchmarks/bias_calibration.py --out benchmarks

Crops are those of GAIC's grid. Scores are

    pure null          noise
    heterogeneity      noise + b · corners, with b of mean zero drawn for each photo
    area               noise + area effect
    area, curved       noise + an area effect that saturates: no straight line in ranks
    corners (power)    noise + area effect + β · corners

The last two tests ask about place of any kind, which area implies: they stay empty beside it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import mannwhitneyu

from asm_interp.analysis.corner_coverage import (
    corner_correlation,
    corner_delta,
    extreme_weights,
    matched_difference,
)
from asm_interp.analysis.lift_map import lift_map
from asm_interp.analysis.position_only import position_p
from asm_interp.analysis.scored_crops import ScoredCrops, standardise
from asm_interp.analysis.statistics import Resampling, sign_flip_p
from asm_interp.evaluation.baselines import GEOMETRY, geometry_features
from asm_interp.files import write_atomically
from asm_interp.geometry.candidates import gaic_grid

NULLS = ("pure null", "heterogeneity", "area", "area, curved")
LEVEL = 0.05
N_CROPS = 24
SIZES = ((600, 800), (800, 600), (600, 900), (600, 600))
SPREAD = 0.5  # of the photos' own corner effects, in standard deviations of the noise per corner
BLOCK = 100  # worlds that are simulated at once: all statistics are of one photo, so photos of many worlds may mix


def worlds(n_photos: int, null: str, rng: np.random.Generator, beta: float = 0.0) -> ScoredCrops:
    """Crops with scores drawn under a null, plus `beta` standard deviations of the noise per corner."""
    boxes = np.empty((n_photos, N_CROPS, 4))
    features = np.empty((n_photos, N_CROPS, len(GEOMETRY)))
    for kind, (height, width) in enumerate(SIZES):
        grid = gaic_grid((height, width))
        photos = np.arange(n_photos) % len(SIZES) == kind
        chosen = rng.random((photos.sum(), len(grid))).argsort(axis=1)[:, :N_CROPS]
        boxes[photos] = (grid / np.array([width, height, width, height]))[chosen]
        features[photos] = geometry_features(grid, (height, width))[chosen]
    valid = np.ones((n_photos, N_CROPS), dtype=bool)
    ids = tuple(map(str, range(n_photos)))
    crops = ScoredCrops(null, ids, boxes, features, np.zeros(valid.shape), valid, None, {})
    corners, area = crops.corners(), crops.feature("area")
    effects: dict[str, float | np.ndarray] = {
        "pure null": 0.0,
        "heterogeneity": SPREAD * rng.standard_normal((n_photos, 1)) * corners,
        "area": standardise(area, valid),
        "area, curved": 1.5 * standardise(np.minimum(area, 0.6), valid),
    }
    return crops.with_scores(rng.standard_normal(valid.shape) + effects[null] + beta * corners)


def photo_wise(crops: ScoredCrops) -> dict[str, np.ndarray]:
    """Value of each photo, [N], whose mean over photos a test asks about."""
    best, worst = extreme_weights(crops.scores, crops.valid)
    return {
        "Cliff's δ, photo by photo": corner_delta(crops.corners(), best, worst),
        "matched within thirds by area": matched_difference(crops, "tercile"),
        "matched within width and height": matched_difference(crops, "size"),
        "partial ρ, area and aspect held": corner_correlation(crops, "area and aspect"),
        "partial ρ, size curved held": corner_correlation(crops, "size, curved"),
        "partial ρ, width and height held": corner_correlation(crops, "width and height"),
    }


def pooled_p(scores: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """P values of the naive test, best against worst quarter of all crops: of worlds [S, crops], [S]."""
    order = np.argsort(scores, axis=1)
    quarter = scores.shape[1] // 4
    low, high = (np.take_along_axis(corners, part, axis=1) for part in (order[:, :quarter], order[:, -quarter:]))
    return np.asarray(mannwhitneyu(high, low, axis=1, method="asymptotic").pvalue)


def rejections(n_worlds: int, n_photos: int, null: str, seed: list[int], beta: float = 0.0) -> dict[str, float]:
    """Share of worlds in which each test rejects at 5 %, two-sided."""
    rng, how = np.random.default_rng(seed), Resampling(999)
    p_values: dict[str, list[np.ndarray]] = {}
    for start in range(0, n_worlds, BLOCK):
        block = min(BLOCK, n_worlds - start)
        crops = worlds(block * n_photos, null, rng, beta)
        corners = crops.corners().reshape(block, -1)
        for name, scores in (("pooled crops", crops.scores), ("pooled, within-photo z", crops.standardised())):
            p_values.setdefault(f"Mann-Whitney, {name}", []).append(pooled_p(scores.reshape(block, -1), corners))
        for name, values in photo_wise(crops).items():
            p_values.setdefault(name, []).append(sign_flip_p(values.reshape(block, n_photos), how))
    return {name: float((np.concatenate(p) < LEVEL).mean()) for name, p in p_values.items()}


def calibration(n_worlds: int, n_photos: int, seed: int) -> pd.DataFrame:
    """Rejection rates, one row per test and one column per null."""
    columns = {null: rejections(n_worlds, n_photos, null, [seed, i]) for i, null in enumerate(NULLS)}
    for i, null in enumerate(NULLS[:2]):
        columns[null] |= place_rejections(n_worlds, n_photos, null, [seed, i])
    return pd.DataFrame(columns).rename_axis("test")


def power(n_worlds: int, seed: int) -> pd.DataFrame:
    """Rejection rates beside an area effect, over β and the number of photos."""
    rows = []
    for n_photos in (15, 30, 60, 120, 240):
        for beta in (0.0, 0.05, 0.1, 0.2, 0.4):
            found = rejections(n_worlds, n_photos, "area", [seed, n_photos, round(1000 * beta)], beta)
            rows.append({"n_photos": n_photos, "beta": beta} | found)
    return pd.DataFrame(rows)


def place_rejections(n_worlds: int, n_photos: int, null: str, seed: list[int]) -> dict[str, float]:
    """Share of worlds in which place of any kind is found significant at 5 %: by R², or anywhere on the lift map."""
    rng = np.random.default_rng([*seed, 9])
    found = {"position-only R²": 0, "lift map, any place": 0}
    for i in range(n_worlds):
        crops, how = worlds(n_photos, null, rng), Resampling(99, i)
        found["position-only R²"] += position_p(crops, how) <= LEVEL
        found["lift map, any place"] += bool((lift_map(crops, how, grid=(12, 12)).p_adj <= LEVEL).any())
    return {name: count / n_worlds for name, count in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks"))
    options = parser.parse_args()
    found = calibration(options.simulations, options.photos, options.seed)
    found = found.assign(n_photos=options.photos, n_simulations=options.simulations, seed=options.seed)
    print(found.to_string(), flush=True)
    write_atomically(options.out / "calibration.csv", found.to_csv(lineterminator="\n"))
    fewer = max(options.simulations // 4, 1)
    curve = power(fewer, options.seed).assign(n_simulations=fewer, seed=options.seed)
    print(curve.to_string())
    write_atomically(options.out / "power.csv", curve.to_csv(index=False, lineterminator="\n"))


if __name__ == "__main__":
    main()
