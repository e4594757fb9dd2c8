"""Cameras, addresses and pipes: told apart by their names, and opened."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from arseg_lightning.video.errors import NotAVideo, SourceUnavailable
from arseg_lightning.video.probe import file_name, video_stream

__all__ = ["Address", "find_address", "open_address", "reason_of"]

Kind = Literal["file", "images", "camera", "network", "pipe"]

_LOCATION = re.compile(r"(?P<protocol>[a-zA-Z][a-zA-Z0-9+.-]+)://(?P<rest>.+)")
_PASSWORD = re.compile(r"(?<=://)(?P<user>[^/@:]*):[^/@]*@")

_CAMERAS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
"""Input format of FFmpeg for the cameras of each system."""

_REMEDIES = {
    "camera": "plug it in, give one that is there, close the program that uses it, or allow it to "
    "be read (on Linux: join the group video)",
    "network": "check the address, that the sender is on, and the network between; a slow one may "
    "need a longer timeout_seconds (predict: --live.timeout_seconds 30)",
    "pipe": "send a container that is read from start to end: ffmpeg -i IN.mp4 -c copy -f "
    "matroska -",
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a video comes from."""

    kind: Kind
    target: str  # a path, a camera's name or number, an address, or - for standard input
    name: str  # what messages call it: without a password


def find_address(source: str | Path) -> Address:
    """Tell the kind of a source.

    Raises:
        FileNotFoundError: If it is none of a camera, an address and standard input, and there is
            no such file either.
    """
    text = str(source)
    if text == "-":
        return Address("pipe", text, "standard input")
    if text.startswith(("camera:", "/dev/video")):
        return Address("camera", text.removeprefix("camera:"), text)
    # pathlib would have made one slash of two
    location = _LOCATION.fullmatch(text) if isinstance(source, str) else None
    if location and location["protocol"].lower() != "file":
        return Address("network", text, _PASSWORD.sub(r"\g<user>:***@", text))
    path = Path(location["rest"] if location else text)
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist; give a video file, a folder of images, a camera (camera:0), "
            f"an address (rtsp://..., http://...) or - for standard input"
        )
    kind: Kind = "images" if path.is_dir() else "file" if path.is_file() else "pipe"
    return Address(kind, str(path), str(path))


def open_address(address: Address, timeout_seconds: float) -> tuple[InputContainer, VideoStream]:
    """Open a camera, an address or a pipe, and find the video in it.

    Raises:
        SourceUnavailable: If a camera or an address is not there or not to be had.
        NotAVideo: If what comes is no video, or cannot be read without going back.
    """
    target, kind, timeout, options = address.target, None, None, dict[str, str]()
    if address.kind == "camera":
        kind = _CAMERAS.get(sys.platform, "v4l2")
        if kind == "v4l2" and target.isdigit():
            target = f"/dev/video{target}"
        elif kind == "dshow":
            target = f"video={target.removeprefix('video=')}"
    elif address.kind == "network":
        timeout = timeout_seconds, timeout_seconds
        if target.lower().startswith("rtsp"):
            options = {"rtsp_transport": "tcp"}  # over UDP, lost packets are lost frames
    elif target != "-":
        target = file_name(Path(target))
    elif sys.stdin is None or sys.stdin.isatty():
        raise NotAVideo("standard input is no pipe; send a video to it: cat VIDEO.mkv | ...")
    else:
        target = f"pipe:{sys.stdin.fileno()}"
    try:
        container = av.open(target, format=kind, options=options, timeout=timeout)
    except (av.FFmpegError, ValueError) as error:
        problem = NotAVideo if address.kind == "pipe" else SourceUnavailable
        raise problem(
            f"{address.name} cannot be opened ({reason_of(error, timeout_seconds)}); "
            f"{_REMEDIES[address.kind]}"
        ) from error
    try:
        return container, video_stream(address.name, container)
    except NotAVideo:
        container.close()
        raise


def reason_of(error: BaseException, timeout_seconds: float) -> str:
    """What FFmpeg says is wrong."""
    if isinstance(error, av.ExitError | av.TimeoutError):
        return f"nothing came for {timeout_seconds:g} s"
    return str(getattr(error, "strerror", None) or error)
