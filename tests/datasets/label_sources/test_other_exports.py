"""CVAT's masks, Label Studio's JSON, and finding out what an export is."""

import json
import shutil

import numpy as np
import pytest

from arseg_lightning.datasets.label_sources import open_source
from arseg_lightning.datasets.label_sources.label_studio import brush_values
from arseg_lightning.datasets.label_sources.source import UNLABELLED
from tests.datasets.label_sources.exports import (
    annotation,
    brush,
    coco,
    packed,
    sized,
    square,
    task,
    write_cvat,
    write_json,
    write_panoptic,
)

LABEL_MAP = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nboat:250,50,83::\n"
PIXELS = [[(0, 0, 0), (250, 50, 83)]]


def test_a_colour_of_the_label_map_is_its_category(tmp_path):
    source = open_source(write_cvat(tmp_path, PIXELS, LABEL_MAP))
    assert source.categories == (("background", (0, 0, 0)), ("boat", (250, 50, 83)))
    (label,) = source.labels()
    assert (label.name, label.pixels.tolist()) == ("a", [[0, 1]])


@pytest.mark.parametrize(
    ("label_map", "message"),
    [
        ("background:0,0,0::\n", r"a\.png has pixels of the colour \[250, 50, 83\], of which"),
        (LABEL_MAP + "sea:250,50,83::", r"line 4: sea has the colour of boat"),
        (LABEL_MAP + "boat:1,2,3::", r"two categories called 'boat'"),
        ("boat\n", r"line 1: 'boat' is not NAME:R,G,B:PARTS:ACTIONS"),
        ("boat:1,2,300::\n", r"line 1: .* is not NAME:R,G,B:PARTS:ACTIONS"),
        ("", r"names no categories"),
    ],
)
def test_a_label_map_that_does_not_fit_is_refused(tmp_path, label_map, message):
    with pytest.raises(ValueError, match=message):
        list(open_source(write_cvat(tmp_path, PIXELS, label_map)).labels())


def test_a_brush_stroke_by_hand():
    """Five values: 9, 9, 9 as a block that repeats, then 1 and 2 as they are."""
    header = f"{5:032b}" + f"{7:05b}" + "0010" + "0011" + "0111" + "1111"
    blocks = "1" + "00" + "010" + f"{9:08b}" + "0" + "01" + "0001" + f"{1:08b}{2:08b}"
    bits = f"{header}{blocks}"
    bits += "0" * (-len(bits) % 8)
    data = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    assert brush_values(data).tolist() == [9, 9, 9, 1, 2]
    with pytest.raises(ValueError, match=r"a brush stroke of \d+ bytes ends too early"):
        brush_values(data[:-2])


def test_brush_strokes_of_any_runs_are_unpacked():
    generator = np.random.default_rng(0)
    for _ in range(20):
        runs = generator.integers(1, 400, 30)
        values = np.repeat(generator.integers(0, 256, 30), runs)
        np.testing.assert_array_equal(brush_values(bytes(packed(values))), values)


def test_regions_of_label_studio_are_painted_in_their_order(tmp_path):
    mask = np.zeros((10, 20), bool)
    mask[2:8, 3:12] = True
    mask[4, 5] = False  # a hole
    points = [[0, 0], [25, 0], [25, 100], [0, 100]]  # per cent: the left five columns
    polygon = {"type": "polygonlabels", "value": {"points": points, "polygonlabels": ["sea"]}}
    results = [brush(mask, "boat"), polygon | sized((10, 20)), {"type": "choices", "value": {}}]
    source = open_source(write_json(tmp_path / "project.json", [task(results)]))
    assert [category.name for category in source.categories] == ["boat", "sea"]
    (label,) = source.labels()
    expected = np.where(mask, 0, UNLABELLED)
    expected[:, :5] = 1
    np.testing.assert_array_equal(label.pixels, expected)
    assert (label.name, source.left_out) == ("a", {"results of the kind choices": 1})


