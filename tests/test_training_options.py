"""What a configuration may change about training: precision, accumulation, clipping."""

import csv

import pytest
import torch

from arseg_lightning.cli import main
from tests.test_cli import JOINT, configuration, driving

STEPS = 3


def fit(folder, run, *flags):
    """Three batches of four on the joint task, after whose training the command is looked at."""
    config = folder / "experiment.yaml"
    if not config.is_file():
        configuration(folder, JOINT, train=driving(0, 2), batch_size=4, val=driving(50))
    fixed = ["--trainer.limit_train_batches", str(STEPS), "--trainer.log_every_n_steps", "1"]
    logger = ["--trainer.logger", "CSVLogger", "--trainer.logger.save_dir", str(folder / run)]
    words = ["fit", "--config", str(config), "--run_dir", str(folder / run), *fixed, *logger]
    return main([*words, *flags])


def state(folder, run):
    return torch.load(folder / run / "last.ckpt", weights_only=True)


def losses(folder, run):
    """All training losses of the first step."""
    (path,) = (folder / run).rglob("metrics.csv")
    with path.open() as file:
        rows = [{k: v for k, v in row.items() if v} for row in csv.DictReader(file)]
    first = next(row for row in rows if "train/loss" in row)  # others hold the learning rate
    return {name: float(value) for name, value in first.items() if name.startswith("train/loss")}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("options")
    fit(folder, "plain")
    return folder


def assert_same_keys(folder, run):
    one, other = state(folder, "plain"), state(folder, run)
    assert list(one["state_dict"]) == list(other["state_dict"])
    for name, value in one["state_dict"].items():
        assert other["state_dict"][name].dtype == value.dtype
        assert other["state_dict"][name].isfinite().all()


# On a processor, Lightning takes bfloat16 for both.
@pytest.mark.parametrize(
    "precision", ["bf16-mixed", pytest.param("16-mixed", marks=pytest.mark.slow)]
)
def test_mixed_precision_computes_the_same_losses_roughly(plain, precision):
    fit(plain, precision, "--trainer.precision", precision)
    assert_same_keys(plain, precision)
    assert losses(plain, precision) == pytest.approx(losses(plain, "plain"), rel=0.03)


def test_accumulation_counts_optimiser_steps(plain):
    cli = fit(plain, "accumulated", "--trainer.accumulate_grad_batches", "3")
    assert_same_keys(plain, "accumulated")
    one, other = state(plain, "plain"), state(plain, "accumulated")
    assert (one["global_step"], other["global_step"]) == (STEPS, STEPS // 3)
    assert cli.trainer.estimated_stepping_batches == STEPS // 3
    (schedule,) = other["lr_schedulers"]
    assert schedule["_step_count"] == STEPS // 3 + 1
    assert schedule["_last_lr"] == [pytest.approx(0.0)] * len(schedule["_last_lr"])  # the end


def test_gradients_are_clipped(plain):
    """SGD's momentum after the first step is the first gradient."""
    optimizer = ("--model.optimizer", "torch.optim.SGD", "--model.optimizer.momentum", "0.9")
    flags = ("--trainer.gradient_clip_val", "1e-3", "--trainer.limit_train_batches", "1")
    fit(plain, "clipped", *optimizer, *flags)
    assert_same_keys(plain, "clipped")
    (optimizer,) = state(plain, "clipped")["optimizer_states"]
    norms = [each["momentum_buffer"].norm() for each in optimizer["state"].values()]
    assert float(torch.stack(norms).norm()) == pytest.approx(1e-3, rel=1e-3)
    assert losses(plain, "clipped") == losses(plain, "plain")


def test_a_schedule_of_torch_is_set_on_the_command_line(plain):
    schedule = (
        "--model.schedule",
        "torch.optim.lr_scheduler.StepLR",
        "--model.schedule.step_size=1",
    )
    flags = (*schedule, "--model.schedule.gamma", "0.5", "--trainer.max_epochs", "2")
    cli = fit(plain, "step_lr", *flags)
    (schedule,) = cli.trainer.lr_scheduler_configs
    assert (schedule.interval, type(schedule.scheduler).__name__) == ("epoch", "StepLR")
    (group, *_) = cli.trainer.optimizers[0].param_groups
    assert group["lr"] == pytest.approx(group["initial_lr"] / 4)


def test_a_plateau_looks_at_the_metric_that_it_is_given(plain):
    plateau = ("--model.schedule", "torch.optim.lr_scheduler.ReduceLROnPlateau")
    with pytest.raises(ValueError, match=r"ReduceLROnPlateau looks at a metric: set schedule_moni"):
        fit(plain, "blind", *plateau)
    cli = fit(plain, "plateau", *plateau, "--model.schedule_monitor", "val/loss")
    assert cli.trainer.lr_scheduler_configs[0].monitor == "val/loss"
    assert "val/loss_similarity" in cli.trainer.callback_metrics


def test_a_resumed_run_refuses_another_rate(plain):
    checkpoint = ("--ckpt_path", str(plain / "plain" / "last.ckpt"))
    rate = ("--model.optimizer", "torch.optim.Adam", "--model.optimizer.lr", "0.1")
    with pytest.raises(
        ValueError, match=r"here they are changed: optimizer arseg_lightning\.tasks"
    ):
        fit(plain, "resumed", *checkpoint, *rate, "--trainer.max_epochs", "2")


def test_a_run_without_end_needs_a_schedule_without_end(plain):
    endless = ("--trainer.max_epochs", "-1", "--trainer.max_time", "00:00:00:01")
    with pytest.raises(ValueError, match=r"schedule=cosine ends with the run, and nobody kno"):
        fit(plain, "endless", *endless)
