"""The training loop: ASM-Net on a data set of scored crops, resumable at any time."""

from __future__ import annotations

import csv
import io
import os
import pickle
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.data import ConcatDataset, DataLoader

from asm_interp.data.planted import PlantedWorld, Weights
from asm_interp.evaluation import bootstrap_interval, ranking_accuracy
from asm_interp.files import write_atomically
from asm_interp.geometry.boxes import FloatArray
from asm_interp.model.asmnet import ASMNet, evaluating
from asm_interp.model.checkpoint import CheckpointError, save
from asm_interp.model.pooling import composition_pool
from asm_interp.training.batches import Batch, TrainingSet, epoch_plan
from asm_interp.training.config import TrainConfig, read_config
from asm_interp.training.inputs import NetworkPhotos, PublishedPhotos, ScoredPhotos
from asm_interp.training.losses import counted_pairs, ranking_loss, saliency_loss, total_loss

if TYPE_CHECKING:
    from lightning.fabric import Fabric

    Row = dict[str, float]

STATE, METRICS, CONFIG = "state.pt", "metrics.csv", "config.toml"
"""Files of a run's folder, beside its checkpoint."""


class TrainingError(RuntimeError):
    """Training cannot go on; the last good state is kept."""


def photo_accuracies(model: ASMNet, photos: NetworkPhotos, delta: float, fabric: Fabric | None = None) -> FloatArray:
    """Ranking accuracy of each photo of a data set, [N]; NaN where no pair differs by `delta`.

    Processes of one `fabric` share the work, and each gets the whole.

    Raises
    ------
    FloatingPointError
        If the model gives a score that is not finite.
    """
    rank, n_ranks = (fabric.global_rank, fabric.world_size) if fabric else (0, 1)
    found = torch.zeros(2, len(photos), dtype=torch.float64)  # accuracy, and whether a score is not finite
    for index in range(rank, len(photos), n_ranks):
        photo = photos[index]
        with evaluating(model):
            values = model(photo.image[None].to(model.bias.device)).float()
            predicted = composition_pool(values, photo.boxes[None].to(values.device), model.pattern)[0].cpu().numpy()
        if np.isfinite(predicted).all():
            found[0, index] = ranking_accuracy(predicted, photo.scores.numpy(), delta)
        else:
            found[1, index] = 1
    if fabric:
        found = cast(Tensor, fabric.all_reduce(found, reduce_op="sum")).cpu()
    if found[1].any():
        raise FloatingPointError(f"{photos[int(found[1].argmax())].id}: a predicted score is not finite")
    return np.asarray(found[0].numpy())


def train(config: TrainConfig, out: Path, *, resume: bool = False, quiet: bool = False) -> Path:
    """Train a model and write its checkpoint.

    The run's folder is ``out / config.name``. It holds the configuration, the metrics of each epoch (CSV),
    the last state that was kept, and at the end the checkpoint ``<name>.safetensors``. Batches and mirrored
    photos depend on the seed and the epoch alone, so that a resumed run goes the way an undisturbed one would
    have gone, and several processes go the way of one (with precision "16-mixed" a resumed run goes nearly so:
    its loss scale starts anew).

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
    ValueError
        If there are no photos to learn from, or something is wrong with them.
    """
    folder = Path(out) / config.name
    _check(folder, config, resume)
    fabric = _launched(config)
    torch.manual_seed(config.seed)
    run = _Run(fabric, config, folder)
    if resume and (folder / STATE).is_file():
        run.restore()
    # Only now, when nothing can be wrong with the configuration and every process has passed the check.
    checkpoint = folder / f"{config.name}.safetensors"
    _write(fabric, folder, lambda: _begin(folder, config, checkpoint.name))
    with _progress(quiet or not fabric.is_global_zero) as progress:
        batches = run.batches()
        for epoch in range(run.epochs_done, config.epochs):
            run.epoch(epoch, batches, progress)
    _write(fabric, folder, lambda: run.finish(checkpoint))
    return checkpoint


