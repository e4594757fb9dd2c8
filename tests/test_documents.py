"""The documents show what their result files say."""

from pathlib import Path

import pytest

from arseg_lightning.report.documents import with_current_tables

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "experiments" / "README.md"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.parent.name)
def test_tables_are_those_of_the_result_files(document):
    text = document.read_text()
    assert "<!-- result: " in text
    assert with_current_tables(document) == text, (
        f"run: python -m arseg_lightning tables --document {document}"
    )


def test_a_missing_result_file_is_named(tmp_path):
    document = tmp_path / "notes.md"
    document.write_text("<!-- result: gone.json -->\n")
    with pytest.raises(FileNotFoundError, match=r"notes\.md shows .*gone\.json, which is missing"):
        with_current_tables(document)
