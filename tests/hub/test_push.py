"""What a push writes: weights, configuration and card, and nothing of the machine or half of it."""

import json
import re

import pytest
import torch
import yaml

from arseg_lightning.commands.push import push
from arseg_lightning.hub.configuration import SharedConfiguration
from arseg_lightning.models import read_checkpoint
from arseg_lightning.models.safetensors_file import read_safetensors, write_safetensors
from arseg_lightning.report.result import RunResult
from arseg_lightning.streaming import load_run


def test_the_weights_are_the_best_ones_bit_for_bit(run, shared):
    best = torch.load(run / "best.ckpt")["state_dict"]
    found = read_checkpoint(shared / "model.safetensors")
    assert found.keys() == best.keys()
    assert all(torch.equal(found[name], value) for name, value in best.items())


def test_everybody_may_read_what_everybody_may_read(shared):
    modes = {path.stat().st_mode for path in shared.iterdir()}
    assert len(modes) == 1


def test_a_tensor_of_two_names_is_written_once(tmp_path):
    tied = torch.nn.Module()
    tied.one = torch.nn.Linear(50, 50)
    tied.other = tied.one
    write_safetensors(tied, tmp_path / "tied.safetensors")
    assert (tmp_path / "tied.safetensors").stat().st_size < 1.5 * 4 * 50 * 50
    found = read_safetensors(tmp_path / "tied.safetensors")
    assert found.keys() == tied.state_dict().keys()
    assert found["other.weight"] is found["one.weight"]


@pytest.mark.parametrize("content", [b"", b"hello world", b"\xff" * 20])
def test_damaged_weights_are_named(content, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged or no safetensors file"):
        read_checkpoint(path)


def test_nothing_names_the_machine(tested, tmp_path):
    push(tested, str(tmp_path / "out" / "street"))
    texts = [path.read_text() for path in (tmp_path / "out" / "street").glob("*.*[nld]")]
    assert len(texts) == 3
    assert not [text for text in texts if str(tmp_path) in text or "/tmp" in text]


def test_folders_of_data_keep_their_last_name(tmp_path):
    layout = {"class_path": "VideoFolder", "init_args": {"root": "/home/me/street"}}
    relative = {"class_path": "VideoFolder", "init_args": {"root": "data/street"}}
    content = {
        "run_dir": "runs/x",
        "trainer": {"max_epochs": 3, "logger": {"save_dir": "/home/me"}, "devices": 2},
        "model": {"class_path": "VideoTask", "init_args": {"weights": {"all": "/home/me/a.ckpt"}}},
        "data": {"train": layout, "test": relative, "store": "/fast/store"},
    }
    (tmp_path / "fit.yaml").write_text(yaml.safe_dump(content))
    found = SharedConfiguration.read(tmp_path / "fit.yaml").content
    layout["init_args"]["root"] = "street"
    assert found == {
        "trainer": {"max_epochs": 3},
        "model": {"class_path": "VideoTask", "init_args": {"weights": None}},
        "data": {"train": layout, "test": relative},
    }


def test_a_network_in_a_folder_of_ones_own_cannot_be_shared(tmp_path):
    model = {"class_path": "VideoTask", "init_args": {"method": {"name": "/home/me/segformer"}}}
    (tmp_path / "fit.yaml").write_text(yaml.safe_dump({"model": model}))
    message = r"model\.init_args\.method\.name is /home/me/segformer, which others do not have"
    with pytest.raises(ValueError, match=message):
        SharedConfiguration.read(tmp_path / "fit.yaml")


def test_a_class_set_of_ones_own_goes_along(run, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "best.ckpt").hardlink_to(run / "best.ckpt")
    names = [f"kind {index}" for index in range(9)]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"names": names}))
    content = yaml.safe_load((run / "fit.yaml").read_text())
    arguments = {"root": str(tmp_path / "videos"), "classes": str(tmp_path / "mine.yaml")}
    content["data"]["train"] = {"class_path": "VideoFolder", "init_args": arguments}
    (folder / "fit.yaml").write_text(yaml.safe_dump(content))
    push(folder, str(tmp_path / "first"))
    push(tmp_path / "first", str(tmp_path / "second"))
    (tmp_path / "mine.yaml").unlink()
    segmenter = load_run(tmp_path / "second", device="cpu")
    assert (segmenter.classes.name, segmenter.classes.names) == ("classes", (*names,))


