"""A copy of other frames keeps the sound, in time with them."""

import av
import pytest

from arseg_lightning.video.decode import decode
from arseg_lightning.video.encode import EncodeSettings
from arseg_lightning.video.fragmented_mp4 import FragmentedWriter
from arseg_lightning.video.sound import Sound
from tests.video.small_videos import write_video
from tests.video.tones import beginnings, sounds_of, write_with_tone

FAST = EncodeSettings(preset="ultrafast", keyframe_interval=25)


def copy(path, limit=None, error=None):
    """Write the frames again, with the sound; tells where, and what is said of it."""
    target = path.with_name(f"copy_{path.stem}.mp4")
    sound = Sound(path)
    with FragmentedWriter(target, FAST, sound) as writer:
        for frame in decode(path):
            if frame.index == limit:
                break
            writer.write(frame.image, frame.pts_seconds)
        if error is not None:
            raise error
    return target, sound.summary


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("a.mp4", {}, "sound: aac copied"),
        ("a.ts", {}, "sound: aac copied"),
        ("a.mkv", {"codec": "libopus"}, "sound: opus copied"),
        ("a.mkv", {"codec": "pcm_s16le"}, "sound: pcm_s16le as aac"),
        ("late.mp4", {"sounds_at": 0.7}, "sound: aac copied"),
        ("late.ts", {"sounds_at": 0.7}, "sound: aac copied"),
        ("late.mkv", {"sounds_at": 0.7, "codec": "pcm_s16le"}, "sound: pcm_s16le as aac"),
        ("early.mkv", {"pictures_at": 0.7}, "sound: aac copied"),
        ("later.mkv", {"sounds_at": 2.3, "seconds": 4.0}, "sound: aac copied"),
        ("later.mkv", {"sounds_at": 2.3, "seconds": 4.0, "codec": "pcm_s16le"}, "pcm_s16le as aac"),
        ("cut.mp4", {"seconds": 3.0, "sound_seconds": 1.2}, "sound: aac copied"),
        ("long.mp4", {"seconds": 1.0, "sound_seconds": 3.0}, "sound: aac copied"),
    ],
)
def test_sound_is_heard_when_it_is_beside_the_input(tmp_path, name, settings, said):
    source = write_with_tone(tmp_path / name, **settings)
    target, summary = copy(source)
    pictures = [frame.pts_seconds for frame in decode(target)]
    assert summary.endswith(said)
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


def test_a_disk_that_is_full_leaves_sound_and_frames_of_the_complete_seconds(tmp_path, monkeypatch):
    source = write_with_tone(tmp_path / "a.mp4", seconds=5.0)
    with FragmentedWriter(tmp_path / "copy.mp4", FAST, Sound(source)) as writer:
        for frame in decode(source):
            writer.write(frame.image, frame.pts_seconds)
        writer._target.failed = True  # takes no more
    pictures = [frame.pts_seconds for frame in decode(tmp_path / "copy.mp4")]
    assert 2.9 < pictures[-1] < 5
    assert beginnings(tmp_path / "copy.mp4")[:2] == pytest.approx([0.5, 1.5], abs=0.012)


@pytest.mark.parametrize(
    ("codec", "damage", "said"),
    [
        ("mp2", b"\xff", "mp2 as aac, in part"),
        ("eac3", b"\xff", "eac3 as aac, in part"),
        ("aac", b"\xff", "aac copied"),
        ("aac", b"\0", "aac copied"),
    ],
)
def test_damaged_sound_is_heard_where_it_can_be(tmp_path, codec, damage, said):
    source = write_with_tone(tmp_path / "a.mkv", codec=codec, seconds=2.0)
    with av.open(str(source)) as container:
        packets = [bytes(packet) for packet in container.demux(audio=0)][30:34]
    data = source.read_bytes()
    for packet in packets:
        data = data.replace(packet, damage * len(packet))
    source.write_bytes(data)
    target, summary = copy(source)
    assert summary == f"sound: {said}"
    assert beginnings(target)[-1] == pytest.approx(1.5, abs=0.05)
    assert len(list(decode(target))) == 50


def test_sound_that_cannot_be_kept_is_named(tmp_path, monkeypatch):
    source = write_with_tone(tmp_path / "a.mkv", codec="pcm_s16le")
    monkeypatch.setattr("arseg_lightning.video.sound._AAC", "libx264")
    target, summary = copy(source, 5)
    assert summary.startswith("sound 1 cannot be kept (")
    assert len(list(decode(target))) == 5
