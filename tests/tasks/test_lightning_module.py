"""The tasks as LightningModules: built from checkpoints, data and Python; forward and predict."""

import json
import os
import subprocess
import sys
from functools import partial
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
import torch

from arseg_lightning.cli import main
from arseg_lightning.cost import method_cost
from arseg_lightning.datasets import ClipAugment, ClipDataModule, StillFolder, SyntheticDriving
from arseg_lightning.losses import FST, CrossEntropy, OnlineHardExampleMining, SetLoss
from arseg_lightning.methods import Adaptive, CodecKeyframes, EveryL, FeaturePropagation, PerFrame
from arseg_lightning.propagation import CReFF
from arseg_lightning.streaming import segmenter_of
from arseg_lightning.tasks import JointTask, LowResTask, PerFrameTask, VideoTask
from tests.datasets.trees import images_and_labels
from tests.test_cli import CREFF, JOINT, TINY, configuration, driving
from tests.tiny import TinyNet, clip_batch, small_trainer


def data(folder, **changes):
    videos = partial(SyntheticDriving, num_frames=8, height=48, width=64)
    arguments = {
        "train": videos(num_videos=1),
        "test": videos(num_videos=2, first_seed=100),
        "store": folder / "store",
        "keyframe_interval": 4,
        "augment": ClipAugment(crop_size=(32, 48), scales=(1.0,)),
        "batch_size": 2,
        "num_workers": 0,
    }
    return ClipDataModule(**(arguments | changes))


