"""A run that can be shared, and a hub to share it on."""

import json

import pytest

from arseg_lightning.commands.push import push
from tests.hub.fake_hub import TOKEN, Repo, fake_hub
from tests.streaming.made import write_run


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """The folder of a run without a result."""
    return write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def shared(run, tmp_path_factory):
    """The folder that a push of it writes."""
    folder = tmp_path_factory.mktemp("pushed") / "street"
    push(run, str(folder))
    return folder


@pytest.fixture
def tested(run, tmp_path):
    """The same, tested: the figures are made up, and the configuration has paths."""
    folder = tmp_path / "tested"
    folder.mkdir()
    for name in ("fit.yaml", "best.ckpt", "last.ckpt"):
        (folder / name).hardlink_to(run / name)
    (folder / "result.json").write_text(json.dumps(result(str(folder))))
    return folder


def result(folder):
    """What a test of the run would write."""
    names = ["sky", "building", "road", "pavement", "tree", "pole", "sign", "car", "pedestrian"]

    def method(name, kind, values, gmacs):
        accuracy = {"miou_at_distance": values, "miou_pooled": values[0]}
        accuracy |= {"iou_per_class": [0.5] * 9, "frames_at_distance": [2] * 4}
        known = {"name": name, "method": "PerFrame", "kind": kind, "accuracy": accuracy}
        return known | {"roles": {}, "mean_gmacs": gmacs}

    config = {
        "run_dir": folder,
        "trainer": {"max_epochs": 1, "default_root_dir": folder, "logger": {"save_dir": folder}},
        "model": {"init_args": {"weights": {"high_res": f"{folder}/high.ckpt"}}},
        "data": {
            "store": f"{folder}/store",
            "test": {"init_args": {"root": f"{folder}/my_videos"}},
        },
    }
    provenance = {"commit": None, "seed": 0, "versions": {}, "device": "CPU", "config": config}
    return {
        "data": "driving9",
        "class_names": names,
        "keyframe_interval": 4,
        "size": [48, 64],
        "num_samples": 8,
        "provenance": provenance,
        "methods": [
            method("1x", "baseline", [0.5] * 4, 0.2),
            method("AR 0.5x", "own", [0.5, 0.4, 0.4, 0.3], 0.05),
        ],
    }


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub of its own for this process, with an empty cache, and a user who is logged in."""
    constants = pytest.importorskip("huggingface_hub.constants")
    with fake_hub() as server:
        template = server.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        server.repos["me/street"] = Repo()
        yield server
