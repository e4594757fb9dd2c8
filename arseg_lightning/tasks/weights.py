"""Where the networks stand in the checkpoints of each task."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from arseg_lightning.models import load_segmentor_weights, read_checkpoint
from arseg_lightning.models.published import (
    has_trained_fusion,
    published_format,
    published_fusion_weights,
)
from arseg_lightning.models.segmentor import Segmentor
from arseg_lightning.propagation import Fusion

__all__ = ["Branch", "check_run_checkpoint", "load_branch", "load_fusion"]

Branch = Literal["high_res", "low_res", "alone"]

_PREFIXES: dict[Branch, tuple[str, ...]] = {
    "high_res": ("every_frame.network.", "arseg.high_res.", ""),
    "low_res": ("arseg.low_res.", "every_frame.network.", ""),
    "alone": ("every_frame.network.", "low_res_alone.network.", ""),
}
_FUSION_PREFIX = "arseg.fusion."


def load_branch(network: Segmentor, path: Path, branch: Branch) -> None:
    """Load one branch from a task's checkpoint, or from a published file.

    Args:
        network: Receives the weights.
        path: The checkpoint.
        branch: Which network of the checkpoint is meant, where it holds several.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no checkpoint, or one of another network or branch.
    """
    load_segmentor_weights(network, path, prefixes=_PREFIXES[branch])
    if branch == "high_res":
        _refuse_published_low_res(path)


def load_fusion(fusion: Fusion, path: Path) -> bool:
    """Load the fusion if the checkpoint holds a trained one.

    Returns:
        Whether the fusion has its weights now: phase-1 checkpoints and the published files of
        the baselines bring none.

    Raises:
        ValueError: If it holds another fusion.
    """
    state = read_checkpoint(path)
    own = {k: v for k, v in state.items() if k.startswith(_FUSION_PREFIX)}
    weights = {k.removeprefix(_FUSION_PREFIX): v for k, v in own.items()}
    if not weights:
        published = published_fusion_weights(state)
        weights = published if has_trained_fusion(published) else {}
    if not weights:
        return not fusion.state_dict()
    expected = {name: tuple(value.shape) for name, value in fusion.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    if expected != found:
        raise ValueError(
            f"{path} holds another fusion: expected {expected}, found {found}; set the model's "
            f"fusion to the checkpoint's"
        )
    fusion.load_state_dict(weights)
    return True


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
        "give it as --model.high_res_checkpoint, --model.low_res_checkpoint or, for a baseline, "
        "--model.checkpoint"
    )


def _refuse_published_low_res(path: Path) -> None:
    """Raise if the high-res branch was given a published file of the low-res branch."""
    state = read_checkpoint(path)
    published = published_format(state)
    if published is None or published.fusion_everywhere:
        return
    if has_trained_fusion(published_fusion_weights(state)):
        raise ValueError(
            f"{path} is a published AR file: the low-res branch and its fusion; give a file of "
            "the folder HR for the high-res branch, and this one as low_res_checkpoint"
        )
