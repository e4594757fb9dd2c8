"""Chooses a sweep's points, and names their folders."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from itertools import islice, product
from random import Random
from typing import Any

from arseg_lightning.sweep.sweep_file import SweepFile

__all__ = ["Values", "choose_points", "identity", "point_names"]

Values = dict[str, Any]
"""What one point sets, by dotted key."""

_MAX_NAME = 120
_DRAWS_PER_POINT = 100


def choose_points(sweep: SweepFile, count: int | None = None, seed: int = 0) -> list[Values]:
    """The points of a sweep, each once.

    A grid has all combinations, and the last parameter of the file changes fastest. Random points
    are the same for the same seed, and a larger ``count`` adds points behind them.

    Args:
        sweep: The sweep; a Bayesian one has random points.
        count: How many points; by default the file's ``run_cap``, or the whole grid.
        seed: Decides random points.

    Raises:
        ValueError: If it is not said how many random points there are, or a grid is not finite.
    """
    count = sweep.count if count is None else count
    if count is not None and count < 1:
        raise ValueError(f"count is {count}; give at least 1")
    if sweep.method == "grid":
        axes = [parameter.grid() for parameter in sweep.parameters]
        keys = [parameter.key for parameter in sweep.parameters]
        every = (dict(zip(keys, values, strict=True)) for values in product(*axes))
        return list(islice(_each_once(every), count))
    if count is None:
        raise ValueError(
            f"{sweep.path} has method {sweep.method}, which has no end; say how many points with "
            f"--count N, or with run_cap: N in the file"
        )
    random = Random(seed)
    draws = (
        {parameter.key: parameter.draw(random) for parameter in sweep.parameters}
        for _ in range(_DRAWS_PER_POINT * count)
    )
    return list(islice(_each_once(draws), count))


def identity(values: Values) -> str:
    """Text that is the same for the same values of the same types, and for no others."""
    return json.dumps(values, sort_keys=True)


def point_names(sweep: SweepFile, points: Sequence[Values]) -> list[str]:
    """A readable folder name for each point: ``point-keyframe_interval=6,resolution_ratio=0.5``.

    Constants are left out, and so are the leading parts of keys, as long as each key can still be
    told from the others.
    """
    keys = [parameter.key for parameter in sweep.parameters if not parameter.is_constant]
    keys = keys or [parameter.key for parameter in sweep.parameters]
    short = _short_keys(keys)
    names: list[str] = []
    for values in points:
        name = "point-" + ",".join(f"{short[key]}={_text(values[key])}" for key in keys)
        if len(name) > _MAX_NAME or name in names:
            digest = sha256(identity(values).encode()).hexdigest()[:8]
            name = f"{name[:_MAX_NAME]}-{digest}"
        names.append(name)
    return names


def _each_once(points: Any) -> Any:
    """Pass on each point the first time that it comes."""
    seen: set[str] = set()
    for values in points:
        text = identity(values)
        if text not in seen:
            seen.add(text)
            yield values


def _short_keys(keys: list[str]) -> dict[str, str]:
    """The shortest ends of dotted keys that are all different."""
    for length in range(1, max(key.count(".") for key in keys) + 2):
        short = {key: ".".join(key.split(".")[-length:]) for key in keys}
        if len(set(short.values())) == len(keys):
            break
    return short


def _text(value: Any) -> str:
    """A value as part of a folder's name."""
    if isinstance(value, float) and len(repr(value)) > len("0.0000"):
        return f"{value:.4g}"
    text = value if isinstance(value, str) else json.dumps(value, separators=("_", ":"))
    return re.sub(r"[^\w.+-]+", "_", text).strip("_")
