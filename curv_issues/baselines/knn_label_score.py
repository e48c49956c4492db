"""cleanlab's label score from features only, computed by Datalab itself."""

from __future__ import annotations

import contextlib
import io
import time

import numpy as np

from curv_issues.baselines.base import BaselineResult
from curv_issues.baselines.fresh import FreshProbes
from curv_issues.data.base import LabeledData, check_auditable
from curv_issues.errors import AuditError, UsageError
from curv_issues.options import TrainingOptions
from curv_issues.progress import ProgressCallback
from curv_issues.training.run import GREATEST_HALF


def knn_label_score(
    data: LabeledData,
    options: TrainingOptions,
    *,
    progress: ProgressCallback | None = None,
    features: np.ndarray | None = None,
) -> BaselineResult:
    """Rank labels by how many of a sample's nearest neighbours have the same label.

    This is `Datalab.find_issues(features=..., issue_types={"label": {}})`: the probability of a class is its fraction of the
    10 nearest other samples (Euclidean distance), the score is that of the given class, and the flagged set comes from
    `CleanLearning.find_label_issues`. The score has only 11 values; ties are not broken.

    Args:
        data: n samples.
        options: options of the audit.
        progress: called after every training step, if there is a training.
        features: float (n, d); default: the embeddings of one training on all data, the same as those of an audit with
            these options. That network is trained on the labels that it judges.

    Returns:
        The score `knn_label_score`, in [0, 1], low = suspect, and the flagged samples. `trainings` is 0 with `features`.

    Raises:
        UsageError: features are not finite numbers of shape (n, d), the device is not available, or the probe does not fit.
        DatasetError: the data cannot be audited.
        AuditError: the loss or the embeddings became NaN, or Datalab returned no label scores, as for fewer than 11 samples.
    """
    import cleanlab  # noqa: F401 - before the clock starts: its slow first import is not a cost of the score

    start = time.perf_counter()
    check_auditable(data)
    trainings = 1 if features is None else 0
    if features is None:
        features = _embeddings(data, options, progress=progress)
    features = np.asarray(features)
    if features.ndim != 2 or len(features) != len(data) or features.dtype.kind not in "iuf" or not np.isfinite(features).all():
        raise UsageError(f"features must be finite numbers of shape ({len(data)}, d), got {features.dtype} {features.shape}.")
    score, flagged = _ask_datalab(data.labels, features.astype(np.promote_types(features.dtype, np.float32)))
    return BaselineResult(
        scores={"knn_label_score": score}, flagged=flagged, trainings=trainings, seconds=time.perf_counter() - start
    )


def _embeddings(data: LabeledData, options: TrainingOptions, *, progress: ProgressCallback | None) -> np.ndarray:
    probes = FreshProbes(data, options, progress=progress)
    probe = probes.train(np.arange(len(data)), seed=options.seed)
    return np.clip(probes.embeddings(probe), -GREATEST_HALF, GREATEST_HALF)


def _ask_datalab(labels: np.ndarray, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the label scores and label issues of a Datalab that is given only labels and features."""
    from cleanlab import Datalab

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        lab = Datalab({"label": labels.tolist()}, label_name="label", verbosity=0)
        lab.find_issues(features=features, issue_types={"label": {}})
    # Datalab does not raise errors, it prints them
    if "label" not in set(lab.issue_summary["issue_type"]):
        reason = next((line for line in printed.getvalue().splitlines() if line.startswith("Error")), "no reason given")
        raise AuditError(f"cleanlab's Datalab could not score the labels from features: {reason}")
    issues = lab.get_issues("label")
    return issues["label_score"].to_numpy(dtype=np.float64), issues["is_label_issue"].to_numpy(dtype=bool)
