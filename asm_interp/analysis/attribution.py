"""The seam to Captum: a crop's score as a plain function of the network's input."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from asm_interp.geometry.boxes import check_boxes
from asm_interp.model.asmnet import ASMNet
from asm_interp.model.pooling import composition_pool


def crop_score_fn(model: ASMNet, box: npt.ArrayLike) -> Callable[[Tensor], Tensor]:
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
        inside = torch.from_numpy(check_boxes(checked, (images.shape[-2], images.shape[-1])))
        values = model(images)
        scores = composition_pool(values, inside.expand(len(images), 1, 4), model.pattern)
        return scores[:, 0].to(images.dtype)

    return score
