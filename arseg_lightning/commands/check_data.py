"""The command ``check-data``: lists what data are there, what is missing, and their uses."""

from __future__ import annotations

from pathlib import Path

from arseg_lightning.datasets.check import SplitCheck, check_split
from arseg_lightning.datasets.layout import Layout, PreparedLayout
from arseg_lightning.datasets.recognise import recognise
from arseg_lightning.ranges import check_range
from arseg_lightning.tasks.experiment import Experiment

__all__ = ["check_data"]


def check_data(
    data: Path | list[Path],
    classes: str = "camvid11",
    keyframe_interval: int | None = None,
    all: bool = False,
) -> list[SplitCheck]:
    """Say what data are there, what is missing, and what they are good for; decodes no video.

    The exit status is 1 if nothing can be used.

    Args:
        data: A folder of data, or an experiment's YAML file, or several that are stacked.
        classes: Class set of a folder with custom data: a name, or the path of a YAML file.
        keyframe_interval: L of the paper's protocol; 12, or what the experiment says.
        all: Read every label and its image, instead of a few of each split.
    """
    check_range(1, keyframe_interval=keyframe_interval)
    paths = data if isinstance(data, list) else [data]
    layouts: dict[str, Layout | PreparedLayout]
    if len(paths) == 1 and paths[0].suffix not in (".yaml", ".yml"):
        layouts = {**recognise(paths[0], classes)}
    else:
        module = Experiment(paths).data
        layouts = {name: layout for name, layout in module.layouts.items() if layout is not None}
        keyframe_interval = keyframe_interval or module.keyframe_interval
    checks = []
    for name, layout in layouts.items():
        check = check_split(name, layout, keyframe_interval or 12, all)
        checks.append(check)
        print(f"\n{name}: {check.summary}")
        for line in [*check.lines, f"good for: {'; '.join(check.uses) or 'nothing yet'}"]:
            print(f"  {line}")
    if not any(check.uses for check in checks):
        print("\nnothing here can be used yet; data/README.md says where everything goes")
        raise SystemExit(1)
    return checks
