"""The paper's rows as published, ours beside them, in three notations."""

import math
from pathlib import Path

import pandas as pd
import pytest

from asm_interp.model.checkpoint import find, read_card
from asm_interp.paper.drawing import Table
from asm_interp.paper.inputs import Inputs
from asm_interp.paper.tables import table1, table2, table3, table4
from asm_interp.paper.typesetting import latex, to_latex, to_markdown


def test_patterns_have_the_accuracies_of_the_cards() -> None:
    inputs = Inputs()
    rows = table1(inputs).rows.set_index("pattern")
    assert len(rows) == 8
    metrics = read_card(find("photos-grid-3x3"))["metrics"]
    assert rows.loc["grid:3x3", "photographs"] == metrics["test_ranking_accuracy"]
    assert rows.loc["grid:3x3", "photographs low"] == metrics["ci_low"]
    assert rows.loc["cross-rectangle", "partitions"] == 12
    assert len(inputs.used.checkpoints) == 16


@pytest.mark.parametrize("make", [table2, table3, table4])
def test_what_is_not_measured_is_said(make: object) -> None:
    table = make(Inputs())  # type: ignore[operator]
    ours = table.rows[table.rows["source"] == "ours"]
    assert ours["method"].tolist() == ["photos (not measured)"]
    assert ours.select_dtypes("number").isna().all(axis=None)
    assert "not measured" in table.caption
    assert "ASM-Net" in table.rows["method"].tolist()


def test_data_sets_that_are_given_are_measured(shared_dir: Path) -> None:
    inputs = Inputs("photos-lambda-0.1", data={"flms": shared_dir / "data" / "flms"}, resamples=50)
    table = table3(inputs)
    rows = table.rows.set_index("method")
    assert rows.loc["whole-photo", "IoU"] == pytest.approx(0.846, abs=1e-3)
    assert rows.loc["whole-photo", "n"] == 500
    assert rows.loc["ASM-Net", "IoU"] == 0.8486
    assert math.isnan(rows.loc["ASM-Net", "IoU low"])
    own = rows.loc["photos-lambda-0.1"]
    assert own["IoU low"] <= own["IoU"] <= own["IoU high"]
    assert "495 photos are not there and left out" in table.caption
    assert str(shared_dir) not in table.caption
    assert set(inputs.used.checkpoints) == {"photos-lambda-0.1"}
    (key,) = inputs.used.data
    assert key == f"flms:{shared_dir / 'data' / 'flms'}"


@pytest.fixture
def table() -> Table:
    rows = pd.DataFrame(
        {
            "method": ["A & B", "ours_1"],
            "IoU": [0.5, math.nan],
            "IoU low": [0.25, math.nan],
            "IoU high": [0.75, math.nan],
            "n": [10.0, math.nan],
            "source": ["paper", "ours"],
        }
    )
    return Table(rows, "About λ | 95 %", {"IoU": 3, "n": 0}, group="source")


def test_markdown(table: Table) -> None:
    assert to_markdown(table).splitlines() == [
        "| method | IoU | n |",
        "|---|---|---|",
        "| A & B | 0.500 [0.250, 0.750] | 10 |",
        "| ours_1 | – | – |",
        "",
        "About λ | 95 %",
    ]


def test_latex_with_booktabs(table: Table) -> None:
    lines = to_latex(table, "one").splitlines()
    assert lines[2:4] == [r"\caption{About $\lambda$ | 95 \%}", r"\label{tab:one}"]
    assert lines[4:12] == [
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r"method & IoU & n \\",
        r"\midrule",
        r"A \& B & 0.500 [0.250, 0.750] & 10 \\",
        r"\midrule",
        r"ours\_1 & -- & -- \\",
        r"\bottomrule",
    ]


def test_latex_escapes_every_special_character() -> None:
    assert latex(r"a\b{c}~^#$") == r"a\textbackslash{}b\{c\}\textasciitilde{}\textasciicircum{}\#\$"
