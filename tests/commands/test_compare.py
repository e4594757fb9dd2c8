"""The command ``compare`` on a video, with a pretrained network."""

from __future__ import annotations

import json

import pytest
import torch

from arseg_lightning.cli import main
from tests.models.test_hugging_face import make
from tests.video.small_videos import write_video

pytest.importorskip("transformers", reason="the extra hf is not installed")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return f"hf:{make('segformer', tmp_path_factory.mktemp('hub') / 'segformer')}"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return str(write_video(tmp_path_factory.mktemp("video") / "clip.mp4", 6))


def test_methods_that_need_no_training_are_compared(network, clip, tmp_path, capsys):
    out = tmp_path / "compare.json"
    main(["compare", "--video", clip, "--network", network, "--out", str(out)])
    methods = json.loads(out.read_text())["methods"]
    names = [
        "1x",
        "0.5x",
        "motion only",
        "motion only, smoothed",
        "TapLab BL2",
        "TapLab BL3",
        "Inter-BMV (mean)",
    ]
    assert [each["method"] for each in methods] == names
    assert methods[0]["agreement_pixels"] == 1
    assert {each["frames"] for each in methods} == {6}
    assert out.with_suffix(".png").stat().st_size > 1000
    assert "| TapLab BL3" in capsys.readouterr().out


def test_methods_may_be_chosen(network, clip, capsys):
    main(["compare", "--video", clip, "--network", network, "--method", "DFF", "--limit", "3"])
    assert "| DFF (codec)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "or a pretrained network: --network hf:REPOSITORY"),
        (["--network", "segformer"], "is hf:REPOSITORY or hf:FOLDER of Hugging Face"),
        (["--network", "NETWORK", "--method", "ARSeg"], "which have to be trained"),
        (["--network", "NETWORK", "--method", "Clockwork"], "cuts a network after its stages"),
        (["--network", "NETWORK", "--limit", "0"], "limit is at least 1"),
    ],
)
def test_what_cannot_be_compared_is_named(network, clip, flags, message, capsys):
    torch.manual_seed(0)
    words = [network if word == "NETWORK" else word for word in flags]
    with pytest.raises((SystemExit, ValueError)) as stop:
        main(["compare", "--video", clip, *words])
    assert message in str(stop.value) + capsys.readouterr().err
