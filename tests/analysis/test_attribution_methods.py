"""Captum's methods in one call: closed forms on a linear model, memory, progress, no trace."""

import gc
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

import asm_interp as asm
from asm_interp.analysis import attribution
from asm_interp.analysis.attribution import (
    SURROUNDINGS,
    Attribution,
    feature_ablation,
    grad_cam,
    integrated_gradients,
    occlusion,
    shapley_values,
)
from asm_interp.analysis.attribution_agreement import agreement
from asm_interp.analysis.crop_input import crop_input
from asm_interp.model.backbones import Backbone

from .linear_model import linear_model, slopes

BOX = [8, 4, 72, 52]
COUNTED = [
    partial(integrated_gradients, steps=6),
    partial(occlusion, window=32, stride=16),
    feature_ablation,
    partial(shapley_values, permutations=2),
]
METHODS = [*COUNTED, grad_cam]


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def linear() -> asm.ASMNet:
    return linear_model()


@pytest.fixture(scope="module")
def tiny() -> asm.ASMNet:
    torch.manual_seed(0)
    net = asm.ASMNet("tiny", "grid:2x2", input_size=64)
    for head in net.heads:
        torch.nn.init.normal_(head.weight, std=0.3)
    return net.eval()


def effects(model: asm.ASMNet, photo: np.ndarray, baseline: str) -> np.ndarray:
    """Gradient × (input - baseline) summed over channels, [h, w]."""
    crop = crop_input(model, photo, BOX)
    change = (crop.image - crop.baseline(baseline))[0].numpy()  # type: ignore[arg-type]
    return (slopes(crop) * change).sum(0)


def test_closed_form_is_the_gradient(linear: asm.ASMNet, photo: np.ndarray) -> None:
    crop = crop_input(linear, photo, BOX)
    image = crop.image.requires_grad_()
    (slope,) = torch.autograd.grad(crop.score(image).sum(), image)
    np.testing.assert_allclose(slope[0].numpy(), slopes(crop), atol=1e-15)


@pytest.mark.parametrize("baseline", ["mean", "blur", "grey"])
def test_integrated_gradients_of_a_linear_model(linear: asm.ASMNet, photo: np.ndarray, baseline: str) -> None:
    found = integrated_gradients(linear, photo, BOX, baseline=baseline, steps=7)  # type: ignore[arg-type]
    np.testing.assert_allclose(found.values, effects(linear, photo, baseline), atol=1e-12)
    assert found.leak_share == 0
    assert found.delta == pytest.approx(0, abs=1e-12)
    values = linear(crop_input(linear, photo, BOX).image)[0].detach()
    assert found.score == pytest.approx(asm.crop_scores(asm.ScoreMap(values, linear.pattern, (64, 96)), [BOX])[0])


def test_ablation_and_shapley_of_a_linear_model_are_sums_over_partitions(linear: asm.ASMNet, photo: np.ndarray) -> None:
    own = effects(linear, photo, "mean")
    labels = crop_input(linear, photo, BOX).labels(linear.pattern.labels)
    expected = np.bincount(labels.ravel() + 1, own.ravel(), 5)
    ablated, shapley = feature_ablation(linear, photo, BOX), shapley_values(linear, photo, BOX, permutations=3)
    for found in (ablated, shapley):
        assert found.partitions is not None
        assert found.partitions["partition"].tolist() == [SURROUNDINGS, 0, 1, 2, 3]
        assert found.partitions["pixels"].tolist() == np.bincount(labels.ravel() + 1).tolist()
        np.testing.assert_allclose(found.partitions["attribution"], expected, atol=1e-6)
        assert found.values.sum() == pytest.approx(expected.sum(), abs=1e-6)
        assert found.leak_share == pytest.approx(0, abs=1e-6)
    assert shapley.partitions is not None
    assert shapley.partitions["standard_error"].max() < 1e-6
    assert shapley.delta == pytest.approx(0, abs=1e-6)
    assert np.isnan(ablated.delta)


def test_occlusion_of_a_linear_model_is_a_sum_over_the_window(linear: asm.ASMNet, photo: np.ndarray) -> None:
    found = occlusion(linear, photo, BOX, window=16, stride=16)
    blocks = effects(linear, photo, "mean").reshape(4, 16, 6, 16).sum((1, 3))
    np.testing.assert_allclose(found.values, np.kron(blocks, np.ones((16, 16))), atol=1e-12)


def test_grad_cam_of_a_linear_model(linear: asm.ASMNet, photo: np.ndarray) -> None:
    crop = crop_input(linear, photo, BOX)
    labels, head = crop.labels(linear.pattern.labels), linear.heads[0].weight[:, :, 0, 0].detach().numpy()
    share = np.bincount(labels[labels >= 0], minlength=4) / (labels >= 0).sum() / labels.size
    features = linear.backbone(crop.image)[0][0].detach().numpy()
    np.testing.assert_allclose(grad_cam(linear, photo, BOX).values, np.tensordot(share @ head, features, 1), atol=1e-12)


