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
    (threshold,) = [line for line in ax.lines if line.get_label() == "_preset threshold"]
    assert set(threshold.get_xdata()) == {0.98}
    assert threshold.get_zorder() > max(marks.get_zorder() for marks in ax.collections)
    assert threshold.get_ydata().mean() == pytest.approx(0.15)  # the row of θstd, at λ 0.1
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ["λ = 0, n = 2 models", "λ = 0.1, n = 2 models", "preset threshold", "chance"]
    (chance,) = [line for line in ax.lines if line.get_label() == "chance"]
    assert set(chance.get_xdata()) == {0.5}
    assert ax.get_xlabel() == "AUC of the subject\nshapes, n = 12 photos"
    assert ax.get_xlim()[0] < 0.07
    with pytest.raises(ValueError, match="no grades on 'gaicd'; there are shapes"):
        draw_localisation(table, "gaicd", ax=ax)
    ax = draw_localisation(table, measure="pointing", ax=plt.figure().add_subplot())
    assert ax.get_xscale() == "linear"
    assert "chance" not in [text.get_text() for text in ax.get_legend().get_texts()]
    with pytest.raises(ValueError, match="rule 'centre'"):
        draw_localisation(table, rule="centre", ax=ax)


def test_the_axis_of_auc_is_stretched_and_holds_0_and_1() -> None:
    table = grade_table([a_grade("theta_std", "auc", 1.0), a_grade("edges", "auc", 0.0)])
    ax = draw_localisation(table, ax=plt.figure().add_subplot())
    ax.figure.draw_without_rendering()
    places = ax.transData.transform([(auc, 0) for auc in (0, 0.25, 0.5, 0.75, 0.9, 0.95, 1)])[:, 0]
    shares = np.diff(places) / ax.bbox.width
    assert (shares > 0.05).all()
    assert shares[-1] > 0.25  # from 0.95 on
    assert ax.bbox.x0 <= places[0]
    assert places[-1] <= ax.bbox.x1
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0", "0.25", "0.5", "0.75", "0.9", "0.95", "1"]


def test_grades_without_a_threshold_are_drawn_from_a_file() -> None:
    written = grade_table([a_grade("theta_std", "auc", 0.8)]).assign(data="subjects", bar="").to_csv(index=False)
    ax = draw_localisation(pd.read_csv(io.StringIO(written)), "subjects", ax=plt.figure().add_subplot())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["λ = 0.1, n = 2 models", "chance"]


def test_rule_recovery(table: pd.DataFrame) -> None:
    ax = draw_rule_recovery(table, ax=plt.figure().add_subplot())
    assert drawn(ax) == [[0.8, 0.7]]
    assert ax.get_xlim() == (0.6, 1.01)  # a step below the least interval, 0.67
    assert ax.get_xlabel() == "correlation with the rule\nshapes, n = 12 photos"
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
    assert told == found["text"].tolist()  # two digits do
    marked = dict(zip(told, (mark.get_text() for mark in marks), strict=True))
    assert marked["θavg marks content: not supported on shapes, AUC .10 [.07, .12]"] == "✗"
    assert marked["the gradient marks the subject: not measured on shapes"] == "–"
    with pytest.raises(ValueError, match="no verdicts on 'gaicd'"):
        draw_verdicts(found, "gaicd", ax=ax)


def test_verdicts_have_the_digits_that_their_sign_takes() -> None:
    truth = "auc over random heads"
    gain = Grade("shapes", "localisation", "theta_std_centred", truth, 0.0143, 0.0013, 0.0302, "thirds", 0.1)
    change = Grade("shapes", "lambda", "theta_std", "auc, change", -0.00008, -0.0043, 0.0046, "thirds", 0.1)
    ax = draw_verdicts(verdicts([gain, change]), ax=plt.figure(figsize=(9, 4)).add_subplot())
    told = [text.get_text().replace("\n", " ").replace("\N{NO-BREAK SPACE}", " ") for text in ax.texts[1::2]]
    assert (
        "centred θstd marks the subject better than under random heads: supported on shapes, "
        "AUC difference .014 [.001, .030]" in told
    )
    assert "λ makes θstd mark the subject better: undecided on shapes, AUC difference .000 [−.004, .005]" in told


def test_the_page_is_as_wide_as_its_column_and_holds_all_verdicts(table: pd.DataFrame) -> None:
    found = verdicts(GRADES)
    for columns in (1, 2):
        with paper_style("aaai", columns) as width:
            figure = audit_figure(table, found)
            figure.canvas.draw()
        assert figure.get_figwidth() == width
        lowest = min(text.get_window_extent().y0 for text in figure.axes[-1].texts)
        rightmost = max(text.get_window_extent().x1 for text in figure.axes[-1].texts)
        assert lowest >= 0
        assert rightmost <= figure.bbox.width
