"""The issue types that cleanlab's Datalab gets from this package, and the way of a finished audit into a Datalab.

Importing `curv_issues` registers them, now or as soon as cleanlab is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab.datalab.internal.issue_manager_factory import REGISTRY, register
from cleanlab.datalab.internal.task import Task

from curv_issues.datalab.curvature import CurvatureIssueManager, TrainingDynamicsIssueManager
from curv_issues.datalab.duplicate_conflict import DuplicateConflictIssueManager
from curv_issues.datalab.shared_run import check_type
from curv_issues.errors import AuditError, UsageError
from curv_issues.results.result import AuditResult

if TYPE_CHECKING:
    from cleanlab import Datalab

ISSUE_MANAGERS = (CurvatureIssueManager, TrainingDynamicsIssueManager, DuplicateConflictIssueManager)


def register_issue_types() -> None:
    """Make the issue types known to Datalab, for classification; calling it again changes nothing."""
    registered = REGISTRY[Task.CLASSIFICATION]
    for manager in ISSUE_MANAGERS:
        known = registered.get(manager.issue_name)
        if known is not None and known.__module__ == manager.__module__:
            registered[manager.issue_name] = manager  # `register` would print a warning
        else:
            register(manager)


def add_to_datalab(lab: Datalab, result: AuditResult) -> None:
    """Put a finished audit into a Datalab, without training again: its suspect labels and its conflicting duplicates.

    Args:
        lab: a Datalab (task classification) of the samples that were audited, in the same order.
        result: the audit; its own judgement is taken over. An interrupted one will do, or one that did not look for duplicates.

    Raises:
        UsageError: these are no Datalab and AuditResult, or the result is of other data.
        DatasetError: the Datalab's labels or images cannot be used.
        AuditError: Datalab did not take it.
    """
    from cleanlab import Datalab

    if not isinstance(lab, Datalab):
        raise UsageError(f"Expected a cleanlab Datalab to put the result into, got {type(lab).__name__}.")
    if not lab.task.is_classification:
        raise UsageError(f"Expected a Datalab of the task classification, got one of {lab.task.value}.")
    check_type(result)  # Datalab would drop a None, and we would train
    names = [CurvatureIssueManager.issue_name]
    if result.summary.get("duplicates") is not None:
        names.append(DuplicateConflictIssueManager.issue_name)
    before = {name: lab.info.get(name) for name in names}
    lab.find_issues(issue_types={name: {"result": result} for name in names})
    for name in names:
        if name not in set(lab.issue_summary["issue_type"]) or lab.info.get(name) is before[name]:
            raise AuditError(f"Datalab did not take the {name} results; the line it has printed above tells why.")


register_issue_types()