def test_of_several_annotations_the_ground_truth_counts(tmp_path):
    mask = np.ones((2, 3), bool)
    one, other = task([brush(mask, "boat")]), task([brush(mask, "sea")], ground_truth=True)
    one["annotations"] += other["annotations"]
    source = open_source(write_json(tmp_path / "project.json", [one]))
    assert [category.name for category in source.categories] == ["sea"]


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("s3://bucket/folder/a%20b.jpg", "a b"),
        ("/data/local-files/?d=folder/c.png", "c"),
        ("https://x.org/d.jpeg?token=1", "d"),
    ],
)
def test_a_task_is_called_after_its_image(tmp_path, image, name):
    results = [brush(np.ones((2, 3), bool), "boat")]
    source = open_source(write_json(tmp_path / "project.json", [task(results, image)]))
    assert [label.name for label in source.labels()] == [name]


BOAT = brush(np.ones((2, 3), bool), "boat")


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([{"id": 1, "image": "a.jpg", "tag": []}], r'export the project as "JSON" \(not "JSON-MIN'),
        ([task([BOAT]) | {"data": {"text": "a"}}], r"task 1: its data name no image"),
        ([task([BOAT | sized((2, 4))])], r"a: a brush stroke has 24 values, and an image of 2x4"),
        ([task([BOAT | {"image_rotation": 90}])], r"was turned while it was labelled"),
        ([task([BOAT]), task([BOAT], number=2)], r"names a more than once"),
        ([task([])], r"names no categories"),
        (
            [task([BOAT]) | {"annotations": 2 * task([BOAT])["annotations"]}],
            r"task 1 has 2 annotations, .* mark one as ground truth",
        ),
    ],
)
def test_what_is_wrong_with_a_task_is_named(tmp_path, tasks, message):
    path = write_json(tmp_path / "project.json", tasks)
    with pytest.raises(ValueError, match=message):
        list(open_source(path).labels())


def written(kind, folder):
    if kind == "cvat":
        return write_cvat(folder, PIXELS, LABEL_MAP)
    if kind == "panoptic":
        write_panoptic(folder / "annotations", [[5]], [{"id": 5, "category_id": 3}])
    else:
        content = coco([annotation(1, 7, [square(0, 0, 2)])])
        write_json(
            folder / ("result.json" if kind == "label studio" else "annotations/a.json"), content
        )
    return folder


@pytest.mark.parametrize("kind", ["cvat", "panoptic", "cvat coco", "label studio"])
def test_a_zip_file_is_what_its_folder_is(tmp_path, kind):
    folder = written(kind, tmp_path / "export")
    zipped = shutil.make_archive(str(tmp_path / "zipped"), "zip", folder)
    for path in (folder, tmp_path / zipped):
        source = open_source(path)
        (label,) = source.labels()
        assert label.name == "a"
        assert (label.pixels != UNLABELLED).any()


def test_what_is_no_export_is_refused_with_what_would_be_one(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone is missing; give a JSON file of COCO"):
        open_source(tmp_path / "gone")
    with pytest.raises(ValueError, match=r"holds no annotations; give a JSON file of COCO"):
        open_source(tmp_path)
    (tmp_path / "annotations.xml").touch()
    with pytest.raises(ValueError, match=r'export the task as "Segmentation mask 1.1" or "COCO'):
        open_source(tmp_path)
    (tmp_path / "a.json").write_text(json.dumps({"names": 1}))
    with pytest.raises(ValueError, match=r"a\.json holds no annotations"):
        open_source(tmp_path)
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(ValueError, match=r"holds several JSON files: a\.json, b\.json; give one"):
        open_source(tmp_path)
    with pytest.raises(ValueError, match=r"b\.json is no JSON file"):
        open_source(tmp_path / "b.json")
    (tmp_path / "a.txt").touch()
    with pytest.raises(ValueError, match=r"a\.txt is neither a JSON nor a ZIP file"):
        open_source(tmp_path / "a.txt")
