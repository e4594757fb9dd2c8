"""Files for the evaluation server of Cityscapes: their names, their ids, and who may have them."""

import numpy as np
import pytest
from PIL import Image

from arseg_lightning.datasets.classes import CAMVID11, CITYSCAPES19, class_set
from arseg_lightning.methods import PerFrame
from arseg_lightning.streaming import Segmenter
from arseg_lightning.streaming.folder import segment_to_folder
from arseg_lightning.streaming.submission import CityscapesLabels, submitted_frames
from arseg_lightning.types import ClassSet
from tests.streaming.made import result
from tests.tiny import TinyNet

STILLS = [f"berlin_{sequence:06d}_000019_leftImg8bit" for sequence in range(3)]


def snippet(start=0, length=30):
    return [f"bonn_000002_{number:06d}_leftImg8bit" for number in range(start, start + length)]


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "berlin"
    folder.mkdir()
    for name in STILLS:
        Image.fromarray(np.zeros((32, 64, 3), np.uint8)).save(folder / f"{name}.png")
    return folder


def test_stills_are_all_submitted():
    expected = {index: f"berlin_{index:06d}_000019" for index in range(3)}
    assert submitted_frames(STILLS) == expected


def test_of_snippets_the_twentieth_frame_is():
    assert submitted_frames(snippet(275)) == {19: "bonn_000002_000294"}
    two = [*snippet(), *snippet(100)]
    assert submitted_frames(two) == {19: "bonn_000002_000019", 49: "bonn_000002_000119"}
    assert submitted_frames(snippet(length=60)) == {
        19: "bonn_000002_000019",
        49: "bonn_000002_000049",
    }


def test_a_part_of_a_snippet_is_frames():
    assert len(submitted_frames(snippet(length=29))) == 29


@pytest.mark.parametrize(
    "name", ["frame_000001", "berlin_0_19_leftImg8bit", "berlin_000000_000019"]
)
def test_other_images_are_refused_by_name(name):
    with pytest.raises(ValueError, match=rf"{name} is no image of Cityscapes: these are called CI"):
        submitted_frames([*STILLS, name])


def written(classes, images, folder):
    each = result(1, (2, 2))
    each.labels[:] = [[0, 1], [2, classes.num_classes - 1]]
    with CityscapesLabels(folder, classes, images) as output:
        output.write(each)
    (path,) = folder.iterdir()
    assert path.name == "berlin_000001_000019_pred_labelIds.png"
    with Image.open(path) as image:
        assert image.mode == "L"
        return np.asarray(image).tolist()


@pytest.mark.parametrize(
    ("classes", "ids"),
    [
        (CITYSCAPES19, [[7, 8], [11, 33]]),
        (class_set("cityscapes15"), [[7, 8], [11, 33]]),
        (class_set("synthia12"), [[7, 8], [11, 26]]),  # whose own ids are others
        (ClassSet("hub", ("car", "road", "sky"), ((0, 0, 0),) * 3), [[26, 7], [23, 23]]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_pixels_are_label_ids_by_the_names_of_the_classes(classes, ids, images, tmp_path):
    assert written(classes, images, tmp_path / "out") == ids


def test_classes_of_other_data_are_refused_by_name(images, tmp_path):
    message = r"camvid11 has classes that are none of Cityscapes \(pavement, tree, sign, pedestrian"
    with pytest.raises(ValueError, match=message):
        CityscapesLabels(tmp_path / "out", CAMVID11, images)


@pytest.mark.parametrize("source", ["-", "camera:0"])
def test_a_source_without_names_is_refused(source, tmp_path):
    with pytest.raises(ValueError, match=r"is no folder of them; give leftImg8bit/test/berlin"):
        CityscapesLabels(tmp_path / "out", CITYSCAPES19, source)


def test_a_folder_of_images_becomes_a_submission(images, tmp_path):
    own = Segmenter(PerFrame(19, TinyNet), CITYSCAPES19, device="cpu")
    outputs = {"outputs": ("cityscapes",)}
    record = segment_to_folder(own, images, tmp_path / "out", **outputs)
    folder = tmp_path / "out" / "cityscapes"
    assert record.outputs == (f"{folder} (3 frames)",)
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"berlin_{index:06d}_000019_pred_labelIds.png" for index in range(3)]
    with Image.open(folder / names[0]) as image:
        assert {*np.unique(np.asarray(image)).tolist()} <= {*CITYSCAPES19.file_values}
    (images / f"{STILLS[2]}.png").unlink()
    segment_to_folder(own, images, tmp_path / "out", overwrite=True, **outputs)
    assert len([*folder.iterdir()]) == 2
