"""The ends of every number in a configuration, and words of no choice: refused by name."""

from functools import partial
from typing import Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest
import torch

from arseg_lightning.bench import BenchSettings
from arseg_lightning.datasets import (
    VSPW,
    CamVid,
    Cityscapes,
    ClipAugment,
    ClipDataModule,
    StillFolder,
    SyntheticDriving,
)
from arseg_lightning.datasets.folder import FrameFolder
from arseg_lightning.datasets.needs import Needs
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.datasets.synthetic.scene import DrivingScene
from arseg_lightning.datasets.synthetic.still_clips import CameraPath
from arseg_lightning.datasets.training_clips import ClipSpans
from arseg_lightning.losses import FST, CrossEntropy, OnlineHardExampleMining
from arseg_lightning.methods import ARSeg, FeaturePropagation, PerFrame, Smoothed
from arseg_lightning.methods.clock import Adaptive, CodecKeyframes, EveryL
from arseg_lightning.methods.clockwork import Clockwork
from arseg_lightning.models import BiSeNet18, EfficientNetLite0, PSPNet18
from arseg_lightning.propagation import CReFF, GlobalAttention
from arseg_lightning.tasks import LowResTask, PerFrameTask, VideoTask
from arseg_lightning.video.encode import EncodeSettings
from tests.tiny import TinyNet

NAN, INFINITE = float("nan"), float("inf")
NO_FINITE = (NAN, INFINITE, -INFINITE)
PAIRS = Needs(motion="keyframe", frames=2, spacing="keyframe")

COUNT = ((1, 2), (-1, 0))
"""A number of things: what works, what is refused."""
INDEX = ((0, 1), (-1,))
SHARE = ((0.0, 0.5, 1.0), (-0.1, 1.1, *NO_FINITE))
RATIO = ((0.1, 1.0), (-0.5, 0.0, 1.1, *NO_FINITE))
WEIGHT = ((0.0, 0.4, 10.0), (-0.1, *NO_FINITE))
POSITIVE = ((0.5, 25.0), (-1.0, 0.0, *NO_FINITE))

ARSEG = partial(ARSeg, 3, TinyNet)
ADAPTIVE = partial(Adaptive, min_interval=1)

TABLE = [
    (SyntheticDriving, "num_videos", COUNT),
    (SyntheticDriving, "num_frames", COUNT),
    (SyntheticDriving, "height", ((32, 48), (-1, 0, 31))),
    (SyntheticDriving, "width", ((32, 48), (-1, 0, 31))),
    (SyntheticDriving, "first_seed", INDEX),
    (SyntheticDriving, "fps", ((1, 25), (-1, 0))),
    (DrivingScene, "fps", POSITIVE),
    (partial(FrameFolder, "root", "camvid11"), "fps", POSITIVE),
    (CameraPath, "num_frames", COUNT),
    (CameraPath, "seed", INDEX),
    (CameraPath, "fps", POSITIVE),
    (ClipAugment, "crop_size", (((1, 1), None), ((0, 32), (32, -1)))),
    (ClipAugment, "scales", (((1.0,), (0.5, 2.0)), ((), (0.0,), (1.0, -1.0), (NAN,), (INFINITE,)))),
    (ClipAugment, "jitter", SHARE),
    (ClipAugment, "flip_probability", SHARE),
    (Normalisation, "mean", (((0.0,) * 3,), ((NAN, 0.0, 0.0), (0.0, INFINITE, 0.0)))),
    (Normalisation, "std", (((1.0,) * 3,), ((0.0, 1.0, 1.0), (1.0, -1.0, 1.0), (NAN, 1.0, 1.0)))),
    (partial(ClipDataModule, SyntheticDriving()), "keyframe_interval", COUNT),
    (partial(ClipDataModule, SyntheticDriving()), "batch_size", COUNT),
    (partial(ClipDataModule, SyntheticDriving()), "num_workers", INDEX),
    (partial(ClipDataModule, SyntheticDriving()), "seed", INDEX),
    (partial(ClipDataModule, SyntheticDriving()), "frame_cache_gib", WEIGHT),
    (partial(ClipSpans, PAIRS, distance="uniform"), "keyframe_interval", ((2, 12), (1,))),
    (partial(ClipSpans, PAIRS, distance="last"), "keyframe_interval", ((2, 12), (1,))),
    (partial(ClipSpans, Needs(frames=2), distance="last"), "keyframe_interval", ((1, 2), ())),
    (EncodeSettings, "keyframe_interval", ((1, None), (-1, 0))),
    (EncodeSettings, "bitrate_bps", ((1, None), (-1, 0))),
    (EncodeSettings, "crf", ((0, 51), (-1, 52))),
    (EncodeSettings, "b_frames", ((0, 16), (-1, 17))),
    (EncodeSettings, "references", ((1, 16), (0, 17))),
    (EncodeSettings, "threads", COUNT),
    (EncodeSettings, "fps", POSITIVE),
    (CrossEntropy, "auxiliary_weight", WEIGHT),
    (CrossEntropy, "presence_weight", WEIGHT),
    (CrossEntropy, "ignore_index", ((0, 255), (-1, 256))),
    (OnlineHardExampleMining, "auxiliary_weight", WEIGHT),
    (OnlineHardExampleMining, "presence_weight", WEIGHT),
    (OnlineHardExampleMining, "threshold", RATIO),
    (OnlineHardExampleMining, "min_kept_share", RATIO),
    (partial(FST, CrossEntropy()), "similarity_weight", WEIGHT),
    (EveryL, "keyframe_interval", COUNT),
    (CodecKeyframes, "max_interval", COUNT),
    (ADAPTIVE, "max_interval", COUNT),
    (Adaptive, "min_interval", COUNT),
    (Adaptive, "intra_share", SHARE),
    (Adaptive, "motion_energy", SHARE),
    (Adaptive, "scene_cut", SHARE),
    (partial(PerFrame, 3, TinyNet), "resolution_ratio", RATIO),
    (partial(Smoothed, 3, TinyNet), "share", ((0.0, 0.5), (-0.1, 1.0, 1.5, *NO_FINITE))),
    (ARSEG, "resolution_ratio", RATIO),
    (ARSEG, "epochs_without_fusion", INDEX),
    (partial(Clockwork, 3, BiSeNet18), "threshold", SHARE),
    (partial(BiSeNet18, 3), "width", ((0.25, 2.0), (-1.0, 0.0, *NO_FINITE))),
    (partial(PSPNet18, 3), "width", ((0.25, 2.0), (-1.0, 0.0, *NO_FINITE))),
    (partial(EfficientNetLite0, 3), "width", ((0.25, 2.0), (-1.0, 0.0, *NO_FINITE))),
    (partial(CReFF, 8), "window", ((1, 7), (-1, 0, 2))),
    (partial(CReFF, 8), "prior_sigma", ((0.1, None), (-1.0, 0.0, *NO_FINITE))),
    (partial(CReFF, 8), "low_res_gain", ((0.0, 0.1, 1.0, None), (-0.1, 1.1, *NO_FINITE))),
    (partial(GlobalAttention, 8), "reduction", ((1.0, 32.0), (0.0, 0.5, -1.0, *NO_FINITE))),
    (BenchSettings, "keyframe_interval", ((2, None), (-1, 0, 1))),
    (BenchSettings, "num_classes", COUNT),
    (BenchSettings, "repeats", COUNT),
]


