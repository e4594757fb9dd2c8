"""Segmentation of a video source into a folder of results."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from arseg_lightning.ranges import check_range
from arseg_lightning.streaming.outputs import (
    FrameLog,
    InBackground,
    LabelImages,
    Output,
    OverlayVideo,
)
from arseg_lightning.streaming.record import RECORD_NAME, StreamRecord, StreamStatistics
from arseg_lightning.streaming.segmenter import Segmenter
from arseg_lightning.streaming.submission import ENDING, CityscapesLabels
from arseg_lightning.video.live import LiveMotion, LiveSource

__all__ = ["LiveOptions", "Watch", "segment_to_folder", "write_results"]

Watch = Callable[[StreamStatistics, int | None], object]
"""Gets the statistics after each frame, and the number of all frames if that is known."""

_OUTPUTS = {
    "overlay": "overlay.mp4",
    "labels": "labels",
    "frames": "frames.csv",
    "cityscapes": "cityscapes",
}
"""File or folder of each output."""

_PLOT = "frames.png"
"""What goes beside ``frames.csv``, at the end."""


@dataclass(frozen=True)
class LiveOptions:
    """Options for reading a source, see :func:`open_live`.

    Args:
        fps: Frames per second of a folder of images, 25 by default.
        drop_late: Of a camera or an address, drop frames that the networks are too slow for.
        timeout_seconds: How long an address may stay silent.
        reconnect_seconds: How long a camera or address that broke off is tried again.
        lookahead: Whether the method may wait for later frames of a camera, an address or a pipe.
    """

    fps: float | None = None
    drop_late: bool = False
    timeout_seconds: float = 10.0
    reconnect_seconds: float = 30.0
    lookahead: bool = False


def segment_to_folder(
    segmenter: Segmenter,
    source: str | Path,
    folder: Path,
    *,
    outputs: Sequence[str] = ("overlay", "labels"),
    motion: LiveMotion = "auto",
    limit: int | None = None,
    overwrite: bool = False,
    consistency: bool = False,
    live: LiveOptions = LiveOptions(),
    watch: Watch = lambda *_: None,
) -> StreamRecord:
    """Segment a source from start to end; write its results and the record, ``predict.json``.

    What was written is complete whatever ends the stream, Ctrl-C too.

    Args:
        segmenter: The method.
        source: A source of :func:`open_live`.
        folder: Folder of the results.
        outputs: ``overlay`` (``overlay.mp4``), ``labels`` (an image a frame), ``frames``
            (``frames.csv``, a line a frame, and ``frames.png``) and ``cityscapes`` (files for its
            evaluation server).
        motion: Source of the motion, see :meth:`Segmenter.open`.
        limit: Most frames.
        overwrite: Replace the results that are in the folder already.
        consistency: Whether temporal consistency and flicker are measured along the motion.
        live: How the source is read.
        watch: Is called after each frame.

    Raises:
        OSError, ValueError: If folder, source or an argument cannot be used.
    """
    check_range(1, limit=limit)
    older = _older_results(folder, outputs, overwrite)
    with segmenter.open(source, motion, with_motion=consistency, **asdict(live)) as opened:
        statistics = StreamStatistics(segmenter, consistency)
        classes, paths = segmenter.classes, {name: folder / end for name, end in _OUTPUTS.items()}
        known: dict[str, Callable[[], Output]] = {
            "overlay": lambda: OverlayVideo(paths["overlay"], classes, opened.fps),
            "labels": lambda: LabelImages(paths["labels"], classes),
            "frames": lambda: FrameLog(paths["frames"]),
            "cityscapes": lambda: CityscapesLabels(paths["cityscapes"], classes, source),
        }
        writers = [known[name]() for name in outputs]
        _remove(older)
        try:
            ended = write_results(segmenter, opened, writers, statistics, limit, watch)
        except Exception as error:
            with suppress(OSError):  # it may be what ended the stream
                statistics.record(opened, writers, str(error)).write(folder)
            raise
        record = statistics.record(opened, writers, ended)
    record.write(folder)
    if "frames" in outputs:
        from arseg_lightning.report.stream_plot import plot_frames  # matplotlib is slow to import

        plot_frames(folder / _OUTPUTS["frames"], folder / _PLOT)
    return record


def write_results(
    segmenter: Segmenter,
    opened: LiveSource,
    writers: Sequence[Output],
    statistics: StreamStatistics,
    limit: int | None,
    watch: Watch,
) -> str:
    """Segment an open source and write the results, until its end or Ctrl-C; tells which."""
    try:
        with ExitStack() as stack:
            threads = [stack.enter_context(InBackground(writer)) for writer in writers]
            for result in segmenter.results(statistics.watch(opened), limit):
                for thread in threads:
                    thread.write(result)
                statistics.add(result)
                watch(statistics, opened.num_frames)
    except KeyboardInterrupt:
        return "interrupted"
    return "complete"


def _remove(older: Sequence[Path]) -> None:
    """Remove older results: images of a longer video would be taken for this one's."""
    for path in older:
        pattern = f"*{ENDING}" if path.name == _OUTPUTS["cityscapes"] else "[0-9]*.png"
        for file in path.glob(pattern) if path.is_dir() else [path]:
            file.unlink(missing_ok=True)


def _older_results(folder: Path, outputs: Sequence[str], overwrite: bool) -> list[Path]:
    """Make the folder, and find the results in it, before anything is decoded."""
    if unknown := [name for name in outputs if name not in _OUTPUTS]:
        raise ValueError(f"outputs are of {', '.join(_OUTPUTS)}, got {unknown[0]!r}")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):  # it takes files
        pass
    paths = [folder / name for name in (RECORD_NAME, *_OUTPUTS.values(), _PLOT)]
    present = [path for path in paths if path.exists()]
    if present and not overwrite:
        raise FileExistsError(
            f"{folder} holds results already ({present[0].name}); give another --output, or "
            f"replace them with --overwrite true"
        )
    return present
