"""λ curves of a sweep's tables: its numbers, an axis that shows 0, and λ through accuracy and corner mass."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.layout_engine import ConstrainedLayoutEngine

from asm_interp.analysis.lambda_comparison import trade_off
from asm_interp.analysis.paired_maps import from_sweep
from asm_interp.analysis.statistics import Resampling
from asm_interp.plots.intervals import long_summary
from asm_interp.plots.lambda_curve import draw_lambda_curve, draw_trade_off, lambda_figure

FOLDER = Path(__file__).resolve().parents[2] / "figures" / "sweeps" / "shapes"


@pytest.fixture(scope="module")
def summary() -> pd.DataFrame:
    return pd.read_csv(FOLDER / "figure5-summary.csv")


def test_curve(summary: pd.DataFrame) -> None:
    counted = summary.assign(ranking_accuracy_n=555)
    shuffled = long_summary(counted.sample(frac=1, random_state=0), "lambda")
    ax = draw_lambda_curve(shuffled, "ranking_accuracy", ax=plt.figure().add_subplot())
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xydata(), summary[["lambda", "ranking_accuracy"]])
    ends = [[[lam, low], [lam, high]] for lam, low, high in
            summary[["lambda", "ranking_accuracy_low", "ranking_accuracy_high"]].to_numpy()]  # fmt: skip
    np.testing.assert_array_equal(ax.collections[0].get_segments(), ends)
    assert ax.get_xlabel() == "λ (n = 555 photos, 3 seeds)"
    ticks = ax.transData.transform(np.column_stack([summary["lambda"], np.zeros(10)]))[:, 0]
    assert (np.diff(ticks) > 0.05 * ax.bbox.width).all()  # 0 among them
    assert [text.get_text() for text in ax.get_xticklabels()][:3] == ["0", ".01", ".03"]


def test_figure_and_several_on_one_scale(summary: pd.DataFrame) -> None:
    means = long_summary(summary, "lambda")
    figure = lambda_figure(means, ["ranking_accuracy", "gauge_share"])
    assert isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine)
    for ax, name in zip(figure.axes, ["ranking_accuracy", "gauge_share"], strict=True):
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), summary[name])
    ax = draw_lambda_curve(means, ["ranking_accuracy", "gauge_share"], ax=plt.figure().add_subplot())
    assert [line.get_label() for line in ax.lines] == ["ranking accuracy", "gauge share"]
    with pytest.raises(ValueError, match="no statistic 'colour'"):
        draw_lambda_curve(means, "colour", ax=ax)


def test_one_lambda_and_missing_values() -> None:
    table = pd.DataFrame({"setting": [0.0], "statistic": "SRCC", "estimate": np.nan, "ci_low": np.nan})
    table = table.assign(ci_high=np.nan, n_photos=0, n_seeds=0)
    draw_lambda_curve(table, "SRCC", ax=plt.figure().add_subplot()).figure.canvas.draw()


def test_trade_off() -> None:
    photos = pd.read_parquet(FOLDER / "figure5-photos.parquet")
    rows = from_sweep(photos, "lambda").photos
    found = trade_off(rows, mass="corner_std", how=Resampling(20))
    ax = draw_trade_off(found, ax=plt.figure().add_subplot())
    overall, seeds = found[found["seed"].isna()], found[found["seed"].notna()]
    (line,) = ax.lines[1:]
    dots, *intervals = ax.collections
    np.testing.assert_array_equal(line.get_xydata(), overall[["corner_mass", "accuracy"]])
    np.testing.assert_array_equal(dots.get_offsets(), seeds[["corner_mass", "accuracy"]].astype(float))
    across, down = (each.get_segments() for each in intervals)
    np.testing.assert_array_equal([s[:, 0] for s in across], overall[["corner_mass_low", "corner_mass_high"]])
    np.testing.assert_array_equal([s[:, 1] for s in down], overall[["accuracy_low", "accuracy_high"]])
    told = [float(each) for text in ax.texts for each in text.get_text().split(", ")]
    assert sorted(told) == overall["lambda"].tolist()  # each λ once, near points together
