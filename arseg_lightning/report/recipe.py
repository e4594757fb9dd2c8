"""What tells one row of the paper's tables from another, read from a run's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from arseg_lightning.report.result import RunResult

__all__ = ["Recipe", "class_name", "recipe_of"]

MethodKind = Literal["arseg", "per_frame", "motion_only"]

_TASKS = ("PerFrameTask", "LowResTask", "JointTask")
"""Tasks of the paper's experiments: their arguments are those of the method."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A method by what the paper varies; the defaults are AR-Seg as it proposes it.

    Args:
        network: Class name of the network.
        method: Which of the methods that the paper compares.
        resolution_ratio: Scale s of what the (low-res) network sees.
        keyframe_interval: L.
        fusion: Class name of the fusion.
        window: Side of CReFF's window.
        projection: CReFF's convolutions.
        direct_connection: Whether CReFF adds the low-res feature.
        prior_sigma: Width of CReFF's prior for near places; the paper has none.
        reduction: Feature pixels a key of global attention covers, per axis.
        cut: What is carried from frame to frame: the feature before the ``classifier``, or before
            an earlier part (``task``, ``features``).
        motion: Whether what is carried is warped.
        similarity: Feature distance in FST.
        share_classifier: Whether the branches share the last convolution.
    """

    network: str
    method: MethodKind = "arseg"
    resolution_ratio: float = 0.5
    keyframe_interval: int = 12
    fusion: str = "CReFF"
    window: int = 7
    projection: str = "depthwise"
    direct_connection: bool = True
    prior_sigma: float | None = None
    reduction: float = 32.0
    cut: str = "classifier"
    motion: bool = True
    similarity: str = "mse"
    share_classifier: bool = True


def recipe_of(result: RunResult, method: str) -> Recipe | None:
    """Say what a method in a result was, by the configuration in the result's provenance.

    Args:
        result: The result.
        method: The method's name in it.

    Returns:
        The recipe, or None if the configuration does not tell.
    """
    config = result.provenance.config
    arguments = _arguments(_part(config, "model"), method)
    if not _part(arguments, "network"):
        return None
    fuses = "fusion" in arguments
    own = float(arguments.get("resolution_ratio", 0.5 if fuses else 1.0))
    known: dict[str, tuple[MethodKind, float]] = {f"{own:g}x": ("per_frame", own)}
    if fuses:
        known |= {"1x": ("per_frame", 1.0), f"AR {own:g}x": ("arseg", own)}
    elif own == 1.0:
        known["motion only"] = ("motion_only", 0.5)
    if method not in known:
        return None
    kind, ratio = known[method]
    network, cut = _network(_part(arguments, "network"))
    alone = Recipe(network, kind, ratio, result.keyframe_interval)
    if kind != "arseg":
        return alone
    chaining = _part(config, "data").get("chaining", "subpixel")
    fusion = _fusion(_part(arguments, "fusion"))
    return replace(
        alone,
        cut=cut,
        motion=chaining != "none" or fusion["fusion"] == "NoFusion",
        similarity=_similarity(_part(arguments, "objective")),
        share_classifier=bool(arguments.get("share_classifier", True)),
        **fusion,
    )


def class_name(part: Mapping[str, Any]) -> str:
    """Name of the class that a part of a configuration builds, without its module."""
    return str(part.get("class_path", "")).rpartition(".")[2]


def _part(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A part of a configuration; empty if it is not there."""
    part = config.get(key)
    if isinstance(part, str):  # jsonargparse also takes a class by its name alone
        return {"class_path": part}
    return part if isinstance(part, Mapping) else {}


def _arguments(model: Mapping[str, Any], method: str) -> Mapping[str, Any]:
    """What a method was made of, by the configuration of its task; empty if it does not tell."""
    arguments = _part(model, "init_args")
    if "method" in arguments:
        other = _part(_part(arguments, "compare"), method)
        return _part(other or _part(arguments, "method"), "init_args")
    return arguments if class_name(model) in _TASKS else {}


def _network(network: Mapping[str, Any]) -> tuple[str, str]:
    """Name of the network, and where it is cut."""
    if class_name(network) == "PSPNet18EarlyCut":
        return "PSPNet18", str(_part(network, "init_args").get("cut", "task"))
    return class_name(network), "classifier"


def _fusion(fusion: Mapping[str, Any]) -> dict[str, Any]:
    """The fusion's class, and those of its arguments that the paper varies."""
    arguments = _part(fusion, "init_args")
    name = class_name(fusion) or "CReFF"
    varied: dict[str, tuple[str, ...]] = {
        "CReFF": ("window", "projection", "direct_connection", "prior_sigma"),
        "GlobalAttention": ("reduction",),
    }
    return {"fusion": name} | {
        key: arguments[key] for key in varied.get(name, ()) if key in arguments
    }


def _similarity(objective: Mapping[str, Any]) -> str:
    arguments = _part(objective, "init_args")
    if not float(arguments.get("similarity_weight", 1.0)):
        return "none"
    return str(arguments.get("similarity", "mse"))
