"""Tables of text: the same cells in each format."""

import csv
import json

import pandas as pd
import pytest

from arseg_lightning.report.table_files import markdown, read_table, write_table

TABLE = pd.DataFrame({"row": ["a", "longer"], "value, %": ["1.0", "-"]})


def test_markdown_is_aligned():
    assert markdown(TABLE).splitlines() == [
        "| row    |   value, % |",
        "|:-------|-----------:|",
        "| a      |        1.0 |",
        "| longer |          - |",
    ]


def test_csv_and_json_hold_the_same_cells(tmp_path):
    for name in ("t.csv", "t.json"):
        write_table(TABLE, tmp_path / name)
    cells = TABLE.to_numpy().tolist()
    assert list(csv.reader((tmp_path / "t.csv").read_text().splitlines())) == [
        list(TABLE.columns),
        *cells,
    ]
    assert json.loads((tmp_path / "t.json").read_text()) == [
        {"row": "a", "value, %": "1.0"},
        {"row": "longer", "value, %": "-"},
    ]
    table, num_names = read_table(tmp_path / "t.json")
    assert (table.equals(TABLE), num_names) == (True, 1)


@pytest.mark.parametrize("name", ["t.md", "t.csv", "t.json"])
def test_the_ending_names_the_format(tmp_path, name):
    write_table(TABLE, tmp_path / "deep" / name, notes="a note")
    text = (tmp_path / "deep" / name).read_text()
    assert "longer" in text
    assert ("a note" in text) == name.endswith(".md")


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"t\.xls names no format of a table; let it end in \.md"):
        write_table(TABLE, tmp_path / "t.xls")


@pytest.mark.parametrize("content", ["{}", "[1]", "no"])
def test_a_file_of_something_else_is_refused(tmp_path, content):
    (tmp_path / "t.json").write_text(content)
    with pytest.raises(ValueError, match=r"t\.json holds no table; write it with --out t\.json"):
        read_table(tmp_path / "t.json")
