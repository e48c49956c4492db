"""Ctrl-C and SIGTERM, in one place: what may be cut short ends at once, what must not be is finished first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


class StopFlag:
    """Whether the user has asked to stop.

    Attributes:
        is_set: True from the first Ctrl-C on; a second one raises KeyboardInterrupt wherever it comes.
    """

    def __init__(self) -> None:
        self.is_set = False
        self._may_end = False

    def unless_stopped(self, work: Callable[[], T]) -> T | None:
        """Return what `work` returns; None if the user has asked to stop, before it or during it, which ends it at once."""
        return None if self.is_set else self.interruptible(work)

    def interruptible(self, work: Callable[[], T]) -> T | None:
        """Return what `work` returns; None if Ctrl-C ended it, at once. It is begun whether or not the flag is set."""
        self._may_end = True
        try:
            return work()
        except KeyboardInterrupt:
            self.is_set = True
            return None
        finally:
            self._may_end = False

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        is_second, self.is_set = self.is_set, True
        if self._may_end or is_second:
            raise KeyboardInterrupt


@contextmanager
def stop_flag() -> Iterator[StopFlag]:
    """Inside, signals that would raise KeyboardInterrupt set the flag, and raise it only in `unless_stopped`.

    Outside of the main thread, where no signals arrive, and for signals with another handler than Python's own nothing changes.
    """
    flag = StopFlag()
    replaced = []
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is signal.default_int_handler:
                signal.signal(number, flag._handle)
                replaced.append(number)
    try:
        yield flag
    finally:
        for number in replaced:
            signal.signal(number, signal.default_int_handler)
