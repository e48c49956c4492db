"""The estimated number of wrong labels."""

from __future__ import annotations

from dataclasses import dataclass

DEVIATIONS = 1.96  # of a normal distribution, for a 95% interval
BASES = ("training", "held-out", "answers")


@dataclass(frozen=True)
class ErrorCount:
    """The estimated number of wrong labels among n samples.

    Attributes:
        num_errors: expected number, >= 0.
        low: lower end of the interval, >= 0; a 95% interval if the basis is "answers".
        high: upper end of the interval, at most n.
        basis: what it was counted from: "training" (class probabilities before labels are memorised), "held-out" (out-of-sample
            class probabilities) or "answers" (of a person).
    """

    num_errors: float
    low: float
    high: float
    basis: str
