"""What a run leaves for Weights & Biases, read back from an offline run's file."""

import json
import time
from pathlib import Path

import pytest
import yaml
from jsonargparse import Namespace
from wandb.proto import wandb_internal_pb2

from arseg_lightning.callbacks.wandb_runs import set_wandb_runs
from arseg_lightning.cli import main
from arseg_lightning.report import RunResult
from tests.test_cli import JOINT, configuration, driving


def records(folder):
    """The records of the only offline run in a folder."""
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    for data in chunks(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        yield record


def complete(folder, seconds=10):
    """All records: finishing returns before W&B's own process has written the last ones."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = list(records(folder)) if any(folder.glob("wandb/offline-run-*/*.wandb")) else []
        if any(record.HasField("exit") for record in found):
            return found
        time.sleep(0.05)
    raise TimeoutError(f"{folder} has no complete W&B run after {seconds} s")


def chunks(content, block=32768, header=7):
    """The entries of a log in LevelDB's format, after W&B's own seven bytes."""
    offset, entry = header, b""
    while offset + header <= len(content):
        if block - offset % block < header:  # padding
            offset += block - offset % block
            continue
        length, kind = (
            int.from_bytes(content[offset + 4 : offset + 6], "little"),
            content[offset + 6],
        )
        entry += content[offset + header : offset + header + length]
        offset += header + length
        if kind in (1, 4):  # whole, or the last part
            yield entry
            entry = b""


def wandb_logger(folder):
    arguments = {"save_dir": str(folder / "run"), "project": "test"}
    return [{"class_path": "WandbLogger", "init_args": arguments}]


def with_wandb(folder):
    """The configuration of a run that logs to W&B."""
    path = Path(configuration(folder, JOINT, val=driving(50)))
    content = yaml.safe_load(path.read_text())
    content["trainer"] |= {"logger": wandb_logger(folder), "log_every_n_steps": 1}
    content["trainer"]["max_epochs"] = 2
    path.write_text(yaml.safe_dump(content))
    return str(path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder and the records of one run and its test."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_CONFIG_DIR"):
            patch.setenv(name, str(folder / "cache"))
        patch.setenv("WANDB_SILENT", "true")
        patch.setenv("WANDB_CONSOLE", "off")
        main(["fit", "--config", with_wandb(folder), "--after_fit", "test"])
    return folder / "run", complete(folder / "run")


def history(run):
    """Every value that was logged, by its name."""
    values = {}
    for record in run[1]:
        for item in record.history.item:
            name = item.key or "/".join(item.nested_key)
            values.setdefault(name, []).append(json.loads(item.value_json))
    return values


def test_a_run_is_named_after_its_folder(finished):
    (run,) = [record.run for record in finished[1] if record.HasField("run")]
    assert run.display_name == "run"


def test_the_configuration_is_the_resolved_one(finished):
    config = {}
    for record in finished[1]:
        for item in (*record.config.update, *record.run.config.update):
            config[item.key or item.nested_key[0]] = json.loads(item.value_json)
    assert config["run_dir"] == config["trainer"]["default_root_dir"] == str(finished[0])
    assert config["model"]["init_args"]["keyframe_interval"] == 4  # linked from the data
    assert config["model"]["init_args"]["resolution_ratio"] == 0.5  # the default


def test_metrics_come_per_epoch_and_per_distance(finished):
    values = history(finished)
    for name in ("val/miou", *(f"val/miou_d0{d}" for d in range(4))):
        assert len(values[name]) == 2, name
    assert len(values["train/samples_per_second"]) == 2
    assert len(values["test/miou_d03"]) == 1


def test_test_leaves_its_tables_and_its_plot(finished):
    (path,) = finished[0].glob("wandb/offline-run-*/files/media/table/test/iou_per_class*.json")
    table = json.loads(path.read_text())
    result = RunResult.read(finished[0] / "result.json")
    assert table["columns"] == ["class", "1x", "motion only", "0.5x", "AR 0.5x"]
    assert [row[0] for row in table["data"]] == list(result.class_names)
    own = [value for value in result.methods[-1].accuracy.iou_per_class if value == value]
    assert [row[-1] for row in table["data"] if row[-1] is not None] == pytest.approx(own, abs=1e-6)
    (plot,) = finished[0].glob("wandb/offline-run-*/files/media/images/test/miou_over_distance*")
    assert plot.read_bytes() == (finished[0] / "miou_over_distance.png").read_bytes()


def test_what_is_set_is_not_renamed():
    settings = Namespace(
        class_path="lightning.pytorch.loggers.WandbLogger",
        init_args=Namespace(name="mine"),
    )
    other = Namespace(class_path="CSVLogger", init_args=Namespace(name=None))
    set_wandb_runs([settings, other], Path("runs/study/first"), "test")
    assert settings.init_args.name == "mine"
    assert other == Namespace(class_path="CSVLogger", init_args=Namespace(name=None))
    for nothing in (None, True, False):
        set_wandb_runs(nothing, Path("runs/study/first"), "test")
