"""Scenes made from scenes: windows of photos, and subjects moved to other photos.

Photographers put their subject in the middle and let it fill the photo, so that a network taught on their photos
alone knows few other places and sizes. Scenes made here have the subject anywhere, small and large, and its mask with
it. Scene i of a draw of a seed is always the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from asm_interp.data.scenes import Scene, Scenes
from asm_interp.geometry.boxes import Size

Mask = npt.NDArray[np.bool_]

_AREAS = (0.02, 0.2)  # least and greatest area of a moved subject, as a share of its new photo
_ENLARGED = 1.6  # at most: beyond, a subject is visibly blurred
_ROOM = 0.95  # of the new photo's sides that a moved subject's may take


@dataclass(frozen=True)
class Windows:
    """Scenes of which some are replaced by a random window of themselves.

    Parameters
    ----------
    scenes : Scenes
    seed, draw : int
    share : float
        Chance of a scene to be replaced.
    least : float
        Least side of a window, in units of the photo's.
    """

    scenes: Scenes
    seed: int
    draw: int = 0
    share: float = 0.5
    least: float = 0.6

    def __len__(self) -> int:
        return len(self.scenes)

    def photo_size(self, index: int) -> Size:
        """Height and width of a window, without drawing or decoding its scene."""
        _, _, height, width = self._window(index)
        return height, width

    def has_subject(self, index: int) -> bool:
        """Whether a scene has a subject, which its window may miss."""
        return self.scenes.has_subject(index)

    def __getitem__(self, index: int) -> Scene:
        top, left, height, width = self._window(index)
        scene = self.scenes[index]
        inside = np.s_[top : top + height, left : left + width]
        return Scene(scene.id, scene.photo[inside], scene.subjects[inside])

    def _window(self, index: int) -> tuple[int, int, int, int]:
        """Top, left, height and width."""
        full = np.array(self.scenes.photo_size(index))
        rng = np.random.default_rng([self.seed, index, 2, self.draw])
        if rng.random() >= self.share:
            return 0, 0, int(full[0]), int(full[1])
        size = np.maximum(np.rint(full * rng.uniform(self.least, 1, 2)), 1).astype(int)
        top, left = rng.integers(0, full - size + 1)
        return int(top), int(left), int(size[0]), int(size[1])


@dataclass(frozen=True)
class MovedSubjects:
    """Scenes of which some lend their subjects to a photo that has none.

    The subjects of a scene are cut out along their mask, resized to a random area, and laid with a soft rim at a
    random place of a random scene without a subject ("copy and paste" [1]_). Where no scene is without a subject,
    or a scene has none to lend, it stays as it is.

    Parameters
    ----------
    scenes : Scenes
    seed, draw : int
    share : float
        Chance of a scene to be replaced.

    References
    ----------
    .. [1] D. Dwibedi, I. Misra and M. Hebert, "Cut, Paste and Learn: Surprisingly Easy Synthesis for Instance
       Detection", ICCV 2017.
    """

    scenes: Scenes
    seed: int
    draw: int = 0
    share: float = 0.5

    def __len__(self) -> int:
        return len(self.scenes)

    @cached_property
    def empty(self) -> list[int]:
        """Scenes without a subject."""
        return [index for index in range(len(self)) if not self.scenes.has_subject(index)]

    def photo_size(self, index: int) -> Size:
        """Height and width of the photo that a scene is replaced by, or of its own."""
        return self.scenes.photo_size(self._host(index))

    def has_subject(self, index: int) -> bool:
        """Whether a scene has a subject."""
        return self.scenes.has_subject(index)

    def __getitem__(self, index: int) -> Scene:
        scene = self.scenes[index]
        host = self._host(index)
        return scene if host == index else _moved(scene, self.scenes[host], self._rng(index, 4))

    def _host(self, index: int) -> int:
        """Scene whose photo takes the subjects of scene `index`; itself where they stay."""
        rng = self._rng(index, 3)
        moves = rng.random() < self.share and bool(self.empty) and index not in self.empty
        return int(rng.choice(self.empty)) if moves else index

    def _rng(self, index: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, index, purpose, self.draw])


def augmented(scenes: Scenes, seed: int, draw: int) -> Scenes:
    """Scenes of a draw: one in five with its subjects moved, then two in five replaced by a window."""
    return Windows(MovedSubjects(scenes, seed, draw, share=0.2), seed, draw, share=0.4)


def _moved(scene: Scene, host: Scene, rng: np.random.Generator) -> Scene:
    """The subjects of a scene on the photo of another."""
    rows, columns = (np.flatnonzero((scene.subjects > 0).any(axis=axis)) for axis in (1, 0))
    cut = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    photo, subjects = scene.photo[cut], scene.subjects[cut]
    full = np.array(host.photo.shape[:2])
    area = np.exp(rng.uniform(*np.log(_AREAS))) * full.prod()
    zoom = min(np.sqrt(area / np.count_nonzero(subjects)), *(_ROOM * full / subjects.shape), _ENLARGED)
    height, width = np.maximum(np.rint(zoom * np.array(subjects.shape)), 1).astype(int).tolist()
    top, left = rng.integers(0, full - (height, width) + 1).tolist()
    inside = np.s_[top : top + height, left : left + width]
    pasted, labels = host.photo.copy(), np.zeros(host.photo.shape[:2], dtype=np.uint8)
    pasted[inside] = np.asarray(Image.fromarray(photo).resize((width, height), Image.Resampling.BILINEAR))
    labels[inside] = np.asarray(Image.fromarray(subjects).resize((width, height), Image.Resampling.NEAREST))
    rim = Image.fromarray((labels > 0).astype(np.uint8) * 255).filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 1.5)))
    # Soft inwards only: beyond the rim there is nothing of the subject's photo that should be seen.
    weight = (np.asarray(rim, dtype=np.float32) / 255 * (labels > 0))[..., None]
    blended = np.rint(host.photo * (1 - weight) + pasted * weight).astype(np.uint8)
    return Scene(scene.id, blended, labels)
