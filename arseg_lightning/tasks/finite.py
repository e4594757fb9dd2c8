"""Stops a training whose losses, gradients or weights are no numbers any more."""

from __future__ import annotations

from collections.abc import Mapping

from lightning import Trainer
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

__all__ = ["FiniteSteps", "NotFinite", "refuse_broken_weights"]

_MOST_SKIPPED = 25
"""Skipped steps in a row: the gradient scaler's first value is worn down to 1 in 16."""


class NotFinite(ValueError):
    """A training that has diverged."""


class FiniteSteps:
    """Looks at the losses and the largest gradient of every step of the optimiser.

    On a GPU, a step is looked at after the next one, so that nobody waits; what is then broken has
    not been saved (:func:`refuse_broken_weights`).
    """

    def __init__(self) -> None:
        self.skipped = 0
        """Steps that a gradient scaler (precision 16-mixed) has left out."""

        self._in_a_row = 0
        self._losses: dict[str, Tensor] = {}
        self._pending: tuple[int, dict[str, Tensor], Tensor, float] | None = None

    def note(self, losses: Mapping[str, Tensor]) -> None:
        """Keep the losses of a batch; of several that make a step, the last ones that count."""
        self._losses = {name: loss.detach() for name, loss in losses.items()}

    def check(self, trainer: Trainer, optimizer: Optimizer) -> None:
        """Look at a step that the optimiser is about to make.

        Raises:
            NotFinite: If it must not be made.
        """
        groups = optimizer.param_groups
        gradients = [p.grad for group in groups for p in group["params"] if p.grad is not None]
        if not gradients:
            return
        largest = get_total_norm(gradients, norm_type=float("inf"))
        step = trainer.global_step, self._losses, largest, float(groups[0]["lr"])
        if getattr(trainer.precision_plugin, "scaler", None) is not None:
            self._count_skipped(trainer, step)
        elif largest.device.type == "cpu":
            _refuse(trainer, *step)
        else:
            self.finish(trainer)
            self._pending = step

    def finish(self, trainer: Trainer) -> None:
        """Look at what was put off."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            _refuse(trainer, *pending)

    def tell_skipped(self) -> None:
        """Say how many steps the gradient scaler has left out since this was last asked."""
        if self.skipped:
            rank_zero_info(
                f"{self.skipped} steps were skipped in this epoch: their gradients do not fit "
                f"16-mixed (a few at the start are usual, while its scale is found)"
            )
            self.skipped = 0

    def _count_skipped(
        self, trainer: Trainer, step: tuple[int, dict[str, Tensor], Tensor, float]
    ) -> None:
        """The scaler leaves such a step out and tries another scale; that helps, or never will."""
        if step[2].isfinite():
            self._in_a_row = 0
            return
        self.skipped += 1
        self._in_a_row += 1
        if self._in_a_row > _MOST_SKIPPED:
            _refuse(trainer, *step, f", and {_MOST_SKIPPED} steps in a row were skipped")


def refuse_broken_weights(weights: Mapping[str, Tensor], step: int) -> None:
    """Raise before a checkpoint is written that nobody could use.

    Raises:
        NotFinite: If a weight is infinite or no number.
    """
    for name, value in weights.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise NotFinite(
                f"{name} is not finite after step {step}, and no checkpoint is written; the last "
                f"one is as it was. {_REMEDY}"
            )


_REMEDY = (
    "Try a smaller learning rate (model.optimizer.lr), model.warmup_steps, "
    "trainer.gradient_clip_val 1, or, if precision was lowered, trainer.precision 32-true"
)


def _refuse(
    trainer: Trainer,
    step: int,
    losses: Mapping[str, Tensor],
    largest: Tensor,
    rate: float,
    more: str = "",
) -> None:
    broken = {name: loss for name, loss in losses.items() if not loss.isfinite()}
    # Gradients are those of all processes; a loss is only this one's, and all must end together.
    if largest.isfinite() and not (broken and trainer.world_size == 1):
        return
    shown = ", ".join(f"{name} = {float(loss):.4g}" for name, loss in losses.items())
    what = f"the loss is not finite ({', '.join(broken)})" if broken else "a gradient is not finite"
    raise NotFinite(
        f"{what} at step {step}, epoch {trainer.current_epoch + 1}{more}: {shown}; largest "
        f"gradient {float(largest):.4g}, learning rate {rate:.4g}. The checkpoints before it are "
        f"kept. {_REMEDY}"
    )
