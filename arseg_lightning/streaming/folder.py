"""From a source of video to a folder of results."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from arseg_lightning.methods import StreamResult
from arseg_lightning.streaming.figures import Figures
from arseg_lightning.streaming.interrupt import Interrupt
from arseg_lightning.streaming.outputs import (
    InBackground,
    LabelArrays,
    LabelImages,
    Output,
    OverlayVideo,
)
from arseg_lightning.streaming.outputs.output import make_folder
from arseg_lightning.streaming.record import RECORD_NAME, StreamRecord, stream_record
from arseg_lightning.streaming.segmenter import Segmenter
from arseg_lightning.video.live import LiveMotion, LiveSource

__all__ = ["FolderSettings", "LiveOptions", "Watch", "segment_to_folder"]

Watch = Callable[[Figures, int | None], object]
"""Is told the figures after each frame, and how many frames there are if that is known."""


_OUTPUTS = {"overlay": "overlay.mp4", "labels": "labels", "npz": "npz"}
"""What can be made of a stream, and its file or folder."""

_NAMES = (RECORD_NAME, *_OUTPUTS.values())


@dataclass(frozen=True)
class LiveOptions:
    """How a source is read, see :func:`open_live`.

    Args:
        fps: Frames per second of a folder of images, 25 by default.
        drop_late: Of a camera or an address, drop frames that the networks are too slow for.
        timeout_seconds: How long an address may stay silent.
        reconnect_seconds: How long a camera or address that broke off is tried again.
    """

    fps: float | None = None
    drop_late: bool = False
    timeout_seconds: float = 10.0
    reconnect_seconds: float = 30.0


@dataclass(frozen=True)
class FolderSettings:
    """What is made of a stream, and where from.

    Args:
        outputs: What is written: ``overlay`` (``overlay.mp4``), ``labels`` (a picture a frame),
            ``npz`` (archives of labels and what was done for them).
        motion: Where motion comes from, see :meth:`Segmenter.open`.
        limit: Most frames.
        batch_frames: Most frames that are segmented at once, see :meth:`Segmenter.results`.
        opacity: Weight of the classes' colours in the overlay.
        overwrite: Replace the results that are in the folder already.
        live: How the source is read.

    Raises:
        ValueError: If an output or a limit is none.
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
        if self.batch_frames < 1:
            raise ValueError(f"batch_frames is at least 1, got {self.batch_frames}")
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit counts frames and is at least 1, got {self.limit}")


def segment_to_folder(
    segmenter: Segmenter,
    source: str | Path,
    folder: Path,
    settings: FolderSettings | None = None,
    watch: Watch | None = None,
) -> StreamRecord:
    """Segment a source from start to end and write its results, with ``predict.json``.

    What was written is complete in itself whatever ends the stream; Ctrl-C ends it at a frame.

    Args:
        segmenter: The method.
        source: What :func:`open_live` takes.
        folder: Where results are written.
        settings: Which.
        watch: Is told the figures after each frame.

    Returns:
        What came of it, as in ``predict.json``.

    Raises:
        FileExistsError: If the folder holds results already.
        OSError: If it cannot be written.
        ValueError: If the source cannot be used.
    """
    settings = settings or FolderSettings()
    segmenter.check_batch(settings.batch_frames)
    _check_folder(folder, settings.overwrite)
    with (
        Interrupt() as interrupt,
        segmenter.open(source, settings.motion, **asdict(settings.live)) as live,
    ):
        _clear(folder)
        stream = _Stream(segmenter, live, _outputs(segmenter, live, folder, settings), watch)
        try:
            stream.run(interrupt, settings)
        except Exception as error:
            with suppress(OSError):  # it may be what ended the stream
                stream.record(str(error)).write(folder)
            raise
        record = stream.record("interrupted" if interrupt.wanted else "complete")
    record.write(folder)
    return record


class _Stream:
    """A stream on its way to its outputs."""

    def __init__(
        self, segmenter: Segmenter, live: LiveSource, outputs: list[Output], watch: Watch | None
    ) -> None:
        self.segmenter = segmenter
        self.live = live
        self.outputs = outputs
        self.watch = watch
        self.figures = Figures(bool(segmenter.method.key_roles))

    def run(self, interrupt: Interrupt, settings: FolderSettings) -> None:
        """Go on to the end, or until someone wants to stop."""
        with ExitStack() as stack:
            for output in self.outputs:
                stack.enter_context(output)
            results = self.segmenter.results(self.live, settings.limit, settings.batch_frames)
            for result in interrupt.until_wanted(results):
                self._write(result)

    def record(self, ended: str) -> StreamRecord:
        """What the stream came to."""
        return stream_record(self.segmenter, self.live, self.figures, self.outputs, ended)

    def _write(self, result: StreamResult) -> None:
        for output in self.outputs:
            output.write(result)
        self.figures.add(result)
        if self.watch is not None:
            self.watch(self.figures, self.live.num_frames)


def _check_folder(folder: Path, overwrite: bool) -> None:
    """Make the folder, and see what is in it, before anything is decoded."""
    make_folder(folder)
    present = [name for name in _NAMES if (folder / name).exists()]
    if present and not overwrite:
        raise FileExistsError(
            f"{folder} holds results already ({present[0]}); give another --output, or replace "
            f"them with --overwrite true"
        )


def _clear(folder: Path) -> None:
    """Take away older results: pictures of a longer video would be taken for this one's."""
    for path in (folder / name for name in _NAMES):
        for file in path.glob("[0-9]*.*") if path.is_dir() else [path]:
            file.unlink(missing_ok=True)


def _outputs(
    segmenter: Segmenter, live: LiveSource, folder: Path, settings: FolderSettings
) -> list[Output]:
    """What is to be written."""
    classes = segmenter.classes
    makers: dict[str, Callable[[], Output]] = {
        "overlay": lambda: OverlayVideo(
            folder / "overlay.mp4", classes, live.fps, settings.opacity
        ),
        "labels": lambda: LabelImages(folder / "labels", classes),
        "npz": lambda: LabelArrays(folder / "npz", classes),
    }
    return [InBackground(makers[name]()) for name in dict.fromkeys(settings.outputs)]
