"""ThetaExplorer: maps, null maps, scales and read-outs."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import traitlets as t

from asm_interp.analysis.null_maps import edge_magnitude, null_maps
from asm_interp.analysis.theta import theta_maps
from asm_interp.data.photo import sample_photos
from asm_interp.model.checkpoint import load
from asm_interp.widgets import painter
from asm_interp.widgets.canvas import MapCanvas
from asm_interp.widgets.score_maps import ScoreMaps
from asm_interp.widgets.theta_explorer import KINDS, ThetaExplorer
from asm_interp.widgets.theta_layers import MODES

Photo = npt.NDArray[np.uint8]
CHECKPOINT = "shapes-lambda-0"


@pytest.fixture(scope="module")
def network_maps() -> ScoreMaps:
    return ScoreMaps()


@pytest.fixture
def view(photo: Photo, maps: ScoreMaps) -> ThetaExplorer:
    return ThetaExplorer(photo, "hand", maps=maps)


def indices(canvas: MapCanvas) -> npt.NDArray[np.uint8]:
    return np.frombuffer(canvas.layer, np.uint8).reshape(canvas.layer_size)


def test_each_map_is_shown_on_the_printed_scale(view: ThetaExplorer, maps: ScoreMaps, photo: Photo) -> None:
    for center in ("none", "channel"):
        theta = maps.theta(photo, "hand", center)
        for kind in ("avg", "std"):
            view.center, view.kind = center, kind
            norm, _ = view._scales_of(*view._pair())
            assert np.array_equal(indices(view.canvas), painter.indices(getattr(theta, kind), norm))
            assert str(norm) in view.readout.value
            assert str(norm) in view.canvas.scale["label"]


def test_two_maps_of_a_kind_share_one_scale_and_others_do_not(view: ThetaExplorer) -> None:
    view.kind, view.pinned = "std", ("hand", "std", "none")
    assert view.canvas.scale["high"] == view.reference.scale["high"]
    assert "One scale for both: one scale for 2 maps" in view.readout.value
    view.kind = "avg"
    assert "This: one scale for 1 map" in view.readout.value


@pytest.mark.parametrize("mode", MODES.values())
def test_every_scale_can_be_chosen_for_every_theta_map(view: ThetaExplorer, mode: str) -> None:
    view.mode = mode
    for kind in ("avg", "std", "difference"):
        view.kind = kind
        assert indices(view.canvas).shape == (24, 32)
    view.kind, view.center = "avg", "channel"
    assert ("mean not positive" in view.readout.value) == (mode == "ratio"), "its mean is zero"


def scaled(view: ThetaExplorer) -> list[str]:
    return [norm.mode for norm in view._scales_of(*view._pair())]


def test_a_map_without_multiples_of_its_mean_is_shown_by_percentiles(view: ThetaExplorer) -> None:
    by_percentiles = view.reference.layer
    view.mode = "ratio"  # two clicks from the start: θstd beside the centred θavg, whose mean is 0
    assert scaled(view) == ["ratio", "percentile"]
    assert "Pinned map: mean not positive; by percentiles instead." in view.readout.value
    assert view.reference.layer == by_percentiles
    low, high = (float(view.reference.scale[end].replace("−", "-")) for end in ("low", "high"))
    assert -20 < low < 0 < high < 20
    view.reference.pointer = [1.0, 1.0]
    assert view.pointed.value.count("× its mean") == 1
    view.kind, view.center = "avg", "none"  # this one has multiples, but the scale is for both
    assert view._layer(view._pair()[0]).values.mean() > 0.5
    assert scaled(view) == ["percentile", "percentile"]
    view.pinned = ("hand", "avg", "none")
    assert scaled(view) == ["ratio", "ratio"]
    assert "percentiles" not in view.readout.value


@pytest.mark.parametrize("mode", MODES.values())
def test_the_colours_of_a_difference_part_at_zero(view: ThetaExplorer, mode: str) -> None:
    view.pinned = ("hand", "std", "channel")
    view.kind, view.center, view.mode = "difference", "none", mode
    expected = view._layer(view._pair()[0]).values
    image = indices(view.canvas).astype(int) - 128
    assert (image * expected >= 0).all()
    assert scaled(view)[0] == ("raw" if mode == "raw" else "percentile")
    assert "centred at 0" in view.canvas.scale["label"]
    assert ("a difference" in view.readout.value) == (mode not in ("raw", "percentile"))


def test_a_shared_scale_tells_its_middle_and_no_map_claims_it(network_maps: ScoreMaps) -> None:
    view = ThetaExplorer("coffee", CHECKPOINT, maps=network_maps)
    view.kind, view.center, view.pinned = "avg", "none", ("shapes-lambda-0.1", "avg", "none")
    means = view.numbers()["mean"]
    assert abs(means[0] - means[1]) > 1
    for canvas in (view.canvas, view.reference):
        assert f"centred at {means[0]:g}" in canvas.scale["label"]
        assert "its mean" not in canvas.scale["label"]
    view.mode = "rank"
    assert "mean" not in view.canvas.scale["label"]


def test_a_difference_is_not_pinned(view: ThetaExplorer) -> None:
    before = view.pinned
    view.kind = "difference"
    assert view.pin_button.disabled
    view.pin_button.click()
    assert "the pinned kind is one of avg, std, head_avg" in view.status.value
    assert view.pinned == before
    view.kind = "std"
    assert not view.pin_button.disabled
    for wrong, named in ((("hand", "avrg", "none"), "avrg"), (("hand", "avg", "both"), "both")):
        with pytest.raises(t.TraitError, match=named):
            view.pinned = wrong
    assert view.pinned == before


def test_the_gauge_share_is_told(view: ThetaExplorer, maps: ScoreMaps, photo: Photo) -> None:
    share = maps.theta(photo, "hand", "channel").gauge_share
    assert share > 0.05
    assert f"this {share:.3g}" in view.readout.value
    assert view.numbers()["gauge_share"].tolist() == pytest.approx([share, share])


def test_the_read_out_under_the_pointer_is_the_value_there(view: ThetaExplorer, maps: ScoreMaps, photo: Photo) -> None:
    view.canvas.pointer = [63.0, 1.0]
    theta = maps.theta(photo, "hand", "channel")
    assert "At 63, 1 px" in view.pointed.value
    assert f"this {theta.std[0, 31]:.4g}".replace("-", "−") in view.pointed.value
    assert f"pinned {theta.avg[0, 31]:.4g}".replace("-", "−") in view.pointed.value
    view.canvas.pointer = []
    assert view.pointed.value == ""


def test_the_difference_is_to_the_pinned_map(view: ThetaExplorer, maps: ScoreMaps, photo: Photo) -> None:
    view.kind = "std"
    view.pin_button.click()
    assert view.pinned == ("hand", "std", "channel")
    view.kind, view.center = "difference", "none"
    expected = maps.theta(photo, "hand", "none").std - maps.theta(photo, "hand", "channel").std
    assert view._layer(view._pair()[0]).values == pytest.approx(expected)
    image = indices(view.canvas).astype(int)
    assert (image[expected > 0] >= 128).all()
    assert (image[expected < 0] <= 128).all()


def test_an_outline_parts_the_highest_pixels(view: ThetaExplorer) -> None:
    view.contour = 0.9
    assert (indices(view.canvas) >= view.canvas.contour).mean() == pytest.approx(0.1, abs=0.03)
    view.contour = 0.0
    assert view.canvas.contour == 0


def test_opacity_reaches_both_pictures(view: ThetaExplorer) -> None:
    view.opacity = 0.25
    assert (view.canvas.opacity, view.reference.opacity) == (0.25, 0.25)


def test_null_maps_are_those_of_the_analysis(network_maps: ScoreMaps) -> None:
    photo = sample_photos()["coffee"]
    view = ThetaExplorer("coffee", CHECKPOINT, maps=network_maps)
    nulls = null_maps(load(CHECKPOINT), photo)
    expected = {
        "head_avg": theta_maps(nulls.random_head, "channel").avg,
        "head_std": theta_maps(nulls.random_head, "channel").std,
        "untrained_std": theta_maps(nulls.random_weights, "channel").std,
        "features": nulls.feature_norm,
        "edges": edge_magnitude(load(CHECKPOINT), photo),
    }
    for kind, values in expected.items():
        view.kind = kind
        assert view._layer(view._pair()[0]).values == pytest.approx(values, rel=1e-4, abs=1e-5), kind
    assert view.status.value == ""


def test_checkpoints_of_different_size_can_be_subtracted(network_maps: ScoreMaps) -> None:
    view = ThetaExplorer("coffee", "photos-lambda-0", maps=network_maps)
    view.pinned = (CHECKPOINT, "avg", "channel")
    view.kind = "difference"
    assert view.canvas.layer_size == list(network_maps.get(view.photo, "photos-lambda-0").values.shape[1:])


def test_another_photo_is_shown_by_choosing_it(network_maps: ScoreMaps, tmp_path: Path) -> None:
    view = ThetaExplorer("coffee", CHECKPOINT, maps=network_maps)
    before = view.canvas.photo, view.canvas.layer
    view.picker.sample.value = "rocket"
    assert view.canvas.photo != before[0]
    assert view.canvas.layer != before[1]
    assert "rocket" in view.canvas.alt
    page = view.to_html(tmp_path / "page.html").read_text()
    assert page.count("data:image/webp") == len(KINDS)  # all but the difference, and the first again
    assert view.kind == "std"
    bundle = view._repr_mimebundle_()
    assert bundle["image/png"].startswith("iVBOR")
    assert "One scale" in bundle["text/plain"] or "scale for 1 map" in bundle["text/plain"]
