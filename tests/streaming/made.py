"""A small method that decides many classes, streams made of decoded video, and results by hand."""

from __future__ import annotations

from fractions import Fraction
from functools import partial

import av
import numpy as np
import torch
import yaml

from arseg_lightning.datasets.classes import CAMVID11
from arseg_lightning.methods import ARSeg, Executed, Output, StreamResult
from arseg_lightning.propagation import CReFF
from arseg_lightning.streaming import Segmenter
from arseg_lightning.tasks.experiment import Experiment
from arseg_lightning.types import Frame
from arseg_lightning.video.decode import decode, decode_motion
from arseg_lightning.video.live import SourceFrame
from tests.tiny import TinyNet
from tests.video.small_videos import moving_frames

CLASSES = CAMVID11


def tiny_method(clock=None, network=TinyNet):
    torch.manual_seed(0)
    method = ARSeg(11, network, partial(CReFF, window=3), clock=clock)
    torch.nn.init.normal_(method.high_res.classifier.weight)
    method.after_loading()
    return method.eval()


def segmenter(method=None, clock=None, **settings):
    return Segmenter(method or tiny_method(clock), CLASSES, device="cpu", **settings)


def streamed(path):
    """What a live source gives for a file: motion to the frame before, none at I-frames."""
    for frame, (kind, step) in zip(decode(path), decode_motion(path), strict=True):
        restart = "start" if frame.index == 0 else None
        yield SourceFrame(frame, None if kind == "I" else step, restart)


def write_at(path, ticks, size=(64, 96)):
    """A video whose frames are shown at such ticks of 1/90000 s."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=25, options={"x264-params": "bframes=0:ref=1"}
        )
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 90_000)
        for image, tick in zip(moving_frames(len(ticks), *size), ticks, strict=True):
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts, picture.time_base = tick, Fraction(1, 90_000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def times(path):
    return [frame.pts_seconds for frame in decode(path)]


def result(index=0, size=(48, 64), seconds=None, reason="start", latency_ms=5.0, executed=None):
    """A result made by hand: the frame's index is in its frame and its labels."""
    frame = Frame(
        index,
        index / 25 if seconds is None else seconds,
        "P",
        np.full((*size, 3), 40 + index % 200, np.uint8),
    )
    executed = executed or (Executed("nonkeyframe" if reason is None else "keyframe"),)
    return StreamResult(
        frame=frame,
        output=Output(torch.zeros(1, 11, 2, 2), align_corners=False),
        executed=executed,
        distance=0 if reason else 3,
        is_keyframe=reason is not None,
        reason=reason,
        labels=np.full(size, index % 11, np.uint8),
        latency_ms=latency_ms,
        stages={"network": latency_ms},
    )


MODEL = {
    "class_path": "JointTask",
    "init_args": {
        "network": {"class_path": "tests.tiny.TinyNet"},
        "loss": {"class_path": "CrossEntropy"},
        "fusion": {"class_path": "CReFF", "init_args": {"window": 3}},
        "objective": {
            "class_path": "FST",
            "init_args": {"segmentation": {"class_path": "CrossEntropy"}},
        },
    },
}
VIDEOS = {
    "class_path": "SyntheticDriving",
    "init_args": {"num_videos": 1, "num_frames": 8, "height": 48, "width": 64},
}


def write_run(parent):
    """The folder of a run, as ``fit`` leaves it, with weights that differ by checkpoint."""
    folder = parent / "run"
    folder.mkdir()
    data = {"train": VIDEOS, "store": str(parent / "store"), "keyframe_interval": 4}
    content = {"run_dir": str(folder), "trainer": {"max_epochs": 1}, "data": data, "model": MODEL}
    (folder / "fit.yaml").write_text(yaml.safe_dump(content))
    for seed, name in enumerate(("best", "last")):
        torch.manual_seed(seed)
        task = Experiment([folder / "fit.yaml"], weights=True).task
        torch.save({"state_dict": task.state_dict()}, folder / f"{name}.ckpt")
    return folder
