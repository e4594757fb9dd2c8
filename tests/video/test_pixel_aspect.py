"""Pixels that are not square (DVDs, HDV): what is written is shown in the same shape."""

from fractions import Fraction

import av
import pytest

from arseg_lightning.commands.encode import encode
from arseg_lightning.streaming.folder import segment_to_folder
from arseg_lightning.video.encode import EncodeSettings, reencode
from arseg_lightning.video.probe import probe
from tests.streaming.made import segmenter
from tests.video.small_videos import moving_frames, write_stream, write_video
from tests.video.test_probe import CLOCKWISE

WIDE = Fraction(32, 15)


def wide(path, matrix=None):
    """A video of 64x96, shown 32:15."""

    def prepare(stream):
        stream.codec_context.sample_aspect_ratio = Fraction(64, 45)
        if matrix is not None:
            scale = (1 << 16, 1 << 16, 1 << 30) * 3
            stream.set_display_matrix([a * b for a, b in zip(matrix, scale, strict=True)])

    return write_stream(path, "libx264", {"bf": "0"}, list(moving_frames(6)), prepare=prepare)


def shown(path):
    with av.open(str(path)) as container:
        return container.streams.video[0].display_aspect_ratio


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_copies_and_overlays_are_shown_in_the_shape_of_their_video(tmp_path, name):
    path = wide(tmp_path / name)
    assert (probe(path).size, probe(path).display_aspect) == ((64, 96), WIDE)
    encode(path, tmp_path / "copy.mp4", keyframe_interval=3)
    encode(path, tmp_path / "small.mkv", keyframe_interval=3, size=(48, 96))
    reencode(path, tmp_path / "again.mp4", EncodeSettings())
    segment_to_folder(segmenter(), path, tmp_path / "out", outputs=("overlay",))
    for copy in ("copy.mp4", "small.mkv", "again.mp4", "out/overlay.mp4"):
        assert shown(tmp_path / copy) == WIDE, copy


def test_a_turned_video_is_shown_upright_in_its_shape(tmp_path):
    path = wide(tmp_path / "clip.mp4", CLOCKWISE)
    assert (probe(path).size, probe(path).display_aspect) == ((96, 64), 1 / WIDE)
    encode(path, tmp_path / "copy.mp4", keyframe_interval=3)
    assert shown(tmp_path / "copy.mp4") == 1 / WIDE


def test_square_pixels_stay_unsaid(tmp_path):
    assert probe(write_video(tmp_path / "clip.mp4", 4)).display_aspect is None
