"""The methods that are compared, each in the form in which it runs."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from arseg_lightning.bench.case import Compared
from arseg_lightning.bench.settings import BenchSettings
from arseg_lightning.cost import MethodCost, method_cost
from arseg_lightning.cost.counting import on_meta
from arseg_lightning.export import ExportSettings, OnnxMethod, export_method
from arseg_lightning.inference import Optimisations, Precision
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
from arseg_lightning.report.bench_result import Form
from arseg_lightning.streaming import choose_device

__all__ = ["Variant", "plain_form", "variants"]

_FOR_ONNX = Optimisations(factored_upsampling=False, fused_fusion=False, channels_last=False)
"""What the graphs of an export can say: the algebra, but no kernels of ours."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A method in the form in which it runs.

    Args:
        form: Which it is.
        method: The method, ready to run on its device.
        cost: Its multiply-accumulates.
        cycle: The roles of its frames.
    """

    form: Form
    method: VideoMethod
    cost: MethodCost
    cycle: RoleCycle


def variants(
    compared: Compared, size: tuple[int, int], settings: BenchSettings
) -> Iterator[Variant]:
    """Bring everything that is compared into the forms in which it is measured.

    The first baseline in plain PyTorch comes first.

    Args:
        compared: The methods.
        size: Height and width of the video.
        settings: How they are measured.

    Raises:
        ValueError: If a method cannot run on a backend, or a backend's package is missing.
    """
    device = choose_device(settings.device)
    cycles = {}
    for name, method in compared.methods.items():
        method.to(device)
        weightless = on_meta(method)
        cycles[name] = role_cycle(
            weightless, nominal_steps(weightless, blank_frame(weightless, size))
        )
        is_baseline = name not in compared.own
        form = Form(f"{name}, plain PyTorch", name, is_baseline, "plain", "torch", "float32")
        yield Variant(form, plain_form(method), method_cost(method, size), cycles[name])
    for backend in settings.backends:
        precisions: tuple[Precision, ...] = ("float32",)
        for precision in settings.precisions if backend == "torch" else precisions:
            for name, method in compared.methods.items():
                if backend == "torch":
                    wanted = Optimisations(precision=precision, compile=settings.compile)
                    countable = method.for_inference(replace(wanted, compile="no"))
                    fast = countable if wanted.compile == "no" else method.for_inference(wanted)
                else:
                    countable = copy.deepcopy(method).to("cpu").for_inference(_FOR_ONNX)
                    fast = _exported(countable, size, compared)
                title = f"{name}, {precision}{', ONNX Runtime' * (backend == 'onnxruntime')}"
                is_baseline = name not in compared.own
                form = Form(title, name, is_baseline, "optimised", backend, precision)
                yield Variant(form, fast, method_cost(countable, size), cycles[name])


def plain_form(method: VideoMethod) -> VideoMethod:
    """A method as a few lines of PyTorch run it, for comparison: without a kernel of ours.

    Args:
        method: The method, whose networks and clock are shared.
    """

    def step(
        role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output | None, State]:
        """Do what a role says, with channels outermost as PyTorch has them by default."""
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


def _exported(method: VideoMethod, size: tuple[int, int], compared: Compared) -> VideoMethod:
    """Export a method and open it: the runtime has read the files when they are removed."""
    wanted = ExportSettings(size, compared.classes, compared.normalise, compared.chaining)
    with tempfile.TemporaryDirectory() as place:
        export_method(method, Path(place) / "export", wanted)
        running = OnnxMethod(Path(place) / "export")
    if running.clock is not None:
        running.clock = method.clock
    return running
