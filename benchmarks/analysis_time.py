"""Where the time of a data-set analysis goes: reading, the network's trunk and head, and the analysis itself.

    python benchmarks/analysis_time.py [--photos FOLDER] [--backbone vgg16 squeezenet1_1] [--repeat 3]

Processor time of one thread, so that other work on the machine does not enter. The analysis is the real one, with
its files; without --photos it runs on the sample photographs, saved as JPEG.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ["OMP_NUM_THREADS"] = "1"

import torch
from PIL import Image

import asm_interp as asm
from asm_interp.analysis import dataset
from asm_interp.data.photo import sample_photos
from asm_interp.model import asmnet


def main() -> None:
    """Print one table per backbone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--backbone", nargs="+", default=["squeezenet1_1", "vgg16"])
    parser.add_argument("--repeat", type=int, default=4)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        if options.photos is None:
            for name, photo in sample_photos().items():
                Image.fromarray(photo).save(f"{folder}/{name}.jpg", quality=92)
        found = dataset.find_photos(options.photos or folder)
        for backbone in options.backbone:
            report(backbone, found, options.repeat)


def report(backbone: str, photos: dict[str, Path], repeat: int) -> None:
    """Time the analysis of the photos with a network of random weights, whose cost is that of a trained one."""
    spent: dict[str, float] = defaultdict(float)

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def measured(*arguments: Any, **keywords: Any) -> Any:
            start = time.thread_time()
            try:
                return function(*arguments, **keywords)
            finally:
                spent[name] += time.thread_time() - start

        return measured

    model = asm.ASMNet(backbone)
    many = {f"{number}/{name}": path for number in range(repeat) for name, path in photos.items()}

    def analyse(some: dict[str, Path]) -> None:
        with tempfile.TemporaryDirectory() as out:
            dataset.analyse_photos(model, some, out, shard=dataset.Shard())

    analyse(photos)  # imports what is imported on first use
    with (
        patch.object(dataset, "read_photo", timed("reading", dataset.read_photo)),
        patch.object(asmnet, "network_input", timed("input", asmnet.network_input)),
        patch.object(dataset, "photo_measures", timed("analysis", dataset.photo_measures)),
        patch.object(model.backbone, "forward", timed("trunk", model.backbone.forward)),
        patch.object(model, "forward", timed("network", model.forward)),
    ):
        start, wall = time.process_time(), time.perf_counter()
        analyse(many)
        total, wall = time.process_time() - start, time.perf_counter() - wall
    n = len(many)
    network = spent.pop("network")
    spent["head"] = network - spent["trunk"]
    spent["rest (files, hashing, checks)"] = total - sum(spent.values())
    print(
        f"\n{backbone}, {n} photos, {total / n * 1e3:.1f} ms of processor time each ({wall / n * 1e3:.1f} ms elapsed)"
    )
    for name, seconds in spent.items():
        print(f"  {name:30} {seconds / n * 1e3:8.1f} ms {seconds / total:7.1%}")
    print(f"  network = trunk + head {network / total:.1%}; without reading {network / (total - spent['reading']):.1%}")


if __name__ == "__main__":
    main()
