"""The planted audit as a figure: from a folder that an audit wrote, or graded at once on a few shipped models."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from asm_interp.analysis.audit_verdicts import BAR_LAMBDA
from asm_interp.analysis.planted_audit import audit_grades
from asm_interp.audit.bench import Bench, grade_models
from asm_interp.audit.report import Audit
from asm_interp.files import file_digest
from asm_interp.paper.drawing import Drawing, quoted
from asm_interp.paper.inputs import Inputs
from asm_interp.paper.maps import PLANTED_MODEL
from asm_interp.plots.audit import audit_figure

MODELS = ("shapes-lambda-0", PLANTED_MODEL)
FOLDERS = (Path("figures/audit/shapes"), Path("figures/audit"))
"""Where a kept audit is looked for, from the current folder."""


def audit(inputs: Inputs) -> Drawing:
    """Grades of explanations against planted truth, and a verdict on each claim."""
    kept = (folder for folder in FOLDERS if (folder / "grades.csv").is_file())
    folder = inputs.audit or next(kept, None)
    grades, verdicts, origin = _quick(inputs) if folder is None else _kept(inputs, folder)
    data = str(grades["data"].iloc[0])
    drawn = (grades["data"] == data) & (grades["part"] == "localisation") & ~(grades["beta"] > 0)
    rules = grades.loc[drawn, "rule"].unique().tolist()
    rule = "thirds" if "thirds" in rules or not rules else str(rules[0])
    figure = audit_figure(grades, verdicts, data, rule=rule)
    caption = (
        f"{origin}. Estimates with 95 % intervals over models and photos. Preset threshold: what θstd at λ = "
        f"{BAR_LAMBDA:g} was to reach, fixed before the audit. Ceiling: the most that a map constant on the pattern's "
        "partitions reaches; the preference, which is smooth, may pass it. ✓: the whole interval bears the claim out, "
        "✗: all of it speaks against, ?: it does both."
    )
    scale = "AUC on an axis that is stretched towards 1, correlation as it is"
    return Drawing(figure, grades[grades["data"] == data], caption, scale)


def _kept(inputs: Inputs, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    for name in ("grades", "verdicts"):
        if not (folder / f"{name}.csv").is_file():
            raise ValueError(f"{folder}: expected a folder that asm-interp audit wrote, found no {name}.csv in it")
        inputs.used.data[f"file:{(folder / name).as_posix()}.csv"] = file_digest(folder / f"{name}.csv")
    tables = [pd.read_csv(folder / f"{name}.csv", keep_default_na=True) for name in ("grades", "verdicts")]
    return tables[0], tables[1], f"The audit in {folder.as_posix()}"


def _quick(inputs: Inputs) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    for name in MODELS:
        inputs.card(name)
    inputs.used.data["drawn scenes"] = f"test split, the first {inputs.n_scenes}"
    models = grade_models(Bench.make("shapes", inputs.n_scenes), MODELS)
    found = Audit(audit_grades("shapes", models, inputs.how), {"shapes": list(MODELS)})
    return found.table, found.verdicts, f"{quoted(MODELS)} on {inputs.n_scenes} held-out drawn scenes"
