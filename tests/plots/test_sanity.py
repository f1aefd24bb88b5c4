"""The cascade of parameter randomisation: its numbers, and the random head apart from it."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from asm_interp.analysis.sanity import summarise_cascade
from asm_interp.plots.sanity import draw_cascade

LAYERS = ["random head", "heads", "backbone.features.3", "backbone.features.0"]


def test_cascade() -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"photo": photo, "map": name, "layer": layer, "depth": depth, "seed": 0}
        | {"spearman": rng.random(), "ssim": np.nan if name == "theta_std" else rng.random()}
        for photo in "abc"
        for name in ("theta_avg", "theta_std")
        for depth, layer in enumerate(LAYERS)
    ]
    summary = summarise_cascade(pd.DataFrame(rows))
    ax = draw_cascade(summary, ax=plt.figure().add_subplot())
    own = summary[summary["similarity"] == "spearman"]
    lines = [line for line in ax.lines if len(line.get_xdata()) in (1, 3)]
    for name, cascade, apart in zip(("theta_avg", "theta_std"), lines[::2], lines[1::2], strict=True):
        mean = own[own["map"] == name].sort_values("depth")["mean"].to_numpy()
        np.testing.assert_array_equal(cascade.get_ydata(), mean[1:])
        np.testing.assert_array_equal(apart.get_ydata(), mean[:1])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["random head", "heads", "features.3", "features.0"]
    assert "n = 3 photos" in ax.get_ylabel()
    draw_cascade(summary, "ssim", ax=plt.figure().add_subplot()).figure.canvas.draw()
    with pytest.raises(ValueError, match="no similarity 'iou'; there are spearman, ssim"):
        draw_cascade(summary, "iou", ax=ax)
