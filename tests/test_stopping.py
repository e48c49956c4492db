from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from curv_issues.stopping import StopFlag, stop_flag


@pytest.fixture(autouse=True)
def _default_handlers() -> Iterator[None]:
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_uninterruptible_work_is_finished(number: signal.Signals) -> None:
    done = []
    with stop_flag() as stop:
        signal.raise_signal(number)
        done.append(stop.is_set)
        assert stop.unless_stopped(lambda: done.append(False)) is None  # not started
    assert done == [True]
    assert signal.getsignal(number) is signal.default_int_handler


def test_interruptible_work_stops_at_once() -> None:
    done: list[str] = []

    def work() -> str:
        done.append("begun")
        signal.raise_signal(signal.SIGINT)
        done.append("ended")
        return "result"

    with stop_flag() as stop:
        assert stop.unless_stopped(lambda: "before") == "before"
        assert stop.unless_stopped(work) is None
        assert stop.is_set
    assert done == ["begun"]


def test_second_signal_stops_everything() -> None:
    def twice() -> None:
        with stop_flag():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        twice()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_interrupt_from_a_callback_sets_the_flag() -> None:
    def stopping() -> None:
        raise KeyboardInterrupt

    flag = StopFlag()
    assert flag.unless_stopped(stopping) is None
    assert flag.is_set


def test_errors_are_raised() -> None:
    with stop_flag() as stop, pytest.raises(ZeroDivisionError):
        stop.unless_stopped(lambda: 1 / 0)
    assert not stop.is_set


def test_other_handlers_and_threads_are_unaffected() -> None:
    seen: list[object] = []
    signal.signal(signal.SIGINT, lambda *_: seen.append("own"))
    with stop_flag() as stop:
        signal.raise_signal(signal.SIGINT)
        assert not stop.is_set
    assert seen == ["own"]

    def in_thread() -> None:
        with stop_flag() as flag:
            seen.append(flag.is_set)

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    assert seen == ["own", False]


def test_interruptible_work_may_start_after_a_stop() -> None:
    with stop_flag() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.unless_stopped(lambda: "not begun") is None
        assert stop.interruptible(lambda: "done") == "done"
        assert stop.interruptible(lambda: signal.raise_signal(signal.SIGINT)) is None
        assert stop.is_set
