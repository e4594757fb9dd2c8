"""Errors and warnings of video files."""

from __future__ import annotations

__all__ = ["CannotWrite", "NoMotionVectors", "NotAVideo", "PipeClosed", "SourceUnavailable"]
__all__ += ["VideoDamageWarning", "VideoError"]


class VideoError(ValueError):
    """A video cannot be used as it is; the message names file, value and remedy."""


class NotAVideo(VideoError):
    """The file holds no video that can be decoded."""


class SourceUnavailable(VideoError, OSError):
    """A camera or an address is not there, does not answer, or broke off for good."""


class NoMotionVectors(VideoError):
    """The stream gives no motion vectors that fit its frames."""


class CannotWrite(VideoError, OSError):
    """A video or its motion could not be written."""


class PipeClosed(VideoError, OSError):
    """Whoever read a pipe does not read it any more."""


class VideoDamageWarning(UserWarning):
    """Part of a video could not be decoded; the rest was used."""
