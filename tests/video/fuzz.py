"""Damages real and made streams at random, and compares what is said of them with FFmpeg's log.

``python -m tests.video.fuzz FIRST NUMBER`` tries so many variants, and writes a line of JSON for
each that contradicts it and one of figures.
"""

from __future__ import annotations

import collections
import json
import logging
import sys
import tempfile
import time
import warnings
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import torch

from arseg_lightning.datasets.classes import CAMVID11
from arseg_lightning.methods import PerFrame
from arseg_lightning.streaming import Segmenter
from arseg_lightning.video.decode import decode, decode_motion
from arseg_lightning.video.errors import VideoError
from arseg_lightning.video.probe import probe
from arseg_lightning.video.timeline import read_timeline
from tests.tiny import TinyNet
from tests.video.hand_made import pan
from tests.video.small_videos import write_stream

REAL = Path(__file__).resolve().parents[3] / "shared" / "videos"
CONTAINERS = (".mp4", ".ts", ".mkv")
NUM_PACKETS = 12


def sources(folder):
    """The start of every real stream, and of a made one, in containers that show damage unalike."""
    made = list(pan(30, 96, 144, 3, 1))
    whole = [write_stream(folder / "made.mkv", "libx264", {"g": "6", "bf": "2"}, made)]
    if "libx265" in av.codecs_available:
        options = {"x265-params": "keyint=6:log-level=none"}
        whole.append(write_stream(folder / "hevc.mkv", "libx265", options, made))
    if REAL.is_dir():
        whole += sorted(REAL.glob("*.mp4"))[:3]
    pairs = ((path, ending) for path in whole for ending in CONTAINERS)
    return [start_of(path, folder / f"{path.stem}_{ending[1:]}{ending}") for path, ending in pairs]


def start_of(path, target):
    options = {"movflags": "+faststart"} if target.suffix == ".mp4" else {}
    with av.open(str(path)) as source, av.open(str(target), "w", options=options) as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        found = (packet for packet in source.demux(video=0) if packet.size)
        for packet, _ in zip(found, range(NUM_PACKETS), strict=False):
            packet.stream = stream
            container.mux(packet)
    return target


def damaged(data, generator):
    """Flipped bits, a cut, or a hole."""
    data, first = bytearray(data), len(data) // 12
    kind = ("flips", "cut", "hole", "zeros")[generator.integers(4)]
    place = int(generator.integers(first, len(data) - 8))
    length = int(generator.integers(1, 3000))
    if kind == "flips":
        for _ in range(generator.integers(1, 9)):
            data[generator.integers(first, len(data))] ^= 1 << generator.integers(8)
    elif kind == "cut":
        del data[place:]
    elif kind == "hole":
        del data[place : place + length]
    else:
        data[place : place + length] = bytes(len(data[place : place + length]))
    return kind, bytes(data)


def by_ffmpeg(path):
    """The pictures that FFmpeg gives by itself, and the errors that its decoder logs.

    What the container logs is not compared: Matroska's goes on behind a hole and marks nothing. Nor
    is what HEVC's decoder logs: it marks no picture, and where it is told to refuse what is damaged
    (``err_detect=explode``), it drops whole pictures for a message beside them (SEI).
    """
    count = 0
    with (
        av.logging.Capture(False) as logs,
        suppress(av.FFmpegError, IndexError),
        av.open(str(path)) as container,
    ):
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        decoder = stream.codec_context.name
        for packet in container.demux(stream):
            with suppress(av.FFmpegError):
                count += len(packet.decode())
    return count, [text.strip() for _, name, text in logs if count and name == decoder != "hevc"]


def attempt(use):
    """What comes of a use, and what is said; refusals by name are results."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = use()
        except VideoError as error:
            result = f"refused: {error}"
    return result, " ".join(str(each.message) for each in caught)


def contradictions(path, segmenter):
    """What comes of a file, and how its uses differ from each other and from FFmpeg."""
    own, log = by_ffmpeg(path)
    frames, said = attempt(lambda: sum(1 for _ in decode(path)))
    if isinstance(frames, str):
        rightly = own == 0 or "changes its size" in frames
        return "refused", [] if rightly else [f"FFmpeg gives {own} pictures; {frames}"]
    steps, _ = attempt(lambda: sum(1 for _ in decode_motion(path)))
    results, said_by_predict = attempt(lambda: sum(1 for _ in segmenter.stream(path)))
    timeline, size = read_timeline(path), probe(path).size
    keeps_indices = timeline is not None
    wrong = {
        f"FFmpeg gives {own} pictures, {frames} come": frames < own
        or (frames > own and not (keeps_indices and said)),
        f"the timeline is of {len(timeline or ())} frames, {frames} come": keeps_indices
        and frames < len(timeline),
        f"{frames} frames, motion of {steps}": isinstance(steps, int) and steps != frames,
        f"{frames} frames, results for {results}": results != frames,
        f"said {said!r}, by predict {said_by_predict!r}": said != said_by_predict,
        f"FFmpeg logs {log[:3]}, nothing is said": bool(log and not said),
        f"a size of {size}": min(size) < 1,
    }
    return "said" if said else "unnoticed", [text for text, is_so in wrong.items() if is_so]


def main(first, number):
    logging.disable()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    segmenter = Segmenter(PerFrame(11, TinyNet).eval(), CAMVID11, device="cpu")
    figures, start = collections.Counter(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        paths = sources(Path(folder))
        for seed in range(first, first + number):
            source = paths[seed % len(paths)]
            kind, data = damaged(source.read_bytes(), np.random.default_rng(seed))
            path = Path(folder) / f"variant{source.suffix}"
            path.write_bytes(data)
            outcome, wrong = contradictions(path, segmenter)
            figures.update((outcome, kind))
            if wrong:
                line = {"seed": seed, "source": source.name, "kind": kind, "wrong": wrong}
                print(json.dumps(line), flush=True)
    seconds = round(time.monotonic() - start, 1)
    print(json.dumps({"variants": number, "sources": len(paths), "seconds": seconds, **figures}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
