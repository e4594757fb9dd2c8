import pytest

from arseg_lightning.report.sweep_index import SweepIndex, SweepPoint

INDEX = SweepIndex(
    file="sweeps/example.yaml",
    method="grid",
    points=(
        SweepPoint({"data.keyframe_interval": 6, "model.note": None}, "a", "done", None, 1.5),
        SweepPoint({"data.keyframe_interval": 12, "model.scales": [0.5, 1.0]}, "b"),
    ),
)


def test_an_index_is_read_as_it_was_written(tmp_path):
    INDEX.write(tmp_path / "new" / "sweep.json")
    assert SweepIndex.read(tmp_path / "new" / "sweep.json") == INDEX
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["sweep.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"points": [{}]}', '{"points": [], "new": 1}'])
def test_another_file_is_refused_with_the_remedy(text, tmp_path):
    path = tmp_path / "sweep.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"sweep\.json is no index of a sweep .* delete it and"):
        SweepIndex.read(path)
