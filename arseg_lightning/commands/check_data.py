"""The command ``check-data``: lists what data are there, what is missing, and their uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from arseg_lightning.datasets.check import DataCheck, SplitCheck
from arseg_lightning.datasets.check import check_data as check_layouts
from arseg_lightning.datasets.data_files import named
from arseg_lightning.datasets.datamodule import ClipDataModule
from arseg_lightning.datasets.recognise import recognise
from arseg_lightning.messages import PROGRAM, CommandError, PlainMessages, check_file
from arseg_lightning.ranges import check_range

__all__ = ["check_data"]


def check_data(
    data: Path | list[Path],
    classes: str = "camvid11",
    keyframe_interval: int | None = None,
    all: bool = False,
) -> DataCheck:
    """Say what data are there, what is missing, and what they are good for; decodes no video.

    The exit status is 1 if nothing can be used.

    Args:
        data: A folder of data, or an experiment's YAML file, or several that are stacked.
        classes: Class set of a folder with custom data: a name, or the path of a YAML file.
        keyframe_interval: L of the paper's protocol; 12, or what the experiment says.
        all: Read every label and its image, instead of a few of each split.

    Raises:
        FileNotFoundError: If there is no such folder or file.
        ValueError: If the folder has no known layout, or the file no valid data section.
        SystemExit: If nothing can be used.
    """
    check_range(1, keyframe_interval=keyframe_interval)
    paths = data if isinstance(data, list) else [data]
    source = ", ".join(map(str, paths))
    if len(paths) == 1 and paths[0].suffix not in (".yaml", ".yml"):
        check = check_layouts(source, recognise(paths[0], classes), keyframe_interval or 12, all)
    else:
        module = _data_section(paths)
        layouts = {name: layout for name, layout in module.layouts.items() if layout is not None}
        check = check_layouts(source, layouts, keyframe_interval or module.keyframe_interval, all)
    print("\n".join(_lines(check)))
    if not check.is_usable:
        raise SystemExit(1)
    return check


def _data_section(files: list[Path]) -> ClipDataModule:
    """Build the data module of an experiment, and nothing else of it."""
    parser = PlainMessages(prog=f"{PROGRAM} fit")
    parser.add_class_arguments(ClipDataModule, "data", fail_untyped=False)
    values = parser.get_defaults()
    try:
        for file in files:
            if not file.is_file():
                raise FileNotFoundError(
                    f"{file} does not exist; give a folder or an experiment (YAML)"
                )
            content = OmegaConf.load(file)
            section: Any = content.get("data") if isinstance(content, DictConfig) else None
            if isinstance(section, str):  # another file, relative to this one
                section = OmegaConf.load(file.parent / section)
            section = OmegaConf.to_container(section, resolve=True) if section is not None else {}
            check_file(file)
            values = parser.parse_object({"data": section}, values)
        module: ClipDataModule = parser.instantiate_classes(values)["data"]
    except (CommandError, OmegaConfBaseException) as error:
        raise ValueError(f"{', '.join(map(str, files))}: {error}") from error
    return module


def _lines(check: DataCheck) -> Iterator[str]:
    """The result as text."""
    yield check.source
    for split in check.splits:
        yield ""
        yield f"{f'{split.name}: ' if split.name else ''}{_summary(split)}"
        for what in dict.fromkeys(gap.what for gap in split.gaps):
            gaps = [gap for gap in split.gaps if gap.what == what]
            if len(gaps) > 1:
                yield f"  missing: {_count(len(gaps), what)}: {named(gap.name for gap in gaps)}"
            yield f"  missing: {gaps[0].message}"
        yield from (f"  wrong: {problem}" for problem in split.problems)
        if split.unused:
            names = named(path.name for path in split.unused)
            yield f"  unused: {_count(len(split.unused), 'label')} without a frame: {names}"
        yield from (f"  note: {note}" for note in split.notes)
        if split.void_share is not None:
            yield from (f"  {line}" for line in _label_lines(split, split.void_share))
        yield f"  good for: {'; '.join(split.uses) or 'nothing yet'}"
    if not check.is_usable:
        yield ""
        yield "nothing here can be used yet; data/README.md says where everything goes"


def _summary(split: SplitCheck) -> str:
    """One line about what is there."""
    if not split.num_videos:
        return f"{split.layout}, no complete sequence"
    sizes = ", ".join(f"{height}x{width}" for height, width in split.sizes)
    rates = f" at {', '.join(f'{fps:g}' for fps in split.fps)} fps" if split.fps else ""
    return (
        f"{split.layout}, {_count(split.num_videos, 'sequence')}, "
        f"{_count(split.num_labelled, 'labelled frame')} of {sizes}, {split.motion}{rates}"
    )


def _label_lines(split: SplitCheck, void_share: float) -> Iterator[str]:
    """What the labels hold that were read."""
    read = _count(split.num_sampled, "label")
    if split.num_sampled < split.num_labelled:
        read = f"{split.num_sampled} sampled labels of {split.num_labelled} (--all reads them all)"
    yield f"void: {100 * void_share:.1f} % of {read}"
    if split.empty:
        empty = _count(len(split.empty), "label")
        yield f"empty: {empty} without a pixel that counts: {named(split.empty)}"
    if split.absent:
        yield f"absent: no pixel of {', '.join(split.absent)} in them"
        if void_share:  # masks of 0 and 255, for instance
            yield (
                "  255 and void values are left out; if one means a class, give it its value in "
                "the class set's file, names: {0: background, 255: ship}"
            )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
