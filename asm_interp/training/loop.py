"""The training loop: ASM-Net on a data set of scored crops, resumable at any time."""

from __future__ import annotations

import csv
import io
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from asm_interp.evaluation import bootstrap_interval, ranking_accuracy
from asm_interp.files import write_atomically
from asm_interp.geometry.boxes import FloatArray
from asm_interp.model.asmnet import ASMNet, evaluating, network_input, network_size
from asm_interp.model.checkpoint import CheckpointError, save
from asm_interp.model.pooling import composition_pool
from asm_interp.training.batches import Batch, ScoredPhotos, TrainingSet, epoch_plan
from asm_interp.training.config import TrainConfig
from asm_interp.training.losses import counted_pairs, ranking_loss, saliency_loss, total_loss

if TYPE_CHECKING:
    from lightning.fabric import Fabric

    Row = dict[str, float]

STATE, METRICS, CONFIG = "state.pt", "metrics.csv", "config.toml"
"""Files of a run's folder, beside its checkpoint."""


class TrainingError(RuntimeError):
    """Training cannot go on; the last good state is kept."""


def photo_accuracies(model: ASMNet, data: ScoredPhotos, delta: float) -> FloatArray:
    """Ranking accuracy of each photo of a data set, [N]; NaN where no pair differs by `delta`.

    Raises
    ------
    FloatingPointError
        If the model gives a score that is not finite.
    """
    accuracies = []
    for index in range(len(data)):
        sample = data[index]
        height, width = sample.photo.shape[:2]
        h, w = network_size((height, width), model.input_size)
        boxes = torch.from_numpy(sample.boxes * np.array([w / width, h / height] * 2))
        with evaluating(model):
            values = model(network_input(sample.photo, (h, w))[None].to(model.bias.device)).float()
            predicted = composition_pool(values, boxes[None].to(values.device), model.pattern)[0].cpu().numpy()
        if not np.isfinite(predicted).all():
            raise FloatingPointError(f"{sample.id}: a predicted score is not finite")
        accuracies.append(ranking_accuracy(predicted, sample.scores, delta))
    return np.array(accuracies)


def train(config: TrainConfig, out: Path, *, resume: bool = False, quiet: bool = False) -> Path:
    """Train a model and write its checkpoint.

    The run's folder is ``out / config.name``. It holds the configuration, the metrics of each epoch (CSV),
    the state after the last epoch, and at the end the checkpoint ``<name>.safetensors``. Batches and mirrored
    photos depend on the seed and the epoch alone, so that a resumed run goes the way an undisturbed one would
    have gone (with precision "16-mixed" nearly: its loss scale starts anew).

    Parameters
    ----------
    config : TrainConfig
    out : path
        Where several machines train together, a folder that they share.
    resume : bool
        Go on from the state that an earlier call with the same configuration left, if it left one. Without it
        a folder that holds a run is an error.
    quiet : bool
        No progress bar.

    Returns
    -------
    Path
        The checkpoint.

    Raises
    ------
    TrainingError
        If the folder holds another run, the loss or a score is not finite, or the results cannot be written.
    """
    from lightning.fabric import Fabric  # 3 s, which only those who train should wait

    folder = Path(out) / config.name
    _check(folder, config, resume)
    fabric = Fabric(
        accelerator=config.accelerator,
        devices=config.devices,
        num_nodes=config.num_nodes,
        precision=config.precision,
    )
    fabric.launch()
    torch.manual_seed(config.seed)
    run = _Run(fabric, config, folder)
    if resume and (folder / STATE).is_file():
        run.restore()
    # Only now, when nothing can be wrong with the configuration and every process has passed the check.
    _write(fabric, folder, lambda: write_atomically(folder / CONFIG, config.to_toml()))
    with _progress(quiet or not fabric.is_global_zero) as progress:
        for epoch in range(run.epochs_done, config.epochs):
            run.epoch(epoch, progress)
            _write(fabric, folder, run.keep)
    checkpoint = folder / f"{config.name}.safetensors"
    _write(fabric, folder, lambda: run.finish(checkpoint))
    return checkpoint


def _check(folder: Path, config: TrainConfig, resume: bool) -> None:
    """Refuse a folder that holds a run, unless it is this one and to be resumed."""
    path = folder / CONFIG
    if not path.is_file():
        return
    if not resume:
        raise TrainingError(f"{folder} already holds a run; go on with --resume, or choose another name")
    if path.read_text(encoding="utf-8") != config.to_toml():
        raise TrainingError(f"{path} is of another run; to resume it, use its configuration unchanged")


