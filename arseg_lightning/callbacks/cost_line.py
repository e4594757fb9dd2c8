"""Says at the start of a run what its methods cost."""

from __future__ import annotations

import logging

from lightning import Callback, LightningModule, Trainer

from arseg_lightning.callbacks.run_log import tell
from arseg_lightning.cost import method_cost
from arseg_lightning.datasets.datamodule import ClipDataModule
from arseg_lightning.tasks import VideoTask

__all__ = ["CostLine", "cost_line"]

_log = logging.getLogger(__name__)


class CostLine(Callback):
    """Prints multiply-accumulates per frame, and what is saved against 1.0x.

    Counting runs no numbers. If it is not possible, the run goes on with a warning.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the cost at the size of the data that are prepared."""
        self._say(trainer, pl_module, ("val", "train"))

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the cost at the test data's size."""
        self._say(trainer, pl_module, ("test",))

    def _say(self, trainer: Trainer, task: LightningModule, splits: tuple[str, ...]) -> None:
        data = getattr(trainer, "datamodule", None)
        if not isinstance(task, VideoTask) or not isinstance(data, ClipDataModule):
            return
        if not trainer.is_global_zero:
            return
        split = next((split for split in splits if data.layouts[split] is not None), None)
        if split is None:
            return
        try:
            tell(cost_line(task, data.example_size(split)))
        except Exception as error:  # whatever a method of one's own does: a figure ends no run
            _log.warning("the cost per frame is not known: %r", error)


def cost_line(task: VideoTask, size: tuple[int, int]) -> str:
    """One line with the mean cost of each of a task's methods.

    Args:
        task: The task.
        size: Height and width of the video.
    """
    costs = {name: method_cost(method, size) for name, method in task.methods().items()}
    full = costs["1x"].mean_gmacs if "1x" in costs else None
    parts = [
        f"{name} {cost.mean_gmacs:.3g}{_saving(cost.mean_gmacs, full)}"
        f"{'' if cost.repeats else ' (depends on what frames show)'}"
        for name, cost in costs.items()
    ]
    return f"GMACs/frame at {size[1]}x{size[0]}, L = {task.keyframe_interval}: {', '.join(parts)}"


def _saving(cost: float, full: float | None) -> str:
    if not full or cost == full:
        return ""
    return f" ({abs(1 - cost / full):.0%} {'less' if cost < full else 'more'})"
