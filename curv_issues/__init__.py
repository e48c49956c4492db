"""Find wrong labels in image datasets from one short training run.

Importing this package registers its issue types with cleanlab's Datalab, now or as soon as cleanlab is imported.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from wrapt import when_imported

from curv_issues.errors import AuditError, AuditInterrupted, CurvIssuesError, DatasetError, UsageError
from curv_issues.plugins import load_attribute

if TYPE_CHECKING:
    from curv_issues.auditing import audit
    from curv_issues.curvature import input_loss_curvature
    from curv_issues.data.arrays import from_arrays
    from curv_issues.data.base import LabeledData
    from curv_issues.data.corruption import flip_labels
    from curv_issues.datalab import add_to_datalab
    from curv_issues.findings.again import find_again
    from curv_issues.result import AuditResult
    from curv_issues.trackers import ScoreInfo
    from curv_issues.trackers.base import Need, Observation, Tracker

__all__ = [
    "AuditError",
    "AuditInterrupted",
    "AuditResult",
    "CurvIssuesError",
    "DatasetError",
    "LabeledData",
    "Need",
    "Observation",
    "ScoreInfo",
    "Tracker",
    "UsageError",
    "add_to_datalab",
    "audit",
    "find_again",
    "flip_labels",
    "from_arrays",
    "input_loss_curvature",
]

# Imported on first use, so that `import curv_issues` and `curv-issues --help` wait for neither torch nor cleanlab.
_LAZY = {
    "AuditResult": "curv_issues.result:AuditResult",
    "LabeledData": "curv_issues.data.base:LabeledData",
    "Need": "curv_issues.trackers.base:Need",
    "Observation": "curv_issues.trackers.base:Observation",
    "ScoreInfo": "curv_issues.trackers:ScoreInfo",
    "Tracker": "curv_issues.trackers.base:Tracker",
    "add_to_datalab": "curv_issues.datalab:add_to_datalab",
    "audit": "curv_issues.auditing:audit",
    "find_again": "curv_issues.findings.again:find_again",
    "flip_labels": "curv_issues.data.corruption:flip_labels",
    "from_arrays": "curv_issues.data.arrays:from_arrays",
    "input_loss_curvature": "curv_issues.curvature:input_loss_curvature",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = load_attribute(_LAZY[name])
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


@when_imported("cleanlab.datalab.internal.issue_manager_factory")
def _register(_factory: Any) -> None:
    importlib.import_module("curv_issues.datalab")  # registers at its end; may be what has just imported cleanlab
