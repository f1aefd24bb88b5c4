"""What an audit found, as tables, files and text."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from asm_interp import __version__
from asm_interp.analysis.audit_verdicts import Grade, grade_table, verdicts, with_interval
from asm_interp.files import write_atomically


@dataclass(frozen=True, eq=False)
class Audit:
    """What an audit found.

    Attributes
    ----------
    grades : list of Grade
    models : dict of str to list of str
        Names of the checkpoints, by data.
    seconds : dict of str to float
        By part of the work.
    failed : dict of str to str
        Runs that could not be trained, and why.
    """

    grades: list[Grade]
    models: dict[str, list[str]]
    seconds: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def table(self) -> pd.DataFrame:
        """One row per grade; see `grade_table`."""
        return grade_table(self.grades)

    @property
    def verdicts(self) -> pd.DataFrame:
        """One row per claim and data; see `asm_interp.analysis.audit_verdicts.verdicts`."""
        return verdicts(self.grades)

    @property
    def missed(self) -> pd.DataFrame:
        """Rows of the table that do not reach their bar."""
        return self.table[[passed is False for passed in self.table["passed"]]]

    def write(self, folder: Path) -> list[Path]:
        """Write grades.csv, verdicts.csv, audit.json and audit.md, each whole or not at all."""
        whole: dict[str, Any] = {
            "library": f"asm_interp {__version__}",
            "models": self.models,
            "seconds": self.seconds,
            "failed": self.failed,
            "grades": [{key: _plain(value) for key, value in asdict(grade).items()} for grade in self.grades],
            "verdicts": self.verdicts["text"].tolist(),
        }
        contents = {
            "grades.csv": self.table.to_csv(index=False, lineterminator="\n"),
            "verdicts.csv": self.verdicts.to_csv(index=False, lineterminator="\n"),
            "audit.json": json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
            "audit.md": "\n".join(self._markdown()) + "\n",
        }
        for name, content in contents.items():
            write_atomically(folder / name, content)
        return [folder / name for name in contents]

    def _markdown(self) -> Iterator[str]:
        yield "# Planted audit\n"
        yield from (f"- {text}" for text in self.verdicts["text"])
        for (data, part), rows in self.table.groupby(["data", "part"], sort=False):
            yield f"\n## {data}: {part}\n"
            yield "| explanation | truth | world | λ | seeds | photos | estimate [95 %] | bar |"
            yield "|---|---|---|---|---|---|---|---|"
            for row in rows.to_dict("records"):
                cells = [row["explanation"], row["truth"], world_name(row), _or_dash(row["lambda"])]
                cells += [row["n_seeds"], row["n_photos"], estimate_text(row), bar_text(row)]
                yield "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
        yield "\nSeconds: " + ", ".join(f"{part} {seconds:.0f}" for part, seconds in self.seconds.items()) + "."


def _plain(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value


def _or_dash(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:g}"


def world_name(row: dict[Any, Any]) -> str:
    """Rule, pattern, backbone and corner preference of a row of the table, as far as it has them."""
    told = [row["rule"], row["pattern"], row["backbone"], "" if math.isnan(row["beta"]) else f"β {row['beta']:g}"]
    return ", ".join(each for each in told if each)


def estimate_text(row: dict[Any, Any]) -> str:
    """Estimate and interval of a row of the table."""
    return with_interval(row["estimate"], row["ci_low"], row["ci_high"])


def bar_text(row: dict[Any, Any]) -> str:
    """Bar of a row of the table, and whether it is reached."""
    return f"{row['bar']} {'reached' if row['passed'] else 'missed'}" if row["bar"] else ""
