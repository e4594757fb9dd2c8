"""Reads items in a thread of its own, so that their making and the caller's work overlap."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator
from typing import Generic, TypeVar

__all__ = ["Reader"]

_PATIENCE_SECONDS = 1.0
"""How long closing waits for a thread that waits for a silent source; it ends by itself later."""

_BREATH_SECONDS = 0.5
"""Some systems deliver Ctrl-C only between waits."""

ItemT = TypeVar("ItemT")


class Reader(Generic[ItemT]):
    """Keeps a few items ready.

    Args:
        items: Where they come from; closed in the thread that reads them.
        ahead: How many are kept ready.
        stop: Tells the source, and is told, that nobody reads any more.
        drops_late: Tells whether the oldest of them goes when a new one finds no room; otherwise
            reading waits.
        skip: Makes of an item that goes and the one after it what takes their place.
    """

    def __init__(
        self,
        items: Generator[ItemT],
        ahead: int,
        stop: threading.Event,
        drops_late: Callable[[], bool] = lambda: False,
        skip: Callable[[ItemT, ItemT], ItemT] = lambda _, following: following,
    ) -> None:
        self.num_dropped = 0
        self._items = items
        self._ahead = ahead
        self._stop = stop
        self._drops_late = drops_late
        self._skip = skip
        self._ready: deque[ItemT] = deque()
        self._changed = threading.Condition()
        self._error: Exception | None = None
        self._has_ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def get(self) -> ItemT | None:
        """The next item, as soon as there is one; None at the end.

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
            for item in self._items:
                with self._changed:
                    while len(self._ready) >= self._ahead and not self._stop.is_set():
                        if self._drops_late():
                            break
                        self._changed.wait(_BREATH_SECONDS)
                    if self._stop.is_set():
                        break
                    self._ready.append(item)
                    if len(self._ready) > self._ahead:
                        dropped = self._ready.popleft()
                        self._ready[0] = self._skip(dropped, self._ready[0])
                        self.num_dropped += 1
                    self._changed.notify_all()
            self._items.close()
        except Exception as error:  # raised again where the items are asked for
            self._error = error
        finally:
            with self._changed:
                self._has_ended = True
                self._changed.notify_all()