def fusion(channels):
    return CReFF(channels, window=3)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run of the command line, with the data of its test prepared."""
    folder = tmp_path_factory.mktemp("module")
    main(["fit", "--config", configuration(folder, JOINT, val=driving(50))])
    return folder


def same_weights(task, other):
    state = other.state_dict()
    assert all(value.equal(state[name]) for name, value in task.state_dict().items())
    return True


def test_a_checkpoint_builds_its_task(run):
    task = VideoTask.load_from_checkpoint(run / "run" / "last.ckpt")
    assert type(task) is JointTask
    assert (task.num_classes, task.keyframe_interval) == (9, 4)
    assert task.eval()(torch.zeros(1, 3, 32, 48)).shape == (1, 9, 32, 48)
    assert (task.method.resolution_ratio, task.untrained) == (0.5, ())


def test_the_weights_are_the_checkpoints_and_arguments_win(run):
    path = run / "run" / "last.ckpt"
    task = JointTask.load_from_checkpoint(path, resolution_ratio=0.25)
    state = torch.load(path)["state_dict"]
    assert all(value.equal(state[name]) for name, value in task.state_dict().items())
    assert task.method.resolution_ratio == 0.25
    assert same_weights(task, JointTask.from_run(run / "run"))  # one epoch: the best is the last


def test_files_that_a_training_started_from_need_not_be_there_any_more(run, tmp_path):
    teacher = PerFrameTask(TinyNet, num_classes=9)
    torch.save({"state_dict": teacher.state_dict()}, tmp_path / "high.ckpt")
    weights = {"high_res": str(tmp_path / "high.ckpt")}
    task = LowResTask(TinyNet, num_classes=9, fusion=partial(CReFF, window=3), weights=weights)
    trainer = small_trainer()
    trainer.strategy.connect(task)
    trainer.save_checkpoint(tmp_path / "low.ckpt", weights_only=True)
    (tmp_path / "high.ckpt").unlink()
    assert same_weights(task, LowResTask.load_from_checkpoint(tmp_path / "low.ckpt"))


@pytest.mark.parametrize(
    "task",
    [
        PerFrameTask(
            TinyNet, OnlineHardExampleMining(threshold=0.6), num_classes=3, resolution_ratio=0.5
        ),
        LowResTask(
            partial(TinyNet),
            FST(CrossEntropy(auxiliary_weight=0.1), similarity="kl"),
            num_classes=3,
            fusion=partial(CReFF, window=5),
            clock=Adaptive(min_interval=2),
            optimizer=partial(torch.optim.SGD, lr=0.1),
            rates={"fusion": 3.0},
        ),
        VideoTask(
            partial(FeaturePropagation, network=TinyNet, clock=EveryL(3)),
            3,
            compare={"1x": partial(PerFrame, network=TinyNet)},
        ),
    ],
    ids=["high", "low", "video"],
)
def test_a_task_built_in_python_is_built_again(task, tmp_path):
    """Through a file that holds nothing but tensors and plain values."""
    trainer = small_trainer()
    trainer.strategy.connect(task)
    trainer.save_checkpoint(tmp_path / "task.ckpt", weights_only=True)
    again = type(task).load_from_checkpoint(tmp_path / "task.ckpt")
    assert same_weights(task, again)
    assert list(again.methods()) == list(task.methods())
    kept = {k: v for k, v in again.hparams.items() if k != "_instantiator"}
    assert kept == task.hparams  # so that what it writes can be loaded again
    losses = [each.eval().method.losses(clip_batch(distance=1)) for each in (task, again)]
    assert losses[0] == losses[1]
    weight = torch.zeros(1, requires_grad=True)
    assert again.make_optimizer([weight]).defaults == task.make_optimizer([weight]).defaults


@pytest.mark.parametrize(
    "kind",
    [CrossEntropy, OnlineHardExampleMining, SetLoss, EveryL, CodecKeyframes, Adaptive, FST],
)
def test_an_objects_attributes_tell_how_to_build_it(kind):
    """By this, a checkpoint can hold objects that a task was given in Python."""
    made = kind(CrossEntropy()) if kind is FST else kind()
    assert [name for name in signature(kind).parameters if not hasattr(made, name)] == []


def test_what_no_file_can_hold_is_asked_for_by_name(tmp_path):
    task = PerFrameTask(lambda num_classes: TinyNet(num_classes), num_classes=3)
    trainer = small_trainer()
    trainer.strategy.connect(task)
    trainer.save_checkpoint(tmp_path / "task.ckpt", weights_only=True)
    with pytest.raises(
        ValueError, match=r"does not hold network .*load_from_checkpoint\(path, netw"
    ):
        PerFrameTask.load_from_checkpoint(tmp_path / "task.ckpt")
    again = PerFrameTask.load_from_checkpoint(tmp_path / "task.ckpt", network=TinyNet)
    assert same_weights(task, again)
    trainer.strategy.connect(again)  # what was given by name is kept from now on
    trainer.save_checkpoint(tmp_path / "again.ckpt", weights_only=True)
    assert same_weights(task, PerFrameTask.load_from_checkpoint(tmp_path / "again.ckpt"))


def test_lightnings_own_arguments_of_loading_are_taken(tmp_path):
    task = PerFrameTask(TinyNet, num_classes=3)
    trainer = small_trainer()
    trainer.strategy.connect(task)
    trainer.save_checkpoint(tmp_path / "task.ckpt", weights_only=True)
    options = {"map_location": None, "strict": None, "weights_only": False}
    assert same_weights(task, PerFrameTask.load_from_checkpoint(tmp_path / "task.ckpt", **options))
    state = torch.load(tmp_path / "task.ckpt")
    state["state_dict"].pop("method.network.classifier.weight")
    torch.save(state, tmp_path / "task.ckpt")
    with pytest.raises(RuntimeError, match="Missing key"):  # None is no False
        PerFrameTask.load_from_checkpoint(tmp_path / "task.ckpt", **options)


@pytest.mark.parametrize("name", ["network", "optimizer"])
def test_what_is_built_already_is_no_factory(name):
    network = TinyNet(3)
    built = {"network": network, "optimizer": torch.optim.SGD(network.parameters(), lr=1)}
    with pytest.raises(TypeError, match=rf"{name} is what builds a \w+, .*functools\.partial"):
        PerFrameTask(**({"network": TinyNet} | {name: built[name]}))


def test_predict_says_what_it_takes():
    task = PerFrameTask(TinyNet, num_classes=3)
    task.untrained = ()
    with pytest.raises(TypeError, match=r"streams of a ClipDataModule, got Tensor; .*task\(images"):
        small_trainer().predict(task, torch.zeros(1, 3, 32, 48)[None])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("os.system", r"names os\.system, no network, optimiser or schedule"),
        ("subprocess.Popen", r"names subprocess\.Popen, no network"),
        ("torch.hub.load", r"names torch\.hub\.load, no network"),
        (
            "antigravity.fly",
            r"names antigravity\.fly, which is not known .*ARSEG_LIGHTNING_TRUST=antigravity",
        ),
    ],
)
@pytest.mark.parametrize("form", ["class_path", "text", "nested"])
def test_a_checkpoint_runs_no_foreign_code(name, message, form, tmp_path):
    network = {"class_path": name} if form != "text" else name
    if form == "nested":
        network = {"class_path": "tests.tiny.TinyNet", "init_args": {"x": [{"class_path": name}]}}
    if form == "text" and name.startswith("antigravity"):
        pytest.skip("a text that names nothing imported is a text")
    hyperparameters = {"_class_path": "arseg_lightning.tasks.PerFrameTask", "network": network}
    content = {"hyper_parameters": hyperparameters | {"num_classes": 3}, "state_dict": {}}
    torch.save(content, tmp_path / "foreign.ckpt")
    with pytest.raises(ValueError, match=message):
        VideoTask.load_from_checkpoint(tmp_path / "foreign.ckpt")
    assert "antigravity" not in sys.modules


def test_weights_alone_are_no_checkpoint_of_a_run(tmp_path):
    torch.save(TinyNet(3).state_dict(), tmp_path / "net.pth")
    with pytest.raises(ValueError, match=r"net\.pth is no checkpoint of a run.*weights=\{'all'"):
        VideoTask.load_from_checkpoint(tmp_path / "net.pth")
    with pytest.raises(FileNotFoundError, match=r"neither best\.ckpt nor last\.ckpt in"):
        VideoTask.from_run(tmp_path)


def test_forward_gives_the_scores_of_images():
    task = PerFrameTask(TinyNet, num_classes=3).eval()
    image = torch.randn(2, 3, 24, 32)
    assert task(image).shape == (2, 3, 24, 32)
    assert task(image).equal(task.method.network.output(image).logits((24, 32)))


def test_a_task_learns_from_the_data_what_it_was_not_told(run):
    task = JointTask(TinyNet, fusion=fusion)
    trainer = small_trainer(max_epochs=1, limit_train_batches=1)
    trainer.fit(task, data(run, val=SyntheticDriving(1, 8, 48, 64)))
    assert (task.num_classes, task.keyframe_interval) == (9, 4)
    assert task.method.clock.keyframe_interval == 4
    assert {"train/loss", "val/loss", "val/loss_high_res", "val/miou"} <= {
        *trainer.callback_metrics
    }
    assert "val/miou_d03" in trainer.callback_metrics
    assert "val/miou_d04" not in trainer.callback_metrics


def test_single_frames_have_no_distances_and_nothing_that_is_logged_is_no_number(run):
    trainer = small_trainer(max_epochs=1, limit_train_batches=1)
    trainer.fit(PerFrameTask(TinyNet), data(run, val=SyntheticDriving(1, 8, 48, 64)))
    assert not [name for name in trainer.callback_metrics if name.startswith("val/miou_d")]
    assert all(value.isfinite() for value in trainer.callback_metrics.values())


def test_what_a_task_was_told_has_to_be_what_the_data_say(run):
    with pytest.raises(ValueError, match=r"the task has 3 classes, the data have 9"):
        small_trainer().validate(PerFrameTask(TinyNet, num_classes=3), data(run))
    task = PerFrameTask(TinyNet, num_classes=9, keyframe_interval=6)
    with pytest.raises(ValueError, match=r"keyframe_interval of the task is 6, that of the data 4"):
        small_trainer().test(task, data(run))
    with pytest.raises(ValueError, match=r"number of classes is not known: give num_classes"):
        small_trainer().fit(PerFrameTask(TinyNet), [clip_batch()])


def test_predict_gives_the_label_maps_of_all_videos_in_order(run):
    task = JointTask.from_run(run / "run")
    pieces = small_trainer().predict(task, data(run))
    names = [name for piece in pieces for name in piece.names]
    videos = [sequence.name for sequence in data(run).videos("test")]
    assert names == [f"{video}/{frame:06d}" for video in videos for frame in range(8)]
    labels = torch.cat([piece.labels for piece in pieces]).numpy()
    assert labels.shape == (16, 48, 64)
    assert labels.dtype == np.uint8
    module = data(run)
    segmenter = segmenter_of(task, module, device="cpu")
    video = module.store.video(module.videos("test")[0])
    expected = np.stack([result.labels for result in segmenter.stream(video)])
    assert (labels[:8] == expected).mean() > 0.999


def test_images_of_streams_have_the_precision_of_the_networks(run):
    task = JointTask.from_run(run / "run")
    trainer = small_trainer(precision="bf16-true")
    trainer.test(task, data(run), verbose=False)
    assert [*task.evaluations] == ["1x", "motion only", "0.5x", "AR 0.5x"]
    for evaluation in task.evaluations.values():
        cost = method_cost(evaluation.method, (48, 64))  # what a run's result says
        assert cost.mean_gmacs > 0
    assert trainer.predict(task, data(run))[0].labels.dtype == torch.uint8


def test_predict_refuses_random_weights(run):
    with pytest.raises(ValueError, match="predict would use random weights for network"):
        small_trainer().predict(PerFrameTask(TinyNet), data(run))


def test_another_interval_at_test_time_is_the_datas(run):
    """The configuration decides, a checkpoint only brings weights."""
    task = JointTask.from_run(run / "run")
    small_trainer().test(task, data(run, keyframe_interval=2), verbose=False)
    assert task.evaluations["AR 0.5x"].accuracy().frames_at_distance == (8, 8)
    assert task.method.clock.keyframe_interval == 2


TWO_PROCESSES = """
import json, sys
from functools import partial
from pathlib import Path
import tests.tiny
from lightning import Trainer
from arseg_lightning.tasks import JointTask
from tests.tasks.test_lightning_module import data
from tests.tiny import small_trainer

