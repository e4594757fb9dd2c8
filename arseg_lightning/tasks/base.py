"""What all tasks share: optimiser, schedule, and evaluation over the distance to the keyframe."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from lightning import LightningModule
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from arseg_lightning.datasets.together import is_one_of_several
from arseg_lightning.metrics import DistanceAccuracy
from arseg_lightning.models.segmentor import Segmentor
from arseg_lightning.propagation import Fusion
from arseg_lightning.systems import Prediction, VideoSystem
from arseg_lightning.tasks.schedule import Schedule, schedule_factor
from arseg_lightning.types import ClipBatch

__all__ = ["FusionFactory", "SegmentationTask", "SegmentorFactory"]

SegmentorFactory = Callable[[int], Segmentor]
"""Builds a network from the number of classes."""

FusionFactory = Callable[[int], Fusion]
"""Builds a fusion from the number of feature channels."""


def adam(parameters: Any) -> torch.optim.Optimizer:
    """The paper's optimiser for CamVid: Adam, learning rate 1e-3, no weight decay."""
    return torch.optim.Adam(parameters, lr=1e-3)


class SegmentationTask(LightningModule, ABC):
    """Trains one or more networks and evaluates video systems made of them.

    A subclass builds its networks and implements :meth:`training_step` and :meth:`systems`.

    Args:
        num_classes: Number of classes; linked from the data.
        keyframe_interval: L; linked from the data.
        optimizer: Builds the optimiser.
        schedule: Learning rate over the run.
        warmup_steps: Steps over which the learning rate first rises.
    """

    def __init__(
        self,
        num_classes: int,
        keyframe_interval: int,
        optimizer: OptimizerCallable,
        schedule: Schedule,
        warmup_steps: int,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.keyframe_interval = keyframe_interval
        self.make_optimizer = optimizer
        self.schedule: Schedule = schedule
        self.warmup_steps = warmup_steps
        self.fast_factor = 1.0
        self.accuracies = nn.ModuleDict()
        self.untrained: dict[str, str] = {}
        """What has no weights yet, and the argument that brings them, if there is one."""
        self.register_load_state_dict_post_hook(_now_trained)  # type: ignore[no-untyped-call]

    @abstractmethod
    def systems(self) -> dict[str, VideoSystem]:
        """The systems that are compared in ``test``; the last one is this task's own."""

    @property
    def system(self) -> VideoSystem:
        """The system that this task is about."""
        return list(self.systems().values())[-1]

    @property
    def validated_system(self) -> VideoSystem:
        """The system whose accuracy in validation tells the best epoch."""
        return self.system

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Optimise all parameters that want a gradient, with a rate set at every step."""
        fast = {id(p) for p in self.fast_parameters()}
        wanted = [p for p in self.parameters() if p.requires_grad]
        groups = [[p for p in wanted if (id(p) in fast) is is_fast] for is_fast in (False, True)]
        optimizer = self.make_optimizer([{"params": group} for group in groups if group])
        if groups[1]:
            optimizer.param_groups[-1]["lr"] *= self.fast_factor
        total = int(self.trainer.estimated_stepping_batches)
        factor = schedule_factor(self.schedule, total, self.warmup_steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": LambdaLR(optimizer, factor), "interval": "step"},
        }

    def on_train_start(self) -> None:
        """Whatever runs from here on is being trained."""
        self.untrained = {}

    def fast_parameters(self) -> Iterable[nn.Parameter]:
        """Parameters that learn ``fast_factor`` times as fast as the others."""
        return ()

    def log_loss(self, name: str, loss: Tensor, prog_bar: bool = False) -> None:
        """Log a training loss: the mean over all processes wherever it is kept.

        Between the steps that loggers see, the bar shows the first process's own: a sum over
        processes makes them wait for each other.
        """
        if is_one_of_several() and self._loss_is_kept():
            loss = self.trainer.strategy.reduce(loss.detach().clone(), reduce_op="mean")
        self.log(name, loss, prog_bar=prog_bar)

    def _loss_is_kept(self) -> bool:
        every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        return (self.trainer.global_step + 1) % every == 0 or self.trainer.is_last_batch

    def on_validation_start(self) -> None:
        """Count anew for the system that is being trained."""
        if not self.trainer.sanity_checking:
            self._refuse_random_weights()
        self._start({"own": self.validated_system})

    def validation_step(self, batch: ClipBatch, batch_idx: int) -> None:
        """Evaluate the system that is being trained on a clip."""
        self._evaluate("own", self.validated_system, batch)

    def on_validation_epoch_end(self) -> None:
        """Log the mean over distances."""
        accuracy = self.counts("own").accuracy()
        self.log("val/miou", accuracy.miou_mean, prog_bar=True, rank_zero_only=True)
        at_distance = {f"val/miou_d{d:02d}": v for d, v in enumerate(accuracy.miou_at_distance)}
        values = {"val/miou_pooled": accuracy.miou_pooled} | at_distance
        self.log_dict(values, rank_zero_only=True)

    def on_test_start(self) -> None:
        """Count anew for every system."""
        self._refuse_random_weights()
        self._start(self.systems())

    def test_step(self, batch: ClipBatch, batch_idx: int) -> None:
        """Evaluate every system on a clip."""
        for name, system in self.systems().items():
            self._evaluate(name, system, batch)

    def on_test_epoch_end(self) -> None:
        """Log the accuracy of the task's own system, and the means of the others."""
        names = list(self.systems())
        accuracies = {name: self.counts(name).accuracy() for name in names}
        own = accuracies[names[-1]]
        values = {f"test/miou_d{d:02d}": v for d, v in enumerate(own.miou_at_distance)}
        values |= {"test/miou_mean": own.miou_mean, "test/miou_pooled": own.miou_pooled}
        values |= {f"test/{name}/miou_mean": accuracies[name].miou_mean for name in names[:-1]}
        self.log_dict(values, rank_zero_only=True)

    def predictions(self, system: VideoSystem, batch: ClipBatch) -> Iterator[Prediction]:
        """Run a system over clips of one shape.

        Raises:
            ValueError: If the clips of a batch have different distances.
        """
        distances = batch.distances[0].tolist()
        if not bool((batch.distances == batch.distances[:1]).all()):
            raise ValueError("the clips of an evaluation batch need the same distances")
        return system.run(batch.images, batch.motion, distances)

    def counts(self, name: str) -> DistanceAccuracy:
        """The counts of a system."""
        metric = self.accuracies[_key(name)]
        if not isinstance(metric, DistanceAccuracy):
            raise TypeError(f"{name} counts nothing")
        return metric

    def refuse_random_weights(self, command: str, checkpoint_flag: str = "--ckpt_path") -> None:
        """Refuse to show what networks without weights do.

        Args:
            command: Who refuses.
            checkpoint_flag: How it is given a run's checkpoint.

        Raises:
            ValueError: If anything has no weights yet; the message says what brings them.
        """
        if self.untrained:
            arguments = dict.fromkeys(
                [f"{checkpoint_flag} (a run's checkpoint)", *self.untrained.values()]
            )
            raise ValueError(
                f"{command} would use random weights for {', '.join(self.untrained)}; "
                f"give {' or '.join(filter(None, arguments))}"
            )

    def _refuse_random_weights(self) -> None:
        self.refuse_random_weights(self.trainer.state.fn.value if self.trainer.state.fn else "this")

    def _start(self, systems: dict[str, VideoSystem]) -> None:
        metrics = {
            _key(name): DistanceAccuracy(self.num_classes, self.keyframe_interval)
            for name in systems
        }
        self.accuracies = nn.ModuleDict(metrics).to(self.device)

    def _evaluate(self, name: str, system: VideoSystem, batch: ClipBatch) -> None:
        for t, prediction in enumerate(self.predictions(system, batch)):
            self.counts(name).update(prediction.labels, batch.labels[:, t], prediction.distance)


def _now_trained(task: SegmentationTask, incompatible_keys: Any) -> None:
    """Remember that a whole state has been loaded."""
    task.untrained = {}


def freeze(module: nn.Module) -> None:
    """Take a network out of training: no gradients, and BatchNorm statistics stand still."""
    module.requires_grad_(False)
    module.eval()


def feature_of(network: Segmentor, image: Tensor) -> Tensor:
    """Compute a feature without keeping anything for gradients."""
    with torch.no_grad():
        return network.features(image)


def carried_by(network: Segmentor, image: Tensor) -> Tensor:
    """Compute what a keyframe carries to others, without keeping anything for gradients."""
    with torch.no_grad():
        return network.before_cut(image)[0]


def _key(name: str) -> str:
    """A system's name as a module name, which may hold no dot."""
    return name.replace(".", "_")
