"""Estimate the noise of the labels after a run, from the class probabilities that it measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeGuard, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from curv_issues.confusions.error_count import DEVIATIONS, ErrorCount
from curv_issues.confusions.label_noise import MOST_VALUES, LabelNoise, error_rate, estimate_noise, late_mean, suggest_class
from curv_issues.confusions.posterior import with_mean
from curv_issues.confusions.random_errors import fraction_random
from curv_issues.confusions.unevenness import unevenness
from curv_issues.confusions.window import are_being_learned, epochs_before_memorising
from curv_issues.findings.null_margin import compare_with_null
from curv_issues.trackers import LABEL_NOISE_SCORES
from curv_issues.trackers.gaps import fill_gaps
from curv_issues.training.record import TrainingRecord

Record = TypeVar("Record", bound=TrainingRecord)
LEAST_PROBABILITY = 1e-6  # of held-out predictions, which are float16
LEAST_EPOCHS = 2
PARTS = {"halfway": 0.5, "early": 0.3}  # of the first epochs, see `_epochs`
MANY_CLASSES = 50  # with fewer, right labels are among the last classes before they are learned
MOST_WORSE = 1.2  # wrong predictions of the linear model, as a multiple of those of the networks; else it is left out
MOST_COUNTED = 200  # classes; with more, several estimates would take minutes


@threadpool_limits.wrap(limits=1, user_api="blas")  # the minimiser's matrices are tiny: with threads, it would take twice as long
def with_label_noise(run: Record, given: np.ndarray) -> Record:
    """Return the run with the scores of `LABEL_NOISE_SCORES`, better suggestions, and without what they are made of.

    The sources are the training pass, in its first epochs (see `_epochs`), and predictions by networks and by a linear model that
    were not trained on the sample. The linear model is left out if it is much worse than the networks. The others are joined: their
    log-probabilities are added and calibrated together. Without any source, or with too many classes and samples, none of these
    scores is added.

    Args:
        run: on n samples.
        given: int64 (n,), the given labels.
    """
    epochs = _epochs(run, given)
    sources = _sources(run, given, epochs)
    if not sources:
        return replace(run, class_history=None, leave_one_out=None)
    chosen = next(iter(sources.values())) if len(sources) == 1 else estimate_noise(_joined(sources.values()), given)
    count = _count(run, given, sources, epochs) if chosen.prior.shape[1] <= MOST_COUNTED else None
    index = np.arange(len(given))
    suggested = suggest_class(chosen, given)
    scores = {
        "p_wrong": _as_counted(chosen.wrong, count),
        "class_confusion": chosen.gain,
        "given_probability": chosen.prior[index, given].astype(np.float64),
        "suggested_probability": chosen.prior[index, suggested].astype(np.float64),
    }
    return replace(
        run,
        class_history=None,
        leave_one_out=None,
        suggested=suggested,
        error_count=count,
        scores={**run.scores, **scores},
        score_metadata={**run.score_metadata, **{name: LABEL_NOISE_SCORES[name].metadata() for name in scores}},
    )


def _joined(sources: Iterable[LabelNoise]) -> np.ndarray:
    """Return the sum of the log-probabilities of several sources, float64 (n, k)."""
    return np.sum([np.log(np.maximum(source.prior, LEAST_PROBABILITY), dtype=np.float64) for source in sources], axis=0)


def _count(run: TrainingRecord, given: np.ndarray, sources: Mapping[str, LabelNoise], epochs: int) -> ErrorCount:
    """Return the estimated number of wrong labels.

    Before the classes are learned, right labels look wrong too; later, the network memorises wrong ones. So labels are counted
    halfway through the first epochs (see `_epochs`): as estimated where classes are confused unevenly, else those that look drawn
    at random, because unclear samples look like other errors; at least what is left after the first epochs. The interval reaches
    from that to what is seen after three tenths of them. If the epochs end while many classes are still being learned, right
    labels look wrong until the end. So where classes are confused evenly, at most as many count as look drawn at random in the
    second epoch, when each label was seen only once and so is hardly memorised.
    Held-out predictions are not memorised: together, they count instead, if there are any. The interval then reaches over the
    numbers of all sources.
    """
    n = len(given)
    rates = {name: float(source.wrong.mean()) for name, source in sources.items()}
    held_out = [source for name, source in sources.items() if name != "training"]
    if held_out:
        rate = held_out[0].wrong.mean() if len(held_out) == 1 else error_rate(_joined(held_out), given)
    else:
        history = run.class_history
        assert history is not None
        seen = {part: late_mean(history, _first(epochs, part)) for part in PARTS}
        rates |= {part: error_rate(scores, given) for part, scores in seen.items()}
        random = {part: fraction_random(scores, given) for part, scores in seen.items()}
        uneven = unevenness(sources["training"].gain)
        counted_halfway = uneven * rates["halfway"] + (1 - uneven) * random["halfway"]
        rate = max(rates["training"], counted_halfway)
        rates["early"] = max(rates["early"], random["early"])
        most = _most_at_random(history, given) if are_being_learned(history, given, epochs) else 1.0
        if most < rate:
            rate, rates["halfway"] = uneven * rate + (1 - uneven) * most, counted_halfway
    spread = DEVIATIONS * np.sqrt(n * rate)
    low, high = max(n * min(rate, *rates.values()) - spread, 0.0), min(n * max(rate, *rates.values()) + spread, n)
    return ErrorCount(n * rate, low, high, "held-out" if held_out else "training")


def _most_at_random(history: np.ndarray, given: np.ndarray) -> float:
    """Return the fraction of labels that look drawn at random in the second epoch, at least one label; 1 with fewer classes."""
    n, epochs, k = history.shape
    if k < MANY_CLASSES:
        return 1.0
    return max(fraction_random(late_mean(history, min(LEAST_EPOCHS, epochs)), given), 1 / n)


def _first(epochs: int, part: str) -> int:
    """Return a part of the first epochs, at least two, if there are two: after one, classes are hardly known."""
    return max(min(LEAST_EPOCHS, epochs), round(PARTS[part] * epochs))


def _as_counted(wrong: np.ndarray, count: ErrorCount | None) -> np.ndarray:
    """Return the probabilities so that their sum is the count of the training pass.

    It is higher if wrong labels are memorised in later epochs, and lower if the classes are not learned by then.
    """
    if count is None or count.basis != "training" or np.isclose(count.num_errors, wrong.sum()):
        return wrong
    return with_mean(wrong, count.num_errors / len(wrong))


def _epochs(run: TrainingRecord, given: np.ndarray) -> int:
    """Return the number of epochs until the classes are learned, or until labels of like classes are memorised; 0: no history."""
    if not _is_usable(run.class_history):
        return 0
    learned = compare_with_null(fill_gaps(run.trajectories["margin"]), run.reference_margin).epochs
    return epochs_before_memorising(run.class_history, given, learned)


def _sources(run: TrainingRecord, given: np.ndarray, epochs: int) -> dict[str, LabelNoise]:
    """Return the estimates by source."""
    found = {}
    if epochs:
        assert run.class_history is not None
        found["training"] = estimate_noise(late_mean(run.class_history, epochs), given)
    if run.out_of_sample and _is_usable(run.pred_probs):
        found["held_out"] = estimate_noise(np.log(run.pred_probs.astype(np.float64) + LEAST_PROBABILITY), given)
    if _is_usable(run.leave_one_out) and _is_as_good(run.leave_one_out, run.pred_probs if "held_out" in found else None, given):
        found["leave_one_out"] = estimate_noise(run.leave_one_out, given)
    return found


def _is_as_good(linear: np.ndarray, networks: np.ndarray | None, given: np.ndarray) -> bool:
    """Return whether a linear model fits classes (n, k) about as well as networks: what it cannot tell apart looks confused."""
    if networks is None:
        return True
    of_linear, of_networks = ((scores.argmax(axis=1) != given).mean() for scores in (linear, networks))
    return bool(of_linear <= MOST_WORSE * of_networks)


def _is_usable(scores: np.ndarray | None) -> TypeGuard[np.ndarray]:
    """Return whether there are scores of classes, of any number of epochs, but not of too many samples and classes."""
    return scores is not None and len(scores) * scores.shape[-1] <= MOST_VALUES
