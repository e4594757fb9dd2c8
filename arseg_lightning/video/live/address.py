"""Tells from its name what kind of source a video comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["Address", "find_address"]

Kind = Literal["file", "images", "camera", "network", "pipe"]

_CAMERA = re.compile(r"camera:(?P<which>.+)")
_DEVICE = re.compile(r"/dev/video\d+")
_LOCATION = re.compile(r"(?P<protocol>[a-zA-Z][a-zA-Z0-9+.-]+)://(?P<rest>.+)")
_PASSWORD = re.compile(r"(?<=://)(?P<user>[^/@:]*):[^/@]*@")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a video comes from.

    Args:
        kind: What has to be opened.
        target: A path, a camera's name or number, an address, or ``-`` for standard input.
        name: What messages call it: without a password.
    """

    kind: Kind
    target: str
    name: str

    @property
    def path(self) -> Path:
        """The target of a file, a folder or a named pipe."""
        return Path(self.target)


def find_address(source: str | Path) -> Address:
    """Tell the kind of a source.

    Raises:
        FileNotFoundError: If it is none of a camera, an address and standard input, and there is
            no such file either.
    """
    text = str(source)
    if text == "-":
        return Address("pipe", text, "standard input")
    if camera := _CAMERA.fullmatch(text):
        return Address("camera", camera["which"], text)
    if _DEVICE.fullmatch(text):
        return Address("camera", text, text)
    # pathlib would have made one slash of two
    location = _LOCATION.fullmatch(text) if isinstance(source, str) else None
    if location and location["protocol"].lower() == "file":
        return _on_disk(Path(location["rest"]))
    if location:
        return Address("network", text, _PASSWORD.sub(r"\g<user>:***@", text))
    return _on_disk(Path(text))


def _on_disk(path: Path) -> Address:
    """A file, a folder of images, or a named pipe."""
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist; give a video file, a folder of images, a camera (camera:0), "
            f"an address (rtsp://..., http://...) or - for standard input"
        )
    kind: Kind = "images" if path.is_dir() else "file" if path.is_file() else "pipe"
    return Address(kind, str(path), str(path))
