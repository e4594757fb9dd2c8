"""Tables of text, and their files."""

import pandas as pd
import pytest

from arseg_lightning.report.table_files import markdown, read_table

TABLE = pd.DataFrame({"row": ["a", "longer"], "value, %": ["1.0", "-"]})


def test_markdown_is_aligned():
    assert markdown(TABLE).splitlines() == [
        "| row    |   value, % |",
        "|:-------|-----------:|",
        "| a      |        1.0 |",
        "| longer |          - |",
    ]


def test_a_table_survives_its_csv(tmp_path):
    TABLE.to_csv(tmp_path / "t.csv", index=False)
    table, num_names = read_table(tmp_path / "t.csv")
    assert (table.equals(TABLE), num_names) == (True, 1)


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "t.csv").touch()
    with pytest.raises(ValueError, match=r"t\.csv holds no table"):
        read_table(tmp_path / "t.csv")
