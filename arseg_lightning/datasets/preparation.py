"""Preparation: clips are encoded and their motion is extracted, unless they are ready already."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from arseg_lightning.datasets.data_files import VIDEO_SUFFIXES
from arseg_lightning.datasets.labelled_video import LabelledVideo
from arseg_lightning.datasets.store import ClipStore
from arseg_lightning.parallel_jobs import Job, Outcome, run_jobs
from arseg_lightning.video.errors import VideoDamageWarning

__all__ = ["clip_jobs", "prepare", "prepare_missing", "video_jobs"]

# Processes need seconds to start: a few short clips are ready before they could help.
_PATIENCE_SECONDS = 5.0
# How many failures a message names; there may be thousands, of one cause.
_MOST_NAMED = 10


def prepare(outcomes: Generator[Outcome], total: int, within_run: bool = False) -> list[Outcome]:
    """Show how jobs go on with a progress bar, and return how they ended, by name.

    Args:
        outcomes: Of the jobs, which run meanwhile.
        total: Number of the jobs.
        within_run: Whether something else follows: the bar appears only if it takes long, and is
            removed at the end.

    Raises:
        ValueError: If some have failed, when all others are done.
    """
    # A log gets a line only now and then.
    delay, every_seconds = (0.5, 0.1) if sys.stderr.isatty() else (15.0, 15.0)
    ended, failed = list[Outcome](), list[Outcome]()
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
            (ended if outcome.error is None else failed).append(outcome)
            if failed:
                bar.set_postfix(failed=len(failed), refresh=False)
            bar.update()
    if failed:
        failed.sort(key=lambda each: each.name)
        more = f"and {len(failed) - _MOST_NAMED} more\n" if len(failed) > _MOST_NAMED else ""
        named = "".join(f"{each.name}: {each.error}\n" for each in failed[:_MOST_NAMED])
        raise ValueError(
            f"{len(failed)} of {total} clips cannot be prepared:\n{named}{more}mend or replace "
            f"them, or take them out of the data; what is ready is kept, and the same command "
            f"continues with the rest"
        )
    return sorted(ended, key=lambda each: each.name)


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
    store: ClipStore,
    videos: Sequence[LabelledVideo],
    workers: int | None = 1,
    with_motion: bool = True,
) -> None:
    """Prepare the videos of a run as :func:`prepare` does; ``workers`` help if it takes long."""
    jobs = clip_jobs(store, videos, with_motion)
    for each in prepare(run_jobs(jobs, workers, _PATIENCE_SECONDS), len(jobs), within_run=True):
        for note in each.notes:
            warnings.warn(note, VideoDamageWarning, stacklevel=2)
