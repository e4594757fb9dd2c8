"""The recipe for one's own network works as it is written."""

import contextlib
import io
import re
import sys
from pathlib import Path

import pytest
import torch
import yaml

from arseg_lightning.cli import main
from tests.models.laws import SegmentorLaws

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "own_network.md"


def blocks(language):
    return re.findall(
        rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A reader's folder: the module and the overlay of the recipe."""
    (tmp_path / "my_network.py").write_text(blocks("python")[0])
    (tmp_path / "my_network.yaml").write_text(blocks("yaml")[0])
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_network", raising=False)
    yield tmp_path
    sys.modules.pop("my_network", None)


def test_the_recipe_has_at_most_8_steps():
    steps = re.findall(r"^\*\*(\d)\. ", DOCUMENT.read_text(), re.MULTILINE)
    assert steps == [str(n) for n in range(1, len(steps) + 1)]
    assert len(steps) <= 8


def test_the_network_does_what_its_comments_say(folder):
    code = blocks("python")[1]
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(compile(code, DOCUMENT.name, "exec"), {})
    shape, gmacs = shown.getvalue().splitlines()
    assert f"# {shape}\n" in code
    assert f"# {float(gmacs):.2f} GMACs" in code


def test_the_network_trains_and_is_compared(folder):
    experiment = folder / "tiny.yaml"
    experiment.write_text(yaml.safe_dump(tiny_experiment(folder)))
    overlay = str(folder / "my_network.yaml")
    flags = ["--run_dir", str(folder / "run")]
    cli = main(["fit", "--config", str(experiment), "--config", overlay, *flags])
    assert type(cli.model.method.low_res).__name__ == "SmallNet"
    assert cli.model.method.low_res.feature_channels == 48
    assert cli.datamodule.normalise.mean == (0.5, 0.5, 0.5)
    assert cli.trainer.global_step > 0


def test_the_network_keeps_the_laws(folder, tmp_path):
    from my_network import SmallNet

    class Laws(SegmentorLaws):
        network = SmallNet

        def small(self):
            return SmallNet(5, channels=8)

    laws = Laws()
    for size in ((32, 32), (37, 51)):
        laws.test_any_size_gives_scores_of_that_size(size)
    laws.test_feature_has_the_declared_channels_and_stride()
    laws.test_every_parameter_learns()
    laws.test_side_heads_run_in_training_only()
    laws.test_images_of_a_batch_do_not_mix()
    laws.test_weights_survive_a_file(tmp_path)


def test_the_network_starts_from_a_file(folder):
    from my_network import SmallNet

    saved = SmallNet(3)
    torch.save(saved.state_dict(), folder / "weights.pth")
    loaded = SmallNet(3, pretrained=str(folder / "weights.pth"))
    assert loaded.classifier.weight.equal(saved.classifier.weight)


def tiny_experiment(folder):
    """The quickstart with less of everything, and its own network."""
    content = yaml.safe_load((DOCUMENT.parents[1] / "experiments" / "quickstart.yaml").read_text())
    content |= {"after_fit": "nothing", "trainer": {"max_steps": 1, "accelerator": "cpu"}}
    content["trainer"] |= {"logger": False, "devices": 1}
    videos = {"num_videos": 1, "num_frames": 8, "height": 48, "width": 64, "first_seed": 0}
    driving = {"class_path": "SyntheticDriving", "init_args": videos}
    content["data"] |= {"train": driving, "test": driving, "store": str(folder / "store")}
    content["data"] |= {"keyframe_interval": 4, "batch_size": 2, "num_workers": 0}
    content["data"]["augment"] = {"crop_size": [32, 48], "scales": [1.0]}
    return content
