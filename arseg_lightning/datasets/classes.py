"""Class sets: names, colours and label values, from YAML files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from arseg_lightning.types import RGB, ClassSet

__all__ = ["CAMVID11", "CAMVID12", "CITYSCAPES19", "DRIVING9", "class_set", "distinct_colour"]

_KNOWN = {path.stem: path for path in Path(__file__).with_name("class_sets").glob("*.yaml")}
_KEYS = ("names", "palette", "void_values", "void_colours", "colour_coded", "merged_colours")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same, ten times faster
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
        merged_colours: {boat: [[128, 0, 0], [64, 0, 0]]}  # further colours of a class

    Args:
        name: ``camvid11``, ``camvid12``, ``cityscapes19``, ``driving9``, or a YAML file's path.

    Raises:
        ValueError: If there is no such set or file, or a key, a type or a value in the file is
            wrong; the message names file, key and rule.
    """
    path = _KNOWN.get(name, Path(name))
    if not path.is_file():
        raise ValueError(
            f"no class set {name!r}: use one of {sorted(_KNOWN)}, or the path of a YAML file "
            f"with the keys names and (optional) {', '.join(_KEYS[1:])}"
        )
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except yaml.YAMLError as error:
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
        _require(key in _KEYS, str(key), "no such key", f"one of {', '.join(_KEYS)}")
    names, values = _class_names(content["names"])
    is_coded = content.get("colour_coded", False)
    _require(type(is_coded) is bool, "colour_coded", repr(is_coded), "true or false")
    if "palette" in content:
        palette = _colours("palette", content["palette"])
        rule = f"{len(names)} colours"
        _require(len(palette) == len(names), "palette", f"{len(palette)} colours", rule)
    else:
        rule = "for label files in the colours of a palette; add one"
        _require(not is_coded, "colour_coded", is_coded, rule)
        palette = tuple(distinct_colour(index) for index in range(len(names)))
    void_colours = _colours("void_colours", content.get("void_colours", [[0, 0, 0]]))
    if "void_colours" in content:
        both = [list(colour) for colour in void_colours if colour in palette]
        _require(not both, "void_colours", both, "no colour of a class")
    merged = content.get("merged_colours", {})
    rule = "colours by class: {boat: [[128, 0, 0]]}"
    is_merged = isinstance(merged, dict) and set(merged) <= set(names)
    _require(is_merged, "merged_colours", repr(merged), rule)
    file_colours = {colour: index for index, colour in enumerate(palette)} if is_coded else {}
    for owner, colours in merged.items():
        further = _colours("merged_colours", colours)
        file_colours |= dict.fromkeys(further, names.index(owner))
    return ClassSet(
        name=name,
        names=names,
        palette=palette,
        void_values=_void_values(content.get("void_values", []), names, values),
        file_values={value: index for index, value in enumerate(values)},
        file_colours=file_colours,
        void_colours=tuple(colour for colour in void_colours if colour not in palette),
    )


def _require(is_right: bool, key: str, what: object, rule: str) -> None:
    if not is_right:
        raise ValueError(f"{key} is {what}, and has to be {rule}")


def _class_names(names: Any) -> tuple[tuple[str, ...], list[int]]:
    """Names of the classes, and their values in label files unless those are 0, 1, 2..."""
    values: list[int] = []
    if isinstance(names, dict):
        values, names = [*names], [*names.values()]
        rule = f"by whole numbers from 0 to {_MOST_VALUE}"
        _require(all(map(_is_value, values)), "names", values, rule)
    rule = (
        "a list of texts, one a class ([background, boat]), or values of the label files with "
        "their names ({0: background, 5: boat})"
    )
    _require(isinstance(names, list), "names", repr(names), rule)
    for name in names:
        quoted = f'{rule}; in YAML, quote it: "{name}" (yes, no, 1)'
        _require(isinstance(name, str), "names", name, quoted)
    most = f"at most {_MOST_CLASSES}"
    _require(len(names) <= _MOST_CLASSES, "names", f"{len(names)} classes", most)
    twice = sorted({name for name in names if names.count(name) > 1})
    _require(not twice, "names", twice, "each name once")
    return tuple(names), [] if values == [*range(len(values))] else values


def _void_values(found: Any, names: tuple[str, ...], values: list[int]) -> tuple[int, ...]:
    rule, known = f"a list of whole numbers from 0 to {_MOST_VALUE}", values or [*range(len(names))]
    _require(isinstance(found, list), "void_values", repr(found), rule)
    for value in found:
        _require(_is_value(value), "void_values", repr(value), rule)
        owner = names[known.index(value)] if value in known else ""
        _require(not owner, "void_values", value, f"no value of a class; it is that of {owner}")
    return tuple(found)


def _is_value(number: object) -> bool:
    """Whether label files may hold this value; type(), as bool is a kind of int."""
    return type(number) is int and 0 <= number <= _MOST_VALUE


def _colours(key: str, rows: Any) -> tuple[RGB, ...]:
    """Check colours: three numbers each, none twice."""
    rule = "a list of colours [R, G, B], each from 0 to 255"
    _require(isinstance(rows, list), key, repr(rows), rule)
    for index, row in enumerate(rows):
        is_colour = isinstance(row, list) and len(row) == 3
        is_colour = is_colour and all(type(each) is int and 0 <= each <= 255 for each in row)
        _require(is_colour, key, repr(row), rule)
        _require(row not in rows[:index], key, row, "each colour once")
    return tuple((red, green, blue) for red, green, blue in rows)


def distinct_colour(index: int) -> RGB:
    """A colour by the bits of an index, as in PASCAL VOC's palette: far apart for small ones."""
    channels = [0, 0, 0]
    for bit in range(24):  # the lowest three bits are the highest of red, green and blue
        channels[bit % 3] |= ((index + 1) >> bit & 1) << 7 - bit // 3
    return channels[0], channels[1], channels[2]


CAMVID11, CAMVID12, CITYSCAPES19, DRIVING9 = (
    class_set(name) for name in ("camvid11", "camvid12", "cityscapes19", "driving9")
)
