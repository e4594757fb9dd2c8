"""What the page takes for a video: a file that was uploaded through it, within limits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from arseg_lightning.ranges import check_above
from arseg_lightning.video.errors import VideoError
from arseg_lightning.video.probe import probe

__all__ = ["UploadLimits", "check_upload"]


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How large and long an uploaded video may be.

    Args:
        max_seconds: Longest video.
        max_megabytes: Largest file, in units of 1e6 bytes.

    Raises:
        ValueError: If a limit is not positive.
    """

    max_seconds: float = 20.0
    max_megabytes: float = 200.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_above(0, max_seconds=self.max_seconds, max_megabytes=self.max_megabytes)


def check_upload(path: Path, folder: Path, limits: UploadLimits) -> None:
    """Refuse what was not uploaded, is too large or too long, or is no video.

    Messages name the file as its owner does, without the folder that it lies in here.

    Args:
        path: The file.
        folder: Where uploads lie; nothing outside is opened.
        limits: Largest size and length; a file that does not say its length passes.

    Raises:
        ValueError: With the value, the rule and the remedy.
    """
    name = path.name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{name} was not uploaded through this page; choose the file again")
    megabytes = path.stat().st_size / 1e6
    if megabytes > limits.max_megabytes:
        raise ValueError(
            f"{name} has {megabytes:.0f} MB, and an upload at most {limits.max_megabytes:g}; cut "
            f"it, or start the demo with --max_megabytes {_rounded_up(megabytes)}"
        )
    try:
        info = probe(path)
    except VideoError as error:
        raise ValueError(str(error).replace(str(path), name)) from error
    seconds = (info.num_frames or 0) / info.fps
    if seconds > limits.max_seconds:
        raise ValueError(
            f"{name} lasts {seconds:.1f} s, and a video here at most {limits.max_seconds:g}; cut "
            f"it (ffmpeg -t {limits.max_seconds:g} -i {name} -c copy short.mp4), or start the demo "
            f"with --max_seconds {_rounded_up(seconds)}"
        )


def _rounded_up(value: float) -> int:
    return int(value) + 1
