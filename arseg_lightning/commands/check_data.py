"""The command ``check-data``: says whether an experiment's data are complete and readable."""

from __future__ import annotations

from pathlib import Path

from arseg_lightning.datasets.check import check_split
from arseg_lightning.tasks.experiment import Experiment

__all__ = ["check_data"]


def check_data(configs: list[Path], all: bool = False) -> None:
    """Say what data an experiment has, and what is missing or wrong; no video is prepared.

    Args:
        configs: The experiment and its overlays, stacked as in `fit`.
        all: Read every label and its frame, instead of a few of each split.
    """
    data = Experiment(configs).data
    is_right = True
    for name, layout in data.layouts.items():
        if layout is None:
            continue
        try:
            lines = check_split(layout, data.keyframe_interval, all)
        except (OSError, ValueError, IndexError) as error:
            is_right, lines = False, [f"wrong: {error}"]
        print("\n  ".join([f"{name}:", *lines]))
    if not is_right:
        raise SystemExit(1)
