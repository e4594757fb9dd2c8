"""The display order that packets tell without being decoded."""

import pytest

from arseg_lightning.video.decode import decode
from arseg_lightning.video.timeline import read_timeline
from tests.video.small_videos import write_stream, write_video


def test_times_and_keyframes_are_those_of_the_decoded_frames(tmp_path):
    path = write_video(tmp_path / "clip.mp4", keyframe_interval=12, b_frames=2)
    timeline, frames = read_timeline(path), list(decode(path))
    assert [timeline.seconds(i) for i in range(len(timeline))] == [f.pts_seconds for f in frames]
    assert timeline.keyframes.tolist() == [f.index for f in frames if f.picture_type == "I"]
    assert [timeline.index_of(int(pts)) for pts in timeline.pts] == list(range(30))
    assert timeline.index_of(None) is timeline.index_of(10**9) is timeline.index_of(-1) is None


def test_decoding_starts_at_the_last_keyframe(tmp_path):
    timeline = read_timeline(write_video(tmp_path / "clip.mp4", keyframe_interval=12))
    assert [timeline.keyframe_before(index) for index in (0, 11, 12, 29)] == [0, 0, 12, 24]
    timeline = read_timeline(write_video(tmp_path / "clip.ts", keyframe_interval=12))
    assert timeline.keyframe_before(29) == 0  # a transport stream has no index to go by


def test_a_changed_file_is_read_again(tmp_path):
    assert len(read_timeline(write_video(tmp_path / "clip.mp4", 8))) == 8
    assert len(read_timeline(write_video(tmp_path / "clip.mp4", 9))) == 9


@pytest.mark.parametrize(
    ("name", "encoder", "options"),
    [
        ("clip.h264", "libx264", {}),
        ("clip.avi", "libx264", {"bf": "3"}),
        ("clip.webm", "libvpx", {"auto-alt-ref": "1", "lag-in-frames": "12"}),
    ],
)
def test_packets_that_do_not_tell_the_order_give_no_timeline(tmp_path, name, encoder, options):
    assert read_timeline(write_stream(tmp_path / name, encoder, options)) is None
