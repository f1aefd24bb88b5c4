"""One offline page over the figures and crops of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from asm_interp import __version__
from asm_interp.files import write_atomically

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 120rem; margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(32rem, 1fr)); gap: 1.5rem; }
img { max-width: 100%; background: white; }
figure { margin: 0; } figcaption { margin-bottom: .4rem; font-weight: 600; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .85rem; }
td, th { padding: .1rem .7rem; text-align: right; border-bottom: 1px solid #8884; }
details { margin-top: .4rem; } .skipped { border-left: 4px solid #D55E00; padding-left: 1rem; }
"""

_GUIDE = (
    "Each figure answers why the network prefers crop 1. Top row: the best crops; the map that crop 1 reads (every "
    "pixel scored for the partition it falls in; its mean is the score up to a constant of the photo); and what each "
    "partition adds. Bottom row: θavg, each pixel's mean score over the places it may have in a crop; θstd, how much "
    "its score depends on that place; and the partitions as the pattern stands. All maps of a kind share one scale."
)


def write_page(
    path: Path,
    entries: Sequence[tuple[str, Mapping[str, pd.DataFrame]]],
    cards: Mapping[str, Mapping[str, Any]],
    shape: str,
    skipped: Mapping[str, str],
) -> None:
    """Write the page.

    Parameters
    ----------
    path : path
        Beside it lies a folder per checkpoint, with a figure ``<photo>.png`` and a crop ``<photo>.crop.jpg`` or
        ``.png`` for each photo.
    entries : sequence of (str, mapping)
        Each photo's name and its crops under each checkpoint.
    cards : mapping
        Each checkpoint's card.
    shape : {"rectangle", "circle"}
    skipped : mapping
        Photos that could not be read, and why.
    """
    suffix = "png" if shape == "circle" else "jpg"
    sections = [_section(name, tables, suffix) for name, tables in entries]
    models = "".join(
        f"<li><b>{escape(name)}</b>: {escape(str(card.get('backbone')))}, {escape(str(card.get('pattern')))}, "
        f"λ = {escape(str(card.get('lambda')))}, trained on {escape(str(card.get('data')))}{_accuracy(card)}</li>"
        for name, card in cards.items()
    )
    faults = "".join(f"<li>{escape(why)}</li>" for why in skipped.values())
    warning = f'<div class="skipped"><h2>Skipped</h2><ul>{faults}</ul></div>' if skipped else ""
    contents = " · ".join(f'<a href="#{quote(name)}">{escape(name)}</a>' for name, _ in entries)
    write_atomically(
        path,
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Why these crops</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>Why these crops</h1><p>{_GUIDE}</p><ul>{models}</ul><p>{contents}</p>{warning}"
        f"{''.join(sections)}<hr><p>asm_interp {__version__}</p></body></html>\n",
    )


def _accuracy(card: Mapping[str, Any]) -> str:
    metrics = card.get("metrics") or {}
    if "test_ranking_accuracy" not in metrics:
        return ""
    return (
        f", ranking accuracy on {metrics['n_photos']} held-out photos {metrics['test_ranking_accuracy']:.3f} "
        f"[{metrics['ci_low']:.3f}, {metrics['ci_high']:.3f}]"
    )


def _section(name: str, tables: Mapping[str, pd.DataFrame], suffix: str) -> str:
    figures = []
    for checkpoint, crops in tables.items():
        stem = f"{quote(checkpoint)}/{quote(name)}"
        best = crops.iloc[0]
        told = f"best crop {best.x1}, {best.y1} to {best.x2}, {best.y2} px, score {best.score:.3f}"
        rows = crops.rename_axis("rank").reset_index().assign(rank=lambda table: table["rank"] + 1)
        figures.append(
            f'<figure><figcaption>{escape(checkpoint)}</figcaption><img loading="lazy" src="{stem}.png" '
            f'alt="{escape(name)} under {escape(checkpoint)}: {told}">'
            f'<details><summary>{told}; <a href="{stem}.crop.{suffix}">image</a>, <a href="{stem}.json">JSON</a>, '
            f'<a href="{stem}.csv">CSV</a></summary>{rows.to_html(index=False, border=0, float_format="{:.4f}".format)}'
            "</details></figure>"
        )
    return f'<section id="{escape(name)}"><h2>{escape(name)}</h2><div class="pair">{"".join(figures)}</div></section>'
