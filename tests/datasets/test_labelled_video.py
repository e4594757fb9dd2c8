"""Some frames of a sequence are the same frames as all of them have."""

import numpy as np
import pytest
from PIL import Image

from arseg_lightning.datasets.classes import CAMVID11
from arseg_lightning.datasets.labelled_video import (
    LabelledImages,
    LabelledVideoFile,
)
from arseg_lightning.datasets.synthetic.scene import DrivingScene
from arseg_lightning.datasets.synthetic.still_clips import CameraPath, LabelledStill
from arseg_lightning.video.decode import decode
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from tests.video.hand_made import pan

NUM_FRAMES = 6


@pytest.fixture
def folder(tmp_path):
    for index, image in enumerate(pan(NUM_FRAMES, 32, 48, 2, 1)):
        Image.fromarray(image).save(tmp_path / f"{index}.png")
    encode_frames(pan(NUM_FRAMES + 3, 32, 48, 2, 1), tmp_path / "pan.mp4", EncodeSettings())
    return tmp_path


def all_kinds(folder):
    label, pan_file = folder / "label.png", folder / "pan.mp4"
    scene = DrivingScene(height=48, width=64, num_frames=NUM_FRAMES)
    images = tuple(folder / f"{index}.png" for index in range(NUM_FRAMES))
    return {
        "images": LabelledImages("images", images, {}, CAMVID11),
        "span": LabelledVideoFile("span", pan_file, {}, CAMVID11, 2, 2 + NUM_FRAMES),
        "still": LabelledStill("still", images[0], label, CAMVID11, CameraPath(NUM_FRAMES), 3),
        "driving": scene,
    }


@pytest.mark.parametrize("kind", ["images", "span", "still", "driving"])
def test_frames_that_are_read_alone_are_those_of_the_whole(folder, kind):
    sequence = all_kinds(folder)[kind]
    whole = np.stack(list(sequence.images()))
    assert len(whole) == NUM_FRAMES
    for indices in [(0, 5), (4,), (3, 1)]:
        assert (sequence.read(indices) == whole[list(indices)]).all()
    assert (sequence.image(2) == whole[2]).all()


def test_the_frames_of_a_video_are_those_that_it_decodes_to(folder):
    sequence = LabelledVideoFile("video", folder / "pan.mp4", {}, CAMVID11)
    decoded = [frame.image for frame in decode(folder / "pan.mp4")]
    assert (sequence.read((7, 1)) == [decoded[7], decoded[1]]).all()


def test_frames_may_follow_the_labelled_one(folder):
    still = all_kinds(folder)["still"]
    longer = LabelledStill("still", still.path, still.path, CAMVID11, CameraPath(4, future=5), 3)
    assert longer.labelled == (3,)
    assert len(list(longer.images())) == 9
    assert (longer.image(3) == np.asarray(Image.open(folder / "0.png"))).all()
    assert (longer.image(8) != longer.image(3)).any()
    assert longer.identity != still.identity


def test_the_last_frame_of_a_still_is_the_still_itself(folder):
    still = all_kinds(folder)["still"]
    assert (still.image(NUM_FRAMES - 1) == np.asarray(Image.open(folder / "0.png"))).all()
    with pytest.raises(IndexError):
        still.image(NUM_FRAMES)
