"""A method on a device, ready to segment streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

from arseg_lightning.accelerator import choose_device
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.inference import Optimisations
from arseg_lightning.methods import Clock, Stream, StreamResult, VideoMethod
from arseg_lightning.types import ClassSet
from arseg_lightning.video.chain import Chaining
from arseg_lightning.video.live import LiveMotion, LiveSource, SourceFrame, open_live
from arseg_lightning.video.live.address import find_address

__all__ = ["Segmenter", "choose_clock"]

_NOT_LIVE = ("file", "images")
"""Kinds of sources that wait for whoever reads them."""


class Segmenter:
    """Segments frames as they come; every source is its own stream.

    Args:
        method: The video method; it is moved to the device and only evaluated from here on.
        classes: Its classes.
        normalise: Normalisation of the images.
        chaining: How motion is composed over frames.
        clock: When a frame becomes a keyframe; the method's own clock by default.
        device: See :func:`choose_device`.
        optimisations: Optimisations of the networks; by default they stay as they are.

    Raises:
        ValueError: If there is no such device, it does not compute in that precision, or the
            method has no clock that another one could replace.
    """

    def __init__(
        self,
        method: VideoMethod,
        classes: ClassSet,
        normalise: Normalisation | None = None,
        chaining: Chaining = "subpixel",
        *,
        clock: Clock | None = None,
        device: str = "auto",
        optimisations: Optimisations | None = None,
    ) -> None:
        self.device = choose_device(device)
        self.precision = "float32" if optimisations is None else optimisations.precision
        if self.precision == "float16" and self.device.type == "cpu":
            raise ValueError("precision float16 is for GPUs, got cpu; choose float32 or bfloat16")
        choose_clock(method, clock)
        self.method = method.to(self.device).eval()
        if optimisations is not None:
            self.method = method.for_inference(optimisations)
        self.classes, self.normalise = classes, normalise
        self.chaining: Chaining = chaining

    def session(self) -> Stream:
        """Start a stream that frames are pushed to by hand."""
        return Stream(self.method, self.normalise, self.chaining)

    def stream(
        self,
        source: str | Path,
        *,
        motion: LiveMotion = "auto",
        limit: int | None = None,
        **options: Any,
    ) -> Iterator[StreamResult]:
        """Segment a source from start to end, a frame at a time; see :meth:`open`."""
        with self.open(source, motion, **options) as live:
            yield from self.results(live, limit)

    def open(
        self,
        source: str | Path,
        motion: LiveMotion = "auto",
        lookahead: bool = False,
        with_motion: bool = False,
        **options: Any,
    ) -> LiveSource:
        """Open a source for :meth:`results`.

        Args:
            source: A video file, a folder of images, a camera (``camera:0``), an address, or
                ``-`` for standard input.
            motion: Source of the motion; ``auto`` finds none for a method that uses none.
            lookahead: Whether the method may wait for later frames of a camera, an address or a
                pipe.
            with_motion: Whether motion is found even if the method uses none.
            options: See :func:`open_live`.

        Raises:
            ValueError: If the source cannot be used, or the method waits for later frames, and
                nobody said that it may.
        """
        late = self.method.lookahead
        if late and not lookahead and (address := find_address(source)).kind not in _NOT_LIVE:
            raise ValueError(
                f"{address.name} goes on by itself, and {self.method.name} labels a frame when the "
                f"next keyframe has come, up to {late} frames later; allow that (--live.lookahead "
                f"true), or use a method that does not look ahead"
            )
        unused = not (self.method.uses_motion or with_motion)
        wanted = None if motion == "auto" and unused else motion
        return open_live(source, motion=wanted, **options)

    def results(
        self, frames: Iterable[SourceFrame], limit: int | None = None
    ) -> Iterator[StreamResult]:
        """Segment the frames of a source that is open already, at most so many."""
        stream, start = self.session(), perf_counter()
        for streamed in islice(frames, limit):
            yield from stream.add(streamed, 1e3 * (perf_counter() - start))
            start = perf_counter()
        yield from stream.finish()


def choose_clock(method: VideoMethod, clock: Clock | None) -> None:
    """Replace a method's clock, if another one is given.

    Raises:
        ValueError: If the method has none.
    """
    if clock is None:
        return
    if method.clock is None:
        raise ValueError(
            f"{method.name} has no keyframes that a clock could choose, got "
            f"{type(clock).__name__}; leave out --clock and --keyframe_interval"
        )
    method.use_clock(clock)
