"""Small videos made on the spot, healthy and damaged."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from arseg_lightning.video.encode import EncodeSettings, encode_frames

HEIGHT, WIDTH = 64, 96


def moving_frames(num_frames=30, height=HEIGHT, width=WIDTH):
    """A smooth coloured pattern that moves by 2 pixels right and 1 pixel down a frame."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    for t in range(num_frames):
        u, v = x - 2 * t, y - t
        colours = np.sin(u / 5) + np.cos(v / 7), np.sin(v / 6 + u / 9), np.cos(u / 8 - v / 5)
        image = np.stack(colours, axis=-1) / np.abs(colours).max()
        yield (128 + 90 * image).astype(np.uint8)


def write_video(path, num_frames=30, size=(HEIGHT, WIDTH), **settings):
    encode_frames(moving_frames(num_frames, *size), path, EncodeSettings(**settings))
    return path


def write_stream(path, codec, options, frames=None, times=None, prepare=None, rate=25):
    """Write frames with any encoder and any times, as cameras and other programs do."""
    frames = list(moving_frames() if frames is None else frames)
    times = range(len(frames)) if times is None else times
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        if prepare is not None:
            prepare(stream)
        for image, time in zip(frames, times, strict=True):
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts, picture.time_base = time, Fraction(1, rate)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def write_vp9(path, frames=None, rate=25):
    """A video whose decoder exports no motion vectors."""
    return write_stream(path, "libvpx-vp9", {"cpu-used": "8"}, frames, rate=rate)


def cut(path, share):
    """The start of a file, as of a broken download."""
    path = Path(path)
    target = path.with_name(f"cut_{path.name}")
    data = path.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


def without_packets(path, *numbers, keep=0):
    """The same file with the content of some packets wiped out behind their first bytes."""
    path = Path(path)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    for number in numbers:
        position, size = packets[number]
        data[position + keep : position + size] = b"\xff" * (size - keep)
    target = path.with_name(f"damaged_{path.name}")
    target.write_bytes(data)
    return target
