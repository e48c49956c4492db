from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curv_issues.findings.cutoff import CutOff, flag, is_undertrained, reliability_note
from curv_issues.findings.null_margin import NullComparison
from curv_issues.options import ParsedCutOff, parse_cut_off

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


P_WRONG = np.array([0.3, 0.95, 0.6, 0.75, 0.0])


def test_auto_flags_as_many_as_are_more_probably_wrong_than_right() -> None:
    flagged, decision = flag(SUSPICION, comparison(1), p_wrong=P_WRONG)
    assert flagged.tolist() == [False, True, True, True, False]
    assert decision == CutOff("auto", 0.5, 3, expected_precision=pytest.approx((0.95 + 0.6 + 0.75) / 3))
    assert not flag(SUSPICION, comparison(3), p_wrong=P_WRONG)[0].any()  # the classes are not learned
    assert not flag(SUSPICION, comparison(1), undertrained=True, p_wrong=P_WRONG)[0].any()


def test_auto_flags_no_labels_that_are_probably_right_because_others_are_wrong() -> None:
    p_wrong = np.array([0.9, 0.001, 0.001, 0.3, 0.9])  # the two least suspect labels are wrong
    flagged, decision = flag(SUSPICION, comparison(1), p_wrong=p_wrong)
    assert not flagged.any()
    assert decision.expected_precision is None
    assert decision.note is not None
    assert decision.note.startswith("2 labels are more probably wrong than right (p_wrong), but")
    ranked_by_it, decision = flag(p_wrong, comparison(1), p_wrong=p_wrong)
    assert ranked_by_it.tolist() == [True, False, False, False, True]
    assert decision.note is None
    assert flag(SUSPICION, comparison(3), p_wrong=p_wrong)[1].note is None  # not learned: another note says so


def test_auto_flags_the_first_of_the_ranking_that_are_wrong_in_half_of_the_cases() -> None:
    p_wrong = np.array([0.9, 0.99, 0.0, 0.02, 0.9])
    flagged, decision = flag(SUSPICION, comparison(1), p_wrong=p_wrong)
    assert flagged.tolist() == [False, True, False, True, False]  # three are probable; with the third, .34 would be wrong
    assert decision.expected_precision == pytest.approx(0.505)
    assert decision.note is None


def test_equal_suspicions_are_flagged_only_if_all_of_them_together_are_probably_wrong() -> None:
    suspicion, p_wrong = np.array([0.9, 0.5, 0.5, 0.5, 0.5]), np.array([0.9, 0.8, 0.1, 0.1, 0.1])
    flagged, decision = flag(suspicion, comparison(1), p_wrong=p_wrong)
    assert flagged.tolist() == [True, False, False, False, False]
    assert decision.expected_precision == 0.9
    assert flag(suspicion, comparison(1), p_wrong=np.array([0.9, 0.8, 0.4, 0.4, 0.4]))[0].all()
    asked = ParsedCutOff("precision", 0.6)
    assert flag(suspicion, comparison(1), cut_off=asked, p_wrong=p_wrong)[0].sum() == 1


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 10)), min_size=1, max_size=12),
    st.sampled_from(["auto", "precision"]),
    st.sampled_from([0.3, 0.5, 0.9]),
)
def test_flags_are_as_precise_as_expected(samples: list[tuple[int, int]], rule: str, value: float) -> None:
    suspicion, p_wrong = np.array([(first / 5, wrong / 10) for first, wrong in samples]).T
    cut_off = ParsedCutOff("auto", 0.0) if rule == "auto" else ParsedCutOff("precision", value)
    flagged, decision = flag(suspicion, comparison(0, len(suspicion)), cut_off=cut_off, p_wrong=p_wrong)
    least = 0.5 if rule == "auto" else value
    probable = int((p_wrong >= 0.5).sum())
    assert not flagged.any() or (decision.expected_precision or 0) >= least - 1e-9
    for threshold in set(suspicion):  # no lower threshold would do
        chosen = suspicion >= threshold
        too_many = rule == "auto" and (suspicion > threshold).sum() >= probable
        if chosen.sum() > flagged.sum() and not too_many:
            assert p_wrong[chosen].mean() < least + 1e-9


@pytest.mark.parametrize(("precision", "count"), [(0.96, 0), (0.95, 1), (0.85, 2), (0.77, 2), (0.76, 3), (0.57, 4), (0.51, 5)])
def test_precision_flags_as_many_as_are_expected_to_be_wrong(precision: float, count: int) -> None:
    flagged, decision = flag(SUSPICION, comparison(1), cut_off=ParsedCutOff("precision", precision), p_wrong=P_WRONG)
    assert flagged.sum() == decision.num_flagged == count
    assert decision.rule == "precision"


def test_precision_flags_nothing_without_probabilities() -> None:
    flagged, decision = flag(SUSPICION, comparison(2), cut_off=ParsedCutOff("precision", 0.5))
    assert not flagged.any()
    assert decision.expected_precision is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0.01, 1))
