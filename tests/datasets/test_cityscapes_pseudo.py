"""Whole snippets of Cityscapes with a network's labels: complete, and named in all results."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from arseg_lightning.cli import main
from arseg_lightning.datasets import Cityscapes, CityscapesPseudo
from arseg_lightning.datasets.check import check_split
from arseg_lightning.report import RunResult
from arseg_lightning.tasks.experiment import Experiment
from tests.datasets.trees import (
    SIZE,
    cityscapes_image,
    cityscapes_snippet,
    pseudo_labels,
)
from tests.tiny import TinyNet

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"
REAL = Path(__file__).resolve().parents[3] / "shared" / "cityscapes"
NAMES = ("aachen_000000_000019", "bochum_000000_000313")
PROTOCOL = "cityscapes19, pseudo-labels of pseudo"


@pytest.fixture
def root(tmp_path):
    for name in NAMES:
        cityscapes_snippet(tmp_path, name)
        pseudo_labels(tmp_path, name)
    return tmp_path


def test_all_frames_of_a_snippet_have_a_networks_label(root):
    layout = CityscapesPseudo(root, "train")
    videos = layout.videos()
    assert [(each.name, each.length, each.labelled) for each in videos] == [
        (name, 30, tuple(range(30))) for name in NAMES
    ]
    car = layout.classes.names.index("car")
    assert (videos[0].label(19, SIZE) == car).all()  # where gtFine says road, too


def test_the_labels_are_named_wherever_they_count(root):
    assert Cityscapes(root, "train").protocol == "cityscapes19"
    assert CityscapesPseudo(root, "train").protocol == PROTOCOL
    other = Cityscapes(root, "train", labels=Path("pseudo"))
    assert other.protocol == "cityscapes19, labels of pseudo"
    elsewhere = CityscapesPseudo(root, "train", labels=root / "pseudo")
    assert elsewhere.protocol == PROTOCOL
    first, _, windows, _ = check_split(CityscapesPseudo(root, "train"))
    assert first == f"CityscapesPseudo ({PROTOCOL}), labelled frames: 60 of 48x96 at 17 fps"
    assert windows.endswith("46 of 8 and 30 of 16 frames; at most 30 in a row")


def test_missing_labels_are_named_with_the_remedy(root):
    for number in (3, 29):
        cityscapes_image(root, f"aachen_000000_{number:06d}", "pseudo").unlink()
    message = (
        r"^missing in .*pseudo/train/aachen: 2 of the 30 labels of a snippet, the first "
        r"aachen_000000_000003_leftImg8bit\.png; .* or use the layout Cityscapes"
    )
    with pytest.raises(FileNotFoundError, match=message):
        CityscapesPseudo(root, "train").videos()


def test_a_missing_folder_is_named(root):
    with pytest.raises(FileNotFoundError, match=r"missing in .*/none/train/aachen: 30 of the 30"):
        CityscapesPseudo(root, "train", labels=Path("none")).videos()


def test_a_missing_image_is_named(root):
    cityscapes_image(root, "aachen_000000_000029").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of the 30 images of aachen_000000_000019"):
        CityscapesPseudo(root, "train").videos()


def test_the_overlay_tests_on_whole_snippets(root, monkeypatch):
    monkeypatch.setenv("CITYSCAPES_ROOT", str(root))
    monkeypatch.setenv("RESNET18_INIT", "never-read")
    files = [EXPERIMENTS / "cityscapes" / f"{name}.yaml" for name in ("bise18_ar", "pseudo")]
    layout = Experiment(files).data.layouts["test"]
    assert isinstance(layout, CityscapesPseudo)
    assert (layout.root, layout.split, layout.past, layout.future) == (root, "val", 19, 10)


@pytest.fixture
def run(root, tmp_path):
    """An experiment that is trained on gtFine's labels and tested on a network's, with weights."""
    network = {"class_path": f"{TinyNet.__module__}.{TinyNet.__name__}"}
    method = {"class_path": "FeaturePropagation", "init_args": {"network": network}}
    split = {"root": str(root), "split": "train"}
    data = {
        "train": {"class_path": "Cityscapes", "init_args": split},
        "test": {"class_path": "CityscapesPseudo", "init_args": split},
    }
    data |= {"store": str(tmp_path / "store"), "num_workers": 0}
    model = {"class_path": "VideoTask", "init_args": {"method": method}}
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "fit.yaml").write_text(yaml.safe_dump({"data": data, "model": model}))
    task = Experiment([folder / "fit.yaml"], weights=True).task
    content = {"state_dict": task.state_dict(), "pytorch-lightning_version": "2.6"}
    torch.save(content, folder / "best.ckpt")
    return folder


def test_results_of_test_name_them(run, tmp_path, capsys):
    flags = ["--ckpt_path", str(run / "best.ckpt"), "--run_dir", str(tmp_path / "test")]
    main(["test", "--config", str(run / "fit.yaml"), *flags])
    result = RunResult.read(tmp_path / "test" / "result.json")
    assert (result.data, result.num_samples) == (PROTOCOL, 60)
    assert f"\ntested on {PROTOCOL} 48x96\n" in capsys.readouterr().out


def test_results_of_compare_name_them(run, tmp_path, capsys):
    out = tmp_path / "compare.json"
    main(["compare", str(run), "--limit", "9", "--out", str(out)])
    content = json.loads(out.read_text())
    assert content["data"] == PROTOCOL
    assert all(each["labels_of"] == PROTOCOL for each in content["methods"])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert " data |" in rows[0]
    assert all(f"| {PROTOCOL} |" in row for row in rows[2:])


def test_real_labels_need_no_column(run, capsys):
    main(["compare", str(run), "--limit", "2", "--data.test", "Cityscapes"])
    assert PROTOCOL not in (text := capsys.readouterr().out)
    assert " data |" not in text


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real snippets in {REAL}")
def test_real_snippets_are_whole_and_their_labels_near_gtfine():
    whole, fine = (kind(REAL, "train").videos() for kind in (CityscapesPseudo, Cityscapes))
    assert [len(each.labelled) for each in whole] == [30, 30]
    for pseudo, true in zip(whole, fine, strict=True):
        labels = [each.label(19, (1024, 2048)) for each in (pseudo, true)]
        counts = (labels[0] != 255) & (labels[1] != 255)
        assert (labels[0] == labels[1])[counts].mean() > 0.95
        assert not np.array_equal(*labels)
