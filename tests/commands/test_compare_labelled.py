"""The command ``compare`` on the test data of an experiment."""

from __future__ import annotations

import json

import pytest
import torch
import yaml

from arseg_lightning.cli import main
from arseg_lightning.report import RunResult
from arseg_lightning.tasks.experiment import Experiment
from tests.streaming.made import VIDEOS

NETWORK = {"class_path": "tests.tiny.TinyNet"}


def method(name, **options):
    return {"class_path": name, "init_args": {"network": NETWORK, **options}}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """An experiment, its checkpoint, and another network in a file of its own."""
    folder = tmp_path_factory.mktemp("run")
    data = {"test": VIDEOS, "store": str(folder / "store"), "keyframe_interval": 3}
    own = {"class_path": "VideoTask", "init_args": {"method": method("FeaturePropagation")}}
    (folder / "other.yaml").write_text(yaml.safe_dump({"data": data, "model": own}))
    compared = {"other": method("PerFrame"), "TapLab": method("TapLab", correction="window")}
    own["init_args"] |= {"compare": compared, "compare_weights": {"other": f"{folder}/other.ckpt"}}
    (folder / "fit.yaml").write_text(yaml.safe_dump({"data": data, "model": own}))
    for seed, name in enumerate(("other", "fit")):
        torch.manual_seed(seed)
        task = Experiment([folder / "other.yaml"], weights=True).task
        torch.nn.init.normal_(task.method.network.classifier.weight)
        content = {"state_dict": task.state_dict(), "pytorch-lightning_version": "2.6"}
        torch.save(content, folder / f"{name}.ckpt")
    (folder / "fit.ckpt").rename(folder / "best.ckpt")
    return folder


@pytest.mark.parametrize("pairs", ["stream", "every_distance"])
def test_accuracies_are_those_of_test(run, pairs, tmp_path, capsys):
    out = tmp_path / "compare.json"
    flags = ["--out", str(out), "--data.test_pairs", pairs, "--error_maps", "1"]
    main(["compare", str(run), *flags])
    records = json.loads(out.read_text())["methods"]
    flags = ["--ckpt_path", str(run / "best.ckpt"), "--run_dir", str(tmp_path / "test")]
    main(["test", "--config", str(run / "fit.yaml"), *flags, "--data.test_pairs", pairs])
    tested = RunResult.read(tmp_path / "test" / "result.json").methods
    assert [each["method"] for each in records] == [each.name for each in tested]
    assert [each["method"] for each in records] == ["1x", "TapLab", "other", "motion only"]
    for record, expected in zip(records, tested, strict=True):
        assert record["miou"] == pytest.approx(expected.accuracy.miou_mean, abs=1e-6)
        assert record["labels"] == sum(expected.accuracy.frames_at_distance)
    assert records[0]["change"] == 0
    assert records[2]["agreement_pixels"] < records[1]["agreement_pixels"] < 1
    shares = [each["keyframes"] and each["keyframes"] / each["frames"] for each in records]
    share = {"stream": 3 / 8, "every_distance": 8 / 21}[pairs]
    assert shares == [None, share, None, share]
    text = capsys.readouterr().out
    assert "| mIoU %" in text
    assert " against 1x |" in text
    assert out.with_suffix(".png").stat().st_size > 1000
    for folder in ("1x", "TapLab", "other", "motion_only"):
        names = sorted(path.name for path in (tmp_path / "compare_errors" / folder).iterdir())
        assert [name[:4] for name in names] == ["001_", "cont"]


def test_few_frames_may_be_enough(run, capsys):
    records = main(["compare", str(run), "--limit", "2"])
    assert {each["frames"] for each in records} == {2}
    assert all(each["change_low"] is None for each in records)  # of one block of frames


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--method", "TapLab"], "add others as model.compare, not --method"),
        (["--error_maps", "2"], "give --out FILE.json, and no --video"),
        (["--motion", "codec"], "--motion codec is for --video; test data have --data.motion"),
        (["--network", "hf:somewhere"], "--network hf:somewhere takes a run's place"),
        (["--data.test", "null", "--data.val", json.dumps(VIDEOS)], "no test data: set data.test"),
    ],
)
def test_what_cannot_be_compared_is_named(run, flags, message):
    with pytest.raises(ValueError, match=message):
        main(["compare", str(run), *flags])


def test_a_network_alone_has_no_data():
    with pytest.raises(ValueError, match=r"takes a run's place: give --video FILE"):
        main(["compare", "--network", "hf:somewhere"])


def test_a_run_without_weights_is_named(run):
    with pytest.raises(ValueError, match=r"compare would use random weights .* give --checkpoint"):
        main(["compare", "--config", str(run / "other.yaml")])
