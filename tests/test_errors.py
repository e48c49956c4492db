from __future__ import annotations

import pytest

import curv_issues
from curv_issues import errors
from curv_issues.results.interrupted import AuditInterrupted


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError, 2),
        (errors.DatasetError, 3),
        (errors.AuditError, 4),
        (errors.CurvIssuesError, 4),
        (AuditInterrupted, 130),
    ],
)
def test_exit_codes(error: type[BaseException], code: int) -> None:
    assert error.exit_code == code  # type: ignore[attr-defined]
    assert getattr(curv_issues, error.__name__) is error


def test_all_errors_but_the_interruption_have_one_base() -> None:
    for error in (errors.UsageError, errors.DatasetError, errors.AuditError):
        assert issubclass(error, errors.CurvIssuesError)
        assert str(error("one line")) == "one line"
    assert issubclass(AuditInterrupted, KeyboardInterrupt)
    assert not issubclass(AuditInterrupted, Exception)  # `except Exception` does not swallow it
    assert AuditInterrupted(None).result is None
    assert str(AuditInterrupted(None)) == "the audit was interrupted"
