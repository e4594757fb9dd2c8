"""Segmentation of a video source into a folder of results."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from arseg_lightning.ranges import check_above, check_range
from arseg_lightning.streaming.interrupt import Interrupt
from arseg_lightning.streaming.outputs import InBackground, LabelImages, Output
from arseg_lightning.streaming.overlay import OverlayVideo
from arseg_lightning.streaming.record import RECORD_NAME, StreamRecord, stream_record
from arseg_lightning.streaming.segmenter import Segmenter
from arseg_lightning.streaming.stream_statistics import StreamStatistics
from arseg_lightning.types import ClassSet
from arseg_lightning.video.live import LiveMotion, LiveSource

__all__ = ["FolderSettings", "LiveOptions", "Watch", "segment_to_folder"]

Watch = Callable[[StreamStatistics, int | None], object]
"""Gets the statistics after each frame, and the number of all frames if that is known."""

_OUTPUTS = {"overlay": "overlay.mp4", "labels": "labels"}
"""File or folder of each output."""


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

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_above(0, fps=self.fps, timeout_seconds=self.timeout_seconds)
        check_range(0, reconnect_seconds=self.reconnect_seconds)


@dataclass(frozen=True)
class FolderSettings:
    """Input and outputs of :func:`segment_to_folder`.

    Args:
        outputs: ``overlay`` (``overlay.mp4``) and ``labels`` (an image a frame).
        motion: Source of the motion, see :meth:`Segmenter.open`.
        limit: Most frames.
        batch_frames: See :meth:`Segmenter.results`.
        opacity: Weight of the classes' colours in the overlay.
        overwrite: Replace the results that are in the folder already.
        live: How the source is read.

    Raises:
        ValueError: If an output is unknown or a number out of its range.
    """

    outputs: tuple[str, ...] = ("overlay", "labels")
    motion: LiveMotion = "auto"
    limit: int | None = None
    batch_frames: int = 1
    opacity: float = 0.5
    overwrite: bool = False
    live: LiveOptions = LiveOptions()

    def __post_init__(self) -> None:
        """Check names and ranges."""
        for name in self.outputs:
            if name not in _OUTPUTS:
                raise ValueError(f"outputs are of {', '.join(_OUTPUTS)}, got {name!r}")
        check_range(1, limit=self.limit, batch_frames=self.batch_frames)
        check_range(0, 1, opacity=self.opacity)


def segment_to_folder(
    segmenter: Segmenter,
    source: str | Path,
    folder: Path,
    settings: FolderSettings = FolderSettings(),
    watch: Watch | None = None,
) -> StreamRecord:
    """Segment a source from start to end and write its results, with ``predict.json``.

    What was written is complete in itself whatever ends the stream; Ctrl-C ends it at a frame.

    Args:
        segmenter: The method.
        source: A source of :func:`open_live`.
        folder: Folder of the results.
        settings: Input and outputs.
        watch: Is called after each frame.

    Returns:
        The content of ``predict.json``.

    Raises:
        FileExistsError: If the folder holds results already.
        OSError: If it cannot be written.
        ValueError: If the source cannot be used.
    """
    segmenter.check_batch(settings.batch_frames)
    older = _older_results(folder, settings.overwrite)
    with (
        Interrupt() as interrupt,
        segmenter.open(source, settings.motion, **asdict(settings.live)) as live,
    ):
        statistics = StreamStatistics(bool(segmenter.method.key_roles))
        outputs = _outputs(segmenter.classes, folder, settings, live)
        for path in older:  # images of a longer video would be taken for this one's
            for file in path.glob("[0-9]*.png") if path.is_dir() else [path]:
                file.unlink(missing_ok=True)
        try:
            with ExitStack() as stack:
                for output in outputs:
                    stack.enter_context(output)
                frames = interrupt.until_wanted(live)
                for result in segmenter.results(frames, settings.limit, settings.batch_frames):
                    for output in outputs:
                        output.write(result)
                    statistics.add(result)
                    if watch is not None:
                        watch(statistics, live.num_frames)
        except Exception as error:
            with suppress(OSError):  # it may be what ended the stream
                stream_record(segmenter, live, statistics, outputs, str(error)).write(folder)
            raise
        ended = "interrupted" if interrupt.wanted else "complete"
        record = stream_record(segmenter, live, statistics, outputs, ended)
    record.write(folder)
    return record


def _older_results(folder: Path, overwrite: bool) -> list[Path]:
    """Make the folder, and find the results in it, before anything is decoded."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):  # it takes files
        pass
    paths = [folder / name for name in (RECORD_NAME, *_OUTPUTS.values())]
    present = [path for path in paths if path.exists()]
    if present and not overwrite:
        raise FileExistsError(
            f"{folder} holds results already ({present[0].name}); give another --output, or "
            f"replace them with --overwrite true"
        )
    return present


def _outputs(
    classes: ClassSet, folder: Path, settings: FolderSettings, live: LiveSource
) -> list[Output]:
    outputs = list[Output]()
    if "overlay" in settings.outputs:
        path = folder / _OUTPUTS["overlay"]
        outputs.append(OverlayVideo(path, classes, live.fps, settings.opacity))
    if "labels" in settings.outputs:
        outputs.append(LabelImages(folder / _OUTPUTS["labels"], classes))
    return [InBackground(output) for output in outputs]
