"""Class sets: names, colours and label values of known data sets, and of YAML files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]  # what OmegaConf reads with

from arseg_lightning.messages import nearest
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

_DRIVING: dict[str, RGB] = {
    "sky": (128, 180, 230),
    "building": (150, 70, 60),
    "road": (110, 90, 120),
    "pavement": (230, 160, 200),
    "tree": (90, 150, 50),
    "pole": (250, 230, 90),
    "sign": (255, 130, 20),
    "car": (40, 60, 200),
    "pedestrian": (220, 20, 60),
}

DRIVING9 = ClassSet("driving9", tuple(_DRIVING), tuple(_DRIVING.values()))
"""The classes of the synthetic driving scene."""

_KNOWN = {classes.name: classes for classes in (CAMVID11, CAMVID12, CITYSCAPES19, DRIVING9)}

_KEYS = ("names", "palette", "void_values", "void_colours", "colour_coded")
_MOST_CLASSES = 255  # as labels are bytes, and 255 is left out
_MOST_VALUE = 65535  # of label files with 16 bits


def class_set(name: str) -> ClassSet:
    """Find a class set by its name, or read a custom one from a YAML file.

    A file looks like this (colours are optional; labels are single-channel images then)::

        names: [background, boat, buoy]  # or, by the values of the files, {0: background, 5: boat}
        palette: [[0, 0, 0], [255, 0, 0], [0, 255, 0]]
        void_values: [255]
        void_colours: [[255, 255, 255]]
        colour_coded: false

    Args:
        name: ``camvid11``, ``camvid12``, ``cityscapes19``, ``driving9``, or a YAML file's path.

    Raises:
        ValueError: If there is no such set or file, or a key, a type or a value in the file is
            wrong; the message names file, key and rule.
    """
    if name in _KNOWN:
        return _KNOWN[name]
    path = Path(name)
    if not path.is_file():
        raise ValueError(
            f"no class set {name!r}: use one of {sorted(_KNOWN)}, or the path of a YAML file "
            f"with the keys names and (optional) palette, void_values, colour_coded"
        )
    try:
        content = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except (OmegaConfBaseException, YAMLError) as error:
        raise ValueError(f"{path} is no YAML file: {error}") from error
    if not isinstance(content, dict) or not content.get("names"):
        raise ValueError(f"{path} should hold a list of class names under the key 'names'")
    try:
        return _from_content(path.stem, content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _from_content(name: str, content: dict[Any, Any]) -> ClassSet:
    """Build a class set from a file's content; each error names key, value and rule."""
    for key in content:
        if key not in _KEYS:
            near = nearest(str(key), _KEYS)
            hint = f"; {near[0]} is meant?" if near else ""
            raise _wrong(str(key), f"no such key{hint}", f"one of {', '.join(_KEYS)}")
    names, values = _class_names(content["names"])
    coded, colours = content.get("colour_coded", False), content.get("palette")
    if type(coded) is not bool:
        raise _wrong("colour_coded", repr(coded), "true or false")
    if coded and colours is None:
        rule = "for label files in the colours of a palette; add one"
        raise _wrong("colour_coded", coded, rule)
    palette = tuple(_distinct_colour(index) for index in range(len(names)))
    if colours is not None:
        palette = _colours("palette", colours)
        if len(palette) != len(names):
            raise _wrong("palette", f"{len(palette)} colours", f"{len(names)} colours")
    void_colours = _colours("void_colours", content.get("void_colours", [[0, 0, 0]]))
    both = [list(colour) for colour in void_colours if colour in palette]
    if "void_colours" in content and both:
        raise _wrong("void_colours", both, "no colour of a class")
    void_values, known = content.get("void_values", []), values or [*range(len(names))]
    rule = f"a list of whole numbers from 0 to {_MOST_VALUE}"
    if not isinstance(void_values, list):
        raise _wrong("void_values", repr(void_values), rule)
    for value in void_values:
        if not _are_values([value]):
            raise _wrong("void_values", repr(value), rule)
        if value in known:
            owner = names[known.index(value)]
            raise _wrong("void_values", value, f"no value of a class; it is that of {owner}")
    return ClassSet(
        name=name,
        names=names,
        palette=palette,
        void_values=tuple(void_values),
        file_values={value: index for index, value in enumerate(values)},
        file_colours={colour: i for i, colour in enumerate(palette)} if coded else {},
        void_colours=tuple(colour for colour in void_colours if colour not in palette),
    )


def _wrong(key: str, what: object, rule: str) -> ValueError:
    return ValueError(f"{key} is {what}, and has to be {rule}")


def _class_names(names: Any) -> tuple[tuple[str, ...], list[int]]:
    """Names of the classes, and their values in label files unless those are 0, 1, 2..."""
    values: list[int] = []
    if isinstance(names, dict):
        values, names = [*names], [*names.values()]
        if not _are_values(values):
            raise _wrong("names", values, f"by whole numbers from 0 to {_MOST_VALUE}")
    rule = (
        "a list of texts, one a class ([background, boat]), or values of the label files with "
        "their names ({0: background, 5: boat})"
    )
    if not isinstance(names, list):
        raise _wrong("names", repr(names), rule)
    for name in names:
        if not isinstance(name, str):
            raise _wrong("names", name, f'{rule}; in YAML, quote it: "{name}" (yes, no, 1)')
    if len(names) > _MOST_CLASSES:
        raise _wrong("names", f"{len(names)} classes", f"at most {_MOST_CLASSES}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _wrong("names", twice, "each name once")
    return tuple(names), [] if values == [*range(len(values))] else values


def _are_values(numbers: list[Any]) -> bool:
    """Whether label files may hold these values; type(), as bool is a kind of int."""
    return all(type(each) is int and 0 <= each <= _MOST_VALUE for each in numbers)


def _colours(key: str, rows: Any) -> tuple[RGB, ...]:
    """Check colours: three numbers each, none twice."""
    rule = "a list of colours [R, G, B], each from 0 to 255"
    if not isinstance(rows, list):
        raise _wrong(key, repr(rows), rule)
    for index, row in enumerate(rows):
        is_colour = isinstance(row, list) and len(row) == 3
        if not is_colour or not all(type(each) is int and 0 <= each <= 255 for each in row):
            raise _wrong(key, repr(row), rule)
        if row in rows[:index]:
            raise _wrong(key, row, "each colour once")
    return tuple((red, green, blue) for red, green, blue in rows)


def _distinct_colour(index: int) -> RGB:
    """A colour per index, far apart for small indices: the bits of the index, spread."""
    channels = [0, 0, 0]
    value = index + 1
    for bit in range(7, -1, -1):
        for channel in range(3):
            channels[channel] |= (value & 1) << bit
            value >>= 1
    return channels[0], channels[1], channels[2]
