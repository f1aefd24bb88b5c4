"""Each world is a dot, and the line is the one that is fitted."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from asm_interp.analysis.dose_response import line_fit
from asm_interp.plots.dose_response import draw_dose_response


def test_dots_and_lines() -> None:
    rng = np.random.default_rng(0)
    betas, rows = [0.0, 0.1, 0.4], []
    for held, slope in (("nothing", 0.0), ("area and aspect", 2.0)):
        for world in range(4):
            rows += [
                {"world": world, "held": held, "beta": b, "response": slope * b + 0.1 * rng.standard_normal()}
                for b in betas
            ]
    table = pd.DataFrame(rows)
    ax = draw_dose_response(table, ax=plt.figure().add_subplot())
    for (_, own), dots, line in zip(table.groupby("held", sort=False), ax.collections, ax.lines[1:], strict=True):
        places, drawn = dots.get_offsets().T
        np.testing.assert_array_equal(drawn, own["response"])
        assert np.abs(places - own["beta"]).max() < 0.05
        responses = own["response"].to_numpy().reshape(4, 3)
        fit = line_fit(betas, responses)
        x, y = line.get_data()
        assert (y[-1] - y[0]) / (x[-1] - x[0]) == pytest.approx(fit.slopes.mean())
        assert np.mean(y) == pytest.approx(responses.mean())
        assert f"R² {fit.r_squared:.2f}" in line.get_label()
    assert "n = 4 worlds" in ax.get_xlabel()


def test_undefined_responses_are_left_out() -> None:
    row = {"held": "nothing", "response": np.nan}
    table = pd.DataFrame([row | {"world": 0, "beta": beta} for beta in (0.0, 0.1)])
    ax = draw_dose_response(table, ax=plt.figure().add_subplot())
    ax.figure.canvas.draw()
    assert len(ax.lines) == 1  # at 0
    assert not ax.collections
