"""The methods of a benchmark: the default ranking, the scores of the run, and the baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from curv_issues.baselines import BASELINES
from curv_issues.errors import UsageError
from curv_issues.trackers import CROSS_FIT_SCORES, SCORES_OF_LABELS, canonical_score

DEFAULT = "default"
LARGEST_FOR_MEMORIZATION = 5_000
"""Number of samples above which "all" excludes the baseline that trains about twenty networks."""


@dataclass(frozen=True)
class Methods:
    """The methods of a benchmark.

    Attributes:
        scores: names of `SCORES_OF_LABELS`, in the order of that table.
        baselines: names of `BASELINES`, in the order of that table.
    """

    scores: tuple[str, ...]
    baselines: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names as a user writes them, including the default ranking."""
        return (DEFAULT, *self.scores, *self.baselines)


def parse_methods(text: str | Sequence[str], *, num_samples: int, with_features: bool) -> Methods:
    """Parse "all", or names of scores and baselines, separated by commas or as a list.

    Args:
        text: the user's input.
        num_samples: number of samples; above 5,000, "all" excludes `memorization`.
        with_features: whether the data have features; otherwise "all" excludes the scores that need them.

    Raises:
        UsageError: a name is unknown, or the score needs features.
    """
    names = [canonical_score(name.strip()) for part in ([text] if isinstance(text, str) else text) for name in part.split(",")]
    for name in names:
        if name not in ("all", DEFAULT, *SCORES_OF_LABELS, *BASELINES):
            known = ", ".join(("all", DEFAULT, *SCORES_OF_LABELS, *BASELINES))
            raise UsageError(f"Unknown method {name!r}; choose from: {known}.")
        if name in CROSS_FIT_SCORES and not with_features:
            raise UsageError(f"The score {name!r} is measured on features, but this dataset has images only.")
    everything = "all" in names
    unmeasured = () if with_features else tuple(CROSS_FIT_SCORES)
    costly = {"memorization"} if num_samples > LARGEST_FOR_MEMORIZATION else set()
    return Methods(
        scores=tuple(name for name in SCORES_OF_LABELS if name in names or (everything and name not in unmeasured)),
        baselines=tuple(name for name in BASELINES if name in names or (everything and name not in costly)),
    )
