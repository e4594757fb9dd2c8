"""The command motion: warped labels are exact where motion is, and counted as it says."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from arseg_lightning.commands import COMMANDS
from arseg_lightning.commands.motion import motion
from arseg_lightning.report.motion_quality import measure_motion, warp_label
from arseg_lightning.types import Motion
from arseg_lightning.video.cache import MotionCache
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from arseg_lightning.video.errors import NoMotionVectors, NotAVideo
from arseg_lightning.video.images import image_files, read_image
from arseg_lightning.video.motion import BlockMotion
from tests.video.hand_made import motion_file, pan, shift
from tests.video.small_videos import write_vp9

SIZE = (64, 80)
NUM_FRAMES = 8
GRID = (32, 48)
CAMVID = Path(__file__).resolve().parents[3] / "shared" / "camvid" / "clip"


def label(t):
    """Two classes in a chequered pattern that goes with the camera."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return ((x + 2 * t) // 16 + y // 16) % 2


def write_label(path, values):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(path)


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "clip.mp4"
    encode_frames(pan(NUM_FRAMES, *SIZE, 2, 0), path, EncodeSettings(keyframe_interval=4))
    return path


@pytest.fixture
def labels(tmp_path):
    for t in range(NUM_FRAMES):
        write_label(tmp_path / "labels" / f"Seq_{100 + t}_L.png", label(t))
    return tmp_path / "labels"


def run(video, labels, **options):
    settings = {"keyframe_interval": 4, "store": video.parent / "store"} | options
    return motion(video, labels, **settings)


def test_the_command_is_on_the_command_line():
    assert COMMANDS["motion"] is motion


def test_motion_warps_labels_and_the_result_is_told(video, labels, capsys):
    quality = run(video, labels)
    assert quality.frames.to_dict() == {1: 2, 2: 2, 3: 2}
    assert quality.warped.mean() > 0.85 > 0.7 > quality.copied.mean()
    assert "the video's own; leads to what looks alike: 100.0 %" in capsys.readouterr().out


def test_the_result_is_written(video, labels, tmp_path, capsys):
    quality = run(video, labels, out=tmp_path / "motion.csv")
    assert f"written to {tmp_path}/motion.csv" in capsys.readouterr().out
    assert pd.read_csv(tmp_path / "motion.csv").warped.tolist() == pytest.approx(quality.warped)


def test_i_frames_are_keyframes_whatever_the_interval(video, labels):
    assert run(video, labels, keyframe_interval=8).index.tolist() == [1, 2, 3]


def test_a_video_without_usable_motion_is_refused_and_copied_on_request(tmp_path, labels):
    video = write_vp9(tmp_path / "vp9.mp4", pan(NUM_FRAMES, *SIZE, 2, 0))
    with pytest.raises(NoMotionVectors, match="--motion reencode"):
        run(video, labels)
    assert run(video, labels, motion="reencode").warped.mean() > 0.85


@pytest.mark.parametrize("settings", [{"references": 3}, {"b_frames": 2}])
def test_motion_of_an_ordinary_file_warps_labels(tmp_path, labels, settings):
    video = tmp_path / "ordinary.mp4"
    encode_frames(pan(NUM_FRAMES, *SIZE, 2, 0), video, EncodeSettings(**settings))
    assert run(video, labels).warped.mean() > 0.85


@pytest.mark.parametrize("interval", [0, 1, 9])
def test_a_keyframe_interval_that_does_not_fit_is_refused(video, labels, interval):
    message = rf"keyframe_interval lies in \[2, 8\], got {interval}"
    with pytest.raises(ValueError, match=message):
        run(video, labels, keyframe_interval=interval)


def test_as_many_labels_as_frames_belong_together_in_order(video, labels):
    (labels / "Seq_100_L.png").rename(labels / "Seq_9_L.png")
    assert run(video, labels).warped.mean() > 0.85


def test_some_labels_are_named_after_their_frames(video, tmp_path):
    for t in (0, 3, 4):
        write_label(tmp_path / "some" / f"a_{t:05d}.png", label(t))
    quality = run(video, tmp_path / "some")
    assert quality.frames.to_dict() == {3: 1}


def test_labels_that_belong_to_no_frame_or_to_one_twice_are_refused(video, tmp_path):
    some = tmp_path / "some"
    write_label(some / "a_000012.png", label(0))
    with pytest.raises(ValueError, match=r"a_000012.png .*frame 12, but the video has 8 frames"):
        run(video, some)
    write_label(some / "a_12.png", label(0))
    with pytest.raises(ValueError, match="are labels of one frame; take one"):
        run(video, some)
    (some / "a_12.png").rename(some / "label.png")
    with pytest.raises(ValueError, match=r"label\.png should be named after its frame number"):
        run(video, some)


