"""A photo and one crop of it as the network gets them, and what may stand in place of its pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from asm_interp.data.photo import read_photo
from asm_interp.geometry.boxes import FloatArray, Size, check_boxes
from asm_interp.model.asmnet import ASMNet, network_input, network_size
from asm_interp.model.pooling import composition_pool

ScoreFn = Callable[[Tensor], Tensor]
Progress = Callable[[int, int], None]
"""Called with the number of images scored so far and of all."""

Baseline = Literal["mean", "blur", "grey"]
"""What a removed pixel becomes: the photo's mean colour, the photo blurred, or ImageNet's mean colour."""

MEMORY_BYTES = 2**30
"""Memory that the images scored at once may take, unless a call says otherwise."""

_BLUR = 1 / 16  # standard deviation of the blur in shorter sides: little but colour is left of a subject
_MAP_COPIES = 6  # float64 copies of the score map that pooling and its gradient hold at once


def crop_score_fn(model: ASMNet, box: npt.ArrayLike) -> ScoreFn:
    """Forward function for Captum: images to the score of one crop of each, to use with ``target=None``.

    Parameters
    ----------
    model : ASMNet
        Its mode is left as it is; nothing in it depends on the mode.
    box : array_like, [4]
        x1, y1, x2, y2 in pixels of the images that the function will be given.

    Returns
    -------
    callable
        Maps images [B, 3, h, w], normalised as `asm_interp.model.asmnet.network_input` makes them, to scores [B]
        of the images' dtype; differentiable.

    Raises
    ------
    ValueError
        If the box is malformed; and from the function, if it leaves the image.

    Examples
    --------
    >>> score = crop_score_fn(ASMNet("tiny"), [0, 0, 32, 32])
    >>> score(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2])
    """
    checked = check_boxes(np.asarray(box, dtype=np.float64)[None])

    def score(images: Tensor) -> Tensor:
        return _pooled(model, images, check_boxes(checked, (images.shape[-2], images.shape[-1]))[0])

    return score


def _pooled(model: ASMNet, images: Tensor, box: FloatArray) -> Tensor:
    boxes = torch.from_numpy(box).expand(len(images), 1, 4)
    return composition_pool(model(images), boxes, model.pattern)[:, 0].to(images.dtype)


@dataclass(frozen=True, eq=False)
class CropInput:
    """One photo and one crop of it, ready to be perturbed; `crop_input` makes it.

    Attributes
    ----------
    model : ASMNet
    box : array of float64, [4]
        x1, y1, x2, y2 in photo pixels.
    photo_size : (int, int)
        Height and width of the photo.
    image : Tensor, [1, 3, h, w]
        The network's input, of the model's dtype and on its device.
    score : callable
        Images like `image`, [B, 3, h, w], to the crop's score in each, [B].
    """

    model: ASMNet
    box: FloatArray
    photo_size: Size
    image: Tensor
    score: ScoreFn

    @property
    def size(self) -> Size:
        """Height and width (h, w) of the network's input."""
        return self.image.shape[-2], self.image.shape[-1]

    def labels(self, raster: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Label at the centre of each input pixel when `raster` [Y, X] is laid on the crop, -1 outside: [h, w]."""
        x1, y1, x2, y2 = to_input(self.box, self.photo_size, self.size)
        (height, width), (rows, columns) = self.size, raster.shape
        row = np.floor((np.arange(height) + 0.5 - y1) / (y2 - y1) * rows).astype(np.int64)
        column = np.floor((np.arange(width) + 0.5 - x1) / (x2 - x1) * columns).astype(np.int64)
        inside = ((row >= 0) & (row < rows))[:, None] & ((column >= 0) & (column < columns))[None, :]
        return np.where(inside, raster[np.ix_(row.clip(0, rows - 1), column.clip(0, columns - 1))], -1)

    def baseline(self, kind: Baseline) -> Tensor:
        """The whole image replaced by its baseline, [1, 3, h, w].

        Raises
        ------
        ValueError
            If there is no such baseline.
        """
        if kind == "mean":
            return self.image.mean((2, 3), keepdim=True).expand_as(self.image).contiguous()
        if kind == "grey":
            return torch.zeros_like(self.image)
        if kind == "blur":
            from scipy.ndimage import gaussian_filter

            sigma = _BLUR * min(self.size)
            return torch.from_numpy(gaussian_filter(self.image.cpu().numpy(), (0, 0, sigma, sigma))).to(self.image)
        raise ValueError(f"no baseline {kind!r}; there are {', '.join(get_args(Baseline))}")

    def images_at_once(self, memory_bytes: int) -> int:
        """How many images may be scored at once, gradients kept, in so much memory; at least one.

        An image takes what its graph saves for the gradient, the weights apart, and the float64 copies of its
        score map that pooling makes. Without gradients it takes less.

        Raises
        ------
        ValueError
            If the memory is not positive.
        """
        if memory_bytes <= 0:
            raise ValueError(f"memory_bytes is positive, got {memory_bytes}")
        weights = {weight.untyped_storage().data_ptr() for weight in self.model.parameters()}
        saved: dict[int, int] = {}

        def count(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in weights:
                saved[storage.data_ptr()] = storage.nbytes()
            return tensor.detach()  # the tensor itself would tie its graph into a cycle

        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            kept = self.score(self.image.detach().requires_grad_())
        del kept  # until here its graph holds all that was counted, so that no address was counted twice
        height, width = self.size
        score_map = _MAP_COPIES * 8 * self.model.pattern.n_partitions * height * width
        return max(1, int(memory_bytes // (sum(saved.values()) + score_map)))

    def scores_without(
        self, removed: Iterable[npt.NDArray[np.bool_]], fill: Tensor, at_once: int, score: ScoreFn | None = None
    ) -> FloatArray:
        """Scores of the crop when pixels are replaced by those of `fill`.

        Parameters
        ----------
        removed : iterable of array of bool, [h, w]
            One mask per score.
        fill : Tensor, [1, 3, h, w]
            As `baseline` returns it.
        at_once : int
            Images scored together.
        score : callable, optional
            In place of `self.score`, for one that counts.

        Returns
        -------
        array of float64, [N]
        """
        score = score or self.score
        scores: list[Tensor] = []
        batch: list[Tensor] = []
        with torch.no_grad():
            for mask in removed:
                batch.append(torch.where(torch.from_numpy(mask).to(fill.device), fill[0], self.image[0]))
                if len(batch) == at_once:
                    scores.append(score(torch.stack(batch)))
                    batch.clear()
            if batch:
                scores.append(score(torch.stack(batch)))
        return torch.cat(scores).double().cpu().numpy() if scores else np.empty(0)


def crop_input(model: ASMNet, photo: npt.NDArray[np.uint8], box: npt.ArrayLike) -> CropInput:
    """A photo and one crop of it as the network gets them.

    Parameters
    ----------
    model : ASMNet
    photo : array of uint8, [H, W, 3]
        As `asm_interp.read_photo` returns it.
    box : array_like, [4]
        x1, y1, x2, y2 in photo pixels.

    Raises
    ------
    ValueError
        If the photo is none, or the box is malformed, thinner than one photo pixel or outside the photo.
    """
    photo = read_photo(photo)
    height, width, _ = photo.shape
    checked = check_boxes(np.asarray(box, dtype=np.float64)[None], (height, width))[0]
    size = network_size((height, width), model.input_size)
    image = network_input(photo, size).to(model.bias.device, model.bias.dtype)[None]
    mapped = to_input(checked, (height, width), size)  # may be thinner than a pixel of the input: a photo pixel is too
    return CropInput(model, checked, (height, width), image, lambda images: _pooled(model, images, mapped))


def to_input(box: FloatArray, photo_size: Size, size: Size) -> FloatArray:
    """Box [4] from photo pixels to pixels of the network's input of `size` (h, w)."""
    down, across = size[0] / photo_size[0], size[1] / photo_size[1]
    return np.asarray(box * np.array([across, down, across, down]))


def counted(score: ScoreFn, total: int, progress: Progress | None) -> ScoreFn:
    """The score function, which tells `progress` how many of `total` images it has scored."""
    if progress is None:
        return score
    done = 0

    def counting(images: Tensor) -> Tensor:
        nonlocal done
        scores = score(images)
        done += len(images)
        progress(done, total)
        return scores

    return counting
