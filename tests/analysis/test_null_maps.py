"""Null maps in closed form, and a model that others may use meanwhile."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import asm_interp as asm
from asm_interp.analysis.null_maps import edge_magnitude, feature_norm, null_maps, random_head, random_weights


@pytest.fixture(scope="module")
def model() -> asm.ASMNet:
    torch.manual_seed(0)
    return asm.ASMNet("tiny", "grid:2x2", input_size=64)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)


def state(model: asm.ASMNet) -> dict[str, torch.Tensor]:
    return {key: tensor.clone() for key, tensor in model.state_dict().items()}


def test_the_model_and_torchs_generator_are_as_before(model: asm.ASMNet, photo: np.ndarray) -> None:
    before, pointer, generator = state(model), model.bias.data_ptr(), torch.get_rng_state()
    model.train()
    null_maps(model, photo)
    assert model.training
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    assert model.bias.data_ptr() == pointer
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), generator)


def test_scores_read_while_null_maps_are_made_are_those_of_the_model(model: asm.ASMNet, photo: np.ndarray) -> None:
    scores, meanwhile, reading = model.score_map(photo).values, [], []

    def read(*_: object) -> None:  # hooks are copied with the model: this is called inside each null's network as well
        if not reading:
            reading.append(True)
            meanwhile.append(model.score_map(photo).values)
            reading.clear()

    hook = model.backbone.register_forward_hook(read)
    null_maps(model, photo)
    hook.remove()
    assert len(meanwhile) == 3
    assert all(torch.equal(each, scores) for each in meanwhile)


def test_what_is_random_and_what_stays(model: asm.ASMNet) -> None:
    before = state(model)
    headless = state(random_head(model, 3))
    assert all(torch.equal(each, before[key]) for key, each in headless.items() if "backbone" in key)
    assert not torch.equal(headless["heads.0.weight"], before["heads.0.weight"])
    assert not headless["bias"].any()
    assert all(torch.equal(each, headless[key]) for key, each in state(random_head(model, 3)).items())
    untrained = random_weights(model, 3)
    weights = [key for key, each in before.items() if each.ndim > 1]
    assert not any(torch.equal(untrained.state_dict()[key], before[key]) for key in weights)
    assert untrained.backbone.features[10].weight.detach().std() == pytest.approx((2 / (48 * 9)) ** 0.5, rel=0.05)


def test_seeds_and_sizes(model: asm.ASMNet, photo: np.ndarray) -> None:
    one, same, other = null_maps(model, photo, 1), null_maps(model, photo, 1), null_maps(model, photo, 2)
    assert one.random_head.values.shape == one.random_weights.values.shape == (4, 64, 96)
    assert one.feature_norm.shape == one.edges.shape == (64, 96)
    for name in ("random_head", "random_weights"):
        assert torch.equal(getattr(one, name).values, getattr(same, name).values)
        assert not torch.equal(getattr(one, name).values, getattr(other, name).values)


def test_random_heads_give_the_feature_norm_on_average(model: asm.ASMNet, photo: np.ndarray) -> None:
    norm = feature_norm(model, photo).astype(np.float64)
    for head in model.heads:
        torch.nn.init.normal_(head.get_parameter("weight"), std=0.01)
    squares = np.zeros_like(norm)
    n = 60  # each square is then known to about a tenth
    for seed in range(n):
        null = random_head(model, seed).score_map(photo)
        squares += np.square(asm.theta_maps(null, center="channel").std) / n
    sigma = np.mean([head.get_parameter("weight").detach().square().mean() for head in model.heads])
    expected = sigma * (1 - 1 / 4) * np.square(norm)
    assert squares.mean() == pytest.approx(expected.mean(), rel=0.15)
    assert np.corrcoef(squares.ravel(), expected.ravel())[0, 1] > 0.9


def test_feature_norm_is_of_the_upsampled_features(model: asm.ASMNet, photo: np.ndarray) -> None:
    from asm_interp.model.asmnet import network_input

    with torch.inference_mode():
        stages = model.backbone(network_input(photo, (64, 96))[None])
        whole = torch.cat([F.interpolate(each, (64, 96), mode="bilinear", align_corners=False) for each in stages], 1)
        expected = (whole - whole.mean((2, 3), keepdim=True)).norm(dim=1)[0].numpy()
    np.testing.assert_allclose(feature_norm(model, photo), expected, rtol=1e-4, atol=1e-4)


def test_edges_of_a_ramp_and_of_nothing(model: asm.ASMNet) -> None:
    ramp = np.repeat(np.arange(0, 192, 2, dtype=np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    edges = edge_magnitude(model, ramp)
    np.testing.assert_allclose(edges[:, 1:-1], 2 / 255, atol=1e-6)
    assert edge_magnitude(model, np.full((64, 96, 3), 77, np.uint8)).max() < 1e-6
