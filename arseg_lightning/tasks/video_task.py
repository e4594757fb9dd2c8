"""The one LightningModule: trains a video method, and evaluates it beside others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch.callbacks import BatchSizeFinder, LearningRateFinder
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.utilities import rank_zero_warn
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torchmetrics import MeanMetric

from arseg_lightning.datasets.evaluation import EvaluationClip
from arseg_lightning.datasets.needs import EvaluationNeeds, Needs
from arseg_lightning.datasets.trainer_state import resumes
from arseg_lightning.distributed import is_distributed
from arseg_lightning.methods import MethodFactory, VideoMethod
from arseg_lightning.ranges import check_range, check_words
from arseg_lightning.tasks.evaluation import Evaluation, counted_distances, evaluation_needs
from arseg_lightning.tasks.hyperparameters import differences
from arseg_lightning.tasks.method_module import MethodModule
from arseg_lightning.tasks.optimisation import (
    Interval,
    Schedule,
    adam,
    build_optimizer,
    build_schedule,
)
from arseg_lightning.tasks.training_checks import refuse_broken_weights
from arseg_lightning.types import ClipBatch

__all__ = ["VideoTask"]

_ALIKE: Any = {"rank_zero_only": True, "sync_dist": True}  # every process has the same value


class VideoTask(MethodModule):
    """Trains a video method by its losses, and evaluates it on streams of frames.

    Args:
        method: Builds the method.
        num_classes: Number of classes; that of the data by default.
        keyframe_interval: L; that of the data by default.
        weights: Files that submodules of the method start from, by the submodule's name: a
            run's checkpoint, a published file or a saved network. The part of a checkpoint that
            fits in names and shapes is taken; ``FILE#PART`` names it where several fit. ``all``
            stands for all submodules that are not named.
        compare: Further methods that ``test`` evaluates, by name. They share what the method has
            under the same names and shapes.
        compare_weights: Files that those start from instead, by their names.
        rates: Factors on the learning rate of submodules, by their names.
        optimizer: Builds the optimiser.
        schedule: Learning rate over the run: ``cosine``, ``polynomial`` or ``constant``, or a
            class of ``torch.optim.lr_scheduler``.
        warmup_steps: Steps over which the learning rate first rises; with the first three.
        schedule_interval: When a class is stepped: every ``epoch`` (the default) or ``step``.
        schedule_monitor: The metric that ``ReduceLROnPlateau`` looks at.

    Attributes:
        learning_rate: Replaces the optimiser's if it is set (by ``LearningRateFinder``).
        step_losses: The losses on the last training batch.

    Raises:
        ValueError: If a name is that of no submodule, a file does not fit, or a number makes no
            sense.
    """

    def __init__(
        self,
        method: MethodFactory,
        num_classes: int | None = None,
        keyframe_interval: int | None = None,
        weights: dict[str, str] | None = None,
        compare: dict[str, MethodFactory] | None = None,
        compare_weights: dict[str, str] | None = None,
        rates: dict[str, float] | None = None,
        optimizer: OptimizerCallable = adam,
        schedule: Schedule = "cosine",
        warmup_steps: int = 0,
        schedule_interval: Interval | None = None,
        schedule_monitor: str | None = None,
    ) -> None:
        super().__init__(
            *(method, num_classes, keyframe_interval),
            *(weights or {}, compare or {}, compare_weights or {}),
        )
        check_range(0, warmup_steps=warmup_steps)
        check_words(schedule=(schedule, Schedule), schedule_interval=(schedule_interval, Interval))
        check_range(0, **{f"rates.{name}": factor for name, factor in (rates or {}).items()})
        self.rates = {name: factor for name, factor in (rates or {}).items() if factor != 1}
        self.make_optimizer = optimizer
        self.schedule: Schedule = schedule
        self.warmup_steps = warmup_steps
        self.schedule_interval: Interval | None = schedule_interval
        self.schedule_monitor = schedule_monitor
        self.learning_rate: float | None = None
        self.evaluations: dict[str, Evaluation] = {}
        self.metrics = nn.ModuleDict()
        self.step_losses: dict[str, Tensor] = {}
        self._val_losses: dict[str, MeanMetric] = {}

    @property
    def needs(self) -> Needs:
        """Requirements of the method on training data."""
        self.configure_model()
        return self.method.needs

    def evaluation_needs(self, split: str) -> EvaluationNeeds:
        """Requirements of the evaluation on the data of a split."""
        self.configure_model()
        methods = self.methods() if split == "test" else {"own": self.method}
        return evaluation_needs(methods.values(), self.keyframe_interval)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Optimise all parameters that want a gradient, with a schedule."""
        optimizer = build_optimizer(
            self.make_optimizer, self.method, self.rates, self.learning_rate
        )
        schedule = build_schedule(
            *(self.schedule, optimizer, self.trainer.estimated_stepping_batches),
            *(self.warmup_steps, self.schedule_interval, self.schedule_monitor),
        )
        return {"optimizer": optimizer, "lr_scheduler": schedule}  # type: ignore[typeddict-item]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse to resume with a search, or with settings that the checkpoint's would replace."""
        if not resumes(self.trainer):
            return
        if self._has_finder():
            raise ValueError(
                "a learning rate or batch size is searched before the first step, and this run "
                "resumes: leave the search out, and configure what it has found"
            )
        before = checkpoint.get(self.CHECKPOINT_HYPER_PARAMS_KEY, {})
        changes = [
            f"{name.replace('.init_args', '')} {old} -> {new}"
            for name, old, new in differences(before, self.hparams)
            if name.split(".")[0] in ("optimizer", "rates", "schedule", "schedule_interval")
        ]
        if changes:
            raise ValueError(
                f"a training resumes with the optimiser and the schedule of its checkpoint, and "
                f"here they are changed: {', '.join(changes)}. To start from the weights alone, "
                f"give --model.weights.all CHECKPOINT instead of --ckpt_path"
            )

    def _has_finder(self) -> bool:
        callbacks: list[Any] = self.trainer.callbacks  # type: ignore[attr-defined]
        finders = BatchSizeFinder | LearningRateFinder
        return any(isinstance(each, finders) for each in callbacks)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Write no broken weights."""
        refuse_broken_weights(checkpoint["state_dict"], checkpoint["global_step"])

    def on_fit_start(self) -> None:
        """Refuse frozen parts without weights; use the rate and batch size of a search.

        Differs: Lightning's finders set the rate of the first step only; a schedule would go back
        to the rate before the search.
        """
        random = [name for name in self.method.frozen if name in self.untrained]
        if random and not resumes(self.trainer):
            raise ValueError(
                f"{', '.join(random)} of {self.method.name} does not train here and has no "
                f"weights: give model.weights.{random[0]} (the best.ckpt of its own training, or "
                f"a published file)"
            )

        if self._has_finder():
            self.trainer.strategy.setup_optimizers(self.trainer)

    def on_train_start(self) -> None:
        """Allow validation while training."""
        self.untrained = ()  # their weights are learned, whatever they start from
        self._tell_progress()

    def on_train_epoch_start(self) -> None:
        """Tell the method the epoch."""
        self.method.epoch = self.current_epoch

    def training_step(self, batch: ClipBatch, batch_idx: int) -> Tensor:
        """Add up the method's losses, and log each."""
        losses = self.method.losses(batch)
        self.step_losses = {name: loss.detach() for name, loss in losses.items()}
        for name, loss in losses.items():  # a constant term does not show in their sum
            self.log_loss(f"train/loss_{name}", loss)
        total = torch.stack(list(losses.values())).sum()
        self.log_loss("train/loss", total, prog_bar=True)
        return total

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Let the method do what follows a step of the optimiser."""
        self._tell_progress()
        self.method.after_step()

    def _tell_progress(self) -> None:
        """Tell the method the part of the training that is done; one without an end never is."""
        total = max(1, self.trainer.estimated_stepping_batches)
        self.method.follow_training(min(1.0, self.trainer.global_step / total))

    def log_loss(self, name: str, loss: Tensor, prog_bar: bool = False) -> None:
        """Log a training loss: the mean over all processes at the steps of loggers.

        Between those, the bar shows that of the first process: a mean makes processes wait.
        """
        if is_distributed():
            every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
            if (self.trainer.global_step + 1) % every == 0 or self.trainer.is_last_batch:
                loss = self.trainer.strategy.reduce(loss.detach().clone(), reduce_op="mean")
        self.log(name, loss, prog_bar=prog_bar)

    def on_validation_start(self) -> None:
        """Start the evaluation of the method that is being trained."""
        self._val_losses = {}
        self._start_evaluation({self.method.name: self.method})

    def validation_step(
        self, batch: EvaluationClip | ClipBatch, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Evaluate the method that is being trained on a piece of a stream, or log its losses."""
        if not isinstance(batch, ClipBatch):
            self.evaluations[self.method.name].add(batch)
            return
        losses = self.method.losses(batch)
        total = torch.stack(list(losses.values())).sum()
        values = {"val/loss": total} | {f"val/loss_{name}": loss for name, loss in losses.items()}
        for name, value in values.items():
            # Lightning's own mean rounds the number of clips where processes have unequal shares.
            mean = self._val_losses.setdefault(name, MeanMetric().to(value.device))
            mean.update(value.detach(), len(batch.images))

    def on_validation_epoch_end(self) -> None:
        """Log the mean over distances, and the losses."""
        means = {name: float(mean.compute()) for name, mean in self._val_losses.items()}
        self.log_dict(means, **_ALIKE)
        self.evaluations[self.method.name].end()
        accuracy = self.evaluations[self.method.name].accuracy()
        if not sum(accuracy.frames_at_distance) and not self.trainer.sanity_checking:
            rank_zero_warn("no pixel of the validation labels counts: val/miou is not known")
        self.log("val/miou", accuracy.miou_mean, prog_bar=True, **_ALIKE)
        values = {"val/miou_pooled": accuracy.miou_pooled} | accuracy.by_distance("val/miou")
        self.log_dict(values, **_ALIKE)

    def on_test_start(self) -> None:
        """Start the evaluation of every method."""
        self._start_evaluation(self.methods())

    def test_step(self, batch: EvaluationClip, batch_idx: int) -> None:
        """Evaluate every method on a piece of a stream."""
        for evaluation in self.evaluations.values():
            evaluation.add(batch)

    def on_test_epoch_end(self) -> None:
        """Log the accuracy of the task's own method, and the means of the others."""
        for each in self.evaluations.values():
            each.end()
        accuracies = {name: each.accuracy() for name, each in self.evaluations.items()}
        own = accuracies.pop(self.method.name)
        values = {"test/miou_mean": own.miou_mean, "test/miou_pooled": own.miou_pooled}
        values |= own.by_distance("test/miou")
        values |= {f"test/{name}/miou_mean": each.miou_mean for name, each in accuracies.items()}
        self.log_dict(values, **_ALIKE)

    def _start_evaluation(self, methods: Mapping[str, VideoMethod]) -> None:
        if not self.trainer.sanity_checking:
            self.refuse_random_weights("test" if self.trainer.testing else "validate")
        for method in methods.values():
            method.eval()  # Lightning does so for what is part of this module only
        data = getattr(self.trainer, "datamodule", None)
        every = self.trainer.testing and getattr(data, "test_pairs", "") == "every_distance"
        distances = counted_distances(methods.values(), self.keyframe_interval, every)
        self.evaluations = {
            name: Evaluation(method, self.num_classes, distances, self.weights_dtype)
            for name, method in methods.items()
        }
        # Lightning moves what is a module, and resets what is a metric.
        metrics = {str(i): each.metric for i, each in enumerate(self.evaluations.values())}
        self.metrics = nn.ModuleDict(metrics).to(self.device)
