"""COCO's instances, stuff and panoptic labels: what covers what, and what is refused."""

import numpy as np
import pytest

from arseg_lightning.datasets.label_sources import open_source
from arseg_lightning.datasets.label_sources.source import CROWD, UNLABELLED, label_names
from tests.datasets.label_sources.exports import (
    annotation,
    coco,
    square,
    write_json,
    write_panoptic,
)

WATER, BOAT = 0, 1  # by their ids, 3 and 7


def opened(tmp_path, annotations, **more):
    return open_source(write_json(tmp_path / "instances.json", coco(annotations, **more)))


def test_categories_are_in_the_order_of_their_ids(tmp_path):
    source = opened(tmp_path, [annotation(1, 7, [square(0, 0, 2)])])
    assert [category.name for category in source.categories] == ["water", "boat"]


def test_the_later_annotation_covers_the_earlier(tmp_path):
    annotations = [
        annotation(1, 3, {"counts": [0, 24], "size": [4, 6]}),
        annotation(1, 7, [square(1, 1, 2)], 2),
        annotation(1, 7, [square(4, 0, 1)], 3),
    ]
    (label,) = opened(tmp_path, annotations).labels()
    expected = np.full((4, 6), WATER)
    expected[1:3, 1:3] = expected[0, 4] = BOAT
    np.testing.assert_array_equal(label.pixels, expected)
    assert (label.name, label.covered) == ("a", 5)


def test_all_three_forms_of_a_mask_are_one(tmp_path):
    forms = [
        [square(1, 1, 2)],
        {"counts": [5, 2, 2, 2, 13], "size": [4, 6]},
        {"counts": "5220;", "size": [4, 6]},  # the fourth is 2 + 0, the fifth 2 + 11
    ]
    annotations = [annotation(number, 7, form) for number, form in enumerate(forms, start=1)]
    source = opened(tmp_path, annotations, names=("a.jpg", "b.jpg", "c.jpg"))
    polygon, runs, text = (label.pixels for label in source.labels())
    assert (polygon == BOAT).sum() == 4
    np.testing.assert_array_equal(polygon, runs)
    np.testing.assert_array_equal(polygon, text)


def test_a_crowd_is_marked_and_an_image_without_annotations_is_blank(tmp_path):
    runs = {"counts": [0, 24], "size": [4, 6]}
    source = opened(tmp_path, [annotation(1, 7, runs, iscrowd=1)], names=("a.jpg", "b.jpg"))
    crowd, blank = source.labels()
    assert (crowd.pixels == BOAT + CROWD).all()
    assert (blank.pixels == UNLABELLED).all()


def test_boxes_make_no_mask_and_are_counted(tmp_path):
    source = opened(tmp_path, [annotation(1, 7, [], bbox=[0, 0, 2, 2])])
    (label,) = source.labels()
    assert (label.pixels == UNLABELLED).all()
    assert source.left_out == {"annotations without a segmentation": 1}


WRONG = {
    "image": (
        [annotation(9, 7, [square(0, 0, 2)])],
        r"annotation 0 is of image 9, which the file does not list",
    ),
    "category": ([annotation(1, 8, [square(0, 0, 2)])], r"no category 8; the file lists \[3, 7\]"),
    "size": (
        [annotation(1, 7, {"counts": [24], "size": [6, 4]})],
        r"annotation 1 of a: the mask's size is \[6, 4\], and the image's is 4x6",
    ),
    "runs": (
        [annotation(1, 7, {"counts": [23], "size": [4, 6]})],
        r"annotation 1 of a: run lengths add up to 23 pixels",
    ),
    "polygon": ([annotation(1, 7, [[1, 2, 3]])], r"annotation 1 of a: a polygon is x0, y0"),
    "form": ([annotation(1, 7, {"size": [4, 6]})], r"segmentation: 'counts' is missing, and has"),
    "no image": ([{"category_id": 7}], r"annotation 0: 'image_id' is missing, and has to be a wh"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named_with_its_annotation(tmp_path, name):
    annotations, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        list(opened(tmp_path, annotations).labels())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"categories": []}, r"names no categories"),
        ({"categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]}, r"two categories calle"),
        ({"categories": [{"name": "a"}]}, r"categories: 'id' is missing"),
        ({"names": ("a.jpg", "a.png")}, r"names a more than once"),
        ({"names": ("../a.jpg",)}, r"names an image '../a.jpg', which is no file of a folder"),
        ({"size": (4, None)}, r"images: 'width' is missing, and has to be a whole number"),
    ],
)
def test_what_is_wrong_with_all_of_a_file_is_named_before_a_label_is_made(
    tmp_path, change, message
):
    with pytest.raises(ValueError, match=message):
        opened(tmp_path, [], **change)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["images\\1\\a.jpg", "images\\1\\b.png"], ["a", "b"]),
        (["street/1.jpg", "sea/1.jpg"], ["street/1", "sea/1"]),
        (["/data/x/1.2.jpg", "/data/3.jpg"], ["x/1.2", "3"]),
        ([], []),
    ],
)
def test_folders_that_all_images_share_are_no_part_of_the_labels_names(files, names):
    assert label_names(files, "f.json") == names


SEGMENTS = [
    {"id": 5, "category_id": 3, "iscrowd": 0},
    {"id": 70_000, "category_id": 7, "iscrowd": 1},
]


def test_a_panoptic_pixel_is_of_its_segments_category(tmp_path):
    path = write_panoptic(tmp_path, [[5, 5, 0], [70_000, 0, 5]], SEGMENTS)
    (label,) = open_source(path).labels()
    expected = [[WATER, WATER, UNLABELLED], [BOAT + CROWD, UNLABELLED, WATER]]
    assert label.pixels.tolist() == expected
    assert label.name == "a"


def test_the_folder_of_the_masks_may_be_named(tmp_path):
    path = write_panoptic(tmp_path, [[5]], SEGMENTS)
    (tmp_path / "panoptic").rename(tmp_path / "elsewhere")
    (label,) = open_source(path, tmp_path / "elsewhere").labels()
    assert label.pixels.tolist() == [[WATER]]
    with pytest.raises(FileNotFoundError, match=r"a\.png is missing.*name the folder .* --masks"):
        list(open_source(path).labels())


@pytest.mark.parametrize(
    ("ids", "segments", "message"),
    [
        ([[5, 6]], SEGMENTS, r"a\.png has pixels of the segments \[6\], which .* does not list"),
        ([[5]], [{"id": 5, "category_id": 4}], r"no category 4; the file lists \[3, 7\]"),
        ([[5]], [{"category_id": 3}], r"'id' is missing, and has to be a whole number"),
    ],
)
def test_segments_that_nobody_lists_are_refused(tmp_path, ids, segments, message):
    path = write_panoptic(tmp_path, ids, segments)
    with pytest.raises(ValueError, match=message):
        list(open_source(path).labels())