if __name__ == "__main__":
    run = Path(sys.argv[1])
    trainer = small_trainer(devices=2, strategy="ddp", default_root_dir=run)
    pieces = trainer.predict(JointTask.from_run(run / "run"), data(run))
    names = [name for piece in pieces for name in piece.names]
    (run / f"names{trainer.global_rank}.json").write_text(json.dumps(names))
"""


@pytest.mark.slow
def test_two_processes_predict_each_video_once_and_in_order(run, tmp_path):
    script = tmp_path / "predict.py"
    script.write_text(TWO_PROCESSES)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run(
        [sys.executable, str(script), str(run)], check=True, env=environment, timeout=120
    )
    parts = [json.loads((run / f"names{rank}.json").read_text()) for rank in (0, 1)]
    videos = [sequence.name for sequence in data(run).videos("test")]
    assert parts == [[f"{video}/{frame:06d}" for frame in range(8)] for video in videos]


def test_of_labelled_images_each_gives_one_label_map(tmp_path):
    images_and_labels(tmp_path / "stills", ["a", "b", "c"])
    stills = StillFolder(tmp_path / "stills", "camvid11")
    task = LowResTask(TinyNet, num_classes=11, fusion=partial(CReFF, window=3))
    task.untrained = ()
    pieces = small_trainer().predict(task, data(tmp_path, train=None, test=stills))
    assert [piece.labels.shape for piece in pieces] == [(1, 48, 96)] * 3
    assert not (tmp_path / "store").exists()  # nothing is encoded for them
    still = stills.videos()[1]
    image = torch.from_numpy(still.image(still.labelled[0])).permute(2, 0, 1)[None].float()
    expected = task.eval()(data(tmp_path).normalise(image)).argmax(1)
    assert (pieces[1].labels == expected).float().mean() > 0.999


def test_a_checkpoint_is_tested_where_the_files_it_started_from_are_gone(run, tmp_path):
    model = {"network": TINY, "fusion": CREFF, "weights": {"high_res": str(tmp_path / "gone.ckpt")}}
    settings = {"class_path": "LowResTask", "init_args": model}
    config = configuration(tmp_path, settings, store=str(run / "store"))
    task = LowResTask(TinyNet, num_classes=9, fusion=fusion)
    trainer = small_trainer()
    trainer.strategy.connect(task)
    trainer.save_checkpoint(tmp_path / "low.ckpt", weights_only=True)
    cli = main(["test", "--config", config, "--ckpt_path", str(tmp_path / "low.ckpt")])
    assert "test/miou_mean" in cli.trainer.callback_metrics
