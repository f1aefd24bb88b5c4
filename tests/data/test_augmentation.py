"""Scenes made from scenes."""

from dataclasses import dataclass

import numpy as np
import pytest

from asm_interp.data.augmentation import MovedSubjects, Windows
from asm_interp.data.scenes import Scene, Scenes, ShapeScenes
from asm_interp.geometry.boxes import Size


def test_windows_are_parts_of_their_scenes() -> None:
    scenes = ShapeScenes(40, (48, 64), seed=2)
    windows = Windows(scenes, seed=7, share=0.5, least=0.6)
    assert len(windows) == 40
    whole = 0
    for index in range(40):
        scene, window = scenes[index], windows[index]
        height, width = window.photo.shape[:2]
        assert windows.photo_size(index) == window.subjects.shape == (height, width)
        assert height >= 0.6 * 48 - 1
        assert width >= 0.6 * 64 - 1
        places = [
            (top, left)
            for top in range(48 - height + 1)
            for left in range(64 - width + 1)
            if np.array_equal(scene.photo[top : top + height, left : left + width], window.photo)
        ]
        ((top, left),) = places  # the texture tells every place apart
        np.testing.assert_array_equal(scene.subjects[top : top + height, left : left + width], window.subjects)
        whole += window.photo.shape == scene.photo.shape
    assert 10 < whole < 30  # binomial, n = 40: beyond four standard deviations


def test_windows_depend_on_the_seed_alone() -> None:
    scenes = ShapeScenes(8, (32, 40), seed=2)
    first, again, other = ([Windows(scenes, seed, share=1.0)[index].photo for index in range(8)] for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    whole = Windows(scenes, seed=1, share=0.0)
    assert all(np.array_equal(whole[index].photo, scenes[index].photo) for index in range(8))


@dataclass(frozen=True)
class Plain:
    """Two grey scenes with a red 20 × 10 subject and one green scene, half as large, without one."""

    def __len__(self) -> int:
        return 3

    def photo_size(self, index: int) -> Size:
        return (30, 40) if index == 2 else (60, 80)

    def has_subject(self, index: int) -> bool:
        return index != 2

    def __getitem__(self, index: int) -> Scene:
        photo = np.full((*self.photo_size(index), 3), (0, 200, 0) if index == 2 else 90, dtype=np.uint8)
        subjects = np.zeros(photo.shape[:2], dtype=np.uint8)
        if index != 2:
            subjects[5:25, 60:70] = 1
            photo[5:25, 60:70] = (250, 0, 0)
        return Scene(f"plain-{index}", photo, subjects)


@pytest.mark.parametrize("draw", range(8))
def test_subjects_move_to_the_photo_without_one(draw: int) -> None:
    moved = MovedSubjects(Plain(), seed=3, draw=draw, share=1.0)
    for index in (0, 1):
        scene = moved[index]
        assert scene.id == f"plain-{index}"
        assert moved.photo_size(index) == scene.photo.shape[:2] == scene.subjects.shape == (30, 40)
        rows, columns = (np.flatnonzero(scene.subjects.any(axis=axis)) for axis in (1, 0))
        height, width = len(rows), len(columns)
        assert height == pytest.approx(2 * width, abs=2)
        assert 0.015 <= scene.subjects.mean() <= 0.25
        # Inside the subject, off its rim, its own colour; outside, the photo that took it.
        inner = scene.photo[rows[0] + 3 : rows[-1] - 2, columns[0] + 2 : columns[-1] - 1].reshape(-1, 3)
        assert not len(inner) or (inner[:, 0] > inner[:, 1]).all()
        assert (scene.photo[scene.subjects == 0] == (0, 200, 0)).all()
    np.testing.assert_array_equal(moved[2].photo, Plain()[2].photo)


def test_moved_subjects_stay_where_there_is_no_chance_or_no_host() -> None:
    for scenes in (MovedSubjects(Plain(), seed=1, share=0.0), MovedSubjects(_WithSubject(), seed=1, share=1.0)):
        for index in range(2):
            np.testing.assert_array_equal(scenes[index].photo, Plain()[index].photo)
            assert scenes.photo_size(index) == (60, 80)


class _WithSubject(Plain):
    """The scenes of `Plain` that have a subject."""

    def __len__(self) -> int:
        return 2


def test_half_of_the_subjects_move_and_each_draw_moves_others() -> None:
    scenes = ShapeScenes(60, (32, 40), seed=5)
    with_subject = [index for index in range(60) if scenes.has_subject(index)]
    draws = [MovedSubjects(scenes, seed=5, draw=draw) for draw in (0, 0, 1)]
    hosts = [[moved[index].photo.tobytes() for index in with_subject] for moved in draws]
    assert hosts[0] == hosts[1] != hosts[2]
    same = sum(scenes[index].photo.tobytes() == host for index, host in zip(with_subject, hosts[0], strict=True))
    assert 10 < same < len(with_subject) - 10


def test_they_stack() -> None:
    scenes: Scenes = MovedSubjects(ShapeScenes(6, (32, 40), seed=1), seed=1, share=1.0)
    windows = Windows(scenes, seed=1, share=1.0)
    for index in range(6):
        assert windows[index].photo.shape[:2] == windows.photo_size(index)
