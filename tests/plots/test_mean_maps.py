"""Mean maps and profiles of a data set."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb

from asm_interp.analysis.mean_maps import RunningMean
from asm_interp.analysis.regions import radial_profile
from asm_interp.plots.mean_maps import draw_edge_profiles, draw_mean_map


def test_mean_map() -> None:
    running = RunningMean((2, 2))
    for change in (-0.1, 0.0, 0.1):
        running.add([[5 + change, 10 * change], [np.nan, -5 + change]])
    ax = draw_mean_map(running, label="θavg", ax=plt.figure().add_subplot())
    np.testing.assert_array_equal(ax.images[0].get_array().filled(np.nan), running.mean)
    assert ax.images[0].norm.vmin == -ax.images[0].norm.vmax
    segments = ax.collections[0].get_segments()
    assert len(segments) == 8  # two cells that do not touch are surely not 0
    assert "n = 3 photos" in ax.get_xlabel()


def test_mean_map_of_nothing() -> None:
    draw_mean_map(RunningMean((2, 3)), label="θavg", center=1, ax=plt.figure().add_subplot()).figure.canvas.draw()


def test_profiles() -> None:
    profiles = {"theta_avg": radial_profile(np.arange(64.0).reshape(8, 8), 4), "b": radial_profile(np.ones((8, 8)), 8)}
    ax = draw_edge_profiles(profiles, ax=plt.figure().add_subplot())
    for line, profile in zip(ax.lines, profiles.values(), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), profile[["d_edge", "mean"]])
    assert [line.get_label() for line in ax.lines] == ["θavg", "b"]
    assert not ax.collections
    assert "interval" not in ax.get_xlabel()


def test_profiles_of_a_data_set_have_bands() -> None:
    profile = pd.DataFrame(
        {
            "d_edge": [0.125, 0.25, 0.375],
            "mean": [1.0, 2.0, 3.0],
            "ci_low": [0.5, 1.0, np.nan],  # one photo reaches the middle
            "ci_high": [1.5, 3.0, np.nan],
            "n": [9, 9, 1],
        }
    )
    alone = radial_profile(np.ones((8, 8)), 4)
    ax = draw_edge_profiles({"theta_avg": profile, "one photo": alone}, ax=plt.figure().add_subplot())
    (band,) = ax.collections
    (path,) = band.get_paths()
    assert {tuple(point) for point in path.vertices} == {(0.125, 0.5), (0.25, 1.0), (0.25, 3.0), (0.125, 1.5)}
    np.testing.assert_array_equal(band.get_facecolor()[0, :3], to_rgb(ax.lines[0].get_color()))
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), profile[["d_edge", "mean"]])
    assert ax.get_xlabel().endswith("bands: 95 % interval over photos\nn = 1–9 photos")


def test_profiles_of_nothing() -> None:
    columns = dict.fromkeys(["mean", "ci_low", "ci_high"], np.nan) | {"n": 0}
    profile = pd.DataFrame({"d_edge": [0.125, 0.375], **columns})
    ax = draw_edge_profiles({"theta_avg": profile}, ax=plt.figure().add_subplot())
    ax.figure.canvas.draw()
    assert "n =" not in ax.get_xlabel()