def test_shapley_shares_an_interaction_and_ablation_counts_it_twice(photo: np.ndarray) -> None:
    """Two partitions whose joint gain is a product: each has half of it under Shapley."""

    class Product(asm.ASMNet):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            left, right = images[..., :48].std((1, 2, 3)), images[..., 48:].std((1, 2, 3))
            return (left * right).view(-1, 1, 1, 1).expand(-1, 2, *images.shape[-2:])

    found = [
        method(Product("tiny", "grid:1x2", input_size=64), photo, [0, 0, 96, 64], baseline="grey", **more)
        for method, more in ((shapley_values, {"permutations": 120}), (feature_ablation, {}))
    ]
    shapley, ablated = (part.partitions for part in found)
    assert shapley is not None
    assert ablated is not None
    score = found[0].score
    assert found[0].delta == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(ablated["attribution"], [0, score, score], atol=1e-5)
    error = shapley["standard_error"].to_numpy()[1:]
    assert np.all(np.abs(shapley["attribution"].to_numpy()[1:] - score / 2) < 4 * error)
    assert error.max() < 0.1 * score


@pytest.mark.parametrize("method", COUNTED)
def test_chunks_keep_the_budget_and_do_not_change_the_answer(
    tiny: asm.ASMNet, photo: np.ndarray, method: Callable[..., Attribution], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = 2**30 // crop_input(tiny, photo, BOX).images_at_once(2**30)
    seen: list[int] = []
    forward = tiny.forward

    def watched(images: torch.Tensor) -> torch.Tensor:
        seen.append(len(images))
        return forward(images)

    monkeypatch.setattr(tiny, "forward", watched)
    found = []
    for budget in (1, 3 * one + one // 2):
        calls: list[tuple[int, int]] = []
        seen.clear()
        found.append(method(tiny, photo, BOX, memory_bytes=budget, progress=lambda *at, to=calls: to.append(at)))
        assert max(seen) == max(1, budget // one)
        done, total = zip(*calls, strict=True)
        assert list(done) == sorted(set(done))
        assert done[-1] == total[-1]
    np.testing.assert_allclose(found[0].values, found[1].values, rtol=1e-3, atol=1e-5)


def test_measured_bytes_grow_with_the_photo(tiny: asm.ASMNet, photo: np.ndarray) -> None:
    def bytes_of(model: asm.ASMNet, pixels: np.ndarray) -> float:
        height, width = pixels.shape[:2]
        return 2**34 / crop_input(model, pixels, [0, 0, width, height]).images_at_once(2**34)

    wide = np.concatenate([photo, photo], axis=1)
    assert bytes_of(tiny, wide) == pytest.approx(2 * bytes_of(tiny, photo), rel=0.02)
    activations = 64 * 96 * 4 * (16 + 32 // 4 * 2 + 48 // 16 * 2 + 64 // 64 * 2)  # what the ReLUs keep, at least
    assert bytes_of(tiny, photo) > activations


@pytest.mark.parametrize("method", METHODS)
def test_attributions_leave_no_trace(tiny: asm.ASMNet, photo: np.ndarray, method: Callable[..., Attribution]) -> None:
    tiny.train()
    tiny.backbone.features[2].eval()
    tiny.bias.requires_grad_(False)
    before = state(tiny)
    torch.manual_seed(5)
    generator = torch.get_rng_state()

    method(tiny, photo, BOX)
    assert state(tiny) == before
    held = tensors()
    method(tiny, photo, BOX)
    assert tensors() == held, "memory is kept"
    assert torch.equal(torch.get_rng_state(), generator)
    tiny.bias.requires_grad_(True)
    tiny.eval()


@pytest.mark.parametrize("method", METHODS)
def test_the_model_is_as_others_know_it_while_it_is_attributed(
    tiny: asm.ASMNet, photo: np.ndarray, method: Callable[..., Attribution]
) -> None:
    seen = []
    hook = tiny.register_forward_pre_hook(lambda *_: seen.append(state(tiny)))
    before = state(tiny)
    method(tiny, photo, BOX)
    hook.remove()
    assert seen
    assert all(each == before for each in seen)


@pytest.mark.parametrize("method", METHODS)
def test_an_exception_inside_leaves_no_trace(
    tiny: asm.ASMNet, photo: np.ndarray, method: Callable[..., Attribution], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, generator = state(tiny), torch.get_rng_state()

    def fail(*args: object) -> None:
        raise RuntimeError("stopped by the user")

    held = []
    for _ in range(2):
        with monkeypatch.context() as patched:
            if method is grad_cam:
                patched.setattr(tiny.heads[2], "forward", fail)
            with pytest.raises(RuntimeError, match="stopped by the user"):
                method(tiny, photo, BOX, **({} if method is grad_cam else {"progress": fail}))
        held.append(tensors())
    assert held[0] == held[1], "memory is kept"
    assert state(tiny) == before
    assert torch.equal(torch.get_rng_state(), generator)


def state(model: asm.ASMNet) -> list[object]:
    """All of a model that a method could disturb."""
    hooks = [sum(map(len, (m._forward_hooks, m._forward_pre_hooks, m._backward_hooks))) for m in model.modules()]
    parameters = [
        (p.requires_grad, p.grad is None, p.data_ptr(), p.detach().numpy().tobytes()) for p in model.parameters()
    ]
    return [[module.training for module in model.modules()], hooks, parameters]


def tensors() -> int:
    gc.collect()
    return sum(issubclass(type(item), torch.Tensor) for item in gc.get_objects())


def test_a_receptive_field_leaks_by_the_share_of_the_kernel_that_hangs_over(photo: np.ndarray) -> None:
    """A 1×3 kernel of weights 1, 1, 1 on a crop: one column of pixels on each side takes part with a third."""
    model = linear_model("grid:1x1")
    blur = torch.nn.Conv2d(3, 1, (1, 3), padding=(0, 1), bias=False)
    torch.nn.init.ones_(blur.weight)
    model.backbone = Backbone(torch.nn.Sequential(blur), {0: 1})
    model.heads = torch.nn.ModuleList([torch.nn.Conv2d(1, 1, 1, bias=False)])
    flat = np.zeros_like(photo)
    found = integrated_gradients(model.double(), flat, [16, 8, 80, 40], baseline="grey", steps=5)
    assert found.leak_share == pytest.approx(2 / (3 * 64), rel=1e-9)


def test_attributions_of_a_pointwise_model_agree_with_its_pixel_scores(linear: asm.ASMNet, photo: np.ndarray) -> None:
    found = [integrated_gradients(linear, photo, BOX, baseline="grey", steps=3), grad_cam(linear, photo, BOX)]
    table = agreement(linear, photo, found).set_index(["method", "reference"])
    exact = table.loc[("integrated gradients", "score above baseline")]
    assert exact["spearman"] == pytest.approx(1, abs=1e-6)
    assert exact["top_iou"] > 0.99
    assert exact["leak_share"] == 0
    assert table.loc[("integrated gradients", "score"), "spearman"] < 0.99  # the offsets of channels differ
    assert ("grad-cam", "score above baseline") not in table.index
    coarse = agreement(linear, photo, found[:1], cell=8).set_index("reference")
    assert coarse.loc["score above baseline", "spearman"] == pytest.approx(1, abs=1e-3)


def test_a_flat_photo_gives_nan_and_no_warning(linear: asm.ASMNet) -> None:
    flat = np.full((64, 96, 3), 90, np.uint8)
    found = integrated_gradients(linear, flat, BOX, steps=3)
    assert np.abs(found.values).max() < 1e-12
    still = attribution.Attribution("any", found.box, "mean", np.zeros((64, 96)), (64, 96), 0.0, 0.0, 0.0)
    assert np.isnan(still.leak_share)
    assert np.isnan(agreement(linear, flat, [still])["spearman"]).all()


def test_a_crop_too_small_for_its_partitions_gives_them_nothing(linear: asm.ASMNet, photo: np.ndarray) -> None:
    small = shapley_values(linear, photo, [10, 10, 11.2, 40], permutations=2)
    assert small.partitions is not None
    empty = small.partitions["pixels"] == 0
    assert empty.any()
    assert (small.partitions.loc[empty, "attribution"] == 0).all()


@pytest.mark.parametrize("box", [[100, 100, 102, 102], [0, 0, 1, 1], [511, 511, 512, 512], [100.2, 0, 101.2, 512]])
def test_boxes_thinner_than_a_pixel_of_the_input_have_their_score(tiny: asm.ASMNet, box: list[float]) -> None:
    large = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    expected = asm.crop_scores(tiny.score_map(large), [box])[0]
    for method in METHODS:
        found = method(tiny, large, box)
        assert found.score == pytest.approx(expected, abs=1e-5)
        assert found.box.tolist() == box
        assert np.isfinite(found.values).all()
    with pytest.raises(ValueError, match=r"sides are at least one photo pixel; row 0 is \[0.0, 0.0, 0.9, 5.0\]"):
        feature_ablation(tiny, large, [0, 0, 0.9, 5])


def test_faulty_calls_are_named(linear: asm.ASMNet, photo: np.ndarray) -> None:
    with pytest.raises(ValueError, match="no baseline 'black'; there are mean, blur, grey"):
        integrated_gradients(linear, photo, BOX, baseline="black")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="inside the photo of 64×96"):
        feature_ablation(linear, photo, [0, 0, 97, 64])
    with pytest.raises(ValueError, match="memory_bytes is positive"):
        shapley_values(linear, photo, BOX, memory_bytes=0)
    with pytest.raises(ValueError, match="at least 1"):
        shapley_values(linear, photo, BOX, permutations=0)
    with pytest.raises(ValueError, match="steps is at least 1, got 0"):
        integrated_gradients(linear, photo, BOX, steps=0)
    with pytest.raises(ValueError, match="window is at most"):
        occlusion(linear, photo, BOX, window=16, stride=17)
    with pytest.raises(ValueError, match="not among its modules"):
        grad_cam(linear, photo, BOX, layer=torch.nn.ReLU())
    with pytest.raises(ValueError, match="but an attribution is of"):
        agreement(linear, photo[:, :80], [grad_cam(linear, photo, BOX)])
