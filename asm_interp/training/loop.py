"""The training loop: ASM-Net on a data set of scored crops, resumable at any time."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from asm_interp.data.crops import CropDataset
from asm_interp.evaluation import bootstrap_interval, ranking_accuracy
from asm_interp.files import write_atomically
from asm_interp.geometry.boxes import FloatArray, Size
from asm_interp.model.asmnet import ASMNet, evaluating, network_input, network_size
from asm_interp.model.checkpoint import save
from asm_interp.model.pooling import composition_pool
from asm_interp.training.batches import Batch, TrainingSet, epoch_plan
from asm_interp.training.config import TrainConfig
from asm_interp.training.losses import ranking_loss, saliency_loss, total_loss

if TYPE_CHECKING:
    from lightning.fabric import Fabric

    Row = dict[str, float]

STATE, METRICS, CONFIG = "state.pt", "metrics.csv", "config.toml"
"""Files of a run's folder, beside its checkpoint."""


class TrainingError(RuntimeError):
    """Training cannot go on; the last good state is kept."""


def photo_accuracies(model: ASMNet, data: CropDataset, delta: float) -> FloatArray:
    """Ranking accuracy of each photo of a data set, [N]; NaN where no pair differs by `delta`."""
    accuracies = []
    for index in range(len(data)):
        sample = data[index]
        height, width = sample.photo.shape[:2]
        h, w = network_size((height, width), model.input_size)
        boxes = torch.from_numpy(sample.boxes * np.array([w / width, h / height] * 2))
        with evaluating(model):
            values = model(network_input(sample.photo, (h, w))[None].to(model.bias.device)).float()
            predicted = composition_pool(values, boxes[None].to(values.device), model.pattern)[0]
        accuracies.append(ranking_accuracy(predicted.cpu().numpy(), sample.scores, delta))
    return np.array(accuracies)


def train(config: TrainConfig, out: Path, *, resume: bool = False, quiet: bool = False) -> Path:
    """Train a model and write its checkpoint.

    The run's folder is ``out / config.name``. It holds the configuration, the metrics of each epoch (CSV), the
    state after the last epoch, and at the end the checkpoint ``<name>.safetensors``. Batches and mirrored photos
    depend on the seed and the epoch alone, so that a resumed run goes the way an undisturbed one would have gone.

    Parameters
    ----------
    config : TrainConfig
    out : path
    resume : bool
        Go on from the state that an earlier call with the same configuration left. Without it a folder that
        holds a run is an error.
    quiet : bool
        No progress bar.

    Returns
    -------
    Path
        The checkpoint.

    Raises
    ------
    TrainingError
        If the folder holds another run, the loss is not finite, or the results cannot be written.
    """
    from lightning.fabric import Fabric

    folder = Path(out) / config.name
    _claim(folder, config, resume)
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
    with _progress(quiet or not fabric.is_global_zero) as progress:
        for epoch in range(run.epochs_done, config.epochs):
            run.epoch(epoch, progress)
            if fabric.is_global_zero:
                run.keep()
            fabric.barrier()
    checkpoint = folder / f"{config.name}.safetensors"
    if fabric.is_global_zero:
        run.finish(checkpoint)
    fabric.barrier()
    return checkpoint


