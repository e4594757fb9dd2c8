"""Runs go to the hub and come back from it; whatever is in the way is said in one line."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from arseg_lightning.bench import BenchCase, BenchSettings
from arseg_lightning.commands.push import push
from arseg_lightning.hub import Repository, download
from arseg_lightning.hub.layout import FILES, OPTIONAL
from arseg_lightning.streaming import load_run
from tests.hub.fake_hub import Repo
from tests.video.small_videos import write_video

ROOT = Path(__file__).resolve().parents[2]
STREET = Repository.parse("hf:me/street")
ALONE = """
import sys
import numpy as np
import torch
from arseg_lightning.streaming import load_run

video, output, *runs = sys.argv[1:]
torch.load = None  # nothing may be unpickled
found = [[r.labels for r in load_run(run, device="cpu").stream(video)] for run in runs]
np.save(output, np.array(found))
"""


@pytest.fixture
def street(hub, shared):
    """A repository with the run."""
    repo = hub.repos["me/street"]
    repo.push({path.name: path.read_bytes() for path in shared.iterdir()})
    return repo


def test_another_process_gets_the_same_labels_of_hub_and_folder(run, shared, street, hub, tmp_path):
    video, found = write_video(tmp_path / "clip.mp4", 6), tmp_path / "labels.npy"
    environment = os.environ | {
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "ARSEG_LIGHTNING_TRUST": "tests",
        "PYTHONPATH": str(ROOT),
    }
    words = [sys.executable, "-c", ALONE, video, found, "hf:me/street", shared]
    done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    own = [result.labels for result in load_run(run, device="cpu").stream(video)]
    assert np.array_equal(np.load(found), [own, own])
    assert len(np.unique(own)) > 1


def test_a_push_is_one_commit_and_leaves_nothing_of_an_earlier_one(tested, street):
    street.push({"classes.yaml": b"names: [a]"})
    push(tested, "hf:me/street", message="with the result", licence="mit")
    assert {*street.files()} == {*FILES} - {"classes.yaml"}
    assert street.messages[-1] == "with the result"
    assert len(street.messages) == 4
    assert b"license: mit" in street.files()["README.md"]
    assert b"predict hf:me/street --video" in street.files()["README.md"]


def test_what_is_private_stays_private(run, hub, monkeypatch):
    push(run, "hf:me/secret", private=True)
    assert hub.repos["me/secret"].private
    monkeypatch.delenv("HF_TOKEN")
    message = "no repository me/secret at http.*or it is private: check the name; if it is private,"
    with pytest.raises(FileNotFoundError, match=message):
        load_run("hf:me/secret")


def test_a_public_repository_is_not_taken_for_a_private_one(run, street):
    with pytest.raises(ValueError, match="hf:me/street is public, so that the run would be, in sp"):
        push(run, "hf:me/street", private=True)
    assert len(street.messages) == 2


def test_nobody_writes_without_a_token(run, hub, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    for name in ("street", "new"):
        with pytest.raises(PermissionError, match=rf"no right to write to hf:me/{name}: log in \("):
            push(run, f"hf:me/{name}")
    assert [len(repo.messages) for repo in hub.repos.values()] == [1]


def test_a_repository_with_something_else_is_not_written_to(run, street):
    street.push({"pytorch_model.bin": b""})
    with pytest.raises(FileExistsError, match=r"hf:me/street has something else .*pytorch_model\."):
        push(run, "hf:me/street")
    assert len(street.messages) == 3


def test_a_revision_is_what_was_there_then(street):
    street.refs["v1"] = street.sha()
    street.push({"result.json": b"{}"})
    assert not (download(Repository.parse("hf:me/street@v1")) / "result.json").exists()
    assert (download(STREET) / "result.json").is_file()


def test_bench_takes_it_in_a_runs_place(street):
    case = BenchCase.parse("hf:me/street@48x64")
    assert case.build(BenchSettings()).keyframe_interval == 4


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"config.json": b"{}", "model.safetensors": b"x"}, "no run that `push` wrote: it has no"),
        ({"config.yaml": b"lr: 1", "model.safetensors": b"x"}, "is not the configuration of a run"),
        ({"config.yaml": b"\xff", "model.safetensors": b"x"}, "is not the configuration of a run"),
        ({"config.yaml": b"model: {class_path: a}\ndata: {}"}, "no run that `push` wrote: it has"),
    ],
)
def test_a_repository_that_is_not_ours_is_named(files, message, hub):
    hub.repos["they/other"] = Repo()
    hub.repos["they/other"].push({"README.md": b""} | files)
    with pytest.raises(ValueError, match=message):
        load_run("hf:they/other")
    assert not any("resolve" in each and "safetensors" in each for each in hub.requests)


def test_nothing_but_the_files_of_a_run_is_fetched(street, hub):
    street.push({"best.ckpt": b"a pickle"})
    assert {path.name for path in download(STREET).iterdir()} == {*FILES} - {*OPTIONAL}
    assert not any("ckpt" in each for each in hub.requests)


def test_what_is_missing_is_named(street):
    with pytest.raises(FileNotFoundError, match="no repository me/gone at http"):
        load_run("hf:me/gone")
    with pytest.raises(FileNotFoundError, match=r"hf:me/street@v9 has no revision v9; give a bran"):
        load_run("hf:me/street@v9")


def test_offline_the_cache_counts(street, monkeypatch):
    known = download(STREET)
    monkeypatch.setattr(sys.modules["huggingface_hub.constants"], "HF_HUB_OFFLINE", True)
    assert download(STREET) == known
    message = "hf:me/other cannot be reached and is not in the cache: HF_HUB_OFFLINE is set; unset"
    with pytest.raises(ConnectionError, match=message):
        load_run("hf:me/other")


def test_a_hub_that_does_not_answer_is_named(hub, monkeypatch):
    monkeypatch.setattr(sys.modules["huggingface_hub.constants"], "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ConnectionError) as stop:
        load_run("hf:me/street")
    assert re.match(r"hf:me/street cannot be read \(.*\); check the connection to", str(stop.value))
    assert "\n" not in str(stop.value)


@pytest.mark.parametrize("name", ["hf:", "hf:street", "hf:me/street@", "hf:../street", "hf:a/b/c"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ValueError, match="a run on the hub is hf:USER/REPO, or hf:USER/REPO@REV"):
        load_run(name)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.delitem(sys.modules, "huggingface_hub.constants", raising=False)
    with pytest.raises(
        ValueError, match=r"package huggingface_hub: pip install 'arseg_lightning\["
    ):
        load_run("hf:me/street")
