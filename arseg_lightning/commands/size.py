"""Sizes as they are written on the command line."""

from __future__ import annotations

import re

__all__ = ["parse_size"]


def parse_size(text: str) -> tuple[int, int]:
    """Read a size such as 720x960, height first.

    Raises:
        ValueError: If it is none.
    """
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if found is None or "0" in found.groups():
        raise ValueError(f"--size is height x width in pixels, such as 720x960; got {text!r}")
    return int(found[1]), int(found[2])
