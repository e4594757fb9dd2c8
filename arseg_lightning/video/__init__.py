"""Video files: frames, picture types and motion; PyAV and NumPy only.

What other programs are meant to use is here: see docs/vectors.md.
"""

from arseg_lightning.video.errors import NoMotionVectors, NotAVideo, VideoError
from arseg_lightning.video.extraction import (
    MotionFrame,
    VectorFrame,
    composed_motion,
    dense_motion,
    raw_vectors,
)
from arseg_lightning.video.vector_files import read_records
from arseg_lightning.video.vectors import VECTOR

__all__ = ["VECTOR", "MotionFrame", "NoMotionVectors", "NotAVideo", "VectorFrame", "VideoError"]
__all__ += ["composed_motion", "dense_motion", "raw_vectors", "read_records"]
