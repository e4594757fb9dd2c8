"""Label files: indices, colours, and every way in which they can be wrong."""

import numpy as np
import pytest
from PIL import Image

from arseg_lightning.datasets.classes import CAMVID11, CAMVID12, CITYSCAPES19, class_set
from arseg_lightning.datasets.labels import read_label
from arseg_lightning.datasets.lookup import colour_code, colour_codes, look_up
from arseg_lightning.video.images import read_image


def write(path, pixels):
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)
    return path


def test_indices_are_classes_and_void_is_left_out(tmp_path):
    path = write(tmp_path / "label.png", [[0, 10], [11, 255]])
    assert read_label(path, CAMVID11).tolist() == [[0, 10], [255, 255]]


def test_void_is_a_class_of_the_papers_protocol(tmp_path):
    path = write(tmp_path / "label.png", [[0, 10], [11, 255]])
    assert read_label(path, CAMVID12).tolist() == [[0, 10], [11, 255]]


def test_label_ids_are_mapped_to_the_classes_that_are_trained(tmp_path):
    path = write(tmp_path / "label.png", [[7, 33, 26], [0, 29, 255]])
    assert read_label(path, CITYSCAPES19).tolist() == [[0, 18, 13], [255, 255, 255]]


def test_a_value_that_is_no_label_id_is_refused(tmp_path):
    path = write(tmp_path / "label.png", [[7, 34], [200, 255]])
    with pytest.raises(ValueError, match=r"\[34, 200\], but cityscapes19 has the classes \[7, 8, "):
        read_label(path, CITYSCAPES19)


def test_values_of_any_width_are_refused_by_name(tmp_path):
    path = tmp_path / "label.tif"
    Image.fromarray(np.array([[0, 70_000], [1, 300]], np.int32)).save(path)
    with pytest.raises(ValueError, match=r"holds the value\(s\) \[300, 70000\], but camvid11"):
        read_label(path, CAMVID11)


def test_a_palette_image_holds_indices(tmp_path):
    image = Image.fromarray(np.array([[3, 1]], np.uint8))
    image.putpalette([0, 0, 0] * 256)
    image.save(tmp_path / "label.png")
    assert read_label(tmp_path / "label.png", CAMVID11).tolist() == [[3, 1]]


def test_related_colours_merge_in_the_usual_protocol_only(tmp_path):
    car, truck, lane, black = (64, 0, 128), (192, 128, 192), (128, 0, 192), (0, 0, 0)
    path = write(tmp_path / "NAME_L.png", [[car, truck, lane, black]])
    assert read_label(path, CAMVID11).tolist() == [[8, 8, 3, 255]]
    assert read_label(path, CAMVID12).tolist() == [[8, 255, 255, 11]]


def test_a_missing_label_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.png is missing; every labelled frame"):
        read_label(tmp_path / "gone.png", CAMVID11)


def test_a_label_of_another_size_is_refused(tmp_path):
    path = write(tmp_path / "label.png", [[0, 1]])
    with pytest.raises(ValueError, match=r"is 1x2 .* its frame is 4x4; .*resize one of them"):
        read_label(path, CAMVID11, size=(4, 4))


def test_a_value_beyond_the_classes_is_refused(tmp_path):
    path = write(tmp_path / "label.png", [[0, 19], [40, 255]])
    with pytest.raises(ValueError, match=r"value\(s\) \[19, 40\], but camvid11 has the classes 0"):
        read_label(path, CAMVID11)


def test_colours_of_another_data_set_are_refused(tmp_path):
    path = write(tmp_path / "label.png", [[(1, 2, 3), (4, 5, 6)]])
    with pytest.raises(
        ValueError,
        match=r"100% of .* has colours that camvid11 does not know, most of all \(1, 2, 3\), \(",
    ):
        read_label(path, CAMVID11)


