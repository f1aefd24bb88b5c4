"""θ maps: how high, and how sensitive to composition, each pixel's scores are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from asm_interp.model.score_map import ScoreMap

Center = Literal["none", "channel"]

_BAND = 32_768  # values at once


@dataclass(frozen=True, eq=False)
class ThetaMaps:
    """θavg and θstd of one photo.

    Attributes
    ----------
    avg, std : array of float32, [h, w]
        Mean and standard deviation over channels, eq. (5) and (6).
    gauge_share : float
        Share of the mean squared θstd of the uncentred map that is offset between channels, in [0, 1]. Ranking
        does not identify these offsets. NaN for a map whose channels are all alike.
    center : {"none", "channel"}
        Whether each channel's mean over the photo was taken off first.
    """

    avg: npt.NDArray[np.float32]
    std: npt.NDArray[np.float32]
    gauge_share: float
    center: Center


def theta_maps(score_map: ScoreMap, center: Center = "none") -> ThetaMaps:
    r"""θavg and θstd of a score map.

    .. math:: \theta_{avg} = \frac{1}{L}\sum_l m_l, \qquad
              \theta_{std} = \sqrt{\frac{1}{L}\sum_l (m_l - \theta_{avg})^2}

    A constant added to a channel moves all crop scores alike, so ranking leaves it open, yet it enters θstd.
    ``center="channel"`` takes each channel's mean over the photo off first; the gauge share
    :math:`\mathrm{Var}_l(\bar m_l) / \mathrm{mean}_p\,\theta_{std}^2` says how much of the uncentred θstd was
    such offset.

    Parameters
    ----------
    score_map : ScoreMap
    center : {"none", "channel"}
        "none" is the paper's definition.

    Returns
    -------
    ThetaMaps

    Raises
    ------
    ValueError
        If `center` is neither.

    References
    ----------
    Tu et al., AAAI 2020, eq. (5)-(6).

    Examples
    --------
    >>> import torch
    >>> from asm_interp.geometry import patterns
    >>> offsets = torch.tensor([-1.0, 1.0]).view(2, 1, 1).expand(2, 4, 4)
    >>> only_offsets = ScoreMap(offsets, patterns.get("grid:1x2"), (40, 40))
    >>> float(theta_maps(only_offsets).std.max()), theta_maps(only_offsets).gauge_share
    (1.0, 1.0)
    >>> float(theta_maps(only_offsets, center="channel").std.max())
    0.0
    """
    if center not in ("none", "channel"):
        raise ValueError(f"center is 'none' or 'channel', got {center!r}")
    values = score_map.values.contiguous()
    n_channels, height, width = values.shape
    offsets = torch.stack([channel.mean(dtype=torch.float64) for channel in values])
    between = offsets.var(correction=0)
    avg, squares = (torch.empty(height, width, dtype=torch.float64) for _ in range(2))
    # In float64, so that alike channels give exactly zero, whatever their common offset; in bands of rows that fit
    # a processor's cache, and along the contiguous axis: several times as fast as the whole map at once.
    rows = max(1, _BAND // (n_channels * width))
    for band in (slice(top, top + rows) for top in range(0, height, rows)):
        some = values[:, band].double()
        if center == "channel":
            some -= offsets.view(-1, 1, 1)
        torch.mean(some, 0, out=avg[band])
        some -= avg[band]
        torch.mean(some.square_(), 0, out=squares[band])
    # The offsets that were taken off belong to the uncentred map; what is left is orthogonal to them.
    total = squares.mean() + (between if center == "channel" else 0.0)
    share = min(float(between / total), 1.0)
    return ThetaMaps(avg.float().numpy(), squares.sqrt().float().numpy(), share, center)
