"""Where the points of a sweep run: one after the other, one a GPU, or several on the processor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Place", "places"]

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_NAME = re.compile(r"(GPU|MIG)-[\w/-]+")


@dataclass(frozen=True, slots=True)
class Place:
    """What one point at a time runs in.

    Args:
        device: The entry of ``CUDA_VISIBLE_DEVICES`` that it sees; None for all that there is.
        environment: Variables that its processes have besides those of this one.
    """

    device: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def places(
    devices: str | None, parallel: int | None, environment: Mapping[str, str], gpus: int, cores: int
) -> tuple[Place, ...]:
    """The places that the command's options ask for.

    Args:
        devices: Entries of ``CUDA_VISIBLE_DEVICES`` with commas between them, a place for each.
        parallel: How many places that leave the devices as they are.
        environment: That of this process; its ``CUDA_VISIBLE_DEVICES`` limits the devices.
        gpus: How many GPUs there are.
        cores: How many processor cores there are, which all places share evenly.

    Raises:
        ValueError: If there is no such device, no such number, or both options are given.
    """
    if devices is not None and parallel is not None:
        raise ValueError(
            f"--devices {devices} already says how many points run at once; take --parallel away"
        )
    if parallel is not None and parallel < 1:
        raise ValueError(f"--parallel is {parallel}; give at least 1")
    visible = environment.get(_VISIBLE)
    there = _split(",".join(map(str, range(gpus))) if visible is None else visible)
    names = [] if devices is None else _split(devices) or [""]
    for name in names:  # CUDA ignores one that is not there, and the point would run without
        if name not in there and (visible is not None or not _NAME.fullmatch(name)):
            source = "" if visible is None else f" in {_VISIBLE}"
            raise ValueError(
                f"--devices has {name!r}, but the GPUs here{source} are "
                f"{', '.join(there) or 'none'}; give those, or --parallel N to share what there is"
            )
    number = len(names) or parallel or 1
    shared = {}
    if number > 1 and "OMP_NUM_THREADS" not in environment:
        shared["OMP_NUM_THREADS"] = str(max(1, cores // number))
    own = tuple(Place(name, shared | {_VISIBLE: name}) for name in names)
    return own or (Place(None, shared),) * number


def _split(devices: str) -> list[str]:
    return [name.strip() for name in devices.split(",")] if devices.strip() else []
