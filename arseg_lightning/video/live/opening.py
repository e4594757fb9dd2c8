"""Opens cameras, addresses and pipes, and says what is wrong with those that do not open."""

from __future__ import annotations

import errno
import os
import select
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from arseg_lightning.video.errors import NotAVideo, SourceUnavailable
from arseg_lightning.video.live.address import Address
from arseg_lightning.video.probe import video_stream

__all__ = ["Opened", "Patience", "Pipe", "open_camera", "open_network", "open_pipe", "reason_of"]

_POLL_SECONDS = 0.1

_CAMERAS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
"""Input format of FFmpeg for the cameras of each system."""

_CAMERA_REMEDIES = {
    errno.EACCES: "allow it to be read (on Linux: join the group video)",
    errno.EPERM: "allow it to be read (on Linux: join the group video)",
    errno.EBUSY: "close the program that uses it",
}


class Opened(NamedTuple):
    """An open source and the video in it."""

    container: InputContainer
    stream: VideoStream


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a source.

    Args:
        timeout_seconds: For an answer, and for anything to come.
        reconnect_seconds: For a source that broke off to come back.
    """

    timeout_seconds: float
    reconnect_seconds: float


def open_network(address: Address, options: Mapping[str, str], patience: Patience) -> Opened:
    """Connect to an address.

    Raises:
        SourceUnavailable: If it does not answer, or not with video.
    """
    wanted = _network_options(address, patience) | dict(options)
    timeout = patience.timeout_seconds
    try:
        container = av.open(address.target, options=wanted, timeout=(timeout, timeout))
    except (av.FFmpegError, ValueError) as error:
        raise SourceUnavailable(
            f"{address.name} cannot be opened ({reason_of(error, timeout)}); check the address, "
            f"that the sender is on, and the network between; a slow one may need a longer "
            f"timeout_seconds (predict: --live.timeout_seconds 30)"
        ) from error
    return _with_stream(address, container)


def open_camera(address: Address, options: Mapping[str, str]) -> Opened:
    """Open a camera of this machine.

    Raises:
        SourceUnavailable: If it is not there or not to be had.
    """
    kind = _CAMERAS.get(sys.platform, "v4l2")
    target = address.target
    if kind == "v4l2" and target.isdigit():
        target = f"/dev/video{target}"
    if kind == "dshow" and not target.startswith("video="):
        target = f"video={target}"
    try:
        container = av.open(target, format=kind, options=dict(options))
    except (av.FFmpegError, ValueError) as error:
        number = getattr(error, "errno", None)
        remedy = _CAMERA_REMEDIES.get(number or 0, "plug it in, or give one that is there")
        raise SourceUnavailable(
            f"camera {target} cannot be opened ({reason_of(error)}); {remedy}; "
            f"{_present_cameras(kind)}"
        ) from error
    return _with_stream(address, container)


def open_pipe(address: Address, pipe: Pipe, options: Mapping[str, str]) -> Opened:
    """Read a container from standard input or a named pipe.

    Raises:
        NotAVideo: If what comes is no video, or cannot be read without going back.
    """
    try:
        container = av.open(pipe, "r", options=dict(options))
    except (av.FFmpegError, ValueError) as error:
        raise NotAVideo(
            f"{address.name} gives no video that can be read ({reason_of(error)}); send a "
            f"container that is read from start to end: ffmpeg -i IN.mp4 -c copy -f matroska -"
        ) from error
    return _with_stream(address, container)


class Pipe:
    """A pipe that is read without waiting for longer than its reader wants to.

    Args:
        address: Standard input or a named pipe.
        stop: Set when nobody reads any more.

    Raises:
        NotAVideo: If standard input is a terminal, or closed.
    """

    def __init__(self, address: Address, stop: threading.Event) -> None:
        self._stop = stop
        self._owned = address.target != "-"
        if self._owned:
            self._descriptor = os.open(address.path, os.O_RDONLY)
        elif sys.stdin is None or sys.stdin.isatty():
            raise NotAVideo("standard input is no pipe; send a video to it: cat VIDEO.mkv | ...")
        else:
            self._descriptor = sys.stdin.fileno()

    def read(self, size: int) -> bytes:
        """What has come, up to a size; empty at the end."""
        while not self._stop.is_set():
            # on Windows, only sockets can be waited for
            if os.name == "nt" or select.select([self._descriptor], [], [], _POLL_SECONDS)[0]:
                return os.read(self._descriptor, size)
        return b""

    def close(self) -> None:
        """Let go of a named pipe; standard input stays open."""
        if self._owned:
            self._owned = False
            os.close(self._descriptor)


def reason_of(error: BaseException, timeout_seconds: float | None = None) -> str:
    """What FFmpeg says is wrong."""
    if isinstance(error, av.ExitError | av.TimeoutError) and timeout_seconds is not None:
        return f"nothing came for {timeout_seconds:g} s"
    return str(getattr(error, "strerror", None) or error)


def _with_stream(address: Address, container: InputContainer) -> Opened:
    """The video in what was opened."""
    try:
        return Opened(container, video_stream(address.name, container))
    except NotAVideo:
        container.close()
        raise


def _network_options(address: Address, patience: Patience) -> dict[str, str]:
    """What FFmpeg has to know of a protocol."""
    protocol = address.target.split(":")[0].lower()
    if protocol.startswith("rtsp"):
        return {"rtsp_transport": "tcp"}  # over UDP, lost packets are lost pictures
    if protocol in ("http", "https"):
        # Where a part of a file can be asked for, FFmpeg itself goes on where it broke off.
        return {"reconnect": "1", "reconnect_delay_max": str(int(patience.reconnect_seconds))}
    return {}


def _present_cameras(kind: str) -> str:
    """Say what there is."""
    if kind != "v4l2":
        return f"FFmpeg lists those present: ffmpeg -f {kind} -list_devices true -i dummy"
    devices: list[str] = []
    with suppress(OSError):
        devices = sorted(map(str, Path("/dev").glob("video*")))
    return f"present: {', '.join(devices)}" if devices else "there is no /dev/video* here"
