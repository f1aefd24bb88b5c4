"""Whether the data loader keeps the network waiting: a step of the loop against one on a batch at hand.

``python benchmarks/loader.py [FOLDER [INPUT_SIZE]]`` trains SqueezeNet 1.1 on a data set like GAICD, 86 crops a
photo, made of the photos in a folder or of those that come with scikit-image and scikit-learn. It compares

- loop: load a batch (from memory, or from the cache on disk), step, check the loss, and
- fixed: forward, losses, backward and optimiser on one batch at hand: backbone, head, pooling and both losses,

which take turns, so that whatever else the machine does hits both; and shows the backbone's own forward and backward
pass. All figures are medians of one run.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from lightning.fabric import Fabric
from PIL import Image

from asm_interp.data.photo import photo_paths, read_photo, resize_photo, sample_photos
from asm_interp.data.sampling import random_boxes
from asm_interp.model.pooling import composition_pool
from asm_interp.training.config import TrainConfig
from asm_interp.training.loop import _Run
from asm_interp.training.losses import ranking_loss, saliency_loss, total_loss

ROUNDS, BATCH, PHOTOS, CROPS, SIZE = 12, 4, 24, 86, (683, 1024)  # crops and size as in GAICD


def write_data(root: Path, sources: list[np.ndarray]) -> None:
    """Lay out photos of one size with random crops as GAICD does."""
    rng = np.random.default_rng(0)
    crops = {}
    (root / "images").mkdir()
    for number in range(PHOTOS):
        name = f"{number}.jpg"
        Image.fromarray(resize_photo(sources[number % len(sources)], SIZE)).save(root / "images" / name, quality=95)
        boxes = random_boxes(SIZE, CROPS, rng)
        crops[name] = {"bbox": boxes.tolist(), "score": rng.uniform(1, 5, CROPS).tolist()}
    (root / "image_crop.json").write_text(json.dumps(crops))
    (root / "original_data_split.json").write_text(json.dumps({"train": list(crops), "test": []}))


def alternate(works: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Milliseconds of each, taken in turns, after a first round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(ROUNDS + 1):
        for name, work in works.items():
            started = perf_counter()
            work()
            if number:
                times[name].append(1000 * (perf_counter() - started))
    return times


def measure(root: Path, input_size: int, memory: float) -> dict[str, list[float]]:
    """Times of a loop step, of its loading alone, of a step on a batch at hand and of the backbone."""
    config = TrainConfig(
        name="loader",
        data="gaicd",
        root=root,
        backbone="squeezenet1_1",
        input_size=input_size,
        batch_size=BATCH,
        delta=0.5,
        epochs=2 + ROUNDS * BATCH // PHOTOS,
        memory=memory,
    )
    fabric = Fabric(accelerator="cpu", devices=1)
    fabric.launch()
    run = _Run(fabric, config, root)
    batches = run.batches()
    for _ in range(PHOTOS // BATCH):  # the first epoch decodes
        fixed = next(batches)
    loading = []

    def loop() -> None:
        started = perf_counter()
        batch = next(batches).to(fabric.device)
        loading.append(1000 * (perf_counter() - started))
        assert np.isfinite(run.step([(batch, BATCH)], BATCH)).all()

    def plain() -> None:
        run.optimiser.zero_grad()
        values = run.model(fixed.images).contiguous()
        ranking = ranking_loss(composition_pool(values, fixed.boxes, run.bare.pattern), fixed.scores, config.delta)
        total_loss(ranking, saliency_loss(values, fixed.saliency), config.lam).backward()
        run.optimiser.step()

    def backbone() -> None:
        features = run.bare.backbone(fixed.images.contiguous(memory_format=torch.channels_last))
        sum(stage.sum() for stage in features).backward()

    times = alternate({"loop": loop, "fixed": plain, "backbone": backbone})
    return times | {"loading": loading[1:]}


def main(folder: str = "", input_size: str = "256") -> None:
    """Print the figures with photos kept in memory, and with all of them read from the cache on disk."""
    sources = [read_photo(path) for path in photo_paths(folder)] if folder else list(sample_photos().values())
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        os.environ["XDG_CACHE_HOME"] = str(root / "cache")
        write_data(root, sources)
        print(f"SqueezeNet 1.1, {input_size} px, {BATCH} photos a step, {torch.get_num_threads()} threads")
        for place, memory in (("memory", 2.0), ("disk cache", 0.0)):
            times = measure(root, int(input_size), memory)
            shown = ", ".join(f"{name} {np.median(values):.1f} ms" for name, values in times.items())
            ratio = np.median(np.array(times["loop"]) / np.array(times["fixed"]))
            added = np.median(times["loading"]) / np.median(times["fixed"])
            print(f"from {place}: {shown}; loop / fixed {ratio:.3f}, loading alone {added:.1%} of a fixed step")


if __name__ == "__main__":
    main(*sys.argv[1:3])
