"""Segments video as a stream: the networks, and what their input needs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.streaming.device import choose_device
from arseg_lightning.streaming.policy import EveryL, KeyframePolicy
from arseg_lightning.streaming.result import StreamResult
from arseg_lightning.streaming.session import Session, TakenFrame
from arseg_lightning.systems import EveryFrame, VideoSystem
from arseg_lightning.types import ClassSet
from arseg_lightning.video.chain import Chaining
from arseg_lightning.video.live import LiveMotion, LiveSource, StreamedFrame, open_live

__all__ = ["Segmenter"]


class Segmenter:
    """Segments frames as they come, with the state of each stream in a session of its own.

    Args:
        system: The video method; it is moved to the device and only evaluated from here on.
        classes: Its classes.
        normalise: How its networks want their images.
        chaining: How motion is composed to the keyframe.
        policy: Which frames become keyframes; every 12th by default.
        uses_motion: Whether the system looks at motion; it is neither found nor composed if not.
        device: See :func:`choose_device`.
        precision: In what the system computes, for records.

    Raises:
        ValueError: If there is no such device.
    """

    def __init__(
        self,
        system: VideoSystem,
        classes: ClassSet,
        *,
        normalise: Normalisation | None = None,
        chaining: Chaining = "subpixel",
        policy: KeyframePolicy | None = None,
        uses_motion: bool = True,
        device: str = "auto",
        precision: str = "float32",
    ) -> None:
        self.device = choose_device(device)
        self.system = system.to(self.device).eval()
        self.classes = classes
        self.chaining: Chaining = chaining
        self.precision = precision
        self.policy = policy or EveryL()
        self.uses_motion = uses_motion and not isinstance(system, EveryFrame)
        normalise = normalise or Normalisation()
        statistics = torch.tensor([normalise.mean, normalise.std], device=self.device)
        self._mean, self._std = statistics  # (3,) each

    def session(self, policy: KeyframePolicy | None = None) -> Session:
        """Start a stream; policies keep no state, so streams may share one."""
        return Session(self, policy or self.policy)

    def stream(
        self,
        source: str | Path,
        *,
        motion: LiveMotion = "auto",
        limit: int | None = None,
        batch_frames: int = 1,
        **options: Any,
    ) -> Iterator[StreamResult]:
        """Segment a video from start to end, a frame at a time.

        Args:
            source: A video file, a folder of images, a camera (``camera:0``), an address, or
                ``-`` for standard input: what :func:`open_live` takes.
            motion: Where motion comes from, see :meth:`open`.
            limit: Most frames.
            batch_frames: See :meth:`results`.
            options: Further options of :func:`open_live`.
        """
        with self.open(source, motion, **options) as live:
            yield from self.results(live, limit, batch_frames)

    def open(self, source: str | Path, motion: LiveMotion = "auto", **options: Any) -> LiveSource:
        """Open a source for :meth:`results`; no motion is looked for that nobody looks at.

        Args:
            source: See :meth:`stream`.
            motion: See :func:`open_live`; ``auto`` finds none for a system that uses none.
            options: Further options of :func:`open_live`.
        """
        wanted = None if motion == "auto" and not self.uses_motion else motion
        return open_live(source, motion=wanted, **options)

    def results(
        self, live: LiveSource, limit: int | None = None, batch_frames: int = 1
    ) -> Iterator[StreamResult]:
        """Segment the frames of a source that is open already.

        Args:
            live: The source.
            limit: Most frames.
            batch_frames: Most frames between two keyframes that are segmented at once: the same
                results in less time where a device has time left, each later by the frames that
                it waits for.

        Raises:
            ValueError: If a batch is to have no frames.
        """
        if batch_frames < 1:
            raise ValueError(f"batch_frames is at least 1, got {batch_frames}")
        session, waiting = self.session(), list[TakenFrame]()
        for wait_ms, streamed in _timed(islice(live, limit)):
            taken = session.take(streamed, wait_ms)
            if taken.reason is not None and waiting:
                yield from session.segment(waiting)
                waiting = []
            waiting.append(taken)
            if taken.reason is not None or len(waiting) >= batch_frames:
                yield from session.segment(waiting)
                waiting = []
        if waiting:
            yield from session.segment(waiting)

    def image(self, pixels: NDArray[np.uint8]) -> Tensor:
        """Bring a frame to what networks see: normalised, on the device, (1, 3, H, W)."""
        height, width, _ = pixels.shape
        on_device = torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device)
        # Channels stay innermost, and a row is one long vector: three passes at full speed.
        rows = on_device.view(height, 3 * width).to(torch.float32)
        rows.div_(255.0).sub_(self._mean.repeat(width)).div_(self._std.repeat(width))
        return rows.view(1, height, width, 3).permute(0, 3, 1, 2)


def _timed(frames: Iterator[StreamedFrame]) -> Iterator[tuple[float, StreamedFrame]]:
    """Frames with the milliseconds that each was waited for."""
    while True:
        start = perf_counter()
        streamed = next(frames, None)
        if streamed is None:
            return
        yield 1e3 * (perf_counter() - start), streamed
