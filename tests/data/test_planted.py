import math
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import maximum_filter

from asm_interp.data.crops import SPLITS
from asm_interp.data.planted import (
    CORNER_TOLERANCE,
    RULES,
    PlantedWorld,
    Weights,
    is_symmetric,
    rule_grid,
    shapes_world,
    spatial_terms,
    subjects_world,
)
from asm_interp.data.sampling import random_boxes
from asm_interp.data.scenes import ShapeScenes

# Best places across and down the crop, and the widths of the bumps around them.
BUMPS = {
    "centre": ([0.5], [0.5], 0.15, 0.15),
    "thirds": ([1 / 3, 2 / 3], [1 / 3, 2 / 3], 0.12, 0.12),
    "left": ([1 / 3], [0.5], 0.15, 0.28),
    "right": ([2 / 3], [0.5], 0.15, 0.28),
    "headroom": ([0.5], [0.36], 0.22, 0.12),
}
ALL = Weights(keep=0.7, placement=1.1, share=0.6, area=0.4, centrality=0.3, corners=0.5, noise=0)
DIGEST = """
from hashlib import sha256
from asm_interp.data.planted import shapes_world
for sample in map(shapes_world("val", n_photos=3, size=(32, 48), seed=5, n_crops=7).__getitem__, range(3)):
    print(sha256(sample.photo.tobytes() + sample.boxes.tobytes() + sample.scores.tobytes()).hexdigest())
"""


def g(rule: str, u: float, v: float) -> float:
    across, down, width_u, width_v = BUMPS[rule]
    return max(math.exp(-0.5 * (((u - a) / width_u) ** 2 + ((v - b) / width_v) ** 2)) for a in across for b in down)


def pixel_by_pixel(world: PlantedWorld, subjects: np.ndarray, box: np.ndarray) -> dict[str, float]:
    """Terms of one crop, from the list of subject pixels."""
    height, width = subjects.shape
    x1, y1, x2, y2 = box.tolist()
    pixels = [(y, x, subjects[y, x]) for y in range(height) for x in range(width) if subjects[y, x]]
    held = [(y, x, label) for y, x, label in pixels if x1 <= x < x2 and y1 <= y < y2]
    placement = 0.0
    for label in {label for _, _, label in held}:
        own = [(y + 0.5, x + 0.5) for y, x, other in held if other == label]
        v, u = np.mean(own, axis=0)
        all_of_it = sum(other == label for _, _, other in pixels)
        weight = all_of_it / len(pixels)
        placement += weight * len(own) / all_of_it * g(world.rule, (u - x1) / (x2 - x1), (v - y1) / (y2 - y1))
    kept = len(held) / len(pixels) if pixels else 0.0
    filled = len(held) / ((x2 - x1) * (y2 - y1))
    corners = 0
    for corner_x, corner_y in [(0, 0), (width, 0), (0, height), (width, height)]:
        near_x = abs((x1 if corner_x == 0 else x2) - corner_x) <= width / 16
        near_y = abs((y1 if corner_y == 0 else y2) - corner_y) <= height / 16
        corners += near_x and near_y
    away = math.dist([(x1 + x2) / 2 / width, (y1 + y2) / 2 / height], [0.5, 0.5])
    terms = {
        "keep": kept**world.keep_power,
        "placement": placement,
        "share": kept * math.exp(-0.5 * ((filled - world.best_share) / world.share_width) ** 2),
        "area": (x2 - x1) * (y2 - y1) / (width * height),
        "centrality": 1 - away / math.sqrt(0.5),
        "corners": corners / 4,
    }
    return {name: getattr(world.weights, name) * value for name, value in terms.items()}


def digests(world: PlantedWorld) -> list[str]:
    samples = [world[index] for index in range(len(world))]
    return [sha256(s.photo.tobytes() + s.boxes.tobytes() + s.scores.tobytes()).hexdigest() for s in samples]


@pytest.mark.parametrize("rule", RULES)
def test_terms_equal_a_count_of_pixels(rule: str) -> None:
    world = PlantedWorld(ShapeScenes(12, (24, 36), 3), rule, ALL, n_crops=8, best_share=0.2, keep_power=2)
    seen = set()
    for index in range(len(world)):
        sample = world[index]
        seen.add(int(sample.subjects.max()))
        expected = [pixel_by_pixel(world, sample.subjects, box) for box in sample.boxes]
        for name in expected[0]:
            values = [terms[name] for terms in expected]
            np.testing.assert_allclose(sample.truth.terms[name], values, atol=1e-12, err_msg=name)
        np.testing.assert_allclose(sample.scores, [sum(terms.values()) for terms in expected], atol=1e-12)
    assert seen == {0, 1, 2, 3}


