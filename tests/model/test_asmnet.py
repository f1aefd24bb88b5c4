import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from asm_interp.geometry.patterns import from_labels, get
from asm_interp.model.asmnet import ASMNet, evaluating, network_input, network_size

BACKBONES = ["vgg16", "squeezenet1_1", "tiny"]


def random_net(backbone: str, pattern: str = "cross-rectangle", **options: object) -> ASMNet:
    """A net whose features do not fade out on the way, and whose biases are not zero."""
    torch.manual_seed(0)
    model = ASMNet(backbone, pattern, **options)  # type: ignore[arg-type]
    for module in model.backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    nn.init.normal_(model.bias)
    return model


def random_photo(height: int = 64, width: int = 96) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def paper_order(model: ASMNet, images: Tensor) -> Tensor:
    """The paper's head: upsample every stage, concatenate, one 1×1 convolution."""
    stages = [
        F.interpolate(features, images.shape[-2:], mode="bilinear", align_corners=False)
        for features in model.backbone(images)
    ]
    weight = torch.cat([head.weight for head in model.heads], dim=1)
    return F.conv2d(torch.cat(stages, dim=1), weight, model.bias)


def relative_error(found: Tensor, expected: Tensor) -> float:
    return ((found - expected).abs().max() / expected.abs().max()).item()


