"""The command ``predict``: segmentation of any video as a stream."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tqdm import tqdm

from arseg_lightning.inference import Optimisations, Precision
from arseg_lightning.methods import Clock, EveryL, NetworkMethodFactory
from arseg_lightning.streaming import Segmenter, load_run
from arseg_lightning.streaming.folder import FolderSettings, LiveOptions, segment_to_folder
from arseg_lightning.streaming.pretrained import load_pretrained
from arseg_lightning.streaming.record import StreamRecord
from arseg_lightning.streaming.stream_statistics import StreamStatistics
from arseg_lightning.video.live import LiveMotion

__all__ = ["predict", "segment_and_show"]


def predict(
    configs: list[Path] | None = None,
    *,
    video: str,
    output: Path,
    network: str | None = None,
    method: NetworkMethodFactory | None = None,
    checkpoint: str | None = None,
    keyframe_interval: int | None = None,
    clock: Clock | None = None,
    motion: LiveMotion = "auto",
    live: LiveOptions = LiveOptions(),  # noqa: B008
    outputs: str = "overlay,labels",
    device: str = "auto",
    precision: Precision = "float32",
    batch_frames: int = 1,
    limit: int | None = None,
    opacity: float = 0.5,
    overwrite: bool = False,
    overrides: tuple[str, ...] = (),
) -> StreamRecord:
    """Segment a video, images, a camera, an address or a pipe, frame by frame; Ctrl-C ends it.

    Args:
        configs: The folder of a run; or files of configuration (--config A --config B), whose
            values are overridden as in `test`: --model.weights.high_res FILE.
        network: A pretrained network in a run's place: hf:REPOSITORY or hf:FOLDER (Hugging Face).
        method: The method that it runs in, by class, such as TapLab; every frame by itself if none.
        video: A video file, a folder of images, camera:0, an address (rtsp://), or - (a pipe).
        output: Folder of the results: overlay.mp4, labels/ and the statistics, predict.json.
        checkpoint: best or last of the run, or a run's checkpoint; the best by default.
        keyframe_interval: Frames from one keyframe to the next; by default the experiment's.
        clock: Another choice of keyframes: CodecKeyframes or Adaptive (--clock.max_interval 30).
        motion: codec (its own or a refusal), reencode (on the fly), or auto (none if unused).
        live: How a camera or an address is read.
        outputs: What is written, of overlay and labels, with a comma.
        device: auto, cpu, cuda, cuda:N or mps (Apple's GPU).
        precision: float32, bfloat16 or float16.
        batch_frames: Segment so many frames at once, each later by those that it waits for.
        limit: Most frames.
        opacity: Weight of the classes' colours in the overlay.
        overwrite: Replace results that are in the folder already.
        overrides: Settings that win over the configuration.

    Raises:
        OSError, ValueError: If something is missing, or cannot be used or written.
    """
    names = tuple(word.strip() for word in outputs.split(",") if word.strip())
    settings = FolderSettings(names, motion, limit, batch_frames, opacity, overwrite, live)
    how = (_clock(clock, keyframe_interval), device, Optimisations(precision=precision))
    if network is not None and not configs:
        segmenter = load_pretrained(network).segmenter(method, *how)
    elif network is not None or method is not None:
        raise ValueError("give a run, which has its method, or --network and --method")
    else:
        segmenter = load_run(configs or [], checkpoint, overrides, *how)
    record = segment_and_show(segmenter, video, output, settings)
    if record.ended == "interrupted":
        sys.exit(130)  # what shells expect of a program that was ended by Ctrl-C
    return record


def _clock(clock: Clock | None, keyframe_interval: int | None) -> Clock | None:
    if keyframe_interval is None:
        return clock
    if clock is not None:
        raise ValueError("give one of --keyframe_interval and --clock, which has its own")
    return EveryL(keyframe_interval)


def segment_and_show(
    segmenter: Segmenter, source: str | Path, folder: Path, settings: FolderSettings
) -> StreamRecord:
    """Segment a source into a folder; print the progress and the result."""
    last_seconds = time.monotonic()
    with tqdm(unit=" frames", disable=not sys.stderr.isatty(), leave=False) as bar:

        def show(statistics: StreamStatistics, total: int | None) -> None:
            nonlocal last_seconds
            bar.total = total
            bar.update()
            now = time.monotonic()
            if now - last_seconds < (10.0 if bar.disable else 1.0):
                return
            last_seconds = now
            if bar.disable:  # a log gets a line now and then
                of = f"/{total}" if total else ""
                print(f"{statistics.num_frames}{of} frames, {statistics.line()}", flush=True)
            else:
                bar.set_postfix_str(statistics.line(), refresh=False)

        record = segment_to_folder(segmenter, source, folder, settings, show)
    print(record.text(), flush=True)
    return record
