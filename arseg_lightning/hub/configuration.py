"""The configuration of a run as others can use it: without paths of the machine it ran on."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import yaml  # type: ignore[import-untyped]
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from arseg_lightning import __version__
from arseg_lightning.hub.layout import CLASSES_NAME
from arseg_lightning.report.rows import OF_TRAINER
from arseg_lightning.tasks.weights import leave_out_files

__all__ = ["SharedConfiguration", "without_machine"]

_HEADER = f"""\
# A run of arseg_lightning {__version__}, as `push` wrote it. Files that its training started from
# are left out, and of folders of data the last name is kept.
"""


@dataclass(frozen=True, slots=True)
class SharedConfiguration:
    """What a run was made of."""

    content: Mapping[str, Any]  # model, data, and what of the trainer decides
    classes: Mapping[str, Any] | None  # the class set, if it is from a file of one's own

    @classmethod
    def read(cls, record: Path) -> SharedConfiguration:
        """Read a run's record, and leave out what is of its machine.

        Raises:
            ValueError: If a reference in it leads nowhere, or the model needs a file that would
                not be shared.
        """
        try:
            plain: Any = OmegaConf.to_container(OmegaConf.load(record), resolve=True)
        except OmegaConfBaseException as error:
            raise ValueError(f"{record} cannot be resolved: {error}") from error
        classes = _own_classes(plain.get("data") or {}, record.parent)
        content = without_machine(plain)
        for key, value in _texts(content.get("model"), "model"):
            if _is_path(value):
                raise ValueError(
                    f"{key} is {value}, which others do not have; train with what can be had "
                    f"elsewhere (a repository's name instead of a folder), or share the run's "
                    f"folder as it is"
                )
        return cls(_without_paths(content), classes)

    @property
    def packages(self) -> tuple[str, ...]:
        """Packages of classes in it that come with neither this package nor PyTorch."""
        names = (value for key, value in _texts(self.content) if key.endswith("class_path"))
        known = {__name__.split(".")[0], "torch"}
        found = (name.split(".")[0] for name in names if "." in name)
        return tuple(dict.fromkeys(name for name in found if name not in known))

    def yaml(self) -> str:
        """The file's text."""
        return _HEADER + dump(self.content)


def dump(content: Mapping[str, Any]) -> str:
    """Plain values as YAML, in their order."""
    text: str = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True)
    return text


def without_machine(config: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of a resolved configuration what decides a result, and no path of data."""
    model, data = (copy.deepcopy(config.get(part)) or {} for part in ("model", "data"))
    leave_out_files(model.get("init_args") or {})
    data.pop("store", None)
    trainer = config.get("trainer") or {}
    kept = {key: trainer[key] for key in OF_TRAINER if trainer.get(key) is not None}
    parts = {"seed_everything": config.get("seed_everything"), "trainer": kept, "model": model}
    return {key: value for key, value in parts.items() if value not in (None, {})} | {
        "data": _without_paths(data)
    }


def _own_classes(data: dict[str, Any], folder: Path) -> Mapping[str, Any] | None:
    """Read the class set of one's own, and name it in the data as the file that will hold it."""
    found: Mapping[str, Any] | None = None
    for layout in data.values():
        arguments = layout.get("init_args") if isinstance(layout, dict) else None
        name = Path(str((arguments or {}).get("classes") or ""))
        # The folder's own is that of a run that was shared before.
        paths = (folder / CLASSES_NAME if name == Path(CLASSES_NAME) else name, name)
        path = next((path for path in paths if path.is_file()), None)
        if arguments and path is not None:
            found = yaml.safe_load(path.read_text(encoding="utf-8"))
            arguments["classes"] = CLASSES_NAME
    return found


def _without_paths(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_paths(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_paths(each) for each in value]
    return Path(value).name if isinstance(value, str) and _is_of_machine(value) else value


def _is_of_machine(text: str) -> bool:
    """Whether a path leads out of the folder that one works in."""
    is_absolute = PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()
    return is_absolute or text.startswith(("~", ".."))


def _is_path(text: str) -> bool:
    """Whether this names a file or a folder here; a word without a slash does not."""
    return _is_of_machine(text) or (bool({*"/\\"} & {*text}) and Path(text).exists())


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """All texts in a configuration, each with its dotted key."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _texts(each, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each, key)
    elif isinstance(value, str):
        yield key, value
