"""Everything this package raises for its user, and the exit code each one ends a command with.

CurvIssuesError
|-- UsageError        2  an option is wrong, or the output folder cannot take a result
|-- DatasetError      3  the dataset is missing, unreadable, or its columns or labels cannot be used
`-- AuditError        4  the run itself failed: loss became NaN, no disk space, ...

AuditInterrupted    130  Ctrl-C (a KeyboardInterrupt); carries the ranking so far
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curv_issues.results.result import AuditResult


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


class AuditInterrupted(KeyboardInterrupt):
    """The run was stopped by Ctrl-C.

    Attributes:
        result: the ranking so far (`summary["complete"]` is False), or None if no epoch was finished.
    """

    exit_code = 130

    def __init__(self, result: AuditResult | None) -> None:
        super().__init__("the audit was interrupted")
        self.result = result


def diverged(what: str, learning_rate: float) -> AuditError:
    """Return the error of a training whose numbers are not finite any more."""
    return AuditError(f"{what} at learning rate {learning_rate:g}; train again with a lower learning rate.")


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's text without its full stop, at most 200 characters; else its type."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".")[:200] if lines else type(error).__name__
