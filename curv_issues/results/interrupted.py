"""What is raised when the user stops an audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curv_issues.results.result import AuditResult


class AuditInterrupted(KeyboardInterrupt):
    """The run was stopped by Ctrl-C.

    Attributes:
        result: the ranking so far (`summary["complete"]` is False), or None if no epoch was finished.
    """

    exit_code = 130

    def __init__(self, result: AuditResult | None) -> None:
        super().__init__("the audit was interrupted")
        self.result = result
