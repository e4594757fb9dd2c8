"""A copy of other frames keeps the sound, in time with them."""

import av
import pytest

from arseg_lightning.video.decode import decode
from arseg_lightning.video.encode import EncodeSettings, VideoWriter
from tests.video.small_videos import write_video
from tests.video.tones import beginnings, sounds_of, write_with_tone

FAST = EncodeSettings(preset="ultrafast", keyframe_interval=25)


def copy(path, limit=None, error=None):
    """Write the frames again, with the sound; tells where, and what is said of it."""
    target = path.with_name(f"copy_{path.stem}.mp4")
    with VideoWriter(target, FAST, keeps_partial=True, sound_of=path) as writer:
        for frame in decode(path):
            if frame.index == limit:
                break
            writer.write(frame.image, frame.pts_seconds)
        if error is not None:
            raise error
    return target, writer.sound


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("a.mp4", {}),
        ("late.ts", {"sounds_at": 0.7}),
        ("a.mkv", {"codec": "libopus"}),
        ("early.mkv", {"pictures_at": 0.7}),
        ("later.mkv", {"sounds_at": 2.3, "seconds": 4.0}),
        ("cut.mp4", {"seconds": 3.0, "sound_seconds": 1.2}),
        ("long.mp4", {"seconds": 1.0, "sound_seconds": 3.0}),
    ],
)
def test_sound_is_heard_when_it_is_beside_the_input(tmp_path, name, settings):
    source = write_with_tone(tmp_path / name, **settings)
    target, summary = copy(source)
    pictures = [frame.pts_seconds for frame in decode(target)]
    assert summary == f"sound: {settings.get('codec', 'aac').removeprefix('lib')} copied"
    assert pictures == pytest.approx([frame.pts_seconds for frame in decode(source)], abs=1e-4)
    heard = [time for time in beginnings(source) if 0.1 < time < pictures[-1]]
    found = [time for time in beginnings(target) if time > 0.1]
    assert len(heard) > 0
    assert found == pytest.approx(heard, abs=0.012)
    ((_, _, end),) = sounds_of(target)
    assert end < pictures[-1] + 0.05


def test_all_sounds_are_kept(tmp_path):
    source = write_with_tone(tmp_path / "two.mkv", layouts=("mono", "stereo"))
    target, summary = copy(source)
    assert summary == "sound: aac copied, aac copied"
    assert [each[0] for each in sounds_of(target)] == ["aac", "aac"]
    with av.open(str(target)) as container:
        assert [tone.codec_context.layout.name for tone in container.streams.audio] == [
            "mono",
            "stereo",
        ]
    assert beginnings(target, 1) == pytest.approx(beginnings(source, 1), abs=0.012)


def test_packets_are_copied_as_they_are(tmp_path):
    source = write_with_tone(tmp_path / "a.mp4")
    target, _ = copy(source)

    def contents(path):
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    assert contents(target) == contents(source)[1:]  # the first ends where the pictures begin


def test_what_has_no_sound_has_none(tmp_path):
    target, summary = copy(write_video(tmp_path / "silent.mp4", 5))
    assert summary == ""
    with av.open(str(target)) as container:
        assert not container.streams.audio


@pytest.mark.parametrize("settings", [{}, {"sounds_at": 2.5}])
def test_what_ends_early_leaves_the_sound_so_far(tmp_path, settings):
    source = write_with_tone(tmp_path / "a.mp4", seconds=5.0, **settings)
    with pytest.raises(KeyboardInterrupt):
        copy(source, 80, KeyboardInterrupt())
    target = tmp_path / "copy_a.mp4"
    assert len(list(decode(target))) == 80
    ((_, _, end),) = sounds_of(target)
    assert end == pytest.approx(3.2, abs=0.05)


def test_sound_that_mp4_cannot_hold_is_left_out_and_named(tmp_path):
    target, summary = copy(write_with_tone(tmp_path / "a.mkv", codec="pcm_s16le"), 5)
    assert summary == "sound: pcm_s16le left out"
    assert len(list(decode(target))) == 5
    with av.open(str(target)) as container:
        assert not container.streams.audio


@pytest.mark.parametrize("damage", [b"\xff", b"\0"])
def test_damaged_sound_leaves_the_frames_as_they_are(tmp_path, damage):
    source = write_with_tone(tmp_path / "a.mkv")
    with av.open(str(source)) as container:
        packets = [bytes(packet) for packet in container.demux(audio=0)][30:34]
    data = source.read_bytes()
    for packet in packets:
        data = data.replace(packet, damage * len(packet))
    source.write_bytes(data)
    target, summary = copy(source)
    assert summary.startswith("sound: aac copied")
    assert beginnings(target)[0] == pytest.approx(0.5, abs=0.05)
    assert len(list(decode(target))) == 50
