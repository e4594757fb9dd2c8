"""Writes frames as a video: keyframes where they are asked for, one reference, no B-frames."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from arseg_lightning.video.decode import decode
from arseg_lightning.video.errors import CannotWriteVideo, VideoError
from arseg_lightning.video.probe import probe

__all__ = ["EncodeSettings", "VideoWriter", "encode_frames", "reencode"]

Pixels = NDArray[np.uint8]
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class EncodeSettings:
    """How frames become a video.

    Args:
        codec: Encoder: libx264, mpeg4, libx265, libvpx-vp9 or libsvtav1.
        keyframe_interval: Frames from one keyframe to the next; None for one long GOP.
        bitrate_bps: Bits per second to aim at; None to aim at the quality ``crf``.
        crf: Constant rate factor, lower is better; unused with a bitrate.
        preset: Effort of libx264 and libx265.
        b_frames: Most B-frames in a row.
        references: Most reference frames.
        fps: Frames per second.
        scene_cut: Also put keyframes where the scene changes.
        threads: Threads of the encoder; part of the settings because it changes the bytes.
    """

    codec: str = "libx264"
    keyframe_interval: int | None = None
    bitrate_bps: int | None = None
    crf: int | None = 23
    preset: str = "medium"
    b_frames: int = 0
    references: int = 1
    fps: float = 25.0
    scene_cut: bool = False
    threads: int = 1

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second, as the fraction that the file stores."""
        return Fraction(self.fps).limit_denominator(1001)


class VideoWriter:
    """Writes frames to a video file that appears when it is complete.

    Args:
        path: The file; its ending decides the container.
        settings: How to encode.
    """

    def __init__(self, path: Path | str, settings: EncodeSettings) -> None:
        self.path = Path(path)
        self.settings = settings
        self.num_frames = 0
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._partial = self.path.with_name(
            f".{self.path.stem}.{os.getpid()}-{secrets.token_hex(4)}{self.path.suffix}"
        )

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self

    def write(self, image: Pixels) -> None:
        """Append a frame, (H, W, 3) RGB."""
        if self._stream is None:
            self._open(image.shape[0], image.shape[1])
        assert self._stream is not None and self._container is not None
        picture = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        picture.pts = self.num_frames
        picture.time_base = 1 / self.settings.frame_rate
        self._container.mux(self._stream.encode(picture))
        self.num_frames += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._container is None or self._stream is None:
            return
        if kind is not None:
            self._container.close()
            self._partial.unlink(missing_ok=True)
            return
        self._container.mux(self._stream.encode(None))
        self._container.close()
        self._partial.replace(self.path)

    def _open(self, height: int, width: int) -> None:
        s = self.settings
        self._container = av.open(str(self._partial), "w")
        options = _options(s)
        stream = self._container.add_stream(s.codec, rate=s.frame_rate, options=options)
        stream.height, stream.width = height, width
        odd = height % 2 or width % 2
        stream.pix_fmt = "yuv444p" if odd and s.codec in ("libx264", "libx265") else "yuv420p"
        stream.thread_count = s.threads
        if s.bitrate_bps is not None:
            stream.bit_rate = s.bitrate_bps
        self._stream = stream


def _options(s: EncodeSettings) -> dict[str, str]:
    keyint = s.keyframe_interval
    if s.codec == "libx264":
        params = f"keyint={keyint or 'infinite'}:bframes={s.b_frames}:ref={s.references}"
        if not s.scene_cut:
            params += ":scenecut=0"
        options = {"preset": s.preset, "x264-params": params}
        if s.bitrate_bps is None:
            options["crf"] = str(s.crf)
        return options
    if s.codec == "libx265":
        params = f"log-level=error:keyint={keyint or -1}:bframes={s.b_frames}:ref={s.references}:scenecut={int(s.scene_cut)}"
        return {"preset": s.preset, "x265-params": params, "crf": str(s.crf)}
    return {"g": str(keyint or 600)}


def encode_frames(frames: Iterable[Pixels], path: Path | str, settings: EncodeSettings) -> None:
    """Write frames, (H, W, 3) RGB each, as a video."""
    with VideoWriter(path, settings) as writer:
        for image in frames:
            writer.write(image)


def reencode(
    source: Path | str,
    path: Path | str,
    settings: EncodeSettings,
    progress: Progress | None = None,
) -> None:
    """Encode a video again."""
    info = probe(source)
    with VideoWriter(path, settings) as writer:
        for frame in decode(source):
            writer.write(frame.image)
            if progress is not None:
                progress(writer.num_frames, info.num_frames)