def test_scores_are_the_sum_of_the_terms_and_the_truth_is_whole() -> None:
    sample = PlantedWorld(ShapeScenes(1, seed=1), "left", Weights(noise=0.3), n_crops=20)[0]
    terms = sample.truth.terms
    assert list(terms) == ["keep", "placement", "share", "area", "centrality", "corners", "noise"]
    np.testing.assert_allclose(sum(terms.values()), sample.scores, atol=1e-15)
    assert np.abs(terms["noise"]).min() > 0
    assert (sample.truth.rule, sample.truth.weights) == ("left", Weights(noise=0.3))
    np.testing.assert_array_equal(sample.mask, sample.subjects > 0)


@pytest.mark.parametrize("rule", RULES)
def test_truth_grid_is_the_rule_at_cell_centres(rule: str) -> None:
    grid = PlantedWorld(ShapeScenes(1, (16, 16)), rule)[0].truth.g
    expected = [[g(rule, (x + 0.5) / 32, (y + 0.5) / 32) for x in range(32)] for y in range(32)]
    np.testing.assert_allclose(grid, expected, rtol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_rules_peak_at_one_where_they_should(rule: str) -> None:
    grid = rule_grid(rule, 101)
    across, down = BUMPS[rule][:2]
    rows, columns = np.nonzero(grid == maximum_filter(grid, 5, mode="constant"))
    peaks = sorted((a, b) for a in across for b in down)
    found = sorted(zip((columns + 0.5) / 101, (rows + 0.5) / 101, strict=True))
    np.testing.assert_allclose(found, peaks, atol=0.5 / 101)
    assert [RULES[rule](np.array(a), np.array(b)) for a, b in peaks] == pytest.approx([1] * len(peaks), abs=1e-12)
    assert 0 <= grid.min() < 0.05


def test_mirror_images() -> None:
    np.testing.assert_allclose(rule_grid("left")[:, ::-1], rule_grid("right"), atol=1e-14)
    assert {rule: is_symmetric(rule) for rule in RULES} == {
        "centre": True,
        "thirds": True,
        "left": False,
        "right": False,
        "headroom": True,
    }
    for rule, mirrored in (("thirds", "thirds"), ("left", "right")):
        world = PlantedWorld(ShapeScenes(5, (32, 48), 1), rule, ALL, n_crops=6)
        other = PlantedWorld(world.scenes, mirrored, ALL, n_crops=6)
        for sample in map(world.__getitem__, range(5)):
            boxes = 48 - sample.boxes[:, [2, 1, 0, 3]]
            boxes[:, [1, 3]] = sample.boxes[:, [1, 3]]
            turned = other.terms(np.ascontiguousarray(sample.subjects[:, ::-1]), boxes)
            np.testing.assert_allclose(sum(turned.values()), sample.scores, atol=1e-12)


def test_same_seed_same_bytes_also_in_another_process() -> None:
    expected = digests(shapes_world("val", n_photos=3, size=(32, 48), seed=5, n_crops=7))
    assert digests(shapes_world("val", n_photos=3, size=(32, 48), seed=5, n_crops=7)) == expected
    done = subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True)
    assert done.stdout.split() == expected


def test_seeds_and_splits_share_no_photo_and_no_crops() -> None:
    worlds = [shapes_world(split, n_photos=3, size=(24, 24), seed=s) for s in range(3) for split in SPLITS]
    samples = [world[index] for world in worlds for index in range(3)]
    for part in ("photo", "boxes", "scores"):
        assert len({getattr(sample, part).tobytes() for sample in samples}) == 27, part
    scenes = ShapeScenes(1, (24, 24))
    assert len({PlantedWorld(scenes, seed=seed)[0].boxes.tobytes() for seed in range(4)}) == 4


