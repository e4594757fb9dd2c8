"""The command encode: what it writes, and what it refuses."""

import pytest
from jsonargparse import auto_cli
from PIL import Image

from arseg_lightning.commands import COMMANDS, encode
from arseg_lightning.video.decode import decode
from arseg_lightning.video.errors import NotAVideo, VideoError
from arseg_lightning.video.probe import probe
from tests.video.small_videos import write_video
from tests.video.test_images import write_images


def types(path):
    return "".join(frame.picture_type for frame in decode(path))


def test_a_folder_of_images_becomes_a_clip(tmp_path, capsys):
    source = write_images(tmp_path / "frames", 14, "jpg")
    path = tmp_path / "out" / "clip.mp4"
    assert encode(source, path, keyframe_interval=5, fps=15) == path
    assert (types(path), probe(path).fps) == ("IPPPPIPPPPIPPP", 15)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{path}: 14 frames at 15 fps, ")


def test_a_video_keeps_its_frame_rate_and_loses_its_b_frames(tmp_path):
    source = write_video(tmp_path / "source.mkv", b_frames=2, fps=12.5)
    encode(source, tmp_path / "clip.mp4", keyframe_interval=None)
    assert types(tmp_path / "clip.mp4") == "I" + 29 * "P"
    assert probe(tmp_path / "clip.mp4").fps == 12.5


def test_frames_are_scaled_on_request(tmp_path):
    encode(write_video(tmp_path / "source.mp4"), tmp_path / "clip.mp4", size=(32, 48))
    assert probe(tmp_path / "clip.mp4").size == (32, 48)


def test_a_file_is_replaced_only_on_request(tmp_path):
    source, path = write_video(tmp_path / "source.mp4"), tmp_path / "clip.mp4"
    encode(source, path)
    with pytest.raises(FileExistsError, match=r"clip\.mp4 exists; add --overwrite true"):
        encode(source, path)
    encode(source, path, keyframe_interval=None, overwrite=True)
    assert types(path).count("I") == 1


def test_sources_that_cannot_be_used_are_named_and_leave_nothing(tmp_path):
    path = tmp_path / "out" / "clip.mp4"
    (tmp_path / "notes.mp4").write_text("no video")
    with pytest.raises(NotAVideo, match=r"notes\.mp4 is not a video"):
        encode(tmp_path / "notes.mp4", path)
    with pytest.raises(FileNotFoundError, match=r"none\.mp4 does not exist"):
        encode(tmp_path / "none.mp4", path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotAVideo, match="empty holds no images"):
        encode(tmp_path / "empty", path)
    frames = write_images(tmp_path / "frames", 14)
    Image.new("RGB", (32, 16)).save(frames / "009.png")
    with pytest.raises(VideoError, match=r"frame 9 of .* is 16x32, those before are 64x96"):
        encode(frames, path)
    assert not path.parent.exists() or list(path.parent.iterdir()) == []


def test_the_command_line_knows_its_options(tmp_path, capsys):
    source, path = write_video(tmp_path / "source.mp4"), tmp_path / "clip.mp4"
    arguments = ["--source", str(source), "--output", str(path), "--keyframe_interval", "null"]
    auto_cli(COMMANDS["encode"], args=[*arguments, "--size", "[32, 48]"], as_positional=False)
    assert (types(path).count("I"), probe(path).size) == (1, (32, 48))
    with pytest.raises(SystemExit):
        auto_cli(COMMANDS["encode"], args=["--help"], as_positional=False)
    assert "Frames from one keyframe to the next" in capsys.readouterr().out
