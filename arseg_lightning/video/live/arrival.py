"""A decoded picture on its way from a source, and what the source knows about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from av.video.stream import VideoStream

from arseg_lightning.video.damage import Damage
from arseg_lightning.video.pictures import NumberedPicture

__all__ = ["Arrival", "Feed", "Watcher"]


class Arrival(NamedTuple):
    """A picture as it comes out of the decoder."""

    numbered: NumberedPicture
    restart: str | None = None
    """Why its vectors do not lead to the picture before it."""


class Watcher(Protocol):
    """Who is shown what is opened, and may refuse it."""

    def opened(self, stream: VideoStream | None) -> None:
        """Look at a stream before it is decoded; None stands for images."""


class Feed(Protocol):
    """Where pictures come from; the attributes are known once the first one has come.

    Attributes:
        name: What messages call it.
        fps: Frames per second.
        num_frames: Number of pictures; None if it is not known.
        is_live: Whether it goes on by itself and does not wait for its reader.
        damage: What of it could not be decoded.
        path: The video file, if it is one.
    """

    name: str
    fps: float
    num_frames: int | None
    is_live: bool
    damage: Damage
    path: Path | None

    def arrivals(self, watcher: Watcher) -> Iterator[Arrival]:
        """The pictures, as they come."""
