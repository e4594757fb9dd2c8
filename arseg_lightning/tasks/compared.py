"""Methods that are evaluated beside a task's own."""

from __future__ import annotations

from collections.abc import Mapping

from arseg_lightning.methods import MethodFactory, VideoMethod
from arseg_lightning.tasks.weights import load_all, share_modules

__all__ = ["build_compared"]


def build_compared(
    own: VideoMethod,
    factories: Mapping[str, MethodFactory],
    weights: Mapping[str, str],
    num_classes: int,
) -> dict[str, VideoMethod]:
    """Build methods that share a method's weights, or have files of their own.

    Args:
        own: Has the weights.
        factories: Build the methods, by name.
        weights: Files that some of them start from instead, by their names.
        num_classes: Number of classes.

    Raises:
        ValueError: If a file is for none of them, or a method has weights from nowhere.
    """
    compared = {name: make(num_classes) for name, make in factories.items()}
    for name in weights:
        if name not in compared:
            raise ValueError(
                f"compare_weights names {name!r}, which is not compared; compare has "
                f"{', '.join(compared) or 'nothing'}"
            )
    for name, other in compared.items():
        if name in weights:
            load_all(other, {"all": weights[name]})
            other.requires_grad_(False)
        else:
            share_modules(own, other, name)
    return compared
