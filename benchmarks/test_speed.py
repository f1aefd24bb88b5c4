"""Each group times our way and the naive or usual one in the same run: read the ratio, not the milliseconds."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor, nn

from asm_interp.analysis.theta import theta_maps
from asm_interp.geometry.patterns import get
from asm_interp.model.asmnet import ASMNet
from asm_interp.model.pooling import composition_pool
from asm_interp.model.score_map import ScoreMap

PATTERN = get("cross-rectangle")
VGG_STAGES = {4: 256, 8: 512, 16: 512}  # stride: channels
SIDE = 512


def random_map(side: int) -> Tensor:
    return torch.randn(PATTERN.n_partitions, side, side, generator=torch.Generator().manual_seed(0))


def random_boxes(n: int, side: int) -> Tensor:
    corners = np.sort(np.random.default_rng(0).uniform(0, side, (n, 2, 2)), axis=1)
    return torch.from_numpy(corners.reshape(n, 4))


def timed(benchmark: BenchmarkFixture, function: Callable[..., Any], *arguments: Any, rounds: int = 10) -> Any:
    """Median of a few rounds after one that warms up."""
    with torch.inference_mode():
        return benchmark.pedantic(function, arguments, rounds=rounds, warmup_rounds=1)


@pytest.mark.benchmark(group="1000 crops against one VGG16 forward pass at 256")
class TestCrops:
    def test_1000_crops(self, benchmark: BenchmarkFixture) -> None:
        scores = timed(benchmark, composition_pool, random_map(256)[None], random_boxes(1000, 256)[None], PATTERN)
        assert scores.shape == (1, 1000)

    def test_forward_pass(self, benchmark: BenchmarkFixture) -> None:
        model = ASMNet("vgg16", PATTERN)
        scores = timed(benchmark, model, torch.zeros(1, 3, 256, 256))
        assert scores.shape == (1, 12, 256, 256)


@pytest.fixture(scope="module")
def features() -> list[Tensor]:
    """VGG16's three stages for an input of 512 × 512."""
    return [torch.randn(1, channels, SIDE // stride, SIDE // stride) for stride, channels in VGG_STAGES.items()]


@pytest.fixture(scope="module")
def heads() -> list[nn.Conv2d]:
    return [nn.Conv2d(channels, PATTERN.n_partitions, 1, bias=False) for channels in VGG_STAGES.values()]


def upsampled(values: Tensor) -> Tensor:
    return F.interpolate(values, (SIDE, SIDE), mode="bilinear", align_corners=False)


def convolve_upsample_add(features: list[Tensor], heads: list[nn.Conv2d]) -> Tensor:
    return torch.stack([upsampled(head(stage)) for head, stage in zip(heads, features, strict=True)]).sum(0)


def upsample_concatenate_convolve(features: list[Tensor], heads: list[nn.Conv2d]) -> Tensor:
    weight = torch.cat([head.weight for head in heads], dim=1)
    return F.conv2d(torch.cat([upsampled(stage) for stage in features], dim=1), weight)


@pytest.mark.benchmark(group="head at 512 × 512 with VGG16's channels")
@pytest.mark.parametrize("order", [convolve_upsample_add, upsample_concatenate_convolve], ids=lambda f: f.__name__)
def test_head(
    benchmark: BenchmarkFixture,
    order: Callable[[list[Tensor], list[nn.Conv2d]], Tensor],
    features: list[Tensor],
    heads: list[nn.Conv2d],
) -> None:
    scores = timed(benchmark, order, features, heads, rounds=3)
    assert scores.shape == (1, 12, SIDE, SIDE)


@pytest.mark.benchmark(group="θ maps of 12 × 512 × 512")
class TestThetaMaps:
    def test_two_passes(self, benchmark: BenchmarkFixture) -> None:
        score_map = ScoreMap(random_map(SIDE), PATTERN, (SIDE, SIDE))
        theta = timed(benchmark, theta_maps, score_map)
        np.testing.assert_allclose(theta.std, score_map.values.std(0, correction=0), rtol=1e-4)

    def test_mean_and_std(self, benchmark: BenchmarkFixture) -> None:
        values = random_map(SIDE)
        timed(benchmark, lambda: (values.mean(0), values.std(0, correction=0)))
