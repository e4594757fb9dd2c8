"""A segmentor small enough for tests of what is around it."""

import numpy as np
import torch
from lightning import Trainer
from torch import nn

from arseg_lightning.datasets.evaluation import EvaluationClip, EvaluationFrame
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.models.segmentor import Segmentor, SideOutputs
from arseg_lightning.types import ClipBatch, Frame
from arseg_lightning.video.live.frame import SourceFrame
from arseg_lightning.video.motion import BlockMotion


class TinyNet(Segmentor):
    """Two convolutions: stride 4, 8 channels, one auxiliary head."""

    feature_channels = 8
    feature_stride = 4

    def __init__(self, num_classes: int):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU()
        )
        self.body = nn.Sequential(
            nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU()
        )
        self.auxiliary = nn.Conv2d(8, num_classes, 1)
        self.classifier = nn.Conv2d(8, num_classes, 1)

    def features_and_side(self, image, with_side):
        stem = self.stem(image)
        dense = (self.auxiliary(stem),) if with_side else ()
        return self.body(stem), SideOutputs(dense=dense)


def small_trainer(**options):
    """A trainer that shows, logs and saves nothing, unless it is told to."""
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}
    return Trainer(**({"accelerator": "cpu", "enable_checkpointing": False} | quiet | options))


def clip_batch(batch=2, frames=2, size=(24, 32), num_classes=3, distance=5, seed=0):
    """Random clips: a keyframe, then frames at growing distance, with motion to the keyframe."""
    generator = torch.Generator().manual_seed(seed)
    lead = (batch, frames)
    distances = torch.tensor([0, *range(distance, distance + frames - 1)])
    motion = torch.randn(*lead, 2, *size, generator=generator)
    motion[:, 0] = 0
    return ClipBatch(
        images=torch.randn(*lead, 3, *size, generator=generator),
        labels=torch.randint(0, num_classes, (*lead, *size), generator=generator),
        distances=distances.expand(batch, frames),
        names=tuple(tuple(f"clip{b}/{t}" for t in range(frames)) for b in range(batch)),
        motion=motion,
        valid=torch.ones(*lead, *size, dtype=torch.bool),
    )


def evaluation_clip(frames=3, size=(24, 32), num_classes=3, seed=0, labelled=None):
    """A stream of noise from its start, every frame (or those named) labelled."""
    generator = np.random.default_rng(seed)
    cells = tuple(-(-side // 4) for side in size)
    found = []
    for t in range(frames):
        image = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
        step = BlockMotion(
            generator.integers(-8, 9, (2, *cells), dtype=np.int16), np.zeros(cells, np.bool_)
        )
        frame = Frame(t, t / 25, "P" if t else "I", image)
        streamed = SourceFrame(frame, step if t else None, None if t else "start")
        label = generator.integers(0, num_classes, size, dtype=np.uint8)
        counts = labelled is None or t in labelled
        found.append(EvaluationFrame(streamed, label if counts else None, t, f"clip/{t}"))
    return EvaluationClip(found, Normalisation(), "subpixel")
