"""The recipe for one's own method works as it is written: a file outside the package, no edit."""

import contextlib
import io
import json
import re
import sys
from pathlib import Path

import pytest
import torch
import yaml

from arseg_lightning.cli import main
from arseg_lightning.methods import FrameInput
from tests.methods.laws import ExportedLikeAnother, MethodLaws
from tests.tiny import TinyNet
from tests.video.small_videos import write_video

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "own_method.md"


def blocks(language):
    text = DOCUMENT.read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    """A reader's folder with the module of the recipe, from which it can be imported."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "my_method.py").write_text(blocks("python")[0])
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    sys.modules.pop("my_method", None)


@pytest.fixture(scope="module")
def run(module):
    """The recipe's experiment with less of everything, trained and tested."""
    content = yaml.safe_load(blocks("yaml")[0])
    videos = {"num_videos": 1, "num_frames": 8, "height": 48, "width": 64}
    driving = {"class_path": "SyntheticDriving", "init_args": videos | {"first_seed": 0}}
    content["data"] |= {"train": driving, "test": driving, "store": str(module / "store")}
    content["data"] |= {"keyframe_interval": 4, "batch_size": 2, "num_workers": 0}
    content["data"]["augment"] = {"crop_size": [32, 48], "scales": [1.0]}
    content |= {"trainer": {"max_steps": 1, "accelerator": "cpu", "logger": False, "devices": 1}}
    content |= {"run_dir": str(module / "run")}
    (module / "my_method.yaml").write_text(yaml.safe_dump(content))
    return main(["fit", "--config", str(module / "my_method.yaml")])


def test_the_recipe_has_at_most_8_steps():
    steps = re.findall(r"^\*\*(\d)\. ", DOCUMENT.read_text(), re.MULTILINE)
    assert steps == [str(n) for n in range(1, len(steps) + 1)]
    assert len(steps) <= 8


def test_the_method_does_what_its_comments_say(module):
    code = blocks("python")[1]
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(compile(code, DOCUMENT.name, "exec"), {})
    shape, costs = shown.getvalue().splitlines()
    assert f"# {shape}\n" in code
    assert "'first'" in costs
    assert "'next'" in costs


def test_it_trains_and_is_compared_with_its_baseline(module, run):
    assert type(run.model.method).__name__ == "RunningFeature"
    result = json.loads((module / "run" / "result.json").read_text())
    assert [(m["name"], m["kind"]) for m in result["methods"]] == [
        ("1x", "baseline"),
        ("RunningFeature", "own"),
    ]
    own = result["methods"][-1]
    assert set(own["roles"]) == {"first", "next"}
    assert (own["roles"]["first"]["frames"], own["roles"]["next"]["frames"]) == (1, 7)
    assert own["reasons"] == {"start": 1}


def test_it_segments_a_video_by_the_steps_that_were_trained(module, run):
    video = write_video(module / "clip.mp4", 6)
    main(["predict", str(module / "run"), "--video", str(video), "--output", str(module / "out")])
    record = json.loads((module / "out" / "predict.json").read_text())
    assert record["frames"] == 6
    assert set(record["latency_ms"]) >= {"first", "next"}


def test_it_is_counted_and_timed(module, run, capsys):
    main(["cost", "--config", str(module / "my_method.yaml")])
    counted = capsys.readouterr().out
    assert "first" in counted
    assert "next" in counted
    words = ["bench", f"{module / 'run'}@48x64", "--repeats", "1", "--threads", "1"]
    main([*words, "--out", str(module / "bench.json")])
    assert "RunningFeature" in (module / "bench.json").read_text()


@pytest.mark.slow
def test_it_exports_and_runs_without_pytorch(module, run):
    video = write_video(module / "other.mp4", 5, size=(48, 64))
    exported = str(module / "exported")
    main(["export", str(module / "run"), "--output", exported, "--size", "48x64"])
    contract = json.loads((module / "exported" / "contract.json").read_text())
    assert set(contract["graphs"]) == {"first", "next"}
    main(["predict", exported, "--video", str(video), "--output", str(module / "out_onnx")])
    assert json.loads((module / "out_onnx" / "predict.json").read_text())["frames"] == 5


class TestLaws(ExportedLikeAnother, MethodLaws):
    @pytest.fixture(autouse=True)
    def _reader(self, module):
        """The laws import the reader's module."""

    def method(self):
        from my_method import RunningFeature

        return RunningFeature(11, TinyNet)


@torch.no_grad()
def test_the_past_matters(module):
    from my_method import RunningFeature

    method = RunningFeature(3, TinyNet).eval()
    frame = FrameInput(torch.randn(1, 3, 24, 32), torch.zeros(1, 2, 24, 32))
    _, state = method.step("first", FrameInput(torch.randn(1, 3, 24, 32)), {})
    after, _ = method.step("next", frame, state)
    alone, _ = method.step("first", frame, {})
    assert not after.scores.allclose(alone.scores)
