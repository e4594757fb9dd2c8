"""Whether a stream predicts from the previous frame only: what its motion vectors cannot tell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from av.video.stream import VideoStream

from arseg_lightning.video.errors import UnsupportedReference
from arseg_lightning.video.probe import codec_name, open_video, probe

__all__ = [
    "H264Parameters",
    "parse_h264_parameters",
    "reference_obstacle",
    "require_previous_frame",
]

_WITH_CHROMA_FORMAT = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}
"""Profiles whose parameter sets describe the chroma format (H.264, 7.3.2.1.1)."""

_B_FRAMES = "has B-frames, which are predicted from later ones"


@dataclass(frozen=True, slots=True)
class H264Parameters:
    """What a sequence parameter set says about prediction.

    Args:
        num_references: Reference frames that the stream may use.
        frames_only: Whether all pictures are whole frames, not interlaced fields.
    """

    num_references: int
    frames_only: bool

    @property
    def obstacle(self) -> str | None:
        """What keeps motion vectors from leading to the previous frame."""
        if self.num_references > 1:
            return f"has {self.num_references} reference frames, and its vectors do not say which"
        if not self.frames_only:
            return "has interlaced fields, which have their own motion"
        return None


def require_previous_frame(path: Path) -> None:
    """Refuse a stream that may predict from any frame but the previous one.

    FFmpeg tells of each vector only whether its reference is earlier or later, not which of
    several earlier frames it is.

    Raises:
        UnsupportedReference: If the stream has B-frames, several references or fields.
    """
    reordered = probe(path).has_b_frames
    with open_video(path) as (_, stream):
        what = _B_FRAMES if reordered else reference_obstacle(stream)
    if what is not None:
        raise UnsupportedReference(
            f"{path} {what}; use --motion reencode, or make a copy without: "
            f"python -m arseg_lightning encode --source {path} --output COPY.mp4"
        )


def reference_obstacle(stream: VideoStream) -> str | None:
    """What in a stream's header tells of other references, worded to follow its name."""
    codec = codec_name(stream)
    # MPEG-1 and 2 always keep a place for B-frames; whether any come is found by decoding.
    if stream.codec_context.has_b_frames and codec not in ("mpeg1video", "mpeg2video"):
        return _B_FRAMES
    if codec != "h264":
        return None  # MPEG-1, 2 and 4 predict P-frames from the previous frame alone
    parameters = parse_h264_parameters(stream.codec_context.extradata or b"")
    # Where nothing is said before the first picture, B-frames are still found by decoding.
    return None if parameters is None else parameters.obstacle


def parse_h264_parameters(extradata: bytes) -> H264Parameters | None:
    """Find and read the first sequence parameter set in a codec's extra data.

    Args:
        extradata: As in MP4 files (``avcC``) or with start codes (Annex B).

    Returns:
        None if there is none.

    Source: ITU-T H.264, sections 7.3.2.1.1 and Annex B; ISO/IEC 14496-15, section 5.3.3.
    """
    unit = _parameter_set(extradata)
    if unit is None:
        return None
    bits = _Bits(unit[1:].replace(b"\x00\x00\x03", b"\x00\x00"))
    profile = bits.read(8)
    bits.read(16)  # constraints and level
    bits.golomb()  # its number
    if profile in _WITH_CHROMA_FORMAT:
        _skip_chroma_format(bits)
    bits.golomb()  # frame number length
    _skip_picture_order(bits)
    num_references = bits.golomb()
    bits.read(1)  # gaps
    bits.golomb()  # width
    bits.golomb()  # height
    return H264Parameters(num_references, frames_only=bool(bits.read(1)))


class _Bits:
    """Reads a parameter set bit by bit."""

    def __init__(self, content: bytes) -> None:
        self.text = "".join(f"{byte:08b}" for byte in content)
        self.place = 0

    def read(self, count: int) -> int:
        """Read an unsigned number of so many bits."""
        text = self.text[self.place : self.place + count]
        self.place += count
        return int(text or "0", 2)

    def golomb(self) -> int:
        """Read an unsigned exponential Golomb code; the signed one has the same length."""
        zeros = self.text.find("1", self.place) - self.place
        return self.read(2 * zeros + 1) - 1


def _parameter_set(extradata: bytes) -> bytes | None:
    """The first unit of type 7."""
    if extradata[:1] == b"\x01" and len(extradata) > 8:
        length = int.from_bytes(extradata[6:8], "big")
        return extradata[8 : 8 + length] if extradata[5] & 31 else None
    units = extradata.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
    return next((unit for unit in units if unit[:1] and unit[0] & 31 == 7), None)


def _skip_chroma_format(bits: _Bits) -> None:
    chroma_format = bits.golomb()
    if chroma_format == 3:
        bits.read(1)  # separate planes
    bits.golomb(), bits.golomb()  # bit depths
    bits.read(1)  # transform bypass
    if bits.read(1):
        for number in range(12 if chroma_format == 3 else 8):
            if bits.read(1):
                _skip_scaling_list(bits, 16 if number < 6 else 64)


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = scale = 8
    for _ in range(size):
        if scale:
            code = bits.golomb()
            delta = (code + 1) // 2 if code % 2 else -(code // 2)
            scale = (last + delta) % 256
        last = scale or last


def _skip_picture_order(bits: _Bits) -> None:
    kind = bits.golomb()
    if kind == 0:
        bits.golomb()
    elif kind == 1:
        bits.read(1)
        bits.golomb(), bits.golomb()
        for _ in range(bits.golomb()):
            bits.golomb()
