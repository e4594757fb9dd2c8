"""The one LightningModule: trains a video method, and evaluates it beside others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from lightning import LightningModule
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from arseg_lightning.datasets.evaluation import EvaluationClip
from arseg_lightning.datasets.needs import EvaluationNeeds, Needs
from arseg_lightning.datasets.together import is_one_of_several
from arseg_lightning.methods import MethodFactory, VideoMethod
from arseg_lightning.tasks.evaluation import Evaluation, evaluation_needs
from arseg_lightning.tasks.schedule import Schedule, schedule_factor
from arseg_lightning.tasks.weights import load_all, share_modules, untrained_parts
from arseg_lightning.types import ClipBatch

__all__ = ["VideoTask", "adam"]


def adam(parameters: Any) -> torch.optim.Optimizer:
    """The paper's optimiser for CamVid: Adam, learning rate 1e-3, no weight decay."""
    return torch.optim.Adam(parameters, lr=1e-3)


class VideoTask(LightningModule):
    """Trains a video method by its losses, and evaluates it on streams of frames.

    Args:
        method: Builds the method.
        num_classes: Number of classes; linked from the data.
        keyframe_interval: L; linked from the data.
        weights: Files that submodules of the method start from, by the submodule's name: a
            run's checkpoint, a published file or a saved network. The part of a checkpoint that
            fits in names and shapes is taken; ``FILE#PART`` names it where several fit.
        compare: Further methods that ``test`` evaluates, by name. They share what the method has
            under the same names and shapes.
        compare_weights: Files that those start from instead, by their names.
        rates: Factors on the learning rate of submodules, by their names.
        optimizer: Builds the optimiser.
        schedule: Learning rate over the run.
        warmup_steps: Steps over which the learning rate first rises.

    Raises:
        ValueError: If a name is that of no submodule, or a file does not fit.
    """

    def __init__(
        self,
        method: MethodFactory,
        num_classes: int,
        keyframe_interval: int = 12,
        weights: dict[str, str] | None = None,
        compare: dict[str, MethodFactory] | None = None,
        compare_weights: dict[str, str] | None = None,
        rates: dict[str, float] | None = None,
        optimizer: OptimizerCallable = adam,
        schedule: Schedule = "cosine",
        warmup_steps: int = 0,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.keyframe_interval = keyframe_interval
        self.method = method(num_classes)
        self.rates = {name: factor for name, factor in (rates or {}).items() if factor != 1}
        self.make_optimizer = optimizer
        self.schedule: Schedule = schedule
        self.warmup_steps = warmup_steps
        load_all(self.method, weights or {})
        self.untrained = untrained_parts(self.method, tuple(weights or ()))
        # In a tuple, so that they are neither trained nor part of this task's checkpoint.
        self._compared = ({name: make(num_classes) for name, make in (compare or {}).items()},)
        self._prepare_compared(compare_weights or {})
        self.method.follow_interval(keyframe_interval)
        self.evaluations: dict[str, Evaluation] = {}
        self.metrics = nn.ModuleDict()
        self.register_load_state_dict_post_hook(_now_trained)  # type: ignore[no-untyped-call]

    @property
    def needs(self) -> Needs:
        """What the method needs of training data."""
        return self.method.needs

    def evaluation_needs(self, split: str) -> EvaluationNeeds:
        """What evaluation needs of the data of a split."""
        methods = self.methods() if split == "test" else {"own": self.method}
        return evaluation_needs(methods.values(), self.keyframe_interval)

    def methods(self) -> dict[str, VideoMethod]:
        """The methods that are compared in ``test``; the last one is this task's own."""
        others = self.method.baselines() | self._compared[0]
        for method in others.values():
            method.to(self.device).follow_interval(self.keyframe_interval)
        return others | {self.method.name: self.method}

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Optimise all parameters that want a gradient, with a rate set at every step."""
        parts = {name: set(self.method.get_submodule(name).parameters()) for name in self.rates}
        groups: dict[str, list[nn.Parameter]] = {}
        for parameter in filter(lambda p: p.requires_grad, self.parameters()):
            name = next((name for name, part in parts.items() if parameter in part), "")
            groups.setdefault(name, []).append(parameter)
        optimizer = self.make_optimizer([{"params": group} for group in groups.values()])
        for name, group in zip(groups, optimizer.param_groups, strict=True):
            group["lr"] *= self.rates.get(name, 1.0)
        total = int(self.trainer.estimated_stepping_batches)
        factor = schedule_factor(self.schedule, total, self.warmup_steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": LambdaLR(optimizer, factor), "interval": "step"},
        }

    def on_fit_start(self) -> None:
        """Refuse to learn from what is frozen without weights."""
        random = [name for name in self.method.frozen if name in self.untrained]
        if random and self.trainer.ckpt_path is None:
            raise ValueError(
                f"{', '.join(random)} of {self.method.name} does not train here and has no "
                f"weights: give model.weights.{random[0]} (the best.ckpt of its own training, or "
                f"a published file)"
            )

    def on_train_start(self) -> None:
        """Whatever runs from here on is being trained."""
        self.untrained = ()

    def on_train_epoch_start(self) -> None:
        """Tell the method how far training is."""
        self.method.epoch = self.current_epoch

    def training_step(self, batch: ClipBatch | list[ClipBatch], batch_idx: int) -> Tensor:
        """Add up the method's losses, and log each."""
        clips = [batch] if isinstance(batch, ClipBatch) else batch
        losses = self.method.losses(*clips)
        for name, loss in losses.items():
            if len(losses) > 1:
                self.log_loss(f"train/loss_{name}", loss)
        total = torch.stack(list(losses.values())).sum()
        self.log_loss("train/loss", total, prog_bar=True)
        return total

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Let the method do what follows a step of the optimiser."""
        self.method.after_step()

    def log_loss(self, name: str, loss: Tensor, prog_bar: bool = False) -> None:
        """Log a training loss: the mean over all processes wherever it is kept.

        Between the steps that loggers see, the bar shows the first process's own: a sum over
        processes makes them wait for each other.
        """
        if is_one_of_several():
            every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
            if (self.trainer.global_step + 1) % every == 0 or self.trainer.is_last_batch:
                loss = self.trainer.strategy.reduce(loss.detach().clone(), reduce_op="mean")
        self.log(name, loss, prog_bar=prog_bar)

    def on_validation_start(self) -> None:
        """Start the evaluation of the method that is being trained."""
        self._start({self.method.name: self.method})

    def validation_step(self, batch: EvaluationClip, batch_idx: int) -> None:
        """Evaluate the method that is being trained on a piece of a stream."""
        self.evaluations[self.method.name].add(batch)

    def on_validation_epoch_end(self) -> None:
        """Log the mean over distances."""
        accuracy = self.evaluations[self.method.name].accuracy()
        self.log("val/miou", accuracy.miou_mean, prog_bar=True, rank_zero_only=True)
        values = {"val/miou_pooled": accuracy.miou_pooled} | accuracy.by_distance("val/miou")
        self.log_dict(values, rank_zero_only=True)

    def on_test_start(self) -> None:
        """Start the evaluation of every method."""
        self._start(self.methods())

    def test_step(self, batch: EvaluationClip, batch_idx: int) -> None:
        """Evaluate every method on a piece of a stream."""
        for evaluation in self.evaluations.values():
            evaluation.add(batch)

    def on_test_epoch_end(self) -> None:
        """Log the accuracy of the task's own method, and the means of the others."""
        accuracies = {name: each.accuracy() for name, each in self.evaluations.items()}
        own = accuracies.pop(self.method.name)
        values = {"test/miou_mean": own.miou_mean, "test/miou_pooled": own.miou_pooled}
        values |= own.by_distance("test/miou")
        values |= {f"test/{name}/miou_mean": each.miou_mean for name, each in accuracies.items()}
        self.log_dict(values, rank_zero_only=True)

    def refuse_random_weights(self, command: str, checkpoint: str = "ckpt_path") -> None:
        """Refuse to show what networks without weights do.

        Args:
            command: Who refuses.
            checkpoint: How it is given a run's checkpoint.

        Raises:
            ValueError: If a part has no weights yet; the message says what brings them.
        """
        if self.untrained:
            raise ValueError(
                f"{command} would use random weights for {', '.join(self.untrained)}; "
                f"give {checkpoint} (a run's checkpoint) or "
                f"{', '.join(f'model.weights.{name}' for name in self.untrained)}"
            )

    def _start(self, methods: Mapping[str, VideoMethod]) -> None:
        if not self.trainer.sanity_checking:
            self.refuse_random_weights("test" if self.trainer.testing else "validate")
        for method in methods.values():
            method.eval()  # Lightning has done so for what is part of this module
        has_clock = any(method.clock is not None for method in methods.values())
        distances = self.keyframe_interval if has_clock or self._tests_every_distance() else 1
        self.evaluations = {
            name: Evaluation(method, self.num_classes, distances)
            for name, method in methods.items()
        }
        # Lightning moves what is a module, and resets what is a metric.
        metrics = {str(i): each.metric for i, each in enumerate(self.evaluations.values())}
        self.metrics = nn.ModuleDict(metrics).to(self.device)

    def _tests_every_distance(self) -> bool:
        """Whether streams are started at each distance before a label, whatever the method."""
        data = getattr(self.trainer, "datamodule", None)
        return self.trainer.testing and getattr(data, "test_pairs", "") == "every_distance"

    def _prepare_compared(self, weights: Mapping[str, str]) -> None:
        (compared,) = self._compared
        for name in weights:
            if name not in compared:
                raise ValueError(
                    f"compare_weights names {name!r}, which is not compared; compare has "
                    f"{', '.join(compared) or 'nothing'}"
                )
        for name, other in compared.items():
            if name in weights:
                parts = [part for part, child in other.named_children() if child.state_dict()]
                load_all(other, dict.fromkeys(parts, weights[name]))
                other.requires_grad_(False)
            else:
                share_modules(self.method, other, name)


def _now_trained(task: VideoTask, incompatible_keys: Any) -> None:
    """Remember that a whole state has been loaded."""
    task.untrained = ()
