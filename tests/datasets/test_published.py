"""The authors' prepared folders, on made trees."""

import numpy as np
import pytest
import torch
import yaml

from arseg_lightning.cli import main
from arseg_lightning.datasets import (
    ClipDataModule,
    PublishedCamVid,
    PublishedCityscapes,
)
from arseg_lightning.datasets.published import read_published_motion
from arseg_lightning.losses import FST, CrossEntropy
from arseg_lightning.report import RunResult
from arseg_lightning.tasks import JointTask
from arseg_lightning.types import BLOCK_SIZE
from arseg_lightning.video.chain import MotionChain
from arseg_lightning.video.errors import VideoError
from tests.datasets.trees import save
from tests.tiny import TinyNet
from tests.video.hand_made import random_motion

SIZE = (32, 48)
CAMVID = {"0006R0_f00930": ("0006R0", 932), "0001TP_006690": ("0001TP", 31)}
"""Name, folder and number in the recording of labelled frames."""
NUM_DISTANCES = 3


def random_image(*seed):
    return np.random.default_rng(seed).integers(0, 255, (*SIZE, 3), dtype=np.uint8)


def save_motion(path, *xy):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.broadcast_to(np.array(xy, "<i2"), (*SIZE, 2)).tofile(path)


@pytest.fixture
def camvid(tmp_path):
    root = tmp_path / "3M-GOP12"
    for d in range(NUM_DISTANCES):
        decoded = root / f"decoded_GOP12_dist_{d}"
        for name, (drive, number) in CAMVID.items():
            label = np.full(SIZE, 11)  # void
            label[:4] = 255
            save(decoded / "test" / f"{name}.png", random_image(number, d))
            save(decoded / "test_labels_with_ignored" / f"{name}_L.png", label)
            save(
                root / "frames" / drive / f"{drive}_{number - d:06d}.png",
                random_image(number, d, 1),
            )
            if d:
                motion = root / f"MVmap_GOP12_dist_{d}" / drive / f"{name}.bin"
                save_motion(motion, 4 * d, -8 * d)
    return root


@pytest.fixture
def cityscapes(tmp_path):
    root = tmp_path / "5M-GOP12"
    for d in range(NUM_DISTANCES):
        decoded = root / f"decoded_GOP12_dist_{d}"
        for city in ("ulm", "bonn"):
            name = f"{city}_000001_000019_gtFine"
            image = decoded / "leftImg8bit" / "val" / city / f"{name}_leftImg8bit.png"
            save(image, random_image(d))
            save(decoded / "gtFine" / "val" / city / f"{name}_labelIds.png", np.full(SIZE, 33))
            key = f"{city}_000001_{19 - d:06d}_leftImg8bit.png"
            save(root / "frames" / "val" / city / key, random_image(d, 1))
            if d:
                motion = root / f"MVmap_GOP12_dist_{d}" / "val" / city
                save_motion(motion / f"{name}_leftImg8bit.bin", 4, 0)
    return root


def clips(test, **changes):
    arguments = {"keyframe_interval": 3, "test_pairs": "every_distance", "num_workers": 0}
    return list(ClipDataModule(test=test, **(arguments | changes)).test_dataloader())


def test_every_frame_comes_with_its_keyframe_at_every_distance(camvid):
    found = clips(PublishedCamVid(camvid))
    assert [[f.distance for f in clip.frames] for clip in found] == 2 * [[0]] + [
        [0, d] for d in (1, 1, 2, 2)
    ]
    names = [[f.name for f in clip.frames] for clip in found]
    assert names[0] == ["0001TP_006690"]
    assert names[-1] == ["0006R0_000930", "0006R0_f00930"]


def test_images_motion_and_labels_are_the_files(camvid):
    clip = clips(PublishedCamVid(camvid))[-1]
    key, frame = clip.frames
    assert (key.streamed.frame.image == random_image(932, 2, 1)).all()
    assert (frame.streamed.frame.image == random_image(932, 2)).all()
    assert (key.streamed.restart, key.label) == ("start", None)
    assert (frame.streamed.to_keyframe.xy[0] == 2).all()
    assert (frame.streamed.to_keyframe.xy[1] == -4).all()
    assert (frame.label[:4] == 255).all()
    assert (frame.label[4:] == 11).all()


def test_the_ablation_without_motion_leaves_the_files_aside(camvid):
    for clip in clips(PublishedCamVid(camvid), chaining="none"):
        assert not any(frame.streamed.to_keyframe.xy.any() for frame in clip.frames[1:])


def test_labels_may_lie_elsewhere(camvid, tmp_path):
    for name in CAMVID:
        save(tmp_path / "labels" / f"{name}.png", np.zeros((*SIZE, 3)))  # black: void
    found = clips(PublishedCamVid(camvid, labels=tmp_path / "labels"))
    assert all((clip.frames[-1].label == 11).all() for clip in found)


def test_cityscapes_has_a_folder_a_city(cityscapes):
    found = clips(PublishedCityscapes(cityscapes))
    names = [clip.frames[0].name for clip in found]
    assert names[0] == "bonn_000001_000019_gtFine_leftImg8bit"
    assert names[-1] == "ulm_000001_000017_leftImg8bit"
    assert (found[-1].frames[1].label == 18).all()
    assert (found[-1].frames[1].streamed.to_keyframe.xy[0] == 1).all()


