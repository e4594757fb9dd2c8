"""Files of classes, as YAML, JSON or CSV: one content, whichever way it is spelled."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml  # type: ignore[import-untyped]

from arseg_lightning.files import write_atomic
from arseg_lightning.types import ClassSet

__all__ = ["read_class_file", "write_class_file"]

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same, ten times faster

_SPELLINGS = {"class": "name", "id": "value", "color": "colour"}
_SPELLINGS |= {"red": "r", "green": "g", "blue": "b"}
_COLUMNS = ("name", "value", "colour", "r", "g", "b", "evaluated")
_WORDS = {"": True, "1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def read_class_file(path: Path) -> Any:
    """Read the content of a file of classes, see ``class_set``; it is not checked yet.

    Raises:
        ValueError: If it is no YAML, JSON or CSV file, as its ending says, or a line of a CSV
            file is wrong; the message names the line and the rule.
    """
    text = path.read_text(encoding="utf-8-sig")
    kind = path.suffix.lower()
    if kind == ".csv":
        return _from_rows(path, [*_rows(path, text)])
    try:
        content = json.loads(text) if kind == ".json" else yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{path} is no {kind[1:].upper() or 'YAML'} file: {error}") from error
    if kind == ".json" and isinstance(content, dict) and isinstance(content.get("names"), dict):
        # JSON has no whole numbers as keys.
        content["names"] = {
            int(key) if key.isdecimal() else key: name for key, name in content["names"].items()
        }
    return content


def write_class_file(path: Path, classes: ClassSet) -> None:
    """Write a class set, whose labels hold indices, as a YAML file."""
    content = {"names": [*classes.names], "palette": [[*colour] for colour in classes.palette]}
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, allow_unicode=True)
    write_atomic(path, text)


class _Row(NamedTuple):
    """A line of a CSV file."""

    name: str
    value: int | None
    colour: list[int] | None
    is_evaluated: bool


def _rows(path: Path, text: str) -> Iterator[_Row]:
    lines = csv.reader(text.splitlines(), skipinitialspace=True)
    header = [_spelled(cell) for cell in next(lines, [])]
    unknown = [cell for cell in header if cell not in _COLUMNS]
    if "name" not in header or unknown:
        raise ValueError(
            f"{path}: the columns are name, value, colour (or r, g, b) and evaluated, of which "
            f"only name is required; its first line has {', '.join(header)}"
        )
    for cells in lines:
        where = f"{path}, line {lines.line_num}"
        if not any(cells):
            continue
        if len(cells) != len(header):
            raise ValueError(f"{where} has {len(cells)} cells, and the first has {len(header)}")
        row = {key: cell.strip() for key, cell in zip(header, cells, strict=True)}
        value, evaluated = row.get("value", ""), row.get("evaluated", "").lower()
        if not re.fullmatch(r"\d*", value):
            raise ValueError(f"{where}: value is {value!r}, and has to be a whole number from 0")
        if evaluated not in _WORDS:
            raise ValueError(f"{where}: evaluated is {evaluated!r}, and has to be yes or no")
        spelled = row.get("colour") or " ".join(row.get(each, "") for each in "rgb")
        yield _Row(
            row["name"], int(value) if value else None, _colour(spelled, where), _WORDS[evaluated]
        )


def _spelled(cell: str) -> str:
    word = cell.strip().lower()
    return _SPELLINGS.get(word, word)


def _colour(text: str, where: str) -> list[int] | None:
    """The colour of ``#80ff00``, ``128 255 0`` or ``128,255,0``."""
    if not text.strip():
        return None
    if found := re.fullmatch(r"#([0-9a-fA-F]{6})", text):
        return [*bytes.fromhex(found[1])]
    parts = re.split(r"[ ,;]+", text.strip().strip("[]()"))
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        raise ValueError(f"{where}: colour is {text!r}, and has to be like 128 64 0, or #804000")
    return [int(part) for part in parts]


def _from_rows(path: Path, rows: list[_Row]) -> dict[str, Any]:
    """The content that a YAML file would have: values decide, else colours, else the order."""
    counted = [row for row in rows if row.is_evaluated]
    void = [row for row in rows if not row.is_evaluated]
    has_values = any(row.value is not None for row in counted)
    has_colours = any(row.colour is not None for row in counted)
    for row in counted:
        missing = "value" if has_values else "colour" if has_colours else "name"
        if getattr(row, missing) in (None, ""):
            raise ValueError(f"{path}: {row.name} has no {missing}, and other classes have one")
    firsts: dict[str, _Row] = {}
    further = [row for row in counted if firsts.setdefault(row.name, row) is not row]
    content: dict[str, Any] = {"names": [*firsts]}
    if has_values:
        if len({row.value for row in firsts.values()}) < len(firsts):
            raise ValueError(f"{path}: two classes have one value; each value is of one class")
        content["names"] = {row.value: name for name, row in firsts.items()}
        content["merged_values"] = _by_name(further, "value")
        content["void_values"] = [row.value for row in void if row.value is not None]
    if all(row.colour for row in firsts.values()):
        content["palette"] = [row.colour for row in firsts.values()]
    if has_colours and not has_values:
        content["colour_coded"] = True
        content["merged_colours"] = _by_name(further, "colour")
        content |= {"void_colours": [row.colour for row in void if row.colour]} if void else {}
    return content


def _by_name(rows: list[_Row], kind: str) -> dict[str, list[Any]]:
    """Further values or colours by class."""
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row.name, []).append(getattr(row, kind))
    return found
