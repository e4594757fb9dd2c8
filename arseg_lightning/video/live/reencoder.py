"""Motion of pictures that have none: encodes them as they come, and reads the vectors back."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from av.codec import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from numpy.typing import NDArray

from arseg_lightning.types import Frame
from arseg_lightning.video.conversion import motion_vectors
from arseg_lightning.video.errors import VideoError
from arseg_lightning.video.motion import BlockMotion, matched_motion
from arseg_lightning.video.orientation import Orientation

__all__ = ["Reencoder"]

_ENCODER = {
    "preset": "ultrafast",
    "tune": "zerolatency",
    "crf": "23",
    "x264-params": ":".join(
        [
            "keyint=infinite:scenecut=0",  # motion leads through the whole stream
            "bframes=0:ref=1:sliced-threads=0",  # and always to the frame before
            "me=hex:subme=1:partitions=p8x8",  # what good vectors need beyond the preset
        ]
    ),
}
"""Brightness only, one packet a frame at once. On a dashcam video of 540x960 the motion to a frame
11 frames earlier predicts it better than that of the preset ``medium`` at ``crf=18`` does (mean
error 3.3 to 3.7 grey levels), in a fifth of the time (8 to 42 ms)."""

_DECODER = {"flags2": "+export_mvs", "flags": "+low_delay"}


class Reencoder:
    """Encodes pictures one after the other into motion, each without waiting for the next."""

    def __init__(self) -> None:
        self._size: tuple[int, int] | None = None
        self._num_frames = 0
        self._encoder: VideoCodecContext
        self._decoder: VideoCodecContext

    def step(self, frame: Frame, picture: VideoFrame) -> BlockMotion | None:
        """Encode a picture.

        Args:
            frame: The picture as it is given away: scaled and turned.
            picture: As it was decoded.

        Returns:
            Its motion to the picture before it; None for the first one and if the size changes.
        """
        if frame.size != self._size:
            self._start(frame.size)
        grey = _grey(frame, picture)
        grey.pts, grey.time_base = self._num_frames, self._encoder.time_base
        grey.pict_type = PictureType.NONE  # or x264 makes an I-frame where the source had one
        self._num_frames += 1
        decoded = [
            result
            for packet in self._encoder.encode(grey)
            for result in self._decoder.decode(packet)
        ]
        if len(decoded) != 1:
            raise VideoError(
                f"the encoder libx264 gave {len(decoded)} frames for frame {frame.index}; this "
                f"build of FFmpeg holds frames back: update the package av"
            )
        if self._num_frames == 1:
            return None
        return matched_motion(motion_vectors(decoded[0]), frame.size, None, frame.index)

    def _start(self, size: tuple[int, int]) -> None:
        """Set encoder and decoder up for a size."""
        encoder = CodecContext.create("libx264", "w")
        encoder.height, encoder.width = size
        encoder.pix_fmt = "gray"
        encoder.time_base = Fraction(1, 25)
        encoder.framerate = Fraction(25)
        encoder.options = _ENCODER
        decoder = CodecContext.create("h264", "r")
        decoder.options = _DECODER
        encoder.thread_count = decoder.thread_count = 1  # more hold frames back
        self._encoder, self._decoder = encoder, decoder
        self._size, self._num_frames = size, 0


def _grey(frame: Frame, picture: VideoFrame) -> VideoFrame:
    """The picture's brightness; where it was turned or scaled, that of the frame."""
    if not Orientation.of(picture).is_upright or frame.size != (picture.height, picture.width):
        image: NDArray[np.uint8] = np.ascontiguousarray(frame.image)
        picture = VideoFrame.from_ndarray(image, format="rgb24")
    return picture.reformat(format="gray")
