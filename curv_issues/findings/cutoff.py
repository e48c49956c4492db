"""How many of the most suspect samples to flag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from curv_issues.config import parse_cut_off

# Both were chosen on CIFAR-100 and digits with seeds that no reported figure uses, see benchmarks/README.md.
CLEAR_SHARE = 0.95


@dataclass(frozen=True)
class CutOff:
    """A decision and how it came about.

    Attributes:
        rule: "auto", "suspicion" or "share".
        threshold: samples of at least this suspicion are flagged; above 1 if none is.
        num_flagged: number of flagged samples.
        epochs: with "auto", number of epochs whose margins were counted, else None.
        margin_threshold: with "auto", the mean margin below which a label counts as wrong, else None.
    """

    rule: str
    threshold: float
    num_flagged: int
    epochs: int | None = None
    margin_threshold: float | None = None


def flag(
    suspicion: np.ndarray, margins: np.ndarray, reference: Mapping[str, Sequence[float]], *, cut_off: str | float = "auto"
) -> tuple[np.ndarray, CutOff]:
    """Decide which samples to flag.

    "auto" counts the samples whose margin is as low as that of a wrong label, that is, below the 90th percentile of the
    margins that all samples have under a random other label (`ReferenceMargin`), and flags so many of the most suspect.
    The yardstick stays where it is when the labels get better or worse, so the flags follow the number of errors.
    See `learned_epochs` for the epochs that count.

    Args:
        suspicion: (n,) in [0, 1].
        margins: (n, e), margin of the given label in the training pass by epoch.
        reference: "p90" and "p99", percentiles of the running mean of the reference margins, e values each.
        cut_off: "auto", a suspicion, or a share such as "5%".

    Returns:
        bool (n,), and the decision. Ties at the threshold are flagged together.
    """
    rule, value = parse_cut_off(cut_off)
    epochs = margin_threshold = None
    if rule == "suspicion":
        threshold = value
    elif rule == "share":
        threshold = _threshold_for(suspicion, round(value * len(suspicion)))
    else:
        epochs = learned_epochs(margins, reference)
        margin_threshold = float(reference["p90"][epochs - 1])
        low = margins[:, :epochs].mean(axis=1, dtype=np.float64) < margin_threshold
        threshold = _threshold_for(suspicion, int(low.sum()))
    flagged = suspicion >= threshold
    return flagged, CutOff(rule, float(threshold), int(flagged.sum()), epochs, margin_threshold)


def learned_epochs(margins: np.ndarray, reference: Mapping[str, Sequence[float]]) -> int:
    """Number of epochs until the labels were learned; what follows could only memorise the wrong ones.

    That is the first epoch after which 95% of the labels above the 90th percentile of the reference are above its 99th
    too (mean margins up to that epoch): hardly any label lies between right and wrong. All epochs if there is none.
    """
    running = np.zeros(len(margins))
    for epoch in range(margins.shape[1]):
        running += margins[:, epoch]
        mean = running / (epoch + 1)
        kept, clear = (mean >= reference["p90"][epoch]).sum(), (mean > reference["p99"][epoch]).sum()
        if kept and clear >= CLEAR_SHARE * kept:
            return epoch + 1
    return margins.shape[1]


def _threshold_for(suspicion: np.ndarray, count: int) -> float:
    """The suspicion that `count` samples reach, or a little more than 1 if none shall."""
    if count == 0:
        return 1.0 + 1e-9
    return float(np.sort(suspicion)[-count])
