"""Video as it comes: a frame at a time, from a file, images, a camera, an address or a pipe."""

from __future__ import annotations

from arseg_lightning.video.live.frame import LiveMotion, SourceFrame
from arseg_lightning.video.live.source import LiveSource, open_live

__all__ = ["LiveMotion", "LiveSource", "SourceFrame", "open_live"]
