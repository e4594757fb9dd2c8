"""The cost of any video system, from its modules."""

from __future__ import annotations

from arseg_lightning.cost.gop import (
    Counting,
    GopCost,
    arseg_cost,
    every_frame_cost,
    warped_key_cost,
)
from arseg_lightning.systems import ARSeg, EveryFrame, VideoSystem, WarpedKey

__all__ = ["system_cost"]


def system_cost(
    system: VideoSystem,
    size: tuple[int, int],
    keyframe_interval: int,
    counting: Counting = "exact",
) -> GopCost:
    """Count what a system computes per keyframe, per other frame and on average.

    Args:
        system: The system.
        size: Height and width of the video.
        keyframe_interval: Frames from one keyframe to the next, L.
        counting: ``exact``, or ``paper`` for the published figures' way.

    Raises:
        TypeError: If nobody has said how such a system is counted.
    """
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
    raise TypeError(f"no rule for the cost of {type(system).__name__}; add one to system_cost")
