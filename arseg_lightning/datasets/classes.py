"""Class sets: the names, colours and label spellings of known data sets, and of one's own."""

from __future__ import annotations

from pathlib import Path

from arseg_lightning.datasets.class_file import read_class_file
from arseg_lightning.types import RGB, ClassSet

__all__ = ["CAMVID11", "CAMVID12", "CITYSCAPES19", "DRIVING9", "class_set"]

_CAMVID_PALETTE: dict[str, RGB] = {
    "sky": (128, 128, 128),
    "building": (128, 0, 0),
    "pole": (192, 192, 128),
    "road": (128, 64, 128),
    "pavement": (0, 0, 192),
    "tree": (128, 128, 0),
    "sign": (192, 128, 128),
    "fence": (64, 64, 128),
    "car": (64, 0, 128),
    "pedestrian": (64, 64, 0),
    "bicyclist": (0, 128, 192),
}

# The published labels have 32 colours; the usual 11 classes merge these into those above.
_CAMVID_MERGED: dict[str, tuple[RGB, ...]] = {
    "building": ((64, 192, 0), (0, 128, 64), (64, 0, 64), (192, 0, 128)),
    "pole": ((0, 0, 64),),
    "road": ((128, 0, 192), (192, 0, 64)),
    "pavement": ((64, 192, 128), (128, 128, 192)),
    "tree": ((192, 192, 0),),
    "sign": ((128, 128, 64), (0, 64, 64)),
    "car": ((64, 128, 192), (192, 128, 192), (192, 64, 128), (128, 64, 64)),
    "pedestrian": ((192, 128, 64), (64, 0, 192), (64, 128, 64)),
    "bicyclist": ((192, 0, 192),),
}

_NAMES = tuple(_CAMVID_PALETTE)
_OWN_COLOURS = {colour: index for index, colour in enumerate(_CAMVID_PALETTE.values())}
_MERGED_COLOURS = {
    colour: _NAMES.index(name) for name, colours in _CAMVID_MERGED.items() for colour in colours
}

CAMVID11 = ClassSet(
    name="camvid11",
    names=_NAMES,
    palette=tuple(_CAMVID_PALETTE.values()),
    void_values=(11,),
    file_colours=_OWN_COLOURS | _MERGED_COLOURS,
)
"""The usual 11 classes: related colours are merged, void is left out."""

CAMVID12 = ClassSet(
    name="camvid12",
    names=(*_NAMES, "void"),
    palette=(*_CAMVID_PALETTE.values(), (0, 0, 0)),
    file_colours=_OWN_COLOURS | {(0, 0, 0): 11},
)
"""The paper's protocol: nothing is merged, and void (black) is a twelfth class that counts.

Source: THU-LYJ-Lab/AR-Seg, label conversion; its figures are not comparable with camvid11's.
"""

# Label id in gtFine's labelIds files and colour of each class that is trained.
_CITYSCAPES: dict[str, tuple[int, RGB]] = {
    "road": (7, (128, 64, 128)),
    "sidewalk": (8, (244, 35, 232)),
    "building": (11, (70, 70, 70)),
    "wall": (12, (102, 102, 156)),
    "fence": (13, (190, 153, 153)),
    "pole": (17, (153, 153, 153)),
    "traffic light": (19, (250, 170, 30)),
    "traffic sign": (20, (220, 220, 0)),
    "vegetation": (21, (107, 142, 35)),
    "terrain": (22, (152, 251, 152)),
    "sky": (23, (70, 130, 180)),
    "person": (24, (220, 20, 60)),
    "rider": (25, (255, 0, 0)),
    "car": (26, (0, 0, 142)),
    "truck": (27, (0, 0, 70)),
    "bus": (28, (0, 60, 100)),
    "train": (31, (0, 80, 100)),
    "motorcycle": (32, (0, 0, 230)),
    "bicycle": (33, (119, 11, 32)),
}

CITYSCAPES19 = ClassSet(
    name="cityscapes19",
    names=tuple(_CITYSCAPES),
    palette=tuple(colour for _, colour in _CITYSCAPES.values()),
    void_values=(0, 1, 2, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30),
    file_values={label_id: index for index, (label_id, _) in enumerate(_CITYSCAPES.values())},
)
"""The 19 of 34 labelled classes that the benchmark trains and evaluates; the rest is left out."""

DRIVING9 = ClassSet(
    name="driving9",
    names=("sky", "building", "road", "pavement", "tree", "pole", "sign", "car", "pedestrian"),
    palette=(
        (128, 180, 230),
        (150, 70, 60),
        (110, 90, 120),
        (230, 160, 200),
        (90, 150, 50),
        (250, 230, 90),
        (255, 130, 20),
        (40, 60, 200),
        (220, 20, 60),
    ),
)
"""The classes of the synthetic driving scene."""

_KNOWN = {classes.name: classes for classes in (CAMVID11, CAMVID12, CITYSCAPES19, DRIVING9)}


def class_set(name: str) -> ClassSet:
    """Find a class set by its name, or read one's own from a YAML file.

    A file looks like this (colours are optional; labels are single-channel images then)::

        names: [background, boat, buoy]  # or, by the values of the files, {0: background, 5: boat}
        palette: [[0, 0, 0], [255, 0, 0], [0, 255, 0]]
        void_values: [255]
        void_colours: [[255, 255, 255]]
        colour_coded: false

    Args:
        name: ``camvid11``, ``camvid12``, ``cityscapes19``, ``driving9``, or a YAML file's path.

    Raises:
        ValueError: If there is no such set or file, or the file lacks names.
    """
    if name in _KNOWN:
        return _KNOWN[name]
    path = Path(name)
    if not path.is_file():
        raise ValueError(
            f"no class set {name!r}: use one of {sorted(_KNOWN)}, or the path of a YAML file "
            f"with the keys names and (optional) palette, void_values, colour_coded"
        )
    return read_class_file(path)