def test_the_card_has_the_results_figures(tested, tmp_path):
    push(tested, str(tmp_path / "street"), licence="cc-by-4.0")
    _, metadata, text = (tmp_path / "street" / "README.md").read_text().split("---\n", 2)
    facts = yaml.safe_load(metadata)
    (found,) = facts["model-index"][0]["results"]
    assert {each["name"]: each["value"] for each in found["metrics"]} == {
        "mIoU %, mean over the distances": 40.0,
        "mIoU %, worst distance": 30.0,
        "mIoU %, pooled": 50.0,
        "GMACs a frame": 0.05,
    }
    assert (facts["pipeline_tag"], facts["license"]) == ("image-segmentation", "cc-by-4.0")
    assert "**40.0 % mIoU**, mean over the distances" in text
    assert "**0.050 GMACs** a frame (25% of every frame at 1x)" in text
    assert re.search(r"\| AR 0\.5x +\| +50\.0 \| +40\.0 \| +40\.0 \| +30\.0 \|", text)
    assert re.search(r"\| 1x  ", text)
    assert 'load_run("street")' in text
    assert "predict street --video" in text
    assert "| **keyframe interval** | 4 frames (L) |" in text
    assert "`ARSEG_LIGHTNING_TRUST=tests`" in text
    assert RunResult.read(tmp_path / "street" / "result.json").methods[-1].name == "AR 0.5x"


def test_without_a_result_the_card_says_so(shared):
    text = (shared / "README.md").read_text()
    assert "Not known: these weights came without the result of a test." in text
    assert "model-index" not in text
    assert "None was stated: ask whoever shared it" in text
    assert "$" not in text


def test_the_result_of_other_weights_is_left_out(tested, tmp_path, capsys):
    push(tested, str(tmp_path / "street"), checkpoint="last")
    assert not (tmp_path / "street" / "result.json").exists()
    assert "result.json is not of these weights and this configuration" in capsys.readouterr().out
    content = json.loads((tested / "result.json").read_text())
    content["provenance"]["config"]["ckpt_path"] = f"{tested}/last.ckpt"
    (tested / "result.json").write_text(json.dumps(content))
    push(tested, str(tmp_path / "street"), checkpoint="last")
    assert (tmp_path / "street" / "result.json").exists()


def test_an_earlier_push_is_replaced_and_anything_else_is_not(run, tested, tmp_path):
    folder = tmp_path / "street"
    push(tested, str(folder))
    push(run, str(folder))
    assert not (folder / "result.json").exists()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"street has something else in it \(notes\.txt\)"):
        push(run, str(folder))
    with pytest.raises(FileExistsError, match="has something else in it"):
        push(run, str(run))


def test_a_push_that_fails_leaves_nothing(run, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("arseg_lightning.hub.bundle.write_safetensors", full)
    with pytest.raises(OSError, match="No space left"):
        push(run, str(tmp_path / "street"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"to": "hf:me/street@v1"}, "a push goes to the main branch; leave out what follows @"),
        ({"to": "hf:street"}, "a run on the hub is hf:USER/REPO"),
        ({"to": "here", "private": True}, "--private and --message are for the hub, and here is a"),
        ({"to": "here", "message": "x"}, "--private and --message are for the hub"),
        ({"to": "here", "licence": "Apache 2"}, "licence is one of the hub's short names, such as"),
    ],
)
def test_what_cannot_be_is_refused_first(settings, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        push(tmp_path / "gone", **settings)


def test_a_checkpoint_that_is_not_shared_is_named(shared):
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at .*last\.ckpt"):
        load_run(shared, "last", device="cpu")
    load_run(shared, "best", device="cpu")
