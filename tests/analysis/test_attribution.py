"""A crop's score as a plain function of images, for Captum."""

import numpy as np
import pytest
import torch
from captum.attr import FeatureAblation, IntegratedGradients, Occlusion

import asm_interp as asm
from asm_interp.model.asmnet import network_input

BOX = [5.5, 3.0, 50.25, 60.0]


@pytest.fixture(scope="module")
def model() -> asm.ASMNet:
    torch.manual_seed(0)
    net = asm.ASMNet("tiny", "cross-rectangle", input_size=64)
    for head in net.heads:
        torch.nn.init.normal_(head.weight, std=0.3)  # scores of order one
    return net.eval()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))


def test_score_is_that_of_the_crop_on_the_same_map(model: asm.ASMNet) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (128, 192, 3), dtype=np.uint8)
    box = np.array([10, 20, 130.5, 100])
    score = asm.crop_score_fn(model, box / 2)(network_input(photo, (64, 96))[None])
    assert score.shape == (1,)
    expected = asm.crop_scores(model.score_map(photo), [box])[0]
    assert score.item() == pytest.approx(expected, rel=1e-5)


def test_each_image_of_a_batch_gets_its_own_score(model: asm.ASMNet, images: torch.Tensor) -> None:
    score = asm.crop_score_fn(model, BOX)
    together = score(images)
    assert together.dtype == images.dtype
    assert abs(together[0] - together[1]) > 1e-3
    torch.testing.assert_close(together, torch.cat([score(images[:1]), score(images[1:])]), rtol=1e-4, atol=1e-5)


def test_gradient_is_the_slope_of_the_score(model: asm.ASMNet, images: torch.Tensor) -> None:
    double = asm.ASMNet("tiny", "cross-rectangle", input_size=64)
    double.load_state_dict(model.state_dict())
    score = asm.crop_score_fn(double.double().eval(), BOX)
    images = images.double()
    (slope,) = torch.autograd.grad(score(images.requires_grad_()).sum(), images)
    step = 1e-6 * torch.randn(images.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    with torch.no_grad():
        rise = (score(images + step) - score(images - step)).sum() / 2
    assert rise.item() == pytest.approx((slope * step).sum().item(), rel=1e-3)


def test_integrated_gradients_are_complete(model: asm.ASMNet, images: torch.Tensor) -> None:
    score = asm.crop_score_fn(model, BOX)
    baseline = torch.zeros_like(images)
    shares = IntegratedGradients(score).attribute(images, baseline, target=None, n_steps=200, internal_batch_size=50)
    gained = (score(images) - score(baseline)).detach()
    torch.testing.assert_close(shares.sum((1, 2, 3)).float(), gained, rtol=0.01, atol=0.01)


def test_occlusion_and_ablation_are_differences_of_scores(model: asm.ASMNet, images: torch.Tensor) -> None:
    score = asm.crop_score_fn(model, BOX)
    halves = (torch.arange(96) >= 48).long().expand(1, 1, 64, 96)
    with torch.no_grad():
        ablated = FeatureAblation(score).attribute(images, target=None, feature_mask=halves)
        occluded = Occlusion(score).attribute(images, (3, 64, 48), strides=(3, 64, 48), target=None)
        for start in (0, 48):
            without = images.clone()
            without[..., start : start + 48] = 0
            lost = score(images) - score(without)
            for shares in (ablated, occluded):
                torch.testing.assert_close(shares[:, 0, 0, start], lost, rtol=1e-4, atol=1e-5)


def test_model_is_left_as_it_was(model: asm.ASMNet, images: torch.Tensor) -> None:
    model.train()
    model.backbone.eval()
    flags = [module.training for module in model.modules()]
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    score = asm.crop_score_fn(model, BOX)
    IntegratedGradients(score).attribute(images, target=None, n_steps=2)
    assert [module.training for module in model.modules()] == flags
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, weights[key], rtol=0, atol=0)


def test_faulty_boxes_are_named_early_or_when_the_image_is_known(model: asm.ASMNet, images: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="x1 < x2 and y1 < y2"):
        asm.crop_score_fn(model, [10, 0, 5, 5])
    with pytest.raises(ValueError, match="shape"):
        asm.crop_score_fn(model, [[10, 0, 5, 5]])
    score = asm.crop_score_fn(model, [0, 0, 97, 64])
    with pytest.raises(ValueError, match="inside the photo of 64×96"):
        score(images)
