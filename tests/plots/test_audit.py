"""The audit's grades and verdicts on one page."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from asm_interp.analysis.audit_verdicts import Grade, grade_table, verdicts
from asm_interp.plots.audit import audit_figure, draw_localisation, draw_rule_recovery, draw_verdicts
from asm_interp.plots.style import paper_style


def a_grade(explanation: str, truth: str, estimate: float, part: str = "localisation", lam: float = 0.1,
            rule: str = "thirds", beta: float = 0.0) -> Grade:  # fmt: skip
    low, high = estimate - 0.03, estimate + 0.02
    return Grade("shapes", part, explanation, truth, estimate, low, high, rule, lam, beta, 2, 12)


GRADES = [
    a_grade("theta_std", "auc", 0.9, lam=0.0),
    a_grade("theta_std", "auc", 0.95),
    a_grade("theta_avg", "auc", 0.1),
    a_grade("theta_std", "auc", 0.3, beta=0.4),
    a_grade("theta_std", "pointing", 0.5),
    a_grade("theta_std", "auc", 0.2, rule="left"),
    a_grade("placement preference", "correlation with g", 0.8, "rule"),
    a_grade("placement preference", "correlation with g", 0.7, "rule", rule="left"),
    a_grade("pattern", "ceiling", 0.84, "rule"),
]


@pytest.fixture(scope="module", params=["table", "csv"])
def table(request: pytest.FixtureRequest) -> pd.DataFrame:
    found = grade_table(GRADES)
    return found if request.param == "table" else pd.read_csv(io.StringIO(found.to_csv(index=False)))


def drawn(ax: plt.Axes) -> list[list[float]]:
    marks = [each for each in ax.collections if not hasattr(each, "get_segments") and len(each.get_facecolors())]
    return [each.get_offsets()[:, 0].tolist() for each in marks if len(each.get_offsets())]


def test_localisation(table: pd.DataFrame) -> None:
    ax = draw_localisation(table, ax=plt.figure().add_subplot())
    assert drawn(ax) == [[0.9], [0.95, 0.1]]  # λ 0, λ 0.1; no other rule, measure or corner preference
    assert [text.get_text() for text in ax.get_yticklabels()] == ["θstd", "θavg"]
    bars = [line for line in ax.lines if line.get_label() == "_bar"]
    assert [line.get_xdata()[0] for line in bars] == [0.98]
    (chance,) = [line for line in ax.lines if line.get_label() == "chance"]
    assert set(chance.get_xdata()) == {0.5}
    assert ax.get_xlabel() == "AUC of the subject, shapes, n = 12 photos\n2 models a λ"
    with pytest.raises(ValueError, match="no grades on 'gaicd'; there are shapes"):
        draw_localisation(table, "gaicd", ax=ax)
    with pytest.raises(ValueError, match="rule 'centre'"):
        draw_localisation(table, rule="centre", ax=ax)


def test_rule_recovery(table: pd.DataFrame) -> None:
    ax = draw_rule_recovery(table, ax=plt.figure().add_subplot())
    assert drawn(ax) == [[0.8, 0.7]]
    (ceiling,) = [line for line in ax.lines if line.get_label() == "_ceiling"]
    assert set(ceiling.get_xdata()) == {0.84}
    assert np.mean(ceiling.get_ydata()) == 0  # the row of "thirds"
    with pytest.raises(ValueError, match="rule recovery"):
        draw_rule_recovery(table[table["part"] != "rule"], ax=ax)


def test_verdicts_and_figure(table: pd.DataFrame) -> None:
    found = verdicts(GRADES)
    ax = draw_verdicts(found, ax=plt.figure().add_subplot())
    marks, texts = ax.texts[::2], ax.texts[1::2]
    told = [text.get_text().replace("\n", " ").replace("\N{NO-BREAK SPACE}", " ") for text in texts]
    assert told == found["text"].tolist()
    marked = dict(zip(told, (mark.get_text() for mark in marks), strict=True))
    assert marked["θavg marks content: not supported on shapes, AUC .10 [.07, .12]"] == "✗"
    assert marked["the gradient marks the subject: not measured on shapes"] == "–"
    with pytest.raises(ValueError, match="no verdicts on 'gaicd'"):
        draw_verdicts(found, "gaicd", ax=ax)
    for columns in (1, 2):
        with paper_style("aaai", columns) as width:
            figure = audit_figure(table, found)
            figure.canvas.draw()
        assert figure.get_figwidth() == width
        lowest = min(text.get_window_extent().y0 for text in figure.axes[-1].texts)
        rightmost = max(text.get_window_extent().x1 for text in figure.axes[-1].texts)
        assert lowest >= 0
        assert rightmost <= figure.bbox.width
