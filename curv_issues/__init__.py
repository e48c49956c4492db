"""Find wrong labels in image datasets from one short training run.

Importing this package registers its issue types with cleanlab's Datalab, now or as soon as cleanlab is imported.
Which files were read and where the labels come from is logged by the logger "curv_issues" at INFO.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from curv_issues.errors import AuditError, AuditInterrupted, CurvIssuesError, DatasetError, UsageError
from curv_issues.import_hook import when_imported
from curv_issues.plugins import load_attribute

if TYPE_CHECKING:
    from curv_issues.auditing.audit import audit
    from curv_issues.auditing.duplicates import Duplicates, find_duplicates
    from curv_issues.auditing.leakage import find_leakage
    from curv_issues.auditing.rejudge import rejudge
    from curv_issues.curvature import input_loss_curvature
    from curv_issues.data.arrays import from_arrays
    from curv_issues.data.base import LabeledData
    from curv_issues.data.loading import load_data
    from curv_issues.datalab.register import add_to_datalab
    from curv_issues.noise.asymmetric import flip_labels_asymmetric
    from curv_issues.noise.duplicates import plant_conflicting_duplicates
    from curv_issues.noise.instance import flip_labels_by_instance
    from curv_issues.noise.label_file import labels_from_file
    from curv_issues.noise.long_tail import long_tailed
    from curv_issues.noise.uniform import flip_labels
    from curv_issues.results.result import AuditResult
    from curv_issues.trackers import ScoreInfo
    from curv_issues.trackers.base import Need, Observation, Tracker

__all__ = [
    "AuditError",
    "AuditInterrupted",
    "AuditResult",
    "CurvIssuesError",
    "DatasetError",
    "Duplicates",
    "LabeledData",
    "Need",
    "Observation",
    "ScoreInfo",
    "Tracker",
    "UsageError",
    "add_to_datalab",
    "audit",
    "find_duplicates",
    "find_leakage",
    "flip_labels",
    "flip_labels_asymmetric",
    "flip_labels_by_instance",
    "from_arrays",
    "input_loss_curvature",
    "labels_from_file",
    "load_data",
    "long_tailed",
    "plant_conflicting_duplicates",
    "rejudge",
]

# Imported on first use, so that `import curv_issues` and `curv-issues --help` wait for neither torch nor cleanlab.
_LAZY = {
    "AuditResult": "curv_issues.results.result:AuditResult",
    "Duplicates": "curv_issues.auditing.duplicates:Duplicates",
    "LabeledData": "curv_issues.data.base:LabeledData",
    "Need": "curv_issues.trackers.base:Need",
    "Observation": "curv_issues.trackers.base:Observation",
    "ScoreInfo": "curv_issues.trackers:ScoreInfo",
    "Tracker": "curv_issues.trackers.base:Tracker",
    "add_to_datalab": "curv_issues.datalab.register:add_to_datalab",
    "audit": "curv_issues.auditing.audit:audit",
    "rejudge": "curv_issues.auditing.rejudge:rejudge",
    "find_duplicates": "curv_issues.auditing.duplicates:find_duplicates",
    "find_again": "curv_issues.auditing.rejudge:rejudge",  # its name before; goes with the next release
    "find_overlap": "curv_issues.auditing.leakage:find_leakage",  # its name before; goes with the next release
    "find_leakage": "curv_issues.auditing.leakage:find_leakage",
    "flip_labels": "curv_issues.noise.uniform:flip_labels",
    "flip_labels_asymmetric": "curv_issues.noise.asymmetric:flip_labels_asymmetric",
    "flip_labels_by_instance": "curv_issues.noise.instance:flip_labels_by_instance",
    "from_arrays": "curv_issues.data.arrays:from_arrays",
    "input_loss_curvature": "curv_issues.curvature:input_loss_curvature",
    "labels_from_file": "curv_issues.noise.label_file:labels_from_file",
    "load_data": "curv_issues.data.loading:load_data",
    "long_tailed": "curv_issues.noise.long_tail:long_tailed",
    "plant_conflicting_duplicates": "curv_issues.noise.duplicates:plant_conflicting_duplicates",
}

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent unless the application, or the command, listens


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from curv_issues.version import package_version

        return package_version()
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = load_attribute(_LAZY[name])
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


# registers at its end; may be what has just imported cleanlab
when_imported("cleanlab.datalab.internal.issue_manager_factory", lambda: importlib.import_module("curv_issues.datalab.register"))
