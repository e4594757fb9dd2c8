"""Where the points of a sweep run: one after the other, one a GPU, or several on the processor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Place", "places"]

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_THREADS = "OMP_NUM_THREADS"
_NAME = re.compile(r"(GPU|MIG)-[\w/-]+")


@dataclass(frozen=True, slots=True)
class Place:
    """What one point at a time runs in.

    Args:
        device: The entry of ``CUDA_VISIBLE_DEVICES`` that its processes see; None for what there
            is.
        environment: Variables that its processes have besides those of this one.
    """

    device: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def places(
    devices: str | None, parallel: int | None, environment: Mapping[str, str], gpus: int, cores: int
) -> tuple[Place, ...]:
    """The places that a sweep's options ask for.

    Several points at once share the processor's cores evenly, as each would start threads for all
    of them; ``OMP_NUM_THREADS`` of the environment goes before.

    Args:
        devices: Entries of ``CUDA_VISIBLE_DEVICES`` with commas between them, a place for each.
        parallel: How many places that leave the devices as they are.
        environment: That of this process; its ``CUDA_VISIBLE_DEVICES`` limits the devices.
        gpus: How many GPUs there are.
        cores: How many processor cores there are.

    Raises:
        ValueError: If there is no such device, no such number, or both options are given.
    """
    if devices is not None and parallel is not None:
        raise ValueError(
            f"--devices {devices} already says how many points run at once; take --parallel away"
        )
    if parallel is not None and parallel < 1:
        raise ValueError(f"--parallel is {parallel}; give at least 1")
    names: list[str | None] = [None] * (parallel or 1)
    if devices is not None:
        names = [_device(name, environment.get(_VISIBLE), gpus) for name in _split(devices) or [""]]
    shared: dict[str, str] = {}
    if len(names) > 1 and _THREADS not in environment:
        shared[_THREADS] = str(max(1, cores // len(names)))
    return tuple(
        Place(name, shared if name is None else shared | {_VISIBLE: name}) for name in names
    )


def _device(name: str, visible: str | None, gpus: int) -> str:
    """Hold a device to be there: CUDA ignores one that is not, and the point would run without."""
    there = [str(number) for number in range(gpus)] if visible is None else _split(visible)
    if name in there or (visible is None and _NAME.fullmatch(name)):
        return name
    source = "" if visible is None else f" in {_VISIBLE}"
    raise ValueError(
        f"--devices has {name!r}, but the GPUs here{source} are {', '.join(there) or 'none'}; give "
        f"those, or --parallel N to share what there is"
    )


def _split(devices: str) -> list[str]:
    """The entries of a list, without the spaces around them."""
    return [name.strip() for name in devices.split(",")] if devices.strip() else []
