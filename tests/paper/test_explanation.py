"""The page of one crop shows the numbers beside it, and nothing on it hides anything else."""

from collections.abc import Iterator
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from asm_interp.analysis.explanation import explain_crop
from asm_interp.paper.drawing import Drawing, annotate
from asm_interp.paper.explanation import explanation
from asm_interp.paper.inputs import Inputs
from asm_interp.plots.style import COLUMN_WIDTHS, paper_style

INPUTS = Inputs()


@pytest.fixture(scope="module", params=sorted(COLUMN_WIDTHS))
def drawing(request: pytest.FixtureRequest) -> Iterator[Drawing]:
    with paper_style(request.param, 2):
        made = explanation(INPUTS.fresh())
        annotate(made)
        made.figure.draw_without_rendering()
    yield made
    plt.close(made.figure)


def texts(figure: Figure) -> list[Text]:
    return [each for each in figure.findobj(Text) if each.get_text().strip() and each.get_visible()]


def test_no_text_hides_another(drawing: Drawing) -> None:
    boxes = {each: (each.get_bbox_patch() or each).get_window_extent() for each in texts(drawing.figure)}
    for (one, here), (other, there) in combinations(boxes.items(), 2):
        shared = min(here.x1, there.x1) - max(here.x0, there.x0), min(here.y1, there.y1) - max(here.y0, there.y0)
        # In 1/100 inch; a box is a little larger than its letters.
        assert min(shared) < 2, f"{one.get_text()!r} and {other.get_text()!r}"


def test_bars_are_pointed_where_values_lie(drawing: Drawing) -> None:
    (std,) = [ax for ax in drawing.figure.axes if "gauge share" in ax.get_xlabel()]
    assert std.get_xlim()[0] == 0
    low, high = drawing.numbers["theta_std"].min(), drawing.numbers["theta_std"].max()
    assert low >= 0
    assert std.get_xlim()[1] < high
    assert std._colorbar.extend == "max"  # type: ignore[attr-defined]  # matplotlib keeps it there


def test_numbers_are_those_of_the_crop(drawing: Drawing) -> None:
    numbers = drawing.numbers
    crops = numbers[numbers["what"] == "crops"]
    assert crops["rank"].tolist() == [1, 2, 3, 4, 5]
    score_map = INPUTS.score_map("photos", "flower", INPUTS.photographs()["flower"])
    why = explain_crop(score_map, crops.iloc[0][["x1", "y1", "x2", "y2"]].to_numpy(float))
    parts = numbers[numbers["what"] == "partitions of crop 1"]
    assert parts["contribution"].sum() == pytest.approx(crops["score"].iloc[0])
    np.testing.assert_array_equal(parts["contribution"], why.partitions["contribution"])
    (phi,) = [ax for ax in drawing.figure.axes if ax.get_title().startswith("what crop 1 reads")]
    read = numbers[numbers["what"] == "read by crop 1"].pivot(index="row", columns="column", values="phi")
    np.testing.assert_array_equal(phi.images[1].get_array(), read)
