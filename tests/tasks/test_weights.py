"""Which file may become what: branches, fusions and baselines, from runs and as published."""

from __future__ import annotations

import re

import pytest
import torch
from lightning import Trainer
from torch.utils.data import DataLoader

from arseg_lightning.losses import FST, CrossEntropy
from arseg_lightning.models import PSPNet18
from arseg_lightning.propagation import CReFF
from arseg_lightning.tasks import JointTask, LowResTask, PerFrameTask
from arseg_lightning.tasks.weights import check_run_checkpoint
from tests.published_files import write_high, write_low
from tests.tiny import TinyNet, evaluation_clip


def network(num_classes):
    return PSPNet18(num_classes, width=0.125)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A file of each of the published folders."""
    tmp_path = tmp_path_factory.mktemp("published")
    return {
        "HR": write_high(tmp_path / "hr.pth", network(3)),
        "LR": write_low(tmp_path / "lr.pth", network(3), trained=False),
        "AR": write_low(tmp_path / "ar.pth", network(3)),
    }


def low_res_task(high=None, low=None, baseline=None, **changes):
    return LowResTask(
        network,
        FST(CrossEntropy()),
        num_classes=3,
        weights=given(high_res=high, low_res=low, baseline=baseline),
        **changes,
    )


def given(**files):
    return {name: str(path) for name, path in files.items() if path is not None}


def high_res_task(**changes):
    return PerFrameTask(network, CrossEntropy(), num_classes=3, **changes)


def run(command, task, tmp_path):
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        default_root_dir=tmp_path,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loader = DataLoader([evaluation_clip()], batch_size=None, collate_fn=lambda clip: clip)
    getattr(trainer, command)(task, loader)


def test_published_files_are_evaluated_without_a_run(files, tmp_path):
    task = low_res_task(files["HR"], files["AR"], baseline=files["LR"])
    run("test", task, tmp_path)
    assert list(task.methods()) == ["1x", "motion only", "0.5x", "AR 0.5x"]


@pytest.mark.parametrize(("ratio", "folder"), [(1.0, "HR"), (0.5, "LR"), (0.5, "AR"), (1.0, "LR")])
def test_baselines_are_evaluated_without_a_run(ratio, folder, files, tmp_path):
    task = high_res_task(resolution_ratio=ratio, weights={"network": str(files[folder])})
    run("test", task, tmp_path)
    run("validate", task, tmp_path)


@pytest.mark.parametrize("folder", ["HR", "LR"])
def test_a_low_res_branch_without_a_trained_fusion_is_not_evaluated(folder, files, tmp_path):
    task = low_res_task(files["HR"], files[folder])
    message = (
        "test would use random weights for fusion; give ckpt_path (a run's checkpoint) or "
        "model.weights.fusion"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        run("test", task, tmp_path)


def test_a_low_res_branch_may_start_its_training_from_a_high_res_file(files):
    task = low_res_task(files["HR"], files["HR"])
    assert task.method.low_res.context.bottleneck.weight.equal(
        task.method.high_res.context.bottleneck.weight
    )
    assert task.method.fusion.state_dict().keys() == CReFF(8).state_dict().keys()


@pytest.mark.parametrize(
    "build",
    [lambda file: low_res_task(file), lambda file: high_res_task(weights={"network": str(file)})],
    ids=["phase 2", "1.0x baseline"],
)
def test_a_low_res_file_is_no_high_res_branch(build, files):
    with pytest.raises(ValueError, match=r"ar\.pth is a published AR file: .* folder HR"):
        build(files["AR"])


@pytest.mark.parametrize("command", ["test", "validate"])
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (high_res_task, "for network; give ckpt_path .* or model.weights.network$"),
        (
            low_res_task,
            "for high_res, low_res, fusion; give ckpt_path .* or model.weights.high_res, "
            "model.weights.low_res, model.weights.fusion$",
        ),
        (
            lambda: JointTask(network, CrossEntropy(), FST(CrossEntropy()), num_classes=3),
            r"for high_res, low_res, fusion, low_res_alone; give ckpt_path \(a run's",
        ),
    ],
    ids=["phase 1", "phase 2", "joint"],
)
def test_random_weights_are_not_evaluated(command, build, message, tmp_path):
    with pytest.raises(ValueError, match=f"^{command} would use random weights {message}"):
        run(command, build(), tmp_path)


def test_a_loaded_state_is_evaluated(tmp_path):
    task = low_res_task()
    task.load_state_dict(low_res_task().state_dict())
    run("test", task, tmp_path)


def test_a_fusion_of_another_shape_names_what_to_change(files):
    message = r"ar\.pth holds no trained weights for fusion .* in its shapes; set the fusion"
    with pytest.raises(ValueError, match=message):
        low_res_task(files["HR"], files["AR"], fusion=lambda c: CReFF(c, projection="full"))


@pytest.mark.parametrize("argument", ["high_res", "low_res"])
def test_a_file_that_is_no_checkpoint_is_named(argument, tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ValueError, match=r"notes\.txt is damaged or no PyTorch checkpoint"):
        low_res_task(**{argument.removesuffix("_res"): tmp_path / "notes.txt"})


def test_a_run_is_continued_from_its_own_checkpoint_only(files, tmp_path):
    torch.save({"state_dict": low_res_task().state_dict()}, tmp_path / "run.ckpt")
    check_run_checkpoint(tmp_path / "run.ckpt")
    torch.save(network(3).state_dict(), tmp_path / "network.pth")
    for path, name in ((files["HR"], "a published PSPNet18"), (tmp_path / "network.pth", "a net")):
        message = f"holds the weights of {name}.*, but --ckpt_path wants .* --model.weights.NAME"
        with pytest.raises(ValueError, match=message):
            check_run_checkpoint(path)


def test_the_part_of_a_checkpoint_that_fits_is_taken(tmp_path):
    trained = PerFrameTask(TinyNet, CrossEntropy(), num_classes=3)
    torch.save({"state_dict": trained.state_dict()}, tmp_path / "high.ckpt")
    task = LowResTask(
        TinyNet, FST(CrossEntropy()), num_classes=3, weights={"high_res": f"{tmp_path}/high.ckpt"}
    )
    assert task.method.high_res.stem[0].weight.equal(trained.method.network.stem[0].weight)
    assert task.method.low_res.classifier.weight.equal(trained.method.network.classifier.weight)
    assert task.untrained == ("low_res", "fusion")


def test_several_parts_that_fit_are_named_and_one_may_be_chosen(tmp_path):
    trained = LowResTask(TinyNet, FST(CrossEntropy()), num_classes=3)
    torch.save({"state_dict": trained.state_dict()}, tmp_path / "ar.ckpt")
    message = r"several parts of .*ar\.ckpt fit network: high_res, low_res; say which.*#high_res"
    with pytest.raises(ValueError, match=message):
        PerFrameTask(
            TinyNet, CrossEntropy(), num_classes=3, weights={"network": f"{tmp_path}/ar.ckpt"}
        )
    file = f"{tmp_path}/ar.ckpt#low_res"
    task = PerFrameTask(TinyNet, CrossEntropy(), num_classes=3, weights={"network": file})
    assert task.method.network.stem[0].weight.equal(trained.method.low_res.stem[0].weight)


def test_weights_for_no_part_and_files_that_fit_none_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"1x has no part 'nothing' .* it has network"):
        PerFrameTask(TinyNet, CrossEntropy(), num_classes=3, weights={"nothing": "file.ckpt"})
    torch.save({"state_dict": {"method.fusion.other": torch.zeros(1)}}, tmp_path / "odd.ckpt")
    with pytest.raises(ValueError, match=r"no part of .*odd\.ckpt has the names and shapes of f"):
        LowResTask(
            TinyNet, FST(CrossEntropy()), num_classes=3, weights={"fusion": f"{tmp_path}/odd.ckpt"}
        )
