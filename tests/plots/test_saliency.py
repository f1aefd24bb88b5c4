"""Agreement with saliency: every row of the table, baselines told apart."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.layout_engine import ConstrainedLayoutEngine

from asm_interp.analysis.saliency_agreement import agreement_means
from asm_interp.analysis.saliency_metrics import METRICS
from asm_interp.analysis.statistics import Resampling
from asm_interp.plots.saliency import agreement_figure, draw_agreement

MAPS = ["theta_std", "random head theta_std", "centre", "other photo"]


@pytest.fixture(scope="module")
def means() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        {"photo": photo, "map": name, "flag": ""} | dict(zip(METRICS, rng.random(len(METRICS)), strict=True))
        for photo in "abcd"
        for name in MAPS
    ]
    return agreement_means(pd.DataFrame(rows), Resampling(20))


def test_rows(means: pd.DataFrame) -> None:
    ax = draw_agreement(means, "NSS", ax=plt.figure().add_subplot())
    own = means[means["statistic"] == "NSS"]
    points = [each for each in ax.collections if not hasattr(each, "get_segments")]
    places = np.concatenate([each.get_offsets() for each in points])
    np.testing.assert_array_equal(places[places[:, 1].argsort()][:, 0], own["estimate"])
    assert [len(each.get_offsets()) for each in points] == [1, 3]  # the model's, and baselines
    assert [text.get_text() for text in ax.get_yticklabels()] == [
        "θstd", "random head θstd", "centre", "other photo",
    ]  # fmt: skip
    assert ax.get_xlabel() == "NSS, n = 4 photos"
    with pytest.raises(ValueError, match="no statistic 'IG'"):
        draw_agreement(means, "IG", ax=ax)


def test_figure(means: pd.DataFrame) -> None:
    figure = agreement_figure(means)
    assert [ax.get_xlabel().split(",")[0].split(" (")[0] for ax in figure.axes] == [
        "CC", "NSS", "KL", "SIM", "AUC Judd", "sAUC",
    ]  # fmt: skip
    figure.canvas.draw()
    assert isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine)