def test_noise_has_its_strength() -> None:
    world = PlantedWorld(ShapeScenes(8, (16, 16)), weights=Weights(noise=0.25), n_crops=500)
    noise = np.concatenate([world[index].truth.terms["noise"] for index in range(8)])
    assert abs(noise.std() / 0.25 - 1) < 0.05  # 4000 draws: 1.1 % standard error
    assert abs(noise.mean()) < 0.02
    silent = PlantedWorld(ShapeScenes(1, (16, 16)), weights=Weights(noise=0))[0]
    assert not silent.truth.terms["noise"].any()


def test_scene_without_a_subject_has_no_content_terms() -> None:
    world = PlantedWorld(ShapeScenes(40, (24, 24), 1), weights=ALL)
    empty = [sample for sample in map(world.__getitem__, range(40)) if not sample.mask.any()]
    assert empty
    for sample in empty:
        terms = sample.truth.terms
        assert not any(terms[name].any() for name in ("keep", "placement", "share"))
        np.testing.assert_allclose(sample.scores, terms["area"] + terms["centrality"] + terms["corners"])


def test_spatial_terms_in_closed_form() -> None:
    assert CORNER_TOLERANCE == 1 / 16
    boxes = np.array(
        [[0, 0, 160, 80], [0, 0, 80, 40], [10, 0, 80, 80], [11, 0, 150, 75], [0, 0, 149, 74], [79, 39, 80, 40]]
    )
    terms = spatial_terms(boxes, (80, 160))
    np.testing.assert_allclose(terms["area"], [1, 0.25, 70 / 160, 139 * 75 / 12800, 149 * 74 / 12800, 1 / 12800])
    np.testing.assert_allclose(terms["centrality"][:2], [1, 0.5])
    np.testing.assert_allclose(terms["corners"], [1, 0.25, 0.5, 0.5, 0.25, 0])


def test_area_term_peaks_where_it_is_told_to() -> None:
    world = PlantedWorld(ShapeScenes(1, (100, 100)), weights=Weights(area=2.0), best_area=0.8)
    sides = np.array([50.0, 80.0, 100.0])
    boxes = np.stack([np.zeros(3), np.zeros(3), sides, np.full(3, 100.0)], axis=1)
    area = world.terms(np.zeros((100, 100), np.uint8), boxes)["area"]
    np.testing.assert_allclose(area, [2 * 0.5, 2 * 0.8, 2 * (0.8 - 3 * 0.2)])


def test_draws_differ_and_the_first_is_the_world_without_one() -> None:
    scenes = ShapeScenes(2, (32, 48), seed=3)
    plain, first, second = (PlantedWorld(scenes, n_crops=6, seed=9, **draw) for draw in ({}, {"draw": 0}, {"draw": 1}))
    assert digests(plain) == digests(first)
    assert not np.array_equal(first[0].boxes, second[0].boxes)
    np.testing.assert_array_equal(first[0].photo, second[0].photo)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "golden"}, r"no composition rule 'golden'; there are centre, thirds, left, right, headroom, lines"),
        ({"n_crops": 0}, "n_crops is at least 1, got 0"),
        ({"share_width": 0.0}, "share_width is above 0, got 0.0"),
        ({"keep_power": -1.0}, "keep_power is above 0, got -1.0"),
        ({"best_area": 0.0}, "best_area is above 0, got 0.0"),
        ({"crops": "all"}, "no crops 'all'; there are random, mixed"),
    ],
)
def test_impossible_worlds(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shapes_world(**options)


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match=r"one of train, val, test, got 'tset'"):
        shapes_world("tset")
    with pytest.raises(ValueError, match="no composition rule 'x'"):
        rule_grid("x")
    with pytest.raises(IndexError, match="scene 4 of 4"):
        shapes_world(n_photos=4)[4]


def test_real_photos(shared_dir: Path) -> None:
    world = subjects_world(shared_dir / "data" / "subjects", "val", rule="headroom", weights=ALL, n_crops=3)
    sample, again = world[-1], subjects_world(shared_dir / "data" / "subjects", "val", n_crops=3)[138]
    assert sample.photo.shape[:2] == world.photo_size(138) == sample.mask.shape
    np.testing.assert_array_equal(sample.boxes, again.boxes)
    small = sample.subjects[::8, ::8]
    boxes = random_boxes(small.shape, 4, np.random.default_rng(1))
    terms = world.terms(np.ascontiguousarray(small), boxes)
    for row, box in enumerate(boxes):
        for name, value in pixel_by_pixel(world, small, box).items():
            assert terms[name][row] == pytest.approx(value, abs=1e-12)
