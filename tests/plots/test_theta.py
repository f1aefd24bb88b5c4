"""θ figures: every panel holds its map, and all of a kind share one scale that the figure names."""

from collections.abc import Sequence

import numpy as np
import pytest

import asm_interp as asm
from asm_interp.analysis.normalisation import Mode, Normalisation
from asm_interp.plots.theta import Kind, matplotlib_norm, theta_figure

PHOTOS = {"a": np.zeros((40, 60, 3), np.uint8), "b": np.full((60, 40, 3), 255, np.uint8)}
CHECKPOINTS = ("λ = 0", "λ = 0.1")


def maps_of(values: np.ndarray | float, share: float = 0.25) -> asm.ThetaMaps:
    plane = np.broadcast_to(np.asarray(values, np.float32), (8, 12))
    return asm.ThetaMaps(plane, np.abs(plane), share, "none")


def random_thetas(checkpoints: Sequence[str] = CHECKPOINTS) -> dict[str, dict[str, asm.ThetaMaps]]:
    rng = np.random.default_rng(5)
    return {photo: {name: maps_of(rng.normal(size=(8, 12))) for name in checkpoints} for photo in PHOTOS}


def panels(figure: object) -> list[object]:
    return list(figure.findobj(match=lambda each: len(getattr(each, "images", [])) == 2))  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [3.3, 6.9])
def test_panels_hold_their_maps_on_one_scale_a_kind(width: float) -> None:
    thetas = random_thetas()
    figure = theta_figure(thetas, PHOTOS, kinds=("avg", "std", "std difference"), width=width)
    figure.canvas.draw()
    assert figure.get_figwidth() == width
    drawn = [ax.images[1] for ax in panels(figure)]  # type: ignore[attr-defined]
    expected: list[np.ndarray] = []
    for kind in ("avg", "std"):
        for maps in thetas.values():
            for theta in maps.values():
                avg = theta.avg.astype(np.float64)
                expected.append(avg - avg.mean() if kind == "avg" else theta.std)
    expected += [maps[CHECKPOINTS[1]].std.astype(np.float64) - maps[CHECKPOINTS[0]].std for maps in thetas.values()]
    assert len(drawn) == len(expected) == 10
    for image, values in zip(drawn, expected, strict=True):
        np.testing.assert_allclose(image.get_array(), values)
    scales = [(image.norm.vmin, image.norm.vmax) for image in drawn]
    assert [len(set(scales[part])) for part in (slice(4), slice(4, 8), slice(8, 10))] == [1, 1, 1]
    assert scales[0][0] == -scales[0][1]
    named = Normalisation.fit(*expected[4:8], mode="percentile")
    assert str(named) in " ".join(figure.get_supxlabel().split()).replace("\N{MINUS SIGN}", "-")
    bars = figure.findobj(match=lambda each: getattr(each, "_colorbar", None) is not None)
    assert [bar.get_ylabel() for bar in bars] == ["θavg − photo mean", "θstd", "difference of θstd"]


@pytest.mark.parametrize("contour", [0.9, 0.5, None])
def test_contour_is_on_std_alone_and_said(contour: float | None) -> None:
    thetas = random_thetas()
    figure = theta_figure(thetas, PHOTOS, kinds=("avg", "std"), contour=contour)
    levels = [[c.levels.tolist() for c in ax.collections if hasattr(c, "levels")] for ax in panels(figure)]  # type: ignore[attr-defined]
    stds = [theta.std for maps in thetas.values() for theta in maps.values()]
    drawn = [[] if contour is None else [[np.quantile(std.astype(float), contour)]] for std in stds]
    assert levels == [[]] * 4 + drawn
    told = "" if contour is None else f"contour: quantile {contour} of each map"
    assert [block.get_supxlabel() for block in figure.subfigs] == ["", told]


def test_gauge_share_stands_over_each_std() -> None:
    thetas = {"a": {"x": maps_of(np.arange(12.0), share=0.314), "y": maps_of(1.0, share=np.nan)}}
    titles = [ax.get_title() for ax in panels(theta_figure(thetas, PHOTOS, kinds=["std"]))]  # type: ignore[attr-defined]
    assert titles == ["x\ngauge share 0.31", "y\nchannels all alike"]


@pytest.mark.parametrize("mode", ["ratio", "rank", "per-map"])
def test_a_given_normalisation_is_drawn_and_named(mode: Mode) -> None:
    thetas = random_thetas()
    stds = [theta.std for maps in thetas.values() for theta in maps.values()]
    norm = Normalisation.fit(*stds, mode=mode)
    figure = theta_figure(thetas, PHOTOS, kinds=["std"], normalisations={"std": norm}, note="λ.")
    image = panels(figure)[0].images[1]  # type: ignore[attr-defined]
    np.testing.assert_allclose(image.get_array(), norm(stds[0]) if mode == "per-map" else norm.units(stds[0]))
    if mode != "per-map":
        assert (image.norm.vmin, image.norm.vmax) == norm.limits
    text = " ".join(figure.get_supxlabel().split())
    assert text.startswith(f"λ. θstd: {norm}")


@pytest.mark.parametrize("value", [0.0, -2.0, np.nan])
def test_degenerate_maps_are_drawn(value: float) -> None:
    thetas = {"a": {name: maps_of(value) for name in CHECKPOINTS}}
    kinds: tuple[Kind, ...] = ("avg", "std", "avg difference", "std difference")
    theta_figure(thetas, PHOTOS, kinds=kinds, contour=0.9).canvas.draw()
    constant = matplotlib_norm(Normalisation.fit([[2.0, 2.0]]))
    assert (constant.vmin, constant.vmax) == (2.0, 3.0)


def test_what_cannot_be_drawn_is_said() -> None:
    one = random_thetas(["x"])
    with pytest.raises(ValueError, match=r"two checkpoints or more, got \['x'\]"):
        theta_figure(one, PHOTOS, kinds=["avg difference"])
    with pytest.raises(ValueError, match="avg, std, avg difference, std difference, got 'max'"):
        theta_figure(one, PHOTOS, kinds=["max"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="no θ map"):
        theta_figure({}, PHOTOS)
    with pytest.raises(ValueError, match=r"b has checkpoints \['y'\], the first photo \['x'\]"):
        theta_figure({"a": one["a"], "b": {"y": maps_of(1.0)}}, PHOTOS)
    with pytest.raises(ValueError, match="no photo of that name among a, b"):
        theta_figure({"c": one["a"]}, PHOTOS)
    small = asm.ThetaMaps(np.zeros((4, 4), np.float32), np.zeros((4, 4), np.float32), 0.0, "none")
    with pytest.raises(ValueError, match=r"y have shape \[4, 4\], those of x \[8, 12\]"):
        theta_figure({"a": {"x": maps_of(1.0), "y": small}}, PHOTOS, kinds=["std difference"])
    centred = asm.ThetaMaps(small.avg, small.std, 0.0, "channel")
    with pytest.raises(ValueError, match="some not"):
        theta_figure({"a": {"x": small, "y": centred}}, PHOTOS)
