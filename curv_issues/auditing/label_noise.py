"""Estimate the noise of the labels after a run, from the class probabilities that it measured."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeGuard, TypeVar

import numpy as np

from curv_issues.confusions.label_noise import MOST_VALUES, LabelNoise, estimate_noise, late_mean
from curv_issues.confusions.posterior import log_odds
from curv_issues.findings.null_margin import compare_with_null
from curv_issues.trackers import LABEL_NOISE_SCORES
from curv_issues.trackers.gaps import fill_gaps
from curv_issues.training.record import TrainingRecord

Record = TypeVar("Record", bound=TrainingRecord)
LEAST_PROBABILITY = 1e-6  # of held-out predictions, which are float16


def with_label_noise(run: Record, given: np.ndarray) -> Record:
    """Return the run with the scores of `LABEL_NOISE_SCORES`, better suggestions, and without its class history.

    The sources are the training pass, until the classes were learned, and predictions by networks that were not trained on the
    sample. `class_confusion` is the mean of all sources. `p_wrong` and the suggestions come from both if the probe was trained on
    images (mean log-odds), and from the held-out predictions alone if it was trained on features, which it memorises sooner.
    Without either source, or with too many classes and samples, the run is returned as it is.

    Args:
        run: on n samples.
        given: int64 (n,), the given labels.
    """
    sources = _sources(run, given)
    if not sources:
        return replace(run, class_history=None)
    counted = [sources["held_out"]] if run.on_features and "held_out" in sources else list(sources.values())
    odds = np.mean([log_odds(source.wrong) for source in counted], axis=0)
    scores = {
        "p_wrong": 1 / (1 + np.exp(-odds)),
        "class_confusion": np.mean([source.gain for source in sources.values()], axis=0),
    }
    others = np.sum([np.log(np.maximum(source.posterior, LEAST_PROBABILITY)) for source in counted], axis=0)
    others[np.arange(len(given)), given] = -np.inf
    return replace(
        run,
        class_history=None,
        suggested=others.argmax(axis=1),
        scores={**run.scores, **scores},
        score_metadata={**run.score_metadata, **{name: LABEL_NOISE_SCORES[name].metadata() for name in scores}},
    )


def _sources(run: TrainingRecord, given: np.ndarray) -> dict[str, LabelNoise]:
    """Return the estimates by source."""
    found = {}
    if _is_usable(run.class_history):
        epochs = compare_with_null(fill_gaps(run.trajectories["margin"]), run.reference_margin).epochs
        found["training"] = estimate_noise(late_mean(run.class_history, epochs), given)
    if run.out_of_sample and _is_usable(run.pred_probs):
        found["held_out"] = estimate_noise(np.log(run.pred_probs.astype(np.float64) + LEAST_PROBABILITY), given)
    return found


def _is_usable(probabilities: np.ndarray | None) -> TypeGuard[np.ndarray]:
    """Return whether there are probabilities, of any number of epochs, but not of too many samples and classes."""
    return probabilities is not None and len(probabilities) * probabilities.shape[-1] <= MOST_VALUES