def test_the_command_line_tests_on_prepared_files_alone(camvid, tmp_path):
    weights = tmp_path / "joint.ckpt"
    task = JointTask(TinyNet, CrossEntropy(), FST(CrossEntropy()), num_classes=12)
    torch.save({"state_dict": task.state_dict()}, weights)
    cross_entropy = {"class_path": "CrossEntropy"}
    model = {
        "network": {"class_path": "tests.tiny.TinyNet"},
        "objective": {"class_path": "FST", "init_args": {"segmentation": cross_entropy}},
        "fusion": {"class_path": "CReFF"},
        "weights": {"high_res": str(weights), "low_res": str(weights)},
    }
    test = {"class_path": "PublishedCamVid", "init_args": {"root": str(camvid)}}
    data = {"test": test, "test_pairs": "every_distance", "keyframe_interval": 3}
    config = {
        "run_dir": str(tmp_path / "run"),
        "trainer": {"accelerator": "cpu", "logger": False, "devices": 1},
        "data": data | {"num_workers": 0, "store": str(tmp_path / "store")},
        "model": {"class_path": "LowResTask", "init_args": model},
    }
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump(config))
    main(["test", "--config", str(path)])
    result = RunResult.read(tmp_path / "run" / "result.json")
    assert (result.data, result.size) == ("camvid12", SIZE)
    assert [system.name for system in result.methods] == ["1x", "AR 0.5x"]
    assert [s.accuracy.frames_at_distance for s in result.methods] == 2 * [(2, 2, 2)]
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    "file",
    [
        "frames/0001TP/0001TP_000029.png",
        "MVmap_GOP12_dist_2/0001TP/0001TP_006690.bin",
        "decoded_GOP12_dist_2/test_labels_with_ignored/0001TP_006690_L.png",
    ],
)
def test_a_missing_file_is_named_with_its_frame(camvid, file):
    (camvid / file).unlink()
    message = rf"{file} is missing, which belongs to .*dist_2/test/0001TP_006690\.png; .*or remove"
    with pytest.raises(FileNotFoundError, match=message):
        PublishedCamVid(camvid).clips(3)


def test_a_frame_that_a_distance_lacks_is_named(camvid):
    (camvid / "decoded_GOP12_dist_1/test/0001TP_006690.png").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"dist_1 holds other frames .*: 0001TP_006690 is in one"
    ):
        PublishedCamVid(camvid).clips(3)


def test_an_interval_beyond_the_prepared_distances_is_refused(camvid):
    message = r"dist_3 is missing or holds no .* keyframe_interval=4 measures the distances 0 to 3"
    with pytest.raises(FileNotFoundError, match=message):
        PublishedCamVid(camvid).clips(4)


def test_a_frame_with_another_name_is_refused(camvid):
    save(camvid / "decoded_GOP12_dist_0" / "test" / "other_1.png", random_image(1))
    with pytest.raises(ValueError, match=r"other_1\.png belongs to none of the CamVid drives"):
        PublishedCamVid(camvid).clips(3)


def test_a_missing_split_is_named(tmp_path):
    (tmp_path / "decoded_GOP12_dist_0").mkdir()
    with pytest.raises(FileNotFoundError, match=r"dist_0 is missing or holds no frames of val"):
        PublishedCityscapes(tmp_path).clips(1)


def test_a_keyframe_of_another_size_is_refused(camvid):
    save(camvid / "frames/0001TP/0001TP_000029.png", np.zeros((8, 8, 3)))
    with pytest.raises(ValueError, match=r"000029\.png is 8x8, .*6690\.png is 32x48 .*one video"):
        clips(PublishedCamVid(camvid))


def test_prepared_pairs_are_no_stream_and_no_sequences(camvid):
    layout = PublishedCamVid(camvid)
    with pytest.raises(ValueError, match=r"got test_pairs=stream; use test_pairs=every_distance"):
        clips(layout, test_pairs="stream")
    with pytest.raises(ValueError, match=r"data\.test are prepared pairs .* `predict --video FI"):
        ClipDataModule(test=layout).videos("test")


def test_a_file_holds_x_and_y_of_each_pixel_in_quarter_pixels(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(np.array([4, -8, 1, 0, -1, 32767, 0, 6], "<i2").tobytes())
    motion = read_published_motion(path, (1, 4))
    assert motion.xy.tolist() == [[[1, 0.25, -0.25, 0]], [[-2, 0, 8191.75, 1.5]]]
    assert motion.valid.all()


def test_motion_that_is_chained_in_whole_pixels_survives_the_file(tmp_path):
    size = (24, 32)
    assert all(side % BLOCK_SIZE == 0 for side in size)
    chain = MotionChain(size, "integer")
    for seed in range(3):
        chain.push(random_motion(*size, seed=seed))
    expected = chain.motion().xy
    path = tmp_path / "a.bin"
    (4 * expected).astype("<i2").transpose(1, 2, 0).tofile(path)
    assert (read_published_motion(path, size).xy == expected).all()


@pytest.mark.parametrize("count", [0, 23, 36])
def test_a_file_of_another_size_is_refused_with_both_sizes(tmp_path, count):
    path = tmp_path / "a.bin"
    np.zeros(count, "<i2").tofile(path)
    message = rf"a\.bin has {2 * count} bytes, .* a 3x4 frame .* takes 48: .*at this size"
    with pytest.raises(VideoError, match=message):
        read_published_motion(path, (3, 4))
