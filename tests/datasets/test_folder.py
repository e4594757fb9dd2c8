"""Layouts of one's own data, and CamVid's, on made trees."""

import numpy as np
import pytest

from arseg_lightning.datasets import CamVid, FrameFolder, StillFolder, VideoFolder
from arseg_lightning.datasets.synthetic.still_clips import CameraPath
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from tests.datasets.trees import save

SIZE = (48, 64)


def random_image(seed):
    return np.random.default_rng(seed).integers(0, 255, (*SIZE, 3), dtype=np.uint8)


@pytest.fixture
def stills(tmp_path):
    for number in range(11):
        save(tmp_path / "images" / f"frame_{number}.png", random_image(number))
        save(tmp_path / "labels" / f"frame_{number}.png", np.full(SIZE, number % 11))
    return tmp_path


def test_a_still_becomes_a_clip_that_ends_at_it(stills):
    layout = StillFolder(stills, "camvid11", camera=CameraPath(num_frames=5))
    sequence = layout.videos()[3]
    frames = list(sequence.images())
    assert len(frames) == 5
    assert np.array_equal(frames[-1], random_image(3))
    assert sequence.labelled == (4,)
    assert (sequence.label(4, SIZE) == 3).all()


def test_every_tenth_still_validates(stills):
    names = {
        part: [s.name for s in StillFolder(stills, "camvid11", part=part).videos()]
        for part in ("all", "train", "val")
    }
    assert names["val"] == ["frame_9"]
    assert sorted(names["train"] + names["val"]) == sorted(names["all"])


def test_a_still_without_a_label_is_named(stills):
    (stills / "labels" / "frame_4.png").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"1 of 11 stills .*: of .*frame_4\.png, neither frame_4"
    ):
        StillFolder(stills, "camvid11").videos()


def test_frames_come_in_the_order_of_their_numbers(stills):
    (sequence,) = FrameFolder(stills, "camvid11").videos()
    assert [path.stem for path in sequence.paths][-2:] == ["frame_9", "frame_10"]
    assert sequence.labelled == tuple(range(11))


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"images is missing; frames should be there"):
        FrameFolder(tmp_path, "camvid11").videos()


def test_frames_without_any_label_are_refused(stills):
    for path in (stills / "labels").iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match=r"frame NAME\.jpg goes with NAME\.png or NAME_L"):
        FrameFolder(stills, "camvid11").videos()


def test_masks_belong_to_the_frames_of_a_video(tmp_path):
    (tmp_path / "videos").mkdir()
    frames = [random_image(0)] * 4
    encode_frames(frames, tmp_path / "videos" / "drive.mp4", EncodeSettings())
    save(tmp_path / "labels" / "drive" / "000002.png", np.full(SIZE, 8))
    (sequence,) = VideoFolder(tmp_path, "camvid11").videos()
    assert sequence.labelled == (2,)
    assert (sequence.label(2, SIZE) == 8).all()
    assert sequence.image(2).shape == (*SIZE, 3)
    assert sequence.video == tmp_path / "videos" / "drive.mp4"


def test_a_mask_is_named_after_its_frame(tmp_path):
    (tmp_path / "videos").mkdir()
    encode_frames([random_image(0)] * 2, tmp_path / "videos" / "drive.mp4", EncodeSettings())
    save(tmp_path / "labels" / "drive" / "first.png", np.zeros(SIZE))
    with pytest.raises(ValueError, match="should be named after its frame number"):
        VideoFolder(tmp_path, "camvid11").videos()


@pytest.fixture
def camvid(tmp_path):
    car, black = (64, 0, 128), (0, 0, 0)
    for name in ("Seq05VD_f00000", "Seq05VD_f00030"):
        save(tmp_path / "train" / f"{name}.png", random_image(1))
        label = np.zeros((*SIZE, 3))
        label[:24], label[24:] = car, black
        save(tmp_path / "train_labels" / f"{name}_L.png", label)
    return tmp_path


def test_camvid_has_two_protocols(camvid):
    for protocol, below in (("camvid11", 255), ("camvid12", 11)):
        sequence = CamVid(camvid, "train", protocol).videos()[0]
        label = sequence.label(sequence.labelled[0], SIZE)
        assert (label[:24] == 8).all()
        assert (label[24:] == below).all()


def test_camvid_cuts_clips_from_its_recordings(camvid):
    (camvid / "videos").mkdir()
    frames = [np.full((*SIZE, 3), 4 * index, np.uint8) for index in range(36)]
    recording = camvid / "videos" / "0005VD.MXF"
    encode_frames(frames, recording.with_suffix(".mp4"), EncodeSettings(crf=1))
    recording.with_suffix(".mp4").rename(recording)
    layout = CamVid(camvid, "train", frames="video", camera=CameraPath(num_frames=12))
    (sequence,) = layout.videos()  # the still of frame 0 has no past and is left out
    assert sequence.name == "Seq05VD_f00030"
    grey = [int(image.mean().round()) for image in sequence.images()]
    assert grey == pytest.approx([4 * index for index in range(20, 32)], abs=3)
    assert sequence.labelled == (11,)


def test_missing_recordings_are_named(camvid):
    with pytest.raises(FileNotFoundError, match=r"0005VD\.MXF is missing; .*frames: stills"):
        CamVid(camvid, "train", frames="video").videos()
