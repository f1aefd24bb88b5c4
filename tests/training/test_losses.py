import math

import pytest
import torch
from torch import Tensor

from asm_interp.training.losses import counted_pairs, ranking_loss, saliency_loss, theta_std, total_loss


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def pair_by_pair(predicted: Tensor, scores: Tensor, delta: float, margin: float, reduction: str) -> float:
    photos = []
    for phi, y in zip(predicted.tolist(), scores.tolist(), strict=True):
        hinges = [
            max(0.0, margin - (phi[i] - phi[j]))
            for i in range(len(y))
            for j in range(len(y))
            if y[i] > y[j] and y[i] - y[j] >= delta
        ]
        photos.append(sum(hinges) / (max(1, len(hinges)) if reduction == "mean" else 1))
    return sum(photos) / len(photos)


def random_crops(seed: int, shape: tuple[int, int] = (4, 7)) -> tuple[Tensor, Tensor]:
    torch.manual_seed(seed)
    predicted = torch.randn(shape, dtype=torch.float64)
    scores = torch.randint(0, 9, shape).double() / 8  # ties, and gaps of exactly delta
    scores[0, 3:] = math.nan  # fewer crops
    scores[1] = 0.5  # no pair
    return predicted, scores


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(("delta", "margin"), [(0, 1), (0.25, 1), (0.25, 0.3), (2, 1)])
def test_ranking_loss_pair_by_pair(reduction: str, delta: float, margin: float) -> None:
    for seed in range(5):
        predicted, scores = random_crops(seed)
        expected = pair_by_pair(predicted, scores, delta, margin, reduction)
        found = ranking_loss(predicted, scores, delta, margin, reduction).item()
        assert found == pytest.approx(expected, abs=1e-12)


def test_counted_pairs() -> None:
    scores = torch.tensor([[0.0, 0.5, 0.25, math.nan]], dtype=torch.float64)
    assert counted_pairs(scores, 0.25).nonzero().tolist() == [[0, 1, 0], [0, 1, 2], [0, 2, 0]]
    assert counted_pairs(scores, 0.3).nonzero().tolist() == [[0, 1, 0]]


def test_ranking_loss_in_closed_form() -> None:
    scores = torch.tensor([[2.0, 1.0, 0.0]])
    assert ranking_loss(torch.tensor([[4.0, 2.0, 0.0]]), scores).item() == 0
    assert ranking_loss(torch.zeros(1, 3), scores).item() == 1
    assert ranking_loss(torch.zeros(1, 3), scores, margin=0.5, reduction="sum").item() == 1.5
    assert ranking_loss(torch.tensor([[0.0, 2.0, 4.0]]), scores, reduction="sum").item() == 3 + 3 + 5


def test_padding_has_no_gradient() -> None:
    predicted, scores = random_crops(1)
    predicted.requires_grad_()
    ranking_loss(predicted, scores, 0.1).backward()
    assert predicted.grad is not None
    assert predicted.grad.isfinite().all()
    assert not predicted.grad[0, 3:].any()
    assert not predicted.grad[1].any()
    assert predicted.grad[2:].any()


def test_theta_std() -> None:
    values = torch.rand(2, 5, 3, 4, dtype=torch.float64)
    torch.testing.assert_close(theta_std(values), values.std(1, correction=0), atol=1e-10, rtol=0)


def two_channels(theta: Tensor) -> Tensor:
    """Maps whose θstd is `theta`, around a mean that differs from pixel to pixel."""
    return torch.stack([theta, -theta], dim=1) + torch.randn_like(theta)[:, None]


def test_equal_maps_up_to_scale_cost_nothing() -> None:
    saliency = torch.rand(3, 6, 5, dtype=torch.float64) + 0.1
    for scale in (1.0, 1e-3, 40.0):
        assert saliency_loss(two_channels(scale * saliency), saliency).item() < 1e-10
        assert saliency_loss(two_channels(saliency), scale * saliency).item() < 1e-10
    assert saliency_loss(two_channels(saliency.flip(-1)), saliency).item() > 0.01


def test_saliency_loss_in_closed_form() -> None:
    theta = torch.tensor([[[1.0, 3.0]]], dtype=torch.float64)
    saliency = torch.tensor([[[1.0, 0.0]]], dtype=torch.float64)
    # Over their means the maps are (0.5, 1.5) and (2, 0).
    assert saliency_loss(two_channels(theta), saliency).item() == pytest.approx((1.5**2 + 1.5**2) / 2, abs=1e-9)
    both = torch.cat([theta, theta]), torch.cat([saliency, theta])
    assert saliency_loss(two_channels(both[0]), both[1]).item() == pytest.approx(2.25 / 2, abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("level", [0.0, 0.3, 1e6])
def test_flat_map_has_a_finite_loss_and_gradient(dtype: torch.dtype, level: float) -> None:
    saliency = torch.rand(1, 4, 5, dtype=dtype)
    values = torch.full((1, 3, 4, 5), level, dtype=dtype, requires_grad=True)
    loss = saliency_loss(values, saliency)
    loss.backward()
    relative = saliency / saliency.mean()
    assert loss.item() == pytest.approx((relative - 1).square().mean().item(), rel=1e-4)
    assert values.grad is not None
    assert values.grad.isfinite().all()


def test_photo_without_saliency_costs_nothing() -> None:
    values = torch.rand(2, 3, 4, 5, requires_grad=True)
    saliency = torch.rand(2, 4, 5)
    saliency[0] = 0
    loss = saliency_loss(values, saliency)
    loss.backward()
    assert loss.item() == pytest.approx(saliency_loss(values[1:], saliency[1:]).item() / 2)
    assert values.grad is not None
    assert not values.grad[0].any()
    assert values.grad[1].any()
    assert saliency_loss(values, torch.zeros(2, 4, 5)).item() == 0


def test_gradients() -> None:
    values = torch.rand(2, 4, 3, 5, dtype=torch.float64, requires_grad=True)
    saliency = torch.rand(2, 3, 5, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda v: saliency_loss(v, saliency), values)
    predicted, scores = random_crops(2)
    predicted.requires_grad_()
    for reduction in ("mean", "sum"):
        assert torch.autograd.gradcheck(lambda p, r=reduction: ranking_loss(p, scores, 0.2, reduction=r), predicted)


def test_total_loss() -> None:
    ranking, saliency = torch.tensor(2.0), torch.tensor(3.0)
    assert total_loss(ranking, saliency, 0.5).item() == 3.5
    assert total_loss(ranking, torch.tensor(math.nan), 0.0).item() == 2.0
