"""What is measured while a network is trained, by an audit or in a training that a Watch follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from curv_issues.confusions.error_count import ErrorCount
from curv_issues.training.recipe import Recipe


@dataclass(eq=False, kw_only=True)
class TrainingRecord:
    """The measurements of a training on n samples; what was not measured is None.

    Attributes:
        scores: raw scores by name, float64 (n,).
        score_metadata: direction, source, description and cost by score name.
        trajectories: tracked quantities by name, float32 (n, epochs), NaN where not measured.
        suggested: int64 (n,), the most probable class other than the given one.
        reference_margin: null distribution of the margin by epoch; see `ReferenceMargin.null_distribution`.
        epochs_done: number of finished epochs.
        complete: False if Ctrl-C stopped the run early.
        device: device of the run.
        pred_probs: float16 (n, k), of cross-fitting if there are features, and otherwise those of the network on un-augmented
            samples after the last epoch.
        out_of_sample: whether `pred_probs` are from networks that were not trained on the sample.
        class_history: float16 (n, epochs, k), log-probabilities of the classes in the training pass; None also if they are too
            many to keep.
        leave_one_out: float16 (n, k), scores of the classes by a linear model that was not fitted to the sample; see the function
            `leave_one_out`. None without features.
        on_features: whether the default ranking is that for a probe on features.
        embeddings: float16 (n, d), inputs of the network's last layer.
        error_count: estimated number of wrong labels; None: not estimated.
        recipe: the hyper-parameters; None: the training is the user's own.
        compute_type: "bfloat16" or "float32".
        privacy: see `Privacy.describe`; None without differential privacy.
        weights: of the probe, by name; None without differential privacy.
    """

    scores: dict[str, np.ndarray]
    score_metadata: dict[str, dict[str, str]]
    trajectories: dict[str, np.ndarray]
    suggested: np.ndarray
    reference_margin: dict[str, list[float]]
    epochs_done: int
    complete: bool
    device: str
    pred_probs: np.ndarray | None = None
    out_of_sample: bool = False
    class_history: np.ndarray | None = None
    leave_one_out: np.ndarray | None = None
    on_features: bool = False
    embeddings: np.ndarray | None = None
    error_count: ErrorCount | None = None
    recipe: Recipe | None = None
    compute_type: str | None = None
    privacy: dict[str, Any] | None = None
    weights: dict[str, np.ndarray] | None = None
