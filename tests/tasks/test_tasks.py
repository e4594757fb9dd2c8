"""The tasks: what is trained, what stands still, and what a checkpoint may decide."""

from functools import partial

import pytest
import torch
from lightning import Trainer
from torch.utils.data import DataLoader

from arseg_lightning.losses import FST, CrossEntropy
from arseg_lightning.methods import ARSeg, EveryL, FeaturePropagation, PerFrame
from arseg_lightning.propagation import CReFF
from arseg_lightning.tasks import JointTask, LowResTask, PerFrameTask, VideoTask
from tests.tiny import TinyNet, clip_batch, evaluation_clip, small_trainer


def fusion(channels):
    return CReFF(channels, window=3)


def batches(count=2):
    return DataLoader([clip_batch(seed=seed) for seed in range(count)], batch_size=None)


def fit(task, tmp_path, epochs=1):
    trainer = small_trainer(max_epochs=epochs, default_root_dir=tmp_path)
    trainer.fit(task, batches())
    return trainer


def snapshot(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def changed(before, module):
    return {name for name, value in module.state_dict().items() if not value.equal(before[name])}


@pytest.fixture(scope="module")
def phase1(tmp_path_factory):
    """The checkpoint of a phase-1 run, and its task."""
    tmp_path = tmp_path_factory.mktemp("phase1")
    torch.manual_seed(1)
    task = PerFrameTask(TinyNet, CrossEntropy(), num_classes=3)
    trainer = fit(task, tmp_path)
    trainer.save_checkpoint(tmp_path / "high.ckpt")
    return tmp_path / "high.ckpt", task


def low_res_task(checkpoint, **changes):
    weights = {"high_res": str(checkpoint)} if checkpoint else {}
    weights |= {name: str(path) for name, path in changes.pop("weights", {}).items()}
    arguments = {"num_classes": 3, "fusion": fusion, "weights": weights}
    return LowResTask(TinyNet, FST(CrossEntropy()), **(arguments | changes))


def test_phase_1_trains_every_parameter(tmp_path):
    task = PerFrameTask(TinyNet, CrossEntropy(), num_classes=3)
    before = snapshot(task.method)
    fit(task, tmp_path)
    assert changed(before, task.method) == set(before)


def test_phase_2_leaves_the_high_res_branch_and_the_classifier_alone(phase1, tmp_path):
    checkpoint, teacher = phase1
    task = low_res_task(checkpoint)
    high, low = snapshot(task.method.high_res), snapshot(task.method.low_res)
    fuse = snapshot(task.method.fusion)
    assert changed(snapshot(teacher.method.network), task.method.high_res) == set()
    fit(task, tmp_path)
    assert changed(high, task.method.high_res) == set()  # BatchNorm statistics included
    assert changed(low, task.method.low_res) == set(low) - {"classifier.weight", "classifier.bias"}
    assert changed(fuse, task.method.fusion) == set(fuse)
    assert task.method.low_res.classifier.weight.equal(teacher.method.network.classifier.weight)


def test_without_fusion_the_fusion_stands_still(phase1, tmp_path):
    task = low_res_task(phase1[0], epochs_without_fusion=1)
    fuse = snapshot(task.method.fusion)
    fit(task, tmp_path)
    assert changed(fuse, task.method.fusion) == set()
    assert all(p.grad is not None for p in task.method.fusion.parameters())


def test_phase_2_needs_a_teacher(tmp_path):
    message = r"high_res of AR 0.5x does not train here .*: give model\.weights\.high_res"
    with pytest.raises(ValueError, match=message):
        fit(low_res_task(None), tmp_path)


def test_a_low_res_branch_can_start_from_phase_1(phase1):
    checkpoint, teacher = phase1
    task = low_res_task(checkpoint, weights={"low_res": checkpoint})
    assert changed(snapshot(teacher.method.network), task.method.low_res) == set()


def test_a_low_res_branch_with_its_fusion_can_start_from_phase_2(phase1, tmp_path):
    checkpoint, _ = phase1
    first = low_res_task(checkpoint)
    fit(first, tmp_path).save_checkpoint(tmp_path / "ar.ckpt")
    second = low_res_task(checkpoint, weights={"low_res": tmp_path / "ar.ckpt"})
    assert changed(snapshot(first.method), second.method) == set()


def test_another_fusion_in_the_checkpoint_is_named(phase1, tmp_path):
    checkpoint, _ = phase1
    first = low_res_task(checkpoint)
    state = first.state_dict()
    state["method.fusion.query.weight"] = torch.zeros(4, 1, 3, 3)
    torch.save({"state_dict": state}, tmp_path / "other.ckpt")
    with pytest.raises(
        ValueError, match=r"no part of .*other.ckpt has the names .*set the fusion of the model"
    ):
        low_res_task(checkpoint, weights={"low_res": tmp_path / "other.ckpt"})


def test_joint_training_keeps_the_branches_apart(tmp_path):
    """The gradient of each network is the one it would get alone."""
    task = JointTask(TinyNet, CrossEntropy(), FST(CrossEntropy()), num_classes=3, fusion=fusion)
    task.log = lambda *_, **__: None  # there is no trainer to log to
    batch = clip_batch()
    high_res = task.method.high_res.train()
    output = high_res.output(batch.images[:, -1])
    task.method.loss(output, batch.labels[:, -1]).backward()
    alone = {name: p.grad.clone() for name, p in high_res.named_parameters()}
    task.zero_grad()
    task.training_step(batch, 0).backward()
    together = {name: p.grad for name, p in high_res.named_parameters()}
    assert all(together[name].allclose(grad, atol=1e-6) for name, grad in alone.items())
    assert task.method.low_res.classifier.weight.grad is None


def test_joint_training_ends_with_one_classifier(tmp_path):
    task = JointTask(TinyNet, CrossEntropy(), FST(CrossEntropy()), num_classes=3, fusion=fusion)
    before = snapshot(task)
    fit(task, tmp_path)
    still = {name for name in before if "fusion" not in name} - changed(before, task)
    assert not still
    assert task.method.low_res.classifier.weight.equal(task.method.high_res.classifier.weight)


def test_all_systems_are_compared_and_the_own_one_comes_last(phase1, tmp_path):
    task = low_res_task(phase1[0], weights={"baseline": phase1[0]})
    assert list(task.methods()) == ["1x", "motion only", "0.5x", "AR 0.5x"]
    joint = JointTask(TinyNet, CrossEntropy(), FST(CrossEntropy()), num_classes=3, fusion=fusion)
    assert list(joint.methods()) == ["1x", "motion only", "0.5x", "AR 0.5x"]


def test_the_baseline_is_neither_trained_nor_saved(phase1):
    task = low_res_task(phase1[0], weights={"baseline": phase1[0]})
    assert set(task.state_dict()) == set(low_res_task(phase1[0]).state_dict())


def test_a_test_counts_every_frame_at_its_distance(phase1, tmp_path):
    task = low_res_task(phase1[0])
    task.load_state_dict(task.state_dict())
    trainer = Trainer(
        accelerator="cpu", logger=False, default_root_dir=tmp_path, enable_progress_bar=False
    )
    clips = [evaluation_clip(seed=seed, labelled=(0, 2)) for seed in range(3)]
    loader = DataLoader(clips, batch_size=None, collate_fn=lambda clip: clip)
    trainer.test(task, loader, verbose=False)
    evaluation = task.evaluations["AR 0.5x"]
    assert evaluation.accuracy().frames_at_distance == (3, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    assert evaluation.tally.frames == {"keyframe": 3, "nonkeyframe": 6}
    assert evaluation.tally.reasons == {"start": 3}
    assert evaluation.tally.num_frames == 9
    assert trainer.callback_metrics["test/1x/miou_mean"] >= 0


def test_the_fusion_may_learn_faster_than_its_network(phase1, tmp_path):
    task = low_res_task(phase1[0], rates={"fusion": 20.0})
    trainer = fit(task, tmp_path)
    network, fusion = trainer.optimizers[0].param_groups
    assert fusion["initial_lr"] == 20 * network["initial_lr"]
    assert {id(p) for p in fusion["params"]} == {id(p) for p in task.method.fusion.parameters()}


def test_a_method_that_is_compared_shares_the_weights_of_the_own_one():
    compare = {"slow": partial(FeaturePropagation, network=TinyNet, clock=EveryL(2))}
    task = VideoTask(partial(PerFrame, network=TinyNet), 3, compare=compare)
    assert list(task.methods()) == ["slow", "1x"]
    assert task.methods()["slow"].network is task.method.network
    assert task.methods()["slow"].clock.keyframe_interval == 2  # its own, whatever the data's is
    assert all(name.startswith("method.network.") for name in task.state_dict())


def test_a_method_that_cannot_share_needs_weights(tmp_path):
    compare = {"AR": partial(ARSeg, network=TinyNet, fusion=fusion)}
    with pytest.raises(ValueError, match=r"compare.AR has a part 'high_res' .* compare_weights.AR"):
        VideoTask(partial(PerFrame, network=TinyNet), 3, compare=compare)
    trained = low_res_task(None)
    torch.save({"state_dict": trained.state_dict()}, tmp_path / "ar.ckpt")
    files = {"AR": str(tmp_path / "ar.ckpt")}
    task = VideoTask(partial(PerFrame, network=TinyNet), 3, compare=compare, compare_weights=files)
    compared = task.methods()["AR"]
    assert compared.low_res.stem[0].weight.equal(trained.method.low_res.stem[0].weight)
    with pytest.raises(ValueError, match=r"compare_weights names 'other', which is not compared"):
        VideoTask(partial(PerFrame, network=TinyNet), 3, compare_weights={"other": "x.ckpt"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 0}, "num_classes is at least 1, got 0"),
        ({"keyframe_interval": 0}, "keyframe_interval is at least 1, got 0"),
        ({"warmup_steps": -1}, "warmup_steps is at least 0, got -1"),
        ({"rates": {"network": float("nan")}}, r"rates\.network is at least 0, got nan"),
        ({"rates": {"network": -1.0}}, r"rates\.network is at least 0, got -1"),
    ],
)
def test_numbers_that_make_no_sense_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        PerFrameTask(TinyNet, **({"num_classes": 3} | arguments))
