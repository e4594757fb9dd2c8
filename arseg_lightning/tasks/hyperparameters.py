"""Hyperparameters of a task: the plain values that a checkpoint needs to build it again."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any, TypeVar

from jsonargparse import Namespace
from lightning import LightningModule
from lightning.pytorch.core.mixins.hparams_mixin import (
    _given_hyperparameters,
    _given_hyperparameters_context,
)
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from arseg_lightning.messages import CommandError, PlainMessages
from arseg_lightning.methods import VideoMethod
from arseg_lightning.models.segmentor import Segmentor
from arseg_lightning.tasks.trusted import refuse_untrusted

__all__ = ["build_task", "keep_hyperparameters", "leave_out_own_weights"]
__all__ += ["leave_out_pretrained", "leave_out_weights"]

_LEFT_OUT = "_left_out"
"""Names of arguments that are no plain values."""

_INSTANTIATOR = "lightning.pytorch.cli.instantiate_module"
"""Who builds a module of such values, for Lightning's own way to load one."""

_OF_LIGHTNING = ("_class_path", "_instantiator", _LEFT_OUT)

_BUILT = (Segmentor, VideoMethod, Optimizer, LRScheduler)
"""What a task builds itself: the number of classes and the parameters come later."""

Task = TypeVar("Task", bound=LightningModule)


class _NotPlainError(Exception):
    pass


def keep_hyperparameters(task: LightningModule) -> None:
    """Save the arguments of a task, called by its constructor, in plain values.

    LightningCLI hands them over as its configuration has them. In Python, classes, partials,
    functions of modules and this package's own objects are written in the same form
    (``class_path``, ``init_args``); other arguments are left out, and their names kept.

    Raises:
        TypeError: If an argument is an object where what builds one is wanted.
    """
    if _given_hyperparameters.get() is not None:
        task.save_hyperparameters(logger=False)  # RunRecord logs the whole configuration
        return
    arguments = _arguments_of(task)
    for name, value in arguments.items():
        if isinstance(value, _BUILT):
            raise TypeError(
                f"{name} is what builds a {type(value).__name__}, not one that is built: give the "
                f"class, or functools.partial({type(value).__name__}, …) with its arguments"
            )
    task.save_hyperparameters(_in_plain_values(type(task), arguments))


def build_task(
    cls: type[Task],
    hyperparameters: Mapping[str, Any],
    arguments: Mapping[str, Any],
    trusted: Iterable[str] = (),
) -> Task:
    """Build a task as its hyperparameters say, without the weights that they name.

    Args:
        cls: The class that is asked for; the task may be of a subclass.
        hyperparameters: What a checkpoint holds.
        arguments: Take the place of those of the same names; any objects.
        trusted: Packages of the user's own whose classes the hyperparameters may name.

    Raises:
        ValueError: If the hyperparameters are incomplete, name what is not trusted, or are not
            those of such a task.
    """
    path = str(hyperparameters.get("_class_path") or _path_of(cls))
    known = {k: v for k, v in hyperparameters.items() if k not in _OF_LIGHTNING}
    known = {name: value for name, value in known.items() if name not in arguments}
    missing = [n for n in hyperparameters.get(_LEFT_OUT, ()) if n not in arguments]
    if missing:
        raise ValueError(
            f"the checkpoint does not hold {', '.join(missing)} of {path.rpartition('.')[2]}: what "
            f"it was built with in Python has no name by which to import it; give it again: "
            f"load_from_checkpoint(path, {', '.join(f'{name}=…' for name in missing)})"
        )
    refuse_untrusted({"class_path": path, "init_args": known}, "the checkpoint", trusted)
    leave_out_weights(known)
    parser = PlainMessages()
    parser.add_subclass_arguments(cls, "task", fail_untyped=False)
    try:
        content = parser.parse_object(
            {"task": {"class_path": path, "init_args": known | dict(arguments)}}
        )
        # What the checkpoint has left out is among the arguments now.
        kept = {name: value for name, value in hyperparameters.items() if name != _LEFT_OUT}
        kept |= _in_plain_values(cls, arguments) | {"_class_path": path}
        with _given_hyperparameters_context(kept, _INSTANTIATOR):
            task: Task = parser.instantiate_classes(content).task
    except CommandError as error:
        raise ValueError(f"the checkpoint's {path} cannot be built again: {error}") from error
    return task


