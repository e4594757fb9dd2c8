"""Label maps and overlays."""

import numpy as np
from PIL import Image

from arseg_lightning.callbacks.prediction_writer import overlay, write_label
from arseg_lightning.datasets.classes import CAMVID11


def test_an_overlay_mixes_picture_and_class_colour():
    image = np.full((2, 2, 3), 100, np.uint8)
    label = np.array([[0, 8], [8, 255]], np.uint8)
    mixed = overlay(image, label, CAMVID11, opacity=0.5)
    assert mixed[0, 1].tolist() == [(100 + 64) // 2, 50, (100 + 128) // 2]
    assert mixed[1, 1].tolist() == [50, 50, 50]


def test_a_label_map_holds_indices_and_shows_colours(tmp_path):
    label = np.array([[0, 8], [10, 3]], np.uint8)
    write_label(label, CAMVID11, tmp_path / "label.png")
    with Image.open(tmp_path / "label.png") as image:
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image), label)
        assert np.asarray(image.convert("RGB"))[0, 1].tolist() == list(CAMVID11.palette[8])
