"""A folder of one's own videos with masks: what it takes, and what it names as wrong."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from arseg_lightning.datasets import ClipAugment, ClipDataModule, VideoFolder
from arseg_lightning.datasets.check import check_split
from arseg_lightning.datasets.preparation import prepare_missing
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from tests.datasets.trees import SIZE, frame, save, video_and_labels

VIDEOS = Path(__file__).resolve().parents[3] / "shared" / "videos"
BOAT, MOORED = (255, 0, 0), (128, 0, 0)
CLASSES = """
names: [water, boat]
palette: [[0, 0, 255], [255, 0, 0]]
colour_coded: true
merged_colours: {boat: [[128, 0, 0]]}
void_colours: [[255, 255, 255]]
"""


@pytest.fixture
def classes(tmp_path):
    """Two classes by colours, one of which has two."""
    (tmp_path / "my.yaml").write_text(CLASSES)
    return str(tmp_path / "my.yaml")


@pytest.fixture
def coloured(tmp_path):
    """Videos of two rates, whose masks show a boat of either colour, and what is left out."""
    for name, colour, fps in (("lake", BOAT, 30), ("pier", MOORED, 12.5)):
        (tmp_path / "videos").mkdir(exist_ok=True)
        path = tmp_path / "videos" / f"{name}.mp4"
        frames = [frame(t).astype(np.uint8) for t in range(14)]
        encode_frames(frames, path, EncodeSettings(fps=fps))
        mask = np.full((*SIZE, 3), (0, 0, 255))
        mask[:12], mask[-12:] = colour, 255
        for index in (0, 6, 12, 13):
            save(tmp_path / "labels" / name / f"{index}.png", mask)
    return tmp_path


def test_masks_may_hold_colours_of_a_class_file(coloured, classes):
    lake, pier = VideoFolder(coloured, classes).videos()
    for video in (lake, pier):
        label = video.label(13, SIZE)
        assert (label[:12] == 1).all()
        assert (label[12:-12] == 0).all()
        assert (label[-12:] == 255).all()


def test_a_video_has_its_own_rate(coloured, classes):
    layout = VideoFolder(coloured, classes)
    assert [video.fps for video in layout.videos()] == [30, 12.5]
    line = "VideoFolder, labelled frames: 8 of 48x96 at 12.5, 30 fps"
    assert check_split(layout)[0] == line


def test_they_are_trained_and_tested_on(coloured, classes, tmp_path):
    data = ClipDataModule(
        train=VideoFolder(coloured, classes),
        test=VideoFolder(coloured, classes),
        store=tmp_path / "store",
        augment=ClipAugment((32, 48), (1.0,)),
        batch_size=2,
        num_workers=0,
    )
    prepare_missing(data.store, data.videos("test"))
    batch = next(iter(data.train_dataloader()))
    assert batch.images.shape == (2, 2, 3, 32, 48)
    assert {*batch.labels[:, 1].unique().tolist()} <= {0, 1, 255}
    frames = [each for clip in data.test_dataloader() for each in clip.frames]
    tested = [each.name for each in frames if each.label is not None]
    assert tested == [f"{name}/{t:06d}" for name in ("lake", "pier") for t in (0, 6, 12, 13)]


def test_masks_that_are_counted_from_1_are_refused_before_anything_runs(tmp_path):
    video_and_labels(tmp_path, labelled=range(1, 15))
    message = (
        r"drive\.mp4 has no frame 14; its frames are counted from 0 to 13, and "
        r".*drive/000014\.png belongs to none: rename .* \(each one less"
    )
    with pytest.raises(IndexError, match=message):
        VideoFolder(tmp_path, "camvid11").videos()


def _as_jpeg(root):
    path = root / "labels" / "drive" / "000012.png"
    Image.open(path).save(path.with_suffix(".JPG"), "JPEG")
    path.unlink()


def _grow(root):
    save(root / "labels" / "drive" / "000000.png", np.zeros((20, 10)))


def _cut_off(root):
    path = root / "videos" / "drive.mp4"
    path.write_bytes(path.read_bytes()[:2000])


def _unknown_class(root):
    save(root / "labels" / "drive" / "000012.png", np.full(SIZE, 77))


def _twice(root):
    save(root / "labels" / "drive" / "12.png", np.zeros(SIZE))


def _no_masks(root):
    (root / "labels").rename(root / "masks")


def _other_container(root):
    (root / "videos" / "drive.mp4").rename(root / "videos" / "drive.gif")


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (_as_jpeg, ValueError, r"000012\.JPG is no \.png, .*export the labels of drive\.mp4 as P"),
        (_grow, ValueError, r"000000\.png is 20x10 .* resize one of them"),
        (_cut_off, IndexError, r"drive\.mp4 has no frame 12; .*get the file again if it was cut"),
        (
            _unknown_class,
            ValueError,
            r"000012\.png holds the value\(s\) \[77\], .* use the class",
        ),
        (_twice, ValueError, r"000012\.png and 12\.png are labels of one frame; take one"),
        (_no_masks, FileNotFoundError, r"labels/drive is missing; labels of drive\.mp4 should be"),
        (_other_container, FileNotFoundError, r"videos holds no videos \(\.mp4, \.mkv"),
    ],
)
def test_what_is_wrong_is_named_with_the_remedy(tmp_path, spoil, error, message):
    video_and_labels(tmp_path)
    spoil(tmp_path)
    with pytest.raises(error, match=message):
        check_split(VideoFolder(tmp_path, "camvid11"))


def test_other_files_beside_masks_do_no_harm(tmp_path):
    video_and_labels(tmp_path)
    (tmp_path / "labels" / "drive" / "notes.txt").write_text("12 is blurred")
    save(tmp_path / "labels" / "drive" / "000012.jpg", frame(12))
    assert VideoFolder(tmp_path, "camvid11").videos()[0].labelled == (0, 12)


@pytest.mark.skipif(not VIDEOS.is_dir(), reason=f"no real videos in {VIDEOS}")
@pytest.mark.parametrize(
    ("name", "size", "fps", "last"),
    [
        ("dashcam_960x540", (540, 960), 25, 220),
        ("people_768x432_bframes", (432, 768), 10, 1393),
        ("traffic_768x432", (432, 768), 12.5, 376),
    ],
)
def test_real_videos_may_have_masks(tmp_path, name, size, fps, last):
    (tmp_path / "videos").symlink_to(VIDEOS)
    for path in VIDEOS.iterdir():
        index = last if path.stem == name else 0
        save(tmp_path / "labels" / path.stem / f"{index:06d}.png", np.zeros(size))
    videos = {video.name: video for video in VideoFolder(tmp_path, "camvid11").videos()}
    assert (videos[name].labelled, videos[name].fps) == ((last,), fps)
    assert videos[name].image(last).shape == (*size, 3)
    save(tmp_path / "labels" / name / f"{last + 1:06d}.png", np.zeros(size))
    with pytest.raises(IndexError, match=rf"{name}\.mp4 has no frame {last + 1}; .*to {last},"):
        VideoFolder(tmp_path, "camvid11").videos()
