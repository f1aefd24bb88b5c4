"""LambdaExplorer: the slider over λ, the scale of differences, and the verdict."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from asm_interp.analysis.regions import concentration
from asm_interp.data.photo import sample_photos
from asm_interp.model.checkpoint import find, list_checkpoints, read_card
from asm_interp.search import search_crops
from asm_interp.widgets import painter
from asm_interp.widgets.canvas import MapCanvas
from asm_interp.widgets.lambda_explorer import LambdaExplorer
from asm_interp.widgets.lambda_family import BIAS, MASS, BiasOverPhotos, bias_over_photos, corner_mass, families
from asm_interp.widgets.score_maps import ScoreMaps

FAMILY = "shapes-300"


@pytest.fixture(scope="module")
def network_maps() -> ScoreMaps:
    return ScoreMaps()


@pytest.fixture(scope="module")
def some() -> dict[str, npt.NDArray[np.uint8]]:
    photos = sample_photos()
    return {name: photos[name] for name in ("coffee", "rocket", "flower")}


@pytest.fixture
def view(network_maps: ScoreMaps, some: dict[str, npt.NDArray[np.uint8]]) -> LambdaExplorer:
    return LambdaExplorer("coffee", FAMILY, maps=network_maps, photos=some)


def indices(canvas: MapCanvas) -> npt.NDArray[np.uint8]:
    return np.frombuffer(canvas.layer, np.uint8).reshape(canvas.layer_size)


def test_families_differ_in_lambda_alone() -> None:
    found = families()
    assert {"photos", FAMILY} <= set(found)
    table = list_checkpoints().set_index("name")
    for family in found.values():
        assert family.lambdas == sorted(family.lambdas)
        assert [table["lambda"][name] for name in family.checkpoints.values()] == family.lambdas
    card = read_card(find(f"{FAMILY}-lambda-1"))["metrics"]
    row = found[FAMILY].accuracy.set_index("lambda").loc[1.0]
    assert row.tolist() == [card["test_ranking_accuracy"], card["ci_low"], card["ci_high"], card["n_photos"]]


def test_the_slider_changes_maps_difference_crops_and_curves(view: LambdaExplorer) -> None:
    here, there, gap = view.canvases
    seen = []
    for lam in (0.0, 0.1, 10.0):
        view.slider.value = lam
        assert view.lam == lam
        seen.append((here.layer, gap.layer, view.curves.value, view.readout.value, there.layer))
        layer = view.now.layers[lam]
        assert np.array_equal(indices(here), painter.indices(layer.values, view.now.norm))
        assert f"λ = {lam:g}" in here.title
    assert [len(set(column)) for column in zip(*seen, strict=True)] == [3, 3, 3, 3, 1]


def test_maps_are_multiples_of_their_mean_on_one_scale(view: LambdaExplorer, network_maps: ScoreMaps) -> None:
    std = network_maps.theta(view.photo, f"{FAMILY}-lambda-3", "channel").std
    assert view.now.layers[3.0].values == pytest.approx(std / std.mean(), rel=1e-4)
    assert "one scale for 10 maps" in view.canvases[0].scale["label"]
    assert view.canvases[0].scale["high"] == view.canvases[1].scale["high"]


def test_differences_share_one_scale_and_are_nothing_at_the_pinned_lambda(view: LambdaExplorer) -> None:
    gap = view.canvases[2]
    ends = set()
    for lam in (0.0, 1.0, 100.0):
        view.lam = lam
        ends.add((gap.scale["low"], gap.scale["high"]))
        expected = view.now.layers[lam].values - view.now.layers[0.0].values
        assert ((indices(gap).astype(int) - 128) * expected >= 0).all()
    assert len(ends) == 1
    view.pinned = 100.0
    assert (indices(gap) == 128).all(), "λ = 100 less itself"


def test_best_crops_of_both_are_outlined(view: LambdaExplorer, network_maps: ScoreMaps) -> None:
    view.lam = 0.3
    dashed, solid = view.canvases[0].outlines
    assert (dashed["dash"], solid["dash"]) == (True, False)
    for outline, lam in ((solid, "0.3"), (dashed, "0")):
        best = search_crops(network_maps.get(view.photo, f"{FAMILY}-lambda-{lam}"), top=1).iloc[0]
        assert outline["box"] == best[["x1", "y1", "x2", "y2"]].tolist()


@pytest.mark.parametrize(("kind", "mode"), [("avg", "ratio"), ("std", "rank"), ("avg", "rank"), ("std", "raw")])
def test_other_maps_and_scales(view: LambdaExplorer, kind: str, mode: str) -> None:
    before = view.canvases[0].layer
    view.kind, view.mode = kind, mode
    assert view.canvases[0].layer != before
    assert view.effective_mode == ("percentile" if (kind, mode) == ("avg", "ratio") else mode)
    assert ("by percentiles" in view.readout.value) == (view.effective_mode != mode)


def test_corner_mass_is_that_of_the_analysis(view: LambdaExplorer, network_maps: ScoreMaps) -> None:
    family = families()[FAMILY]
    found = corner_mass(network_maps, family, view.photo)
    expected = [
        concentration(network_maps.theta(view.photo, name, "channel").std) for name in family.checkpoints.values()
    ]
    assert found.tolist() == expected
    table = view.numbers()
    assert table["corner_mass"].tolist() == expected
    view.lam = 1.0
    assert f"{2 ** expected[family.lambdas.index(1.0)]:.3g} times as dense" in view.readout.value


def test_over_photos_means_and_differences_are_of_these_photos(
    network_maps: ScoreMaps, some: dict[str, npt.NDArray[np.uint8]]
) -> None:
    family = families()[FAMILY]
    over = bias_over_photos(network_maps, family, some)
    masses = np.array([corner_mass(network_maps, family, photo) for photo in some.values()])
    assert over.mass()["estimate"].to_numpy() == pytest.approx(masses.mean(0))
    change = np.abs(masses[:, 1:]) - np.abs(masses[:, :1])
    assert over.differences["estimate"].to_numpy() == pytest.approx(change.mean(0))


@pytest.mark.parametrize(
    ("change", "mean", "verdict"),
    [
        ((0.3, 0.1, 0.5), (0.9, 0.8, 1.0), "contradicted"),
        ((0.0, -0.1, 0.1), (0.5, 0.4, 0.6), "not supported"),
        ((-0.3, -0.4, -0.1), (0.2, 0.1, 0.3), "reduced, not removed"),
        ((-0.3, -0.4, -0.1), (0.0, -0.1, 0.1), "not contradicted"),
    ],
)
def test_the_verdict_follows_the_intervals(change: tuple[float, ...], mean: tuple[float, ...], verdict: str) -> None:
    names = ["setting", "statistic", "estimate", "ci_low", "ci_high", "n_photos"]
    means = pd.DataFrame([(0.0, MASS, 0.5, 0.4, 0.6, 9), (1.0, MASS, *mean, 9), (1.0, BIAS, *mean, 9)], columns=names)
    differences = pd.DataFrame([(1.0, BIAS, *change, 9)], columns=names)
    over = BiasOverPhotos(means, differences, pd.DataFrame())
    assert over.verdict(1.0)[0] == verdict
    assert "n = 9 photos" in over.verdict(1.0)[1]
    assert over.verdict(0.0)[0] == "nothing to compare"


def test_the_claim_and_its_verdict_stand_in_words(view: LambdaExplorer) -> None:
    view.lam = 100.0
    word, _ = bias_over_photos(view.maps, families()[FAMILY], view._photos or {}).verdict(100.0)
    assert "the saliency-aware loss removes spatial bias" in view.readout.value
    assert f"Over photos: {word}" in view.readout.value
    assert "n = 3 photos" in view.readout.value


def test_another_family_keeps_lambda_where_it_can(view: LambdaExplorer) -> None:
    view.lam = 3.0
    view.family = "shapes" if "shapes" in view.families else "photos"
    assert view.lam in families()[view.family].lambdas
    assert [value for _, value in view.slider.options] == families()[view.family].lambdas
    assert view.canvases[0].layer_size == list(
        view.maps.get(view.photo, families()[view.family].checkpoints[view.lam]).values.shape[1:]
    )


def test_a_member_of_a_family_may_be_named_and_an_unknown_one_is_refused(network_maps: ScoreMaps) -> None:
    photos = {"coffee": sample_photos()["coffee"]}
    view = LambdaExplorer("coffee", f"{FAMILY}-lambda-3", maps=network_maps, photos=photos)
    assert (view.family, view.lam) == (FAMILY, 3.0)
    with pytest.raises(ValueError, match="no family 'nowhere'"):
        LambdaExplorer("coffee", "nowhere", maps=network_maps)


def test_the_page_flips_through_every_lambda(view: LambdaExplorer, tmp_path: Path) -> None:
    page = view.to_html(tmp_path / "lambda.html").read_text()
    assert page.count("data:image/webp") == len(view.families[FAMILY].lambdas) + 1
    assert view.lam == 0.1
    assert "λ = 0.1</output>" in page
    saved = view.save(tmp_path / "lambda")
    assert len(pd.read_csv(saved[1])) == 10
