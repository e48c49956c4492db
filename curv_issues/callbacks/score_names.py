"""The scores that a scoring pass of a Watch measures."""

from __future__ import annotations

from collections.abc import Sequence

from curv_issues.errors import UsageError
from curv_issues.plugins import look_up
from curv_issues.trackers import SCORES, canonical_score
from curv_issues.trackers.base import Need
from curv_issues.trackers.quantities import QUANTITIES


def _need(name: str) -> Need:
    return QUANTITIES[SCORES[name].quantity].needs


SCORED = tuple(name for name in SCORES if not _need(name).in_training)
"""The scores that a scoring pass can measure."""


def choose_scores(names: Sequence[str] | None, *, with_gradients: bool) -> list[str]:
    """Return the names of the scores to measure.

    Args:
        names: names of scores; None: those that an audit measures by default, as far as they can be measured.
        with_gradients: whether the inputs have gradients.

    Raises:
        UsageError: a score is unknown, is not measured by a scoring pass, or needs gradients that the inputs do not have.
    """
    most = Need.CONTRAST if with_gradients else Need.EVALUATION
    if names is None:
        return [name for name in SCORED if not SCORES[name].on_demand and _need(name) <= most]
    chosen = [canonical_score(name) for name in ([names] if isinstance(names, str) else names)]
    for name in chosen:
        look_up(dict.fromkeys(SCORED), name, "score of a scoring pass")
        if _need(name) > most:
            raise UsageError(f"The score {name!r} needs input gradients, but the inputs are not one floating point tensor.")
    if not chosen:
        raise UsageError("scores names no score; expected at least one, or None for all.")
    return chosen
