"""Image files as frames."""

import numpy as np
import pytest
from PIL import Image

from arseg_lightning.video.errors import VideoError
from arseg_lightning.video.images import image_files, image_size, read_image
from tests.video.small_videos import moving_frames


def write_images(folder, num_frames=6, ending="png", size=(64, 96)):
    folder.mkdir(exist_ok=True)
    for index, image in enumerate(moving_frames(num_frames, *size)):
        Image.fromarray(image).save(folder / f"{index:03d}.{ending}")
    return folder


@pytest.mark.parametrize("ending", ["png", "bmp", "ppm", "tif"])
def test_lossless_images_come_back_exactly(tmp_path, ending):
    images = map(read_image, image_files(write_images(tmp_path, ending=ending)))
    for image, original in zip(images, moving_frames(6), strict=True):
        np.testing.assert_array_equal(image, original)


@pytest.mark.parametrize("ending", ["jpg", "webp"])
def test_lossy_images_come_back_nearly(tmp_path, ending):
    images = map(read_image, image_files(write_images(tmp_path, ending=ending)))
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


def test_an_image_is_scaled_on_request(tmp_path):
    write_images(tmp_path, 1)
    assert read_image(image_files(tmp_path)[0], size=(48, 64)).shape == (48, 64, 3)


def test_what_is_no_image_is_named(tmp_path):
    (tmp_path / "image.png").write_text("no image")
    with pytest.raises(VideoError, match=r"image\.png is not an image"):
        read_image(tmp_path / "image.png")
    with pytest.raises(FileNotFoundError, match=r"none\.png is missing"):
        read_image(tmp_path / "none.png")


RAMP = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (32, 1))


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_16_bits_are_brought_to_8_by_their_full_range(ending, tmp_path):
    Image.fromarray(RAMP.astype(np.uint16) * 257).save(tmp_path / f"a.{ending}")
    assert (read_image(tmp_path / f"a.{ending}") == RAMP[..., None]).all()


def test_values_without_a_range_are_refused(tmp_path):
    Image.fromarray(RAMP.astype(np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(VideoError, match=r"a\.tif holds floating-point values"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_stand_as_their_camera_says(orientation, tmp_path):
    """What EXIF calls an orientation is how the stored picture has to be turned to stand."""
    upright = np.dstack([RAMP, RAMP.clip(64, 128), np.full_like(RAMP, 20)])
    upright[:8, :8] = 255
    turns = {
        1: lambda x: x,
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.swapaxes(0, 1),
        6: lambda x: np.rot90(x),
        7: lambda x: np.rot90(x, 2).swapaxes(0, 1),
        8: lambda x: np.rot90(x, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(turns[orientation](upright)))
    stored.save(tmp_path / "a.png", exif=exif)
    assert (read_image(tmp_path / "a.png") == upright).all()
    assert image_size(tmp_path / "a.png") == (32, 64)


def test_numbers_come_in_natural_order(tmp_path):
    for index in (1, 2, 10, 14):
        Image.new("RGB", (16, 16)).save(tmp_path / f"img{index}.png")
    names = [path.name for path in image_files(tmp_path)]
    assert names == ["img1.png", "img2.png", "img10.png", "img14.png"]


def test_a_truncated_image_is_named(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(VideoError, match=r"a\.jpg ends too early or is damaged .*; replace it"):
        read_image(tmp_path / "a.jpg")
