"""Held-out photos with planted truth, and models graded on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from asm_interp.analysis.graded_model import HEADS, GradedModel, Setting, check_seeds, grade_model, removals
from asm_interp.data.planted import PlantedWorld, Weights, shapes_world, subjects_world
from asm_interp.data.scenes import KeptScenes, ShapeScenes
from asm_interp.model.checkpoint import CheckpointError, find, list_checkpoints, load, read_card

FAMILIES = {
    "shapes": ("shapes-lambda-0", "shapes-lambda-0.1"),
    "subjects": ("photos-lambda-0", "photos-lambda-0.1", "photos-lambda-1"),
}
"""Shipped checkpoints that differ in λ alone, by data: graded where none is named."""

_OF_WORLD = ("n_crops", "crops", "best_share", "share_width", "best_area")


@dataclass(frozen=True, eq=False)
class Bench:
    """Held-out photos that models are graded on.

    Attributes
    ----------
    data : {"shapes", "subjects"}
    world : PlantedWorld
        Of these photos; each model's own rule and weights replace its.
    drawn : ShapeScenes, optional
        What the scenes were drawn by, so that they can be drawn without a distractor.
    """

    data: str
    world: PlantedWorld
    drawn: ShapeScenes | None = None

    @classmethod
    def make(cls, data: str, n_photos: int, root: Path | None = None) -> Bench:
        """Photos of the test split: of *shapes* the first, of *subjects* (a folder, `root`) spread over it.

        Raises
        ------
        ValueError
            If there is no such data, or its folder is missing or faulty.
        """
        if data == "shapes":
            world = shapes_world("test", n_photos=n_photos)
        elif data != "subjects":
            raise ValueError(f"planted worlds are shapes and subjects, got {data!r}")
        elif root is None:
            raise ValueError("subjects need --root, the folder with index.csv")
        else:
            world = subjects_world(root, "test")
        chosen = np.linspace(0, len(world) - 1, min(n_photos, len(world))).astype(int)
        kept = KeptScenes([world.scenes[int(index)] for index in chosen])
        drawn = world.scenes if isinstance(world.scenes, ShapeScenes) else None
        return cls(data, replace(world, scenes=kept), drawn)

    def world_of(self, path: Path) -> PlantedWorld:
        """The world that a checkpoint was trained on, with these photos.

        Raises
        ------
        CheckpointError
            If its card names no planted world.
        """
        world = read_card(path).get("world")
        if not world:
            raise CheckpointError(f"{path}: its card names no planted world, and so no truth to grade it by")
        options = {name: world[name] for name in _OF_WORLD if name in world}
        return replace(self.world, rule=world["rule"], weights=Weights(**world["weights"]), **options)


def _setting(path: Path, world: PlantedWorld) -> tuple[Setting, int]:
    """Setting and seed of a checkpoint, from its card."""
    card = read_card(path)
    setting = Setting(world.rule, card["pattern"], card["backbone"], float(card["lambda"]), world.weights.corners)
    return setting, int(card["seed"])


def shipped_models(data: str) -> list[Path]:
    """Checkpoints at hand that were trained on a kind of planted world.

    Raises
    ------
    ValueError
        If there is none.
    """
    table = list_checkpoints()
    paths = [Path(row["path"]) for row in table.to_dict("records") if f"{row['data']}".startswith(f"{data},")]
    if not paths:
        raise ValueError(f"no checkpoint at hand was trained on {data}")
    return paths


def grade_models(
    bench: Bench,
    checkpoints: Sequence[str | Path],
    *,
    explained_rule: str | None = None,
    advance: Callable[[str], None] | None = None,
) -> list[GradedModel]:
    """Grade checkpoints on the same photos.

    Parameters
    ----------
    bench : Bench
    checkpoints : sequence of str or path
        Names or paths; what each was trained on stands in its card.
    explained_rule : str, optional
        Only models of worlds with this rule and no corner preference have all their maps graded and distractors
        removed, which takes most of the time; left out, all have. Random heads stand beside these, and beside all
        models without corner preference.
    advance : callable, optional
        Called with each model's name when it is done.

    Raises
    ------
    ValueError
        If two checkpoints have one setting and seed, or one is faulty.
    """
    paths = [Path(find(name)) for name in checkpoints]
    check_seeds((path.stem, *_setting(path, bench.world_of(path))) for path in paths)
    removed = list(removals(bench.drawn, range(len(bench.world)))) if bench.drawn else []
    graded = []
    for path in paths:
        world, model = bench.world_of(path), load(path)
        explain = explained_rule is None or (world.rule == explained_rule and world.weights.corners == 0)
        graded.append(
            grade_model(
                model,
                world,
                name=path.stem,
                lam=float(model.card["lambda"]),
                seed=int(model.card["seed"]),
                explain=explain,
                heads=HEADS if explain or world.weights.corners == 0 else 0,  # rules have bars at β = 0 alone
                removed=removed if explain else (),
            )
        )
        if advance is not None:
            advance(path.stem)
    return graded
