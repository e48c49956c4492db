"""Exceptions of this package, with the exit code of a command that raises one.

CurvIssuesError
|-- UsageError        2  an option is wrong, or the output folder cannot be used
|-- DatasetError      3  the dataset is missing, unreadable, or its columns or labels cannot be used
`-- AuditError        4  the run failed: the loss became NaN, the disk is full, ...

`results.interrupted.AuditInterrupted`, a KeyboardInterrupt, is raised after Ctrl-C; its exit code is 130.
"""

from __future__ import annotations


class CurvIssuesError(Exception):
    """Base class of all errors of this package; its message is one line for the user."""

    exit_code = 4


class UsageError(CurvIssuesError):
    """An option has a wrong name, type or value, or the output folder cannot be used."""

    exit_code = 2


class DatasetError(CurvIssuesError):
    """The dataset is missing or unreadable, or its columns or labels cannot be used."""

    exit_code = 3


class AuditError(CurvIssuesError):
    """The run failed although its input was valid."""

    exit_code = 4


def diverged(what: str, learning_rate: float) -> AuditError:
    """Return the error of a training run with non-finite values."""
    return AuditError(f"{what} at learning rate {learning_rate:g}; train again with a lower learning rate.")


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's message without its full stop, at most 200 characters; its type if empty."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".")[:200] if lines else type(error).__name__
