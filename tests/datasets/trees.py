"""Made trees of known data sets, with tiny images."""

import numpy as np
from PIL import Image

from arseg_lightning.datasets.classes import CAMVID11
from arseg_lightning.video.encode import EncodeSettings, encode_frames

SIZE = (48, 96)
ROAD, CAR, EGO = 7, 26, 1


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)


def frame(t):
    """A coarse pattern that moves by two pixels a frame."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.stack([(x + 2 * t) * 2, y * 4, (x + 2 * t) // 16 % 2 * 200], axis=-1) % 256


def images_and_labels(root, names, value=0):
    """Images with labels of one class."""
    for t, name in enumerate(names):
        save(root / "images" / f"{name}.png", frame(t))
        save(root / "labels" / f"{name}.png", np.full(SIZE, value))


def video_and_labels(root, name="drive", num_frames=14, labelled=(0, 12)):
    """A video with labels of some of its frames."""
    (root / "videos").mkdir(parents=True, exist_ok=True)
    images = [frame(t).astype(np.uint8) for t in range(num_frames)]
    encode_frames(images, root / "videos" / f"{name}.mp4", EncodeSettings())
    for index in labelled:
        save(root / "labels" / name / f"{index:06d}.png", np.zeros(SIZE))


def camvid_stills(root, split="train", numbers=(30, 60)):
    """Stills of one drive with labels that are half car, half void."""
    label = np.zeros((*SIZE, 3))
    label[: SIZE[0] // 2] = 64, 0, 128
    for number in numbers:
        save(root / split / f"Seq05VD_f{number:05d}.png", frame(number))
        save(root / f"{split}_labels" / f"Seq05VD_f{number:05d}_L.png", label)


def camvid_run(root, numbers, split="val"):
    """Stills of 0016E5, one class each, in the published colours."""
    for index, number in enumerate(numbers):
        colour = CAMVID11.palette[index % CAMVID11.num_classes]
        save(root / split / f"0016E5_{number:05d}.png", frame(index))
        label = np.full((*SIZE, 3), colour)
        save(root / f"{split}_labels" / f"0016E5_{number:05d}_L.png", label)


def camvid_recording(root, num_frames=64):
    """The recording that the stills are from."""
    path = root / "videos" / "0005VD.MXF"
    path.parent.mkdir(exist_ok=True)
    images = [frame(t).astype(np.uint8) for t in range(num_frames)]
    encode_frames(images, path.with_suffix(".mp4"), EncodeSettings())
    path.with_suffix(".mp4").rename(path)


def cityscapes_label():
    """Label ids: a car on a road, and the own car, which is void."""
    pixels = np.full(SIZE, ROAD)
    pixels[:16], pixels[40:] = CAR, EGO
    return pixels


def cityscapes_image(root, name, package="leftImg8bit_sequence", split="train", ending=".png"):
    """Path of an image."""
    return root / package / split / name.split("_")[0] / f"{name}_leftImg8bit{ending}"


def cityscapes_snippet(root, name, split="train", ending=".png"):
    """30 frames around a labelled one, and its label."""
    prefix, number = name.rsplit("_", 1)
    for offset in range(-19, 11):
        neighbour = f"{prefix}_{int(number) + offset:06d}"
        save(cityscapes_image(root, neighbour, split=split, ending=ending), frame(offset + 19))
    label = root / "gtFine" / split / name.split("_")[0] / f"{name}_gtFine_labelIds.png"
    save(label, cityscapes_label())


def pseudo_labels(root, name, split="train", value=CAR):
    """A network's label ids for the 30 frames around a labelled one."""
    prefix, number = name.rsplit("_", 1)
    for offset in range(-19, 11):
        neighbour = f"{prefix}_{int(number) + offset:06d}"
        save(cityscapes_image(root, neighbour, "pseudo", split), np.full(SIZE, value))
