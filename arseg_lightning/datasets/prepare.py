"""Many clips are encoded and their motion extracted, wherever there are processes for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from arseg_lightning.datasets.jobs import Engine, Job, Outcome
from arseg_lightning.datasets.labelled_video import LabelledVideo
from arseg_lightning.datasets.layout import VIDEO_SUFFIXES
from arseg_lightning.datasets.store import ClipStore

__all__ = ["PrepareReport", "prepare", "sequence_jobs", "video_jobs"]


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
    jobs: Sequence[Job], engine: Engine, progress: Callable[[Outcome], None] | None = None
) -> PrepareReport:
    """Do jobs; one that fails is reported, and the others go on.

    Only when nothing can be written any more, on a full disk for instance, no further one is
    begun. What is there is kept; the same call goes on with what is missing.

    Args:
        jobs: What is to be done.
        engine: Where.
        progress: Is told how each one ended.
    """
    outcomes: list[Outcome] = []
    with closing(engine.run(jobs)) as ended:
        for outcome in ended:
            outcomes.append(outcome)
            if progress is not None:
                progress(outcome)
            if outcome.no_place:
                break
    good = [each for each in outcomes if each.error is None]
    return PrepareReport(
        total=len(jobs),
        made=sum(each.made for each in good),
        found=sum(not each.made for each in good),
        failed=_by_name(each for each in outcomes if each.error is not None),
        damaged=_by_name(each for each in good if each.notes),
        stopped=any(each.no_place for each in outcomes),
    )


def sequence_jobs(
    store: ClipStore, sequences: Sequence[LabelledVideo], with_motion: bool = True
) -> list[Job]:
    """One job for each sequence."""
    return [Job(each.name, partial(store.prepare, each, with_motion)) for each in sequences]


def video_jobs(store: ClipStore, folder: Path) -> list[Job]:
    """One job for each video in a folder and its folders, or for one video.

    Raises:
        FileNotFoundError: If there is none.
    """
    if folder.is_file():
        return [Job(str(folder), partial(store.prepare_video, folder))]
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
    videos = [path for path in found if path.is_file() and not path.name.startswith(".")]
    if not videos:
        raise FileNotFoundError(
            f"{folder} holds no videos ({', '.join(VIDEO_SUFFIXES)}); give a folder that does"
        )
    return [Job(str(path), partial(store.prepare_video, path)) for path in videos]


def _by_name(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    return tuple(sorted(outcomes, key=lambda each: each.name))
