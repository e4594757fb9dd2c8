"""Reads frames in the background, so that decoding and the caller's work overlap."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator

from arseg_lightning.video.live.frame import StreamedFrame
from arseg_lightning.video.live.skipping import skip

__all__ = ["Reader"]

_PATIENCE_SECONDS = 2.0
"""How long closing waits for a thread that waits for a silent source; it ends by itself later."""

_BREATH_SECONDS = 0.5
"""Some systems deliver Ctrl-C only between waits."""


class Reader:
    """Keeps a few frames ready.

    Args:
        frames: Where they come from; closed in the thread that reads them.
        ahead: How many are kept ready.
        drops_late: Tells whether the oldest of them goes when a new one finds no place; otherwise
            reading waits.
        stop: Tells the source, and is told, that nobody reads any more.
    """

    def __init__(
        self,
        frames: Generator[StreamedFrame, None, None],
        ahead: int,
        drops_late: Callable[[], bool],
        stop: threading.Event,
    ) -> None:
        self.num_dropped = 0
        self._frames = frames
        self._ahead = ahead
        self._drops_late = drops_late
        self._stop = stop
        self._ready: deque[StreamedFrame] = deque()
        self._changed = threading.Condition()
        self._error: Exception | None = None
        self._has_ended = False
        self._thread = threading.Thread(target=self._read, name="live source", daemon=True)
        self._thread.start()

    def get(self) -> StreamedFrame | None:
        """The next frame, as soon as there is one; None at the end.

        Raises:
            Exception: Whatever ended the reading.
        """
        with self._changed:
            while not self._ready and not self._has_ended:
                self._changed.wait(_BREATH_SECONDS)
            if self._ready:
                self._changed.notify_all()
                return self._ready.popleft()
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            return None

    def close(self) -> None:
        """Stop reading; what was not got is lost."""
        self._stop.set()
        with self._changed:
            self._ready.clear()
            self._changed.notify_all()
        self._thread.join(_PATIENCE_SECONDS)

    def _read(self) -> None:
        try:
            for frame in self._frames:
                if not self._put(frame):
                    break
            self._frames.close()
        except Exception as error:  # raised again where the frames are asked for
            self._error = error
        finally:
            with self._changed:
                self._has_ended = True
                self._changed.notify_all()

    def _put(self, frame: StreamedFrame) -> bool:
        """Add a frame, or tell that nobody wants it."""
        with self._changed:
            while len(self._ready) >= self._ahead and not self._may_go_on():
                self._changed.wait(_BREATH_SECONDS)
            if self._stop.is_set():
                return False
            self._ready.append(frame)
            if len(self._ready) > self._ahead:
                dropped = self._ready.popleft()
                self._ready[0] = skip(dropped, self._ready[0])
                self.num_dropped += 1
            self._changed.notify_all()
            return True

    def _may_go_on(self) -> bool:
        """Whether a frame that finds no place need not wait for one."""
        return self._stop.is_set() or self._drops_late()
