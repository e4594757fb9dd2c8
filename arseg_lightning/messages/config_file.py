"""Configuration files: their faults, and in which line a key is."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import yaml  # type: ignore[import-untyped]  # what OmegaConf reads with
from yaml.nodes import MappingNode, Node, SequenceNode  # type: ignore[import-untyped]

__all__ = ["ConfigFile", "position_of"]

_NUMBERS = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("bool", "float", "int"))


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The name of a configuration file as it was given, and its text."""

    name: str
    text: str

    def fault(self, sections: Container[str] = ()) -> str | None:
        """Why this is no configuration; None if it is one.

        Args:
            sections: Keys that hold keys.
        """
        try:
            node = yaml.compose(self.text, yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f", line {mark.line + 1}" if mark else ""
            return f"{self.name}{where}: no valid YAML: {getattr(error, 'problem', error)}"
        if not isinstance(node, MappingNode):
            found = "a list" if isinstance(node, SequenceNode) else "a text" if node else "nothing"
            return f"{self.name} holds {found}; a configuration is made of keys: `data:` and so on"
        # A number for a section would be refused by each of its keys, one after the other.
        for key, value in node.value:
            is_list, line = isinstance(value, SequenceNode), key.start_mark.line + 1
            if key.value in sections and (is_list or value.tag in _NUMBERS):
                found = "a list" if is_list else value.value
                return f"{self.name}, line {line}: {key.value} holds {found}; it is made of keys"
        # Of two keys of one name, parsers take the last without a word.
        nodes = [node]
        for each in nodes:  # grows by what a node holds
            lines: dict[str, int] = {}
            for key, value in each.value if isinstance(each, MappingNode) else ():
                line = key.start_mark.line + 1
                if first := lines.get(key.value):
                    return f"{self.name}: {key.value} is in lines {first} and {line}; keep one"
                lines[key.value] = line
                nodes.append(value)
            nodes += each.value if isinstance(each, SequenceNode) else ()
        return None

    def line_of(self, path: Sequence[str]) -> tuple[int, int]:
        """How many of the keys the file has, and the line of the last one (from 1).

        Args:
            path: Keys, outermost first, without ``init_args``.
        """
        node, line, depth = yaml.compose(self.text, yaml.SafeLoader), 1, 0
        while depth < len(path) and (found := _entry(node, path[depth])):
            line, node = found[0].start_mark.line + 1, found[1]
            depth += 1
        return depth, line


def _entry(node: Node | None, key: str) -> tuple[Node, Node] | None:
    """Find a key in a mapping, in its ``init_args``, or in the first item of a list that has it."""
    if isinstance(node, SequenceNode):
        inner = node.value
    else:
        entries = node.value if isinstance(node, MappingNode) else []
        for name, value in entries:
            if name.value == key:
                return name, value
        inner = [value for name, value in entries if name.value == "init_args"]
    return next((found for each in inner if (found := _entry(each, key))), None)


def position_of(path: str, words: Sequence[str], files: Sequence[ConfigFile]) -> str:
    """Name the flag, or the file and line, that gave a value.

    Args:
        path: Dotted keys, without ``init_args``.
        words: The command line.
        files: The configuration files, in order.
    """
    keys = path.split(".")
    # Later files and flags override earlier ones, unless those hold more of the keys.
    depth, position = 0, f"--{path}"
    for file in files:
        found, line = file.line_of(keys)
        if found and found >= depth:
            depth, position = found, f"{file.name}, line {line}: {path}"
    for word, following in pairwise([*words, ""]):
        flag, equals, value = word.partition("=")
        given = flag.lstrip("-").rstrip("+").replace("init_args.", "").split(".")
        is_part = flag.startswith("--") and given == keys[: len(given)]
        if not is_part or len(given) < depth:
            continue
        depth = len(given)
        if flag.endswith("s+") and "." not in flag:  # a command's list is given by its singular
            position = flag.removesuffix("s+")
        else:
            position = flag.rstrip("+") if depth > 1 else f"--{path}"
        # The flag may name a file that holds the section.
        part = Path(value if equals else following)
        if depth < len(keys) and part.suffix in (".yaml", ".yml") and part.is_file():
            line = ConfigFile(str(part), part.read_text("utf-8")).line_of(keys[depth:])[1]
            position = f"{part}, line {line}: {path}"
    return position
