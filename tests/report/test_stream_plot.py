"""The plot of frames.csv, whatever the stream was."""

import pytest
from PIL import Image

from arseg_lightning.report.stream_plot import _read, plot_frames
from arseg_lightning.streaming.outputs import FrameLog
from tests.streaming.made import result


def table(path, number, reconnects=False):
    with FrameLog(path) as log:
        for i in range(number):
            seconds = (i % 7 if reconnects else i) / 25
            reason = "reconnected after 3.2 s" if i == 5 else "interval" if i % 12 == 0 else None
            log.write(result(i, seconds=seconds, reason=reason, size=(2, 2)))
    return path


def test_a_place_for_each_frame_with_its_role_and_reason(tmp_path):
    stream = _read(table(tmp_path / "frames.csv", 30))
    assert stream.num_frames == 30
    assert stream.times.tolist() == pytest.approx([i / 25 for i in range(31)])
    assert stream.reasons == {"interval": {0, 12, 24}, "reconnected": {5}}
    assert stream.roles["keyframe"].sum() == 4
    assert (sum(stream.roles.values()) == 1).all()
    assert stream.median_ms == [5.0] * 30


def test_a_long_stream_has_as_many_places(tmp_path):
    stream = _read(table(tmp_path / "frames.csv", 4000))
    assert len(stream.times) == 4000 // 3 + 2
    assert sum(stream.roles.values()) == pytest.approx(1)


def test_times_that_jump_back_are_numbers_of_frames(tmp_path):
    stream = _read(table(tmp_path / "frames.csv", 20, reconnects=True))
    assert not stream.is_timed
    assert stream.times.tolist() == list(range(21))


def test_a_plot_is_written_and_none_of_nothing(tmp_path):
    path = plot_frames(table(tmp_path / "frames.csv", 30), tmp_path / "frames.png")
    with Image.open(path) as image:
        assert image.size[0] > 1000
    empty = table(tmp_path / "empty.csv", 0)
    assert plot_frames(empty, tmp_path / "empty.png") is None
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"other\.csv is no table of frames .*--outputs frames"):
        plot_frames(tmp_path / "other.csv", tmp_path / "other.png")
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["frames.png"]
