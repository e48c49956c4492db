"""What is changed: a person's decisions, and the rules for samples without one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from curv_issues.applying.plan import Plan, Rules, check_classes, make_plan
from curv_issues.applying.rules import suggestion_probability
from curv_issues.data.arrays import from_arrays
from curv_issues.errors import UsageError
from curv_issues.results.arrow import text_column
from curv_issues.results.result import AuditResult
from curv_issues.review.decisions import Decision
from tests.applying.audited import decide, result_of

N = 12


def data() -> Any:
    pixels = np.random.default_rng(0).integers(0, 255, (N, 8, 8, 3), dtype=np.uint8)
    return from_arrays(pixels, np.arange(N) % 3)


def conflicts(*members: tuple[int, int, bool, tuple[float, ...]]) -> pd.DataFrame:
    """The table of conflicting duplicates from (group, row, suspect, evidence) of each member."""
    rows = [row for _, row, _, _ in members]
    return pd.DataFrame(
        {
            "group": [group for group, *_ in members],
            "row": rows,
            "split": text_column([None] * len(members)),
            "path": text_column([None] * len(members)),
            "given": text_column([str(row % 3) for row in rows]),
            "suspect": [suspect for _, _, suspect, _ in members],
            "suggested": text_column(["0"] * len(members)),
            "similarity": 1.0,
            "test": text_column(["near"] * len(members)),
            "majority": [evidence[0] for *_, evidence in members],
            "probability": [evidence[1] for *_, evidence in members],
            "neighbours": [evidence[2] for *_, evidence in members],
        }
    )


def same_label(*members: tuple[int, int]) -> pd.DataFrame:
    table = conflicts(*((group, row, False, (1.0, 1.0, 1.0)) for group, row in members))
    return table[["group", "row", "split", "path", "given", "similarity", "test"]]


def planned(plan: Plan) -> dict[int, tuple[str | None, str]]:
    return {int(change.row or 0): (change.label, change.reason) for change in plan.changes}


LEVEL = (0.5, 0.5, 0.5)


def result(*members: tuple[int, int, bool, tuple[float, ...]], duplicates: pd.DataFrame | None = None) -> AuditResult:
    tables = {} if duplicates is None else {"duplicates": duplicates}
    return result_of(data(), conflicts=conflicts(*members), **tables) if members else result_of(data(), **tables)


def test_decisions_only_by_default() -> None:
    found = result((0, 0, True, LEVEL), (0, 1, False, LEVEL))
    decisions = [decide(found, 5, "relabel", "1"), decide(found, 7, "remove"), decide(found, 8, "keep"), decide(found, 9, "unsure")]
    plan = make_plan(found, decisions, Rules())
    assert planned(plan) == {5: ("1", "decision"), 7: (None, "decision")}
    assert [change.action for change in plan.changes] == ["relabel", "remove"]
    assert set(plan.decided) == {5, 7, 8, 9}
    assert not Rules().are_given


def test_applied_decisions_are_not_compared_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    monkeypatch.setattr(Decision, "__eq__", lambda one, other: compared.append(one) or vars(one) == vars(other))
    made = [[Decision(str(number), "0", "remove") for number in range(100)] for _ in range(2)]
    assert len(make_plan(result(), made[0], Rules(), removed=made[1]).not_applied) == 100
    assert len(compared) < 500


def test_decisions_that_do_not_fit_are_reported() -> None:
    found = result()
    gone, changed = decide(found, 0, "remove", image_sha256="x"), decide(found, 1, "relabel", "0", given="2")
    applied, logged = decide(found, 2, "relabel", "2", given="0"), decide(found, 3, "remove")
    plan = make_plan(found, [gone, changed, applied, logged], Rules(), removed=[logged])
    assert plan.changes == []
    assert [(change.row, change.reason) for change in plan.not_applied] == [
        (3, "already applied"),
        (0, "no sample has this content any more"),
        (1, "its label is '1' now"),
        (2, "already applied: its label is '2' now"),
    ]
    assert str(plan.not_applied[1]) == "row 0, remove, labelled '0': no sample has this content any more"
    assert str(plan.not_applied[2]) == "row 1, '2' to '0': its label is '1' now"


def test_of_conflicting_duplicates_one_that_is_not_suspect_is_kept() -> None:
    found = result((0, 0, True, (0.9, 0.9, 0.9)), (0, 1, False, (0.1, 0.1, 0.1)), (1, 4, False, LEVEL), (1, 3, True, LEVEL))
    plan = make_plan(found, [], Rules(drop_conflicts="keep-one"))
    assert planned(plan) == {0: (None, "conflicting duplicate of row 1"), 3: (None, "conflicting duplicate of row 4")}


def test_ties_are_broken_by_the_evidence_then_by_the_row() -> None:
    found = result((0, 5, False, (0.5, np.nan, 0.5)), (0, 1, False, (0.6, np.nan, 0.5)), (0, 2, True, (0.9, 1.0, 1.0)))
    assert set(planned(make_plan(found, [], Rules(drop_conflicts="keep-one")))) == {5, 2}
    found = result((0, 7, True, LEVEL), (0, 6, True, LEVEL))
    assert planned(make_plan(found, [], Rules(drop_conflicts="keep-one"))) == {7: (None, "conflicting duplicate of row 6")}


def test_a_decision_wins_over_the_conflict() -> None:
    members = ((0, 0, True, LEVEL), (0, 1, False, LEVEL), (0, 2, True, LEVEL))
    rules = Rules(drop_conflicts="keep-one")
    found = result(*members)
    kept = make_plan(found, [decide(found, 0, "keep")], rules)
    assert planned(kept) == dict.fromkeys((1, 2), (None, "conflicting duplicate of row 0"))
    both = make_plan(found, [decide(found, 0, "keep"), decide(found, 2, "keep")], rules)
    assert set(planned(both)) == {1}
    unsure = make_plan(found, [decide(found, 0, "unsure")], rules)
    assert set(planned(unsure)) == {2}
    removed = make_plan(found, [decide(found, 1, "remove")], rules)
    assert planned(removed) == {1: (None, "decision"), 2: (None, "conflicting duplicate of row 0")}
    relabelled = make_plan(found, [decide(found, 2, "relabel", "1")], rules)
    assert planned(relabelled) == {2: ("1", "decision"), **dict.fromkeys((0, 1), (None, "conflicting duplicate of row 2"))}


def test_a_conflict_that_decisions_resolve_is_left_alone() -> None:
    found = result((0, 0, True, LEVEL), (0, 1, False, LEVEL))
    plan = make_plan(found, [decide(found, 0, "relabel", "1")], Rules(drop_conflicts="keep-one"))
    assert planned(plan) == {0: ("1", "decision")}
    plan = make_plan(found, [decide(found, 0, "remove")], Rules(drop_conflicts="keep-one"))
    assert planned(plan) == {0: (None, "decision")}


def test_of_duplicates_with_one_label_the_first_is_kept() -> None:
    found = result(duplicates=same_label((0, 0), (0, 3), (0, 6), (1, 1), (1, 4)))
    rules = Rules(drop_duplicates="keep-one")
    expected = {**dict.fromkeys((3, 6), (None, "duplicate of row 0")), 4: (None, "duplicate of row 1")}
    assert planned(make_plan(found, [], rules)) == expected
    assert planned(make_plan(found, [decide(found, 6, "keep")], rules)) == {
        **dict.fromkeys((0, 3), (None, "duplicate of row 6")),
        4: (None, "duplicate of row 1"),
    }
    differing = make_plan(found, [decide(found, 3, "relabel", "2")], rules)  # the group has two labels now
    assert planned(differing) == {3: ("2", "decision"), 4: (None, "duplicate of row 1")}


def test_probability_of_the_suggestion() -> None:
    found = result_of(data())
    np.testing.assert_allclose(suggestion_probability(found), np.arange(N) / N * 0.6 / 0.8)
    scores = found.scores.assign(given_probability=1.0, suggested_probability=0.5)
    certain = AuditResult(**{**vars(found), "scores": scores, "findings": found.findings})
    np.testing.assert_allclose(suggestion_probability(certain), np.arange(N) / N)


def test_suggestions_of_label_issues_are_taken_from_a_probability() -> None:
    found = result_of(data())  # rows 6 to 11 are flagged, with probabilities row / 12 * 0.75
    plan = make_plan(found, [], Rules(auto=0.49))
    assert planned(plan) == {
        row: (str((row + 1) % 3), f"suggested with probability {row / N * 0.75:.4f}") for row in (8, 9, 10, 11)
    }
    assert planned(make_plan(found, [], Rules(auto=1e-6))).keys() == set(range(6, 12))  # only what is flagged
    assert make_plan(found, [], Rules(auto=1.0)).changes == []


def test_suggestions_never_touch_what_a_person_has_decided_or_a_duplicate_kept() -> None:
    found = result((0, 8, False, LEVEL), (0, 9, True, LEVEL))
    decisions = [decide(found, 10, "keep"), decide(found, 11, "unsure")]
    plan = make_plan(found, decisions, Rules(auto=0.49, drop_conflicts="keep-one"))
    assert planned(plan) == {9: (None, "conflicting duplicate of row 8")}
    assert set(planned(make_plan(found, decisions, Rules(auto=0.49)))) == {8, 9}


def test_the_given_class_is_never_taken() -> None:
    found = result_of(data())
    same = AuditResult(**{**vars(found), "scores": found.scores.assign(suggested=found.scores["given"])})
    assert make_plan(same, [], Rules(auto=0.01)).changes == []


def test_results_without_probabilities_are_refused() -> None:
    found = result_of(data())
    metadata = {name: entry for name, entry in found.score_metadata.items() if name != "given_probability"}
    without = AuditResult(**{**vars(found), "scores": found.scores.drop(columns="given_probability"), "score_metadata": metadata})
    with pytest.raises(UsageError, match=r"--auto .* this result has no given_probability"):
        make_plan(without, [], Rules(auto=0.9))


@pytest.mark.parametrize("auto", [0, -0.1, 1.01, float("nan"), True, "0.9"])
def test_wrong_probabilities_are_refused(auto: Any) -> None:
    with pytest.raises(UsageError, match=r"--auto .* must be a probability above 0 and up to 1"):
        Rules(auto=auto)


@pytest.mark.parametrize("name", ["drop_conflicts", "drop_duplicates"])
def test_wrong_rules_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} .* must be keep-one, got 'all'"):
        Rules(**{name: "all"})


def test_new_classes_must_be_allowed_and_named() -> None:
    found = result_of(data())
    plan = make_plan(found, [decide(found, 0, "relabel", "9"), decide(found, 1, "relabel", "8")], Rules())
    check_classes(plan.changes, found.class_names, new_classes=True)
    with pytest.raises(UsageError, match=r"row 0 to '9', which is not a class of the dataset; .* --new-classes"):
        check_classes(plan.changes, found.class_names, new_classes=False)
    unnamed = make_plan(found, [decide(found, 0, "relabel", " ")], Rules())
    with pytest.raises(UsageError, match=r"row 0 to a class without a name"):
        check_classes(unnamed.changes, found.class_names, new_classes=True)


@pytest.mark.parametrize("name", ["drop_conflicts", "drop_duplicates"])
def test_an_audit_without_a_search_for_duplicates_is_refused(name: str) -> None:
    found = result_of(data()).with_extras(duplicates=None)
    with pytest.raises(UsageError, match=r"this audit did not search for them; run it again without --no-duplicates"):
        make_plan(found, [], Rules(**{name: "keep-one"}))
