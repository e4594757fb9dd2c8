"""Published checkpoints through the command line, with the repository's own experiments."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from arseg_lightning.cli import main
from arseg_lightning.methods import FrameInput
from arseg_lightning.models import PSPNet18
from arseg_lightning.report import RunResult
from arseg_lightning.video.probe import probe
from tests.parity import Published, assert_same, assert_same_after_attention, ratios, scores
from tests.published_files import write_high, write_low

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments"
HEIGHT, WIDTH = 32, 48


@pytest.fixture
def data(tmp_path, monkeypatch):
    """One still a split of CamVid and of Cityscapes, in their published folder layouts."""
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    image = Image.fromarray(coarse.repeat(8, axis=0).repeat(8, axis=1))
    label = np.zeros((HEIGHT, WIDTH), np.uint8)
    label[16:] = 128
    for split in ("train", "val", "test"):
        camvid = tmp_path / "camvid"
        save(image, camvid / split / "0006R0_f00930.png")
        grey = Image.fromarray(np.stack([label] * 3, axis=2))  # void above, sky below
        save(grey, camvid / f"{split}_labels" / "0006R0_f00930_L.png")
    for split in ("train", "val"):
        name = tmp_path / "cityscapes" / "{}" / split / "ulm" / "ulm_000000_000019_{}.png"
        save(image, Path(str(name).format("leftImg8bit", "leftImg8bit")))
        save(Image.fromarray(label // 16), Path(str(name).format("gtFine", "gtFine_labelIds")))
    monkeypatch.setenv("CAMVID_ROOT", str(tmp_path / "camvid"))
    monkeypatch.setenv("CITYSCAPES_ROOT", str(tmp_path / "cityscapes"))
    return tmp_path


def save(image, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def command(name, folder, *configs, **flags):
    """Run a command as a user would, on small clips."""
    flags = {"run_dir": folder / "run", "data.store": folder / "store"} | flags
    flags |= {"data.num_workers": 0, "trainer.logger": "false", "trainer.accelerator": "cpu"}
    files = [flag for config in configs for flag in ("--config", str(EXPERIMENTS / config))]
    return main([name, *files, *[f"--{key}={value}" for key, value in flags.items()]])


CAMVID = ("camvid/psp18_ar.yaml", "camvid/paper_settings.yaml", "camvid/published.yaml")


@pytest.fixture
def small(tmp_path):
    """Flags for small networks with the files of CamVid's 12 classes."""
    network = PSPNet18(12, width=0.125)
    return {
        "model.network.width": 0.125,
        "model.weights.high_res": write_high(tmp_path / "hr.pth", network),
        "model.weights.low_res": write_low(tmp_path / "ar.pth", network),
    }


def test_published_files_are_tested_and_predict_a_video(data, small, capsys):
    small["data.keyframe_interval"] = 3
    cli = command("test", data, *CAMVID, **small)
    assert_weights_of(cli.model.method, small["model.weights.low_res"])
    assert cli.model.method.convention == "paper"
    assert cli.datamodule.store.chaining == "integer"
    result = RunResult.read(data / "run" / "result.json")
    assert [system.name for system in result.methods] == ["1x", "motion only", "AR 0.5x"]
    assert result.methods[1].accuracy.frames_at_distance == (1, 1, 1)
    video = next((data / "store" / "videos").glob("*.mp4"))
    files = [flag for config in CAMVID for flag in ("--config", str(EXPERIMENTS / config))]
    flags = [f"--{key}={value}" for key, value in small.items()]
    main(["predict", *files, *flags, f"--video={video}", f"--output={data / 'out'}"])
    assert probe(data / "out" / "overlay.mp4").num_frames == 12


def assert_weights_of(arseg, low_file):
    state = torch.load(low_file, weights_only=True)
    stem, query = arseg.low_res.backbone.conv1.weight, arseg.fusion.query.weight
    assert stem.equal(state["module.feats.conv1.weight"])
    assert query.equal(state["module.fuse_attention.lr_query_conv.weight"])


