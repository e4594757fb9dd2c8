"""Image files as frames."""

import numpy as np
import pytest
from PIL import Image

from arseg_lightning.video.errors import VideoError
from arseg_lightning.video.images import image_files, read_image, read_images
from tests.video.small_videos import moving_frames


def write_images(folder, num_frames=6, ending="png", size=(64, 96)):
    folder.mkdir(exist_ok=True)
    for index, image in enumerate(moving_frames(num_frames, *size)):
        Image.fromarray(image).save(folder / f"{index:03d}.{ending}")
    return folder


@pytest.mark.parametrize("ending", ["png", "bmp", "ppm", "tif"])
def test_lossless_images_come_back_exactly(tmp_path, ending):
    images = read_images(image_files(write_images(tmp_path, ending=ending)))
    for image, original in zip(images, moving_frames(6), strict=True):
        np.testing.assert_array_equal(image, original)


@pytest.mark.parametrize("ending", ["jpg", "webp"])
def test_lossy_images_come_back_nearly(tmp_path, ending):
    images = read_images(image_files(write_images(tmp_path, ending=ending)))
    for image, original in zip(images, moving_frames(6), strict=True):
        assert np.abs(image.astype(int) - original).mean() < 6


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1"])
def test_every_kind_of_image_comes_as_rgb(tmp_path, mode):
    picture = Image.fromarray(next(moving_frames(1))).convert(mode)
    picture.save(tmp_path / "image.png")
    image = read_image(tmp_path / "image.png")
    np.testing.assert_allclose(image, np.asarray(picture.convert("RGB")), atol=2)


def test_files_come_by_name_and_others_are_left_out(tmp_path):
    write_images(tmp_path, 3)
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".001.png").touch()
    assert [path.name for path in image_files(tmp_path)] == ["000.png", "001.png", "002.png"]


def test_the_odd_one_out_is_named(tmp_path):
    write_images(tmp_path)
    Image.new("RGB", (32, 16)).save(tmp_path / "004.png")
    with pytest.raises(VideoError, match=r"004\.png is 16x32, 000\.png is 64x96.*--size"):
        list(read_images(image_files(tmp_path)))
    scaled = read_images(image_files(tmp_path), size=(48, 64))
    assert {image.shape for image in scaled} == {(48, 64, 3)}


def test_what_is_no_image_is_named(tmp_path):
    (tmp_path / "image.png").write_text("no image")
    with pytest.raises(VideoError, match=r"image\.png is not an image"):
        read_image(tmp_path / "image.png")
    with pytest.raises(FileNotFoundError, match=r"none\.png does not exist"):
        read_image(tmp_path / "none.png")
