"""Handle Ctrl-C and SIGTERM: interruptible work ends at once, other work is finished first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


class StopFlag:
    """Flag that is set when the user stops the run.

    Attributes:
        is_set: True after the first Ctrl-C. A second one always raises KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self.is_set = False
        self._may_end = False

    def unless_stopped(self, work: Callable[[], T]) -> T | None:
        """Return the result of `work`; None if the user stops before it, or during it, which ends it at once."""
        return None if self.is_set else self.interruptible(work)

    def interruptible(self, work: Callable[[], T]) -> T | None:
        """Return the result of `work`; None if Ctrl-C ended it. It is started even if the flag is set."""
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
    """Yield a flag; signals set it, and raise KeyboardInterrupt only within its methods.

    Nothing changes outside the main thread, which gets all signals, and for signals whose handler is not Python's default.
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
