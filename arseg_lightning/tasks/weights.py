"""Weights of a method's submodules, out of checkpoints, published files and saved networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from arseg_lightning.methods import VideoMethod
from arseg_lightning.models import load_segmentor_weights, read_checkpoint
from arseg_lightning.models.published import (
    has_trained_fusion,
    published_format,
    published_fusion_weights,
)
from arseg_lightning.models.segmentor import Segmentor

__all__ = ["check_run_checkpoint", "holds_fusion", "load_all", "own_checkpoint", "share_modules"]
__all__ += ["spelled_out", "untrained_parts"]

_TASK_PREFIX = "method."


def load_all(method: VideoMethod, weights: Mapping[str, str]) -> None:
    """Load submodules of a method.

    Args:
        method: The method.
        weights: A file by the name of the submodule; ``FILE#PART`` takes a part of a checkpoint.
            ``all`` stands for every submodule with weights that is not named itself.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If there is no such submodule, or what is in the file does not fit it.
    """
    for name, source in spelled_out(method, weights).items():
        _load(_submodule(method, name), name, str(source))
    if weights:
        method.after_loading()


def spelled_out(method: VideoMethod, weights: Mapping[str, str]) -> dict[str, str]:
    """Files by the names of submodules, with ``all`` written out."""
    named = {name: source for name, source in weights.items() if name != "all"}
    parts = _parts(method) if "all" in weights else []
    return {part: weights["all"] for part in parts if part not in named} | named


def untrained_parts(method: VideoMethod, loaded: tuple[str, ...]) -> tuple[str, ...]:
    """Names of a method's direct submodules that have weights to learn and none loaded.

    Args:
        method: The method.
        loaded: Names of the submodules that are loaded.
    """
    parameters = [name for name, _ in method.named_parameters()]
    random = [n for n in parameters if not any(n.startswith(f"{part}.") for part in loaded)]
    return tuple(dict.fromkeys(name.split(".")[0] for name in random))


def share_modules(method: VideoMethod, other: VideoMethod, name: str) -> None:
    """Let another method use a method's submodules of the same names and shapes.

    Args:
        method: Has the weights.
        other: Has none of its own.
        name: What the other is called.

    Raises:
        ValueError: If the other has a part that the method lacks.
    """
    own = dict(method.named_children())
    for part, child in list(other.named_children()):
        state = child.state_dict()
        if not state:
            continue
        if part in own and _shapes(own[part].state_dict()) == _shapes(state):
            setattr(other, part, own[part])
        elif not any(tensor.is_meta for tensor in state.values()):  # to count, shapes are enough
            raise ValueError(
                f"compare.{name} has a part {part!r} that {method.name} has not (or in other "
                f"shapes), so nothing brings its weights; give compare_weights.{name}"
            )


def check_run_checkpoint(path: Path, flag: str = "--ckpt_path") -> None:
    """Raise if a file holds a network alone, where a flag wants the checkpoint of a run.

    Raises:
        ValueError: If it is a published file, a saved network, or damaged.
    """
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


def _submodule(method: VideoMethod, name: str) -> nn.Module:
    try:
        return method.get_submodule(name)
    except AttributeError as error:
        raise ValueError(
            f"{method.name} has no part {name!r} that weights could be loaded into; it has "
            f"{', '.join(_parts(method))}"
        ) from error


def _parts(method: VideoMethod) -> list[str]:
    return [part for part, child in method.named_children() if child.state_dict()]


def _load(target: nn.Module, name: str, source: str) -> None:
    path, _, part = source.partition("#")
    state = read_checkpoint(path)
    is_published = published_format(state) is not None
    if isinstance(target, Segmentor):
        prefix = "" if is_published else _prefix(target, name, path, part, state)
        load_segmentor_weights(target, path, prefixes=(prefix,))
        return
    weights = published_fusion_weights(state)
    if not is_published:
        prefix = _prefix(target, name, path, part, state)
        weights = {key: state[prefix + key] for key in target.state_dict()}
    elif not has_trained_fusion(weights) or _shapes(weights) != _shapes(target.state_dict()):
        raise ValueError(
            f"{path} holds no trained weights for {name} of this kind and in its shapes; set the "
            f"{name} of the model to the file's, or give a published AR file"
        )
    target.load_state_dict(weights)


def _prefix(target: nn.Module, name: str, path: str, part: str, state: Mapping[str, Tensor]) -> str:
    """Where in a checkpoint the weights of a submodule stand."""
    wanted = _shapes(target.state_dict())
    first = next(iter(wanted), "")
    places = [key.removesuffix(first) for key in state if key.endswith(first)]
    fitting = [
        place
        for place in dict.fromkeys(places)
        if all(place + k in state and tuple(state[place + k].shape) == v for k, v in wanted.items())
    ]
    if part:
        fitting = [place for place in fitting if place in (f"{part}.", f"{_TASK_PREFIX}{part}.")]
    same = [place for place in (f"{_TASK_PREFIX}{name}.", f"{name}.", "") if place in fitting]
    if same or len(fitting) == 1:
        return (same or fitting)[0]
    if fitting:
        parts = [place.removeprefix(_TASK_PREFIX).rstrip(".") for place in fitting]
        raise ValueError(
            f"several parts of {path} fit {name}: {', '.join(parts)}; say which, "
            f"weights.{name}={path}#{parts[0]}"
        )
    if isinstance(target, Segmentor):  # its loader knows best what is wrong
        ends = "classifier.weight"
        found = [key.removesuffix(ends) for key in state if key.endswith(f".{ends}")]
        return next((p for p in found if part in p), found[0] if found else "")
    inside = f".{name}."
    there = {k.split(inside)[1]: tuple(v.shape) for k, v in state.items() if inside in f".{k}"}
    raise ValueError(
        f"no part of {path} fits {name}: expected {wanted}, found {there or list(state)[:3]}; set "
        f"the {name} of the model to that of the checkpoint, or give another file"
    )


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in state.items()}
