"""The model card of a shared run, made from its configuration and its result."""

from __future__ import annotations

import inspect
import math
import re
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from arseg_lightning.datasets import ClipDataModule
from arseg_lightning.hub.configuration import SharedConfiguration
from arseg_lightning.hub.layout import CLASSES_NAME, RESULT_NAME
from arseg_lightning.hub.repository import client
from arseg_lightning.methods import EveryL, VideoMethod
from arseg_lightning.models import Segmentor
from arseg_lightning.report.result import RunResult
from arseg_lightning.report.result_tables import distance_table
from arseg_lightning.report.table_files import gmacs_text, percent_text, share_text
from arseg_lightning.tasks.experiment import Experiment

__all__ = ["ModelCard"]

_MANY = 30
"""Classes whose names are listed."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a reader wants to know of a run before using it."""

    source: str  # by what it is loaded, such as ``hf:USER/REPO``
    experiment: Experiment
    configuration: SharedConfiguration
    result: RunResult | None  # of the weights that are shared
    weights: str  # which these are, such as ``best.ckpt``
    licence: str | None  # as the hub names licences

    def text(self) -> str:
        """Markdown, below the metadata that the hub reads.

        Raises:
            ValueError: If the package huggingface_hub, which writes these, is missing.
        """
        template = Template(Path(__file__).with_name("card.md").read_text(encoding="utf-8"))
        method, data = self.experiment.task.method, self.experiment.data
        files = [(RESULT_NAME, "the figures above, with the versions and the configuration")]
        files = files if self.result is not None else []
        if self.configuration.classes is not None:
            files.append((CLASSES_NAME, "the class set: names, colours and values of label files"))
        text = template.substitute(
            metadata=self._metadata(),
            title=_title(self.source),
            what=_what(method),
            facts=_table(_facts(method, data)),
            accuracy=_accuracy(self.result),
            source=self.source,
            needs=_needs(self.configuration.packages),
            weights=f"the weights, `{self.weights}` of the run",
            others="\n".join(f"| `{name}` | {text} |" for name, text in files),
            licence=_licence(self.licence),
        )
        return re.sub(r"\n{3,}", "\n\n", text)

    def _metadata(self) -> str:
        hub = client()
        content = hub.ModelCardData(
            license=self.licence,
            library_name="arseg_lightning",
            pipeline_tag="image-segmentation",
            tags=[
                *("arseg_lightning", "semantic-segmentation", "video-segmentation"),
                *("compressed-video", type(self.experiment.task.method).__name__),
            ],
            model_name=None if self.result is None else _title(self.source),
            eval_results=None if self.result is None else _eval_results(hub, self.result),
        )
        text: str = content.to_yaml()
        return text.rstrip() + "\n"


def _title(source: str) -> str:
    return source.partition("@")[0].rpartition("/")[2]


def _what(method: VideoMethod) -> str:
    """What the class of the method says of itself, and where it is from."""
    documents = [_plain(kind.__doc__ or "") for kind in type(method).__mro__]
    wanted = re.compile(r"^Source: (.*?)(?=\nDiffers:|\n\n|\Z)", re.DOTALL | re.MULTILINE)
    source = next(filter(None, map(wanted.search, documents)), None)
    parts = [f"**{type(method).__name__}**: {documents[0].partition(chr(10) * 2)[0]}"]
    parts += [f"Source of the method: {source[1]}"] if source else []
    return "\n\n".join(" ".join(part.split()) for part in parts)


def _plain(document: str) -> str:
    """A docstring with Markdown's code for that of reStructuredText."""
    text = inspect.cleandoc(document)
    return re.sub(r":\w+:`~?([^`]*)`", r"`\1`", text).replace("``", "`")


