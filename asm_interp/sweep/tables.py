"""The tables of a sweep: one row for each run, for each photo of it, and for each setting over its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from asm_interp.analysis.statistics import hierarchical_interval
from asm_interp.files import write_atomically
from asm_interp.sweep.measures import MEASURES
from asm_interp.sweep.run import read_result

SETTING = ["data", "backbone", "pattern", "lambda"]
"""Runs that agree in these differ in nothing but the seed."""


def summarise(runs: pd.DataFrame, photos: pd.DataFrame) -> pd.DataFrame:
    """Each setting over its seeds.

    Parameters
    ----------
    runs : DataFrame
        One row for each run.
    photos : DataFrame
        One row for each run and photo.

    Returns
    -------
    DataFrame
        `SETTING`, n_seeds, n_test (photos of a run); for each measure its mean over seeds, the standard deviation
        between seeds (``_sd``, NaN for one seed), the 95 % interval of `hierarchical_interval` over
        seeds and photos (``_low``, ``_high``), and how many photos define it in any run (``_n``); mean seconds.
    """
    rows = []
    for setting, group in runs.groupby(SETTING, sort=False):
        row = dict(zip(SETTING, setting, strict=True))
        row |= {"n_seeds": len(group), "n_test": int(group["n_test"].max())}
        own = photos[photos["run"].isin(group["run"])]
        for name in MEASURES:
            per_seed = own.pivot(index="run", columns="photo", values=name).to_numpy(np.float64)
            low, high = (np.nan, np.nan) if np.isnan(per_seed).all() else hierarchical_interval(per_seed)
            spread = float(group[name].std())
            row |= {name: group[name].mean(), f"{name}_sd": spread, f"{name}_low": low, f"{name}_high": high}
            row[f"{name}_n"] = int((~np.isnan(per_seed)).any(axis=0).sum())
        rows.append(row | {"seconds": group["seconds"].mean()})
    return pd.DataFrame(rows)


def write_tables(tables: dict[str, pd.DataFrame], folder: Path, prefix: str) -> list[Path]:
    """Write each table as ``<prefix>-<name>.csv`` and ``.parquet``, each whole or not at all."""
    written = []
    for name, table in tables.items():
        for suffix, content in (
            (".csv", table.to_csv(index=False, lineterminator="\n")),
            (".parquet", table.to_parquet(index=False)),
        ):
            path = folder / f"{prefix}-{name}{suffix}"
            write_atomically(path, content)
            written.append(path)
    return written


def gather(folders: Sequence[Path]) -> dict[str, pd.DataFrame]:
    """Tables of finished runs, given by their folders: "runs", "photos" and "summary".

    Raises
    ------
    ValueError
        If there is no run.
    """
    if not folders:
        raise ValueError("no run is finished, so that there is nothing to put into a table")
    results = [read_result(folder) for folder in folders]
    runs = pd.concat([run for run, _ in results], ignore_index=True)
    photos = pd.concat([own for _, own in results], ignore_index=True)
    return {"runs": runs, "photos": photos, "summary": summarise(runs, photos)}
