"""Metrics of two processes together are those of one."""

from __future__ import annotations

import pytest
import torch
from torch import distributed, multiprocessing

from arseg_lightning.metrics import BoundaryAccuracy, DistanceAccuracy, VideoConsistency

VIDEOS = 3
"""Of which one process has two."""


def shown(only):
    """Metrics that have seen some of the videos."""
    meters = VideoConsistency(3), VideoConsistency(3, "vspw"), BoundaryAccuracy(4, 1)
    accuracy = DistanceAccuracy(4, 2)
    for number in only:
        generator = torch.Generator().manual_seed(number)
        label = torch.randint(0, 4, (16, 20), generator=generator)
        for index in range(8 + number):
            noise = torch.rand(label.shape, generator=generator) < 0.1
            prediction = torch.where(noise, 3, label)
            for meter in meters:
                meter.update(prediction, label)
            accuracy.update(prediction[None], label[None], index % 2)
        for meter in meters[:2]:
            meter.restart()
    found = [float(meter.compute().nanmean()) for meter in meters]
    return [*found, *accuracy.accuracy().miou_at_distance]


def of_process(rank, folder):
    """Show a process its videos, and keep what it computes."""
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2
    )
    torch.save(shown(range(rank, VIDEOS, 2)), f"{folder}/{rank}")
    distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_compute_what_one_does(tmp_path):
    multiprocessing.spawn(of_process, (str(tmp_path),), nprocs=2)
    both = [torch.load(tmp_path / str(rank)) for rank in range(2)]
    assert both[0] == both[1] == pytest.approx(shown(range(VIDEOS)))
    assert len(set(both[0])) > 2
