"""Preparation: clips are encoded and their motion is extracted, unless they are ready already."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
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

# Processes need seconds to start: a few short clips are ready before they could help.
_PATIENCE_SECONDS = 5.0
# How many failures a message names; there may be thousands, of one cause.
_MOST_NAMED = 10


class NotPrepared(ValueError):
    """Clips that a run needs cannot be prepared; those that can be are."""


@dataclass(frozen=True, slots=True)
class PrepareReport:
    """How the preparation of clips ended."""

    total: int
    made: int  # now
    found: int  # ready already
    failed: tuple[Outcome, ...]  # by name
    damaged: tuple[Outcome, ...]  # by name; a part of them decodes, and is used
    stopped: bool  # the rest was not tried, because nothing can be written

    @property
    def is_complete(self) -> bool:
        """Whether everything is ready."""
        return self.made + self.found == self.total


def prepare(outcomes: Generator[Outcome], total: int, within_run: bool = False) -> PrepareReport:
    """Show how jobs go on with a progress bar, and sum up how they ended.

    Args:
        outcomes: Of the jobs, which run meanwhile.
        total: Number of the jobs.
        within_run: Whether something else follows: the bar appears only if it takes long, and is
            removed at the end.
    """
    # A log gets a line only now and then.
    delay, every_seconds = (0.5, 0.1) if sys.stderr.isatty() else (15.0, 15.0)
    ended, failed = list[Outcome](), 0
    progress: tqdm[Any] = tqdm(
        total=total,
        desc="preparing",
        unit=" clips",
        mininterval=every_seconds,
        delay=delay if within_run else 0.0,
        leave=not within_run,
    )
    with closing(outcomes), progress as bar:  # interrupted, the jobs that run are ended
        for outcome in outcomes:
            ended.append(outcome)
            failed += outcome.error is not None
            if failed:
                bar.set_postfix(failed=failed, refresh=False)
            bar.update()
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
    paths = (path for path in sorted(folder.rglob("[!.]*")) if path.is_file())
    videos = [path for path in paths if path.suffix.lower() in VIDEO_SUFFIXES]
    if folder.is_file():
        videos = [folder]
    if not videos:
        raise FileNotFoundError(
            f"{folder} holds no videos ({', '.join(VIDEO_SUFFIXES)}); give a folder that does"
        )
    return [Job(str(path), partial(store.prepare_video, path)) for path in videos]


def prepare_missing(
    store: ClipStore, videos: Sequence[LabelledVideo], workers: int = 1, with_motion: bool = True
) -> None:
    """Prepare the videos of a run; ``workers`` processes help if it takes long.

    Raises:
        NotPrepared: If some cannot be, when all others are.
    """
    jobs = clip_jobs(store, videos, with_motion)
    report = prepare(run_jobs(jobs, workers, _PATIENCE_SECONDS), len(jobs), within_run=True)
    for note in (note for each in report.damaged for note in each.notes):
        warnings.warn(note, VideoDamageWarning, stacklevel=2)
    if report.is_complete:
        return
    remedy = "mend or replace them, or take them out of the data"
    if report.stopped:
        remedy = f"{store.root} takes nothing more"
    lines = [f"{len(report.failed)} of {len(videos)} clips cannot be prepared:"]
    lines += [f"{each.name}: {each.error}" for each in report.failed[:_MOST_NAMED]]
    if len(report.failed) > _MOST_NAMED:
        lines.append(f"and {len(report.failed) - _MOST_NAMED} more")
    lines.append(f"{remedy}; what is ready is kept, and the same command continues with the rest")
    raise NotPrepared("\n".join(lines))
