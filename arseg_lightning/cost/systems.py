"""The cost of any video system, from its modules."""

from __future__ import annotations

import torch

from arseg_lightning.cost.counting import measure
from arseg_lightning.cost.gop import (
    Counting,
    GopCost,
    arseg_cost,
    every_frame_cost,
    warped_key_cost,
)
from arseg_lightning.systems import ARSeg, EveryFrame, StreamFrame, VideoSystem, WarpedKey

__all__ = ["system_cost"]


def system_cost(
    system: VideoSystem,
    size: tuple[int, int],
    keyframe_interval: int,
    counting: Counting = "exact",
) -> GopCost:
    """Count what a system computes per keyframe, per other frame and on average.

    The exact count runs the system's steps, so that it holds for any system, also for one that is
    optimised.

    Args:
        system: The system; not one that is compiled.
        size: Height and width of the video.
        keyframe_interval: Frames from one keyframe to the next, L.
        counting: ``exact``, or ``paper`` for the published figures' way.

    Raises:
        TypeError: If nobody has said how the paper would count such a system.
    """
    if counting == "exact":
        return _stepped(system, size, keyframe_interval)
    if isinstance(system, ARSeg):
        return arseg_cost(
            system.high_res,
            system.low_res,
            system.fusion,
            size,
            resolution_ratio=system.resolution_ratio,
            keyframe_interval=keyframe_interval,
            counting=counting,
        )
    if isinstance(system, WarpedKey):
        return warped_key_cost(
            system.network, size, keyframe_interval=keyframe_interval, counting=counting
        )
    if isinstance(system, EveryFrame):
        ratio = system.resolution_ratio
        return every_frame_cost(system.network, size, resolution_ratio=ratio, counting=counting)
    raise TypeError(
        f"no rule for the paper's way of counting {type(system).__name__}; add one to system_cost"
    )


def _stepped(system: VideoSystem, size: tuple[int, int], keyframe_interval: int) -> GopCost:
    """Count a keyframe's step and another frame's."""
    image, motion = (torch.empty(1, channels, *size, device="meta") for channels in (3, 2))
    if isinstance(system, EveryFrame):
        keyframe_interval = 1
    key_macs, (_, state) = measure(system, lambda s: s.step(StreamFrame(image, motion, 0), None))
    nonkey_macs, _ = measure(system, lambda s: s.step(StreamFrame(image, motion, 1), state))
    return GopCost(key_macs, nonkey_macs, keyframe_interval)
