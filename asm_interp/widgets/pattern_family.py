"""Checkpoints that differ in their pattern alone, and what their cards say of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from asm_interp.analysis.expressivity import pattern_expressivity
from asm_interp.geometry.patterns import CompositionPattern, from_labels
from asm_interp.model.checkpoint import find, list_checkpoints, read_card

_ALIKE = ("backbone", "data", "lambda", "photos", "epochs", "input_size", "seed", "world")


@dataclass(eq=False)
class PatternFamily:
    """Checkpoints by name, with their patterns and measured accuracies.

    Attributes
    ----------
    patterns : dict of str to CompositionPattern
    metrics : dict of str to dict
        Of each card; empty where it has none.
    """

    patterns: dict[str, CompositionPattern]
    metrics: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, checkpoint: str) -> PatternFamily:
        """The family of a checkpoint: all that were trained alike, by their cards.

        That is with the same backbone, data, number of photos, λ, epochs, input size, seed and planted world. A file
        given by its path is a family of its own.

        Raises
        ------
        CheckpointError
            If there is no such checkpoint.
        """
        found = list_checkpoints().set_index("name")
        cards = {checkpoint: read_card(find(checkpoint))}
        own = _training(cards[checkpoint])
        if checkpoint in found.index:
            for name in found.index[found["data"] == own["data"]]:
                if _training(card := read_card(find(name))) == own:
                    cards[name] = card
        patterns = {name: from_labels(card["labels"], card["pattern"]) for name, card in cards.items()}
        order = sorted(patterns, key=lambda name: (patterns[name].n_partitions, name))
        return cls({name: patterns[name] for name in order}, {name: cards[name].get("metrics") or {} for name in order})

    def accuracies(self) -> pd.DataFrame:
        """Ranking accuracy of each checkpoint on its own test photos.

        Returns
        -------
        DataFrame
            checkpoint, pattern, partitions, raster (rows×columns), estimate, ci_low, ci_high, n_photos; NaN where a
            card holds no measurement.
        """
        rows = []
        for name, pattern in self.patterns.items():
            own = self.metrics[name]
            measured = next((key for key in own if key.endswith("_ranking_accuracy")), "")
            rows.append(
                {
                    "checkpoint": name,
                    "pattern": pattern.name,
                    "partitions": pattern.n_partitions,
                    "raster": "×".join(map(str, pattern.shape)),
                    "estimate": own.get(measured, float("nan")),
                    "ci_low": own.get("ci_low", float("nan")),
                    "ci_high": own.get("ci_high", float("nan")),
                    "n_photos": int(own.get("n_photos", 0)),
                }
            )
        return pd.DataFrame(rows)

    @cached_property
    def ceilings(self) -> pd.DataFrame:
        """Best correlation with each composition rule that each pattern can reach.

        Returns
        -------
        DataFrame
            One row per checkpoint (its name is the index): pattern, n_partitions, and a column per rule.
        """
        table = pattern_expressivity(self.patterns.values()).reset_index()
        return table.set_index(pd.Index(list(self.patterns), name="checkpoint"))


def _training(card: dict[str, Any]) -> dict[str, Any]:
    """What a card says of the training, but for the pattern."""
    return {key: card.get(key) for key in _ALIKE}
