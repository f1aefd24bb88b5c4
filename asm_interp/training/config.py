"""What a training run is made of, as a typed, validated configuration."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from asm_interp.data.planted import WORLD_RULES, PlantedWorld, Weights, is_symmetric, shapes_world, subjects_world
from asm_interp.data.registry import read_dataset
from asm_interp.geometry import patterns
from asm_interp.training.inputs import PublishedPhotos, ScoredPhotos


class ConfigError(ValueError):
    """A configuration that cannot be read or does not hold together; the message names each entry."""


class TrainConfig(BaseModel):
    """One training run.

    Attributes
    ----------
    name : str
        Of the run, its folder and its checkpoint.
    data : {"shapes", "subjects", "gaicd", "cpc", "table"}
        Planted world, or published data set. All but *shapes* are read from the folder `root`; of a data set, the
        photos that are there, in its splits.
    rule, weights, n_crops, crops, best_share, share_width, best_area
        Of the planted world; see `asm_interp.data.planted`.
    augment : bool
        Draw new crops of a planted world in each epoch, move subjects to other photos, replace photos by windows of
        them (see `asm_interp.data.augmentation`), and vary their colours.
    n_photos, n_held_out, photo_height, photo_width
        Of *shapes*; the validation and the test split have `n_held_out` photos, or `n_photos` if that is fewer.
    backbone, pattern, pretrained, input_size
        Of the network; see `asm_interp.ASMNet`.
    lam : float
        Weight λ of the saliency-aware loss.
    delta, margin, reduction
        Of the ranking loss. `delta` is a difference of scores in the data's own units: 0.1 suits planted worlds;
        GAICD's mean opinions run from 1 to 5 and CPC's votes are counted otherwise, so choose one for them.
    epochs, batch_size, accumulate, lr, backbone_lr, weight_decay
        Of AdamW under a one-cycle schedule; the backbone's peak rate is `lr` unless given. An optimiser step takes
        `accumulate` batches of `batch_size` photos, each shared among all processes: half the batches twice as
        often, or twice the processes, is the same step.
    flip : bool, optional
        Mirror half of the photos; by default where the rule is symmetric, and for published data sets.
    accelerator, devices, num_nodes, precision
        As for Lightning Fabric. Under torchrun and ``fabric run`` their numbers of processes hold.
    workers : int
        Loader processes.
    memory : float
        GB of prepared photos that each process (with `workers`, each of these) keeps; the others are made anew in
        each epoch, those of published data sets from a cache on disk.
    save_every : int, optional
        Steps between states kept within an epoch; the end of an epoch always keeps one.
    half : bool
        Store the checkpoint in float16.
    note : str
        What readers of the checkpoint's card should know: what it can claim, and what it cannot.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    data: Literal["shapes", "subjects", "gaicd", "cpc", "table"] = "shapes"
    root: Path | None = None
    rule: str = "thirds"
    weights: dict[str, float] = Field(default_factory=dict)
    n_photos: int = Field(400, ge=1)
    n_held_out: int = Field(200, ge=1)
    photo_height: int = Field(96, ge=16)
    photo_width: int = Field(128, ge=16)
    n_crops: int = Field(32, ge=2)
    crops: Literal["random", "mixed"] = "random"
    best_share: float = 0.3
    share_width: float = Field(0.2, gt=0)
    best_area: float = Field(1.0, gt=0)
    augment: bool = False
    backbone: Literal["vgg16", "squeezenet1_1", "tiny"] = "tiny"
    pattern: str = "cross-rectangle"
    pretrained: Path | bool | None = None
    input_size: int = Field(96, ge=32, multiple_of=32)
    lam: float = Field(0.1, ge=0)
    delta: float = Field(0.1, ge=0)
    margin: float = Field(1.0, gt=0)
    reduction: Literal["mean", "sum"] = "mean"
    epochs: int = Field(12, ge=1)
    batch_size: int = Field(8, ge=1)
    accumulate: int = Field(1, ge=1)
    lr: float = Field(2e-3, gt=0)
    backbone_lr: float | None = Field(None, gt=0)
    weight_decay: float = Field(1e-4, ge=0)
    flip: bool | None = None
    seed: int = Field(0, ge=0)
    accelerator: str = "cpu"
    devices: int = Field(1, ge=1)
    num_nodes: int = Field(1, ge=1)
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    workers: int = Field(0, ge=0)
    memory: float = Field(2.0, ge=0)
    save_every: int | None = Field(None, ge=1)
    half: bool = True
    note: str = ""

    @field_validator("pattern")
    @classmethod
    def _known_pattern(cls, value: str) -> str:
        patterns.get(value)
        return value

    @field_validator("rule")
    @classmethod
    def _known_rule(cls, value: str) -> str:
        if value not in WORLD_RULES:
            raise ValueError(f"there are {', '.join(WORLD_RULES)}")
        return value

    @field_validator("weights")
    @classmethod
    def _known_weights(cls, value: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(value) - set(Weights.__dataclass_fields__))
        if unknown:
            raise ValueError(f"no terms {unknown}; there are {', '.join(Weights.__dataclass_fields__)}")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> TrainConfig:
        if self.data != "shapes" and self.root is None:
            holds = "with index.csv" if self.data == "subjects" else "of the data set"
            raise ValueError(f"data = {self.data!r} needs root, the folder {holds}")
        if self.is_planted and self.flip and not is_symmetric(self.rule):
            raise ValueError(f"flip = true would teach the mirror image of rule {self.rule!r}")
        if self.augment and not self.is_planted:
            raise ValueError(f"augment = true needs scores that can be made anew; those of {self.data!r} are people's")
        return self

    @property
    def is_planted(self) -> bool:
        """Whether scores follow `rule` and `weights`, and not people."""
        return self.data in ("shapes", "subjects")

    def photos(self, split: str) -> ScoredPhotos:
        """Make the data of a split, "train", "val" or "test"; empty if a published data set has no such split."""
        if self.is_planted:
            return self.world(split)
        assert self.root is not None  # validated above
        dataset = read_dataset(self.data, self.root)
        return PublishedPhotos(dataset.where(lambda sample: sample.split == split), self.input_size)

    def world(self, split: str) -> PlantedWorld:
        """Make a split of a planted world, "train", "val" or "test"."""
        options: dict[str, Any] = {
            "rule": self.rule,
            "weights": Weights(**self.weights),
            "n_crops": self.n_crops,
            "crops": self.crops,
            "best_share": self.best_share,
            "share_width": self.share_width,
            "best_area": self.best_area,
        }
        if self.data == "subjects":
            assert self.root is not None  # validated above
            return subjects_world(self.root, split, seed=self.seed, **options)
        size = (self.photo_height, self.photo_width)
        n_photos = self.n_photos if split == "train" else min(self.n_photos, self.n_held_out)
        return shapes_world(split, n_photos=n_photos, size=size, seed=self.seed, **options)

    def to_toml(self) -> str:
        """Write the configuration as `read_config` reads it."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


def read_config(path: Path | None = None, **overrides: Any) -> TrainConfig:
    """Read a configuration from a TOML file; keyword arguments that are not None replace its entries.

    Raises
    ------
    ConfigError
        If the file is missing or malformed, or an entry is unknown or out of range; each entry is named.
    """
    entries: dict[str, Any] = {}
    where = "configuration"
    if path is not None:
        where = str(path)
        try:
            entries = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(f"{path}: no such configuration file") from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{path}: expected TOML ({error})") from error
    entries |= {key: value for key, value in overrides.items() if value is not None}
    try:
        return TrainConfig(**entries)
    except ValidationError as error:
        raise ConfigError(f"{where}: {'; '.join(_fault(details) for details in error.errors())}") from error


def _fault(details: Any) -> str:
    """Say what is wrong with which entry, and what was found there."""
    message: str = details["msg"].removeprefix("Value error, ")
    if not details["loc"]:
        return message
    return f"{'.'.join(str(part) for part in details['loc'])}: {message}, found {details['input']!r}"
