"""The command line, from configuration to files, on a driving scene with a tiny network."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
import yaml

from arseg_lightning.cli import main
from arseg_lightning.commands import COMMANDS
from arseg_lightning.datasets.augment import to_tensor
from arseg_lightning.methods import ARSeg, FrameInput
from arseg_lightning.metrics import DistanceAccuracy
from arseg_lightning.propagation import CReFF
from arseg_lightning.report import RunResult
from arseg_lightning.tasks import LowResTask, PerFrameTask
from arseg_lightning.video.chain import MotionChain
from arseg_lightning.video.probe import probe
from tests.tiny import TinyNet

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments"
TINY = {"class_path": "tests.tiny.TinyNet"}
CROSS_ENTROPY = {"class_path": "CrossEntropy"}
FST = {"class_path": "FST", "init_args": {"segmentation": CROSS_ENTROPY}}
CREFF = {"class_path": "CReFF", "init_args": {"window": 3}}


def driving(first_seed, num_videos=1):
    arguments = {"num_videos": num_videos, "num_frames": 8, "height": 48, "width": 64}
    return {
        "class_path": "SyntheticDriving",
        "init_args": arguments | {"first_seed": first_seed},
    }


def configuration(folder, model, **data):
    """A whole experiment as a YAML file."""
    content = {
        "run_dir": str(folder / "run"),
        "trainer": {"max_epochs": 1, "accelerator": "cpu", "logger": False, "devices": 1},
        "data": {
            "train": driving(0),
            "test": driving(100),
            "store": str(folder / "store"),
            "keyframe_interval": 4,
            "augment": {"crop_size": [32, 48], "scales": [1.0]},
            "batch_size": 2,
            "num_workers": 0,
        }
        | data,
        "model": model,
    }
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(content))
    return str(path)


HIGH_RES = {
    "class_path": "PerFrameTask",
    "init_args": {"network": TINY, "loss": CROSS_ENTROPY},
}
JOINT = {
    "class_path": "JointTask",
    "init_args": {"network": TINY, "loss": CROSS_ENTROPY, "objective": FST, "fusion": CREFF},
}


def low_res(**changes):
    arguments = {"network": TINY, "objective": FST, "fusion": CREFF}
    return {"class_path": "LowResTask", "init_args": arguments | changes}


@pytest.fixture(scope="module")
def joint_run(tmp_path_factory):
    """One run as the quickstart does it."""
    folder = tmp_path_factory.mktemp("joint")
    config = configuration(folder, JOINT, val=driving(50))
    main(["fit", "--config", config, "--after_fit", "report"])
    return folder


@pytest.fixture(scope="module")
def undecided(joint_run):
    """A checkpoint whose classifiers find many classes, and what a test says of it as trained."""
    checkpoint = joint_run / "undecided.ckpt"
    write_undecided(joint_run / "run" / "last.ckpt", checkpoint)
    command = ["test", "--config", str(joint_run / "experiment.yaml")]
    main([*command, "--ckpt_path", str(checkpoint), "--run_dir", str(joint_run / "as_trained")])
    return checkpoint, RunResult.read(joint_run / "as_trained" / "result.json")


def test_one_command_trains_compares_and_shows(joint_run, capsys):
    run = joint_run / "run"
    result = RunResult.read(run / "result.json")
    assert [system.name for system in result.methods] == ["1x", "motion only", "0.5x", "AR 0.5x"]
    assert result.num_samples == 8
    assert result.methods[-1].mean_gmacs < result.methods[0].mean_gmacs
    assert result.methods[-1].accuracy.frames_at_distance == (2, 2, 2, 2)
    assert (run / "miou_over_distance.png").stat().st_size > 10_000
    assert probe(run / "predict" / "overlay.mp4").num_frames == 8
    assert len(list((run / "predict" / "labels").glob("*.png"))) == 8


def test_a_result_says_what_it_came_from(joint_run):
    provenance = RunResult.read(joint_run / "run" / "result.json").provenance
    assert provenance.seed == 0
    assert provenance.versions["torch"] == torch.__version__
    assert provenance.config["data"]["keyframe_interval"] == 4
    assert provenance.config["model"]["class_path"].endswith("JointTask")


def test_checkpoints_are_what_they_say(joint_run):
    best, last = (torch.load(joint_run / "run" / f"{n}.ckpt") for n in ("best", "last"))
    assert set(best["state_dict"]) == set(last["state_dict"])
    assert last["epoch"] == 0


def test_a_finished_run_is_not_overwritten_by_accident(joint_run):
    config = str(joint_run / "experiment.yaml")
    before = (joint_run / "run" / "last.ckpt").stat().st_mtime_ns
    with pytest.raises(FileExistsError, match=r"holds a run already; give another --run_dir"):
        main(["fit", "--config", config])
    assert (joint_run / "run" / "last.ckpt").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("changed", "ratio", "interval"),
    [
        (["--model.resolution_ratio", "0.25"], 0.25, 4),
        (["--data.keyframe_interval", "2"], 0.5, 2),
        (["--data.keyframe_interval", "1"], 0.5, 1),
    ],
    ids=["ratio", "interval", "keyframes_only"],
)
def test_the_configuration_decides_and_the_checkpoint_brings_weights(
    joint_run, undecided, changed, ratio, interval
):
    """A ratio or an interval other than the one trained gives its own figures."""
    config, (checkpoint, trained) = str(joint_run / "experiment.yaml"), undecided
    flags = ["--ckpt_path", str(checkpoint), "--run_dir"]
    folder = joint_run / f"changed_{ratio}_{interval}"
    cli = main(["test", "--config", config, *flags, str(folder), *changed])
    result = RunResult.read(folder / "result.json")
    names = ["1x", "motion only", f"{ratio:g}x", f"AR {ratio:g}x"]
    assert [system.name for system in result.methods] == names
    assert result.keyframe_interval == interval
    own = result.methods[-1]
    by_hand = accuracy_by_hand(checkpoint, cli.datamodule, ratio, interval)
    assert own.accuracy.iou_per_class == pytest.approx(by_hand.iou_per_class, abs=1e-6, nan_ok=True)
    assert own.accuracy.miou_at_distance == pytest.approx(by_hand.miou_at_distance, abs=1e-6)
    assert own.accuracy.miou_at_distance != trained.methods[-1].accuracy.miou_at_distance
    assert own.mean_gmacs != trained.methods[-1].mean_gmacs


def test_without_frames_between_keyframes_there_are_no_pairs_to_train_on(joint_run):
    words = ["fit", "--config", str(joint_run / "experiment.yaml"), "--overwrite", "true"]
    words += ["--run_dir", str(joint_run / "pairs"), "--data.keyframe_interval"]
    with pytest.raises(ValueError, match="keyframe_interval=1 leaves no frame between keyframes"):
        main([*words, "1"])


def write_undecided(trained, path):
    """Give a checkpoint classifiers that find many classes, as one epoch does not."""
    content = torch.load(trained)
    weight = torch.randn(9, 8, 1, 1, generator=torch.Generator().manual_seed(0))
    weight -= weight.mean(dim=1, keepdim=True)  # what all channels share decides nothing
    for name in content["state_dict"]:
        if name.endswith("classifier.weight"):
            content["state_dict"][name] = weight
    torch.save(content, path)


@torch.no_grad()
def accuracy_by_hand(checkpoint, data, ratio, interval):
    """AR-Seg's accuracy with a checkpoint's weights, without the task and the command line."""
    method = ARSeg(9, TinyNet, partial(CReFF, window=3), ratio).eval()
    state = torch.load(checkpoint)["state_dict"]
    weights = {k.removeprefix("method."): v for k, v in state.items()}
    own = {k: v for k, v in weights.items() if not k.startswith("low_res_alone.")}
    method.load_state_dict(own)
    accuracy = DistanceAccuracy(9, interval)
    for clip in data.test_dataloader():
        first = clip.frames[0].streamed.frame
        chain = MotionChain(first.size, start=first.index)
        for distance, frame in enumerate(clip.frames):
            image = clip.normalise(to_tensor(frame.streamed.frame.image[None]))
            if distance:
                chain.push(frame.streamed.step)
            motion = torch.from_numpy(chain.motion().xy)[None]
            role, state = ("nonkeyframe", state) if distance else ("keyframe", {})
            output, state = method.step(role, FrameInput(image, motion), state)
            classes = output.logits((48, 64)).argmax(dim=1)
            accuracy.update(classes, torch.from_numpy(frame.label)[None], distance)
    return accuracy.accuracy()


def test_phase_2_follows_phase_1(tmp_path):
    cli = main(["fit", "--config", configuration(tmp_path, HIGH_RES, train_on="stills")])
    assert isinstance(cli.model, PerFrameTask)
    assert cli.model.num_classes == cli.datamodule.num_classes == 9  # data own them
    assert cli.model.keyframe_interval == 4
    phase1 = tmp_path / "phase1.ckpt"
    (tmp_path / "run" / "last.ckpt").rename(phase1)
    config = configuration(tmp_path, low_res())
    flags = ["--run_dir", str(tmp_path / "run2"), "--model.weights.high_res", str(phase1)]
    cli = main(["fit", "--config", config, *flags])
    assert isinstance(cli.model, LowResTask)
    high_res = torch.load(phase1)["state_dict"]["method.network.classifier.weight"]
    assert cli.model.method.low_res.classifier.weight.equal(high_res)


def test_ones_own_video_is_segmented(joint_run, capsys):
    video = next((joint_run / "store" / "videos").glob("driving_00100*.mp4"))
    folder = joint_run / "own"
    main(["predict", str(joint_run / "run"), "--video", str(video), "--output", str(folder)])
    assert probe(folder / "overlay.mp4").size == (48, 64)
    assert f"written: {folder / 'overlay.mp4'} (8 frames)" in capsys.readouterr().out


@pytest.mark.slow
def test_two_processes_count_every_frame_once(joint_run):
    """DDP: three clips on two processes, neither padded nor lost."""
    config, checkpoint = str(joint_run / "experiment.yaml"), str(joint_run / "run" / "last.ckpt")
    folder = joint_run / "ddp"
    flags = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--run_dir", str(folder)]
    flags += ["--data.keyframe_interval", "3", "--ckpt_path", checkpoint]
    command = [sys.executable, "-m", "arseg_lightning", "test", "--config", config, *flags]
    done = subprocess.run(command, capture_output=True, text=True, cwd=EXPERIMENTS.parent)
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads((folder / "result.json").read_text())
    assert result["num_samples"] == 8
    assert result["methods"][0]["accuracy"]["frames_at_distance"] == [3, 3, 2]


@pytest.mark.slow  # test_processes trains on two; this starts them as Lightning does
def test_training_runs_on_two_processes(tmp_path):
    """DDP, by processes that Lightning starts."""
    config = configuration(tmp_path, HIGH_RES, train_on="stills")
    flags = ["--trainer.devices", "2", "--trainer.strategy", "ddp"]
    command = [sys.executable, "-m", "arseg_lightning", "fit", "--config", config, *flags]
    done = subprocess.run(command, capture_output=True, text=True, cwd=EXPERIMENTS.parent)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "run" / "last.ckpt").is_file()


def test_help_names_the_commands(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert f"Other commands: {', '.join(COMMANDS)}" in " ".join(capsys.readouterr().out.split())
