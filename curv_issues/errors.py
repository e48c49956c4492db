"""Everything this package raises for its user, and the exit code each one ends a command with.

CurvIssuesError
|-- UsageError        2  an option is wrong, or the output folder cannot take a result
|-- DatasetError      3  the dataset is missing, unreadable, or its columns or labels cannot be used
`-- AuditError        4  the run itself failed: loss became NaN, no disk space, ...

`results.interrupted.AuditInterrupted`, a KeyboardInterrupt, is raised after Ctrl-C and ends a command with 130.
"""

from __future__ import annotations


class CurvIssuesError(Exception):
    """Base of all errors of this package; its text is one clear line for the user."""

    exit_code = 4


class UsageError(CurvIssuesError):
    """An option has a wrong name, type or value, or the output folder cannot take a result."""

    exit_code = 2


class DatasetError(CurvIssuesError):
    """The dataset is missing or unreadable, or its columns or labels cannot be used."""

    exit_code = 3


class AuditError(CurvIssuesError):
    """The run failed although its input was in order."""

    exit_code = 4


def diverged(what: str, learning_rate: float) -> AuditError:
    """Return the error of a training whose numbers are not finite any more."""
    return AuditError(f"{what} at learning rate {learning_rate:g}; train again with a lower learning rate.")


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's text without its full stop, at most 200 characters; else its type."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".")[:200] if lines else type(error).__name__
