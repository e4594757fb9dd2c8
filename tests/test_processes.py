"""Two processes that train and evaluate together do what one does."""

import csv

import pytest
import torch
import yaml
from torch import nn

from arseg_lightning.cli import main
from tests.processes import run_together
from tests.test_cli import write_undecided
from tests.tiny import TinyNet

CROSS_ENTROPY = {"class_path": "CrossEntropy"}
FST = {"class_path": "FST", "init_args": {"segmentation": CROSS_ENTROPY}}
CREFF = {"class_path": "CReFF", "init_args": {"window": 3}}
SGD = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.1, "momentum": 0.9}}
PAIRS = ("stream", "every_distance")
TASKS = {
    "PerFrameTask": {"loss": CROSS_ENTROPY},
    "LowResTask": {"objective": FST, "fusion": CREFF, "epochs_without_fusion": 1},
    "JointTask": {"loss": CROSS_ENTROPY, "objective": FST, "fusion": CREFF},
}
INTERVAL = 2


class StandingNet(TinyNet):
    """Its batch norms do not train: their statistics would be those of a process's own batch."""

    def __init__(self, num_classes):
        super().__init__(num_classes)
        self.train()

    def train(self, mode=True):
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self


def driving(first_seed, num_frames):
    size = {"num_videos": 1, "num_frames": num_frames, "height": 48, "width": 64}
    return {"class_path": "SyntheticDriving", "init_args": size | {"first_seed": first_seed}}


