"""A source becomes a folder: complete whatever ends it, replaced only if asked for."""

import itertools
import json
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from arseg_lightning.methods import Adaptive, EveryL, InterBMV, PerFrame
from arseg_lightning.metrics import TemporalConsistency
from arseg_lightning.streaming.consistency import MotionToPrevious
from arseg_lightning.streaming.folder import LiveOptions, segment_to_folder
from arseg_lightning.video.errors import VideoError
from arseg_lightning.video.probe import probe
from tests.streaming.made import segmenter, streamed, times, tiny_method, write_at
from tests.tiny import TinyNet
from tests.video.live.senders import named_pipe
from tests.video.small_videos import moving_frames, write_video


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("video") / "clip.mp4", 12)


def test_a_folder_holds_what_the_stream_gave(video, tmp_path):
    own = segmenter(clock=EveryL(5))
    record = segment_to_folder(own, video, tmp_path / "out")
    results = list(own.stream(video))
    for each in results:
        with Image.open(tmp_path / "out" / "labels" / f"{each.frame.index:06d}.png") as image:
            assert np.array_equal(np.asarray(image), each.labels)
    assert probe(tmp_path / "out" / "overlay.mp4").num_frames == 12
    assert (record.ended, record.frames, record.keyframes) == ("complete", 12, 3)


