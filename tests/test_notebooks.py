"""The notebooks run from top to bottom."""

import json
from pathlib import Path

import pytest
from matplotlib import pyplot as plt

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))


def run(path):
    """Run the code cells of a notebook in one name space, and return it."""
    cells = json.loads(path.read_text())["cells"]
    names = {"__name__": "__main__"}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), path.name, "exec"), names)
    plt.close("all")
    return names


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_holds_what_it_says(path):
    names = run(path)
    if path.stem == "motion":
        assert names["error_warped"] < 0.7 * names["error_copied"]
