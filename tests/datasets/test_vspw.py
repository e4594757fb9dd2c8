"""VSPW's published layout, on a made tree."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from arseg_lightning.cli import main
from arseg_lightning.datasets import VSPW, ClipAugment, ClipDataModule, class_set
from arseg_lightning.datasets.check import check_split
from arseg_lightning.datasets.preparation import prepare_missing
from tests.datasets.trees import save

PART = Path(__file__).resolve().parents[2] / "experiments" / "vspw" / "parts" / "data.yaml"
SIZE = (32, 48)
WALL, CAR, TRAIN = 1, 49, 124  # as masks hold them
NUM_FRAMES = 4


def mask(value, size=SIZE):
    """One class, with two rows of no class and two to ignore."""
    pixels = np.full(size, value)
    pixels[:2], pixels[2:4] = 0, 255
    return pixels


def video(root, name, value=CAR, start=9, size=SIZE):
    """Frames that get lighter, from a number where its digits become more."""
    for t in range(NUM_FRAMES):
        save(root / "data" / name / "origin" / f"{start + t}.jpg", np.full((*size, 3), 40 * t))
        save(root / "data" / name / "mask" / f"{start + t}.png", mask(value + t % 2, size))


@pytest.fixture
def root(tmp_path):
    """Two videos to train on, in an order that is not the alphabet's, and one to validate on."""
    for name in ("1_a", "9_b", "5_c"):
        video(tmp_path, name)
    (tmp_path / "train.txt").write_text("9_b\n1_a\n\n")
    (tmp_path / "val.txt").write_text("5_c\r\n")
    return tmp_path


def test_the_splits_are_those_of_the_files(root):
    assert [each.name for each in VSPW(root, "train").videos()] == ["9_b", "1_a"]
    assert [each.name for each in VSPW(root, "val").videos()] == ["5_c"]


def test_every_frame_is_labelled_in_the_order_of_time(root):
    only = VSPW(root, "val").videos()[0]
    assert (only.length, only.labelled, only.fps) == (4, (0, 1, 2, 3), 15)
    assert [path.stem for path in only.paths] == ["9", "10", "11", "12"]
    assert [int(image.mean()) for image in only.images()] == [0, 40, 80, 120]
    names = [only.classes.names[only.label(t, SIZE)[-1, 0]] for t in range(4)]
    assert names == ["car", "bus", "car", "bus"]


def test_values_are_shifted_by_one_and_0_and_255_are_left_out(root):
    video(root, "5_c", value=WALL)
    label = VSPW(root, "val").videos()[0].label(0, SIZE)
    assert (label[4:] == 0).all()
    assert (label[:4] == 255).all()


def test_all_values_of_the_masks_are_classes_or_void():
    known = class_set("vspw124")
    assert known.file_values == {index + 1: index for index in range(124)}
    assert known.void_values == (0,)
    assert known.names[TRAIN - 1] == "train"
    assert known.palette[CAR - 1] == (140, 140, 140)


def test_a_value_beyond_the_classes_is_refused(root):
    save(root / "data/5_c/mask/10.png", mask(125))
    with pytest.raises(ValueError, match=r"10\.png holds the value\(s\) \[125\], but vspw124"):
        check_split(VSPW(root, "val"))


def test_a_split_is_described(root):
    first, past, absent = check_split(VSPW(root, "train"), keyframe_interval=3)
    assert first == "VSPW, labelled frames: 8 of 32x48 at 15 fps"
    assert past.endswith("keyframe_interval=3 needs to measure every distance: 4")
    assert absent.startswith("no pixel of wall, ceiling, door, ")
    assert "path and 102 more of 124 classes in 5 labels (--all: in all); 12% is" in absent


def test_the_data_part_of_experiments_can_be_checked(root, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VSPW_ROOT", str(root))
    experiment = tmp_path / "experiment.yaml"
    network = {"class_path": "BiSeNet18", "init_args": {"width": 0.25}}
    model = {"class_path": "PerFrameTask", "init_args": {"network": network}}
    model["init_args"]["loss"] = {"class_path": "CrossEntropy"}
    content = {"run_dir": "run", "model": model, "data": yaml.safe_load(PART.read_text())}
    experiment.write_text(yaml.safe_dump(content))
    main(["check-data", str(experiment)])
    printed = capsys.readouterr().out
    for split, count in (("train", 8), ("val", 4), ("test", 4)):
        assert f"{split}:\n  VSPW, labelled frames: {count} of 32x48 at 15 fps" in printed


def test_a_folder_without_masks_is_refused_with_the_remedy(root):
    shutil.rmtree(root / "data/5_c/mask")
    with pytest.raises(FileNotFoundError, match=r"mask is missing, .* a split that has them: tra"):
        VSPW(root, "val").videos()


def test_a_mask_of_another_size_is_refused(root):
    Image.new("L", (20, 10), CAR).save(root / "data/5_c/mask/9.png")
    with pytest.raises(ValueError, match=r"9\.png is 10x20 .* its frame is 32x48"):
        check_split(VSPW(root, "val"))


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (
            "mask/11.png",
            r"1 of 4 files in .*origin have no mask NAME\.png in .*, the first 11;",
        ),
        (
            "origin/11.jpg",
            r"1 of 4 files in .*mask have no frame NAME\.jpg in .*, the first 11;",
        ),
    ],
)
def test_frames_and_masks_go_in_pairs(root, file, message):
    (root / "data/5_c" / file).unlink()
    with pytest.raises(FileNotFoundError, match=message):
        VSPW(root, "val").videos()


def test_a_missing_split_says_what_its_file_is(root):
    with pytest.raises(FileNotFoundError, match=r"test\.txt is missing; it names the test videos"):
        VSPW(root, "test").videos()
    with pytest.raises(ValueError, match="split is one of train, val, test, got 'vla'"):
        VSPW(root, "vla")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("\n", FileNotFoundError, r"val\.txt names no video; take the published file"),
        ("5_c\n5_c\n", ValueError, r"val\.txt names 5_c twice, .* take one of the lines away"),
        ("7_d\n", FileNotFoundError, r"7_d.origin is missing, and .*val\.txt names 7_d; unpack"),
    ],
)
def test_a_wrong_list_of_videos_is_refused(root, text, error, message):
    (root / "val.txt").write_text(text)
    with pytest.raises(error, match=message):
        VSPW(root, "val").videos()


def test_videos_of_several_sizes_are_trained_and_tested_on(root, tmp_path):
    """Of an odd width, as 480x853 is."""
    video(root, "1_a", size=(34, 49))
    data = ClipDataModule(
        train=VSPW(root, "train"),
        test=VSPW(root, "train"),
        store=tmp_path / "store",
        keyframe_interval=3,
        augment=ClipAugment((32, 48), (1.0,)),
        batch_size=4,
        num_workers=0,
    )
    prepare_missing(data.store, data.videos("test"))
    (batch,) = data.train_dataloader()
    assert batch.images.shape[-2:] == SIZE
    tested = [frame for clip in data.test_dataloader() for frame in clip.frames]
    assert [f.name for f in tested] == [f"{v}/{t:06d}" for v in ("9_b", "1_a") for t in range(4)]
    assert {frame.label.shape for frame in tested} == {SIZE, (34, 49)}
