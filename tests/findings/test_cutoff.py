from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curv_issues.findings.cutoff import CutOff, flag, is_undertrained, reliability_note
from curv_issues.findings.null_margin import NullComparison
from curv_issues.options import parse_cut_off

SUSPICION = np.array([0.1, 0.9, 0.5, 0.7, 0.3])


def comparison(count: int, n: int = 5, *, clear: float = 0.9) -> NullComparison:
    """Return a comparison in which the first `count` of n labels look wrong."""
    mask = np.zeros(n, dtype=bool)
    mask[:count] = True
    return NullComparison(mask, epochs=4, unmemorised_epochs=4, margin_threshold=-1.5, fraction_above=clear)


def test_auto_flags_the_most_suspect_as_many_as_look_wrong() -> None:
    flagged, decision = flag(SUSPICION, comparison(2))
    assert flagged.tolist() == [False, True, False, True, False]
    assert decision == CutOff("auto", 0.7, 2, epochs=4, margin_threshold=-1.5)


def test_auto_flags_nothing_if_no_label_looks_wrong() -> None:
    flagged, decision = flag(SUSPICION, comparison(0))
    assert not flagged.any()
    assert decision.num_flagged == 0
    assert decision.threshold > 1


def test_auto_flags_nothing_if_the_classes_are_not_learned() -> None:
    flagged, _ = flag(SUSPICION, comparison(3))
    assert not flagged.any()
    assert flag(SUSPICION, comparison(3), cut_off=parse_cut_off("40%"))[0].sum() == 2


@pytest.mark.parametrize(
    ("cut_off", "expected"),
    [
        (0.5, [False, True, True, True, False]),
        ("0.7", [False, True, False, True, False]),
        (1, [False] * 5),
        (0, [True] * 5),
        ("40%", [False, True, False, True, False]),
        ("0%", [False] * 5),
        ("100%", [True] * 5),
    ],
)
def test_fixed_cut_offs(cut_off: str | float, expected: list[bool]) -> None:
    flagged, decision = flag(SUSPICION, comparison(4), cut_off=parse_cut_off(cut_off))
    assert flagged.tolist() == expected
    assert decision.rule == ("fraction" if str(cut_off).endswith("%") else "suspicion")
    assert decision.num_flagged == sum(expected)
    assert decision.epochs is decision.margin_threshold is None


def test_ties_at_the_threshold_are_flagged_together() -> None:
    flagged, decision = flag(np.array([0.2, 0.8, 0.8, 0.8, 0.1]), comparison(2))
    assert flagged.tolist() == [False, True, True, True, False]
    assert decision.num_flagged == 3


@given(st.integers(0, 20), st.integers(0, 2**31))
def test_auto_flags_exactly_as_many_as_look_wrong(count: int, seed: int) -> None:
    suspicion = np.random.default_rng(seed).permutation(40) / 40
    flagged, _ = flag(suspicion, comparison(count, 40))
    assert flagged.sum() == count
    assert not count or suspicion[flagged].min() > suspicion[~flagged].max(initial=-1)


def test_auto_flags_nothing_after_half_the_usual_epochs_or_fewer() -> None:
    assert [is_undertrained(epochs, 8.4) for epochs in (1, 4, 5, 8)] == [True, True, False, False]
    assert is_undertrained(4, 8.0)
    suspicion = np.array([0.2, 0.8, 0.9, 0.7, 0.1])
    assert not flag(suspicion, comparison(2), undertrained=True)[0].any()
    assert (
        flag(suspicion, comparison(2), cut_off=parse_cut_off("40%"), undertrained=True)[0].sum() == 2
    )  # an explicit fraction is flagged


def note_for(comparison: NullComparison, *, memorised: float | None = 0.1, epochs: int = 6) -> str:
    return reliability_note(comparison, memorised_fraction=memorised, epochs_done=epochs, standard_epochs=8.4) or ""


def test_reliability_note() -> None:
    assert note_for(comparison(3)).startswith("More than half of the labels look wrong to the probe")
    assert (
        note_for(comparison(2))
        == note_for(comparison(2), memorised=None)
        == note_for(comparison(2), epochs=5)
        == note_for(comparison(2), memorised=0.39)
        == ""
    )
    assert note_for(comparison(2), epochs=4).startswith("The probe is under-trained (4 of the usual 8 epochs)")
    assert note_for(comparison(2), memorised=0.4).startswith(
        "The probe memorises labels: after training it predicts 40% of those that looked wrong in the first 4 epochs"
    )
    assert note_for(comparison(0), epochs=5).startswith("No label looks wrong to the probe, but it needed 4 of 5 epochs to learn")
    assert note_for(comparison(0), epochs=7).startswith("No label looks wrong to the probe, but it needed 4 of 7 epochs to learn")
    assert note_for(comparison(0), epochs=8) == ""  # half of the epochs is fast enough
    # only the epochs until the classes were learned count, so later memorisation does not matter
    assert note_for(comparison(2, clear=0.95), memorised=0.9) == ""
