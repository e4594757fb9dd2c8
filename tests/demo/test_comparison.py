"""Two methods on a video, without a browser: pictures, keyframes, figures, and what is refused."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from arseg_lightning.demo.actions import Actions
from arseg_lightning.demo.networks import NetworkChoice, find_choices, load_choice, runs_in
from arseg_lightning.demo.uploads import UploadLimits, check_upload
from arseg_lightning.demo.view import figures_table, frame_view, legend, timeline
from arseg_lightning.drawing import overlay
from arseg_lightning.drawing.canvas import resized
from arseg_lightning.methods import PerFrame, Stream
from arseg_lightning.video.live import open_live
from tests.demo.made import FRAMES, INTERVAL, OWN, comparison, runs_folder, sample
from tests.video.small_videos import write_video


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def run(folder):
    return runs_folder(folder)[1]


@pytest.fixture(scope="module")
def video(folder):
    return sample(folder)


@pytest.fixture(scope="module")
def made(run, video):
    return comparison(run, video)


def test_runs_with_weights_are_offered_and_nothing_else(run, folder):
    assert runs_in(folder / "runs") == [run]
    assert find_choices([], [], folder / "runs") == [NetworkChoice(str(run), True)]
    named = find_choices(["hf:me/streets"], ["hf:nvidia/segformer"], folder / "runs")
    assert named == [
        NetworkChoice("hf:me/streets", True),
        NetworkChoice("hf:nvidia/segformer", False),
    ]


def test_without_any_run_a_network_of_the_hub_is_offered_where_it_can_be_run(tmp_path, monkeypatch):
    for spec, number in ((None, 0), (object(), 1)):
        monkeypatch.setattr("arseg_lightning.demo.networks.find_spec", lambda name, s=spec: s)
        found = find_choices([], [], tmp_path)
        assert [each.source.startswith("hf:") for each in found] == [True] * number


def test_a_run_that_is_none_is_refused_before_there_is_a_page(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"is no run: it holds no fit\.yaml"):
        find_choices([tmp_path], [])
    with pytest.raises(
        ValueError, match=r"--network is hf:REPOSITORY .* a run is named without it"
    ):
        find_choices([], ["runs/quickstart"])


def test_a_run_offers_its_own_methods_and_those_that_need_no_training(run):
    offered = load_choice(NetworkChoice(str(run), True))
    names = list(offered.compared.methods)
    assert (names[0], offered.usual) == ("1x", OWN)
    assert {"0.5x", "motion only", "TapLab BL3"} < {*names}


def test_every_frame_is_drawn_for_both_sides_and_keyframes_are_at_the_interval(made):
    left, right = made.sides
    assert len(left) == len(right) == len(made.motion) == len(made.seconds) == FRAMES
    assert [each.is_keyframe for each in right] == [t % INTERVAL == 0 for t in range(FRAMES)]
    assert not any(each.is_keyframe for each in left)
    assert [record["method"] for record in made.records] == ["1x", OWN]
    assert made.records[1]["keyframes"] == 3
    assert made.records[1]["gmacs"] < made.records[0]["gmacs"]


def test_a_picture_is_the_overlay_of_the_methods_labels(made, run, video):
    offered = load_choice(NetworkChoice(str(run), True)).compared
    method = offered.methods["1x"]
    assert type(method) is PerFrame
    with open_live(video, motion=None) as live:
        first = next(iter(live))
    result = Stream(method, offered.normalise).push(first)
    picture = np.asarray(Image.open(BytesIO(made.sides[0][0].picture)))
    size = picture.shape[:2]
    labels = resized(result.labels, size, smooth=False)
    expected = overlay(resized(first.frame.image, size), labels, offered.classes)
    assert np.abs(picture.astype(int) - expected).mean() < 4  # JPEG


def test_a_method_may_be_on_both_sides_and_a_late_one_too(run, video):
    made = comparison(run, video, "motion only", "Inter-BMV (mean)")
    assert [record["method"] for record in made.records] == [
        "1x",
        "motion only",
        "Inter-BMV (mean)",
    ]
    assert [len(side) for side in made.sides] == [FRAMES, FRAMES]
    same = comparison(run, video, "1x", "1x")
    assert same.sides[0] is same.sides[1]


def test_a_stop_leaves_what_is_done(run, video):
    made = comparison(run, video, stopped=lambda: True)
    assert [len(made.motion), *map(len, made.sides)] == [1, 1, 1]
    assert frame_view(made, 99) == frame_view(made, 0)
    assert "<td>-</td>" in figures_table(made)  # the only frame warms up


def test_an_unknown_method_is_named(run, video):
    with pytest.raises(ValueError, match="there is no method '2x'; choose one of 1x, "):
        comparison(run, video, right="2x")


def test_the_view_shows_methods_keyframes_figures_and_classes(made):
    view = frame_view(made, INTERVAL)
    assert view.count("<img ") == view.count("data:image/jpeg;base64,") == 3
    assert "<b>AR 0.5x</b> <span>keyframe: interval, " in view
    assert timeline(made, 2).count('class="key"') == 3
    assert f"frame 2 of {FRAMES}, 0.05 s" in timeline(made, 2)
    table = figures_table(made)
    assert [table.count(text) for text in ("<tr>", "100 %", ">42.9<")] == [3, 1, 1]
    assert legend(made).count("<span>") == len(made.present)


def test_names_are_escaped(made):
    record = made.records[1] | {"method": "<script>"}
    table = figures_table(replace(made, records=[made.records[0], record]))
    assert "<script>" not in table
    assert "&lt;script&gt;" in table


def test_uploads_are_checked_with_value_rule_and_remedy(tmp_path):
    inside = tmp_path / "uploads"
    inside.mkdir()
    good = write_video(inside / "clip.mp4", 30)
    check_upload(good, inside, UploadLimits())
    for limits, words in (
        (UploadLimits(1.0, 200), r"^clip\.mp4 lasts 1\.2 s, .* at most 1; cut .*--max_seconds 2$"),
        (UploadLimits(20, 0.001), r"^clip\.mp4 has 0 MB, .* at most 0\.001; .*--max_megabytes 1$"),
    ):
        with pytest.raises(ValueError, match=words):
            check_upload(good, inside, limits)
    text = inside / "notes.mp4"
    text.write_text("no video\n" * 100)
    with pytest.raises(ValueError, match=r"^notes\.mp4 is not a video that can be read"):
        check_upload(text, inside, UploadLimits())
    for outside in (write_video(tmp_path / "other.mp4", 2), inside / ".." / "other.mp4"):
        with pytest.raises(ValueError, match=r"other\.mp4 was not uploaded through this page"):
            check_upload(outside, inside, UploadLimits())


@pytest.mark.parametrize("settings", [{"max_seconds": 0}, {"max_megabytes": -1}])
def test_limits_are_positive(settings):
    with pytest.raises(ValueError, match="is a finite number above 0"):
        UploadLimits(**settings)


def test_actions_take_only_what_is_offered(run, video, folder):
    actions = Actions([NetworkChoice(str(run), True)], video, folder / "uploads")
    assert actions.video(None) == video
    with pytest.raises(ValueError, match=r"no network '/etc' is offered here, but .*; choose one"):
        actions.network("/etc")
    with pytest.raises(ValueError, match="passwd was not uploaded through this page"):
        actions.run("me", str(run), "/etc/passwd", ("1x", OWN), INTERVAL)
    seen = []

    def done(frames, total):
        seen.append((frames, total))
        actions.stop("me" if frames == 4 else "you")

    made = actions.run("me", str(run), None, ("1x", OWN), INTERVAL, done)
    assert seen == [(frames, FRAMES) for frames in range(1, 5)]
    assert len(made.motion) == 4
