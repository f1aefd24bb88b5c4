"""Grades of an audit as a table, the bars they are held to, and a plain verdict for each claim."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields

import pandas as pd


@dataclass(frozen=True)
class Grade:
    """One row of the audit: how an explanation did against a truth.

    Attributes
    ----------
    data, part, explanation, truth : str
        Photos; part of the audit; what was graded; by what.
    estimate, ci_low, ci_high : float
        NaN for an interval that was not computed.
    rule : str
        Of the world.
    lam, beta : float
        λ of the models and corner preference of their world; NaN where the grade is of none, or of several.
    n_seeds, n_photos : int
        Models or, for annotations, simulated worlds; and photos of each.
    pattern, backbone : str
        Of the models; empty for annotations.
    """

    data: str
    part: str
    explanation: str
    truth: str
    estimate: float
    ci_low: float
    ci_high: float
    rule: str = ""
    lam: float = float("nan")
    beta: float = float("nan")
    n_seeds: int = 0
    n_photos: int = 0
    pattern: str = ""
    backbone: str = ""


BARS: dict[tuple[str, str, str], float] = {
    ("theta_std", "auc", ""): 0.98,
    ("placement preference", "right rule named", ""): 1.0,
    ("placement preference", "share of the ceiling, by partition", "centre"): 0.85,
    ("placement preference", "share of the ceiling, by partition", "thirds"): 0.85,
    ("placement preference", "share of the ceiling, by partition", "left"): 0.75,
    ("placement preference", "share of the ceiling, by partition", "right"): 0.75,
    ("placement preference", "share of the ceiling, by partition", "headroom"): 0.75,
    ("annotations", "corners, area and aspect held: R²", ""): 0.95,
    ("annotations", "corners, area, aspect and content held: R²", ""): 0.95,
    ("annotations", "corners, area, aspect and content held: alarms at β = 0", ""): -0.07,
}
"""What grades on shapes at λ = 0.1 and without corner preference are held to, by explanation, truth and rule (any
rule if empty): the estimate reaches the bar, or stays below where the bar is negative. False alarms have a bar where
content is held: the statistic that knows nothing of content is off at β = 0, by as much as its response there says."""

BAR_LAMBDA = 0.1


def bar(grade: Grade) -> float:
    """Bar that a grade is held to, NaN if there is none."""
    held = grade.data == "shapes" and (math.isnan(grade.lam) or grade.lam == BAR_LAMBDA)
    if not held or grade.beta > 0:
        return float("nan")
    rules = BARS.get((grade.explanation, grade.truth, grade.rule), float("nan"))
    return BARS.get((grade.explanation, grade.truth, ""), rules)


def passes(grade: Grade) -> bool | None:
    """Whether a grade reaches its bar; None if it is held to none."""
    level = bar(grade)
    if math.isnan(level):
        return None
    return bool(grade.estimate >= level if level >= 0 else grade.estimate <= -level)


def grade_table(grades: Iterable[Grade]) -> pd.DataFrame:
    """One row per grade: the fields of `Grade` (λ is ``lambda``), bar as ≥ or ≤ a number, and passed."""
    rows = []
    for grade in grades:
        level = bar(grade)
        sign = "" if math.isnan(level) else f"{'≥' if level >= 0 else '≤'} {abs(level):g}"
        rows.append(vars(grade) | {"bar": sign, "passed": passes(grade)})
    columns = [each.name for each in fields(Grade)] + ["bar", "passed"]
    return pd.DataFrame(rows, columns=columns).rename(columns={"lam": "lambda"})


@dataclass(frozen=True)
class Claim:
    """A statement that grades decide.

    Attributes
    ----------
    text : str
        May name the {rule}.
    part, explanation, truth : str
        Of the grades that decide it; `truth` is how theirs begins.
    unit : str
        Of the estimate, in the verdict.
    threshold : float
        The claim holds where the whole interval is above it, or below it if `below`.
    below : bool
    dosed : bool
        It is about worlds with a corner preference.
    beside : str
        Truth of a grade that the verdict tells along, for the estimate does not stand for itself.
    """

    text: str
    part: str
    explanation: str
    truth: str
    unit: str
    threshold: float
    below: bool = False
    dosed: bool = False
    beside: str = ""


MARKS = 0.75
"""AUC from which on a map is said to mark something: half way from chance to perfect."""

CLAIMS = (
    Claim("θavg marks content", "localisation", "theta_avg", "auc", "AUC", MARKS),
    Claim("θstd marks the subject, which composition is about", "localisation", "theta_std", "auc", "AUC", MARKS),
    Claim(
        "centred θstd marks the subject better than under random heads",
        "localisation",
        "theta_std_centred",
        "auc over random heads",
        "AUC difference",
        0.0,
    ),
    Claim("the gradient marks the subject", "localisation", "gradient", "auc", "AUC", MARKS),
    Claim("saliency marks the subject", "localisation", "saliency", "auc", "AUC", MARKS),
    Claim("λ makes θstd mark the subject better", "lambda", "theta_std", "auc, change", "AUC difference", 0.0),
    Claim(
        "λ takes centred θstd out of the corners",
        "lambda",
        "theta_std_centred",
        "corner concentration, change",
        "change of log₂ density",
        0.0,
        below=True,
        dosed=True,
    ),
    Claim(
        "λ removes the corner preference of the scores",
        "lambda",
        "scores",
        "corners, area and aspect held, change",
        "change of ρ",
        0.0,
        below=True,
        dosed=True,
    ),
    Claim(
        "the model has learned the rule ({rule})",
        "rule",
        "placement preference",
        "share of the ceiling, by partition",
        "of the ceiling",
        MARKS,
    ),
    Claim(
        "the model has learned {rule} rather than another rule",
        "rule",
        "placement preference",
        "margin over the next rule",
        "correlation difference",
        0.0,
    ),
    Claim(
        "the corner statistic follows the planted preference",
        "dose",
        "annotations",
        "corners, area and aspect held: slope",
        "slope",
        0.0,
        beside="corners, area and aspect held: response at β = 0",
    ),
    Claim(
        "the corner statistic is silent where corners are not preferred",
        "dose",
        "annotations",
        "corners, area and aspect held: alarms at β = 0",
        "share of alarms",
        0.1,
        below=True,
    ),
    Claim(
        "with content held fixed it is silent there",
        "dose",
        "annotations",
        "corners, area, aspect and content held: alarms at β = 0",
        "share of alarms",
        0.1,
        below=True,
    ),
    Claim(
        "distractors outside a crop do not matter",
        "distractors",
        "scores",
        "distractor outside",
        "SD",
        0.05,
        below=True,
    ),
    Claim(
        "distractors inside a crop do not matter", "distractors", "scores", "distractor inside", "SD", 0.1, below=True
    ),
)
"""What the paper says of its maps and of λ, and what this audit takes for granted."""


def number(value: float, digits: int = 2) -> str:
    """A number without a leading zero, and with a minus sign.

    Examples
    --------
    >>> number(0.034), number(-0.5), number(1.25), number(-0.001)
    ('.03', '−.50', '1.25', '.00')
    """
    told = f"{round(value, digits) + 0.0:.{digits}f}"
    return re.sub(r"^(-?)0\.", r"\1.", told).replace("-", "\N{MINUS SIGN}")


def with_interval(estimate: float, low: float, high: float) -> str:
    """An estimate with its interval, if it has one, in so many digits that no end is rounded to 0.

    Examples
    --------
    >>> with_interval(0.0143, 0.0013, 0.0302), with_interval(1.0, 0.98, 1.0)
    ('.014 [.001, .030]', '1.00 [.98, 1.00]')
    """
    ends = [end for end in (low, high) if not math.isnan(end)]
    digits = next((n for n in (2, 3) if all(end == 0 or round(end, n) for end in ends)), 4)
    told = [number(value, digits) for value in (estimate, *ends)]
    return f"{told[0]} [{', '.join(told[1:])}]" if ends else told[0]


def judge(claim: Claim, low: float, high: float) -> str:
    """Supported, not supported, or undecided where the interval holds the threshold.

    Examples
    --------
    >>> [judge(CLAIMS[0], *interval) for interval in ((0.8, 0.9), (0.01, 0.06), (0.6, 0.8))]
    ['supported', 'not supported', 'undecided']
    """
    if math.isnan(low) or math.isnan(high):
        return "not measured"
    above, under = low > claim.threshold, high < claim.threshold
    if claim.below:
        above, under = under, above
    return "supported" if above else "not supported" if under else "undecided"


def verdicts(grades: Sequence[Grade], claims: Iterable[Claim] = CLAIMS) -> pd.DataFrame:
    """Verdict on each claim, for each kind of data.

    Parameters
    ----------
    grades : sequence of Grade
    claims : iterable of Claim
        Each is decided, for each rule, pattern and backbone, by the grade at the λ nearest to 0.1 and the least β
        (the largest, if it is about worlds with a corner preference).

    Returns
    -------
    DataFrame
        data, claim, verdict, estimate, ci_low, ci_high and text, as in "θavg marks content: not supported on
        shapes, AUC .03 [.01, .06]".
    """
    rows: list[dict[str, object]] = []
    for data in dict.fromkeys(grade.data for grade in grades):
        own = [grade for grade in grades if grade.data == data]
        for claim in claims:
            deciding = [*_deciding(own, claim)]
            # Where several worlds or networks are graded, a claim that does not name its own says which it is about.
            told = [name for name in _WORLD if len({getattr(grade, name) for grade in deciding}) > 1]
            told = [name for name in told if f"{{{name}}}" not in claim.text]
            missing = Grade(data, claim.part, claim.explanation, claim.truth, math.nan, math.nan, math.nan, "any rule")
            for grade in deciding or [missing]:
                where = ", ".join(getattr(grade, name) for name in told)
                beside = [other for other in own if other.truth == claim.beside and _source(other) == _source(grade)]
                rows.append(_verdict(claim, grade, f"{data} ({where})" if where else data, beside))
    return pd.DataFrame(rows)


_WORLD = ("rule", "pattern", "backbone")


def _source(grade: Grade) -> tuple[str, ...]:
    return (grade.explanation, *(getattr(grade, name) for name in _WORLD))


def _verdict(claim: Claim, grade: Grade, where: str, beside: Sequence[Grade]) -> dict[str, object]:
    """One row of `verdicts`."""
    said, verdict = claim.text.format(rule=grade.rule), judge(claim, grade.ci_low, grade.ci_high)
    found = "".join(f", {number(other.estimate)} at β = 0" for other in beside)
    found += f", {claim.unit} {with_interval(grade.estimate, grade.ci_low, grade.ci_high)}"
    return {
        "data": grade.data,
        "claim": said,
        "verdict": verdict,
        "estimate": grade.estimate,
        "ci_low": grade.ci_low,
        "ci_high": grade.ci_high,
        "text": f"{said}: {verdict} on {where}{'' if verdict == 'not measured' else found}",
    }


def _deciding(grades: Sequence[Grade], claim: Claim) -> Iterator[Grade]:
    """Grades that decide a claim: one for each rule, pattern and backbone."""
    changes = claim.part in ("lambda", "distractors")
    own = [
        grade
        for grade in grades
        if (grade.part, grade.explanation) == (claim.part, claim.explanation)
        and (grade.truth.startswith(claim.truth) if changes else grade.truth == claim.truth)
        and (not claim.dosed or grade.beta > 0)
    ]
    for source in dict.fromkeys(map(_source, own)):
        of_world = [grade for grade in own if _source(grade) == source]
        beta = max if claim.dosed else min
        chosen = beta(of_world, key=lambda grade: 0 if math.isnan(grade.beta) else grade.beta).beta
        of_beta = [grade for grade in of_world if grade.beta == chosen or math.isnan(chosen)]
        yield min(of_beta, key=lambda grade: 0 if math.isnan(grade.lam) else abs(grade.lam - BAR_LAMBDA))