@pytest.fixture
def every_warning() -> Iterator[None]:
    """Torch repeats a warning that it would give once per process."""
    torch.set_warn_always(True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    torch.set_warn_always(False)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_same_function_as_in_the_papers_order(backbone: str, dtype: torch.dtype, tolerance: float) -> None:
    model = random_net(backbone).to(dtype)
    images = torch.randn(2, 3, 32, 64, dtype=dtype, generator=torch.Generator().manual_seed(1)).requires_grad_()
    ours, papers = model(images), paper_order(model, images)
    assert ours.shape == (2, 12, 32, 64)
    assert (ours - model.bias.view(-1, 1, 1)).std() > 0.01
    assert relative_error(ours, papers) <= tolerance
    direction = torch.randn(ours.shape, dtype=dtype, generator=torch.Generator().manual_seed(2))
    leaves = [images, *model.parameters()]
    gradients = torch.autograd.grad(ours, leaves, direction), torch.autograd.grad(papers, leaves, direction)
    for found, expected in zip(*gradients, strict=True):
        assert relative_error(found, expected) <= tolerance


def test_heads_are_one_convolution_a_stage_with_one_bias() -> None:
    model = ASMNet("tiny", "grid:3x3")
    assert [tuple(head.weight.shape) for head in model.heads] == [(9, 32, 1, 1), (9, 48, 1, 1), (9, 64, 1, 1)]
    names = {name for name, _ in model.named_parameters() if not name.startswith("backbone.features.")}
    assert names == {"heads.0.weight", "heads.1.weight", "heads.2.weight", "bias"}
    assert model.bias.shape == (9,)


def test_default_is_the_papers() -> None:
    model = ASMNet()
    assert model.backbone_name == "vgg16"
    assert model.pattern is get("cross-rectangle")
    assert model.input_size == 256


def test_own_pattern() -> None:
    pattern = from_labels([[0, 1, 0], [2, 2, 3]], "mine")
    score_map = ASMNet("tiny", pattern, input_size=32).score_map(random_photo())
    assert score_map.pattern is pattern
    assert score_map.values.shape == (4, 32, 64)


def test_score_map_is_the_forward_pass_of_the_network_input() -> None:
    model, photo = random_net("tiny", input_size=64), random_photo(90, 170)
    score_map = model.score_map(photo)
    with torch.no_grad():
        expected = model(network_input(photo, (64, 128))[None])[0]
    torch.testing.assert_close(score_map.values, expected)
    assert score_map.photo_size == (90, 170)
    assert score_map.values.dtype == torch.float32
    assert not score_map.values.is_inference()
    score_map.values.clone().requires_grad_().sum().backward()


@pytest.mark.parametrize("fails", [False, True])
def test_training_flags_are_as_before(fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_net("tiny", input_size=32)
    model.train()
    model.heads[1].eval()
    before = [module.training for module in model.modules()]
    during = []

    def watched(images: Tensor) -> list[Tensor]:
        during.extend([*(module.training for module in model.modules()), torch.is_grad_enabled()])
        if fails:
            raise KeyboardInterrupt
        return ASMNet("tiny").backbone(images)

    monkeypatch.setattr(model.backbone, "forward", watched)
    if fails:
        with pytest.raises(KeyboardInterrupt):
            model.score_map(random_photo())
    else:
        model.score_map(random_photo())
    assert during
    assert not any(during)
    assert [module.training for module in model.modules()] == before
    assert torch.is_grad_enabled()


def test_evaluating_ends_dropout() -> None:
    layer = nn.Dropout(0.5)
    with evaluating(layer):
        assert torch.equal(layer(torch.ones(100)), torch.ones(100))
    assert layer.training


def test_half_precision_net_gives_a_float32_map() -> None:
    model, photo = random_net("tiny", input_size=32), random_photo()
    expected = model.score_map(photo).values
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model.score_map(photo).values
    assert found.dtype == torch.float32
    assert relative_error(found, expected) < 0.05


@pytest.mark.parametrize(
    ("photo", "found"),
    [
        (random_photo().astype(np.float32), r"float32 \[64, 96, 3\]"),
        (random_photo()[..., 0], r"uint8 \[64, 96\]"),
        (random_photo()[..., :2], r"uint8 \[64, 96, 2\]"),
        (random_photo().transpose(2, 0, 1), r"uint8 \[3, 64, 96\]"),
        (random_photo()[None], r"uint8 \[1, 64, 96, 3\]"),
        (random_photo()[:0], r"uint8 \[0, 96, 3\]"),
        (np.zeros(3, np.uint8), r"uint8 \[3\]"),
        (np.uint8(3), "uint8$"),
        (torch.zeros(64, 96, 3, dtype=torch.uint8), "Tensor"),
        ("photo.jpg", "str"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_photo(photo: object, found: str) -> None:
    with pytest.raises(ValueError, match=rf"array \[H, W, 3\] uint8 as read_photo returns it, got {found}"):
        ASMNet("tiny").score_map(photo)  # type: ignore[arg-type]


def test_photos_that_are_views_or_read_only(every_warning: None) -> None:
    model, photo = random_net("tiny", input_size=32), random_photo()
    expected = model.score_map(photo.copy()).values
    photo.setflags(write=False)
    assert torch.equal(model.score_map(photo).values, expected)
    assert torch.equal(model.score_map(photo[:, ::-1].copy()[:, ::-1]).values, expected)


@pytest.mark.parametrize("size", [0, 16, 100, -32])
def test_input_size_is_a_multiple_of_32(size: int) -> None:
    with pytest.raises(ValueError, match=f"input_size is a multiple of 32, got {size}"):
        ASMNet("tiny", input_size=size)


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match="no backbone 'alexnet'"):
        ASMNet("alexnet")
    with pytest.raises(ValueError, match="no composition pattern 'spiral'"):
        ASMNet("tiny", "spiral")


def test_pretrained_weights_go_into_the_backbone(tmp_path: Path) -> None:
    state = random_net("tiny").backbone.state_dict()
    save_file(state, tmp_path / "tiny.safetensors")
    for source in (tmp_path / "tiny.safetensors", str(tmp_path / "tiny.safetensors")):
        loaded = ASMNet("tiny", pretrained=source).backbone.state_dict()
        assert all(torch.equal(loaded[key], tensor) for key, tensor in state.items())
    for none in (None, False):
        loaded = ASMNet("tiny", pretrained=none).backbone.state_dict()
        assert not torch.equal(loaded["features.0.weight"], state["features.0.weight"])


@pytest.mark.parametrize(
    ("photo_size", "expected"),
    [
        ((256, 256), (256, 256)),
        ((682, 1024), (256, 384)),
        ((1024, 682), (384, 256)),
        ((480, 640), (256, 352)),
        ((16, 16), (256, 256)),
        ((100, 20000), (256, 1024)),
    ],
)
def test_network_sizes(photo_size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert network_size(photo_size, 256) == expected


@given(st.integers(1, 9000), st.integers(1, 9000), st.integers(1, 20).map(lambda n: 32 * n))
def test_network_size_keeps_the_shape(height: int, width: int, input_size: int) -> None:
    found = network_size((height, width), input_size)
    assert min(found) == input_size
    assert max(found) % 32 == 0
    longer = input_size * max(height, width) / min(height, width)
    assert abs(max(found) - min(longer, 4 * input_size)) <= 16
    assert network_size((width, height), input_size) == found[::-1]


def test_network_input_is_normalised_rgb() -> None:
    photo = np.full((40, 50, 3), [255, 0, 51], np.uint8)
    expected = [(1 - 0.485) / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225]
    found = network_input(photo, (32, 64))
    assert found.shape == (3, 32, 64)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.flatten(1).T, np.tile(expected, (32 * 64, 1)), atol=1e-5)


def test_network_input_of_the_same_size_is_the_photo() -> None:
    photo = random_photo(32, 64)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(network_input(photo, (32, 64)).permute(1, 2, 0), (photo / 255 - mean) / std, atol=1e-5)


def test_network_input_is_antialiased() -> None:
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::3] = 255
    found = network_input(stripes, (32, 32))[0, :, 2:-2]
    np.testing.assert_allclose(found * 0.229 + 0.485, 1 / 3, atol=0.05)
