"""All figures and tables, by name."""

from __future__ import annotations

from collections.abc import Iterable

from asm_interp.paper import bias, composition, lambdas, maps, reasons, tables
from asm_interp.paper.audit import audit
from asm_interp.paper.drawing import Entry
from asm_interp.paper.explanation import explanation

ENTRIES: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry("fig1", "Crops with composition guides", composition.guides, columns=1),
        Entry("fig3", "Composition patterns and their cells", composition.pattern_types),
        Entry("fig4", "Crop-level score maps, annotated and predicted scores", maps.crop_maps),
        Entry("fig5", "λ against ranking accuracy", lambdas.accuracy, columns=1),
        Entry("fig6", "θavg and θstd without and with the saliency-aware loss", maps.theta_pair),
        Entry("fig7", "Spatial bias: high- and low-score crops, corner coverage", bias.corners),
        Entry("fig8", "Best crops in six formats", composition.formats),
        Entry("table1", "Composition patterns", tables.table1),
        Entry("table2", "FCDB", tables.table2),
        Entry("table3", "FLMS", tables.table3),
        Entry("table4", "GAICD", tables.table4),
        Entry("rules", "Composition rules that models learned", reasons.rules),
        Entry("explanation", "What a crop reads, and what its score is made of", explanation),
        Entry("why", "Why one crop beats another", reasons.why, columns=1),
        Entry("gauge", "Channel offsets in θstd along λ", lambdas.gauge, columns=1),
        Entry("padding", "What padding paints in the corners", bias.padding, columns=1),
        Entry("audit", "Explanations against planted truth", audit),
    )
}


def entries(names: Iterable[str] = ()) -> list[Entry]:
    """Entries by name, in the order of the paper; all if no name is given.

    Raises
    ------
    ValueError
        If there is no such figure.
    """
    wanted = set(names) or set(ENTRIES)
    if unknown := sorted(wanted - set(ENTRIES)):
        raise ValueError(f"no figure {', '.join(map(repr, unknown))}; there are {', '.join(ENTRIES)}")
    return [entry for name, entry in ENTRIES.items() if name in wanted]