def leave_out_weights(model: Any, with_compared: bool = False) -> None:
    """Let no part of a configuration start from files.

    Args:
        model: The arguments of a task; changed in place.
        with_compared: Whether methods stay that are compared by files of their own.
    """
    if model.get("compare") and not with_compared:
        others = model.get("compare_weights") or {}  # no part of a run's checkpoint
        model["compare"] = {k: v for k, v in model["compare"].items() if k not in others}
    for key in ("weights", "compare_weights"):
        if key in model:
            model[key] = None
    leave_out_pretrained(model)


def leave_out_own_weights(model: Any) -> None:
    """Let no part of a task start from files that a checkpoint takes the place of.

    Args:
        model: The arguments of a task; changed in place. Files of methods that are compared stay:
            no checkpoint holds them.
    """
    kept = {name: file for name, file in (model.get("weights") or {}).items() if name == "baseline"}
    if "weights" in model:
        model["weights"] = kept or None
    leave_out_pretrained(model)


def leave_out_pretrained(part: Any) -> None:
    """Let no network of a configuration start from pretrained weights, wherever it stands."""
    if isinstance(part, dict | Namespace):
        entries = part if isinstance(part, dict) else vars(part)  # keys() of it are dotted
        for key in list(entries):
            if key == "pretrained" and not isinstance(entries[key], dict | Namespace):
                entries[key] = None
            else:
                leave_out_pretrained(entries[key])
    elif isinstance(part, list):
        for each in part:
            leave_out_pretrained(each)


def _in_plain_values(cls: type[LightningModule], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Write arguments as a checkpoint keeps them."""
    plain: dict[str, Any] = {"_class_path": _path_of(cls)}
    for name, value in arguments.items():
        try:
            plain[name] = _plain(value)
        except _NotPlainError:
            plain.setdefault(_LEFT_OUT, []).append(name)
    return plain


def _arguments_of(task: LightningModule) -> dict[str, Any]:
    """What the constructor that is running was called with: the outermost one, of its class."""
    frame: FrameType | None = inspect.currentframe()
    found: FrameType | None = None
    while frame is not None:
        if frame.f_code.co_name == "__init__" and frame.f_locals.get("self") is task:
            found = frame
        frame = frame.f_back
    if found is None:
        return {}
    values = inspect.getargvalues(found)
    names = [name for name in values.args if name != "self"]
    given = {name: values.locals[name] for name in names}
    return given | (values.locals[values.keywords] if values.keywords else {})


def _plain(value: Any) -> Any:
    """Write a value as a configuration would."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, type):
        return {"class_path": _path_of(value)}
    if isinstance(value, FunctionType):
        return _path_of(value)
    if isinstance(value, partial) and isinstance(value.func, type) and not value.args:
        return {"class_path": _path_of(value.func), "init_args": _plain(value.keywords)}
    return _plain_object(value)


def _plain_object(value: Any) -> dict[str, Any]:
    """Write an object of this package, whose attributes are called as its arguments."""
    kind = type(value)
    if kind.__module__.split(".")[0] != __name__.split(".")[0]:
        raise _NotPlainError
    names = list(inspect.signature(kind).parameters)
    if not all(hasattr(value, name) for name in names):
        raise _NotPlainError
    arguments = {name: _plain(getattr(value, name)) for name in names}
    return {"class_path": _path_of(kind), "init_args": arguments}


def _path_of(kind: type | FunctionType) -> str:
    """Where a class or function can be imported from."""
    if "<" in kind.__qualname__:  # <locals>, <lambda>
        raise _NotPlainError
    return f"{kind.__module__}.{kind.__qualname__}"
