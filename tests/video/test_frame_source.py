"""What can be encoded."""

import pytest

from arseg_lightning.video.errors import NotAVideo
from arseg_lightning.video.frame_source import find_sources, open_source
from tests.video.small_videos import write_video
from tests.video.test_images import write_images


def test_a_source_is_a_video_or_a_folder_of_images(tmp_path):
    folder = open_source(write_images(tmp_path / "frames"))
    assert (folder.fps, folder.num_frames, len(list(folder.images()))) == (None, 6, 6)
    video = open_source(write_video(tmp_path / "clip.mp4", 8, fps=12.5))
    assert (video.fps, video.num_frames, len(list(video.images((32, 48))))) == (12.5, 8, 8)
    assert next(video.images((32, 48))).shape == (32, 48, 3)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotAVideo, match="empty holds no images"):
        open_source(tmp_path / "empty")
    assert find_sources(tmp_path) == [tmp_path / "clip.mp4", tmp_path / "frames"]
