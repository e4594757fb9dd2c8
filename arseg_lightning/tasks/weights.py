"""Weights of a method's submodules, from checkpoints, published files and saved networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeGuard

from jsonargparse import Namespace
from torch import Tensor, nn

from arseg_lightning.methods import MethodFactory, VideoMethod
from arseg_lightning.models import load_segmentor_weights, read_checkpoint
from arseg_lightning.models.published import (
    has_trained_fusion,
    published_format,
    published_fusion_weights,
)
from arseg_lightning.models.query_segmentor import QuerySegmentor
from arseg_lightning.models.segmentor import Segmentor
from arseg_lightning.propagation.flow import FlowNetwork

__all__ = ["build_compared", "check_run_checkpoint", "holds_fusion", "leave_out_files"]
__all__ += ["leave_out_pretrained", "load_weights", "own_checkpoint"]

_TASK_PREFIX = "method."

Translate = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]


def load_weights(method: VideoMethod, weights: Mapping[str, str]) -> tuple[str, ...]:
    """Load submodules of a method.

    Args:
        method: The method.
        weights: A file by the name of the submodule; ``FILE#PART`` takes a part of a checkpoint.
            ``all`` stands for every submodule with weights that is not named itself.

    Returns:
        Names of the direct submodules that have weights to learn, and none loaded.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If there is no such submodule, or what is in the file does not fit it.
    """
    parts = [part for part, child in method.named_children() if child.state_dict()]
    named = {name: source for name, source in weights.items() if name != "all"}
    if "all" in weights:
        named = {part: weights["all"] for part in parts if part not in named} | named
    for name, source in named.items():
        try:
            target = method.get_submodule(name)
        except AttributeError as error:
            raise ValueError(
                f"{method.name} has no part {name!r} that weights could be loaded into; it has "
                f"{', '.join(parts)}"
            ) from error
        _load(target, name, str(source), method.translate)
    if weights:
        method.after_loading()
    trained = (part for part, child in method.named_children() if _is_trained(child))
    loaded = [*named, *method.adapted, *trained]
    random = [  # what a file brings beside parameters, batch norms' statistics, is not asked for
        parameter
        for parameter, _ in method.named_parameters()
        if not any(parameter.startswith(f"{name}.") for name in loaded)
    ]
    return tuple(dict.fromkeys(parameter.split(".")[0] for parameter in random))


def build_compared(
    own: VideoMethod,
    factories: Mapping[str, MethodFactory],
    weights: Mapping[str, str],
    num_classes: int,
) -> dict[str, VideoMethod]:
    """Build methods, by name, that share the weights of ``own`` or have separate files.

    Raises:
        ValueError: If a file is for none of them, or nothing brings the weights of a method.
    """
    compared = {name: make(num_classes) for name, make in factories.items()}
    shared = dict(own.named_children())
    for name in weights:
        if name not in compared:
            raise ValueError(
                f"compare_weights names {name!r}, which is not compared; compare has "
                f"{', '.join(compared) or 'nothing'}"
            )
    for name, other in compared.items():
        if name in weights:
            load_weights(other, {"all": weights[name]})
            other.requires_grad_(False)  # it is compared, and never trained
            continue
        for part, child in list(other.named_children()):
            state = child.state_dict()
            if _is_trained(child):
                continue
            if part in shared and state and _shapes(shared[part].state_dict()) == _shapes(state):
                setattr(other, part, _sharing(child, shared[part]))
            elif not all(tensor.is_meta for tensor in state.values()):  # to count, shapes suffice
                raise ValueError(
                    f"compare.{name} has a part {part!r} that {own.name} has not (or in other "
                    f"shapes), so nothing brings its weights; give compare_weights.{name}"
                )
    return compared


def leave_out_files(model: Any, compared: Literal["load", "empty", "drop"] = "drop") -> None:
    """Remove the files from a task's arguments, in place, that a checkpoint replaces.

    Compared methods with separate files, which no checkpoint holds, are loaded, stay without
    weights, or are left out.
    """
    files = model.get("compare_weights") or {}
    if compared == "drop" and model.get("compare"):
        model["compare"] = {k: v for k, v in model["compare"].items() if k not in files}
    if compared != "load" and files:
        model["compare_weights"] = None
    weights = model.get("weights") or {}
    if weights:
        is_loaded = compared == "load" and "baseline" in weights
        model["weights"] = {"baseline": weights["baseline"]} if is_loaded else None
    leave_out_pretrained(model, ("pretrained", "weights"))


def leave_out_pretrained(part: Any, words: Sequence[str] = ("pretrained",)) -> None:
    """Remove the files from all parts of a configuration that they start from.

    ``words`` are their options: ``pretrained`` is where a training starts, and ``weights`` of a
    flow network is all that it has.
    """
    if isinstance(part, list):
        for each in part:
            leave_out_pretrained(each, words)
    elif isinstance(part, dict | Namespace):
        entries = part if isinstance(part, dict) else vars(part)  # keys() of it are dotted
        for key, value in entries.items():
            # A word of another meaning, such as weights: balanced, has no ending.
            is_file = key == "pretrained" or (isinstance(value, str) and Path(value).suffix)
            if key in words and is_file and not isinstance(value, dict | Namespace):
                entries[key] = None
            else:
                leave_out_pretrained(value, words)


def check_run_checkpoint(path: Path, flag: str = "--ckpt_path") -> None:
    """Raise ValueError if a file holds a network alone, where a flag wants a run's checkpoint."""
    state = read_checkpoint(path)
    published = published_format(state)
    if published is None and "classifier.weight" not in state:
        return
    name = f"a published {published.network.__name__}" if published else "a network"
    raise ValueError(
        f"{path} holds the weights of {name}, but {flag} wants the checkpoint of a run; "
        "give it as --model.weights.NAME, where NAME is the part of the method that it is for"
    )


