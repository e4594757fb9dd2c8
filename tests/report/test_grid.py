"""Tables of text: the same cells in each format."""

import csv
import io
import json

import pytest

from arseg_lightning.report.grid import Table

TABLE = Table(("row", "value, %"), (("a", "1.0"), ("longer", "-")))


def test_markdown_is_aligned():
    assert TABLE.markdown().splitlines() == [
        "| row    | value, % |",
        "|--------|---------:|",
        "| a      |      1.0 |",
        "| longer |        - |",
    ]


def test_csv_and_json_hold_the_same_cells():
    assert list(csv.reader(io.StringIO(TABLE.csv()))) == [
        list(TABLE.header),
        *map(list, TABLE.rows),
    ]
    assert json.loads(TABLE.json()) == [
        {"row": "a", "value, %": "1.0"},
        {"row": "longer", "value, %": "-"},
    ]


@pytest.mark.parametrize("name", ["t.md", "t.csv", "t.json"])
def test_the_ending_names_the_format(tmp_path, name):
    TABLE.write(tmp_path / "deep" / name, notes="a note")
    text = (tmp_path / "deep" / name).read_text()
    assert "longer" in text
    assert ("a note" in text) == name.endswith(".md")


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"t\.xls names no format of a table; let it end in \.md"):
        TABLE.write(tmp_path / "t.xls")


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="a row has 1 cells, the header 2"):
        Table(("a", "b"), (("1",),))
