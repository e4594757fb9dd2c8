"""The command show-motion: pictures of the motion that streams have."""

import numpy as np
import pytest
from PIL import Image

from arseg_lightning.cli import main
from arseg_lightning.commands.show_motion import show_motion
from arseg_lightning.drawing import BlockKind
from arseg_lightning.streaming.motion_frames import motion_frames
from arseg_lightning.video.live import open_live
from arseg_lightning.video.probe import probe
from tests.streaming.made import times
from tests.video.small_videos import write_video


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A pattern that moves by 2 pixels right and 1 down, with I-frames 0 and 6."""
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    return write_video(path, 8, keyframe_interval=6)


def shown(video, interval=None):
    with open_live(video) as live:
        return list(motion_frames(live, interval))


def middle(each):
    return np.median(each.motion.xy, axis=(1, 2)).tolist()


def test_motion_to_the_frame_before_leads_back(video):
    found = shown(video)
    assert [each.keyframe for each in found] == ["start", *[None] * 5, "I-frame", None]
    for each in found:
        if each.keyframe is None:
            assert middle(each) == pytest.approx([-2, -1], abs=0.3)
            assert each.leads_to == f"frame {each.frame.index - 1}, the one before"
            assert each.share(BlockKind.KNOWN) > 0.8
        else:
            assert each.share(BlockKind.NO_VECTOR) == 1
            assert not each.motion.xy.any()


def test_motion_to_the_keyframe_adds_up(video):
    found = shown(video, 4)
    keyframes = {e.frame.index: e.keyframe for e in found if e.keyframe}
    assert keyframes == {0: "start", 4: "interval", 6: "I-frame"}
    assert middle(found[3]) == pytest.approx([-6, -3], abs=0.5)
    assert found[3].leads_to == "keyframe 0, 3 frames before"
    assert not found[4].motion.xy.any()
    assert found[4].share(BlockKind.KNOWN) == 1


def test_a_video_has_the_times_of_the_input(video, tmp_path, capsys):
    output = tmp_path / "new" / "motion.mp4"
    main(["show-motion", str(video), "--output", str(output), "--kind", "wheel"])
    assert times(output) == pytest.approx(times(video), abs=1e-4)
    assert probe(output).size[1] == 480
    assert f"written: {output} (8 frames)" in capsys.readouterr().out


def test_a_folder_has_an_image_a_frame_and_no_older_ones(video, tmp_path):
    show_motion(str(video), tmp_path / "out", kind="arrows", limit=4)
    with pytest.raises(FileExistsError, match="--overwrite true"):
        show_motion(str(video), tmp_path / "out")
    show_motion(str(video), tmp_path / "out", kind="arrows", limit=2, overwrite=True)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["000000.png", "000001.png"]
    with Image.open(tmp_path / "out" / names[1]) as image:
        assert image.size[0] == 480


def test_what_cannot_be_is_refused_before_anything_is_written(video, tmp_path):
    for options, message in (
        ({"output": tmp_path / "a.gif"}, r"a folder without an ending, got .*a\.gif"),
        ({"output": tmp_path / "a", "keyframe_interval": 0}, "keyframe_interval is at least 1"),
        ({"output": tmp_path / "a", "scale": 0.0}, "scale is a finite number above 0"),
        ({"output": tmp_path / "a", "kind": "hue"}, "kind is one of arrows, wheel, both"),
    ):
        with pytest.raises(ValueError, match=message):
            show_motion(str(video), **options)
    assert list(tmp_path.iterdir()) == []
