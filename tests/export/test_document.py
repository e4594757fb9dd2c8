"""docs/export.md does what it says."""

import contextlib
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from arseg_lightning.export import read_contract
from arseg_lightning.streaming import load_run
from tests.export.made import SIZE
from tests.video.small_videos import write_video

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "export.md"
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)


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
    assert shown.getvalue().splitlines() == [f"{n} {SIZE}" for n in range(10)]


def test_the_table_of_the_contract_names_every_tensor(exported):
    row = re.compile(r"^\| ([^|]*), (in|out) \| `(\w+)` \| (\w+) \((.*?)\)", re.MULTILINE)
    rows = row.findall(DOCUMENT.read_text())
    stated = set()
    for graphs, way, name, dtype, shape in rows:
        for graph in ("keyframe", "nonkeyframe") if graphs == "both" else (graphs.strip("`"),):
            stated.add((graph, way, name, dtype, shape.count(",")))
    assert stated == {
        (role, way, tensor.name, tensor.dtype, len(tensor.shape) - 1)
        for role, graph in read_contract(exported).graphs.items()
        for way, tensors in (("in", graph.inputs), ("out", graph.outputs))
        for tensor in tensors
    }
