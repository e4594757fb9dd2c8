"""Count multiply-accumulates by running a copy of a module that has shapes but no numbers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

__all__ = ["CountsMacs", "Rule", "count_macs", "exact_macs", "measure"]

ModuleT = TypeVar("ModuleT", bound=nn.Module)
ResultT = TypeVar("ResultT")

Rule = Callable[[nn.Module, Tensor, Tensor], int]
"""From a module, the first input and the output of one call to its cost, without its children's."""


@runtime_checkable
class CountsMacs(Protocol):
    """A module that says itself what it costs, as one with a kernel of its own must.

    It has to run on the meta device, where tensors have shapes but no numbers.
    """

    def macs(self, x: Tensor, output: Tensor) -> int:
        """Multiply-accumulates of one call, from its first input and its output.

        Without those of submodules.
        """


def count_macs(module: nn.Module, *inputs: Tensor) -> int:
    """Count the multiply-accumulates (MACs) of one call in eval mode, without computing it.

    One multiplication with its addition is one MAC. Convolutions, linear layers and whatever says
    its own cost (:class:`CountsMacs`) count, each as often as it is called; biases, norms,
    activations, pooling, interpolation and warping do not.

    Args:
        module: Network or layer; stays as it is.
        inputs: What it is called with, on any device; only the shapes matter.

    Raises:
        ValueError: If a module has weights but no rule.
    """
    on_meta = [x.to("meta") for x in inputs]
    return measure(module, lambda weightless: weightless(*on_meta))[0]


def exact_macs(module: nn.Module, x: Tensor, output: Tensor) -> int:
    """Cost of one call of one module, without its children's.

    Raises:
        ValueError: If it has a weight (of two or more axes) but no rule.
    """
    if isinstance(module, CountsMacs):
        return module.macs(x, output)
    if isinstance(module, nn.Conv2d):
        return output.numel() * module.weight[0].numel()
    if isinstance(module, nn.Linear):
        return output.numel() * module.in_features
    if any(parameter.dim() > 1 for parameter in module.parameters(recurse=False)):
        raise ValueError(
            f"no rule counts the multiply-accumulates of {type(module).__name__}, which has "
            "weights; give it a method macs(x, output) -> int"
        )
    return 0


def measure(
    module: ModuleT,
    call: Callable[[ModuleT], ResultT],
    rule: Rule = exact_macs,
    repeats: Mapping[str, int] | None = None,
) -> tuple[int, ResultT]:
    """Add up what a rule says of every call of every submodule.

    Args:
        module: Stays as it is.
        call: Uses a copy of the module in eval mode, whose weights are on the meta device.
        rule: Cost of one call of one module.
        repeats: How many times the calls inside a submodule (by name) count; once by default.

    Returns:
        The sum, and what ``call`` returned.
    """
    weightless = _without_numbers(module)
    total = 0

    def listen(submodule: nn.Module, times: int) -> None:
        def add(_: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            nonlocal total
            total += times * rule(submodule, args[0] if args else output, output)

        submodule.register_forward_hook(add)

    for name, submodule in weightless.named_modules():
        times = [n for part, n in (repeats or {}).items() if f"{name}.".startswith(f"{part}.")]
        listen(submodule, times[0] if times else 1)
    with torch.no_grad():
        result = call(weightless)
    return total, result


def _without_numbers(module: ModuleT) -> ModuleT:
    """Copy a module onto the meta device; the weights are never copied, whatever their size."""
    memo: dict[int, Any] = {
        id(tensor): torch.empty_like(tensor, device="meta") for tensor in module.buffers()
    }
    for parameter in module.parameters():
        empty = torch.empty_like(parameter, device="meta")
        memo[id(parameter)] = nn.Parameter(empty, requires_grad=False)
    return copy.deepcopy(module, memo).eval()
