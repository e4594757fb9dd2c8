"""A video that was trimmed without encoding it anew: an edit list says what of it is shown."""

import struct

import numpy as np
import pytest

from arseg_lightning.video.decode import decode
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from arseg_lightning.video.errors import VideoDamageWarning
from arseg_lightning.video.frame_reader import read_frames
from arseg_lightning.video.live import open_live
from arseg_lightning.video.probe import probe
from arseg_lightning.video.timeline import read_timeline
from tests.video.small_videos import cut, moving_frames, write_stream

_NESTED = (b"moov", b"trak", b"edts", b"mdia")


def boxes(data, start=0, end=None):
    """Type and place of the boxes of an MP4 that hold its times."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        length, kind = struct.unpack(">I4s", data[start : start + 8])
        yield kind, start
        if kind in _NESTED:
            yield from boxes(data, start + 8, start + length)
        start += length


def trimmed(path, first, num_frames):
    """The same file, of which frames of 40 ms are shown from one on."""
    data = bytearray(path.read_bytes())
    place = dict(boxes(data))
    of_movie, of_media = (
        struct.unpack_from(">I", data, place[kind] + 20)[0] for kind in (b"mvhd", b"mdhd")
    )
    at = place[b"elst"] + 16
    (media_time,) = struct.unpack_from(">i", data, at + 4)
    shown = num_frames * of_movie // 25, media_time + first * of_media // 25
    struct.pack_into(">Ii", data, at, *shown)
    target = path.with_name(f"trimmed_{path.name}")
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize(("first", "num_frames"), [(0, 14), (15, 15), (15, 6), (12, 7)])
def test_of_a_trimmed_video_what_is_shown_is_all_there_is(tmp_path, b_frames, first, num_frames):
    whole = write_stream(tmp_path / "clip.mp4", "libx264", {"bf": str(b_frames), "g": "6"})
    expected = [frame.image for frame in decode(whole)][first : first + num_frames]
    path = trimmed(whole, first, num_frames)
    frames = list(decode(path))  # a warning would be an error
    assert [frame.pts_seconds for frame in frames] == [index / 25 for index in range(num_frames)]
    with open_live(str(path), motion="auto") as live:
        assert live.num_frames == num_frames
        lived = [each.frame.image for each in live]
    for index, image in enumerate(expected):
        np.testing.assert_array_equal(frames[index].image, image)
        np.testing.assert_array_equal(lived[index], image)
        np.testing.assert_array_equal(read_frames(path, [index])[index].image, image)
    assert probe(path).num_frames == len(read_timeline(path)) == num_frames


def test_what_a_trimmed_video_lacks_is_still_said(tmp_path):
    """The index is in front, as in files for the web, and the pictures are cut off."""
    whole = tmp_path / "clip.mp4"
    encode_frames(moving_frames(30), whole, EncodeSettings(keyframe_interval=6))
    damaged = cut(trimmed(whole, 3, 24), 0.7)
    with pytest.warns(VideoDamageWarning) as said:
        frames = list(decode(damaged))
    assert len(frames) < 24
    assert "missing at the end" in str(said[0].message)