def test_expected_precision_is_at_least_that_asked_for(probabilities: list[float], precision: float) -> None:
    p_wrong = np.array(probabilities)  # in any order of suspicion
    suspicion = (np.arange(len(p_wrong)) + 0.5) / len(p_wrong)
    flagged, decision = flag(suspicion, comparison(0, len(p_wrong)), cut_off=ParsedCutOff("precision", precision), p_wrong=p_wrong)
    if flagged.any():
        assert decision.expected_precision >= precision - 1e-9
    for more in range(flagged.sum() + 1, len(p_wrong) + 1):
        assert p_wrong[len(p_wrong) - more :].mean() < precision + 1e-9


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
    num = int(comparison.below_null.sum())
    found = reliability_note(comparison, num_flagged=num, memorised_fraction=memorised, epochs_done=epochs, standard_epochs=8.4)
    return found or ""


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
    for epochs in (5, 7):
        text = f"No label looks wrong enough to the probe, but it needed 4 of {epochs} epochs to learn"
        assert note_for(comparison(0), epochs=epochs).startswith(text)
    assert note_for(comparison(0), epochs=8) == ""  # half of the epochs is fast enough
    # only the epochs until the classes were learned count, so later memorisation does not matter
    assert note_for(comparison(2, clear=0.95), memorised=0.9) == ""


def answered(**answers: float) -> np.ndarray:
    found = np.full(1_000, np.nan)
    for name, value in answers.items():
        start, end = map(int, name.removeprefix("at_").split("_"))
        found[start:end] = value
    return found


RANKED = 1 - (np.arange(1_000) + 0.5) / 1_000


@pytest.mark.parametrize("rule", ["auto", "precision"])
def test_answers_do_not_count_for_the_flags_of_other_labels(rule: str) -> None:
    p_wrong = np.where(np.arange(1_000) < 100, 0.95, 0.01)
    cut_off = ParsedCutOff(rule, 0.9)  # type: ignore[arg-type]
    answers = answered(at_0_10=1.0, at_10_20=0.0)
    known = np.where(np.isnan(answers), p_wrong, answers)
    flagged, decision = flag(RANKED, comparison(0, 1_000), cut_off=cut_off, p_wrong=known, answers=answers)
    least = 90 if rule == "auto" else 94  # 80 and some of the others, until the mean is 0.9
    assert least <= flagged.sum() <= 95
    assert not flagged[10:20].any()
    assert flagged[:10].all()
    assert decision.num_flagged == flagged.sum()
    answers = answered(at_980_1000=1.0)
    flagged, _ = flag(RANKED, comparison(0, 1_000), p_wrong=np.where(np.isnan(answers), p_wrong, answers), answers=answers)
    assert np.flatnonzero(flagged).tolist() == [*range(100), *range(980, 1_000)]


def test_all_labels_may_be_answered() -> None:
    answers = (np.arange(1_000) % 3 == 0).astype(float)
    for cut_off in (parse_cut_off("auto"), parse_cut_off("5%"), parse_cut_off(0.9), ParsedCutOff("precision", 0.5)):
        flagged, _ = flag(RANKED, comparison(0, 1_000), cut_off=cut_off, p_wrong=answers, answers=answers)
        assert flagged.tolist() == (answers == 1).tolist()


def test_found_labels_count_for_a_fraction() -> None:
    answers = answered(at_0_10=0.0, at_900_930=1.0)
    flagged, decision = flag(RANKED, comparison(0, 1_000), cut_off=parse_cut_off("5%"), answers=answers)
    assert np.flatnonzero(flagged).tolist() == [*range(10, 30), *range(900, 930)]
    assert decision.num_flagged == 50
    everything, _ = flag(RANKED, comparison(0, 1_000), cut_off=parse_cut_off("100%"), answers=answers)
    assert np.flatnonzero(~everything).tolist() == list(range(10))  # found right
    assert np.flatnonzero(flag(RANKED, comparison(0, 1_000), cut_off=parse_cut_off("1%"), answers=answers)[0]).tolist() == [
        *range(900, 930)
    ]


def test_labels_that_are_not_predicted_are_not_flagged() -> None:
    assert not flag(SUSPICION, comparison(1), predicted=False, p_wrong=P_WRONG)[0].any()
    assert flag(SUSPICION, comparison(1), predicted=False, cut_off=parse_cut_off("40%"))[0].sum() == 2


def test_a_precision_that_is_not_reached_has_a_note() -> None:
    flagged, decision = flag(SUSPICION, comparison(1), cut_off=ParsedCutOff("precision", 0.99), p_wrong=P_WRONG)
    assert not flagged.any()
    assert decision.note is not None
    assert "with a precision of 0.99" in decision.note
    assert flag(SUSPICION, comparison(1), cut_off=ParsedCutOff("precision", 0.9), p_wrong=P_WRONG)[1].note is None
    found = np.array([np.nan, np.nan, np.nan, np.nan, 1.0])
    by_a_person, decision = flag(
        SUSPICION, comparison(1), cut_off=ParsedCutOff("precision", 0.99), p_wrong=np.where(found == 1, 1, P_WRONG), answers=found
    )
    assert by_a_person.tolist() == [False] * 4 + [True]
    assert decision.note is None
