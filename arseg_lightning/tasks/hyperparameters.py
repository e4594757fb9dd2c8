"""Hyperparameters of a task: the plain values that a checkpoint needs to build it again."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any, TypeVar

from lightning import LightningModule
from lightning.pytorch.core.mixins.hparams_mixin import (
    _given_hyperparameters,
    _given_hyperparameters_context,
)
from lightning.pytorch.utilities.parsing import get_init_args
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from arseg_lightning.messages import CommandError, PlainMessages
from arseg_lightning.methods import VideoMethod
from arseg_lightning.models.segmentor import Segmentor
from arseg_lightning.tasks.trusted import refuse_untrusted
from arseg_lightning.tasks.weights import leave_out_files

__all__ = ["build_task", "differences", "keep_hyperparameters"]

_LEFT_OUT = "_left_out"
"""Key of the names of arguments that are no plain values."""

_INSTANTIATOR = "lightning.pytorch.cli.instantiate_module"
"""Builder of a module from such values, for Lightning's own loading."""

_BUILT = (Segmentor, VideoMethod, Optimizer, LRScheduler)
"""Types that a task builds itself, once it knows the number of classes and the parameters."""

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
    frame, outermost = inspect.currentframe(), None  # the constructor of the task's own class
    while frame is not None:
        if frame.f_code.co_name == "__init__" and frame.f_locals.get("self") is task:
            outermost = frame
        frame = frame.f_back
    arguments = get_init_args(outermost) if outermost is not None else {}
    for name, value in arguments.items():
        if isinstance(value, _BUILT):
            raise TypeError(
                f"{name} is what builds a {type(value).__name__}, not one that is built: give the "
                f"class, or functools.partial({type(value).__name__}, …) with its arguments"
            )
    task.save_hyperparameters({"_class_path": _path_of(type(task))} | _in_plain_values(arguments))


def build_task(
    cls: type[Task],
    hyperparameters: Mapping[str, Any],
    arguments: Mapping[str, Any],
) -> Task:
    """Build a task of a class or its subclass as a checkpoint's hyperparameters say.

    The weights that they name are left out; ``arguments`` replace those of the same names.

    Raises:
        ValueError: If the hyperparameters are incomplete, name what is not trusted, or are not
            those of such a task.
    """
    path = str(hyperparameters.get("_class_path") or _path_of(cls))
    missing = [n for n in hyperparameters.get(_LEFT_OUT, ()) if n not in arguments]
    if missing:
        raise ValueError(
            f"the checkpoint does not hold {', '.join(missing)} of {path.rpartition('.')[2]}: what "
            f"it was built with in Python has no name by which to import it; give it again: "
            f"load_from_checkpoint(path, {', '.join(f'{name}=…' for name in missing)})"
        )
    of_lightning = {"_class_path", "_instantiator", _LEFT_OUT}
    known = {n: v for n, v in hyperparameters.items() if n not in of_lightning | {*arguments}}
    # Before a parser sees them: it would import what they name.
    refuse_untrusted({"class_path": path, "init_args": known}, "the checkpoint")
    leave_out_files(known)
    parser = PlainMessages()
    parser.add_subclass_arguments(cls, "task", fail_untyped=False)
    try:
        content = parser.parse_object(
            {"task": {"class_path": path, "init_args": known | dict(arguments)}}
        )
        # What the checkpoint has left out is among the arguments now.
        kept = {name: value for name, value in hyperparameters.items() if name != _LEFT_OUT}
        kept |= _in_plain_values(arguments) | {"_class_path": path}
        with _given_hyperparameters_context(kept, _INSTANTIATOR):
            task: Task = parser.instantiate_classes(content).task
    except CommandError as error:
        raise ValueError(f"the checkpoint's {path} cannot be built again: {error}") from error
    return task


def differences(before: Any, now: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """What differs between two configurations: dotted names, with both values.

    What is left out and null are the same.
    """
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in {**before, **now}:
            inner = f"{name}.{key}" if name else str(key)
            yield from differences(before.get(key), now.get(key), inner)
    elif before != now:
        yield name, before, now


def _in_plain_values(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Write arguments as a checkpoint keeps them."""
    plain: dict[str, Any] = {}
    for name, value in arguments.items():
        try:
            plain[name] = _plain(value)
        except _NotPlainError:
            plain.setdefault(_LEFT_OUT, []).append(name)
    return plain


def _plain(value: Any) -> Any:
    """Write a value as a configuration would."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
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
    # Attributes of this package's own objects are called as their arguments.
    is_own = kind.__module__.split(".")[0] == __name__.split(".")[0]
    names = list(inspect.signature(kind).parameters) if is_own else []
    if not is_own or not all(hasattr(value, name) for name in names):
        raise _NotPlainError
    arguments = {name: _plain(getattr(value, name)) for name in names}
    return {"class_path": _path_of(kind), "init_args": arguments}


def _path_of(kind: type | FunctionType) -> str:
    """Where a class or function can be imported from."""
    if "<" in kind.__qualname__:  # <locals>, <lambda>
        raise _NotPlainError
    return f"{kind.__module__}.{kind.__qualname__}"
