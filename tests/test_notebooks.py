"""The notebooks run from top to bottom, what they say is so, and they keep their outputs."""

import json
import re
import tempfile
from pathlib import Path

import pytest

from notebooks.execute import code_cells, run

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MOST_BYTES = 400_000

SMALL = {
    "motion": {},
    "own_method": {"NUM_DRIVES": 2, "EPOCHS": 1, "NUM_FRAMES": 14},
    "own_stills": {"NUM_STILLS": 10, "EPOCHS": 1, "NUM_FRAMES": 12},
    "compare": {"NUM_DRIVES": 2, "EPOCHS": 1, "NUM_FRAMES": 13, "INTERVALS": (12,)},
}
"""What the first code cell says, made smaller: the notebooks run in seconds, and learn nothing."""


def read(path):
    return json.loads(path.read_text())


def every(test):
    return pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)(test)


@pytest.fixture
def names_after(monkeypatch, tmp_path):
    """Runs a notebook, whose outputs are of the kinds that are kept: all names at its end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def names_after(path, given=None):
        ran = list(run(read(path), path.name, given))
        for cell, outputs, _ in ran:
            assert kinds(outputs) == kinds(cell["outputs"]), "".join(cell["source"])
        return ran[-1][2]

    return names_after


def kinds(outputs):
    return [(each["output_type"], *sorted(each.get("data", ()))) for each in outputs]


def check_motion(names):
    assert names["error_warped"] < 0.7 * names["error_copied"]


def check_own_method(names):
    """The stream takes the steps that were taken by hand, in every role, at a cost between."""
    assert (names["results"][11].labels == names["by_hand"]).all()
    assert {result.role for result in names["results"]} == {"keyframe", "warp", "look"}
    cost = {name: row["GMACs per frame"] for name, row in names["rows"].items()}
    assert cost["motion only"] < cost["look again"] < cost["every frame"]


def check_own_stills(names):
    """At the keyframe, AR-Seg is its high-res network; what was saved segments as what was not."""
    curves = {name: each.miou_at_distance for name, each in names["accuracies"].items()}
    assert curves["AR 0.5x"][0] == curves["1x"][0]
    assert {len(curve) for curve in curves.values()} == {12}
    task = names["segmenter_of"](names["task"], names["data"], device="cpu")
    first = next(task.stream(names["video"]))
    assert (first.labels == names["results"][0].labels).all()


def check_compare(names):
    """Within a family, longer intervals cost less; all else is compared with every frame."""
    table = names["table"]
    assert table["agrees %"].iloc[0] == 100
    for family in names["families"]:
        costs = table["cost %"][table.index.str.startswith(family)]
        assert len(costs) == len(names["INTERVALS"])
        assert (costs.diff()[1:] < 0).all()


CHECKS = {"motion": check_motion, "own_method": check_own_method}
CHECKS |= {"own_stills": check_own_stills, "compare": check_compare}


@every
def test_it_runs_and_holds_what_it_says(path, names_after):
    CHECKS[path.stem](names_after(path, SMALL[path.stem]))


@pytest.mark.slow
def test_looking_again_helps_where_motion_is_not_known(names_after):
    rows = names_after(ROOT / "notebooks" / "own_method.ipynb")["rows"]
    unknown = {name: row["agrees % (no motion)"] for name, row in rows.items()}
    assert unknown["look again"] > unknown["motion only"]


@pytest.mark.slow
def test_ar_seg_learns_from_stills_more_than_half_resolution_does(names_after):
    accuracies = names_after(ROOT / "notebooks" / "own_stills.ipynb")["accuracies"]
    assert accuracies["AR 0.5x"].miou_min > accuracies["0.5x"].miou_mean


@pytest.mark.slow
def test_warped_features_agree_more_than_half_resolution_at_less_cost(names_after):
    names = names_after(ROOT / "notebooks" / "compare.ipynb")
    check_compare(names)
    table = names["table"]
    warped, half = table.loc["motion only, L = 8"], table.loc["half resolution"]
    assert warped["agrees %"] > half["agrees %"]
    assert warped["cost %"] < half["cost %"] / 2


@every
def test_its_outputs_are_kept_and_of_no_machine(path):
    notebook = read(path)
    counts = [cell["execution_count"] for cell in code_cells(notebook)]
    assert counts == [*range(1, len(counts) + 1)]
    assert path.stat().st_size < MOST_BYTES
    outputs = [each for cell in code_cells(notebook) for each in cell["outputs"]]
    assert any("image/png" in each.get("data", ()) for each in outputs)
    assert {each.get("name", "stdout") for each in outputs} == {"stdout"}
    text = json.dumps(
        [each.get("text", each.get("data", {}).get("text/plain")) for each in outputs]
    )
    assert not re.search(r"/tmp|/home|/Users|/work|Traceback|Warning|%\||\\r", text)


@every
def test_its_links_lead_to_files(path):
    for cell in read(path)["cells"]:
        for target in re.findall(r"\]\(([^()\s#]+)", "".join(cell["source"])):
            if cell["cell_type"] == "markdown" and not target.startswith("http"):
                assert (path.parent / target).exists(), target


def test_a_parameter_that_a_notebook_does_not_have_is_refused():
    with pytest.raises(KeyError, match=r"compare\.ipynb has no parameters \['EPOCS'\]"):
        list(run(read(ROOT / "notebooks" / "compare.ipynb"), "compare.ipynb", {"EPOCS": 1}))


def test_what_a_cell_gives_is_kept_as_jupyter_would():
    sources = ["print('a')\n1 + 1", "None", "2;", "import pandas as pd\npd.DataFrame({'x': [1]})"]
    sources += ["from matplotlib import pyplot as plt\nplt.plot([1, 2]);"]
    cells = [{"cell_type": "code", "metadata": {}, "source": [each]} for each in sources]
    found = [kinds(outputs) for _, outputs, _ in run({"cells": cells}, "made")]
    assert found == [
        [("stream",), ("execute_result", "text/plain")],
        [],
        [],
        [("execute_result", "text/html", "text/plain")],
        [("display_data", "image/png", "text/plain")],
    ]
