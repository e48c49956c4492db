"""How many of the most suspect samples to flag."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from curv_issues.counting import counted
from curv_issues.findings.null_margin import NullComparison
from curv_issues.options import AUTO, ParsedCutOff


@dataclass(frozen=True)
class CutOff:
    """Which samples were flagged, and by what rule.

    Attributes:
        rule: "auto", "precision", "suspicion" or "fraction".
        threshold: samples with at least this suspicion are flagged; above 1 if none is flagged.
        num_flagged: number of flagged samples.
        expected_precision: mean probability that a flagged label is wrong; None if unknown, or nothing is flagged.
        epochs: with "auto" and no such probabilities, number of epochs whose margins were averaged, else None.
        margin_threshold: likewise, the mean margin below which a label looks wrong, else None.
        note: with "auto" or "precision", why too many or too few samples may be flagged, or None; see `reliability_note`.
    """

    rule: str
    threshold: float
    num_flagged: int
    expected_precision: float | None = None
    epochs: int | None = None
    margin_threshold: float | None = None
    note: str | None = None


MOST_BELOW_NULL = 0.5  # fraction of all labels
ESTIMATED = ("auto", "precision")  # rules that need a training
MORE_PROBABLY_WRONG = 0.5
MUCH_FEWER = 0.5  # of the labels that are more probably wrong than right
RIGHT, WRONG = 0.0, 1.0  # a person's answers


def is_undertrained(epochs_done: int, standard_epochs: float) -> bool:
    """Return whether a run had at most half the usual epochs, so that labels not learned yet look wrong."""
    return epochs_done <= LEAST_TRAINING * standard_epochs


def is_learned(comparison: NullComparison, *, undertrained: bool, predicted: bool = True) -> bool:
    """Return whether the classes were learned, so that labels that look wrong can be distinguished from labels not learned yet."""
    return bool(comparison.below_null.mean() <= MOST_BELOW_NULL) and not undertrained and predicted


def flag(
    suspicion: np.ndarray,
    comparison: NullComparison,
    *,
    cut_off: ParsedCutOff = AUTO,
    undertrained: bool = False,
    predicted: bool = True,
    p_wrong: np.ndarray | None = None,
    answers: np.ndarray | None = None,
) -> tuple[np.ndarray, CutOff]:
    """Decide which samples to flag.

    "auto" flags as many of the most suspect as are more probably wrong than right, or fewer, so that at least half of the flagged
    labels are expected to be wrong; without probabilities, as many as looked wrong in training. "precision" flags as many of the
    most suspect as keep that expected precision. Neither flags anything if more than half of the labels looked wrong, if the run is
    undertrained, or if the labels are not predicted. Of the labels that a person has judged, those found wrong are flagged, and no
    others; they count for a fraction, but not for a precision.

    Args:
        suspicion: (n,) in [0, 1].
        comparison: the labels that looked wrong in training.
        cut_off: see `FindingOptions.parsed_cut_off`.
        undertrained: see `is_undertrained`.
        predicted: see `are_predicted`.
        p_wrong: (n,), probabilities that the labels are wrong, or None.
        answers: see `Evidence`.

    Returns:
        bool (n,), and the decision. Ties at the threshold are flagged together.
    """
    rule = cut_off.rule
    is_open = np.ones(len(suspicion), dtype=bool) if answers is None else np.isnan(answers)
    open_p_wrong = None if p_wrong is None else p_wrong[is_open]
    learned = is_learned(comparison, undertrained=undertrained, predicted=predicted)
    count = _count_wrong(cut_off, comparison.below_null[is_open], suspicion[is_open], open_p_wrong) if learned else 0
    found_wrong = np.zeros(len(suspicion), dtype=bool) if answers is None else answers == WRONG
    if rule == "fraction":
        count = max(0, round(cut_off.value * len(suspicion)) - int(found_wrong.sum()))
    threshold = _threshold(suspicion[is_open], cut_off, count=min(count, int(is_open.sum())))
    flagged = (is_open & (suspicion >= threshold)) | found_wrong
    decision = CutOff(rule, float(threshold), int(flagged.sum()))
    if rule == "auto" and learned and open_p_wrong is not None:
        decision = replace(decision, note=_disagreement(count, int((open_p_wrong >= MORE_PROBABLY_WRONG).sum())))
    if rule == "precision" and learned and open_p_wrong is not None and len(open_p_wrong) and not flagged.any():
        decision = replace(decision, note=_unreached(cut_off.value))
    if p_wrong is not None and flagged.any():
        decision = replace(decision, expected_precision=float(p_wrong[flagged].mean()))
    if rule == "auto" and p_wrong is None:
        decision = replace(
            decision,
            epochs=comparison.epochs,
            margin_threshold=comparison.margin_threshold,
        )
    return flagged, decision


def _count_wrong(cut_off: ParsedCutOff, below_null: np.ndarray, suspicion: np.ndarray, p_wrong: np.ndarray | None) -> int:
    """Return how many samples "auto" or "precision" flags; 0 for other rules, and for "precision" without probabilities."""
    if cut_off.rule not in ESTIMATED or p_wrong is None:
        return int(below_null.sum()) if cut_off.rule == "auto" else 0
    most, precision = len(p_wrong), cut_off.value
    if cut_off.rule == "auto":
        most, precision = int((p_wrong >= MORE_PROBABLY_WRONG).sum()), MORE_PROBABLY_WRONG
    order = np.argsort(-suspicion, kind="stable")
    is_last = np.append(np.diff(suspicion[order]) != 0, True)  # of equal suspicions, which are flagged together
    counts = np.flatnonzero(is_last) + 1
    counts = counts[: np.searchsorted(counts, most) + 1] if most else counts[:0]
    precise = counts[np.cumsum(p_wrong[order])[counts - 1] / counts >= precision]
    return int(precise[-1]) if len(precise) else 0


def _unreached(precision: float) -> str:
    """Return that no labels are flagged at a precision."""
    return (
        f"Nothing is flagged, as not even the most suspect labels are expected to be wrong with a precision of {precision:g}. Set "
        "a lower --precision, or inspect the top of the ranking."
    )


def _disagreement(count: int, probable: int) -> str | None:
    """Return a note if far fewer labels are flagged than are more probably wrong than right, else None."""
    if count >= MUCH_FEWER * probable:
        return None
    return (
        f"{counted(probable, 'label')} {'is' if probable == 1 else 'are'} more probably wrong than right (p_wrong), but other "
        f"samples rank as more suspect, so the automatic cut-off flags {count or 'none'}. To rank by p_wrong, set --score p_wrong."
    )


LEAST_TRAINING = 0.5  # of the standard epochs
MUCH_MEMORISED = 0.4  # with LEAST_CLEAR, singles out the benchmark datasets whose flags were the least precise
LEAST_CLEAR = 0.95


def reliability_note(
    comparison: NullComparison,
    *,
    num_flagged: int,
    memorised_fraction: float | None,
    epochs_done: int,
    standard_epochs: float,
    predicted: bool = True,
) -> str | None:
    """Return why the automatic cut-off may flag too many or too few samples and what to do; None if there is no sign of it.

    Args:
        comparison: the labels that looked wrong in training.
        num_flagged: number of flagged samples.
        memorised_fraction: fraction of these labels that the trained probe predicts, if known.
        epochs_done: number of epochs trained.
        standard_epochs: default number of epochs for this dataset size.
        predicted: see `are_predicted`.
    """
    if not predicted:
        return (
            "For held-out samples, the predictions say no more about the labels than the frequencies of the classes do, so nothing "
            "is flagged automatically, and no number of wrong labels is estimated. Check that labels and features belong to the "
            "same rows, or set --cut-off."
        )
    if comparison.below_null.mean() > MOST_BELOW_NULL:
        return (
            "More than half of the labels look wrong to the probe: it has not learned these classes, so nothing is "
            "flagged automatically. Train longer (--epochs), or set --cut-off."
        )
    if is_undertrained(epochs_done, standard_epochs):
        return (
            f"The probe is under-trained ({epochs_done} of the usual {standard_epochs:.0f} epochs): labels not learned yet look "
            "wrong too, so nothing is flagged automatically. Inspect the ranking, train longer (--epochs), or set --cut-off."
        )
    if num_flagged == 0 and comparison.epochs > epochs_done / 2:
        return (
            f"No label looks wrong enough to the probe, but it needed {comparison.epochs} of {counted(epochs_done, 'epoch')} to "
            "learn these classes and may have memorised wrong labels meanwhile. Inspect the top of the ranking, or set --cut-off."
        )
    if memorised_fraction is not None and memorised_fraction >= MUCH_MEMORISED and comparison.fraction_above < LEAST_CLEAR:
        return (
            f"The probe memorises labels: after training it predicts {memorised_fraction:.0%} of those that looked wrong in the "
            f"first {counted(comparison.epochs, 'epoch')}, when it had not learned these classes well. Wrong labels may be missed, "
            "and flagged ones may be correct. Inspect the ranking, or set --cut-off."
        )
    return None


NO_TRAINING = (
    "The automatic cut-off needs a training, and the network was scored as it is, so nothing is flagged automatically. Inspect the "
    "ranking, or set --cut-off."
)


def flag_without_training(suspicion: np.ndarray, cut_off: ParsedCutOff) -> tuple[np.ndarray, CutOff]:
    """Decide which samples to flag without a null distribution: with "auto" and "precision", none. See `flag`."""
    count = round(cut_off.value * len(suspicion)) if cut_off.rule == "fraction" else 0
    threshold = _threshold(suspicion, cut_off, count=count)
    flagged = suspicion >= threshold
    note = NO_TRAINING if cut_off.rule in ESTIMATED else None
    return flagged, CutOff(cut_off.rule, float(threshold), int(flagged.sum()), note=note)


def _threshold(suspicion: np.ndarray, cut_off: ParsedCutOff, *, count: int) -> float:
    """Return the suspicion from which samples are flagged: the one that was set, or that of the `count` most suspect."""
    return cut_off.value if cut_off.rule == "suspicion" else _threshold_for(suspicion, count)


def _threshold_for(suspicion: np.ndarray, count: int) -> float:
    """Return the suspicion that `count` samples reach; slightly above 1 if `count` is 0."""
    if count == 0:
        return 1.0 + 1e-9
    return float(np.sort(suspicion)[-count])
