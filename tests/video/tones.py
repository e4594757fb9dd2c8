"""Videos with sound: a tone that beeps, beside frames, each from its own time on."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import av
import numpy as np

from tests.video.small_videos import moving_frames

RATE = 48_000


def write_with_tone(
    path,
    codec="aac",
    seconds=2.0,
    pictures_at=0.0,
    sounds_at=0.0,
    sound_seconds=None,
    layouts=("mono",),
    video_codec="libx264",
):
    """Pictures for some seconds from one time on, and tones from another."""
    with av.open(str(path), "w") as container:
        video = container.add_stream(video_codec, rate=25)
        video.height, video.width, video.pix_fmt = 64, 96, "yuv420p"
        video.codec_context.time_base = Fraction(1, 25)
        tones = [container.add_stream(codec, rate=RATE, layout=layout) for layout in layouts]
        packets = []
        for number, image in enumerate(moving_frames(round(25 * seconds))):
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts, picture.time_base = number + round(25 * pictures_at), Fraction(1, 25)
            packets += video.encode(picture)
        packets += video.encode(None)
        for number, tone in enumerate(tones):
            for frame in beeps(tone, sound_seconds or seconds, sounds_at, 440 * (number + 1)):
                packets += tone.encode(frame)
            packets += tone.encode(None)
        for packet in sorted(packets, key=lambda each: each.dts * each.time_base):
            container.mux(packet)
    return path


def beeps(tone, seconds, start, pitch):
    """A tone that is there in the second half of each second only."""
    channels = tone.codec_context.layout.nb_channels
    time = np.arange(round(seconds * RATE)) / RATE
    wave = 0.5 * np.sin(2 * np.pi * pitch * time) * ((start + time) % 1.0 >= 0.5)
    samples = np.repeat(wave.astype(np.float32)[None], channels, axis=0)
    for place in range(0, samples.shape[1], 1024):
        part = np.ascontiguousarray(samples[:, place : place + 1024])
        frame = av.AudioFrame.from_ndarray(part, "fltp", tone.codec_context.layout.name)
        frame.rate, frame.time_base = RATE, Fraction(1, RATE)
        frame.pts = place + round(start * RATE)
        yield frame


def sounds_of(path):
    """Codec, first and last time of the packets of each sound, from the first frame on."""
    with av.open(str(path)) as container:
        picture = container.streams.video[0]
        first = picture.start_time * picture.time_base
        packets = [
            packet for packet in container.demux(list(container.streams.audio)) if packet.size
        ]
        times = {tone: [] for tone in container.streams.audio}
        for packet in packets:
            times[packet.stream].append(float(packet.pts * packet.time_base - first))
        return [
            (tone.codec_context.codec.canonical_name, min(t), max(t)) for tone, t in times.items()
        ]


def beginnings(path, stream=0):
    """When beeps begin, in seconds from the first frame on, by what is heard."""
    with av.open(str(path)) as container:
        picture = container.streams.video[0]
        first = float(picture.start_time * picture.time_base)
        times, levels = [], []
        for frame in frames_of(container, container.streams.audio[stream]):
            wave = np.abs(frame.to_ndarray().astype(np.float64)).reshape(-1)
            levels.append(wave[: 8 * (wave.size // 8)].reshape(8, -1).max(1))
            start = float(frame.pts * frame.time_base) - first
            times.append(start + np.arange(8) * frame.samples / frame.rate / 8)
    level = np.concatenate([np.zeros(1), *levels])
    loud = level > 0.25 * level.max()
    return np.concatenate(times)[loud[1:] & ~loud[:-1]].tolist()


def frames_of(container, tone):
    for packet in container.demux(tone):
        with suppress(av.FFmpegError):  # damaged
            yield from packet.decode()
