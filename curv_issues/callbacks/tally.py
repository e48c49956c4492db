"""How often the samples of a dataset were observed in an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Tally:
    """Counts of the observations of one epoch.

    Attributes:
        observed: observations with finite logits.
        distinct: samples with such an observation.
        not_finite: observations with NaN or infinite logits, which do not count.
        padding: greatest number of observations that a distributed sampler may have repeated to give each rank equally many.
    """

    observed: int
    distinct: int
    not_finite: int
    padding: int = 0

    @property
    def repeated(self) -> int:
        """Return the number of observations of samples already observed in the epoch; 0 if a distributed sampler explains them."""
        repeated = self.observed - self.distinct
        return repeated if repeated > self.padding else 0


def combine(tallies: Sequence[Tally], distinct: int) -> Tally:
    """Return the tally of an epoch from those of the ranks; `distinct` counts the samples observed on any rank."""
    return Tally(
        observed=sum(tally.observed for tally in tallies),
        distinct=distinct,
        not_finite=sum(tally.not_finite for tally in tallies),
        padding=max(tally.padding for tally in tallies),
    )


def describe(tallies: Sequence[Tally], num_samples: int) -> list[str]:
    """Return one sentence per kind of irregularity in these epochs."""
    n = f"{num_samples:,}"
    kinds = (
        (
            [num_samples - tally.distinct for tally in tallies],
            f"{{}} of {n} samples were not observed, as with drop_last; their value of the epoch before is used",
        ),
        (
            [tally.repeated for tally in tallies],
            "{} observations were of samples already observed in that epoch; the last one counts",
        ),
        (
            [tally.not_finite for tally in tallies],
            "{} observations had NaN or infinite logits and do not count",
        ),
    )
    return [_sentence(counts, text) for counts, text in kinds if any(counts)]


def _sentence(counts: Sequence[int], text: str) -> str:
    if len(counts) == 1:
        return f"{text.format(f'{counts[0]:,}')}."
    where = f"In {sum(count > 0 for count in counts)} of {len(counts)} epochs, "
    return f"{where}{text.format(f'up to {max(counts):,}')}."
