"""Variants of the compared methods: plain PyTorch, optimised, exported."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import torch
from torch import Tensor

from arseg_lightning.accelerator import choose_device
from arseg_lightning.bench.case import BenchSettings, MethodSet
from arseg_lightning.cost import MethodCost, method_cost
from arseg_lightning.cost.counting import on_meta
from arseg_lightning.export import ExportSettings, OnnxMethod, Runtime, export_method
from arseg_lightning.inference import Optimisations
from arseg_lightning.methods import FrameInput, Output, RoleCycle, State, VideoMethod, role_cycle

__all__ = ["Variant", "plain_form", "variants"]

_FOR_ONNX = Optimisations(kernels=False)
"""Graphs of an export hold changes to the algebra, but no custom kernels."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A method in the form in which it runs."""

    name: str  # what the method is called
    form: str  # see :attr:`arseg_lightning.report.result.Speed.form`
    kind: str  # name of the method's class
    is_baseline: bool  # whether others are compared with it
    method: VideoMethod  # the method, ready to run on its device
    cost: MethodCost  # its multiply-accumulates
    cycle: RoleCycle  # the roles of its frames


def variants(
    compared: MethodSet, size: tuple[int, int], settings: BenchSettings
) -> Iterator[Variant]:
    """Bring methods into the forms in which they are measured, plain PyTorch first.

    Raises:
        ValueError: If a method cannot run on a backend, or a backend's package is missing.
    """
    device = choose_device(settings.device)
    cycles = {}
    for name, method in compared.methods.items():
        cycles[name] = role_cycle(on_meta(method.to(device)), size)

    def variant(name: str, form: str, countable: VideoMethod, fast: VideoMethod) -> Variant:
        cost, is_baseline = method_cost(countable, size), name not in compared.own
        kind = type(compared.methods[name]).__name__
        return Variant(name, form, kind, is_baseline, fast, cost, cycles[name])

    for name, method in compared.methods.items():
        yield variant(name, "plain", method, plain_form(method))
    for precision in settings.precisions if "torch" in settings.backends else ():
        for name, method in compared.methods.items():
            wanted = Optimisations(precision=precision)
            fast = countable = method.for_inference(wanted)
            if settings.compile != "no":  # what is compiled cannot be counted
                fast = method.for_inference(replace(wanted, compile=settings.compile))
            yield variant(name, precision, countable, fast)
    wanted_runtimes = [each for each in settings.backends if each != "torch"]
    for runtime, (name, method) in product(wanted_runtimes, compared.methods.items()):
        countable = copy.deepcopy(method).to("cpu").for_inference(_FOR_ONNX)
        yield variant(name, runtime, countable, _exported(countable, compared, size, runtime))


def _exported(
    method: VideoMethod, compared: MethodSet, size: tuple[int, int], runtime: Runtime
) -> OnnxMethod:
    """A method as graphs on a runtime."""
    settings = ExportSettings(
        *(size, compared.classes, compared.normalise, compared.chaining), runtime=runtime
    )
    with tempfile.TemporaryDirectory() as folder:
        export_method(method, Path(folder) / "export", settings)
        # reads the files before they go
        exported = OnnxMethod(Path(folder) / "export", runtime=runtime)
    if exported.clock is not None:
        exported.clock = method.clock
    return exported


def plain_form(method: VideoMethod) -> VideoMethod:
    """A method as a few lines of PyTorch run it: without custom kernels, its networks shared."""

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
