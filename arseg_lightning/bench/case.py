"""What is measured: a network at a size, and how."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from typing import Literal

from arseg_lightning import models
from arseg_lightning.inference import Compile, Precision
from arseg_lightning.models import Segmentor

__all__ = ["Backend", "BenchCase", "BenchSettings"]

Backend = Literal["torch", "onnxruntime"]


@dataclass(frozen=True, slots=True)
class BenchCase:
    """A network at a size.

    Args:
        network: Name of one of our networks, or the dotted path of one's own.
        size: Height and width of the video.
    """

    network: str
    size: tuple[int, int]

    @classmethod
    def parse(cls, text: str) -> BenchCase:
        """Read ``NETWORK@HEIGHTxWIDTH``.

        Raises:
            ValueError: If it is something else.
        """
        found = re.fullmatch(r"([\w.]+)@(\d+)x(\d+)", text)
        if found is None or "0" in found.groups():
            raise ValueError(
                f"a case is NETWORK@HEIGHTxWIDTH, such as BiSeNet18@720x960; got {text!r}"
            )
        return cls(found[1], (int(found[2]), int(found[3])))

    def build(self, num_classes: int) -> Segmentor:
        """The network with random weights, on which speed does not depend.

        Raises:
            ValueError: If there is no such network.
        """
        module, _, name = self.network.rpartition(".")
        try:
            kind = getattr(importlib.import_module(module) if module else models, name)
        except (ImportError, AttributeError) as error:
            raise ValueError(
                f"no network {self.network!r} ({error}); name one of arseg_lightning.models, such "
                f"as BiSeNet18, or the dotted path of your own"
            ) from error
        if not (isinstance(kind, type) and issubclass(kind, Segmentor)):
            raise ValueError(f"{self.network} is no Segmentor; see docs/own_network.md")
        network: Segmentor = kind(num_classes)
        return network


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """How everything is measured.

    Args:
        keyframe_interval: L.
        resolution_ratios: Scales s of non-keyframes, one variant each.
        num_classes: Number of classes.
        window: Side of CReFF's window.
        precisions: In what the optimised variants compute, one variant each.
        backends: Who runs them. ONNX Runtime computes in float32 on a CPU.
        compile: Mode of ``torch.compile`` for the optimised variants.
        device: See :func:`arseg_lightning.streaming.choose_device`.
        repeats: Rounds; in each, every variant runs once.
        plain_frames: Frames a round of the variants that see every frame in full: they are all
            alike, and slow.

    Raises:
        ValueError: If a number makes no sense.
    """

    keyframe_interval: int = 12
    resolution_ratios: tuple[float, ...] = (0.5,)
    num_classes: int = 11
    window: int = 7
    precisions: tuple[Precision, ...] = ("float32",)
    backends: tuple[Backend, ...] = ("torch",)
    compile: Compile = "no"
    device: str = "auto"
    repeats: int = 5
    plain_frames: int = 3

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.keyframe_interval < 2:
            raise ValueError(
                f"without frames between keyframes there is nothing to compare: keyframe_interval "
                f"is at least 2, got {self.keyframe_interval}"
            )
        if self.repeats < 1 or self.plain_frames < 1:
            raise ValueError(
                f"repeats and plain_frames are at least 1, got {self.repeats} and "
                f"{self.plain_frames}"
            )
