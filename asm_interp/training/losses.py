r"""Losses of ASM-Net: ranking (paper eq. (4)), saliency-aware (eq. (7)) and their sum (eq. (8))."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

_TINY = 1e-12  # keeps the square root and the quotients differentiable on flat maps


def counted_pairs(scores: Tensor, delta: float) -> Tensor:
    """Tell which pairs count: [B, N] to [B, N, N], true where crop i beats crop j by `delta` or more.

    False on ties, and wherever a score is NaN.
    """
    gap = scores.unsqueeze(2) - scores.unsqueeze(1)
    return (gap >= delta) & (gap > 0)


def ranking_loss(
    predicted: Tensor,
    scores: Tensor,
    delta: float = 0.0,
    margin: float = 1.0,
    reduction: Literal["mean", "sum"] = "mean",
) -> Tensor:
    r"""Hinge loss over the pairs of a photo's crops, eq. (4).

    .. math:: \sum_{y_i - y_j \ge \delta} \max(0, \mathrm{margin} - (\Phi_i - \Phi_j))

    Parameters
    ----------
    predicted : Tensor, [B, N]
        Scores of the crops of B photos.
    scores : Tensor, [B, N]
        Annotated scores; NaN where a photo has fewer than N crops.
    delta : float
        Pairs count whose annotated scores differ by at least this, and not by zero.
    margin : float
    reduction : {"mean", "sum"}
        "mean": mean over each photo's pairs. "sum": the paper's sum over them. Either way the mean over
        photos follows; a photo without a pair counts as zero.

    Returns
    -------
    Tensor
        Scalar.
    """
    counts = counted_pairs(scores, delta)  # [B, better, worse]
    hinge = (margin - (predicted.unsqueeze(2) - predicted.unsqueeze(1))).clamp(min=0)
    total = hinge.where(counts, 0.0).sum((1, 2))  # [B]
    return (total if reduction == "sum" else total / counts.sum((1, 2)).clamp(min=1)).mean()


def theta_std(values: Tensor) -> Tensor:
    """Take the standard deviation over channels, eq. (6), smooth at zero: [B, L, h, w] to [B, h, w]."""
    deviation = values - values.mean(1, keepdim=True)
    return (deviation.square().mean(1) + _TINY).sqrt()


def saliency_loss(values: Tensor, saliency: Tensor) -> Tensor:
    r"""Saliency-aware loss, eq. (7): how far the map's sensitivity is from the photo's saliency.

    .. math::

        \frac{1}{hw} \sum_p \left( \frac{\theta_{std}(p)}{\bar\theta_{std}} - \frac{s(p)}{\bar s} \right)^2

    Both maps are divided by their means over the photo, so that the loss asks for the *places* of sensitivity
    and leaves its size to the ranking. The paper normalises θstd in the same way; where its text leaves the
    distance open we take the mean square. A photo without saliency counts as zero, and a flat map has a
    finite loss and gradient.

    Parameters
    ----------
    values : Tensor, [B, L, h, w]
    saliency : Tensor, [B, h, w]
        Non-negative.

    Returns
    -------
    Tensor
        Scalar, mean over photos.
    """
    theta = theta_std(values)
    theta = theta / (theta.mean((1, 2), keepdim=True) + _TINY)
    mean = saliency.mean((1, 2), keepdim=True)
    target = saliency / (mean + _TINY)
    return ((theta - target).square().mean((1, 2)) * (mean[:, 0, 0] > 0)).mean()


def total_loss(ranking: Tensor, saliency: Tensor, lam: float) -> Tensor:
    """Eq. (8): ranking loss plus λ times the saliency-aware loss."""
    return ranking + lam * saliency if lam else ranking
