"""Class sets from files: every key, type and value is checked, and named if it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]  # what OmegaConf reads with

from arseg_lightning.messages import nearest
from arseg_lightning.types import RGB, ClassSet

__all__ = ["read_class_file"]

_KEYS = ("names", "palette", "void_values", "void_colours", "colour_coded")
_MOST_CLASSES = 255
_MOST_VALUE = 65535

_NAMES = (
    "a list of texts, one a class ([background, boat]), or values of the label files with their "
    "names ({0: background, 5: boat})"
)


def read_class_file(path: Path) -> ClassSet:
    """Read a class set from a YAML file; see :func:`arseg_lightning.datasets.class_set`.

    Raises:
        ValueError: If a key, a type or a value is wrong; the message names file, key and rule.
    """
    try:
        content = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except (OmegaConfBaseException, YAMLError) as error:
        raise ValueError(f"{path} is no YAML file: {error}") from error
    if not isinstance(content, dict) or not content.get("names"):
        raise ValueError(f"{path} should hold a list of class names under the key 'names'")

    def wrong(key: str, value: object, rule: str, what: str = "") -> ValueError:
        return ValueError(f"{path}: {key} is {what or repr(value)}, and has to be {rule}")

    for key in content:
        if key not in _KEYS:
            near = nearest(str(key), _KEYS)
            hint = f"; {near[0]} is meant?" if near else ""
            raise wrong(str(key), content[key], f"one of {', '.join(_KEYS)}", f"no such key{hint}")
    names, values = _names(content["names"], wrong)
    colours = content.get("palette")
    palette = tuple(distinct_colour(i) for i in range(len(names)))
    if colours is not None:
        palette = _colours("palette", colours, wrong)
        if len(palette) != len(names):
            raise wrong("palette", palette, f"{len(names)} colours", f"{len(palette)} colours")
    coded = content.get("colour_coded", False)
    if type(coded) is not bool:
        raise wrong("colour_coded", coded, "true or false")
    if coded and colours is None:
        raise wrong("colour_coded", coded, "for label files in the colours of a palette; add one")
    void = _colours("void_colours", content.get("void_colours", [[0, 0, 0]]), wrong)
    if "void_colours" in content and {*void} & {*palette}:
        raise wrong("void_colours", [*map(list, {*void} & {*palette})], "no colour of a class")
    return ClassSet(
        name=path.stem,
        names=names,
        palette=palette,
        void_values=_void_values(content.get("void_values", []), names, values, wrong),
        file_values=values,
        file_colours={colour: i for i, colour in enumerate(palette)} if coded else {},
        void_colours=tuple(colour for colour in void if colour not in palette),
    )


def distinct_colour(index: int) -> RGB:
    """A colour per index, far apart for small indices: the bits of the index, spread."""
    channels = [0, 0, 0]
    value = index + 1
    for bit in range(7, -1, -1):
        for channel in range(3):
            channels[channel] |= (value & 1) << bit
            value >>= 1
    return channels[0], channels[1], channels[2]


_Refuse = Callable[..., ValueError]
"""Makes the error of a value: key, value, rule, and what the value is in other words."""


def _names(names: Any, wrong: _Refuse) -> tuple[tuple[str, ...], dict[int, int]]:
    """Names of the classes; and if label files spell them in values of their own, which."""
    values: dict[int, int] = {}
    if isinstance(names, dict):
        numbers = list(names)
        if not all(type(each) is int and 0 <= each <= _MOST_VALUE for each in numbers):
            raise wrong("names", numbers, f"by whole numbers from 0 to {_MOST_VALUE}")
        values = {number: index for index, number in enumerate(numbers)}
        names = [*names.values()]
        if numbers == [*range(len(numbers))]:
            values = {}
    if not isinstance(names, list):
        raise wrong("names", names, _NAMES)
    for name in names:
        if not isinstance(name, str):
            raise wrong("names", name, f'{_NAMES}; in YAML, quote it: "{name}" (yes, no, 1)')
    if len(names) > _MOST_CLASSES:
        raise wrong("names", names, f"at most {_MOST_CLASSES}", f"{len(names)} classes")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise wrong("names", twice, "each name once")
    return tuple(names), values


def _colours(key: str, rows: Any, wrong: _Refuse) -> tuple[RGB, ...]:
    """Colours as three numbers each, none twice."""
    rule = "a list of colours [R, G, B], each from 0 to 255"
    if not isinstance(rows, list):
        raise wrong(key, rows, rule)
    for row in rows:
        is_colour = isinstance(row, list) and len(row) == 3
        if not is_colour or not all(type(each) is int and 0 <= each <= 255 for each in row):
            raise wrong(key, row, rule)
    twice = [row for i, row in enumerate(rows) if row in rows[:i]]
    if twice:
        raise wrong(key, twice[0], "each colour once")
    return tuple((red, green, blue) for red, green, blue in rows)


def _void_values(
    given: Any, names: tuple[str, ...], values: dict[int, int], wrong: _Refuse
) -> tuple[int, ...]:
    """Values of label files that are left out, none of which is a class's."""
    rule = f"a list of whole numbers from 0 to {_MOST_VALUE}"
    if not isinstance(given, list):
        raise wrong("void_values", given, rule)
    taken = values or {index: index for index in range(len(names))}
    for value in given:
        if type(value) is not int or not 0 <= value <= _MOST_VALUE:
            raise wrong("void_values", value, rule)
        if value in taken:
            name = names[taken[value]]
            raise wrong("void_values", value, f"no value of a class; it is that of {name}")
    return tuple(given)
