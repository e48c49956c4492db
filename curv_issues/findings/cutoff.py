"""How many of the most suspect samples to flag."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from curv_issues.counting import counted
from curv_issues.findings.null_margin import NullComparison
from curv_issues.options import AUTO, ParsedCutOff


@dataclass(frozen=True)
class CutOff:
    """A decision and how it came about.

    Attributes:
        rule: "auto", "suspicion" or "fraction".
        threshold: samples of at least this suspicion are flagged; above 1 if none is.
        num_flagged: number of flagged samples.
        epochs: with "auto", number of epochs whose margins were counted, else None.
        margin_threshold: with "auto", the mean margin below which a label counts as wrong, else None.
        note: with "auto", why the flags may be too many or too few, or None; see reliability_note.
    """

    rule: str
    threshold: float
    num_flagged: int
    epochs: int | None = None
    margin_threshold: float | None = None
    note: str | None = None


MOST_LOOKED_WRONG = 0.5


def is_undertrained(epochs_done: int, standard_epochs: float) -> bool:
    """Return whether a run had at most half the usual epochs: labels that are not learned yet look wrong then."""
    return epochs_done <= LEAST_TRAINING * standard_epochs


def flag(
    suspicion: np.ndarray, looked_wrong: NullComparison, *, cut_off: ParsedCutOff = AUTO, undertrained: bool = False
) -> tuple[np.ndarray, CutOff]:
    """Decide which samples to flag.

    "auto" flags as many of the most suspect samples as looked wrong in training. That yardstick stays where it is when the
    labels get better or worse, so the flags follow the number of errors. Nothing is flagged if more than half
    looked wrong, or after too short a training.

    Args:
        suspicion: (n,) in [0, 1].
        looked_wrong: the labels that looked wrong in training.
        cut_off: see `FindingOptions.parsed_cut_off`.
        undertrained: see `is_undertrained`.

    Returns:
        bool (n,), and the decision. Ties at the threshold are flagged together.
    """
    rule, value = cut_off
    learned = bool(looked_wrong.mask.mean() <= MOST_LOOKED_WRONG) and not undertrained
    if rule == "suspicion":
        threshold = value
    else:
        count = int(looked_wrong.mask.sum()) * learned if rule == "auto" else round(value * len(suspicion))
        threshold = _threshold_for(suspicion, count)
    flagged = suspicion >= threshold
    decision = CutOff(rule, float(threshold), int(flagged.sum()))
    if rule == "auto":
        decision = replace(
            decision,
            epochs=looked_wrong.epochs,
            margin_threshold=looked_wrong.margin_threshold,
        )
    return flagged, decision


LEAST_TRAINING = 0.5  # of the standard epochs
MUCH_MEMORISED = 0.4  # with this and the next one the datasets stood out whose flags were the least exact in the benchmarks
LEAST_CLEAR = 0.95


def reliability_note(
    looked_wrong: NullComparison, *, memorised_fraction: float | None, epochs_done: int, standard_epochs: float
) -> str | None:
    """Why the automatic decision may flag too many or too few, in one or two sentences for the reader; None if nothing tells so.

    Args:
        looked_wrong: the labels that looked wrong in training.
        memorised_fraction: of these, the share that the probe predicts in the end, if it is known.
        epochs_done: epochs that were trained.
        standard_epochs: epochs that this size of dataset is given by default.
    """
    if looked_wrong.mask.mean() > MOST_LOOKED_WRONG:
        return (
            "More than half of the labels look wrong to the probe, so it has not learned these classes and nothing is "
            "flagged automatically; train longer (--epochs), or set --cut-off."
        )
    if is_undertrained(epochs_done, standard_epochs):
        return (
            f"Trained for {epochs_done} of the {standard_epochs:.0f} epochs usual at this size: labels that are not learned yet "
            "look wrong too, so nothing is flagged automatically. Look at the ranking, train longer (--epochs), or set --cut-off."
        )
    if not looked_wrong.mask.any() and looked_wrong.epochs > epochs_done / 2:
        return (
            f"No label looks wrong to the probe, but it needed {looked_wrong.epochs} of the {counted(epochs_done, 'epoch')} to "
            "learn these classes and may have memorised wrong labels meanwhile; look at the top of the ranking, or set --cut-off."
        )
    if memorised_fraction is not None and memorised_fraction >= MUCH_MEMORISED and looked_wrong.fraction_above < LEAST_CLEAR:
        return (
            f"The probe memorises labels here: in the end it predicts {memorised_fraction:.0%} of those that looked wrong in the "
            f"first {counted(looked_wrong.epochs, 'epoch')}, when it had not learned these classes well. Many flagged labels may "
            "be right, and wrong ones may be missing; look at the ranking, or set --cut-off."
        )
    return None


def _threshold_for(suspicion: np.ndarray, count: int) -> float:
    """The suspicion that `count` samples reach, or a little more than 1 if none shall."""
    if count == 0:
        return 1.0 + 1e-9
    return float(np.sort(suspicion)[-count])
