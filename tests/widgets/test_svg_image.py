"""Charts as pictures."""

import numpy as np
import pandas as pd
import pytest

from asm_interp.widgets import charts
from asm_interp.widgets.svg_image import svg_image


def test_bars_are_painted_where_the_chart_has_them():
    svg = charts.bars(["a"], [1.0], title="one", width=340)
    pixels = np.asarray(svg_image(svg))
    orange = (abs(pixels.astype(int) - [0xD5, 0x5E, 0x00]) < 12).all(axis=2)
    x = float(svg.split('<rect x="')[1].split('"')[0])
    wide = float(svg.split('width="')[2].split('"')[0])
    columns = np.flatnonzero(orange.any(axis=0))
    assert columns[0] == pytest.approx(x, abs=3)  # the axis lies over its start
    assert columns[-1] == pytest.approx(x + wide, abs=2)


@pytest.mark.parametrize(
    "svg",
    [
        charts.bars(["a", "b"], [1, np.nan], title="t", beside=("b", [2, 3]), name="n", selected=0),
        charts.curve(
            ["0", "1"], [charts.Series("s", [1, 2], [0, 1], [2, 3])], title="t", marker=0, pinned=1, reference=1.5
        ),
        charts.forest(
            pd.DataFrame({"statistic": ["x"], "estimate": [1.0], "ci_low": [0.0], "ci_high": [2.0]}), title="t"
        ),
    ],
)
def test_every_chart_can_be_painted(svg):
    image = svg_image(svg)
    assert np.asarray(image).std() > 5


def test_what_cannot_be_painted_is_said():
    with pytest.raises(ValueError, match="found path"):
        svg_image('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0"/></svg>')
