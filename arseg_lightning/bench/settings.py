"""How everything is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from arseg_lightning.inference import Compile, Precision
from arseg_lightning.methods.per_frame import check_resolution_ratio
from arseg_lightning.ranges import check_range

__all__ = ["Backend", "BenchSettings"]

Backend = Literal["torch", "onnxruntime"]


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """How everything is measured.

    Args:
        keyframe_interval: L, for methods with a clock; their own by default.
        resolution_ratios: Scales s that the method is built with, one variant each; its own
            alone if empty.
        num_classes: Number of classes.
        precisions: In what the optimised variants compute, one variant each.
        backends: Who runs them. ONNX Runtime computes in float32 on a CPU.
        compile: Mode of ``torch.compile`` for the optimised variants.
        device: See :func:`arseg_lightning.streaming.choose_device`.
        repeats: Rounds; in each, every variant runs once.

    Raises:
        ValueError: If a number makes no sense.
    """

    keyframe_interval: int | None = None
    resolution_ratios: tuple[float, ...] = ()
    num_classes: int = 11
    precisions: tuple[Precision, ...] = ("float32",)
    backends: tuple[Backend, ...] = ("torch",)
    compile: Compile = "no"
    device: str = "auto"
    repeats: int = 5

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.keyframe_interval is not None and self.keyframe_interval < 2:
            raise ValueError(
                f"without frames between keyframes there is nothing to compare: keyframe_interval "
                f"is at least 2, got {self.keyframe_interval}"
            )
        check_range(1, repeats=self.repeats, num_classes=self.num_classes)
        for ratio in self.resolution_ratios:
            check_resolution_ratio(ratio)
        for name in ("resolution_ratios", "precisions", "backends"):  # asked for twice, once done
            object.__setattr__(self, name, tuple(dict.fromkeys(getattr(self, name))))
