"""The command ``examples``: the configurations that come with the package, as files to change."""

from __future__ import annotations

import shutil
from pathlib import Path

from arseg_lightning.files import new_folder

__all__ = ["examples"]

_not_for_users = shutil.ignore_patterns("study", "reproduction", "*.py*", "__pycache__", "*.md")
"""What a checkout has beside the configurations that come with the package."""


def examples(out: Path = Path("experiments")) -> Path:
    """Write the experiments that come with the package into a folder, to run and to change.

    Args:
        out: The folder; it may not be there yet. The documentation's commands call it experiments.

    Returns:
        The folder.

    Raises:
        FileExistsError: If there is something of that name.
    """
    if out.exists():
        raise FileExistsError(f"{out} is there already; name another folder with --out")
    with new_folder(out) as folder:
        shutil.copytree(_home(), folder, ignore=_not_for_users, dirs_exist_ok=True)
    print(f"written to {out}: start with fit --config {out / 'quickstart.yaml'}")
    return out


def _home() -> Path:
    """Where the experiments are: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "experiments"
    return inside if inside.is_dir() else package.parent / "experiments"