def test_bad_input_is_named(video, labels, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        run(video, tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no\.mp4 does not exist"):
        run(tmp_path / "no.mp4", labels)
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    with pytest.raises(NotAVideo, match=r"text\.mp4 is not a video"):
        run(text, labels)
    with pytest.raises(ValueError, match="no class set 'camvid'"):
        run(video, labels, classes="camvid")


def test_labels_of_another_size_or_class_are_named(video, labels):
    second = labels / "Seq_101_L.png"
    write_label(second, label(1) + 50)
    with pytest.raises(ValueError, match=r"Seq_101_L\.png holds the value\(s\) \[50, 51\]"):
        run(video, labels)
    write_label(second, label(1)[:10])
    with pytest.raises(ValueError, match=r"Seq_101_L\.png is 10x80 .*its frame is 64x80"):
        run(video, labels)


def stripes(t, right=4):
    """Two classes in stripes that move; what comes in at the left is void."""
    columns = np.arange(GRID[1]) - right * t
    label = np.where(columns >= 0, columns // 8 % 2, 255).astype(np.uint8)
    return np.tile(label, (GRID[0], 1))


@pytest.fixture
def exact(tmp_path):
    return motion_file(tmp_path / "a.motion", [shift(-4, 0, *GRID)] * 7, GRID)


def test_motion_at_rest_warps_a_label_as_it_is():
    label = np.random.default_rng(0).integers(0, 9, GRID, np.uint8)
    assert (warp_label(label, Motion.zero(*GRID)) == label).all()


@pytest.mark.parametrize("xy", [(3, 0), (-2, 5), (2.75, -0.25)])
def test_a_label_is_taken_from_the_pixel_that_motion_leads_to(xy):
    label = np.random.default_rng(0).integers(0, 250, GRID, np.uint8)
    zero = Motion.zero(*GRID)
    field = Motion(zero.xy + np.array(xy, np.float32)[:, None, None], zero.valid)
    warped = warp_label(label, field)
    x, y = np.rint(xy).astype(int)
    assert (warped[8:-8, 8:-8] == label[8 + y : GRID[0] - 8 + y, 8 + x : GRID[1] - 8 + x]).all()


def test_a_label_from_outside_is_taken_from_the_border():
    label = np.arange(48, dtype=np.uint8)[None].repeat(32, axis=0)
    field = Motion(np.full((2, *GRID), -1000, np.float32), np.ones(GRID, np.bool_))
    assert not warp_label(label, field).any()


def test_exact_motion_warps_everything_and_copies_lose(exact):
    quality = measure_motion(exact, [0], stripes, 2)
    assert quality.index.tolist() == [1, 2, 3, 4, 5, 6]
    assert (quality.warped == 1).all()
    assert quality.copied[2] == 0  # the stripes have moved by their width
    assert 0 < quality.copied.mean() < 1


def test_motion_of_the_wrong_sign_fails(tmp_path):
    wrong = motion_file(tmp_path / "a.motion", [shift(4, 0, *GRID)] * 7, GRID)
    quality = measure_motion(wrong, [0], stripes, 2)
    assert quality.warped[1] < 0.5


def test_each_keyframe_serves_the_frames_up_to_the_next(exact):
    quality = measure_motion(exact, [0, 3, 6], stripes, 2)
    assert quality.frames.to_dict() == {1: 2, 2: 2}


def test_frames_and_keyframes_without_label_are_left_out(exact):
    labels = {frame: stripes(frame) for frame in (0, 2, 4, 5)}
    quality = measure_motion(exact, [0, 3], labels.get, 2)
    assert quality.frames.to_dict() == {2: 1}


def test_void_is_left_out_and_a_void_that_is_warped_is_a_miss(tmp_path):
    still = motion_file(tmp_path / "a.motion", [shift(0, 0, *GRID)] * 2, GRID)
    key, label = np.zeros(GRID, np.uint8), np.zeros(GRID, np.uint8)
    key[:8] = 255  # a quarter: warped onto class 0
    label[16:] = 255  # a half: left out
    quality = measure_motion(still, [0], [key, label].__getitem__, 3)
    assert quality.warped[1] == 0.5  # and classes 1 and 2 are in no mean


def test_all_frames_of_a_distance_share_one_matrix(tmp_path):
    still = motion_file(tmp_path / "a.motion", [shift(0, 0, *GRID)] * 4, GRID, "IPIP")
    ones, zeros = np.ones(GRID, np.uint8), np.zeros(GRID, np.uint8)
    quality = measure_motion(still, [0, 2], [zeros, zeros, zeros, ones].__getitem__, 2)
    assert quality.warped[1] == 0.25  # class 0: 1/2, class 1: 0


def test_the_share_of_holes_is_told(tmp_path):
    intra = np.zeros((8, 12), np.bool_)
    intra[:2] = True
    hole = BlockMotion(np.zeros((2, 8, 12), np.int16), intra)
    motion = motion_file(tmp_path / "a.motion", [hole, hole, shift(0, 0, *GRID)], GRID)
    quality = measure_motion(motion, [0], lambda _: np.zeros(GRID, np.uint8), 1)
    assert quality.filled.tolist() == [0.25, 0.25]


def test_nothing_to_measure_is_an_error_with_the_remedy(exact):
    for label_of in ({0: stripes(0)}.get, lambda _: np.full(GRID, 255, np.uint8)):
        with pytest.raises(ValueError, match=r"2 keyframes \(0, 3\).*keyframe_interval"):
            measure_motion(exact, [0, 3], label_of, 2)


@pytest.mark.skipif(not CAMVID.is_dir(), reason="the labelled CamVid clip is not there")
def test_real_motion_warps_real_labels(tmp_path):
    """Percent at distances 1, 5, 6, 9 and 11, with 11 classes and void left out."""
    video = tmp_path / "clip.mp4"
    images = (read_image(path) for path in image_files(CAMVID / "images"))
    encode_frames(images, video, EncodeSettings(keyframe_interval=12, crf=23, fps=15))
    cache = MotionCache(tmp_path)
    cache.ensure(video)
    motion, labels = cache.read(video), image_files(CAMVID / "labels")
    assert motion.intra_frames == (0, 12, 24, 36, 48)
    quality = measure_motion(
        motion, motion.intra_frames, lambda frame: read_image(labels[frame])[..., 0], 11
    )
    expected = {
        1: (84.5, 74.5),
        5: (77.0, 53.2),
        6: (75.5, 51.8),
        9: (71.0, 47.3),
        11: (69.0, 44.9),
    }
    for distance, (warped, copied) in expected.items():
        assert 100 * quality.warped[distance] >= warped
        assert 100 * quality.copied[distance] == pytest.approx(copied, abs=0.06)
