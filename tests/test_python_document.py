"""What docs/python.md shows runs as it stands, block after block in one namespace."""

import re
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "python.md"


@pytest.mark.filterwarnings("ignore::UserWarning")  # the advice that Lightning gives of a first run
def test_every_block_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 8
    namespace = {"__name__": "document"}
    for number, block in enumerate(blocks, 1):
        exec(compile(block, f"{DOCUMENT.name}, block {number}", "exec"), namespace)
