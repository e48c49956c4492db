"""What a benchmark compares: the default ranking, every score of the one run, and every baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from curv_issues.baselines import BASELINES
from curv_issues.errors import UsageError
from curv_issues.trackers import SCORES, canonical_score

DEFAULT = "default"
LARGEST_FOR_MEMORIZATION = 5_000
"""Samples above which "all" leaves out the baseline that trains some twenty networks."""


@dataclass(frozen=True)
class Methods:
    """The methods of a benchmark.

    Attributes:
        scores: names of `SCORES`, in the order of that table.
        baselines: names of `BASELINES`, in the order of that table.
    """

    scores: tuple[str, ...]
    baselines: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """As a user writes them; the default ranking is always compared."""
        return (DEFAULT, *self.scores, *self.baselines)


def parse_methods(text: str | Sequence[str], *, num_samples: int) -> Methods:
    """Read "all", or names of scores and baselines, separated by commas or one by one.

    Args:
        text: as a user writes it.
        num_samples: of the dataset; "all" leaves out `memorization` above 5,000.

    Raises:
        UsageError: a name is none of them.
    """
    names = [canonical_score(name.strip()) for part in ([text] if isinstance(text, str) else text) for name in part.split(",")]
    for name in names:
        if name not in ("all", DEFAULT, *SCORES, *BASELINES):
            known = ", ".join(("all", DEFAULT, *SCORES, *BASELINES))
            raise UsageError(f"Unknown method {name!r}; choose from: {known}.")
    everything = "all" in names
    costly = {"memorization"} if num_samples > LARGEST_FOR_MEMORIZATION else set()
    return Methods(
        scores=tuple(name for name in SCORES if everything or name in names),
        baselines=tuple(name for name in BASELINES if name in names or (everything and name not in costly)),
    )
