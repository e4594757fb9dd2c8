"""Encoding: keyframes where they are asked for, the same bytes, whole files or none."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from arseg_lightning.video.decode import decode, decode_motion
from arseg_lightning.video.encode import EncodeSettings, VideoWriter, encode_frames, reencode
from arseg_lightning.video.errors import CannotWrite, VideoDamageWarning, VideoError
from arseg_lightning.video.probe import motion_obstacle, probe
from tests.small_disk import on_a_small_disk
from tests.video.small_videos import (
    moving_frames,
    without_packets,
    write_stream,
    write_video,
    write_vp9,
)
from tests.video.test_decode import changing_size
from tests.video.test_probe import CLOCKWISE, turned

ROOT = Path(__file__).resolve().parents[2]


def types(path):
    return "".join(frame.picture_type for frame in decode(path))


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_keyframes_are_where_they_are_asked_for(tmp_path, name):
    path = write_video(tmp_path / name, 20, keyframe_interval=8)
    assert types(path) == "IPPPPPPPIPPPPPPPIPPP"
    assert types(write_video(path, 20, keyframe_interval=None)) == "I" + 19 * "P"
    assert types(write_video(path, 3, keyframe_interval=1)) == "III"


def test_b_frames_are_had_on_request(tmp_path):
    assert "B" in types(write_video(tmp_path / "b.mp4", b_frames=2))


@pytest.mark.parametrize("bitrate", [200_000, 800_000])
def test_a_bitrate_is_met(tmp_path, bitrate):
    path = tmp_path / "clip.mp4"
    noise = np.random.default_rng(0).integers(0, 256, (60, 64, 96, 3), np.uint8)
    encode_frames(noise // 2, path, EncodeSettings(bitrate_bps=bitrate, fps=15))
    assert path.stat().st_size * 8 / 4 == pytest.approx(bitrate, rel=0.3)


def test_one_reference_by_default_and_more_on_request(tmp_path):
    for number in (1, 3):
        path = write_video(tmp_path / "clip.h264", references=number)
        assert f" ref={number} ".encode() in path.read_bytes()  # x264 writes its settings


def test_a_lower_crf_is_better(tmp_path):
    images = list(moving_frames())
    errors = []
    for crf in (12, 36):
        frames = decode(write_video(tmp_path / "clip.mp4", crf=crf))
        pairs = zip(frames, images, strict=True)
        errors.append(np.mean([np.abs(f.image.astype(int) - i).mean() for f, i in pairs]))
    assert errors[0] < 0.8 * errors[1]


def test_frame_rates_are_kept_exactly(tmp_path):
    for fps, rate in ((29.97003, Fraction(30000, 1001)), (12.5, Fraction(25, 2)), (15, 15)):
        assert probe(write_video(tmp_path / "clip.mp4", fps=fps)).fps == float(rate)


@pytest.mark.parametrize("size", [(63, 95), (64, 95), (63, 96), (45, 62)])
def test_any_size_comes_back_as_it_was(tmp_path, size):
    path = write_video(tmp_path / "clip.mp4", 5, size)
    frames, steps = list(decode(path)), [step for _, step in decode_motion(path)]
    assert {frame.size for frame in frames} == {size} == {probe(path).size}
    assert not any(step.intra.all() for step in steps[1:])
    for frame, image in zip(frames, moving_frames(5, *size), strict=True):
        assert np.abs(frame.image.astype(int) - image).mean() < 9


def test_the_same_frames_give_the_same_bytes(tmp_path):
    """Even if memory held other things before: glibc fills it differently."""
    code = (
        "import sys; from tests.video.small_videos import write_video;"
        "[write_video(sys.argv[1] + end, b_frames=3) for end in ('.mp4', '.mkv', '.mov')]"
    )
    environment = os.environ | {"MALLOC_PERTURB_": "255", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(tmp_path / "clip")]
    subprocess.run(command, check=True, env=environment, cwd=ROOT)
    for ending in ("mp4", "mkv", "mov"):
        here = write_video(tmp_path / f"here.{ending}", b_frames=3)
        assert here.read_bytes() == (tmp_path / f"clip.{ending}").read_bytes()


def test_settings_can_be_hashed_and_stored():
    settings = EncodeSettings(keyframe_interval=12, bitrate_bps=3_000_000)
    assert EncodeSettings(**json.loads(json.dumps(asdict(settings)))) == settings
    assert len({settings, replace(settings), replace(settings, crf=20)}) == 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"keyframe_interval": 0}, "keyframe_interval is at least 1, got 0"),
        ({"references": 0}, r"references lies in \[1, 16\], got 0"),
        ({"b_frames": -1}, r"b_frames lies in \[0, 16\], got -1"),
        ({"crf": 60}, r"crf lies in \[0, 51\], got 60"),
        ({"fps": 0.0}, r"fps is a finite number above 0, got 0\.0"),
    ],
)
def test_settings_out_of_range_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        EncodeSettings(**wrong)


def test_a_file_appears_only_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "clip.mp4"
    with VideoWriter(path, EncodeSettings()) as writer:
        for image in moving_frames(5):
            writer.write(image)
            assert not path.exists()
    assert [p.name for p in path.parent.iterdir()] == ["clip.mp4"]


def failing_frames():
    yield from moving_frames(5)
    raise RuntimeError("the camera fell down")


def test_a_failure_leaves_nothing_and_an_older_file_as_it_was(tmp_path):
    with pytest.raises(RuntimeError, match="fell down"):
        encode_frames(failing_frames(), tmp_path / "clip.mp4", EncodeSettings())
    assert list(tmp_path.iterdir()) == []
    path = write_video(tmp_path / "clip.mp4")
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="fell down"):
        encode_frames(failing_frames(), path, EncodeSettings())
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (before, [path])


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_a_disk_that_takes_no_more_is_named_and_nothing_is_left(tmp_path, name):
    frames = list(moving_frames())
    with pytest.raises(CannotWrite, match=rf"{name} cannot be written \(.*large"):
        on_a_small_disk(1000, encode_frames, frames, tmp_path / name, EncodeSettings())
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_comes_with_its_remedy(tmp_path, monkeypatch):
    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(CannotWrite, match=r"clip\.mp4 .*No space left on device.*make room"):
        write_video(tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(CannotWrite, match="make room, repair the folder"):
        write_video(tmp_path / "clip.mp4")


def test_impossible_paths_are_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match=r"\(File exists\); one of the folders in its path"):
        write_video(tmp_path / "file" / "clip.mp4")
    with pytest.raises(CannotWrite, match=r"clip\.xyz cannot be written .* its ending"):
        write_video(tmp_path / "clip.xyz")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_frames_of_another_size_are_named(tmp_path):
    frames = [*moving_frames(3), *moving_frames(1, 48, 64)]
    with pytest.raises(
        VideoError, match=r"frame 3 of .*clip\.mp4 is 48x64, those before are 64x96"
    ):
        encode_frames(frames, tmp_path / "clip.mp4", EncodeSettings())
    assert list(tmp_path.iterdir()) == []


def test_a_video_without_frames_and_frames_that_are_none_are_refused(tmp_path):
    with pytest.raises(VideoError, match=r"clip\.mp4 would have no frames"):
        encode_frames([], tmp_path / "clip.mp4", EncodeSettings())
    with pytest.raises(ValueError, match=r"uint8 of shape \(H, W, 3\), got float64 \(4, 4, 3\)"):
        encode_frames([np.zeros((4, 4, 3))], tmp_path / "clip.mp4", EncodeSettings())


def test_progress_is_told(tmp_path):
    told = []
    path = tmp_path / "clip.mp4"
    encode_frames(moving_frames(3), path, EncodeSettings(), lambda *args: told.append(args), 3)
    reencode(path, tmp_path / "copy.mp4", EncodeSettings(), lambda *args: told.append(args))
    assert told == 2 * [(1, 3), (2, 3), (3, 3)]


def test_reencoding_gives_motion_to_a_video_without(tmp_path):
    source = write_vp9(tmp_path / "source.mp4", list(moving_frames(8)), rate=12)
    assert reencode(source, tmp_path / "copy.mp4", EncodeSettings()) == 8
    info = probe(tmp_path / "copy.mp4")
    assert (info.fps, info.size, motion_obstacle(info.codec)) == (12, (64, 96), None)
    assert sum(not step.intra.all() for _, step in decode_motion(info.path)) == 7


def test_reencoding_takes_b_frames_out(tmp_path):
    source = write_stream(tmp_path / "source.mp4", "libx264", {"bf": "3"})
    assert reencode(source, tmp_path / "copy.mp4", EncodeSettings()) == 30
    assert types(tmp_path / "copy.mp4") == "I" + 29 * "P"


def test_reencoding_turns_upright_and_evens_sizes_out(tmp_path):
    reencode(turned(tmp_path, CLOCKWISE), tmp_path / "upright.mp4", EncodeSettings())
    assert (probe(tmp_path / "upright.mp4").size, types(tmp_path / "upright.mp4")[0]) == (
        (96, 64),
        "I",
    )
    reencode(changing_size(tmp_path), tmp_path / "even.mp4", EncodeSettings())
    assert {frame.size for frame in decode(tmp_path / "even.mp4")} == {(64, 96)}


def test_reencoding_keeps_the_index_of_lost_frames(tmp_path):
    source = without_packets(write_video(tmp_path / "source.mp4"), 5)
    with pytest.warns(VideoDamageWarning, match=r"1 lost \(index 5\)"):
        assert reencode(source, tmp_path / "copy.mp4", EncodeSettings()) == 30
