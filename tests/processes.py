"""Real processes that are killed or interrupted at a chosen step in the file system."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence

STEPS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "open"}
"""Audit events that count as steps; `os.replace` is also an "os.rename"."""


def start(work: Callable[[], object], signals: Sequence[tuple[int, int]] = (), *, steps: set[str] = STEPS) -> int:
    """Run `work` in a child process that sends itself signals; return its process id.

    Args:
        work: what the child does.
        signals: pairs of the number of a step, from 1, and the signal that the child gets before that step.
        steps: the audit events that are counted.
    """
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _send_at_steps(dict(signals), steps)
        work()
        code = 0
    except KeyboardInterrupt:
        code = 130
    except Exception as error:
        code = getattr(error, "exit_code", 99)
    finally:
        os._exit(code)


def finish(child: int) -> int:
    """Wait for a child process; return its exit status, negative after a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _send_at_steps(signals: dict[int, int], steps: set[str]) -> None:
    count = 0

    def hook(event: str, _arguments: object) -> None:
        nonlocal count
        if event in steps:
            count += 1
            if count in signals:
                os.kill(os.getpid(), signals[count])

    if signals:
        sys.addaudithook(hook)
