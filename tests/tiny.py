"""A segmentor small enough for tests of what is around it."""

import torch
from torch import nn

from arseg_lightning.models.segmentor import Segmentor, SideOutputs
from arseg_lightning.types import ClipBatch


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


def clip_batch(batch=2, frames=2, size=(24, 32), num_classes=3, distance=5, seed=0):
    """Random clips: a keyframe, then frames at growing distance."""
    generator = torch.Generator().manual_seed(seed)
    lead = (batch, frames)
    distances = torch.tensor([0, *range(distance, distance + frames - 1)])
    motion = torch.randn(*lead, 2, *size, generator=generator)
    motion[:, 0] = 0
    return ClipBatch(
        images=torch.randn(*lead, 3, *size, generator=generator),
        motion=motion,
        labels=torch.randint(0, num_classes, (*lead, *size), generator=generator),
        distances=distances.expand(batch, frames),
        names=tuple(tuple(f"clip{b}/{t}" for t in range(frames)) for b in range(batch)),
    )
