"""Encodes clips and extracts their motion before they are needed; what is there is left alone."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from arseg_lightning.datasets.data_files import VIDEO_SUFFIXES
from arseg_lightning.datasets.labelled_video import LabelledVideo
from arseg_lightning.datasets.store import ClipStore
from arseg_lightning.parallel_jobs import Job, Outcome, run_jobs
from arseg_lightning.video.errors import VideoDamageWarning

__all__ = ["NotPrepared", "PrepareReport", "clip_jobs", "prepare", "prepare_missing", "video_jobs"]

_PATIENCE_SECONDS = 5.0
"""Processes need seconds to start: a few short clips are done before they could help."""

_MOST_NAMED = 10
"""How many failures a message names; there may be thousands, of one cause."""


class NotPrepared(ValueError):
    """Clips that a run needs cannot be prepared; those that can be are."""


@dataclass(frozen=True, slots=True)
class PrepareReport:
    """What came of it.

    Args:
        total: How many there are.
        made: How many were made now.
        found: How many were there already.
        failed: Those that failed, by name.
        damaged: Those of which only a part decodes, by name; the rest of them is used.
        stopped: Whether the rest was not tried, because nothing can be written.
    """

    total: int
    made: int
    found: int
    failed: tuple[Outcome, ...]
    damaged: tuple[Outcome, ...]
    stopped: bool

    @property
    def is_complete(self) -> bool:
        """Whether everything is there."""
        return self.made + self.found == self.total


def prepare(
    outcomes: Iterable[Outcome], total: int, progress: Callable[[Outcome], Any] | None = None
) -> PrepareReport:
    """Wait for the outcomes of jobs, as :func:`run_jobs` yields them, and sum them up.

    Args:
        outcomes: How each job ended.
        total: How many jobs there are.
        progress: Is told each one.
    """
    ended = []
    for outcome in outcomes:
        ended.append(outcome)
        if progress is not None:
            progress(outcome)
    ended.sort(key=lambda each: each.name)
    good = [each for each in ended if each.error is None]
    return PrepareReport(
        total=total,
        made=sum(each.made for each in good),
        found=sum(not each.made for each in good),
        failed=tuple(each for each in ended if each.error is not None),
        damaged=tuple(each for each in good if each.notes),
        stopped=any(each.disk_full for each in ended),
    )


def clip_jobs(
    store: ClipStore, videos: Iterable[LabelledVideo], with_motion: bool = True
) -> list[Job]:
    """One job for each video of a data set."""
    return [Job(each.name, partial(store.prepare, each, with_motion)) for each in videos]


def video_jobs(store: ClipStore, folder: Path) -> list[Job]:
    """One job for each video file in a folder and its folders, or for one file.

    Raises:
        FileNotFoundError: If there is none.
    """
    found = [folder] if folder.is_file() else sorted(folder.rglob("[!.]*"))
    videos = [
        path
        for path in found
        if path.is_file() and (path == folder or path.suffix.lower() in VIDEO_SUFFIXES)
    ]
    if not videos:
        raise FileNotFoundError(
            f"{folder} holds no videos ({', '.join(VIDEO_SUFFIXES)}); give a folder that does"
        )
    return [Job(str(path), partial(store.prepare_video, path)) for path in videos]


def prepare_missing(
    store: ClipStore, videos: Sequence[LabelledVideo], workers: int = 1, with_motion: bool = True
) -> None:
    """Prepare the videos that are not ready yet, with a bar; if none is missing, this is quick.

    Args:
        store: Where they belong.
        videos: What is needed.
        workers: How many processes help if it takes long.
        with_motion: Whether anyone looks at motion.

    Raises:
        NotPrepared: If some cannot be, when all others are.
    """
    # A log gets a line only now and then.
    delay, every_seconds = (0.5, 0.1) if sys.stderr.isatty() else (15.0, 15.0)
    bar: tqdm[Any]
    with tqdm(
        total=len(videos), desc="preparing", leave=False, delay=delay, mininterval=every_seconds
    ) as bar:
        missing = [video for video in videos if not _is_ready(store, video, with_motion)]
        bar.update(len(videos) - len(missing))
        jobs = clip_jobs(store, missing, with_motion)
        outcomes = run_jobs(jobs, workers, patience_seconds=_PATIENCE_SECONDS)
        report = prepare(outcomes, len(jobs), lambda _: bar.update())
    for note in (note for each in report.damaged for note in each.notes):
        warnings.warn(note, VideoDamageWarning, stacklevel=2)
    if not report.is_complete:
        raise NotPrepared(_message(report, store, len(videos)))


def _is_ready(store: ClipStore, video: LabelledVideo, with_motion: bool) -> bool:
    try:
        return store.has(video, with_motion)
    except OSError:  # its job will say so, beside all others that fail
        return False


def _message(report: PrepareReport, store: ClipStore, total: int) -> str:
    """What failed, and what to do."""
    remedy = "mend or replace them, or take them out of the data"
    if report.stopped:
        remedy = f"{store.root} takes nothing more"
    lines = [f"{len(report.failed)} of {total} clips cannot be prepared:"]
    lines += [f"{each.name}: {each.error}" for each in report.failed[:_MOST_NAMED]]
    if len(report.failed) > _MOST_NAMED:
        lines.append(f"and {len(report.failed) - _MOST_NAMED} more")
    lines.append(f"{remedy}; what is ready is kept, and the same command goes on with the rest")
    return "\n".join(lines)
