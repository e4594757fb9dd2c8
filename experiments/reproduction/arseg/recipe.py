"""Which row of the paper a method is, read from a run's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from arseg_lightning.report import RunResult
from experiments.reproduction.arseg.paper import Recipe

__all__ = ["class_name", "recipe_of"]

_TASKS = ("PerFrameTask", "LowResTask", "JointTask")
"""Tasks of the paper's experiments: their arguments are those of the method."""

_VARIED = {
    "CReFF": ("window", "projection", "direct_connection", "prior_sigma", "low_res_gain"),
    "GlobalAttention": ("reduction",),
}
"""Arguments of fusions that the paper varies."""


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
    network = _part(arguments, "network")
    fuses = "fusion" in arguments
    ratio = float(arguments.get("resolution_ratio", 0.5 if fuses else 1.0))
    name, interval = class_name(network), result.keyframe_interval or 1
    known = {f"{ratio:g}x": Recipe(name, "per_frame", ratio, interval)}
    if fuses:
        known["1x"] = Recipe(name, "per_frame", 1.0, interval)
        known[f"AR {ratio:g}x"] = Recipe(name, "arseg", ratio, interval)
    elif ratio == 1.0:
        known["motion only"] = Recipe(name, "motion_only", 0.5, interval)
    recipe = known.get(method) if network else None
    if recipe is None:
        return None
    if name == "PSPNet18EarlyCut":  # the same network, cut elsewhere
        recipe = replace(recipe, network="PSPNet18")
    if recipe.method != "arseg":
        return recipe
    fusion, objective = _part(arguments, "fusion"), _init_args(arguments, "objective")
    kind = class_name(fusion) or "CReFF"
    varied = {
        k: v for k, v in _init_args(arguments, "fusion").items() if k in _VARIED.get(kind, ())
    }
    chaining = _part(config, "data").get("chaining", "subpixel")
    constrained = float(objective.get("similarity_weight", 1.0)) != 0
    is_early = name == "PSPNet18EarlyCut"
    return replace(
        recipe,
        cut=_init_args(arguments, "network").get("cut", "task") if is_early else "classifier",
        motion=chaining != "none" or kind == "NoFusion",
        similarity=objective.get("similarity", "mse") if constrained else "none",
        share_classifier=bool(arguments.get("share_classifier", True)),
        fusion=kind,
        **varied,
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


def _init_args(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return _part(_part(config, key), "init_args")


def _arguments(model: Mapping[str, Any], method: str) -> Mapping[str, Any]:
    """What a method was made of, by the configuration of its task; empty if it does not tell."""
    arguments = _part(model, "init_args")
    if "method" in arguments:
        other = _part(_part(arguments, "compare"), method)
        return _part(other or _part(arguments, "method"), "init_args")
    return arguments if class_name(model) in _TASKS else {}
