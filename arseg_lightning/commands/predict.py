"""The command ``predict``: segmentation of any video as a stream."""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tqdm import tqdm

from arseg_lightning.export import Runtime
from arseg_lightning.inference import Optimisations, Precision
from arseg_lightning.methods import Clock, EveryL, NetworkMethodFactory
from arseg_lightning.streaming import Segmenter, load_run
from arseg_lightning.streaming.folder import LiveOptions, segment_to_folder
from arseg_lightning.streaming.pipe import claimed_standard_output, segment_to_pipe
from arseg_lightning.streaming.pretrained import load_pretrained
from arseg_lightning.streaming.record import StreamRecord, StreamStatistics
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
    outputs: str | None = None,
    device: str = "auto",
    precision: Precision = "float32",
    runtime: Runtime | None = None,
    limit: int | None = None,
    overwrite: bool = False,
    consistency: bool = False,
    overrides: tuple[str, ...] = (),
) -> StreamRecord:
    """Segment a video, images, a camera, an address or a pipe, frame by frame; Ctrl-C ends it.

    Args:
        configs: The folder of a run, or hf:USER/REPO; or files of configuration (--config A
            --config B), whose values are overridden as in `test`: --model.weights.high_res FILE.
        network: A pretrained network in a run's place: hf:REPOSITORY or hf:FOLDER (Hugging Face).
        method: The method that it runs in, by class, such as TapLab; every frame by itself if none.
        video: A video file, a folder of images, camera:0, an address (rtsp://), or - (a pipe).
        output: Folder of the results: overlay.mp4, labels/, predict.json; or - (standard output).
        checkpoint: best or last of the run, or a run's checkpoint; the best by default.
        keyframe_interval: Frames from one keyframe to the next; by default the experiment's.
        clock: Another choice of keyframes: CodecKeyframes or Adaptive (--clock.max_interval 30).
        motion: codec (its own or a refusal), reencode (on the fly), or auto (none if unused).
        live: How a camera or an address is read.
        outputs: What is written, of overlay, labels, frames (a table, a plot) and cityscapes (for
            its evaluation server), with commas; overlay,labels by default. To -, overlay or labels.
        device: auto, cpu, cuda, cuda:N or mps (Apple's GPU).
        precision: float32, bfloat16 or float16.
        runtime: Of an exported folder: onnxruntime (the default) or openvino.
        limit: Most frames.
        overwrite: Replace results that are in the folder already.
        consistency: Measure temporal consistency and flicker along the motion (docs/metrics.md).
        overrides: Settings that win over the configuration.
    """
    settings: dict[str, Any] = {"motion": motion, "limit": limit, "consistency": consistency}
    with ExitStack() as stack:
        is_pipe = str(output) == "-"
        target = stack.enter_context(claimed_standard_output()) if is_pipe else output
        settings |= _named(outputs) | ({} if is_pipe else {"overwrite": overwrite})
        clock, fast = _clock(clock, keyframe_interval), Optimisations(precision=precision)
        _check_source(configs, network, method, runtime)
        if network is not None:
            segmenter = _pretrained(network, method, clock, device, fast)
        else:
            segmenter = load_run(configs or [], checkpoint, overrides, clock, device, fast, runtime)
        record = segment_and_show(segmenter, video, target, live=live, **settings)
    if record.ended == "interrupted":
        sys.exit(130)  # what shells expect of a program that was ended by Ctrl-C
    return record


def _named(outputs: str | None) -> dict[str, Any]:
    """The outputs, if any are named: each target has its own by default."""
    if outputs is None:
        return {}
    return {"outputs": [word.strip() for word in outputs.split(",") if word.strip()]}


def _check_source(
    configs: list[Path] | None,
    network: str | None,
    method: NetworkMethodFactory | None,
    runtime: Runtime | None,
) -> None:
    if network is not None and runtime is not None:
        raise ValueError("--runtime is for an exported folder, and --network gives none")
    if (network is not None and configs) or (network is None and method is not None):
        raise ValueError("give a run, which has its method, or --network and --method")


def _pretrained(
    network: str,
    method: NetworkMethodFactory | None,
    clock: Clock | None,
    device: str,
    fast: Optimisations,
) -> Segmenter:
    known = load_pretrained(network)
    parts = known.method(method), known.classes, known.normalise
    return Segmenter(*parts, clock=clock, device=device, optimisations=fast)


def _clock(clock: Clock | None, keyframe_interval: int | None) -> Clock | None:
    if keyframe_interval is None:
        return clock
    if clock is not None:
        raise ValueError("give one of --keyframe_interval and --clock, which has its own")
    return EveryL(keyframe_interval)


def segment_and_show(
    segmenter: Segmenter, source: str | Path, target: Path | int, **settings: Any
) -> StreamRecord:
    """Segment a source into a folder or the pipe of a number; print the progress and the result.

    The settings are those of :func:`segment_to_folder` or :func:`segment_to_pipe`.
    """
    seconds = 1.0 if sys.stderr.isatty() else 10.0  # a log gets a line now and then
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends it as Ctrl-C does
    with tqdm(unit=" frames", mininterval=seconds, leave=False) as bar:

        def show(statistics: StreamStatistics, total: int | None) -> None:
            bar.total = total
            bar.set_postfix_str(statistics.line(), refresh=False)
            bar.update()

        try:
            if isinstance(target, int):
                record = segment_to_pipe(segmenter, source, target, watch=show, **settings)
            else:
                record = segment_to_folder(segmenter, source, target, watch=show, **settings)
        finally:
            signal.signal(signal.SIGTERM, before)
    print(record.text(), flush=True)
    return record