@pytest.mark.parametrize(("experiment", "name"), [("high", "1x"), ("half", "0.5x")])
def test_published_baselines_are_tested(experiment, name, data, small):
    flags = {
        "model.network.width": 0.125,
        "model.weights.network": small["model.weights.high_res"],
        "data.keyframe_interval": 2,
    }
    command("test", data, f"camvid/psp18_{experiment}.yaml", "camvid/published.yaml", **flags)
    result = RunResult.read(data / "run" / "result.json")
    assert [system.name for system in result.methods] == [name]


def test_eleven_classes_of_data_refuse_a_published_file(data, small):
    message = r"for 12 classes, but the data has 11; .* set protocol: camvid12 in data\.train"
    with pytest.raises(ValueError, match=message):
        command("test", data, "camvid/psp18_ar.yaml", **small)


def test_the_network_and_the_protocol_that_errors_name_are_flags(data, small):
    message = re.escape("network is BiSeNet18; set network to PSPNet18 (--model.network PSPNet18)")
    with pytest.raises(ValueError, match=message):
        command(
            "test",
            data,
            "camvid/bise18_ar.yaml",
            "camvid/paper_settings.yaml",
            "camvid/published.yaml",
            **small,
        )
    flags = {f"data.{split}.protocol": "camvid12" for split in ("train", "val", "test")}
    flags |= {"model.network": "PSPNet18"} | small | {"data.keyframe_interval": 2}
    files = ("camvid/bise18_ar.yaml", "camvid/paper_settings.yaml")
    cli = command("test", data, *files, **flags)
    assert cli.model.num_classes == 12


def test_a_published_file_is_no_run(data, small):
    flags = {"ckpt_path": small["model.weights.high_res"], "model.network.width": 0.125}
    with pytest.raises(ValueError, match=r"published PSPNet18, but --ckpt_path wants .* of a run"):
        command("test", data, *CAMVID, **flags)


OVERLAYS = {
    "camvid-psp18": ("camvid/psp18_ar.yaml", "camvid/paper_settings.yaml", "camvid/published.yaml"),
    "camvid-bise18": (
        "camvid/bise18_ar.yaml",
        "camvid/paper_settings.yaml",
        "camvid/published.yaml",
    ),
    "cityscapes-psp18": ("cityscapes/psp18_ar.yaml", "cityscapes/published_psp18.yaml"),
}


def test_the_authors_files_give_the_authors_numbers(published: Published, data):
    """Through ``test``, from its arguments alone; then the stored inputs go through its system.

    The stored networks do not share a classifier, as the authors' do.
    """
    flags = {
        "model.weights.high_res": published.high_file,
        "model.weights.low_res": published.low_file,
        "model.share_classifier": "false",
        "data.keyframe_interval": 2,
    }
    if published.name.startswith("cityscapes"):
        flags |= {f"data.{split}.frames": "stills" for split in ("train", "val", "test")}
    cli = command("test", data, *OVERLAYS[published.name], **flags)
    assert len(RunResult.read(data / "run" / "result.json").methods) == 3
    assert_authors_numbers(cli.model.method.eval(), published)


@torch.inference_mode()
def assert_authors_numbers(arseg, published: Published) -> None:
    arrays, high_res = published.arrays, arseg.high_res
    motion = arrays["motion_xy"].permute(0, 3, 1, 2)
    current, key = (FrameInput(arrays[f"{n}_image"], motion) for n in ("current", "key"))
    output, _ = arseg.step("keyframe", current, {})
    assert_same(scores(high_res, output.logits(current.size)), arrays["hr_logits"])
    _, state = arseg.step("keyframe", key, {})
    for ratio in ratios(published):
        arseg.resolution_ratio = float(ratio)
        output, _ = arseg.step("nonkeyframe", current, state)
        stored = arrays[f"ar_logits_{ratio}"]
        assert_same_after_attention(scores(high_res, output.logits(current.size)), stored)


@pytest.mark.parametrize(
    "overlay",
    sorted(EXPERIMENTS.glob("*/published*.yaml")),
    ids=lambda path: f"{path.parent.name} {path.stem}",
)
def test_an_overlay_says_the_whole_command(overlay):
    first = overlay.read_text().splitlines()[0].removeprefix("# python -m arseg_lightning ")
    arguments = first.split()
    assert arguments[0] == "test"
    assert str(overlay.relative_to(EXPERIMENTS.parent)) in arguments
    for before, argument in pairwise(arguments):
        assert before != "--config" or (EXPERIMENTS.parent / argument).is_file()
