"""A training that draws at random and can be interrupted, from the command line."""

from pathlib import Path

import torch
import yaml
from torch import nn

from arseg_lightning.cli import main
from tests.tiny import TinyNet

DROPPING = {"class_path": "tests.callbacks.interrupted.DroppingNet"}
CROSS_ENTROPY = {"class_path": "CrossEntropy"}
FST = {"class_path": "FST", "init_args": {"segmentation": CROSS_ENTROPY}}
CREFF = {"class_path": "CReFF", "init_args": {"window": 3}}
EPOCHS = 3


class Interrupted(RuntimeError):
    """What ends a training early."""


class DroppingNet(TinyNet):
    """Drops features at random, so that the generators' states count; fails when told to."""

    passes_left = -1
    """Passes in training until it fails; negative: never."""

    def __init__(self, num_classes):
        super().__init__(num_classes)
        self.dropout = nn.Dropout2d(0.3)

    def features_and_side(self, image, with_side):
        feature, side = super().features_and_side(image, with_side)
        if with_side and self.training:
            if DroppingNet.passes_left == 0:
                raise Interrupted
            DroppingNet.passes_left -= 1
        return self.dropout(feature), side


def driving(first_seed, num_videos=1):
    arguments = {"num_videos": num_videos, "num_frames": 8, "height": 48, "width": 64}
    return {"class_path": "SyntheticDriving", "init_args": arguments | {"first_seed": first_seed}}


def method_experiment(folder, store, name, data, **arguments):
    """A configuration file: a method around the dropping network, three steps an epoch."""
    path = Path(experiment(folder, store, "VideoTask"))
    content = yaml.safe_load(path.read_text())
    method = {"class_path": name, "init_args": {"network": DROPPING} | arguments}
    content["model"]["init_args"] = {"method": method}
    if "teacher" in arguments:
        content["model"]["init_args"]["weights"] = {"teacher": str(store.parent / "teacher.pth")}
    # Two processes share the streams of two videos.
    content["data"] |= {"train_on": "clips", "val": driving(50, num_videos=2)} | data
    path.write_text(yaml.safe_dump(content))
    return str(path)


def experiment(folder, store, task, **arguments):
    """A configuration file: a task on seven pairs, three steps an epoch."""
    content = {
        "trainer": {
            "max_epochs": EPOCHS,
            "accelerator": "cpu",
            "logger": False,
            "devices": 1,
            "deterministic": True,
        },
        "data": {
            "train": driving(0),
            "val": driving(50),
            "store": str(store),
            "keyframe_interval": 4,
            "augment": {"crop_size": [32, 48], "scales": [0.75, 1.0, 1.5]},
            "batch_size": 2,
            "num_workers": 0,
        },
        "model": {"class_path": task, "init_args": {"network": DROPPING} | arguments},
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(content))
    return str(path)


def fit(config, run_dir, *flags, passes=-1):
    """Train; a training that is to fail after so many passes does."""
    DroppingNet.passes_left = passes
    try:
        return main(["fit", "--config", config, "--run_dir", str(run_dir), *flags])
    finally:
        DroppingNet.passes_left = -1


def state(run_dir, name="last"):
    return torch.load(run_dir / f"{name}.ckpt", weights_only=True)


def assert_equal(first, second, where=""):
    """Compare what checkpoints hold, bit for bit."""
    assert type(first) is type(second), where
    if isinstance(first, torch.Tensor):
        assert torch.equal(first, second), where
    elif isinstance(first, dict):
        assert list(first) == list(second), where
        for key in first:
            assert_equal(first[key], second[key], f"{where}/{key}")
    elif isinstance(first, list | tuple):
        assert len(first) == len(second), where
        for index, parts in enumerate(zip(first, second, strict=True)):
            assert_equal(*parts, f"{where}/{index}")
    else:
        assert first == second, where
