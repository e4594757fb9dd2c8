"""From a run's folder, or files of configuration, to a segmenter with the right weights."""

import re
import shutil
from pathlib import Path

import pytest
import torch

from arseg_lightning.inference import Optimisations
from arseg_lightning.methods import CodecKeyframes, EveryL, PerFrame
from arseg_lightning.streaming import load_run, segmenter_of
from arseg_lightning.tasks import VideoTask
from arseg_lightning.tasks.experiment import Experiment
from tests.streaming.made import streamed, write_run
from tests.tiny import TinyNet
from tests.video.small_videos import write_video


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"))


def plain(run, checkpoint=None, overrides=(), **settings):
    """Load without optimising, so that weights stand where they stood."""
    return load_run(
        run, checkpoint, overrides, None, "cpu", Optimisations(False, False), **settings
    )


def holds(segmenter, checkpoint):
    """Whether a segmenter's classifiers are those of a checkpoint."""
    state = torch.load(checkpoint)["state_dict"]
    own = [value for name, value in segmenter.method.state_dict().items() if "classifier" in name]
    theirs = [v for k, v in state.items() if k.startswith("method.") and "classifier" in k]
    return len(own) == 6 and all(map(torch.equal, own, theirs))


def test_the_best_weights_are_loaded_else_the_last(run, tmp_path):
    assert holds(plain(run), run / "best.ckpt")
    assert holds(plain(run, "last"), run / "last.ckpt")
    assert holds(plain(run, run / "last.ckpt"), run / "last.ckpt")
    copy = shutil.copytree(run, tmp_path / "run")
    (copy / "best.ckpt").unlink()
    assert holds(plain(copy), run / "last.ckpt")


def test_the_configuration_says_what_the_input_needs(run):
    segmenter = plain(run, overrides=["--data.chaining", "integer"])
    assert segmenter.method.clock.keyframe_interval == 4
    assert segmenter.classes.num_classes == 9
    assert segmenter.chaining == "integer"


def test_what_wins_over_the_configuration_decides(run):
    overrides = ["--model.resolution_ratio=0.25", "--data.keyframe_interval=6"]
    segmenter = plain(run, overrides=overrides)
    assert segmenter.method.resolution_ratio == 0.25
    assert segmenter.method.clock.keyframe_interval == 6


def test_files_of_configuration_take_a_checkpoint(run, tmp_path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("data: {keyframe_interval: 7}")
    segmenter = plain([run / "fit.yaml", overlay], run / "last.ckpt")
    assert holds(segmenter, run / "last.ckpt")
    assert segmenter.method.clock.keyframe_interval == 7
    assert holds(plain([run, overlay]), run / "best.ckpt")


def test_loaded_networks_segment(run, tmp_path):
    video = write_video(tmp_path / "clip.mp4", 6)
    session = load_run(run, clock=EveryL(3), device="cpu").session()
    assert [session.push(frame).distance for frame in streamed(video)] == [0, 1, 2] * 2


def test_random_weights_are_refused(run):
    message = (
        "predict would use random weights for high_res, low_res, fusion, low_res_alone; give "
        "--checkpoint (a run's checkpoint)"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        plain([run / "fit.yaml"])


def test_a_checkpoint_of_other_networks_is_refused(run):
    message = (
        r"last\.ckpt does not fit the networks of .*fit\.yaml: .*configuration that the run was"
    )
    with pytest.raises(ValueError, match=re.compile(message, re.DOTALL)):
        plain(run, "last", ["--model.fusion.window=5", "--model.network=BiSeNet18"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run, _: plain(run.parent), "is no run: it holds no fit.yaml; give the folder that"),
        (lambda run, _: plain(run / "gone"), "no file .*gone; give the folder that"),
        (lambda run, _: plain(run, run / "gone.ckpt"), r"no checkpoint at .*gone\.ckpt"),
        (
            lambda run, folder: plain(Path(shutil.copy(run / "fit.yaml", folder)).parent),
            r" holds no checkpoint \(best\.ckpt or last\.ckpt\): was its training finished",
        ),
    ],
)
def test_what_is_not_there_is_named(run, tmp_path, change, message):
    with pytest.raises(FileNotFoundError, match=message):
        change(run, tmp_path)


def test_mistakes_are_named(run):
    with pytest.raises(ValueError, match="name the folder of a run, or files of configuration"):
        load_run([])
    with pytest.raises(ValueError, match="checkpoint 'best' is one of a run's folder"):
        load_run([run / "fit.yaml"], "best", device="cpu")
    with pytest.raises(ValueError, match="precision float16 is for GPUs"):
        load_run(run, device="cpu", optimisations=Optimisations(precision="float16"))


def test_a_method_without_keyframes_takes_no_clock(run):
    task = VideoTask(lambda num_classes: PerFrame(num_classes, TinyNet), num_classes=9)
    data = Experiment([run / "fit.yaml"]).data
    with pytest.raises(ValueError, match="1x has no keyframes that a clock could choose, got Code"):
        segmenter_of(task, data, CodecKeyframes(), "cpu")
    assert segmenter_of(task, data, device="cpu").method.clock is None
