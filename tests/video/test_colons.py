"""A relative path with a colon is a file, not a protocol: recorders name files after the time."""

from pathlib import Path

import numpy as np

from arseg_lightning.commands.encode import encode
from arseg_lightning.commands.prepare import prepare
from arseg_lightning.video.decode import decode
from arseg_lightning.video.frame_reader import read_frames
from arseg_lightning.video.live import open_live
from tests.video.small_videos import write_video


def test_a_relative_path_with_a_colon_is_read_and_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    video = Path("10:00.mp4")
    write_video(tmp_path / video, 10)
    frames = list(decode(video))
    np.testing.assert_array_equal(read_frames(video, [5])[5].image, frames[5].image)
    with open_live(str(video), motion="auto") as live:
        assert live.name == str(video)
        assert len(list(live)) == 10
    encode(video, Path("11:00.mp4"), keyframe_interval=5)
    assert len(list(decode(Path("11:00.mp4")))) == 10
    encode(Path("11:00.mp4"), Path("11:00.mkv"), keyframe_interval=5)
    assert prepare(video=Path("11:00.mp4"), store=Path("store"), workers=1)
