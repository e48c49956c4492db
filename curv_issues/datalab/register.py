"""Register the issue types with cleanlab's Datalab, and attach finished audits to a Datalab.

Importing `curv_issues` registers them, now or as soon as cleanlab is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab.datalab.internal import issue_finder
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
    """Register the issue types with Datalab, for classification; a second call changes nothing."""
    registered = REGISTRY[Task.CLASSIFICATION]
    for manager in ISSUE_MANAGERS:
        known = registered.get(manager.issue_name)
        if known is not None and known.__module__ == manager.__module__:
            registered[manager.issue_name] = manager  # `register` would print a warning
        else:
            register(manager)
        # the host then passes the features of `find_issues(features=...)` on, as it does to its own types
        getattr(issue_finder, "_CLASSIFICATION_ARGS_DICT", {}).setdefault(manager.issue_name, ["features"])


def add_to_datalab(lab: Datalab, result: AuditResult) -> None:
    """Add the findings of a finished audit to a Datalab, without training: suspect labels and conflicting duplicates.

    Args:
        lab: a Datalab (task classification) of the samples that were audited, in the same order.
        result: the audit, with its flags. It may be interrupted, or made without the search for duplicates.

    Raises:
        UsageError: an argument has the wrong type, or the result is from other data.
        DatasetError: the Datalab's labels or images cannot be used.
        AuditError: Datalab rejected the result.
    """
    from cleanlab import Datalab

    if not isinstance(lab, Datalab):
        raise UsageError(f"Expected a cleanlab Datalab to put the result into, got {type(lab).__name__}.")
    if not lab.task.is_classification:
        raise UsageError(f"Expected a Datalab of the task classification, got one of {lab.task.value}.")
    check_type(result)  # Datalab drops options that are None, so we would train
    names = [CurvatureIssueManager.issue_name]
    if result.summary.get("duplicates") is not None:
        names.append(DuplicateConflictIssueManager.issue_name)
    before = {name: lab.info.get(name) for name in names}
    lab.find_issues(issue_types={name: {"result": result} for name in names})
    for name in names:
        if name not in set(lab.issue_summary["issue_type"]) or lab.info.get(name) is before[name]:
            raise AuditError(f"Datalab did not take the {name} results; see the line it printed above.")


register_issue_types()
