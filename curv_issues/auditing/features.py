"""audit_features(): from feature vectors of any modality to findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from curv_issues.auditing.audit import audit_data
from curv_issues.data.features import from_features
from curv_issues.data.pred_probs import with_pred_probs
from curv_issues.keywords import check_keywords, make_options, takes_options
from curv_issues.options import DuplicateOptions, FindingOptions, TrainingOptions
from curv_issues.progress import ProgressCallback
from curv_issues.progress_bar import default_progress
from curv_issues.results.result import AuditResult

if TYPE_CHECKING:
    from typing import Unpack

    from curv_issues.keyword_types import ModelKeywords
    from curv_issues.trackers.base import Tracker


@takes_options(TrainingOptions, FindingOptions, DuplicateOptions)
def audit_features(
    features: Any,
    labels: Any,
    *,
    class_names: Sequence[str] | None = None,
    skip_unreadable: bool = False,
    skip_unlabelled: bool = False,
    description: str = "features",
    pred_probs: Any = None,
    trackers: Sequence[type[Tracker]] = (),
    progress: ProgressCallback | bool | None = None,
    on_result: Callable[[AuditResult], object] | None = None,
    **options: Unpack[ModelKeywords],
) -> AuditResult:
    """Train a probe on labelled feature vectors and find the labels that look wrong, for data of any modality.

    Args:
        features: (n, d), such as embeddings of a pretrained model, or numeric columns of a table; see `from_features`.
        labels: n integers or strings; with `class_names`, indices into it.
        class_names: names of classes 0, 1, ...; None: the sorted unique labels.
        skip_unreadable: leave out rows with NaN or infinite features instead of raising.
        skip_unlabelled: leave out rows without a label instead of raising.
        description: name of this dataset in results.
        **options: see `TrainingOptions`, `FindingOptions` and `DuplicateOptions`.
        pred_probs: (n, k), out-of-sample probabilities of your own model, used instead of cross-fitting and the linear model; see
            `audit`.
        trackers: tracker classes of your own; their scores join the table.
        progress: see `audit`.
        on_result: see `audit`.

    Returns:
        The same result as that of `audit`, without a contact sheet. Duplicates are rows with equal or nearly equal features.

    Raises:
        UsageError: an option is wrong.
        DatasetError: the features or labels cannot be used.
        AuditError: the loss became NaN, or the disk is full.
        AuditInterrupted: Ctrl-C; carries the ranking so far.
    """
    check_keywords("audit_features", options, TrainingOptions, FindingOptions, DuplicateOptions)
    own_scores = [str(getattr(tracker, "name", "")) for tracker in trackers]
    training, duplicates = make_options(TrainingOptions, options), make_options(DuplicateOptions, options)
    finding = make_options(FindingOptions, options, own_scores=own_scores)
    data = from_features(
        features,
        labels,
        class_names=class_names,
        skip_unreadable=skip_unreadable,
        skip_unlabelled=skip_unlabelled,
        description=description,
    )
    if pred_probs is not None:
        data = with_pred_probs(data, pred_probs)
    with default_progress(progress) as report:
        return audit_data(data, training, finding, duplicates, trackers=trackers, progress=report, on_result=on_result)
