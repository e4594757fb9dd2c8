"""Counts of multiply-accumulates, by running a copy of a module on the meta device."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["CountsMacs", "count_macs", "measure", "on_meta"]

ModuleT = TypeVar("ModuleT", bound=nn.Module)
ResultT = TypeVar("ResultT")

_WITHOUT_PRODUCTS = (nn.Embedding, nn.EmbeddingBag, nn.LayerNorm, nn.RMSNorm)
"""Layers whose weights are looked up or scale their input: their cost is none."""
_LOOKED_UP = ("SwinRelativePositionBias",)
"""The same of other packages, by name."""


@runtime_checkable
class CountsMacs(Protocol):
    """A module that says itself what it costs, as one with a custom kernel must.

    It has to run on the meta device, where tensors have shapes but no numbers.
    """

    def macs(self, x: Tensor, output: Tensor) -> int:
        """Multiply-accumulates of one call, with all submodules, from first input and output."""


def count_macs(module: nn.Module, *inputs: Tensor) -> int:
    """Count the multiply-accumulates (MACs) of one call in eval mode, without computing it.

    One multiplication with its addition is one MAC. Convolutions and products of matrices count,
    whoever calls them: layers, attention, functions; and whatever a module says of itself
    (:class:`CountsMacs`) instead of what runs inside it. Biases, norms, activations, pooling,
    interpolation and warping do not.

    Args:
        module: Network or layer; stays as it is.
        inputs: What it is called with, on any device; only the shapes matter.

    Raises:
        ValueError: If a module has weights, and nothing that can be counted is done with them.
    """
    weightless_inputs = [x.to("meta") for x in inputs]
    return measure(module, lambda weightless: weightless(*weightless_inputs))[0]


def measure(module: ModuleT, call: Callable[[ModuleT], ResultT]) -> tuple[int, ResultT]:
    """Count the multiply-accumulates of a call of a module, as :func:`count_macs` does.

    ``call`` uses a copy of the module in eval mode, whose weights are on the meta device; what it
    returns is given back beside the count.
    """
    module = on_meta(module)
    counter = FlopCounterMode(display=False)
    replaced = 0  # MACs that modules say of themselves, less those that were seen inside them
    starts: list[int] = []

    def total() -> int:
        return counter.get_total_flops() // 2 + replaced

    def enter(submodule: nn.Module, _: tuple[Any, ...]) -> None:
        starts.append(total())

    def leave(submodule: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        nonlocal replaced
        seen = total() - starts.pop()
        is_free = isinstance(submodule, _WITHOUT_PRODUCTS) or type(submodule).__name__ in _LOOKED_UP
        multiplies = not is_free and any(
            weight.dim() > 1 for weight in submodule.parameters(recurse=False)
        )
        if isinstance(submodule, CountsMacs):
            replaced += submodule.macs(args[0] if args else output, output) - seen
        elif not seen and multiplies:
            raise ValueError(
                f"nothing was counted in a call of {type(submodule).__name__}, which has weights; "
                f"give it a method macs(x, output) -> int, which says how many "
                f"multiply-accumulates it takes"
            )

    for submodule in module.modules():
        submodule.register_forward_pre_hook(enter)
        submodule.register_forward_hook(leave)
    with torch.no_grad(), counter, _FromShapes():  # type: ignore[no-untyped-call]
        result = call(module)
    return total(), result


class _FromShapes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Answers two operations without products, which would take a third of a count's time.

    On the meta device, PyTorch works them out step by step, in Python.
    """

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if operation is torch.ops.aten.upsample_bilinear2d.default:
            image, size = args[:2]
            return image.new_empty((*image.shape[:2], *size))
        if operation is torch.ops.aten.native_batch_norm.default:
            unused = args[0].new_empty(0)
            return torch.empty_like(args[0]), unused, unused
        return operation(*args, **(kwargs or {}))


def on_meta(module: ModuleT) -> ModuleT:
    """Copy a module onto the meta device; the weights are never copied, whatever their size."""
    memo: dict[int, Any] = {
        id(tensor): torch.empty_like(tensor, device="meta") for tensor in module.buffers()
    }
    for parameter in module.parameters():
        empty = torch.empty_like(parameter, device="meta")
        memo[id(parameter)] = nn.Parameter(empty, requires_grad=False)
    return copy.deepcopy(module, memo).eval()