def title(build):
    return getattr(build, "func", build).__name__


CASES = [
    pytest.param(build, name, value, works, id=f"{title(build)}.{name}={value}")
    for build, name, (good, bad) in TABLE
    for works, values in ((True, good), (False, bad))
    for value in values
]


@pytest.mark.parametrize(("build", "name", "value", "works"), CASES)
def test_the_end_of_a_number_works_or_is_refused_by_name(build, name, value, works):
    with torch.device("meta"):
        if works:
            build(**{name: value})
            return
        with pytest.raises(ValueError, match=name.removesuffix("s")) as refused:
            build(**{name: value})
    shown = value if not isinstance(value, tuple) else next(iter(value), "()")
    assert str(shown).removesuffix(".0") in str(refused.value)


WITH_WORDS = [
    partial(StillFolder, "root", "camvid11"),
    partial(CamVid, "root", split="train"),
    partial(Cityscapes, "root", split="train"),
    partial(VSPW, "root", split="val"),
    partial(ClipDataModule, SyntheticDriving()),
    partial(FST, CrossEntropy()),
    partial(CReFF, 8),
    partial(PerFrame, 3, TinyNet),
    partial(FeaturePropagation, 3, TinyNet),
    partial(Clockwork, 3, BiSeNet18),
    ARSEG,
    partial(PerFrameTask, TinyNet, num_classes=3),
    partial(LowResTask, TinyNet, num_classes=3),
    partial(VideoTask, partial(PerFrame, network=TinyNet)),
]


@pytest.mark.parametrize("build", WITH_WORDS, ids=title)
def test_a_misspelt_word_is_refused_by_name_in_python_too(build):
    hints = get_type_hints(build.func.__init__)
    named = [
        name for name, hint in hints.items() if Literal in map(get_origin, (hint, *get_args(hint)))
    ]
    assert named
    for name in named:
        with pytest.raises(ValueError, match=f"{name} is one of|no class set"):
            build(**{name: "misspelt"})


@pytest.mark.parametrize("distance", ["uniform", "last"])
def test_an_interval_of_two_trains_on_neighbours(distance):
    spans = ClipSpans(PAIRS, 2, distance)
    assert spans.draw(5, 3, np.random.default_rng(0)) == (4, 5)
