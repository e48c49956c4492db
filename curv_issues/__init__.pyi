"""The public names of the package: the only list of them. They are imported on first use."""

from .auditing.audit import audit as audit
from .auditing.duplicates import Duplicates as Duplicates
from .auditing.duplicates import find_duplicates as find_duplicates
from .auditing.features import audit_features as audit_features
from .auditing.leakage import find_leakage as find_leakage
from .auditing.leakage import find_overlap as find_overlap
from .auditing.rejudge import find_again as find_again
from .auditing.rejudge import rejudge as rejudge
from .auditing.review import review_sample as review_sample
from .backbones.base import Backbone as Backbone
from .callbacks.indexed import with_index as with_index
from .callbacks.watch import Watch as Watch
from .curvature import input_loss_curvature as input_loss_curvature
from .data.arrays import from_arrays as from_arrays
from .data.base import LabeledData as LabeledData
from .data.features import from_features as from_features
from .data.loading import load_data as load_data
from .datalab.register import add_to_datalab as add_to_datalab
from .errors import AuditError as AuditError
from .errors import CurvIssuesError as CurvIssuesError
from .errors import DatasetError as DatasetError
from .errors import UsageError as UsageError
from .export.push import push_findings as push_findings
from .export.run import export_findings as export_findings
from .noise.asymmetric import flip_labels_asymmetric as flip_labels_asymmetric
from .noise.duplicates import plant_conflicting_duplicates as plant_conflicting_duplicates
from .noise.instance import flip_labels_by_instance as flip_labels_by_instance
from .noise.label_file import labels_from_file as labels_from_file
from .noise.long_tail import long_tailed as long_tailed
from .noise.uniform import flip_labels as flip_labels
from .results.interrupted import AuditInterrupted as AuditInterrupted
from .results.result import AuditResult as AuditResult
from .trackers import ScoreInfo as ScoreInfo
from .trackers.base import Need as Need
from .trackers.base import Observation as Observation
from .trackers.base import Tracker as Tracker
from .version import __version__ as __version__

__all__: list[str]
