"""The command of a sweep file: from W&B's macros to a command line of ours."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

__all__ = ["check_command", "point_arguments"]

_EXAMPLE = (
    '["${env}", "${interpreter}", -m, arseg_lightning, fit, --config, EXPERIMENT, --config, '
    '"${args_json_file}"]'
)
_VALUES = "${args_json_file}"
_VERBS = ("fit", "validate", "test")
_HEADS = {"${env}", "/usr/bin/env", "${interpreter}", "${program}", "python", "python3"}
"""What may stand before ``-m arseg_lightning``."""

_VARIABLE = re.compile(r"\$\{envvar:([A-Z0-9_]*)\}")


def check_command(command: Any) -> tuple[str, ...]:
    """Hold a sweep's command to be one of ours that takes a point's values as a file.

    Args:
        command: The file's entry.

    Raises:
        ValueError: If it is not.
    """
    if not isinstance(command, list) or "arseg_lightning" not in command:
        raise ValueError(f"command has to run `-m arseg_lightning`, such as {_EXAMPLE}")
    words = tuple(str(word) for word in command)
    place = words.index("arseg_lightning")
    if words[place - 1] != "-m" or set(words[: place - 1]) - _HEADS:
        raise ValueError(f"command has to run `-m arseg_lightning`, such as {_EXAMPLE}")
    verb = words[place + 1] if place + 1 < len(words) else None
    if verb not in _VERBS:
        raise ValueError(f"command runs {verb}, which has no configuration; use one of {_VERBS}")
    text = [word for word in words if word.startswith("${args") and word != _VALUES]
    if text:
        raise ValueError(
            f"command hands values over as {text[0]}, which makes text of them (null becomes "
            f"'None'); write --config and {_VALUES} as two entries instead"
        )
    if ("--config", _VALUES) not in pairwise(words):
        raise ValueError(f"command has no entry {_VALUES} behind an entry --config; see {_EXAMPLE}")
    return words


def point_arguments(
    command: Sequence[str], values: Path, run_dir: Path, extra: Sequence[str] = ()
) -> list[str]:
    """The command line of one point, from ``fit`` or ``test`` on.

    Args:
        command: The sweep's command, checked.
        values: JSON file of the point's values.
        run_dir: Folder of the point's run, which replaces the command's own.
        extra: More options, which win over those of the command.
    """
    start = command.index("arseg_lightning") + 1
    words = [str(values) if word == _VALUES else _filled(word) for word in command[start:]]
    return [*words, *extra, "--run_dir", str(run_dir)]


def _filled(word: str) -> str:
    """Fill in variables of the environment as W&B does: an unknown one leaves its name."""
    return _VARIABLE.sub(lambda match: os.environ.get(match[1], match[1]), word)
