"""One judgement of which label belongs to which image: for fit, and for check-data."""

import re

import numpy as np
import pytest
from PIL import Image

from arseg_lightning.datasets import (
    CamVid,
    Cityscapes,
    ClipAugment,
    ClipDataModule,
    FrameFolder,
    StillFolder,
    VideoFolder,
)
from arseg_lightning.datasets.check import check_split
from tests.datasets.trees import (
    SIZE,
    camvid_stills,
    cityscapes_image,
    cityscapes_snippet,
    frame,
    images_and_labels,
    save,
    video_and_labels,
)

BLANK = np.zeros(SIZE)
CITYSCAPES = "aachen_000000_000019"


def stills(root):
    images_and_labels(root, ("boat", "sea"))
    return StillFolder(root, "camvid11")


def clip(root):
    images_and_labels(root, [f"frame_{t}" for t in range(4)])
    return FrameFolder(root, "camvid11")


def videos(root):
    video_and_labels(root, num_frames=4, labelled=(0, 2))
    return VideoFolder(root, "camvid11")


def camvid(root):
    camvid_stills(root)
    return CamVid(root, "train")


def cityscapes(root):
    cityscapes_snippet(root, CITYSCAPES)
    return Cityscapes(root, "train", past=2)


def pseudo(root):
    cityscapes_snippet(root, CITYSCAPES)
    save(cityscapes_image(root, CITYSCAPES, "pseudo"), np.full(SIZE, 7))
    return Cityscapes(root, "train", past=2, labels="pseudo")


LAYOUTS = (stills, clip, videos, camvid, cityscapes, pseudo)


def judgement(layout):
    """Why a training on stills would not run, if the check of all labels says the same."""
    try:
        videos = layout.videos()
        augment = ClipAugment((32, 32), (1.0,))
        data = ClipDataModule(layout, train_on="stills", augment=augment, batch_size=1)
        dataset = data.train_dataloader().dataset
        for index in range(len(dataset)):
            dataset[0, index]
        for video in videos:
            if video.video is None:
                list(video.images())
    except (OSError, ValueError) as error:
        with pytest.raises(type(error), match=re.escape(str(error))):
            check_split(layout)
        return str(error)
    assert check_split(layout)
    return None


@pytest.mark.parametrize("layout", LAYOUTS)
def test_whole_data_are_good_for_both(layout, tmp_path):
    assert judgement(layout(tmp_path)) is None


def faults():
    """Name, layout, what goes wrong, and what is said of it."""

    def renamed(name):
        return lambda path: path.rename(path.with_name(name.format(path.stem)))

    def doubled(name):
        return lambda path: path.with_name(name.format(path.stem)).write_bytes(path.read_bytes())

    first = {
        stills: "labels/boat.png",
        clip: "labels/frame_1.png",
        videos: "labels/drive/000002.png",
        camvid: "train_labels/Seq05VD_f00030_L.png",
        pseudo: f"pseudo/train/aachen/{CITYSCAPES}_leftImg8bit.png",
    }
    for layout in (stills, camvid):
        for name in ("{}.jpg", "{}_mask.png"):
            yield name, layout, first[layout], renamed(name), r"neither .*\.png nor .*_L\.png is in"
    yield "a JPEG", videos, "labels/drive", only_jpegs, r"is no \.png, and no other format"
    yield (
        "a JPEG",
        pseudo,
        first[pseudo],
        renamed("{}.jpg"),
        r"add one of them, or leave out the arg",
    )
    for layout in (stills, clip):
        yield "two labels", layout, first[layout], doubled("{}_L.png"), r"has the labels .*; take"
        image = first[layout].replace("labels", "images")
        yield "two images", layout, image, doubled("{}.bmp"), r"have one name, and their label"
        yield "no image", layout, image, lambda path: path.write_bytes(b"?"), "is not an image that"
        yield "cut short", layout, first[layout], cut_short, r"\.png .*ends too early"
        yield "cut short", layout, image, cut_short, r"\.png .*ends too early"
        yield "other size", layout, first[layout], smaller, "its frame is 48x96"
    yield (
        "a still less",
        stills,
        "labels/boat.png",
        lambda path: path.unlink(),
        "boat.png nor boat_L",
    )
    yield "two labels", videos, "labels/drive/000002.png", doubled("2.png"), "labels of one frame"
    yield "two videos", videos, "videos/drive.mp4", doubled("{}.mkv"), r"drive\.m.. have one name"
    yield "case", videos, "labels/drive", renamed("Drive"), "drive is missing"


def only_jpegs(folder):
    for path in folder.iterdir():
        path.rename(path.with_suffix(".jpg"))


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-40])


def smaller(path):
    Image.open(path).crop((0, 0, 64, 32)).save(path)


@pytest.mark.parametrize(("name", "layout", "file", "spoil", "said"), list(faults()))
def test_what_fit_refuses_is_named_by_the_check(name, layout, file, spoil, said, tmp_path):
    made = layout(tmp_path)
    spoil(tmp_path / file)
    why = judgement(made)
    assert why is not None, name
    assert re.search(said, why), why


def test_a_frame_of_another_size_is_named_before_it_is_encoded(tmp_path):
    (video,) = clip(tmp_path).videos()
    smaller(tmp_path / "images" / "frame_1.png")
    with pytest.raises(
        ValueError, match=r"frame_1\.png is 32x64, .*frame_0\.png is 48x96 .*; scale"
    ):
        list(video.images())


def test_a_jpeg_in_disguise_is_no_label(tmp_path):
    layout = stills(tmp_path)
    label = tmp_path / "labels" / "boat.png"
    Image.fromarray(np.zeros(SIZE, np.uint8)).save(label, format="JPEG")
    assert "is a JPEG under another name, and cannot be trusted" in judgement(layout)


def test_what_does_no_harm_is_good_for_both(tmp_path):
    """Upper-case suffixes, hidden files, labels without an image, a JPEG beside a label."""
    layout = stills(tmp_path)
    for name in ("boat.png", "sea.png"):
        path = tmp_path / "labels" / name
        path.rename(path.with_suffix(".PNG"))
    for hidden in ("images/._boat.png", "labels/._boat.png"):
        (tmp_path / hidden).write_bytes(b"left by a file manager")
    save(tmp_path / "labels" / "harbour.png", BLANK)
    save(tmp_path / "labels" / "boat.jpg", frame(0))
    assert judgement(layout) is None


def test_a_part_without_stills_is_refused(tmp_path):
    images_and_labels(tmp_path, ("boat", "sea"))
    said = judgement(StillFolder(tmp_path, "camvid11", part="val"))
    assert "holds 2 stills, and every tenth is for part=val: there is none" in said
