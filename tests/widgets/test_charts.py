"""Charts draw the numbers they are given, and tell them as text."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from asm_interp.widgets import charts

SVG = "{http://www.w3.org/2000/svg}"


def bar_widths(markup: str, colour: str = charts.ACCENT) -> list[float]:
    found = ET.fromstring(markup).findall(f"{SVG}rect")
    return [float(each.get("width", 0)) for each in found if each.get("fill") == colour and each.get("x") != "0"]


def test_bars_are_as_long_as_their_values() -> None:
    markup = charts.bars(["a", "b", "c"], [1.0, -2.0, 4.0], title="Shares")
    widths = np.array(bar_widths(markup))
    assert widths / widths[0] == pytest.approx([1, 2, 4], rel=0.01)
    root = ET.fromstring(markup)
    assert root.findtext(f"{SVG}title") == "Shares"
    assert root.findtext(f"{SVG}desc") == "a: 1, b: −2, c: 4"


def test_an_axis_with_limits_stands_still() -> None:
    first, second = (charts.bars(["a"], [value], title="t", limits=(-4, 4)) for value in (1.0, 2.0))
    assert bar_widths(second)[0] == pytest.approx(2 * bar_widths(first)[0], rel=0.01)


def test_a_missing_value_draws_no_bar() -> None:
    markup = charts.bars(["a", "b"], [float("nan"), 1.0], title="t")
    assert len(bar_widths(markup)) == 1
    assert "a: –" in markup


def test_a_curve_marks_a_place_and_tells_its_numbers() -> None:
    series = charts.Series("accuracy", [0.9, 0.8, np.nan], [0.8, 0.7, np.nan], [0.95, 0.9, np.nan])
    markup = charts.curve(["0", "1", "10"], [series], title="Accuracy", marker=1, pinned=0)
    root = ET.fromstring(markup)
    circles = root.findall(f"{SVG}circle")
    assert [each.get("r") for each in circles] == ["2.5", "5"]
    assert float(circles[1].get("cy", 0)) > float(circles[0].get("cy", 0)), "less stands lower"
    assert "accuracy: 0.8 [0.7, 0.9]" in markup
    assert len(root.findall(f"{SVG}polygon")) == 1


def test_a_forest_puts_each_estimate_within_its_interval() -> None:
    rows = pd.DataFrame({"statistic": ["x", "y"], "estimate": [0.5, -1.0], "ci_low": [0, -2.0], "ci_high": [1.0, 0.5]})
    root = ET.fromstring(charts.forest(rows, title="Effects"))
    dots = [float(each.get("cx", 0)) for each in root.findall(f"{SVG}circle")]
    lines = [each for each in root.findall(f"{SVG}line") if each.get("stroke") == charts.ACCENT]
    for dot, line in zip(dots, lines, strict=True):
        assert float(line.get("x1", 0)) < dot < float(line.get("x2", 0))
    assert "x: 0.5 [0, 1]" in (root.findtext(f"{SVG}desc") or "")


def test_a_table_holds_every_cell_escaped() -> None:
    markup = charts.table(pd.DataFrame({"name": ["a<b"], "value": [0.123456]}), "Numbers")
    assert re.findall(r"<td[^>]*>(.*?)</td>", markup) == ["a&lt;b", "0.123"]
    assert "Numbers</caption>" in markup
