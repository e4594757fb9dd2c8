"""The one LightningModule: trains a video method, and evaluates it beside others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.utilities import rank_zero_warn
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Optimizer

from arseg_lightning.datasets.evaluation import EvaluationClip
from arseg_lightning.datasets.needs import EvaluationNeeds, Needs
from arseg_lightning.datasets.trainer_state import resumes
from arseg_lightning.distributed import is_distributed
from arseg_lightning.methods import MethodFactory, VideoMethod
from arseg_lightning.ranges import check_range, check_words
from arseg_lightning.tasks.evaluation import Evaluation, evaluation_needs
from arseg_lightning.tasks.finite import FiniteSteps, refuse_broken_weights
from arseg_lightning.tasks.loss_means import LossMeans
from arseg_lightning.tasks.method_module import MethodModule
from arseg_lightning.tasks.optimiser import adam, build_optimizer
from arseg_lightning.tasks.resuming import CallbackSettings, OptimiserSettings, tell_changes
from arseg_lightning.tasks.schedule import Interval, Schedule, make_schedule, schedule_settings
from arseg_lightning.tasks.seen_labels import SeenLabels
from arseg_lightning.types import ClipBatch

__all__ = ["VideoTask"]

_ALIKE: Any = {"rank_zero_only": True, "sync_dist": True}  # every process has it: nothing is sent


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
        learning_rate: Takes the place of the optimiser's own, if it is set (by Lightning's
            ``LearningRateFinder``, for instance).

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
        self._val_losses = LossMeans()
        self._finite = FiniteSteps()
        self._seen: SeenLabels | None = None
        self._optimiser: OptimiserSettings | None = None
        self._callbacks: CallbackSettings | None = None
        self._restored: dict[str, Any] | None = None

    @property
    def needs(self) -> Needs:
        """What the method needs of training data."""
        self.configure_model()
        return self.method.needs

    def evaluation_needs(self, split: str) -> EvaluationNeeds:
        """What evaluation needs of the data of a split."""
        self.configure_model()
        methods = self.methods() if split == "test" else {"own": self.method}
        return evaluation_needs(methods.values(), self.keyframe_interval)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Optimise all parameters that want a gradient, with a schedule."""
        optimizer = build_optimizer(
            self.make_optimizer, self.method, self.rates, self.learning_rate
        )
        total = self.trainer.estimated_stepping_batches

        def make() -> dict[str, Any]:
            return make_schedule(
                *(self.schedule, optimizer, total, self.warmup_steps),
                *(self.schedule_interval, self.schedule_monitor),
            )

        self._optimiser = OptimiserSettings(optimizer)
        settings = schedule_settings(self.schedule, total, self.warmup_steps, self.schedule_monitor)
        schedule = self._optimiser.add_schedule(make, settings)
        if self._restored is not None:
            self._optimiser.refuse_another(self._restored)
        return {"optimizer": optimizer, "lr_scheduler": schedule}  # type: ignore[typeddict-item]

    def setup(self, stage: str) -> None:
        """Remember how callbacks are configured, before a checkpoint restores them."""
        self._callbacks = CallbackSettings(self.trainer) if stage == "fit" else None

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep how the optimiser is configured; write nothing that is broken.

        Raises:
            NotFinite: If a weight is infinite or no number.
        """
        if self._optimiser is not None:
            self._optimiser.write(checkpoint)
        refuse_broken_weights(checkpoint["state_dict"], checkpoint["global_step"])

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Remember how the optimiser was configured.

        Raises:
            ValueError: If this run's cannot have its state.
        """
        if self._trainer is None or not resumes(self.trainer):
            return
        self._restored = OptimiserSettings.read(checkpoint)
        if self._restored is not None and self._optimiser is not None:
            self._optimiser.refuse_another(self._restored)

    def on_fit_start(self) -> None:
        """Refuse to learn from what is frozen without weights."""
        random = [name for name in self.method.frozen if name in self.untrained]
        if random and not resumes(self.trainer):
            raise ValueError(
                f"{', '.join(random)} of {self.method.name} does not train here and has no "
                f"weights: give model.weights.{random[0]} (the best.ckpt of its own training, or "
                f"a published file)"
            )

    def on_train_start(self) -> None:
        """Whatever runs from here on is being trained, as the configuration says."""
        self.untrained = ()
        self._seen = SeenLabels(self.num_classes, self.device)
        changes = self._callbacks.put_back() if self._callbacks is not None else []
        if self._restored is not None and self._optimiser is not None:
            changes = self._optimiser.put_back(self.trainer, self._restored) + changes
        self._restored = self._callbacks = None  # a copy of the task is none of its callbacks
        tell_changes(changes)

    def on_train_epoch_start(self) -> None:
        """Tell the method how far training is."""
        self.method.epoch = self.current_epoch

    def training_step(self, batch: ClipBatch | list[ClipBatch], batch_idx: int) -> Tensor:
        """Add up the method's losses, and log each."""
        clips = [batch] if isinstance(batch, ClipBatch) else batch
        losses = self.method.losses(*clips)
        self._finite.note(losses)
        if self._seen is not None:
            self._seen.add(clips[0].labels)
        for name, loss in losses.items():
            self.log_loss(f"train/loss_{name}", loss)
        total = torch.stack(list(losses.values())).sum()
        self.log_loss("train/loss", total, prog_bar=True)
        return total

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Make no step that breaks the weights.

        Raises:
            NotFinite: If the training has diverged.
        """
        self._finite.check(self.trainer, optimizer)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Let the method do what follows a step of the optimiser."""
        self.method.after_step()

    def on_train_epoch_end(self) -> None:
        """Say what training labels did not show, and which steps were left out."""
        self._finite.finish(self.trainer)
        self._finite.tell_skipped()
        if self._seen is not None:
            names = getattr(getattr(self.trainer, "datamodule", None), "classes", None)
            numbers = [f"class {index}" for index in range(self.num_classes)]
            self._seen.judge(self.trainer, getattr(names, "names", numbers))
            self._seen = None

    def log_loss(self, name: str, loss: Tensor, prog_bar: bool = False) -> None:
        """Log a training loss: the mean over all processes wherever it is kept.

        Between the steps that loggers see, the bar shows the first process's own: a sum over
        processes makes them wait for each other.
        """
        if is_distributed():
            every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
            if (self.trainer.global_step + 1) % every == 0 or self.trainer.is_last_batch:
                loss = self.trainer.strategy.reduce(loss.detach().clone(), reduce_op="mean")
        self.log(name, loss, prog_bar=prog_bar)

    def on_validation_start(self) -> None:
        """Start the evaluation of the method that is being trained."""
        self._val_losses = LossMeans()
        self._start({self.method.name: self.method})

    def validation_step(
        self, batch: EvaluationClip | ClipBatch, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Evaluate the method that is being trained on a piece of a stream, or log its losses."""
        if not isinstance(batch, ClipBatch):
            self.evaluations[self.method.name].add(batch)
            return
        self._val_losses.add(self.method.losses(batch), len(batch.images))

    def on_validation_epoch_end(self) -> None:
        """Log the mean over distances, and the losses."""
        self.log_dict(self._val_losses.values(), **_ALIKE)
        self.evaluations[self.method.name].end()
        accuracy = self.evaluations[self.method.name].accuracy()
        if not sum(accuracy.frames_at_distance) and not self.trainer.sanity_checking:
            rank_zero_warn("no pixel of the validation labels counts: val/miou is not known")
        self.log("val/miou", accuracy.miou_mean, prog_bar=True, **_ALIKE)
        values = {"val/miou_pooled": accuracy.miou_pooled} | accuracy.by_distance("val/miou")
        self.log_dict(values, **_ALIKE)

    def on_test_start(self) -> None:
        """Start the evaluation of every method."""
        self._start(self.methods())

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

    def _start(self, methods: Mapping[str, VideoMethod]) -> None:
        if not self.trainer.sanity_checking:
            self.refuse_random_weights("test" if self.trainer.testing else "validate")
        for method in methods.values():
            method.eval()  # Lightning has done so for what is part of this module
        has_clock = any(method.clock is not None for method in methods.values())
        distances = self.keyframe_interval if has_clock or self._tests_every_distance() else 1
        self.evaluations = {
            name: Evaluation(method, self.num_classes, distances, self.weights_dtype)
            for name, method in methods.items()
        }
        # Lightning moves what is a module, and resets what is a metric.
        metrics = {str(i): each.metric for i, each in enumerate(self.evaluations.values())}
        self.metrics = nn.ModuleDict(metrics).to(self.device)

    def _tests_every_distance(self) -> bool:
        """Whether streams are started at each distance before a label, whatever the method."""
        data = getattr(self.trainer, "datamodule", None)
        return self.trainer.testing and getattr(data, "test_pairs", "") == "every_distance"