def leave() -> None:
    """End this process at once if it is one of several that trained together; else do nothing.

    To be called when all is done: while the interpreter shuts down, the threads of a process group may abort it.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _launched(config: TrainConfig) -> Fabric:
    """Fabric with its processes; where torchrun or ``fabric run`` started them, it knows how many there are."""
    from lightning.fabric import Fabric  # 3 s, which only those who train should wait

    devices, num_nodes = config.devices, config.num_nodes
    if torch.distributed.is_available() and torch.distributed.is_torchelastic_launched():
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        num_nodes = int(os.environ["WORLD_SIZE"]) // devices
    by_fabric = "LT_CLI_USED" in os.environ
    counts: dict[str, Any] = {} if by_fabric else {"devices": devices, "num_nodes": num_nodes}
    fabric = Fabric(accelerator=config.accelerator, precision=config.precision, **counts)
    if not by_fabric:
        fabric.launch()
    return fabric


def _check(folder: Path, config: TrainConfig, resume: bool) -> None:
    """Refuse a folder that holds a run, unless it is this one and to be resumed."""
    path = folder / CONFIG
    if not path.is_file():
        return
    if not resume:
        raise TrainingError(f"{folder} already holds a run; go on with --resume, or choose another name")
    if read_config(path) != config:
        raise TrainingError(f"{path} is of another run; to resume it, use its configuration unchanged")


def _begin(folder: Path, config: TrainConfig, *names: str) -> None:
    """Write the configuration, and remove what a killed run left half written."""
    for name in (CONFIG, METRICS, STATE, *names):
        for leftover in folder.glob(f".{name}.*"):
            leftover.unlink()
    write_atomically(folder / CONFIG, config.to_toml())


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
    """Model, optimiser and history of a run between two steps."""

    def __init__(self, fabric: Fabric, config: TrainConfig, folder: Path) -> None:
        self.fabric, self.config, self.folder = fabric, config, folder
        memory = 1e9 * config.memory
        data = self._data("train")
        if not len(data):
            raise ValueError(f"{config.root}: expected photos of {config.data} in its split train, found none there")
        options: dict[str, Any] = {"with_saliency": config.lam > 0, "memory": memory, "once": config.augment}
        draws: list[ScoredPhotos] = [data]
        if config.augment:
            assert isinstance(data, PlantedWorld)  # as the configuration has been checked
            draws = [data.redrawn(1 + epoch) for epoch in range(config.epochs)]
        self.photos = [NetworkPhotos(draw, config.input_size, **options) for draw in draws]  # one, or one an epoch
        self.val_photos = NetworkPhotos(self._data("val"), config.input_size, memory=memory)
        sizes = [[photos.size(index) for index in range(len(data))] for photos in self.photos]
        per_step = config.batch_size * config.accumulate
        self.plans = [
            epoch_plan(sizes[epoch % len(sizes)], per_step, config.seed, epoch) for epoch in range(config.epochs)
        ]
        self.flip = data.is_symmetric if config.flip is None else config.flip
        self.history: list[Row] = []
        self.epochs_done = 0
        self._start_epoch()
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

    def _data(self, split: str) -> ScoredPhotos:
        """Data of a split; says how many photos are missing."""
        data = self.config.photos(split)
        if isinstance(data, PublishedPhotos) and data.n_missing and self.fabric.is_global_zero:
            total = data.n_missing + len(data)
            message = f"{self.config.root}: {data.n_missing:,} of {total:,} {split} photos are missing and left out"
            warnings.warn(message, stacklevel=2)
        return data

    def _start_epoch(self) -> None:
        self.steps_done, self.photos_seen, self.seconds = 0, 0, 0.0  # in this epoch
        self.sums = np.zeros(5)

    def _own(self, photos: list[int]) -> list[list[int]]:
        """Take the share of this process of each of the batches that a step has."""
        size, fabric = self.config.batch_size, self.fabric
        batches = [photos[start : start + size] for start in range(0, len(photos), size)]
        return [batch[fabric.global_rank :: fabric.world_size] for batch in batches]

    def batches(self) -> Iterator[Batch]:
        """Load the batches of all steps that remain; loader processes, once warm, live through all epochs."""
        if self.epochs_done == self.config.epochs:
            return
        epochs = []
        for epoch in range(self.epochs_done, self.config.epochs):
            steps = self.plans[epoch][self.steps_done if epoch == self.epochs_done else 0 :]
            # A process that a small batch leaves without a photo joins in with one of weight zero.
            plan = [own or photos[:1] for photos in steps for own in self._own(photos)]
            photos = self.photos[epoch % len(self.photos)]
            options: dict[str, Any] = {"seed": self.config.seed, "flip": self.flip, "recolour": self.config.augment}
            epochs.append(TrainingSet(photos, plan, epoch=epoch, **options))
        yield from DataLoader(ConcatDataset(epochs), batch_size=None, num_workers=self.config.workers)

    def epoch(self, epoch: int, batches: Iterator[Batch], progress: Progress) -> None:
        """What remains of a pass over the training photos, and the accuracy on the validation split."""
        config, fabric = self.config, self.fabric
        started = time.perf_counter() - self.seconds
        plan = self.plans[epoch]
        task = progress.add_task(f"epoch {epoch + 1}/{config.epochs}", total=len(plan), status="")
        progress.update(task, completed=self.steps_done)
        self.model.train()
        for photos in plan[self.steps_done :]:
            parts = [(next(batches).to(fabric.device), len(own)) for own in self._own(photos)]
            figures = self.step(parts, len(photos))
            if not np.isfinite(figures).all():
                raise self._diverged("the loss")
            self.sums += figures
            self.photos_seen += len(photos)
            self.steps_done += 1
            self.seconds = time.perf_counter() - started
            loss, accuracy = self.sums[0] / self.photos_seen, _ratio(*self.sums[3:])
            progress.update(task, advance=1, status=f"loss {loss:.3f} accuracy {accuracy:.3f}")
            if config.save_every and self.steps_done % config.save_every == 0 and self.steps_done < len(plan):
                self._keep()
        try:  # the last step may have done what no loss has seen yet
            accuracy = _mean(photo_accuracies(self.bare, self.val_photos, config.delta, fabric))
        except FloatingPointError as error:
            raise self._diverged("a score of the validation split") from error
        loss, ranking, saliency = (self.sums[:3] / self.photos_seen).tolist()
        train_accuracy = _ratio(*self.sums[3:])
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
        self._start_epoch()
        self._keep()
        status = f"loss {loss:.3f} accuracy {train_accuracy:.3f}, held out {accuracy:.3f}"
        progress.update(task, status=status)

    def _diverged(self, what: str) -> TrainingError:
        kept = f"the last good state is kept in {self.folder}" if (self.folder / STATE).is_file() else "nothing is kept"
        return TrainingError(
            f"{what} is not finite in epoch {self.epochs_done + 1}; {kept}. A lower lr or precision '32-true' may help"
        )

    def step(self, parts: list[tuple[Batch, int]], n_photos: int) -> FloatArray:
        """One optimiser step on `n_photos`: batches of this process, and how many photos of each count.

        Returns sums over the photos of all processes: of the loss, its ranking and saliency parts, and the ranking
        accuracy of each photo that has a pair; and how many photos have one.
        """
        self.optimiser.zero_grad()
        figures = torch.zeros(5, dtype=torch.float64, device=self.fabric.device)
        for number, (batch, n_own) in enumerate(parts, 1):
            with self.fabric.no_backward_sync(self.model, enabled=number < len(parts)):
                figures += self._backward(batch, n_own, n_photos)
        self.optimiser.step()
        self.schedule.step()
        return cast(Tensor, self.fabric.all_reduce(figures, reduce_op="sum")).cpu().numpy()

    def _backward(self, batch: Batch, n_own: int, n_photos: int) -> Tensor:
        """Add the gradients of a batch of which `n_own` photos count; its part of the sums that `step` returns."""
        config, fabric = self.config, self.fabric
        # Rows of pixels: sums over channels-last maps take four times as long.
        values = self.model(batch.images).float().contiguous()  # [B, L, h, w]
        predicted = composition_pool(values, batch.boxes, self.bare.pattern)
        ranking = ranking_loss(predicted, batch.scores, config.delta, config.margin, config.reduction)
        saliency = saliency_loss(values, batch.saliency) if config.lam else ranking.new_zeros(())
        loss = total_loss(ranking, saliency, config.lam)
        # Processes may hold different numbers of photos; weighted so that averaging gradients over processes
        # gives the mean over the photos of the step.
        fabric.backward(loss * (n_own * fabric.world_size / n_photos))
        with torch.no_grad():
            pairs = counted_pairs(batch.scores, config.delta)
            order = (predicted.unsqueeze(2) - predicted.unsqueeze(1)).sign()  # 1 right, 0 tied, -1 wrong
            counts = pairs.sum((1, 2))
            accuracy = ((1 + order) / 2 * pairs).sum((1, 2)) / counts.clamp(min=1)
            figures = torch.stack([loss * n_own, ranking * n_own, saliency * n_own, accuracy.sum(), (counts > 0).sum()])
            figures[3:] *= n_own > 0
        return figures

    def _keep(self) -> None:
        """Keep a state, unless the step before it broke the weights."""
        if not all(bool(weight.isfinite().all()) for weight in self.bare.parameters()):
            raise self._diverged("a weight")
        _write(self.fabric, self.folder, self._save)

    def _save(self) -> None:
        """Write metrics and state, each whole or not at all."""
        state: dict[str, Any] = {
            "model": self.bare.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "history": self.history,
            "epoch": (self.steps_done, self.photos_seen, self.seconds, self.sums.tolist()),
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        if self.history:
            table = io.StringIO()
            writer = csv.DictWriter(table, fieldnames=list(self.history[0]))
            writer.writeheader()
            writer.writerows(self.history)
            # The state last: a run killed in between repeats its steps and writes its metrics again.
            write_atomically(self.folder / METRICS, table.getvalue())
        write_atomically(self.folder / STATE, buffer.getvalue())

    def restore(self) -> None:
        """Back to the last state that was kept."""
        path = self.folder / STATE
        try:
            state = torch.load(path, map_location=self.fabric.device, weights_only=True)
            self.bare.load_state_dict(state["model"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.schedule.load_state_dict(state["schedule"])
            self.history = state["history"]
            self.steps_done, self.photos_seen, self.seconds, sums = state["epoch"]
        except (RuntimeError, KeyError, ValueError, TypeError, EOFError, pickle.UnpicklingError) as error:
            raise TrainingError(f"{path}: not the state of this run ({error})") from error
        self.epochs_done = len(self.history)
        self.sums = np.array(sums)

    def finish(self, checkpoint: Path) -> None:
        """Measure the test split, or the validation split where there is no other, and write the checkpoint."""
        config = self.config
        split, photos = "test", NetworkPhotos(self._data("test"), config.input_size)
        if not len(photos):
            split, photos = "val", self.val_photos
        accuracies = photo_accuracies(self.bare, photos, config.delta)
        low, high = bootstrap_interval(accuracies, seed=config.seed)
        measured = {f"{split}_ranking_accuracy": _mean(accuracies), "ci_low": low, "ci_high": high}
        measured = {name: value for name, value in measured.items() if np.isfinite(value)}  # few photos: no interval
        n_photos = int(np.isfinite(accuracies).sum())
        card: dict[str, Any] = {
            "lambda": config.lam,
            "data": f"{config.data}, rule {config.rule}" if config.is_planted else config.data,
            "seed": config.seed,
            "epochs": config.epochs,
            "photos": len(self.photos[0]),
            "metrics": measured | {"delta": config.delta, "n_photos": n_photos},
            "licence": "MIT",
        } | ({"note": config.note} if config.note else {})
        if config.is_planted:
            card["world"] = {
                "rule": config.rule,
                "weights": asdict(Weights(**config.weights)),
                **config.model_dump(include={"n_crops", "crops", "best_share", "share_width", "best_area", "augment"}),
            }
        save(self.bare, checkpoint, card, half=config.half)
