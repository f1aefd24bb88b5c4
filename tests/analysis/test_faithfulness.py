"""Curves, infidelity and sensitivity against closed forms on a linear model."""

import numpy as np
import pytest
import torch

import asm_interp as asm
from asm_interp.analysis.attribution import integrated_gradients
from asm_interp.analysis.crop_input import crop_input
from asm_interp.analysis.faithfulness import curve_areas, infidelity, max_sensitivity, perturbation_curves
from asm_interp.data.saliency import spectral_residual
from asm_interp.model.backbones import ImageNetStd

from .linear_model import linear_model, slopes

BOX = [8, 4, 72, 52]


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model() -> asm.ASMNet:
    return linear_model()


@pytest.fixture(scope="module")
def effect(model: asm.ASMNet, photo: np.ndarray) -> np.ndarray:
    return integrated_gradients(model, photo, BOX, steps=3).values


@pytest.fixture(scope="module")
def curves(model: asm.ASMNet, photo: np.ndarray, effect: np.ndarray):  # type: ignore[no-untyped-def]
    maps = {"effect": effect, "reverse": -effect}
    return perturbation_curves(model, photo, BOX, maps, cells=4, steps=16, n_random=19)


def test_curves_run_between_the_photo_and_the_filled_crop(curves, model, photo) -> None:  # type: ignore[no-untyped-def]
    crop = crop_input(model, photo, BOX)
    inside = torch.from_numpy(crop.labels(np.zeros((1, 1), np.int64)) == 0)
    full = crop.score(crop.image).item()
    gone = crop.score(torch.where(inside, crop.baseline("mean"), crop.image)).item()
    ends = {"deletion": (full, gone), "insertion": (gone, full)}
    for (mode, *_), curve in curves.groupby(["mode", "order", "draw"]):
        assert len(curve) == 17
        assert curve["share"].tolist() == pytest.approx(np.linspace(0, 1, 17))
        assert curve["score"].iloc[[0, -1]].tolist() == pytest.approx(ends[mode], abs=1e-12)


def test_curve_of_a_linear_model_is_a_cumulative_sum(curves, model, photo, effect) -> None:  # type: ignore[no-untyped-def]
    crop = crop_input(model, photo, BOX)
    labels = crop.labels(np.arange(16).reshape(4, 4))
    per_cell = np.sort(np.bincount(labels[labels >= 0], effect[labels >= 0]))[::-1]  # cells are of one size
    expected = crop.score(crop.image).item() - np.concatenate([[0], np.cumsum(per_cell)])
    found = curves[(curves["mode"] == "deletion") & (curves["order"] == "effect")]
    np.testing.assert_allclose(found["score"], expected, atol=1e-12)


def test_the_true_order_beats_every_random_one_and_the_reverse_none(curves) -> None:  # type: ignore[no-untyped-def]
    areas = curve_areas(curves).set_index(["order", "mode"])
    assert len(areas) == 4
    assert (areas.loc["effect", "advantage"] > 0).all()
    assert (areas.loc["effect", "p"] == 1 / 20).all()
    assert (areas.loc["reverse", "advantage"] < 0).all()
    assert (areas.loc["reverse", "p"] == 1).all()
    assert (areas["random_low"] < areas["random_mean"]).all()
    assert (areas["n_random"] == 19).all()


def test_a_random_order_has_a_uniform_p(model, photo) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(1)
    maps = {f"noise {i}": rng.random((64, 96)) for i in range(30)}
    areas = curve_areas(perturbation_curves(model, photo, BOX, maps, cells=4, steps=2, n_random=30, seed=2))
    assert np.mean(areas["p"]) == pytest.approx(0.5, abs=0.16)


def test_areas_without_random_orders_are_nan_and_maps_of_any_size_count(model, photo, effect) -> None:  # type: ignore[no-untyped-def]
    fine = np.kron(effect, np.ones((2, 2)))
    found = [
        curve_areas(perturbation_curves(model, photo, BOX, {"x": values}, fill="blur", cells=4, steps=8, n_random=0))
        for values in (effect, fine)
    ]
    assert found[0]["p"].isna().all()
    assert found[0]["auc"].tolist() == pytest.approx(found[1]["auc"].tolist(), abs=1e-12)