def holds_fusion(path: str | Path) -> bool:
    """Whether a file holds a trained fusion: an AR-Seg checkpoint or a published AR file."""
    state = read_checkpoint(path)
    if published_format(state) is not None:
        return has_trained_fusion(published_fusion_weights(state))
    return any(key.startswith(f"{_TASK_PREFIX}fusion.") for key in state)


def own_checkpoint(folder: Path) -> Path | None:
    """The best checkpoint in a run's folder, else the last; None if it holds none."""
    found = (folder / f"{name}.ckpt" for name in ("best", "last"))
    return next((path for path in found if path.is_file()), None)


def _ends_in_a_classifier(part: nn.Module) -> TypeGuard[Segmentor]:
    """Whether it is a network whose files have a loader of their own."""
    return isinstance(part, Segmentor) and not isinstance(part, QuerySegmentor)


def _is_trained(part: nn.Module) -> bool:
    """Whether its own arguments brought all its weights."""
    return isinstance(part, FlowNetwork | Segmentor) and part.is_trained


def _sharing(part: nn.Module, other: nn.Module) -> nn.Module:
    """A part with the very weights of another, whose shapes are its own."""
    if isinstance(part, QuerySegmentor) and isinstance(other, QuerySegmentor):
        return part.sharing(other)
    return other


def _load(target: nn.Module, name: str, source: str, translate: Translate) -> None:
    path, _, part = source.partition("#")
    state = translate(read_checkpoint(path))
    if isinstance(target, FlowNetwork):
        state = target.own_names(state)
    is_published = published_format(state) is not None
    prefix = "" if is_published else _prefix(target, name, path, part, state)
    if _ends_in_a_classifier(target):
        load_segmentor_weights(target, path, prefix=prefix)
        return
    if is_published:
        weights = published_fusion_weights(state)
        if not has_trained_fusion(weights) or _shapes(weights) != _shapes(target.state_dict()):
            raise ValueError(
                f"{path} holds no trained weights for {name} of this kind and in its shapes; set "
                f"the {name} of the model to the file's (experiments/camvid/paper_settings.yaml "
                "has the paper's), or give a published AR file"
            )
    else:
        weights = {key: state[prefix + key] for key in target.state_dict()}
    target.load_state_dict(weights)


def _prefix(target: nn.Module, name: str, path: str, part: str, state: Mapping[str, Tensor]) -> str:
    """Prefix of a submodule's weights in a checkpoint."""
    wanted, held = _shapes(target.state_dict()), _shapes(state)
    first = next(iter(wanted), "")
    fitting = [
        prefix
        for prefix in dict.fromkeys(key.removesuffix(first) for key in held if key.endswith(first))
        if all(held.get(prefix + key) == shape for key, shape in wanted.items())
        and part in ("", prefix.removeprefix(_TASK_PREFIX).rstrip("."))
    ]
    same = [prefix for prefix in (f"{_TASK_PREFIX}{name}.", f"{name}.", "") if prefix in fitting]
    if same or len(fitting) == 1:
        return (same or fitting)[0]
    if fitting:
        parts = [prefix.removeprefix(_TASK_PREFIX).rstrip(".") for prefix in fitting]
        raise ValueError(
            f"several parts of {path} fit {name}: {', '.join(parts)}; say which, "
            f"weights.{name}={path}#{parts[0]}"
        )
    if _ends_in_a_classifier(target):  # its loader knows best what is wrong
        ends = "classifier.weight"
        found = [key.removesuffix(ends) for key in state if key.endswith(f".{ends}")]
        return next((p for p in found if part in p), found[0] if found else "")
    raise ValueError(
        f"no part of {path} has the names and shapes of {name}; set the {name} of the model to "
        f"that of the checkpoint, or give another file"
    )


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in state.items()}