def _facts(method: VideoMethod, data: ClipDataModule) -> dict[str, str]:
    networks = (type(part).__name__ for part in method.modules() if isinstance(part, Segmentor))
    names, layout = data.classes.names, data.layouts["train"]
    listed = ", ".join(names) if len(names) <= _MANY else "the names are in the class set"
    ratio = getattr(method, "resolution_ratio", None)
    trained = f"{type(layout).__name__}, {layout.protocol}" if layout is not None else "not said"
    clock = method.clock
    interval = "none: the method has no keyframes, or a schedule of its own"
    if isinstance(clock, EveryL):
        interval = f"{clock.keyframe_interval} frames (L)"
    elif clock is not None:
        interval = f"as its clock says: `{type(clock).__name__}`"
    return {
        "network": ", ".join(dict.fromkeys(f"`{name}`" for name in networks)),
        "parameters": f"{sum(p.numel() for p in method.parameters()) / 1e6:.3g} M",
        "classes": f"{len(names)} (`{data.classes.name}`): {listed}",
        "trained on": f"`{trained}`",
        "keyframe interval": interval,
        "resolution ratio": "1: full resolution" if ratio in (None, 1) else f"{ratio:g}",
        "motion": "the codec's, from the video file (H.264, MPEG-4); else made by encoding"
        if method.uses_motion
        else "not needed",
    }


def _table(facts: dict[str, str]) -> str:
    rows = (f"| **{name}** | {text} |" for name, text in facts.items())
    return "\n".join(["| | |", "| --- | --- |", *rows])


def _accuracy(result: RunResult | None) -> str:
    if result is None:
        return (
            "Not known: these weights came without the result of a test. `compare` measures them "
            "on labelled data."
        )
    own = result.methods[-1]
    share = share_text(own.mean_gmacs / result.full_gmacs)
    cost = f"**{gmacs_text(own.mean_gmacs)} GMACs** a frame ({share} of every frame at 1x)"
    accuracy = own.accuracy
    value = accuracy.miou_mean if own.at_distance else accuracy.miou_pooled
    over = ", mean over the distances to the keyframe" if own.at_distance else ""
    where = f"{result.num_samples} labelled frames of `{result.tested_on}` (height x width)"
    lines = [f"**{percent_text(value)} % mIoU**{over}, for {cost}, on {where}."]
    baselines = [each.name for each in result.methods[:-1]]
    rows = f"`{own.name}` is this run" + (", the others are baselines" if baselines else "")
    lines.append(f"{rows}; a GMAC is 1e9 multiply-accumulates.\n\n{distance_table(result)}")
    return "\n\n".join(lines)


def _needs(packages: tuple[str, ...]) -> str:
    if not packages:
        return ""
    names = ", ".join(f"`{name}`" for name in packages)
    return (
        f"Its configuration names classes of {names}, which run when it is loaded: have them "
        f"installed, and say that you trust them, `ARSEG_LIGHTNING_TRUST={','.join(packages)}`."
    )


def _licence(licence: str | None) -> str:
    data = "The data that it was trained on have licences of their own."
    if licence is None:
        return f"None was stated: ask whoever shared it before you use it. {data}"
    return f"The weights: `{licence}`. {data}"


def _eval_results(hub: Any, result: RunResult) -> list[Any]:
    """What the hub shows beside the card; values that are not known are left out."""
    own = result.methods[-1]
    figures = {
        ("mean_iou", "mIoU %, mean over the distances"): 100 * own.accuracy.miou_mean,
        ("mean_iou", "mIoU %, worst distance"): 100 * own.worst,
        ("mean_iou", "mIoU %, pooled"): 100 * own.accuracy.miou_pooled,
        ("gmacs", "GMACs a frame"): own.mean_gmacs,
    }
    return [
        hub.EvalResult(
            task_type="image-segmentation",
            task_name="Semantic segmentation of video",
            dataset_type=result.data,
            dataset_name=result.tested_on,
            metric_type=kind,
            metric_name=name,
            metric_value=round(value, 3),
        )
        for (kind, name), value in figures.items()
        if math.isfinite(value)
    ]
