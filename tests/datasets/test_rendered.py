"""Layouts of rendered videos, on made trees: VIPER and SYNTHIA."""

from fractions import Fraction

import av
import numpy as np
import pytest

from arseg_lightning.datasets import Cityscapes, SynthiaSequences, Viper, class_set
from arseg_lightning.datasets.check import check_split
from arseg_lightning.datasets.labels import read_label
from tests.datasets.trees import SIZE, cityscapes_snippet, frame, save

CAMERA = "Stereo_Left/Omni_F"


def viper(root, label, sequence="007", numbers=range(1, 14), labelled=(10,)):
    for t in numbers:
        save(root / f"train/img/{sequence}/{sequence}_{t:05d}.jpg", frame(t))
    for t in labelled:
        save(root / f"train/cls/{sequence}/{sequence}_{t:05d}.png", label)


def save_wide(path, indices):
    """An RGB image with 16 bits a channel: class, instance, nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((*indices.shape, 3), np.uint16)
    pixels[..., 0], pixels[..., 1] = indices, 300
    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width = indices.shape
    encoder.pix_fmt, encoder.time_base = "rgb48be", Fraction(1, 25)
    picture = av.VideoFrame.from_ndarray(pixels, format="rgb48le")
    packets = [*encoder.encode(picture.reformat(format="rgb48be")), *encoder.encode(None)]
    path.write_bytes(b"".join(bytes(packet) for packet in packets))


def synthia(root, name="SYNTHIA-SEQS-04-DAWN", num_frames=3):
    label = np.full(SIZE, 3)
    label[:10], label[30:] = 12, 8
    for t in range(num_frames):
        save(root / name / "RGB" / CAMERA / f"{t:06d}.png", frame(t))
        save_wide(root / name / "GT/LABELS" / CAMERA / f"{t:06d}.png", label)


def cars():
    """A road with a car in the middle of its lowest row, and another one."""
    label = np.full(SIZE, 3)
    label[-8:, 20:70], label[5:15, 5:15] = 24, 24
    return label


def test_vipers_own_vehicle_is_left_out(tmp_path):
    viper(tmp_path, cars())
    video = Viper(tmp_path).videos()[0]
    assert (video.name, video.length, video.labelled) == ("007", 13, (9,))
    label = video.label(9, SIZE)
    assert (label[-8:, 20:70] == 255).all()
    assert (label[5:15, 5:15] == class_set("viper15").names.index("car")).all()
    kept = Viper(tmp_path, ego_vehicle=True).videos()[0].label(9, SIZE)
    assert (kept == 255).sum() == 0


def test_vipers_labels_may_be_colours(tmp_path):
    colours = np.zeros((*SIZE, 3))
    colours[:20], colours[20:30], colours[30:40] = (87, 182, 35), (35, 142, 35), (220, 20, 60)
    viper(tmp_path, colours)
    label = Viper(tmp_path).videos()[0].label(9, SIZE)
    names = class_set("viper15").names
    assert (label[:30] == names.index("vegetation")).all()
    assert (label[30:40] == names.index("person")).all()
    assert (label[40:] == 255).all()


def test_all_ids_of_the_sources_are_classes_or_void():
    for name, number in (("viper15", 32), ("synthia12", 16), ("cityscapes15", 34)):
        known = class_set(name)
        assert {*known.file_values} | {*known.void_values} == {*range(number)}


@pytest.mark.parametrize(
    ("source", "target"), [("viper15", "cityscapes15"), ("synthia12", "cityscapes12")]
)
def test_source_and_target_have_the_same_classes(source, target):
    assert class_set(source).names == class_set(target).names


def test_cityscapes_has_fewer_classes_for_adaptation(tmp_path):
    cityscapes_snippet(tmp_path, "aachen_000000_000019")
    label = Cityscapes(tmp_path, "train", classes="cityscapes12").videos()[0].label(19, SIZE)
    assert [class_set("cityscapes12").names[label[row, 0]] for row in (0, 20)] == ["car", "road"]


def test_synthias_labels_are_the_first_channel_of_16_bits(tmp_path):
    synthia(tmp_path)
    video = SynthiaSequences(tmp_path, cut_rows=8).videos()[0]
    size = SIZE[0] - 8, SIZE[1]
    assert (video.image(2) == frame(2)[:-8]).all()
    label = video.label(2, size)
    names = class_set("synthia12").names
    assert label.shape == size
    assert [names[label[row, 0]] for row in (10, 30)] == ["road", "car"]
    assert (label[:10] == 255).all()


def test_a_cut_is_another_video(tmp_path):
    synthia(tmp_path)
    one, other = (SynthiaSequences(tmp_path, cut_rows=cut).videos()[0] for cut in (0, 8))
    assert one.identity != other.identity


def test_the_sources_can_be_checked(tmp_path):
    viper(tmp_path, cars())
    synthia(tmp_path / "synthia")
    assert "labelled frames: 1 of 48x96 at 15 fps" in check_split(Viper(tmp_path))[0]
    layout = SynthiaSequences(tmp_path / "synthia", ["SYNTHIA-SEQS-04-DAWN"], cut_rows=8)
    assert "labelled frames: 3 of 40x96" in check_split(layout)[0]


def test_a_missing_frame_is_named(tmp_path):
    viper(tmp_path, cars(), numbers=[1, 2, 4, 10])
    with pytest.raises(FileNotFoundError, match=r"no frame between 007_00002\.jpg and 007_00004"):
        Viper(tmp_path).videos()


def test_empty_folders_say_what_belongs_there(tmp_path):
    (tmp_path / "train/cls").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"holds no folder of a sequence, such as 001"):
        Viper(tmp_path).videos()
    with pytest.raises(FileNotFoundError, match=r"holds no sequence, such as SYNTHIA-SEQS-04-DAWN"):
        SynthiaSequences(tmp_path).videos()


def test_colours_of_16_bits_are_no_black_labels(tmp_path):
    """Pillow reads their high bytes, which are all 0."""
    save_wide(tmp_path / "label.png", np.full(SIZE, 9))
    label = read_label(tmp_path / "label.png", class_set("synthia12"))
    assert (label == class_set("synthia12").names.index("traffic sign")).all()