def _write(fabric: Fabric, folder: Path, results: Callable[[], None]) -> None:
    """Let the first process write while the others wait; a fault there ends all of them: none hangs."""
    fault: Exception | None = None
    if fabric.is_global_zero:
        try:
            results()
        except (OSError, CheckpointError) as error:
            fault = error
    fault = fabric.broadcast(fault)
    if fault is not None:
        raise TrainingError(f"{folder}: cannot write the results ({fault})") from fault


def _ratio(total: float, count: float) -> float:
    return float(total / count) if count else float("nan")


def _mean(per_photo: FloatArray) -> float:
    """Mean of the entries that are not NaN; NaN if there is none."""
    rated = per_photo[~np.isnan(per_photo)]
    return _ratio(rated.sum(), len(rated))


def _progress(quiet: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[status]}"),
        TimeRemainingColumn(),
        disable=quiet,
    )


class _Run:
    """Model, optimiser and history of a run between two epochs."""

    def __init__(self, fabric: Fabric, config: TrainConfig, folder: Path) -> None:
        self.fabric, self.config, self.folder = fabric, config, folder
        self.train_data, self.val_data = config.world("train"), config.world("val")
        data = self.train_data
        sizes = [network_size(data.photo_size(index), config.input_size) for index in range(len(data))]
        self.plans = [epoch_plan(sizes, config.batch_size, config.seed, epoch) for epoch in range(config.epochs)]
        self.flip = data.is_symmetric if config.flip is None else config.flip
        self.history: list[Row] = []
        self.epochs_done = 0
        model = ASMNet(config.backbone, config.pattern, config.pretrained, config.input_size)
        backbone, rest = model.backbone.parameters(), [*model.heads.parameters(), model.bias]
        rates = [config.backbone_lr or config.lr, config.lr]
        optimiser = torch.optim.AdamW(
            [{"params": list(backbone), "lr": rates[0]}, {"params": rest, "lr": rates[1]}],
            weight_decay=config.weight_decay,
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, max_lr=rates, total_steps=sum(len(plan) for plan in self.plans)
        )
        self.bare: ASMNet = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model, self.optimiser = fabric.setup(self.bare, optimiser)

    def epoch(self, epoch: int, progress: Progress) -> None:
        """One pass over the training photos, and the accuracy on the validation split."""
        config, fabric = self.config, self.fabric
        started = time.perf_counter()
        plan = self.plans[epoch]
        own = [photos[fabric.global_rank :: fabric.world_size] for photos in plan]
        data = TrainingSet(
            self.train_data,
            # A process that a small batch leaves without a photo joins in with one of weight zero.
            [mine or photos[:1] for mine, photos in zip(own, plan, strict=True)],
            config.input_size,
            seed=config.seed,
            epoch=epoch,
            flip=self.flip,
            with_saliency=config.lam > 0,
        )
        loader = torch.utils.data.DataLoader(data, batch_size=None, num_workers=config.workers)
        task = progress.add_task(f"epoch {epoch + 1}/{config.epochs}", total=len(plan), status="")
        self.model.train()
        sums, seen = np.zeros(5), 0
        for batch, mine, photos in zip(loader, own, plan, strict=True):
            figures = self.step(batch.to(fabric.device), len(mine), len(photos))
            if not np.isfinite(figures).all():
                raise self._diverged("the loss", epoch)
            sums += figures
            seen += len(photos)
            progress.update(task, advance=1, status=f"loss {sums[0] / seen:.3f} accuracy {_ratio(*sums[3:]):.3f}")
        try:  # the last step may have done what no loss has seen yet
            accuracy = _mean(photo_accuracies(self.bare, self.val_data, config.delta))
        except FloatingPointError as error:
            raise self._diverged("a score of the validation split", epoch) from error
        loss, ranking, saliency = (sums[:3] / seen).tolist()
        train_accuracy = _ratio(*sums[3:])
        self.history.append(
            {
                "epoch": epoch + 1,
                "loss": loss,
                "ranking_loss": ranking,
                "saliency_loss": saliency,
                "train_accuracy": train_accuracy,
                "val_accuracy": accuracy,
                "lr": float(self.schedule.get_last_lr()[-1]),
                "seconds": time.perf_counter() - started,
            }
        )
        self.epochs_done = epoch + 1
        status = f"loss {loss:.3f} accuracy {train_accuracy:.3f}, held out {accuracy:.3f}"
        progress.update(task, status=status)

    def _diverged(self, what: str, epoch: int) -> TrainingError:
        kept = f"the state of epoch {epoch} is kept in {self.folder}" if epoch else "nothing is kept"
        return TrainingError(
            f"{what} is not finite in epoch {epoch + 1}; {kept}. A lower lr or precision '32-true' may help"
        )

    def step(self, batch: Batch, n_own: int, n_photos: int) -> FloatArray:
        """One optimiser step on this process's `n_own` of the `n_photos` of a global batch.

        Returns sums over the global batch: of the loss, its ranking and saliency parts, and the ranking
        accuracy of each photo that has a pair; and how many photos have one.
        """
        config, fabric = self.config, self.fabric
        values = self.model(batch.images).float()  # [B, L, h, w]
        predicted = composition_pool(values, batch.boxes, self.bare.pattern)
        ranking = ranking_loss(predicted, batch.scores, config.delta, config.margin, config.reduction)
        saliency = saliency_loss(values, batch.saliency) if config.lam else ranking.new_zeros(())
        loss = total_loss(ranking, saliency, config.lam)
        self.optimiser.zero_grad()
        # Processes may hold different numbers of photos; weighted so that averaging gradients over processes
        # gives the mean over the photos of the global batch.
        fabric.backward(loss * (n_own * fabric.world_size / n_photos))
        self.optimiser.step()
        self.schedule.step()
        with torch.no_grad():
            pairs = counted_pairs(batch.scores, config.delta)
            order = (predicted.unsqueeze(2) - predicted.unsqueeze(1)).sign()  # 1 right, 0 tied, -1 wrong
            counts = pairs.sum((1, 2))
            accuracy = ((1 + order) / 2 * pairs).sum((1, 2)) / counts.clamp(min=1)
            figures = torch.stack([loss * n_own, ranking * n_own, saliency * n_own, accuracy.sum(), (counts > 0).sum()])
            figures[3:] *= n_own > 0
        return cast(Tensor, fabric.all_reduce(figures, reduce_op="sum")).cpu().numpy()

    def keep(self) -> None:
        """Write metrics and state, each whole or not at all, of the last epoch."""
        state: dict[str, Any] = {
            "model": self.bare.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "history": self.history,
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        table = io.StringIO()
        writer = csv.DictWriter(table, fieldnames=list(self.history[0]))
        writer.writeheader()
        writer.writerows(self.history)
        # The state last: a run killed in between repeats the epoch and writes its metrics again.
        write_atomically(self.folder / METRICS, table.getvalue())
        write_atomically(self.folder / STATE, buffer.getvalue())

    def restore(self) -> None:
        """Back to the end of the last epoch that was kept."""
        path = self.folder / STATE
        try:
            state = torch.load(path, map_location=self.fabric.device, weights_only=True)
            self.bare.load_state_dict(state["model"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.schedule.load_state_dict(state["schedule"])
            self.history = state["history"]
        except (RuntimeError, KeyError, ValueError, TypeError, EOFError, pickle.UnpicklingError) as error:
            raise TrainingError(f"{path}: not the state of this run ({error})") from error
        self.epochs_done = len(self.history)

    def finish(self, checkpoint: Path) -> None:
        """Measure the test split, and write the checkpoint with its card."""
        config = self.config
        test = config.world("test")
        accuracies = photo_accuracies(self.bare, test, config.delta)
        low, high = bootstrap_interval(accuracies, seed=config.seed)
        measured = {"test_ranking_accuracy": _mean(accuracies), "ci_low": low, "ci_high": high}
        n_photos = int(np.isfinite(accuracies).sum())
        card = {
            "lambda": config.lam,
            "data": f"{config.data}, rule {config.rule}",
            "seed": config.seed,
            "epochs": config.epochs,
            "photos": len(self.train_data),
            "world": {
                "rule": config.rule,
                "weights": {key: getattr(test.weights, key) for key in test.weights.__dataclass_fields__},
                "n_crops": config.n_crops,
                "best_share": config.best_share,
                "share_width": config.share_width,
            },
            "metrics": (measured if n_photos else {}) | {"delta": config.delta, "n_photos": n_photos},
            "licence": "MIT",
        }
        save(self.bare, checkpoint, card, half=config.half)
