"""Time and peak memory of the head in both orders at 512 × 512 with VGG16's channels.

Run it as a script: ``python benchmarks/head_memory.py``. Each order runs in a process of its own, since the peak
of a process never falls. A third process that only makes the features tells what is not the head's.
"""

import resource
import subprocess
import sys
from time import perf_counter

ORDERS = {
    "none": "the features alone",
    "ours": "convolve, upsample, add",
    "paper": "upsample, concatenate, convolve",
}
SIDE, STAGES, PARTITIONS, ROUNDS = 512, {4: 256, 8: 512, 16: 512}, 12, 3


def measure(order: str) -> None:
    """Print the best seconds of a pass and the peak resident memory of this process in MiB."""
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn

    features = [torch.randn(1, channels, SIDE // stride, SIDE // stride) for stride, channels in STAGES.items()]
    heads = [nn.Conv2d(channels, PARTITIONS, 1, bias=False) for channels in STAGES.values()]
    joint = nn.Conv2d(sum(STAGES.values()), PARTITIONS, 1, bias=False)
    joint.weight.data = torch.cat([head.weight for head in heads], dim=1)

    def upsampled(values: Tensor) -> Tensor:
        return F.interpolate(values, (SIDE, SIDE), mode="bilinear", align_corners=False)

    def ours() -> Tensor:
        scores = torch.zeros(1, PARTITIONS, SIDE, SIDE)
        for head, stage in zip(heads, features, strict=True):
            scores = scores + upsampled(head(stage))
        return scores

    def paper() -> Tensor:
        return joint(torch.cat([upsampled(stage) for stage in features], dim=1))

    run = {"none": lambda: None, "ours": ours, "paper": paper}[order]
    seconds = []
    with torch.inference_mode():
        for _ in range(ROUNDS):
            start = perf_counter()
            run()
            seconds.append(perf_counter() - start)
    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, KiB elsewhere
    print(min(seconds), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)


def main() -> None:
    """Print one line an order and the ratios."""
    found = {}
    for order in ORDERS:
        done = subprocess.run([sys.executable, __file__, order], capture_output=True, text=True, check=True)
        found[order] = tuple(float(number) for number in done.stdout.split())
    floor = found["none"][1]
    print(f"head at {SIDE} × {SIDE}, {'+'.join(map(str, STAGES.values()))} channels to {PARTITIONS}")
    for order, (seconds, peak) in list(found.items())[1:]:
        print(f"{ORDERS[order]:34}{1000 * seconds:9.1f} ms{peak - floor:9.0f} MiB beyond the features' {floor:.0f}")
    time_ratio = found["paper"][0] / found["ours"][0]
    memory_ratio = (found["paper"][1] - floor) / max(found["ours"][1] - floor, 1)
    print(f"{'ratio':34}{time_ratio:9.1f}   {memory_ratio:9.1f}")


if __name__ == "__main__":
    measure(sys.argv[1]) if sys.argv[1:] else main()
