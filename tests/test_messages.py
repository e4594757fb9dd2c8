"""The messages of wrong commands: the golden file tests/golden/messages.md.

ARSEG_LIGHTNING_REWRITE_GOLDEN=1 rewrites it; read what changed as one who made the mistake.
"""

import os
import shlex
from pathlib import Path

import pytest
import yaml

from arseg_lightning.cli import main
from arseg_lightning.messages import CommandError, plain_message
from tests.test_cli import configuration, driving

GOLDEN = Path(__file__).with_name("golden") / "messages.md"
TASK = {
    "class_path": "PerFrameTask",
    "init_args": {"network": "tests.tiny.TinyNet", "loss": "CrossEntropy"},
}
RUN = "--config good.yaml --overwrite true"

FILES = {
    "unknown_key.yaml": "data:\n  keyframe_intervall: 4\n",
    "unknown_section.yaml": "trainr:\n  max_epochs: 3\n",
    "unknown_network.yaml": "model:\n  class_path: PerFrameTask\n  init_args:\n"
    "    network: BiseNet18\n    loss: CrossEntropy\n",
    "unknown_network_key.yaml": "model:\n  class_path: PerFrameTask\n  init_args:\n    network:\n"
    "      class_path: BiSeNet18\n      init_args:\n        pretraind: true\n",
    "wrong_item.yaml": "data:\n  augment:\n    scales: [1.0, big]\n",
    "no_yaml.yaml": "model: [1, 2\ndata: {batch_size: 2}\n",
    "a_list.yaml": "- batch_size\n- num_workers\n",
    "twice.yaml": "data:\n  batch_size: 2\n  num_workers: 0\n  batch_size: 4\n",
    "variable.yaml": "data:\n  store: ${oc.env:DATA_STORE}/videos\n",
    "interpolation.yaml": "data:\n  store: ${data.stor}/videos\n",
    "own_network.py": "import missing_package\n",
    "nothing_in_it.yaml": "# later\n",
    "data.yaml": "train: SyntheticDriving\nbatch_siz: 3\n",
    "sweep.yaml": "program: fit\nparametrs: {}\n",
}
"""Beside good.yaml."""

WRONG = {
    "Commands": [
        "",
        "fitt --config good.yaml",
        "fit",
        "predict run",
        "predict run --vdeo a.mp4 --output out",
        "bench --precision float33",
        "bench --case PSPNet81@360x480",
        "cost nothing.yaml",
        "check-data unknown_key.yaml",
        "sweep sweep.yaml",
        "predict empty --video a.mp4 --output out",
        "predict hf:street --video a.mp4 --output out",
        "demo empty",
        "demo --network runs/quickstart",
        "push run",
        "push empty --to out",
        "push run --to hf:me/street@v2",
        "report empty",
    ],
    "Configuration files": [
        "fit --config god.yaml",
        "fit --config no_yaml.yaml",
        "fit --config a_list.yaml",
        "fit --config nothing_in_it.yaml",
        "fit --config good.yaml --data data.yaml",
        "fit --config good.yaml --config twice.yaml",
        "fit --config good.yaml --config unknown_key.yaml",
        "fit --config good.yaml --config unknown_section.yaml",
        "fit --config unknown_network.yaml",
        "fit --config good.yaml --config unknown_network_key.yaml",
        "fit --config good.yaml --config wrong_item.yaml",
        "fit --config good.yaml --config variable.yaml",
        "fit --config good.yaml --config interpolation.yaml",
    ],
    "Flags": [
        f"fit {RUN} --max_epochs 3",
        f"fit {RUN} --model.batch_size 3",
        f"fit {RUN} --data.batch_size",
        f"fit {RUN} surplus",
    ],
    "Names of classes": [
        f"fit {RUN} --model PerFrameTsk",
        f"fit {RUN} --model.network own_network.Net",
        f"fit {RUN} --model.network torch.nn.Linear",
        f"fit {RUN} --model.network no_such_module.Net",
        f"fit {RUN} --model.optimizer AdamX",
        f"fit {RUN} --trainer.callbacks+=EarlyStoping",
    ],
    "Values": [
        f"fit {RUN} --data.augment.crop_size 64",
        f"fit {RUN} --data.batch_size two",
        f"fit {RUN} --data.batch_size 0",
        f"fit {RUN} --trainer.precision 17",
        f"fit {RUN} --trainer.devices two",
        f"fit {RUN} --model.resolution_ratio 1.5",
        f"fit {RUN} --model.weights.network nothing.ckpt",
        f"fit {RUN} --trainer.callbacks+=EarlyStopping",
    ],
    "While it runs": [
        f"fit {RUN} --trainer.callbacks+=EarlyStopping --trainer.callbacks.monitor=val/mIoU",
        "fit --config good.yaml",
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small experiment, and files with one mistake each."""
    folder = tmp_path_factory.mktemp("messages")
    good = Path(configuration(folder, TASK, val=driving(50)))
    content = yaml.safe_load(good.read_text()) | {"run_dir": "run"}
    content["data"]["store"] = "store"
    (folder / "good.yaml").write_text(yaml.safe_dump(content))
    good.unlink()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    (folder / "empty").mkdir()
    return folder


@pytest.fixture(scope="module")
def said(folder):
    """The message of every wrong command, with its exit status, by command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        patch.delenv("DATA_STORE", raising=False)
        return {words: message(words, folder) for group in WRONG.values() for words in group}


def message(words, folder):
    with pytest.raises(Exception) as stop:  # noqa: PT011
        main(shlex.split(words))
    status = 2 if isinstance(stop.value, CommandError) else 1
    return plain_message(stop.value).replace(f"{folder}/", ""), status


def document(said):
    """All commands with what they say, for a reader."""
    parts = ["# What wrong commands say", "Written by tests/test_messages.py.", "## Files"]
    parts += [f"{name}:\n\n```\n{text}```" for name, text in FILES.items()]
    for title, group in WRONG.items():
        parts.append(f"## {title}")
        for words in group:
            text, status = said[words]
            parts.append(
                f"```\n$ python -m arseg_lightning {words}\nerror: {text}\n[{status}]\n```"
            )
    return "\n\n".join(parts) + "\n"


def test_wrong_commands_say_what_the_golden_file_says(said):
    written = document(said)
    if os.environ.get("ARSEG_LIGHTNING_REWRITE_GOLDEN"):
        GOLDEN.write_text(written, encoding="utf-8")
    assert written == GOLDEN.read_text(encoding="utf-8")


def test_a_message_has_at_most_five_lines_of_this_world(said):
    long = {words: text for words, (text, _) in said.items() if len(text.splitlines()) > 5}
    foreign = ("NestedArg", "Union", "<class", "typing.", "Namespace(", "Traceback", "/tmp")
    dumped = {words: text for words, (text, _) in said.items() if any(f in text for f in foreign)}
    assert (long, dumped) == ({}, {})
