"""Parameter randomisation: what is reset, what stays, and that the model is not touched."""

import numpy as np
import pytest
import torch

import asm_interp as asm
from asm_interp.analysis.sanity import RANDOM_HEAD, layers, randomisation_cascade, randomised, summarise_cascade


@pytest.fixture(scope="module")
def model() -> asm.ASMNet:
    torch.manual_seed(7)
    net = asm.ASMNet("tiny", "grid:2x2", input_size=32)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    return net


@pytest.fixture(scope="module")
def photos() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.integers(0, 256, (64, 96, 3), dtype=np.uint8) for name in ("a", "b")}


def test_layers_run_from_the_heads_to_the_first_convolution(model: asm.ASMNet) -> None:
    names = layers(model)
    assert names[0] == "heads"
    assert names[-1] == "backbone.features.0"
    assert names[1:] == [f"backbone.features.{index}" for index in (12, 10, 8, 6, 4, 2, 0)]
    squeeze = layers(asm.ASMNet("squeezenet1_1", "grid:1x1"))
    assert squeeze[1:] == [f"backbone.features.{index}" for index in (12, 11, 10, 9, 7, 6, 4, 3, 0)]


def test_chosen_parts_are_fresh_and_the_others_bit_for_bit_the_trained_ones(model: asm.ASMNet) -> None:
    other = randomised(model, ["heads", "backbone.features.1" + "0"], seed=3)
    for name, value in model.state_dict().items():
        fresh = name.startswith(("heads.", "bias", "backbone.features.10."))
        assert torch.equal(other.state_dict()[name], value) != fresh, name
        assert other.state_dict()[name].data_ptr() != value.data_ptr()
    assert torch.equal(other.bias, torch.zeros(4))
    same, another = randomised(model, ["heads"], seed=3), randomised(model, ["heads"], seed=4)
    assert torch.equal(same.heads[0].weight, other.heads[0].weight)
    assert not torch.equal(another.heads[0].weight, other.heads[0].weight)
    with pytest.raises(ValueError, match=r"no part 'backbone.features.1'; there are heads"):
        randomised(model, ["backbone.features.1"], seed=0)


def test_cascade_is_one_row_per_photo_map_layer_and_seed_and_leaves_no_trace(model, photos) -> None:  # type: ignore[no-untyped-def]
    model.train()
    before = [(p.requires_grad, p.grad is None, p.data_ptr(), p.detach().numpy().tobytes()) for p in model.parameters()]
    generator = torch.get_rng_state()
    table = randomisation_cascade(model, photos, seeds=(0, 1))
    assert all(module.training for module in model.modules())
    assert [
        (p.requires_grad, p.grad is None, p.data_ptr(), p.detach().numpy().tobytes()) for p in model.parameters()
    ] == before
    assert torch.equal(torch.get_rng_state(), generator)
    assert len(table) == 2 * 3 * 9 * 2
    assert not table.duplicated(["photo", "map", "layer", "seed"]).any()
    assert table[["spearman", "ssim"]].abs().max().max() <= 1
    summary = summarise_cascade(table)
    assert len(summary) == 3 * 9 * 2
    assert summary.loc[summary["depth"] == 0, "layer"].unique().tolist() == [RANDOM_HEAD]
    assert (summary["n_photos"] == 2).all()
    row = summary[(summary["map"] == "theta_avg") & (summary["depth"] == 2) & (summary["similarity"] == "ssim")].iloc[0]
    own = table[(table["map"] == "theta_avg") & (table["depth"] == 2)]
    assert row["mean"] == pytest.approx(own["ssim"].mean())
    assert row["ci_low"] <= row["mean"] <= row["ci_high"]


def test_randomised_models_share_no_memory_with_the_trained_one(model, photos) -> None:  # type: ignore[no-untyped-def]
    held = {parameter.data_ptr() for parameter in model.parameters()}
    seen = []

    def watch(net: asm.ASMNet, photo: np.ndarray) -> np.ndarray:
        seen.append(held & {parameter.data_ptr() for parameter in net.parameters()})
        return photo[..., 0].astype(float)

    randomisation_cascade(model, {"a": photos["a"]}, {"watch": watch})
    assert seen == [held] + [set()] * (1 + len(layers(model)))  # the trained model, the random head, and each layer


def test_a_map_that_ignores_a_part_stays_alike_until_a_part_it_needs(model, photos) -> None:  # type: ignore[no-untyped-def]
    def shallow(net: asm.ASMNet, photo: np.ndarray) -> np.ndarray:
        image = torch.tensor(photo[:64, :64]).permute(2, 0, 1)[None].float()
        with torch.no_grad():
            return net.backbone.features[:4](image)[0].mean(0).numpy()  # type: ignore[no-any-return]

    one = {"a": photos["a"]}
    for cascade in (True, False):
        table = randomisation_cascade(model, one, {"shallow": shallow}, cascade=cascade).set_index("layer")
        kept = table.index.difference(["backbone.features.0", "backbone.features.2"])
        assert table.loc[kept, ["spearman", "ssim"]].to_numpy() == pytest.approx(1)
        assert (table.loc[["backbone.features.0", "backbone.features.2"], "spearman"] < 0.999).all()


def test_constant_maps_are_nan(model, photos) -> None:  # type: ignore[no-untyped-def]
    table = randomisation_cascade(model, photos, {"flat": lambda net, photo: np.ones((20, 20))})
    assert table[["spearman", "ssim"]].isna().all().all()
    assert (summarise_cascade(table)["n_photos"] == 0).all()


def test_an_exception_in_an_explanation_leaves_the_model_alone(model, photos) -> None:  # type: ignore[no-untyped-def]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    calls = []

    def fails_on_the_second(net: asm.ASMNet, photo: np.ndarray) -> np.ndarray:
        calls.append(net)
        if len(calls) > len(photos):
            raise RuntimeError("out of ideas")
        return photo[..., 0].astype(float)

    with pytest.raises(RuntimeError, match="out of ideas"):
        randomisation_cascade(model, photos, {"fails": fails_on_the_second})
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
