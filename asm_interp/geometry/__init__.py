"""Floor 1: boxes, composition patterns and candidate crops. Knows nothing of models or files."""

from asm_interp.geometry import boxes, candidates, patterns

__all__ = ["boxes", "candidates", "patterns"]
