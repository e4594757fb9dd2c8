"""The methods that are compared, each in the forms in which it is timed."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from arseg_lightning.bench.case import Compared
from arseg_lightning.cost import MethodCost, method_cost
from arseg_lightning.cost.counting import on_meta
from arseg_lightning.export import ExportSettings, OnnxMethod, export_method
from arseg_lightning.inference import Compile, Optimisations, Precision
from arseg_lightning.methods import (
    FrameInput,
    Output,
    RoleCycle,
    State,
    VideoMethod,
    blank_frame,
    nominal_steps,
    role_cycle,
)
from arseg_lightning.methods.per_frame import check_resolution_ratio
from arseg_lightning.ranges import check_range
from arseg_lightning.streaming import choose_device

__all__ = ["Backend", "BenchSettings", "Variant", "plain_form", "variants"]

Backend = Literal["torch", "onnxruntime"]

_FOR_ONNX = Optimisations(factored_upsampling=False, fused_fusion=False, channels_last=False)
"""What the graphs of an export can say: the algebra, but no kernels of ours."""


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


@dataclass(frozen=True, slots=True)
class Variant:
    """A method in the form in which it runs.

    Args:
        name: What the method is called.
        form: See :attr:`arseg_lightning.report.result.Speed.form`.
        kind: Name of the method's class.
        is_baseline: Whether others are compared with it.
        method: The method, ready to run on its device.
        cost: Its multiply-accumulates.
        cycle: The roles of its frames.
    """

    name: str
    form: str
    kind: str
    is_baseline: bool
    method: VideoMethod
    cost: MethodCost
    cycle: RoleCycle


def variants(
    compared: Compared, size: tuple[int, int], settings: BenchSettings
) -> Iterator[Variant]:
    """Bring everything that is compared into the forms in which it is measured.

    Args:
        compared: The methods.
        size: Height and width of the video.
        settings: Precisions, backends, device.

    Yields:
        Each method in plain PyTorch, then the optimised ones.

    Raises:
        ValueError: If a method cannot run on a backend, or a backend's package is missing.
    """
    device = choose_device(settings.device)
    forms = [f for backend in settings.backends for f in _forms_of(backend, settings)]
    cycles = {}
    for name, method in compared.methods.items():
        weightless = on_meta(method.to(device))
        frame = blank_frame(weightless, size)
        cycles[name] = role_cycle(weightless, nominal_steps(weightless, frame))
    for form in ("plain", *forms):
        for name, method in compared.methods.items():
            if form == "plain":
                countable, fast = method, plain_form(method)
            elif form == "onnxruntime":
                countable = copy.deepcopy(method).to("cpu").for_inference(_FOR_ONNX)
                fast = _exported(countable, size, compared)
            else:
                wanted = Optimisations(precision=form, compile=settings.compile)  # type: ignore[arg-type]
                countable = method.for_inference(replace(wanted, compile="no"))
                fast = countable if wanted.compile == "no" else method.for_inference(wanted)
            is_baseline, kind = name not in compared.own, type(method).__name__
            cost = method_cost(countable, size)
            yield Variant(name, form, kind, is_baseline, fast, cost, cycles[name])


def plain_form(method: VideoMethod) -> VideoMethod:
    """A method as a few lines of PyTorch run it, for comparison: without a kernel of ours.

    Args:
        method: The method, whose networks and clock are shared.
    """

    def step(
        role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output | None, State]:
        # Channels are outermost, as PyTorch has them by default.
        frame = replace(frame, image=frame.image.contiguous())
        output, state = method.step(role, frame, state, **inputs)
        if output is None:
            return None, state
        return _PlainOutput(output.scores, output.align_corners, output.feature), state

    plain = copy.copy(method)
    plain.step = step  # type: ignore[method-assign]
    return plain


class _PlainOutput(Output):
    """An output whose labels are the argmax of upsampled scores."""

    def labels(self, size: tuple[int, int]) -> Tensor:
        """The best class of every pixel, uint8 of shape (B, *size)."""
        return self.logits(size).argmax(dim=1).to(torch.uint8)


def _forms_of(backend: Backend, settings: BenchSettings) -> tuple[str, ...]:
    return settings.precisions if backend == "torch" else (backend,)


def _exported(method: VideoMethod, size: tuple[int, int], compared: Compared) -> VideoMethod:
    """Export a method and open it: the runtime has read the files when they are removed."""
    wanted = ExportSettings(size, compared.classes, compared.normalise, compared.chaining)
    with tempfile.TemporaryDirectory() as folder:
        export_method(method, Path(folder) / "export", wanted)
        running = OnnxMethod(Path(folder) / "export")
    if running.clock is not None:
        running.clock = method.clock
    return running
