"""What a run still lacks is encoded and extracted before it starts."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from tqdm.auto import tqdm

from arseg_lightning.datasets.jobs import Engine, Job, LocalEngine, Outcome, attempt
from arseg_lightning.datasets.labelled_video import LabelledVideo
from arseg_lightning.datasets.prepare import PrepareReport, prepare, sequence_jobs
from arseg_lightning.datasets.store import ClipStore
from arseg_lightning.video.errors import VideoDamageWarning

__all__ = ["NotPrepared", "PatientEngine", "prepare_missing"]

_PATIENCE_SECONDS = 5.0
"""Processes need seconds to start: a few short clips are done before they could help."""

_MOST_NAMED = 10
"""How many failures a message names; there may be thousands, of one cause."""


class NotPrepared(ValueError):
    """Clips that a run needs cannot be prepared; those that can be are."""


@dataclass(frozen=True)
class PatientEngine(Engine):
    """This process alone; if it takes long, several processes go on.

    Args:
        workers: Number of processes then; 1 stays with this one.
        seconds: What is long.
    """

    workers: int
    seconds: float = _PATIENCE_SECONDS

    def run(self, jobs: Sequence[Job]) -> Generator[Outcome, None, None]:
        """Do jobs; those that are left after a while, side by side."""
        start = time.monotonic()
        for number, job in enumerate(jobs):
            rest = jobs[number:]
            is_long = number > 0 and time.monotonic() - start >= self.seconds
            if is_long and len(rest) > 1 and self.workers > 1:
                yield from LocalEngine(self.workers).run(rest)
                return
            yield attempt(job)


def prepare_missing(
    store: ClipStore, sequences: Sequence[LabelledVideo], workers: int = 1, with_motion: bool = True
) -> None:
    """Prepare the sequences that are not ready yet, with a bar; if none is, this is quick.

    Args:
        store: Where they belong.
        sequences: What is needed.
        workers: How many processes help if it takes long. They import the program's main module,
            which only our own is sure to survive: another program prepares in its one process.
        with_motion: Whether anyone looks at motion.

    Raises:
        NotPrepared: If some cannot be, when all others are.
    """
    with _progress(len(sequences)) as bar:
        missing: list[LabelledVideo] = []
        for sequence in sequences:
            if _is_ready(store, sequence, with_motion):
                bar.update()
            else:
                missing.append(sequence)
        engine = PatientEngine(workers if _may_start_processes() else 1)
        report = prepare(
            sequence_jobs(store, missing, with_motion), engine, lambda _: bar.update() and None
        )
    for note in (note for each in report.damaged for note in each.notes):
        warnings.warn(note, VideoDamageWarning, stacklevel=2)
    if not report.is_complete:
        raise NotPrepared(_message(report, store, len(sequences)))


def _is_ready(store: ClipStore, sequence: LabelledVideo, with_motion: bool) -> bool:
    try:
        return store.has(sequence, with_motion)
    except OSError:  # its job will say so, beside all others that fail
        return False


def _may_start_processes() -> bool:
    """Whether the program is ours; a script of others may train again when it is imported."""
    specification = getattr(sys.modules["__main__"], "__spec__", None)
    return specification is not None and specification.name == "arseg_lightning.__main__"


def _progress(total: int) -> tqdm[Any]:
    """A bar, if it takes a while; a log gets a line only now and then."""
    delay, every_seconds = (0.5, 0.1) if sys.stderr.isatty() else (15.0, 15.0)
    return tqdm(total=total, desc="preparing", leave=False, delay=delay, mininterval=every_seconds)


def _message(report: PrepareReport, store: ClipStore, total: int) -> str:
    """What failed, and what to do."""
    named = [f"{each.name}: {each.error}" for each in report.failed[:_MOST_NAMED]]
    more = len(report.failed) - len(named)
    remedy = (
        f"{store.root} takes nothing more"
        if report.stopped
        else "mend or replace them, or take them out of the data"
    )
    return "\n".join(
        [
            f"{len(report.failed)} of {total} clips cannot be prepared:",
            *named,
            *([f"and {more} more"] if more else []),
            f"{remedy}; what is ready is kept, and the same command goes on with the rest",
        ]
    )