def _claim(folder: Path, config: TrainConfig, resume: bool) -> None:
    """Write the configuration, or check that the folder's is the same."""
    path = folder / CONFIG
    text = config.to_toml()
    if path.is_file():
        if not resume:
            raise TrainingError(f"{folder} already holds a run; go on with --resume, or choose another name")
        if path.read_text(encoding="utf-8") != text:
            raise TrainingError(f"{path} is of another run; to resume it, use its configuration unchanged")
    else:
        write_atomically(path, text)


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
        sizes: list[Size] = [
            network_size(self.train_data.photo_size(index), config.input_size) for index in range(len(self.train_data))
        ]
        self.plans = [epoch_plan(sizes, config.batch_size, config.seed, epoch) for epoch in range(config.epochs)]
        self.flip = self.train_data.is_symmetric if config.flip is None else config.flip
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
        self.bare = model.to(memory_format=torch.channels_last)
        self.model, self.optimiser = fabric.setup(self.bare, optimiser)

    def epoch(self, epoch: int, progress: Progress) -> None:
        """One pass over the training photos, and the accuracy on the validation split."""
        config, fabric = self.config, self.fabric
        started = time.perf_counter()
        plan = self.plans[epoch]
        shares = [batch[fabric.global_rank :: fabric.world_size] for batch in plan]
        data = TrainingSet(
            self.train_data,
            shares,
            config.input_size,
            seed=config.seed,
            epoch=epoch,
            flip=self.flip,
            with_saliency=config.lam > 0,
        )
        loader = torch.utils.data.DataLoader(data, batch_size=None, num_workers=config.workers)
        task = progress.add_task(f"epoch {epoch + 1}/{config.epochs}", total=len(plan), status="")
        self.model.train()
        sums = np.zeros(4)
        for batch, photos in zip(loader, plan, strict=True):
            values = self.step(batch.to(fabric.device), len(photos))
            if not np.isfinite(values).all():
                raise TrainingError(
                    f"the loss is {values[0]} in epoch {epoch + 1}; the state of epoch {epoch} is kept in "
                    f"{self.folder}. A lower lr or precision '32-true' may help"
                )
            sums += np.array(values) * len(photos)
            means = sums / max(1, sum(len(done) for done in plan[: int(progress.tasks[task].completed) + 1]))
            progress.update(task, advance=1, status=f"loss {means[0]:.3f} accuracy {means[3]:.3f}")
        accuracy = float(np.nanmean(photo_accuracies(self.bare, self.val_data, config.delta)))
        loss, ranking, saliency, train_accuracy = (sums / len(self.train_data)).tolist()
        self.history.append(
            {
                "epoch": epoch + 1,
                "loss": loss,
                "ranking_loss": ranking,
                "saliency_loss": saliency,
                "train_accuracy": train_accuracy,
                "val_accuracy": accuracy,
                "lr": self.schedule.get_last_lr()[-1],
                "seconds": time.perf_counter() - started,
            }
        )
        self.epochs_done = epoch + 1
        progress.update(task, status=f"loss {loss:.3f} accuracy {train_accuracy:.3f}, held out {accuracy:.3f}")

    def step(self, batch: Batch, n_photos: int) -> tuple[float, float, float, float]:
        """One optimiser step; loss, its two parts and the ranking accuracy, means over the global batch."""
        config, fabric = self.config, self.fabric
        values = self.model(batch.images).float()  # [B, L, h, w]
        predicted = composition_pool(values, batch.boxes, self.bare.pattern)
        ranking = ranking_loss(predicted, batch.scores, config.delta, config.margin, config.reduction)
        saliency = saliency_loss(values, batch.saliency) if config.lam else torch.zeros((), device=values.device)
        loss = total_loss(ranking, saliency, config.lam)
        self.optimiser.zero_grad()
        # Processes may hold different numbers of photos; weighted so that averaging gradients over processes
        # gives the mean over the photos of the global batch.
        weight = len(batch.images) * fabric.world_size / n_photos
        fabric.backward(loss * weight)
        self.optimiser.step()
        self.schedule.step()
        with torch.no_grad():
            gap = batch.scores.unsqueeze(2) - batch.scores.unsqueeze(1)
            counts = (gap >= config.delta) & (gap > 0)
            right = (predicted.unsqueeze(2) > predicted.unsqueeze(1)) & counts
            accuracy = right.sum() / counts.sum().clamp(min=1)
            figures = torch.stack([loss, ranking, saliency, accuracy]).double() * weight
        means = fabric.all_reduce(figures, reduce_op="mean")
        return tuple(means.tolist())  # type: ignore[return-value]

    def keep(self) -> None:
        """Write metrics and state, each whole or not at all."""
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
        try:
            write_atomically(self.folder / STATE, buffer.getvalue())
            write_atomically(self.folder / METRICS, table.getvalue())
        except OSError as error:
            raise TrainingError(f"{self.folder}: cannot write the results of epoch {self.epochs_done} ({error})") from error

    def restore(self) -> None:
        """Back to the end of the last epoch that was kept."""
        path = self.folder / STATE
        try:
            state = torch.load(path, map_location=self.fabric.device, weights_only=True)
            self.bare.load_state_dict(state["model"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.schedule.load_state_dict(state["schedule"])
        except (RuntimeError, KeyError, ValueError, EOFError) as error:
            raise TrainingError(f"{path}: not the state of this run ({error})") from error
        self.history = state["history"]
        self.epochs_done = len(self.history)

    def finish(self, checkpoint: Path) -> None:
        """Measure the test split, and write the checkpoint with its card."""
        config = self.config
        test = config.world("test")
        accuracies = photo_accuracies(self.bare, test, config.delta)
        low, high = bootstrap_interval(accuracies, seed=config.seed)
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
            "metrics": n_photos
            and {
                "test_ranking_accuracy": float(np.nanmean(accuracies)),
                "ci_low": low,
                "ci_high": high,
                "delta": config.delta,
                "n_photos": n_photos,
            },
            "licence": "MIT",
        }
        save(self.bare, checkpoint, card, half=config.half)
