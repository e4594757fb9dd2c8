"""What some documents show in Python runs as it stands, block after block."""

import re
from pathlib import Path

import pytest

DOCUMENTS = Path(__file__).resolve().parents[1] / "docs"


@pytest.mark.filterwarnings("ignore::UserWarning")  # the advice that Lightning gives of a first run
@pytest.mark.parametrize(
    ("name", "least"),
    [("python.md", 8), ("metrics.md", 1), ("vectors.md", 4), ("pictures.md", 1)],
)
def test_every_block_runs(name, least, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(
        r"^```python\n(.*?)^```$", (DOCUMENTS / name).read_text(), re.DOTALL | re.MULTILINE
    )
    assert len(blocks) >= least
    namespace = {"__name__": "document"}
    for number, block in enumerate(blocks, 1):
        exec(compile(block, f"{name}, block {number}", "exec"), namespace)