def test_a_table_of_frames_has_a_plot_and_both_are_replaced_together(video, tmp_path):
    own = segmenter()
    segment_to_folder(own, video, tmp_path, outputs=("frames",))
    assert {path.name for path in tmp_path.iterdir()} == {
        "frames.csv",
        "frames.png",
        "predict.json",
    }
    segment_to_folder(own, video, tmp_path, outputs=(), overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["predict.json"]


def test_the_record_says_what_was_done_with_what(video, tmp_path):
    segment_to_folder(segmenter(clock=Adaptive(2, 9)), video, tmp_path, outputs=())
    content = json.loads((tmp_path / "predict.json").read_text())
    source = {"name": str(video), "size": [64, 96], "fps": 25.0, "dropped": 0, "damage": None}
    assert content["source"] == source
    motion = content["motion"]
    assert (motion["asked"], motion["encoded_frames"], motion["why_encoded"]) == ("auto", 0, None)
    assert motion["matching_share"] > 0.9
    assert content["clock"]["name"] == "Adaptive"
    assert content["clock"]["max_interval"] == 9
    assert (content["device"], content["precision"]) == ("cpu", "float32")
    assert {"torch", "av", "arseg_lightning"} <= set(content["versions"])
    assert content["method"] == "AR 0.5x"
    assert set(content["latency_ms"]["nonkeyframe"]) == {"frames", "mean", "p50", "p95", "max"}


@pytest.mark.parametrize("method", [None, PerFrame(3, TinyNet), InterBMV(3, TinyNet)])
def test_consistency_is_that_of_the_labels_along_the_motion(video, tmp_path, method):
    own = segmenter() if method is None else segmenter(method)
    record = segment_to_folder(own, video, tmp_path / "out", outputs=(), consistency=True)
    meter, follower = TemporalConsistency(own.classes.num_classes), MotionToPrevious("subpixel")
    with own.open(video, with_motion=True) as live:
        motions = [follower.of(each) for each in live]
    for result, motion in zip(own.stream(video), motions, strict=True):
        meter.add(result.labels, motion)
    assert record.consistency == {"temporal_consistency": meter.miou, "flicker": meter.flicker}
    assert f"flicker {100 * meter.flicker:.2f} %" in record.text()
    plain = segment_to_folder(own, video, tmp_path / "plain", outputs=())
    assert plain.consistency is None


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_a_changing_frame_rate_is_kept(tmp_path, name):
    ticks = np.cumsum([0, 3600, 3600, 1800, 900, 45_000, 3003, 3003, 90_000, 3600])
    source = write_at(tmp_path / name, ticks.tolist())
    segment_to_folder(segmenter(), source, tmp_path / "out", outputs=("overlay",))
    assert times(tmp_path / "out" / "overlay.mp4") == pytest.approx(times(source), abs=1e-5)


def test_an_error_on_the_way_leaves_what_was_done(video, tmp_path):
    def watch(statistics, total):
        assert total == 12
        if statistics.num_frames == 7:
            raise RuntimeError("the network broke")

    with pytest.raises(RuntimeError, match="the network broke"):
        segment_to_folder(segmenter(), video, tmp_path, watch=watch)
    assert len(times(tmp_path / "overlay.mp4")) == 7
    content = json.loads((tmp_path / "predict.json").read_text())
    assert (content["ended"], content["frames"]) == ("the network broke", 7)


def test_results_are_replaced_only_if_asked_for(video, tmp_path):
    segment_to_folder(segmenter(), video, tmp_path)
    with pytest.raises(FileExistsError, match=r"holds results already .*--overwrite true"):
        segment_to_folder(segmenter(), video, tmp_path)
    settings = {"outputs": ("labels",), "limit": 3, "overwrite": True}
    segment_to_folder(segmenter(), video, tmp_path, **settings)
    assert len(list((tmp_path / "labels").iterdir())) == 3
    assert not (tmp_path / "overlay.mp4").exists()


def test_a_source_that_is_none_takes_no_older_results_away(video, tmp_path):
    segment_to_folder(segmenter(), video, tmp_path)
    (tmp_path / "no.mp4").write_text("no video")
    with pytest.raises(VideoError):
        segment_to_folder(segmenter(), tmp_path / "no.mp4", tmp_path, overwrite=True)
    assert len(list((tmp_path / "labels").iterdir())) == 12


def test_a_folder_that_cannot_be_written_is_refused_before_the_source_is_opened(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="out"):
        segment_to_folder(segmenter(), tmp_path / "gone.mp4", tmp_path / "file" / "out")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"outputs": ("overlay", "movie")},
            "outputs are of overlay, labels, frames, cityscapes, got 'movie'",
        ),
        ({"limit": 0}, "limit is at least 1, got 0"),
        ({"live": LiveOptions(fps=0.0)}, "fps is a finite number above 0, got 0.0"),
    ],
)
def test_impossible_settings_are_named(settings, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        segment_to_folder(segmenter(), tmp_path / "gone.mp4", tmp_path, **settings)


@pytest.mark.parametrize("method", [tiny_method(EveryL(6)), InterBMV(11, TinyNet, clock=EveryL(6))])
def test_memory_does_not_grow_with_the_stream(video, method):
    """What Python and NumPy hold after 120 frames is what they held after 48."""
    session = segmenter(method).session()
    frames = itertools.cycle(streamed(video))
    tracemalloc.start()
    held = []
    for number, frame in enumerate(itertools.islice(frames, 120)):
        session.add(frame)
        if number in (47, 119):  # at one position of the clip
            held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    one_frame = next(moving_frames(1)).nbytes
    assert held[1] - held[0] < 3 * one_frame


@pytest.mark.parametrize("source", ["camera:0", "rtsp://me:secret@there/stream", "-"])
def test_a_method_that_waits_for_later_frames_is_refused_where_they_come_live(source, tmp_path):
    method = InterBMV(11, TinyNet, clock=EveryL(5))
    message = r"by itself, and Inter-BMV .* up to 4 frames later; allow that \(--live.lookahead"
    with pytest.raises(ValueError, match=message) as refused:
        segment_to_folder(segmenter(method), source, tmp_path)
    assert "secret" not in str(refused.value)


def test_a_method_may_wait_for_later_frames_of_a_pipe_where_that_is_allowed(video, tmp_path):
    own = segmenter(InterBMV(11, TinyNet, clock=EveryL(5)))
    live = LiveOptions(lookahead=True)
    with named_pipe(tmp_path / "pipe", video.read_bytes()) as pipe:
        record = segment_to_folder(own, pipe, tmp_path / "out", outputs=("labels",), live=live)
    assert record.roles == {"start": 1, "between": 8, "keyframe": 3}
    assert record.reasons == {"start": 1, "interval": 2, "end": 1}


def test_the_record_says_how_many_later_frames_a_frame_waited_for(video, tmp_path):
    method = InterBMV(11, TinyNet, clock=EveryL(5))
    record = segment_to_folder(segmenter(method), video, tmp_path)
    assert record.frames_late == 4
    assert "frames wait for later ones: up to 4" in record.text()
    assert sorted(path.name for path in (tmp_path / "labels").iterdir()) == [
        f"{index:06d}.png" for index in range(12)
    ]
    causal = segment_to_folder(segmenter(clock=EveryL(5)), video, tmp_path / "causal")
    assert causal.frames_late == 0


def test_the_record_of_a_method_without_keyframes_counts_none(video, tmp_path):
    method = PerFrame(11, TinyNet)
    record = segment_to_folder(segmenter(method), video, tmp_path)
    assert (record.keyframes, record.clock, record.roles) == (None, None, {"frame": 12})
    assert "keyframes" not in record.text()
