"""The documents show what their result files say."""

import json
import re
from pathlib import Path

import pytest

from arseg_lightning.report.documents import with_current_tables
from experiments.reproduction.arseg.compare import TABLES
from tests.report.made import study

ROOT = Path(__file__).resolve().parents[1]
MARKER = re.compile("^<!-- (arseg-result|result|bench|comparison|table)", re.MULTILINE)
DOCUMENTS = [
    path
    for path in (ROOT / "README.md", ROOT / "experiments/README.md", *(ROOT / "docs").glob("*.md"))
    if MARKER.search(path.read_text())
]


def test_there_are_documents_with_tables():
    assert {path.stem for path in DOCUMENTS} >= {"README", "arseg", "motion", "speed", "training"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_tables_are_those_of_the_result_files(document):
    text = document.read_text()
    assert with_current_tables(document, TABLES) == text, (
        f"run: python -m experiments.reproduction.arseg.compare --document {document}"
    )


def test_a_missing_result_file_is_named(tmp_path):
    document = tmp_path / "notes.md"
    document.write_text("<!-- result: gone.json -->\n")
    with pytest.raises(
        FileNotFoundError, match=r"notes\.md shows .*gone\.json, of which there is no file"
    ):
        with_current_tables(document)


def test_a_comparison_is_a_table_and_nothing_else_is_one(tmp_path):
    record = {"method": "1x", "agreement_miou": 1.0, "agreement_pixels": 1.0, "flicker": 0.0312}
    times = {"gmacs": 9.93, "mean_ms": 70.0, "p95_ms": 75.0, "max_ms": None}
    content = {"methods": [record | times | {"frames": 7, "keyframes": None, "roles": {}}]}
    (tmp_path / "compare.json").write_text(json.dumps(content))
    document = tmp_path / "notes.md"
    document.write_text("<!-- comparison: compare.json -->\n")
    assert "| 1x       |" in (text := with_current_tables(document))
    assert "|      3.12 |    9.93 | 70.0 |   75.0 |     - |           - |" in text
    (tmp_path / "compare.json").write_text(json.dumps({"methods": [{"method": "1x"}]}))
    with pytest.raises(ValueError, match=r"compare\.json is no result of `compare`"):
        with_current_tables(document)


def test_a_table_of_one_test_names_one_file(tmp_path):
    study(tmp_path / "study")
    (tmp_path / "notes.md").write_text("<!-- result: study/*.json -->\n")
    with pytest.raises(ValueError, match=r"this table shows one file, and .*study/ar-seed0\.json,"):
        with_current_tables(tmp_path / "notes.md")


def document_of(folder, marker):
    study(folder / "study")
    document = folder / "notes.md"
    document.write_text(f"Before\n\n<!-- results: {marker} -->\n\nAfter\n")
    return document


def test_a_study_is_one_table(tmp_path):
    document = document_of(tmp_path, "study/*.json reference=ar baseline=half rows=high,half,ar")
    text = with_current_tables(document)
    document.write_text(text)
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]
    assert rows[2:] == ["high", "half", "ar", "conv", "window_3"]
    assert text.startswith("Before\n\n<!-- results: study/*.json ")
    assert text.endswith("|\n\nAfter\n")
    assert with_current_tables(document) == text


def test_a_marker_of_a_study_may_take_several_lines(tmp_path):
    document = document_of(tmp_path, "study/ar-*.json study/conv-*.json\n  reference=conv")
    assert "| conv " in with_current_tables(document)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("study/*.json referenc=ar", r"notes\.md: .* unexpected keyword argument 'referenc'"),
        ("study/*.json only=plain", r"unexpected keyword argument 'only'"),
        ("study/*.json reference=arr", r"notes\.md: no row of the name 'arr'"),
        ("study/a*.json study/broken.txt", r"notes\.md: not readable, left out: .*broken\.txt"),
    ],
)
def test_a_marker_that_does_not_fit_is_named(tmp_path, marker, message):
    document = document_of(tmp_path, marker)
    (tmp_path / "study" / "broken.txt").write_text("no")
    with pytest.raises(ValueError, match=message):
        with_current_tables(document)


def test_a_study_without_files_is_named(tmp_path):
    document = document_of(tmp_path, "nothing/*.json")
    message = r"notes\.md shows nothing/\*\.json, of which there is no"
    with pytest.raises(FileNotFoundError, match=message):
        with_current_tables(document)
