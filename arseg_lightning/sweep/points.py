"""Points of a sweep: their choice, names, folders and command lines."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Sequence
from hashlib import sha256
from itertools import islice, product
from pathlib import Path

from arseg_lightning.sweep.sweep_file import VALUES_MACRO, Range, SweepFile, Values

__all__ = ["choose_points", "point_arguments", "point_name"]

_MAX_REPEATS = 100
"""Draws in a row of points that are known already, after which a space counts as exhausted."""

_MAX_NAME = 120

_CONFIGS = "config"
"""The parameter whose values are overlays, a file or a list of files, and set no key."""


def choose_points(sweep: SweepFile, count: int | None = None, seed: int = 0) -> list[Values]:
    """The points of a sweep, each once.

    A grid has all combinations, and the last parameter of the file changes fastest. Random points
    are the same for the same seed, and a larger ``count`` adds points after them.

    ``count`` is the most; None is for a whole grid.
    """
    if sweep.method == "grid":
        axes = [space for space in sweep.spaces.values() if isinstance(space, list)]
        combinations = (dict(zip(sweep.spaces, each, strict=True)) for each in product(*axes))
        return list(islice(combinations, count))
    generator = random.Random(seed)
    chosen: dict[str, Values] = {}  # by their JSON
    repeats = 0
    while len(chosen) != count and repeats < _MAX_REPEATS:
        drawn = {
            key: space.draw(generator) if isinstance(space, Range) else generator.choice(space)
            for key, space in sweep.spaces.items()
        }
        repeats = repeats + 1 if json.dumps(drawn) in chosen else 0
        chosen[json.dumps(drawn)] = drawn
    return [*chosen.values()]


def point_name(sweep: SweepFile, values: Values) -> str:
    """A readable folder name: ``point-keyframe_interval=6,resolution_ratio=0.5``.

    Constants are left out, and so are the leading parts of keys, as long as each key can still be
    told from the others. What had to be shortened ends in a digest: the same values have the same
    name, and other values another.
    """
    spaces = sweep.spaces.items()
    keys = [key for key, space in spaces if isinstance(space, Range) or len(space) > 1]
    keys = keys or list(values)
    for length in range(1, max(key.count(".") for key in keys) + 2):
        short = [".".join(key.split(".")[-length:]) for key in keys]
        if len(set(short)) == len(keys):
            break
    parts, is_exact = [], True
    for name, key in zip(short, keys, strict=True):
        value = values[key]
        if key == _CONFIGS:
            overlays = [value] if isinstance(value, str) else value
            text = "+".join(Path(file).stem for file in overlays) or "none"
        elif isinstance(value, float) and len(repr(value)) > len("0.0000"):
            text, is_exact = f"{value:.4g}", False
        else:
            whole = value if isinstance(value, str) else json.dumps(value, separators=("_", ":"))
            text = re.sub(r"[^\w.+-]+", "_", whole).strip("_")
        parts.append(f"{name}={text}")
    name = "point-" + ",".join(parts)
    if is_exact and len(name) <= _MAX_NAME:
        return name
    return f"{name[:_MAX_NAME]}-{sha256(json.dumps(values).encode()).hexdigest()[:6]}"


def point_arguments(
    command: Sequence[str], values: Values, run_dir: Path, extra: Sequence[str] = ()
) -> list[str]:
    """Write a point's values into its folder, and give its command line, from ``fit`` on.

    Args:
        command: The sweep's command.
        values: The point's values; overlays become options of their own.
        run_dir: Folder of the point's run, which replaces the command's own.
        extra: More options, which win over those of the command.
    """
    keys = {key: value for key, value in values.items() if key != _CONFIGS}
    file = run_dir / "sweep_values.json"
    file.write_text(json.dumps(keys, indent=1) + "\n", "utf-8")
    words: list[str] = []
    for word in command[command.index("arseg_lightning") + 1 :]:
        if word == VALUES_MACRO:
            overlays = values.get(_CONFIGS, [])
            overlays = [overlays] if isinstance(overlays, str) else overlays
            # The option that is there already is for the first of them.
            words += [part for each in [*overlays, str(file)] for part in ("--config", each)][1:]
        else:  # as W&B does, an unknown variable leaves its name
            variable = r"\$\{envvar:([A-Z0-9_]*)\}"
            words.append(re.sub(variable, lambda match: os.environ.get(match[1], match[1]), word))
    return [*words, *extra, "--run_dir", str(run_dir)]
