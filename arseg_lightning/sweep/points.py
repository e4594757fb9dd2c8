"""Points of a sweep: their choice, names, folders and command lines."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from hashlib import sha256
from itertools import islice, product
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution

from arseg_lightning.sweep.sweep_file import VALUES_MACRO, SweepFile, Values

__all__ = ["MAX_REPEATS", "Draw", "choose_points", "point_arguments", "point_name"]

Draw = dict[str, Any]
"""What Optuna draws for one point, by dotted key; :meth:`SweepFile.values` gives its values."""

MAX_REPEATS = 100
"""Draws in a row of points that are known already, after which a space counts as exhausted."""

_MAX_NAME = 120
_VARIABLE = re.compile(r"\$\{envvar:([A-Z0-9_]*)\}")

_CONFIGS = "config"
"""The parameter whose values are overlays, a file or a list of files, and set no key."""


def choose_points(sweep: SweepFile, count: int | None = None, seed: int = 0) -> list[Draw]:
    """The points of a grid or random sweep, each once.

    A grid has all combinations, and the last parameter of the file changes fastest. Random points
    are the same for the same seed, and a larger ``count`` adds points after them.

    ``count`` is the most; None is for a whole grid.
    """
    if sweep.method == "grid":
        spaces = sweep.spaces.values()
        axes = [space.choices for space in spaces if isinstance(space, CategoricalDistribution)]
        draws = (dict(zip(sweep.spaces, draw, strict=True)) for draw in product(*axes))
        return list(islice(draws, count))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
    chosen: list[Draw] = []
    repeats = 0
    while len(chosen) != count and repeats < MAX_REPEATS:
        draw = study.ask(dict(sweep.spaces)).params
        repeats = repeats + 1 if draw in chosen else 0
        chosen += [] if repeats else [draw]
    return chosen


def point_name(sweep: SweepFile, values: Values) -> str:
    """A readable folder name: ``point-keyframe_interval=6,resolution_ratio=0.5``.

    Constants are left out, and so are the leading parts of keys, as long as each key can still be
    told from the others. What had to be shortened ends in a digest: the same values have the same
    name, and other values another.
    """
    keys = [
        key
        for key, space in sweep.spaces.items()
        if not (isinstance(space, CategoricalDistribution) and space.single())
    ] or list(values)
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
            words.append(_VARIABLE.sub(lambda match: os.environ.get(match[1], match[1]), word))
    return [*words, *extra, "--run_dir", str(run_dir)]
