"""Class sets: names, colours and label values, from files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from arseg_lightning.datasets.class_files import read_class_file
from arseg_lightning.types import RGB, ClassSet

__all__ = ["CAMVID11", "CAMVID12", "CITYSCAPES19", "DRIVING9", "class_set", "class_set_of"]
__all__ += ["distinct_colour"]

_KNOWN = {path.stem: path for path in Path(__file__).with_name("class_sets").glob("*.yaml")}
_KEYS = (
    *("names", "palette", "void_values", "void_colours"),
    *("colour_coded", "merged_values", "merged_colours"),
)
_MOST_CLASSES = 255  # as labels are bytes, and 255 is left out
_MOST_VALUE = 65535  # of label files with 16 bits
_VALUES = f"a list of whole numbers from 0 to {_MOST_VALUE}"
_COLOURS = "a list of colours [R, G, B], each from 0 to 255 and none twice"


def class_set(name: str) -> ClassSet:
    """Find a class set by its name, or read a custom one from a YAML, JSON or CSV file.

    A YAML file looks like this (colours are optional; labels are single-channel images then)::

        names: [background, boat, buoy]  # or, by the values of the files, {0: background, 5: boat}
        palette: [[0, 0, 0], [255, 0, 0], [0, 255, 0]]
        void_values: [255]
        void_colours: [[255, 255, 255]]
        colour_coded: false
        merged_colours: {boat: [[128, 0, 0], [64, 0, 0]]}  # further colours of a class
        merged_values: {boat: [6, 7]}  # further values of a class

    A JSON file has the same keys. A CSV file has a line a class, under the columns ``name``, and
    any of ``value``, ``colour`` (or ``r``, ``g``, ``b``) and ``evaluated``: what is not evaluated
    is void, a name that comes again has a further value or colour. Where there are colours and no
    values, labels are coloured; where there is neither, values count the lines from 0.

    Args:
        name: Such as ``camvid11``, ``camvid12`` or ``cityscapes19``, or a file's path.

    Raises:
        ValueError: If there is no such set or file, or a key, a type or a value in the file is
            wrong; the message names file, key and rule.
    """
    path = _KNOWN.get(name, Path(name))
    if not path.is_file():
        raise ValueError(
            f"no class set {name!r}: use one of {sorted(_KNOWN)}, or the path of a YAML file (or "
            f"JSON, CSV) with the keys names and (optional) {', '.join(_KEYS[1:])}"
        )
    content = read_class_file(path)
    if not isinstance(content, dict) or not content.get("names"):
        raise ValueError(f"{path} should hold a list of class names under the key 'names'")
    try:
        return class_set_of(path.stem, content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def class_set_of(name: str, content: dict[Any, Any]) -> ClassSet:
    """Build a class set from a file's content.

    Raises:
        ValueError: If a key, a type or a value is wrong; the message names key and rule.
    """

    def require(is_right: bool, key: str, rule: str) -> None:
        if not is_right:
            raise ValueError(f"{key} is {repr(content[key])[:80]}, and has to be {rule}")

    for key in content:
        require(key in _KEYS, key, f"left out: the keys are {', '.join(_KEYS)}")
    names, values = content["names"], list[int]()
    if isinstance(names, dict):
        values, names = [*names], [*names.values()]
        require(all(map(_is_value, values)), "names", f"by whole numbers up to {_MOST_VALUE}")
        values = [] if values == [*range(len(values))] else values
    are_texts = isinstance(names, list) and all(isinstance(each, str) for each in names)
    rule = (
        'a list of texts, one a class ([background, boat]; in YAML, quote "yes", "no" and "1"), or '
        "values of the label files with their names ({0: background, 5: boat})"
    )
    require(are_texts, "names", rule)
    is_each_once = len({*names}) == len(names) <= _MOST_CLASSES
    require(is_each_once, "names", f"each name once, and at most {_MOST_CLASSES}")
    file_values = _file_values(values, names, content.get("merged_values", {}), require)
    void_values = content.get("void_values", [])
    are_values = _are_values(void_values)
    known = {*(file_values or range(len(names)))}
    require(are_values and not known & {*void_values}, "void_values", f"{_VALUES}, of no class")

    is_coded = content.get("colour_coded", False)
    rule = "true or false, and false without a palette"
    require(is_coded in (False, "palette" in content), "colour_coded", rule)
    palette = [[*distinct_colour(index)] for index in range(len(names))]
    palette = content.get("palette", palette)
    is_whole = _are_colours(palette) and len(palette) == len(names)
    require(is_whole, "palette", f"{_COLOURS}, and {len(names)} for as many classes")
    void_colours = content.get("void_colours", [[0, 0, 0]])
    require(_are_colours(void_colours), "void_colours", _COLOURS)
    of_class = "void_colours" in content and any(each in palette for each in void_colours)
    require(not of_class, "void_colours", "no colour of a class")
    merged = content.get("merged_colours", {})
    is_merged = isinstance(merged, dict) and {*merged} <= {*names}
    is_merged = is_merged and all(map(_are_colours, merged.values()))
    require(is_merged, "merged_colours", f"by class ({{boat: [[128, 0, 0]]}}), {_COLOURS}")
    colours: list[RGB] = [(red, green, blue) for red, green, blue in palette]
    file_colours = {colour: index for index, colour in enumerate(colours)} if is_coded else {}
    for owner, others in merged.items():
        file_colours |= {(*each,): names.index(owner) for each in others}
    return ClassSet(
        name=name,
        names=tuple(names),
        palette=tuple(colours),
        void_values=tuple(void_values),
        file_values=file_values,
        file_colours=file_colours,
        void_colours=tuple((*each,) for each in void_colours if each not in palette),
    )


def _file_values(
    values: list[int], names: list[str], merged: Any, require: Callable[[bool, str, str], None]
) -> dict[int, int]:
    """Class index by value of a label file; empty if the values are the indices."""
    is_merged = isinstance(merged, dict) and {*merged} <= {*names}
    is_merged = is_merged and all(map(_are_values, merged.values()))
    require(is_merged, "merged_values", f"by class ({{boat: [6, 7]}}), {_VALUES}")
    if merged and not values:
        values = [*range(len(names))]
    found = {value: index for index, value in enumerate(values)}
    for owner, others in merged.items():
        require(found.keys().isdisjoint(others), "merged_values", "values of no other class")
        found |= dict.fromkeys(others, names.index(owner))
    return found


def _is_value(number: object) -> bool:
    """Whether label files may hold this value; type(), as bool is a kind of int."""
    return type(number) is int and 0 <= number <= _MOST_VALUE


def _are_values(numbers: object) -> bool:
    return isinstance(numbers, list) and all(map(_is_value, numbers))


def _are_colours(rows: Any) -> bool:
    """Whether this is a list of three numbers each, none twice."""
    return isinstance(rows, list) and all(
        isinstance(row, list)
        and len(row) == 3
        and all(type(each) is int and 0 <= each <= 255 for each in row)
        and row not in rows[:index]
        for index, row in enumerate(rows)
    )


def distinct_colour(index: int) -> RGB:
    """A colour by the bits of an index, as in PASCAL VOC's palette: far apart for small ones."""
    channels = [0, 0, 0]
    for bit in range(24):  # the lowest three bits are the highest of red, green and blue
        channels[bit % 3] |= ((index + 1) >> bit & 1) << 7 - bit // 3
    return channels[0], channels[1], channels[2]


CAMVID11, CAMVID12, CITYSCAPES19, DRIVING9 = (
    class_set(name) for name in ("camvid11", "camvid12", "cityscapes19", "driving9")
)