def test_colours_without_a_colour_table_are_refused(tmp_path):
    path = write(tmp_path / "label.png", [[(1, 2, 3)]])
    with pytest.raises(ValueError, match="driving9 spells labels as single-channel"):
        read_label(path, class_set("driving9"))


def test_a_broken_image_is_named(tmp_path):
    (tmp_path / "label.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"label\.png is not an image that can be read"):
        read_image(tmp_path / "label.png")


TRUTH = np.zeros((24, 32), np.uint8)
TRUTH[4:10, 4:10] = 3
TRUTH[12:20, 10:30] = 8
COLOURS = np.array(CAMVID11.palette, np.uint8)[TRUTH]


@pytest.mark.parametrize("colours", [4, 16, 256])
def test_a_colour_coded_label_may_be_stored_with_a_palette(colours, tmp_path):
    image = Image.fromarray(COLOURS)
    image.convert("P", palette=Image.Palette.ADAPTIVE, colors=colours).save(tmp_path / "label.png")
    assert (read_label(tmp_path / "label.png", CAMVID11) == TRUTH).all()


def test_void_in_such_a_palette_is_left_out(tmp_path):
    black = COLOURS.copy()
    black[:2] = 0
    Image.fromarray(black).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "label.png")
    label = read_label(tmp_path / "label.png", CAMVID11)
    assert (label[:2] == 255).all()
    assert (label[2:] == TRUTH[2:]).all()


def test_a_palette_in_the_order_of_the_classes_says_the_same_twice(tmp_path):
    image = Image.fromarray(TRUTH, "L")
    image.putpalette(np.array(CAMVID11.palette, np.uint8).tobytes())
    image.save(tmp_path / "label.png")
    assert (read_label(tmp_path / "label.png", CAMVID11) == TRUTH).all()


def test_a_palette_of_other_colours_is_for_the_eye(tmp_path):
    image = Image.fromarray(TRUTH, "L")
    image.putpalette([each for i in range(256) for each in (i, 7, 7)])
    image.save(tmp_path / "label.png")
    assert (read_label(tmp_path / "label.png", CAMVID11) == TRUTH).all()


def test_a_label_of_nearly_unknown_colours_is_refused_with_the_commonest(tmp_path):
    pixels = np.full((10, 10, 3), 9, np.uint8)
    pixels[0, 0] = CAMVID11.palette[3]
    with pytest.raises(ValueError, match=r"99% of .* most of all \(9, 9, 9\).*under void_colours"):
        read_label(write(tmp_path / "label.png", pixels), CAMVID11)


def test_a_label_that_is_nearly_void_is_one(tmp_path):
    pixels = np.zeros((10, 10, 3), np.uint8)
    pixels[0, 0] = CAMVID11.palette[3]
    label = read_label(write(tmp_path / "label.png", pixels), CAMVID11)
    assert (label == 255).sum() == 99


def test_255_may_be_the_value_of_a_class(tmp_path):
    """The commonest masks there are: 0 and 255."""
    (tmp_path / "two.yaml").write_text("names: {0: background, 255: square}\n")
    path = write(tmp_path / "label.png", [[0, 255], [255, 0]])
    assert read_label(path, class_set(str(tmp_path / "two.yaml"))).tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("shape", [(13, 17), (40,), (1, 1), (0, 5)])
def test_colours_are_looked_up_one_by_one_however_they_lie(shape):
    colours = np.random.default_rng(0).choice(np.array([0, 0, 0, 7, 255], np.uint8), (*shape, 3))
    table = {colour_code((0, 0, 7)): 4, colour_code((255, 0, 0)): 2, colour_code((0, 0, 0)): 9}
    values, hit = look_up(colour_codes(colours), table)
    expected = [table.get(colour_code(colour)) for colour in colours.reshape(-1, 3).tolist()]
    assert values.shape == hit.shape == shape
    found = zip(values.ravel().tolist(), hit.ravel().tolist(), strict=True)
    assert [value if is_known else None for value, is_known in found] == expected
