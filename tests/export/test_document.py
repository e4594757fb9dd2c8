"""The programs and tables of docs/export.md."""

import contextlib
import io
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import onnxruntime
import pytest

from arseg_lightning.export import read_contract
from arseg_lightning.streaming import load_run
from tests.export.made import SETTINGS, SIZE
from tests.video.small_videos import write_video

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "export.md"
TEXT = DOCUMENT.read_text()
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(exported, tmp_path, monkeypatch):
    """Where the document's programs are run: with an export and a video."""
    shutil.copytree(exported, tmp_path / "exported")
    write_video(tmp_path / "drive.mp4", 10, SIZE, keyframe_interval=None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_program_gives_the_labels_that_predict_gives(folder):
    program = PROGRAMS[0] + "    import sys; assert 'torch' not in sys.modules\n"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    names = read_contract(folder / "exported").class_names
    assert done.stdout.splitlines() == [
        f"{n} {(1, *SIZE)} {names[result.labels[-1, 0]]}"
        for n, result in enumerate(load_run("exported").stream("drive.mp4"))
    ]


def test_the_python_interface_is_as_shown(folder):
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(compile(PROGRAMS[1], DOCUMENT.name, "exec"), {})
    roles = ["keyframe", *["nonkeyframe"] * 9]
    assert shown.getvalue().splitlines() == [f"{n} {role} {SIZE}" for n, role in enumerate(roles)]


def test_the_program_runs_methods_of_several_steps_a_frame(folder, recurrent):
    shutil.copytree(recurrent[1], folder / "exported", dirs_exist_ok=True)
    # The program composes motion from the keyframe, here the start.
    replace(read_contract(folder / "exported"), motion="keyframe").write(folder / "exported")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAMS[0]], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    names = SETTINGS.classes.names
    assert done.stdout.splitlines() == [
        f"{n} {(1, *SIZE)} {names[result.labels[-1, 0]]}"
        for n, result in enumerate(load_run("exported").stream("drive.mp4"))
    ]


def test_the_table_names_every_tensor(exported):
    row = re.compile(r"^\| (in|out): `(\w+)` \| (?:(\w+) \((.*?)\)|as in the graph) \|", re.M)
    stated = {
        (way, name): (dtype, shape.count(",")) for way, name, dtype, shape in row.findall(TEXT)
    }
    for graph in read_contract(exported).graphs.values():
        session = onnxruntime.InferenceSession(exported / graph.file)
        for way, tensors in (("in", session.get_inputs()), ("out", session.get_outputs())):
            for tensor in tensors:
                name = tensor.name.replace("feature", "NAME")
                dtype = {"tensor(float)": "float32"}.get(tensor.type, tensor.type[7:-1])
                known = ("", 0) if "NAME" in name else (dtype, len(tensor.shape) - 1)
                assert stated.pop((way, name), known) == known
    assert set(stated) == {("in", "valid")}
