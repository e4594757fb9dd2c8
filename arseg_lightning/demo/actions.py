"""What can be done on the page, in plain Python: choose a network, check an upload, run, stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock

import torch

from arseg_lightning.demo.comparison import Comparison, Request, compare_two
from arseg_lightning.demo.networks import NetworkChoice, OfferedNetwork, load_choice
from arseg_lightning.demo.uploads import UploadLimits, check_upload

__all__ = ["Actions"]


@dataclass(slots=True)
class Actions:
    """What can be done, for any number of sessions; one video runs at a time.

    Args:
        choices: The networks that may be chosen, and no others.
        sample: The video that comes with the page.
        uploads: Folder of the uploads; of what a browser names, only files in there are read.
        limits: Of uploads.
        device: Where methods run.
    """

    choices: Sequence[NetworkChoice]
    sample: Path
    uploads: Path
    limits: UploadLimits = field(default_factory=UploadLimits)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    _running: dict[str, Event] = field(default_factory=dict)  # by session
    _lock: Lock = field(default_factory=Lock)  # methods and their clocks are shared

    def network(self, name: str | None) -> OfferedNetwork:
        """Load one of the choices by its source.

        Raises:
            OSError, ValueError: If there is no such choice, or it cannot be loaded.
        """
        chosen = next((each for each in self.choices if each.source == name), None)
        if chosen is None:
            names = ", ".join(each.source for each in self.choices) or "none"
            raise ValueError(f"no network {name!r} is offered here, but {names}; choose one")
        with self._lock:
            return load_choice(chosen)

    def video(self, upload: str | None) -> Path:
        """Check an upload; None stands for the sample.

        Raises:
            ValueError: See :func:`check_upload`.
        """
        if upload is None:
            return self.sample
        check_upload(Path(upload), self.uploads, self.limits)
        return Path(upload)

    def run(
        self,
        session: str,
        network: str | None,
        upload: str | None,
        sides: tuple[str, str],
        keyframe_interval: int,
        done: Callable[[int, int | None], object] = lambda *_: None,
    ) -> Comparison:
        """Compare two methods on a video.

        Args:
            session: Whose it is, for :meth:`stop`.
            network: Source of one of the choices.
            upload: An uploaded file; None for the sample.
            sides: Names of the methods on the left and on the right.
            keyframe_interval: Frames from one keyframe to the next.
            done: Is told after each frame how many are done, and of how many if that is known.

        Raises:
            OSError, ValueError: If something of it cannot be used.
        """
        video, offered = self.video(upload), self.network(network)
        request = Request(video, *sides, keyframe_interval, self.limits.max_seconds)
        stop = self._running[session] = Event()
        try:
            with self._lock:
                return compare_two(request, offered, self.device, done, stop.is_set)
        except ValueError as error:
            raise ValueError(str(error).replace(str(video), video.name)) from error
        finally:
            self._running.pop(session, None)

    def stop(self, session: str) -> None:
        """End what a session runs, with the frames that are done."""
        if session in self._running:
            self._running[session].set()