def write_experiment(folder, task):
    """Two steps, and seven clips of two frames to evaluate (13 at every distance)."""
    epochs = 2 if task == "LowResTask" else 1  # its fusion joins in the second one
    arguments = dict(TASKS[task])
    if task == "LowResTask":
        arguments["weights"] = {"high_res": str(folder / "PerFrameTask-1" / "last.ckpt")}
    network = {"class_path": "tests.test_processes.StandingNet"}
    content = {
        "trainer": {"max_epochs": epochs, "limit_train_batches": 2 // epochs, "accelerator": "cpu"}
        | {"log_every_n_steps": 1, "logger": {"class_path": "CSVLogger"}, "devices": 1}
        | {"enable_progress_bar": False},
        "data": {
            "train": driving(0, 20),
            "val": driving(50, 14),
            "test": driving(50, 14),
            "store": str(folder / "store"),
            "keyframe_interval": INTERVAL,
            "augment": {"crop_size": [32, 48], "scales": [1.0]},
            "batch_size": 8,
            "num_workers": 0,
        },
        "model": {
            "class_path": task,
            "init_args": {"network": network, "optimizer": SGD} | arguments,
        },
    }
    path = folder / f"{task}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def run(folder, command, task, name, count, *flags):
    run_dir = folder / f"{name}-{count}"
    words = [command, "--config", str(folder / f"{task}.yaml"), "--run_dir", str(run_dir), *flags]
    words += ["--trainer.logger.save_dir", str(run_dir), "--data.batch_size", str(8 // count)]
    return main([*words, "--trainer.devices", str(count)])


def train_and_evaluate(rank, folder, count):
    """What is compared: all tasks train, then the last one is evaluated in all ways."""
    for task in TASKS:
        cli = run(folder, "fit", task, task, count)
        figures = {n: v for n, v in cli.trainer.callback_metrics.items() if "val/" in n}
        sums = [each["momentum_buffer"] for each in cli.trainer.optimizers[0].state.values()]
        kept = {"weights": cli.model.state_dict(), "gradients": sums, "figures": figures}
        torch.save(kept, folder / f"{task}-{count}-{rank}.pt")
    if count == 1:
        write_undecided(folder / "JointTask-1" / "last.ckpt", folder / "undecided.ckpt")
    for pairs in PAIRS:
        flags = ("--ckpt_path", str(folder / "undecided.ckpt"), "--data.test_pairs", pairs)
        cli = run(folder, "test", "JointTask", pairs, count, *flags)
        counts = {n: e.metric.compute() for n, e in cli.model.evaluations.items()}
        torch.save(counts, folder / f"{pairs}-{count}-{rank}.pt")


def fail_to_prepare(rank, folder):
    """The first process cannot write: its error ends both."""
    (folder / "file").touch()
    with pytest.raises((OSError, ValueError)) as caught:
        run(folder, "fit", "JointTask", "failed", 2, "--data.store", str(folder / "file" / "no"))
    (folder / f"failed-{rank}.txt").write_text(f"{caught.type.__name__}: {caught.value}")


def all_of_it(rank, folder):
    train_and_evaluate(rank, folder, 2)
    fail_to_prepare(rank, folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder in which one process and two processes have done the same."""
    folder = tmp_path_factory.mktemp("processes")
    for task in TASKS:
        write_experiment(folder, task)
    train_and_evaluate(0, folder, 1)
    assert run_together(all_of_it, folder) == [None, None]
    return folder


def kept(folder, name):
    return torch.load(folder / f"{name}.pt", weights_only=True)


def logged(folder, task, count):
    """The rows of a run's log that hold training losses."""
    (path,) = (folder / f"{task}-{count}").rglob("metrics.csv")
    rows = csv.DictReader(path.read_text().splitlines())
    return [
        {name: float(value) for name, value in row.items() if value and "loss" in name}
        for row in rows
        if row.get("train/loss")
    ]


@pytest.mark.parametrize("pairs", PAIRS)
def test_seven_samples_on_two_processes_count_as_on_one(runs, pairs):
    one = kept(runs, f"{pairs}-1-0")
    assert list(one) == ["1x", "motion only", "0.5x", "AR 0.5x"]
    assert int(one["1x"]["frames"].sum()) == {"stream": 14, "every_distance": 26}[pairs]
    for rank in range(2):
        two = kept(runs, f"{pairs}-2-{rank}")
        for name, counts in one.items():
            assert torch.equal(two[name]["confusion"], counts["confusion"])
            assert torch.equal(two[name]["frames"], counts["frames"])


@pytest.mark.parametrize("task", TASKS)
def test_what_validation_logs_is_the_same(runs, task):
    one, two = (kept(runs, f"{task}-{count}-0")["figures"] for count in (1, 2))
    distances = set() if task == "PerFrameTask" else {"val/miou_d00", "val/miou_d01"}
    accuracies = {name for name in one if "miou" in name}
    assert accuracies == {"val/miou", "val/miou_pooled"} | distances  # no clock, no distances
    assert "val/loss" in one
    torch.testing.assert_close(two, one, rtol=1e-3, atol=0)


@pytest.mark.parametrize("task", TASKS)
def test_every_logged_loss_is_the_mean_over_the_whole_batch(runs, task):
    """Two batches of four are the one of eight: the same samples, the same augmentation."""
    one, two = (logged(runs, task, count) for count in (1, 2))
    assert len(one) == 2
    for first, second in zip(one, two, strict=True):
        assert second == pytest.approx(first, rel=1e-4)


@pytest.mark.parametrize("task", TASKS)
def test_gradients_and_weights_are_those_of_one_process(runs, task):
    one, two = (kept(runs, f"{task}-{count}-0") for count in (1, 2))
    torch.testing.assert_close(two["weights"], one["weights"], rtol=1e-3, atol=1e-6)
    assert one["gradients"]
    torch.testing.assert_close(two["gradients"], one["gradients"], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("task", TASKS)
def test_processes_keep_the_same_weights(runs, task):
    first, second = (kept(runs, f"{task}-2-{rank}")["weights"] for rank in range(2))
    assert all(torch.equal(second[name], value) for name, value in first.items())


def test_no_task_searches_for_unused_parameters(runs):
    for task in TASKS:
        config = yaml.safe_load((runs / f"{task}-2" / "fit.yaml").read_text())
        assert config["trainer"]["strategy"] == "auto"


def test_who_cannot_prepare_the_data_ends_all_processes(runs):
    first, second = ((runs / f"failed-{rank}.txt").read_text() for rank in range(2))
    assert "file/no" in first
    message = first.partition(": ")[2]
    assert second == f"PreparationFailed: process 0 could not prepare the data: {message}"


def test_another_number_of_samples_a_step_does_not_go_on(runs):
    config = str(runs / "PerFrameTask.yaml")
    flags = ["--ckpt_path", str(runs / "PerFrameTask-2" / "last.ckpt"), "--data.batch_size", "4"]
    flags += ["--trainer.logger", "false", "--run_dir", str(runs / "other")]
    message = r"trained on 8 samples a step, and this run has 4: processes \(trainer.devices"
    with pytest.raises(ValueError, match=message):
        main(["fit", "--config", config, *flags])
