"""The command ``labels``: what other tools export becomes what every layout reads."""

import numpy as np
import pytest
from PIL import Image

from arseg_lightning.cli import main
from arseg_lightning.datasets import StillFolder, VideoFolder, class_set
from arseg_lightning.datasets.labels import read_label
from tests.datasets.label_sources.exports import (
    annotation,
    coco,
    square,
    write_cvat,
    write_json,
    write_panoptic,
)
from tests.video.small_videos import write_video

CROWDED = {"counts": [0, 8, 16], "size": [4, 6]}
ANNOTATIONS = [
    annotation(1, 3, CROWDED, iscrowd=1),  # water: the left two columns
    annotation(1, 7, [square(1, 0, 2)], 2),  # a boat, half on it
]


@pytest.fixture
def source(tmp_path):
    return write_json(tmp_path / "a.json", coco(ANNOTATIONS, names=("a.jpg", "b.jpg")))


def labels(source, out, *words):
    return main(["labels", str(source), "--out", str(out), *words])


def values(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_categories_become_classes_and_a_class_set(source, tmp_path, capsys):
    labels(source, tmp_path / "labels")
    assert [path.name for path in (tmp_path / "labels").iterdir()] == ["a.png"]
    expected = np.full((4, 6), 255)
    expected[:, :2], expected[:2, 1:3] = 0, 1
    np.testing.assert_array_equal(values(tmp_path / "labels" / "a.png"), expected)
    classes = class_set(str(tmp_path / "labels.yaml"))
    assert classes.names == ("water", "boat")
    assert capsys.readouterr().out == (
        f"{tmp_path / 'labels'}: 1 labels, 2 classes ({tmp_path / 'labels.yaml'})\n"
        f"  58.3% of the pixels are left out\n"
        f"  8.3% had annotations of two classes; the later one counts\n"
        f"  1 images without annotations got no label (--background)\n"
    )


def test_a_background_is_a_class_of_its_own_and_labels_every_image(source, tmp_path):
    labels(source, tmp_path / "labels", "--background", "sky")
    assert class_set(str(tmp_path / "labels.yaml")).names == ("sky", "water", "boat")
    assert (values(tmp_path / "labels" / "b.png") == 0).all()
    assert values(tmp_path / "labels" / "a.png").tolist()[3] == [1, 1, 0, 0, 0, 0]


def test_crowds_may_be_left_out(source, tmp_path):
    labels(source, tmp_path / "labels", "--crowd", "void")
    assert np.unique(values(tmp_path / "labels" / "a.png")).tolist() == [1, 255]


def test_classes_go_by_names_and_labels_hold_their_values(source, tmp_path):
    mine = tmp_path / "mine.csv"
    mine.write_text("name,value\nboat,700\nwater,3\nwater,4\n")
    labels(source, tmp_path / "labels", "--classes", str(mine))
    assert not (tmp_path / "labels.yaml").exists()
    found = values(tmp_path / "labels" / "a.png")
    assert np.unique(found).tolist() == [3, 255, 700]
    read = read_label(tmp_path / "labels" / "a.png", class_set(str(mine)))
    np.testing.assert_array_equal(read, np.select([found == 700, found == 3], [0, 1], 255))


def test_categories_that_are_no_class_are_refused_or_left_out(source, tmp_path):
    (tmp_path / "boats.yaml").write_text("names: [background, boat]\n")
    words = ["--classes", str(tmp_path / "boats.yaml")]
    with pytest.raises(ValueError, match=r"no class of boats: water; .* --others void"):
        labels(source, tmp_path / "labels", *words)
    assert not (tmp_path / "labels").exists()
    labels(source, tmp_path / "labels", *words, "--others", "void")
    found = values(tmp_path / "labels" / "a.png")
    assert found[:, :3].tolist() == [[255, 1, 1], [255, 1, 1], [255, 255, 0], [255, 255, 0]]


def test_what_goes_wrong_on_the_way_leaves_nothing(tmp_path):
    wrong = annotation(2, 7, [square(0, 0, 2)], 3) | {"category_id": 9}
    source = write_json(tmp_path / "a.json", coco([*ANNOTATIONS, wrong], names=("a.jpg", "b.jpg")))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=r"annotation 3 of b: there is no category 9"):
        labels(source, tmp_path / "labels")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["labels", "labels.yaml"])
def test_what_is_there_stays(source, tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(FileExistsError, match=rf"{name} exists; name another folder"):
        labels(source, tmp_path / "labels")


def test_a_source_without_a_mask_is_refused(tmp_path):
    source = write_json(tmp_path / "a.json", coco([annotation(1, 7, [])]))
    with pytest.raises(ValueError, match=r"a\.json holds no annotation that makes a label"):
        labels(source, tmp_path / "labels")


def test_too_many_categories_are_refused_with_the_remedy(tmp_path):
    categories = [{"id": number, "name": f"c{number}"} for number in range(300)]
    source = write_json(tmp_path / "a.json", coco([], categories=categories))
    with pytest.raises(ValueError, match=r"300 categories, and a label file can tell 255 apart; g"):
        labels(source, tmp_path / "labels")


def test_panoptic_labels_train_as_stills(tmp_path):
    segments = [{"id": 9, "category_id": 3}, {"id": 8, "category_id": 7}]
    source = write_panoptic(tmp_path / "export", [[9, 8, 0]] * 2, segments)
    labels(source, tmp_path / "labels")
    (tmp_path / "images").mkdir()
    Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(tmp_path / "images" / "a.jpg")
    (still,) = StillFolder(tmp_path, str(tmp_path / "labels.yaml")).videos()
    assert still.label(still.labelled[0], (2, 3)).tolist() == [[0, 1, 255]] * 2


def test_masks_of_cvat_keep_their_colours_and_their_background(tmp_path):
    pixels = [[(0, 0, 0), (9, 8, 7)]]
    source = write_cvat(tmp_path / "export", pixels, "background:0,0,0::\nboat:9,8,7::\n")
    labels(source, tmp_path / "labels")
    with Image.open(tmp_path / "labels" / "a.png") as image:
        assert np.asarray(image).tolist() == [[0, 1]]
        assert np.asarray(image.convert("RGB")).tolist() == [[[0, 0, 0], [9, 8, 7]]]
    (tmp_path / "boats.yaml").write_text("names: [boat]\n")
    labels(source, tmp_path / "boats", "--classes", str(tmp_path / "boats.yaml"))
    assert values(tmp_path / "boats" / "a.png").tolist() == [[255, 0]]


def test_folders_of_images_are_the_videos_of_a_video_folder(tmp_path):
    names = [f"{video}/frame_{index:06d}.jpg" for video in ("sea", "lake") for index in (0, 3)]
    annotations = [annotation(number, 7, [square(0, 0, 9)]) for number in range(1, 5)]
    source = write_json(tmp_path / "a.json", coco(annotations, names, (64, 96)))
    labels(source, tmp_path / "labels")
    (tmp_path / "videos").mkdir()
    for name in ("sea", "lake"):
        write_video(tmp_path / "videos" / f"{name}.mp4", 4)
    lake, sea = VideoFolder(tmp_path, str(tmp_path / "labels.yaml")).videos()
    assert lake.labelled == sea.labelled == (0, 3)
