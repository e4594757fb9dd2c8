"""The page of the command line, from the commands' signatures and docstrings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from reference import first_sentence

__all__ = ["commands_page"]

_INTRODUCTION = """# Command line

`python -m arseg_lightning COMMAND …`; each command says the same with `--help`. The experiments' commands
(`fit`, `validate`, `test`) are Lightning's: their options are the constructors' of
<autoref identifier="arseg_lightning.datasets.datamodule.ClipDataModule" optional>ClipDataModule</autoref>
(`--data.…`), of <autoref identifier="arseg_lightning.tasks.video_task.VideoTask" optional>VideoTask</autoref>
and the method that it trains (`--model.…`), and of Lightning's Trainer (`--trainer.…`). Files of configuration come
first (`--config FILE`, again for an overlay), and an option wins over them; `--print_config` shows the result.

Options of a class are given behind it: `--clock Adaptive --clock.max_interval 30`. A switch is `--all` or `--all true`.
"""


def commands_page(package: Any) -> str:
    """Make the page.

    Args:
        package: The package, as Griffe read it.
    """
    modules = sorted(package["commands"].modules.items())
    commands = [module.functions[name] for name, module in modules if name in module.functions]
    rows = [f"| [`{_word(each)}`](#{_word(each)}) | {first_sentence(each)} |" for each in commands]
    table = "\n".join(["| command | |", "| --- | --- |", *rows])
    return "\n\n".join([_INTRODUCTION, table, *(_section(each) for each in commands)]) + "\n"


def _word(function: Any) -> str:
    return str(function.name).replace("_", "-")


def _section(function: Any) -> str:
    sections = function.docstring.parse("google")
    said = {
        each.name: each.description
        for section in sections
        if section.kind.value == "parameters"
        for each in section.value
    }
    text = "\n\n".join(each.value for each in sections if each.kind.value == "text")
    rows = list(_options(function, said))
    table = "\n".join(["| option | | default |", "| --- | --- | --- |", *rows])
    return f"## {_word(function)}\n\n{text}\n\n```text\n{_usage(function)}\n```\n\n{table}"


def _parameters(function: Any) -> list[Any]:
    return [each for each in function.parameters if each.name not in ("extra", "overrides")]


def _usage(function: Any) -> str:
    first, *others = _parameters(function)
    words = f"{_singular(first.name).upper()}{' ...' * _is_list(first)}"
    parts = [
        f"python -m arseg_lightning {_word(function)}",
        words if first.required else f"[{words}]",
    ]
    parts += [f"--{each.name} {each.name.upper()}" for each in others if each.required]
    return " ".join([*parts, "[options]"])


def _options(function: Any, said: dict[str, str]) -> Iterator[str]:
    first, *_ = _parameters(function)
    for each in _parameters(function):
        flag = _singular(each.name) if _is_list(each) else each.name
        name = f"`{flag.upper()}`" if each is first else f"`--{flag}`"
        description = " ".join(said.get(each.name, "").split()).replace("|", "\\|")
        yield f"| {name} | {description} | {_default(each)} |"


def _default(parameter: Any) -> str:
    """What an option is without being given; where it is an object, the class of its options."""
    if parameter.required:
        return "required"
    text = str(parameter.default)
    if path := re.fullmatch(r"Path\([\"'](.*)[\"']\)", text):
        return f"`{path[1]}`"
    if called := re.match(r"(\w+)\(", text):
        of = parameter.annotation.canonical_path
        return f'<autoref identifier="{of}" optional><code>{called[1]}</code></autoref>'
    try:
        value = ast.literal_eval(text)
    except ValueError:  # a constant's name
        return f"`{text}`"
    if value is None or value in ((), [], ""):
        return ""
    words = value if isinstance(value, list | tuple) else [value]
    return ", ".join(f"`{word}`" for word in words)


def _is_list(parameter: Any) -> bool:
    return str(parameter.annotation).startswith("list[")


def _singular(name: str) -> str:
    return name.removesuffix("s")