def test_infidelity_of_the_true_effect_is_zero_whatever_its_scale(model, photo, effect) -> None:  # type: ignore[no-untyped-def]
    maps = {"effect": effect, "scaled": -5 * effect, "nothing": np.zeros_like(effect)}
    table = infidelity(model, photo, BOX, maps, n_samples=20, cells=4, n_random=3)
    found = table.set_index("order")["unexplained"]
    assert found["effect"] == pytest.approx(0, abs=1e-9)
    assert found["scaled"] == pytest.approx(0, abs=1e-9)
    assert found["nothing"] == pytest.approx(1, rel=1e-9)
    assert (found["random"] > 0.01).all()
    assert (found["random"] < 1).all()
    small = infidelity(model, photo, BOX, maps, n_samples=20, cells=4, n_random=3, memory_bytes=1)
    np.testing.assert_allclose(small["infidelity"], table["infidelity"], atol=1e-12)


def test_sensitivity_of_a_linear_model(model, photo) -> None:  # type: ignore[no-untyped-def]
    slope = torch.from_numpy(slopes(crop_input(model, photo, BOX)))
    image = crop_input(model, photo, BOX).image
    own = {"effect": lambda images: (images * slope).sum(1)}
    found, double = (
        max_sensitivity(model, photo, BOX, own, radius=radius, n_samples=8).set_index("explanation")["sensitivity"]
        for radius in (0.1, 0.2)
    )
    assert list(found.index) == ["effect", "theta_avg", "theta_std", "gradient", "saliency", "random"]
    assert found["gradient"] == 0
    # The largest change that noise of this radius can make, over the map's own size.
    bound = 0.1 * slope.abs().sum(0).norm() / (image[0] * slope).sum(0).norm()
    assert 0.2 * bound < found["effect"] < bound
    assert double["effect"] == pytest.approx(2 * found["effect"], rel=1e-9)
    small = max_sensitivity(model, photo, BOX, own, radius=0.1, n_samples=8, memory_bytes=1)
    np.testing.assert_allclose(small["sensitivity"], found, rtol=1e-9)  # in turns, the same draws


def test_sensitivity_of_saliency_and_of_random_maps(model, photo) -> None:  # type: ignore[no-untyped-def]
    found = max_sensitivity(model, photo, BOX, n_samples=8).set_index("explanation")["sensitivity"]
    assert found["random"] == pytest.approx(2**0.5, rel=0.05)
    crop = crop_input(model, photo, BOX)  # the photo as it is: the network's input has its size
    own = spectral_residual(photo).astype(np.float64)
    torch.manual_seed(0)
    noise = torch.empty(8, *crop.image.shape[1:]).uniform_(-0.02, 0.02)
    colours = torch.tensor(ImageNetStd).view(3, 1, 1) * noise + torch.from_numpy(photo / 255).permute(2, 0, 1)
    noisy = (255 * colours).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    changes = [np.linalg.norm(spectral_residual(each) - own) / np.linalg.norm(own) for each in noisy]
    assert found["saliency"] == pytest.approx(max(changes), rel=1e-2)


def test_no_trace(model, photo, effect) -> None:  # type: ignore[no-untyped-def]
    model.train()
    before = [(p.requires_grad, p.grad is None, p.detach().numpy().tobytes()) for p in model.parameters()]
    generator = torch.get_rng_state()
    max_sensitivity(model, photo, BOX, n_samples=2)
    infidelity(model, photo, BOX, {"effect": effect}, n_samples=2, n_random=0)
    perturbation_curves(model, photo, BOX, {"effect": effect}, cells=2, steps=2, n_random=1)
    assert all(module.training for module in model.modules())
    assert [(p.requires_grad, p.grad is None, p.detach().numpy().tobytes()) for p in model.parameters()] == before
    assert torch.equal(torch.get_rng_state(), generator)
    model.eval()


def test_faulty_calls_are_named(model, photo, effect) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="cannot be called 'random'"):
        perturbation_curves(model, photo, BOX, {"random": effect})
    with pytest.raises(ValueError, match="map 'θ' should be finite"):
        perturbation_curves(model, photo, BOX, {"θ": np.full((64, 96), np.nan)})
    with pytest.raises(ValueError, match="12 × 12 cells need a crop"):
        infidelity(model, photo, [0, 0, 8, 8], {"x": effect})
    with pytest.raises(ValueError, match="steps"):
        perturbation_curves(model, photo, BOX, {"x": effect}, cells=2, steps=5)
    with pytest.raises(ValueError, match="maps cannot be called random, saliency: these are measured anyway"):
        max_sensitivity(model, photo, BOX, dict.fromkeys(("saliency", "random", "own"), lambda images: images[:, 0]))
    for radius in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match="radius positive"):
            max_sensitivity(model, photo, BOX, radius=radius)
