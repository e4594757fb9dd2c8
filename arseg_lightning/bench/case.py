"""Cases of a benchmark: a network in a method, or an experiment, at a size."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from arseg_lightning import models
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.export import Runtime
from arseg_lightning.hub import is_on_hub
from arseg_lightning.inference import Compile, Precision
from arseg_lightning.methods import DEFAULT_METHOD, EveryL, NetworkMethodFactory, VideoMethod
from arseg_lightning.models import Segmentor
from arseg_lightning.ranges import check_range
from arseg_lightning.streaming.run_files import find_run
from arseg_lightning.streaming.segmenter import choose_clock
from arseg_lightning.tasks.experiment import Experiment
from arseg_lightning.types import ClassSet
from arseg_lightning.video.chain import Chaining

__all__ = ["Backend", "BenchCase", "BenchSettings", "MethodSet"]


Backend = Literal["torch", Runtime]


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """How everything is measured."""

    keyframe_interval: int | None = None  # L, for methods with a clock; their own by default
    num_classes: int = 11  # K
    # in what the optimised variants compute, one variant each
    precisions: tuple[Precision, ...] = ("float32",)
    # who runs them; ONNX Runtime and OpenVINO compute in float32 on a CPU
    backends: tuple[Backend, ...] = ("torch",)
    compile: Compile = "no"  # mode of ``torch.compile`` for the optimised variants
    device: str = "auto"  # see :func:`arseg_lightning.accelerator.choose_device`
    repeats: int = 5  # rounds; in each, every variant runs once

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.keyframe_interval is not None and self.keyframe_interval < 2:
            raise ValueError(
                f"without frames between keyframes there is nothing to compare: keyframe_interval "
                f"is at least 2, got {self.keyframe_interval}"
            )
        check_range(1, repeats=self.repeats, num_classes=self.num_classes)


@dataclass(frozen=True, slots=True)
class MethodSet:
    """Methods that are compared by name, and what their input needs."""

    baselines: Mapping[str, VideoMethod]  # what the others are compared with, the reference first
    own: Mapping[str, VideoMethod]  # the methods in question
    classes: ClassSet  # classes that they tell apart
    # how their networks want their images
    normalise: Normalisation = field(default_factory=Normalisation)
    chaining: Chaining = "subpixel"  # how motion is composed over frames

    @property
    def methods(self) -> dict[str, VideoMethod]:
        """All of them, baselines first."""
        return {**self.baselines, **self.own}

    @property
    def keyframe_interval(self) -> int | None:
        """L of the first method that has a fixed one."""
        clocks = (method.clock for method in self.own.values())
        return next((c.keyframe_interval for c in clocks if isinstance(c, EveryL)), None)


@dataclass(frozen=True, slots=True)
class BenchCase:
    """A network or an experiment at a size."""

    # one of our networks or the dotted path of another; or a run (its folder, or hf:USER/REPO) or a
    # file of configuration, whose methods and weights are taken
    name: str
    size: tuple[int, int]  # height and width of the video

    @classmethod
    def parse(cls, text: str) -> BenchCase:
        """Read ``NETWORK@HEIGHTxWIDTH`` or ``RUN@HEIGHTxWIDTH``.

        Raises:
            ValueError: If it is something else.
        """
        found = re.fullmatch(r"(.+)@(\d+)x(\d+)", text)
        if found is None or "0" in found.groups():
            raise ValueError(
                f"a case is NETWORK@HEIGHTxWIDTH, such as BiSeNet18@720x960, or a run's folder or "
                f"file of configuration with @HEIGHTxWIDTH; got {text!r}"
            )
        return cls(found[1], (int(found[2]), int(found[3])))

    def build(
        self, settings: BenchSettings, method: NetworkMethodFactory = DEFAULT_METHOD
    ) -> MethodSet:
        """Build what is compared.

        Args:
            settings: Number of classes and keyframe interval.
            method: Builds the method around a network; an experiment has its own.

        Raises:
            FileNotFoundError: If an experiment names weights that are not there.
            ValueError: If there is no such network or experiment, or it has no such interval.
        """
        torch.manual_seed(0)  # the clocks of adaptive methods see what random weights say
        if Path(self.name).exists() or is_on_hub(self.name):
            run = find_run(self.name)
            experiment = Experiment([run.record], run.overrides, weights=True, checkpoint=run.best)
            methods, data = experiment.methods(), experiment.data
            own = {experiment.task.method.name: methods.popitem()[1]}
            compared = MethodSet(methods, own, data.classes, data.normalise, data.store.chaining)
        else:
            built = method(settings.num_classes, self._network())
            indices = range(settings.num_classes)
            names = tuple(f"class {k}" for k in indices)
            classes = ClassSet("numbered", names, tuple((k, k, k) for k in indices))
            compared = MethodSet(built.baselines(), {built.name: built}, classes)
        keyframe_interval = settings.keyframe_interval
        for each in compared.own.values():
            choose_clock(each, EveryL(keyframe_interval) if keyframe_interval else None)
        for each in compared.methods.values():
            if isinstance(each.clock, EveryL):
                fixed = keyframe_interval or each.clock.keyframe_interval
                # The clip's own I-frames are where the encoder put them: they say nothing of L.
                each.use_clock(EveryL(fixed, on_intra=False))
            each.eval()
        return compared

    def _network(self) -> type[Segmentor]:
        """The class of the network."""
        module, _, name = self.name.rpartition(".")
        try:
            kind = getattr(importlib.import_module(module) if module else models, name)
        except (ImportError, AttributeError) as error:
            raise ValueError(
                f"no network {self.name!r} ({error}); name one of arseg_lightning.models, such as "
                f"BiSeNet18, the dotted path of your own, or a run's folder that is there"
            ) from error
        if not (isinstance(kind, type) and issubclass(kind, Segmentor)):
            raise ValueError(f"{self.name} is no Segmentor; see docs/own_network.md")
        return kind
